//! Channels of an image file.

use crate::{Error, Result};

/// The values of an image, row by row, the channels of a pixel side by side.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// 8 bits.
    U8(Vec<u8>),
    /// 16 bits.
    U16(Vec<u16>),
    /// Floating point.
    F32(Vec<f32>),
}

impl From<Vec<u8>> for Pixels {
    fn from(values: Vec<u8>) -> Self {
        Pixels::U8(values)
    }
}

impl From<Vec<u16>> for Pixels {
    fn from(values: Vec<u16>) -> Self {
        Pixels::U16(values)
    }
}

impl From<Vec<f32>> for Pixels {
    fn from(values: Vec<f32>) -> Self {
        Pixels::F32(values)
    }
}

/// An image as read.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Channels per pixel: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
    pub channels: usize,
    /// `rows * columns * channels` values.
    pub pixels: Pixels,
}

/// The names of the channels, by their number.
const NAMES: [&[&str]; 4] =
    [&["gray"], &["gray", "alpha"], &["red", "green", "blue"], &["red", "green", "blue", "alpha"]];

/// What of an image is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel<'a> {
    /// Every channel.
    All,
    /// A single channel: that of this name, or the only one.
    One(Option<&'a str>),
    /// The channel that the file itself gives this name.
    Named(&'a str),
}

impl<'a> Channel<'a> {
    /// A single channel; `exact` where the file itself has to give it that name.
    #[must_use]
    pub fn of(name: Option<&'a str>, exact: bool) -> Self {
        match name {
            Some(name) if exact => Channel::Named(name),
            name => Channel::One(name),
        }
    }
}

impl Image {
    /// The channel that is wanted. A gray image has but one to give, whatever its name
    /// (`x_yellow.png` is gray), unless a name is asked for that the file itself gives; of a colour
    /// image a channel must be named.
    ///
    /// # Errors
    /// No such channel, or a colour image and no name.
    pub fn channel(self, channel: Channel<'_>) -> Result<Image> {
        match self.place(channel)? {
            Some(place) if self.channels > 1 => Ok(self.take(place)),
            _ => Ok(self),
        }
    }

    /// Several single channels.
    ///
    /// # Errors
    /// As [`Image::channel`].
    pub fn split(self, channels: &[Channel<'_>]) -> Result<Vec<Image>> {
        if let [channel] = *channels {
            return Ok(vec![self.channel(channel)?]);
        }
        channels.iter().map(|&channel| Ok(self.take(self.place(channel)?.unwrap_or(0)))).collect()
    }

    /// The number of the channel that is wanted; `None` for all.
    fn place(&self, channel: Channel<'_>) -> Result<Option<usize>> {
        let names = NAMES[self.channels - 1];
        let name = match channel {
            Channel::All => return Ok(None),
            Channel::One(name) => name,
            Channel::Named(name) if names.contains(&name) => Some(name),
            Channel::Named(name) => {
                let names = names.join(", ");
                return Err(Error::Value(format!("has the channels {names}; found no {name:?} among them")));
            }
        };
        match (names, name) {
            (["gray"], _) => Ok(Some(0)),
            (["gray", "alpha"], name) => Ok(Some(usize::from(name == Some("alpha")))),
            (_, None) => {
                let names = names.join(", ");
                Err(Error::Value(format!("has {} channels ({names}); name one", self.channels)))
            }
            (_, Some(name)) => names.iter().position(|&known| known == name).map(Some).ok_or_else(|| {
                Error::Value(format!("has the channels {}; found no {name:?} among them", names.join(", ")))
            }),
        }
    }

    /// One of its channels.
    fn take(&self, place: usize) -> Image {
        let pick = Pick { index: place, step: self.channels };
        let pixels = match &self.pixels {
            Pixels::U8(values) => Pixels::U8(pick.from(values)),
            Pixels::U16(values) => Pixels::U16(pick.from(values)),
            Pixels::F32(values) => Pixels::F32(pick.from(values)),
        };
        Image { rows: self.rows, columns: self.columns, channels: 1, pixels }
    }
}

/// Every `step`-th value from `index` on.
struct Pick {
    index: usize,
    step: usize,
}

impl Pick {
    fn from<T: Copy>(&self, values: &[T]) -> Vec<T> {
        values.iter().skip(self.index).step_by(self.step).copied().collect()
    }
}
