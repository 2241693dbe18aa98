//! The pixel types an image may have.

// Conversions must become part of the loop that is compiled for a level.
#![allow(clippy::inline_always)]

use super::background::{Background, Counts, Values, lerp};
use super::grid::Grid;
use super::scan::Run;
use super::tally::{Scratch, Tally};
use super::total::{Exact, Product, Total, Wide};

/// A pixel of a channel.
pub trait Pixel: Copy + Default + PartialOrd + Into<f64> + Send + Sync + 'static {
    /// What the pixels outside every cell are gathered in.
    type Background: Background<Self>;

    /// The pixels that are strictly above a threshold.
    fn above(threshold: f64) -> Above<Self>;

    /// The pixel nearest to a number; of two integers as near, the even one.
    fn nearest(value: f64) -> Self;

    /// The largest value of the type, where it has one that stands for "too bright to tell".
    const LARGEST: Option<f64>;

    /// Between two values, `gamma` of the way, as numpy's quantile rounds for this type.
    #[must_use]
    fn between(a: f64, b: f64, gamma: f64) -> f64 {
        lerp!(a, b, gamma, f64)
    }

    /// What differences of pixels are computed in: exactly, if the pixels are integers.
    type Wide: Wide;
    /// What products of such differences are computed in, and some hundred added up.
    type Product: Product;
    /// What many products of such differences are added up in.
    type Total: Total<<Self::Product as Product>::Part>;

    /// The pixel as a number to compute with.
    fn wide(self) -> Self::Wide;
    /// A difference as a number to multiply.
    fn product(difference: Self::Wide) -> Self::Product;

    /// Tallies the pixels of these runs.
    fn tally(runs: &[Run], image: Grid<'_, Self>, scratch: &mut Scratch, tally: &mut Tally);

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
    ($integer:ty, $product:ty, $tally:ident) => {
        impl Pixel for $integer {
            type Wide = i32;
            type Product = $product;
            type Total = Exact;

            #[inline(always)]
            fn wide(self) -> i32 {
                self.into()
            }

            #[inline(always)]
            fn product(difference: i32) -> $product {
                difference.into()
            }

            type Background = Counts<{ 1 + <$integer>::MAX as usize }>;

            const LARGEST: Option<f64> = Some(<$integer>::MAX as f64);

            fn tally(runs: &[Run], image: Grid<'_, Self>, scratch: &mut Scratch, tally: &mut Tally) {
                scratch.$tally(runs, image, tally);
            }

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

integer_pixel!(u8, i32, bytes);
integer_pixel!(u16, i64, integers);

impl Pixel for f32 {
    type Wide = f64;
    type Product = f64;
    type Total = f64;

    #[inline(always)]
    fn wide(self) -> f64 {
        self.into()
    }

    #[inline(always)]
    fn product(difference: f64) -> f64 {
        difference
    }

    type Background = Values;
    const LARGEST: Option<f64> = None;

    fn between(a: f64, b: f64, gamma: f64) -> f64 {
        // numpy interpolates float32 values in float32.
        f64::from(lerp!(a as f32, b as f32, gamma, f32))
    }

    fn tally(runs: &[Run], image: Grid<'_, f32>, scratch: &mut Scratch, tally: &mut Tally) {
        scratch.floats(runs, image, tally);
    }

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
