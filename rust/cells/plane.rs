//! One channel of an image, of whichever pixel type.

use super::background::Background;
use super::grid::Grid;
use super::pixel::Pixel;
use crate::{Error, Result};
use std::ops::Range;

/// A channel.
#[derive(Clone, Copy, Debug)]
pub enum Plane<'a> {
    /// 8 bits.
    U8(Grid<'a, u8>),
    /// 16 bits.
    U16(Grid<'a, u16>),
    /// Floating point.
    F32(Grid<'a, f32>),
}

/// Runs the body on the pixels of a plane, instantiated for every type that they may have.
macro_rules! with_plane {
    ($plane:expr, |$grid:ident| $body:expr) => {
        match $plane {
            $crate::cells::plane::Plane::U8($grid) => $body,
            $crate::cells::plane::Plane::U16($grid) => $body,
            $crate::cells::plane::Plane::F32($grid) => $body,
        }
    };
}
pub(crate) use with_plane;

macro_rules! from_grid {
    ($($pixel:ty: $variant:ident),*) => {$(
        impl<'a> From<Grid<'a, $pixel>> for Plane<'a> {
            fn from(grid: Grid<'a, $pixel>) -> Self {
                Plane::$variant(grid)
            }
        }
    )*};
}
from_grid!(u8: U8, u16: U16, f32: F32);

impl<'a> Plane<'a> {
    /// Rows and columns.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        with_plane!(self, |grid| grid.shape())
    }

    /// Refuses a channel that no cell of this mask could be measured in.
    ///
    /// # Errors
    /// Another shape; a pixel that is NaN.
    pub fn check<L>(&self, mask: &Grid<'_, L>) -> Result<()> {
        fn any_nan<P: Pixel>(grid: &Grid<'_, P>) -> bool {
            P::any_nan(grid.values)
        }
        with_plane!(self, |grid| grid.same_field(mask))?;
        if with_plane!(self, |grid| any_nan(grid)) {
            return Err(Error::Value(
                "the image holds NaN (pixels that are not a number); fill or mend them first".into(),
            ));
        }
        Ok(())
    }

    /// The pixels outside every cell, none as yet.
    pub(super) fn outside(&self) -> Box<dyn Outside + 'a> {
        with_plane!(*self, |grid| Box::new(Gathered::new(grid)))
    }
}

/// The pixels of a plane that lie outside every cell.
pub(super) trait Outside {
    /// Adds the pixels at these places.
    fn add(&mut self, places: Range<usize>);
    /// Adds a pixel of value 0 `n` times.
    fn add_zeros(&mut self, n: u64);
    /// Their quantile `q`; NaN where there is no pixel.
    fn quantile(&mut self, q: f64) -> f64;
    /// The median of their distances from a value; NaN where there is no pixel.
    fn median_distance(&mut self, from: f64) -> f64;
}

struct Gathered<'a, P: Pixel> {
    image: Grid<'a, P>,
    background: P::Background,
}

impl<'a, P: Pixel> Gathered<'a, P> {
    fn new(image: Grid<'a, P>) -> Self {
        Gathered { image, background: P::Background::default() }
    }
}

impl<P: Pixel> Outside for Gathered<'_, P> {
    fn add(&mut self, places: Range<usize>) {
        self.background.add(&self.image.values[places]);
    }

    fn add_zeros(&mut self, n: u64) {
        self.background.add_equal(P::default(), n);
    }

    fn quantile(&mut self, q: f64) -> f64 {
        self.background.quantile(q)
    }

    fn median_distance(&mut self, from: f64) -> f64 {
        self.background.median_distance(from)
    }
}
