//! The pixel types an image may have, each with the background that collects it.

use super::background::{Background, Counts, Values};

/// A pixel of a channel.
pub trait Pixel: Copy + PartialOrd + Send + Sync + 'static {
    /// What the pixels outside every cell are gathered in.
    type Background: Background<Self>;

    /// Whether pixels are floating-point numbers.
    const FLOATING: bool = false;

    /// How many of `pixels` are strictly above `threshold`; none where it is NaN.
    fn count_above(pixels: &[Self], threshold: f64) -> u64;

    /// Whether a pixel is NaN, which no integer is.
    fn any_nan(_pixels: &[Self]) -> bool {
        false
    }

    /// The pixels as the notebook's reader made them: an image with a value above 255 is divided
    /// by 255 and wrapped to 8 bits. `None` where they stay as they are.
    fn wrapped_to_8_bits(_pixels: &[Self]) -> Option<Vec<u8>> {
        None
    }
}

/// Counts in blocks short enough for byte counters, so that the compiler compares a whole vector
/// at a time and never widens inside the loop.
#[multiversion::multiversion(targets("x86_64+avx2", "x86_64+avx512f+avx512bw"))]
fn count<T: Copy + PartialOrd>(pixels: &[T], limit: T) -> u64 {
    const LANES: usize = 32;
    let mut total = 0;
    for block in pixels.chunks(LANES * 255) {
        let mut counters = [0u8; LANES];
        let lanes = block.chunks_exact(LANES);
        for &pixel in lanes.remainder() {
            total += u64::from(pixel > limit);
        }
        for lane in lanes {
            for (counter, &pixel) in counters.iter_mut().zip(lane) {
                *counter += u8::from(pixel > limit);
            }
        }
        total += counters.iter().map(|&c| u64::from(c)).sum::<u64>();
    }
    total
}

macro_rules! integer_pixel {
    ($integer:ty, $wrap:expr) => {
        impl Pixel for $integer {
            type Background = Counts<{ 1 + <$integer>::MAX as usize }>;

            fn count_above(pixels: &[Self], threshold: f64) -> u64 {
                // An integer is above t just where it is above floor(t).
                let floor = threshold.floor();
                if floor.is_nan() || floor >= f64::from(Self::MAX) {
                    0
                } else if floor < 0.0 {
                    pixels.len() as u64
                } else {
                    let floor = floor as Self;
                    count(pixels, floor)
                }
            }

            fn wrapped_to_8_bits(pixels: &[Self]) -> Option<Vec<u8>> {
                let wrap: fn(&[Self]) -> Option<Vec<u8>> = $wrap;
                wrap(pixels)
            }
        }
    };
}

integer_pixel!(u8, |_| None);
integer_pixel!(u16, |pixels| {
    let wraps = pixels.iter().any(|&pixel| pixel > 255);
    wraps.then(|| pixels.iter().map(|&pixel| (pixel / 255) as u8).collect())
});

impl Pixel for f32 {
    type Background = Values;
    const FLOATING: bool = true;

    fn count_above(pixels: &[Self], threshold: f64) -> u64 {
        // The largest f32 that is not above the threshold draws the same line.
        let limit = threshold as f32;
        count(pixels, if f64::from(limit) > threshold { limit.next_down() } else { limit })
    }

    fn any_nan(pixels: &[Self]) -> bool {
        // Whole blocks without an early exit, for the vector compares.
        pixels.chunks(1024).any(|block| block.iter().fold(false, |any, pixel| any | pixel.is_nan()))
    }
}
