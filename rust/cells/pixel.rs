//! The pixel types an image may have.

use super::background::{Background, Counts, Values};

/// A pixel of a channel.
pub trait Pixel: Copy + Default + PartialOrd + Into<f64> + Send + Sync + 'static {
    /// What the pixels outside every cell are gathered in.
    type Background: Background<Self>;

    /// The pixels that are strictly above a threshold.
    fn above(threshold: f64) -> Above<Self>;

    /// The pixel nearest to a number; of two integers as near, the even one.
    fn nearest(value: f64) -> Self;

    /// Whether a pixel is NaN, which no integer is.
    fn any_nan(_pixels: &[Self]) -> bool {
        false
    }
}

/// A threshold in the pixels' own type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Above<P> {
    /// No pixel is above it.
    None,
    /// Every pixel is.
    All,
    /// Those strictly above this value are.
    Than(P),
}

macro_rules! integer_pixel {
    ($integer:ty) => {
        impl Pixel for $integer {
            type Background = Counts<{ 1 + <$integer>::MAX as usize }>;

            fn above(threshold: f64) -> Above<Self> {
                // An integer is above t just where it is above floor(t).
                let floor = threshold.floor();
                if floor.is_nan() || floor >= f64::from(Self::MAX) {
                    Above::None
                } else if floor < 0.0 {
                    Above::All
                } else {
                    Above::Than(floor as Self)
                }
            }

            fn nearest(value: f64) -> Self {
                const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52: adding it rounds to a whole number
                (value + ROUND - ROUND) as Self
            }
        }
    };
}

integer_pixel!(u8);
integer_pixel!(u16);

impl Pixel for f32 {
    type Background = Values;

    fn above(threshold: f64) -> Above<f32> {
        // The largest f32 that is not above the threshold draws the same line.
        let limit = threshold as f32;
        Above::Than(if f64::from(limit) > threshold { limit.next_down() } else { limit })
    }

    fn nearest(value: f64) -> f32 {
        value as f32
    }

    fn any_nan(pixels: &[f32]) -> bool {
        // Whole blocks without an early exit, for the vector compares.
        pixels.chunks(1024).any(|block| block.iter().fold(false, |any, pixel| any | pixel.is_nan()))
    }
}
