//! Label images, narrowed while they are read.
//!
//! Segmentations write ids as int32 or int64 where 8 or 16 bits would do. Ids are kept in the
//! narrowest type that holds those seen so far, and widened when one does not fit, so that the
//! wide array never exists.

use super::image::{Image, Pixels};
use crate::{Error, Result};

/// Ids, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Labels {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
}

/// A label image as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// `rows * columns` ids.
    pub labels: Labels,
    /// The largest id that the file's type can hold.
    pub capacity: u64,
}

impl TryFrom<Image> for Mask {
    type Error = Error;

    fn try_from(Image { rows, columns, channels, pixels }: Image) -> Result<Self> {
        if channels != 1 {
            return Err(Error::Value(format!("has {channels} channels; a label image has one")));
        }
        let (labels, capacity) = match pixels {
            Pixels::U8(ids) => (Labels::U8(ids), 0xFF),
            Pixels::U16(ids) => (Labels::U16(ids), 0xFFFF),
            Pixels::F32(_) => return Err(Error::Value("holds float32; a label image holds integers".into())),
        };
        Ok(Mask { rows, columns, labels, capacity })
    }
}

impl Labels {
    /// Room for `n` ids, in the narrowest type.
    pub(super) fn with_room(n: usize) -> Result<Self> {
        Ok(Labels::U8(super::room(n)?))
    }

    /// Appends ids given as bytes of type `S`.
    pub(super) fn extend<S: Sample>(&mut self, bytes: &[u8], n: usize) -> Result<()> {
        let values = S::values(bytes);
        // All ids at once: no bit is set in the union that is not set in one of them.
        let union = values.clone().fold(0, |union, value| union | value.extended());
        if union > i64::MAX as u64 {
            let bad = values.clone().find(|value| value.extended() > i64::MAX as u64).map(Sample::text);
            return Err(Error::Value(format!(
                "found the label {}; labels are 0 (outside) or 1 to 2^63 - 1",
                bad.unwrap_or_default()
            )));
        }
        self.widen(union, n)?;
        match self {
            Labels::U8(ids) => ids.extend(values.map(|value| value.extended() as u8)),
            Labels::U16(ids) => ids.extend(values.map(|value| value.extended() as u16)),
            Labels::U32(ids) => ids.extend(values.map(|value| value.extended() as u32)),
            Labels::U64(ids) => ids.extend(values.map(Sample::extended)),
        }
        Ok(())
    }

    /// Makes the type wide enough for `id`; there will be `n` ids.
    fn widen(&mut self, id: u64, n: usize) -> Result<()> {
        fn wider<A: Copy, B: From<A>>(ids: &[A], n: usize) -> Result<Vec<B>> {
            let mut wide = super::room(n)?;
            wide.extend(ids.iter().map(|&id| B::from(id)));
            Ok(wide)
        }
        loop {
            *self = match self {
                Labels::U8(ids) if id > 0xFF => Labels::U16(wider(ids, n)?),
                Labels::U16(ids) if id > 0xFFFF => Labels::U32(wider(ids, n)?),
                Labels::U32(ids) if id > 0xFFFF_FFFF => Labels::U64(wider(ids, n)?),
                _ => return Ok(()),
            }
        }
    }

    /// Column-major ids as row-major ones.
    pub(super) fn transposed(self, rows: usize, columns: usize) -> Result<Self> {
        Ok(match self {
            Labels::U8(ids) => Labels::U8(super::transpose(&ids, rows, columns)?),
            Labels::U16(ids) => Labels::U16(super::transpose(&ids, rows, columns)?),
            Labels::U32(ids) => Labels::U32(super::transpose(&ids, rows, columns)?),
            Labels::U64(ids) => Labels::U64(super::transpose(&ids, rows, columns)?),
        })
    }
}

/// An integer as a file holds it.
pub(super) trait Sample: Copy {
    /// The largest value.
    const CAPACITY: u64;
    /// The values in some bytes.
    fn values(bytes: &[u8]) -> impl Iterator<Item = Self> + Clone;
    /// The value as 64 bits; negative ones become huge.
    fn extended(self) -> u64;
    /// The value as text.
    fn text(self) -> String;
}

/// A big-endian value.
#[derive(Clone, Copy)]
pub(super) struct Big<T>(T);

macro_rules! sample {
    ($($integer:ty),*) => {$(
        impl Sample for $integer {
            const CAPACITY: u64 = <$integer>::MAX as u64;
            fn values(bytes: &[u8]) -> impl Iterator<Item = Self> + Clone {
                bytes.as_chunks().0.iter().map(|&value| <$integer>::from_le_bytes(value))
            }
            #[allow(clippy::cast_lossless)]
            fn extended(self) -> u64 {
                self as u64
            }
            fn text(self) -> String {
                self.to_string()
            }
        }

        impl Sample for Big<$integer> {
            const CAPACITY: u64 = <$integer>::CAPACITY;
            fn values(bytes: &[u8]) -> impl Iterator<Item = Self> + Clone {
                bytes.as_chunks().0.iter().map(|&value| Big(<$integer>::from_be_bytes(value)))
            }
            fn extended(self) -> u64 {
                self.0.extended()
            }
            fn text(self) -> String {
                self.0.text()
            }
        }
    )*};
}

sample!(u8, u16, u32, u64, i16, i32, i64);
