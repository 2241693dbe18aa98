//! Sums of products of pixels: exact for integers, in a fixed order for floating point.

// Sums must become part of the function that is compiled for a level.
#![allow(clippy::inline_always)]
// Places in several arrays at once: iterators over arrays are not unrolled.
#![allow(clippy::needless_range_loop)]

use super::pixel::Pixel;
use std::ops::{Add, AddAssign, Mul, Sub};

/// A number that differences of pixels are computed in.
pub trait Wide: Copy + Default + Add<Output = Self> + Sub<Output = Self> {}

impl Wide for i32 {}
impl Wide for f64 {}

/// A number that products of differences are computed in, and some hundred of them added up.
pub trait Product: Copy + Default + Add<Output = Self> + Mul<Output = Self> {
    /// Whether the order of a sum changes it, so that lanes have to be spelled out. The compiler
    /// shares integers out itself, and better.
    const ROUNDS: bool;
    /// What sums of them are handed on in.
    type Part: Copy + Default + AddAssign;
    /// A place in a row.
    fn at(place: usize) -> Self;
    /// The sum as that.
    fn part(self) -> Self::Part;
    /// As a floating-point number.
    fn number(self) -> f64;
}

macro_rules! product {
    ($($type:ty: $part:ty, $rounds:literal;)*) => {$(
        impl Product for $type {
            const ROUNDS: bool = $rounds;
            type Part = $part;
            #[inline(always)]
            fn part(self) -> $part {
                self.into()
            }
            #[inline(always)]
            fn at(place: usize) -> Self {
                place as $type
            }
            #[inline(always)]
            #[allow(clippy::cast_lossless)]
            fn number(self) -> f64 {
                self as f64
            }
        }
    )*};
}
product! {
    i32: i64, false;
    i64: i64, false;
    f64: f64, true;
}

/// A sum over all of a cell.
pub trait Total<Part>: Copy + Default + AddAssign<Part> {
    /// Twice this.
    fn twice(self) -> Self;
    /// `n ab - a b`, that is n² times a covariance.
    fn scatter(n: u64, ab: Self, a: Self, b: Self) -> f64;
    /// As a number.
    fn number(self) -> f64;
}

/// A sum of integers that does not overflow.
#[derive(Clone, Copy, Default)]
pub struct Exact(i128);

impl AddAssign<i64> for Exact {
    #[inline(always)]
    fn add_assign(&mut self, part: i64) {
        self.0 += i128::from(part);
    }
}

impl Total<i64> for Exact {
    fn twice(self) -> Self {
        Exact(2 * self.0)
    }

    fn scatter(n: u64, ab: Self, a: Self, b: Self) -> f64 {
        (i128::from(n) * ab.0 - a.0 * b.0) as f64
    }

    fn number(self) -> f64 {
        self.0 as f64
    }
}

impl Total<f64> for f64 {
    fn twice(self) -> Self {
        2.0 * self
    }

    fn scatter(n: u64, ab: Self, a: Self, b: Self) -> f64 {
        let (all, parts) = (n as f64 * ab, a * b);
        // What is left of two equal numbers after rounding is nothing.
        if (all - parts).abs() <= 1e-13 * all.abs() { 0.0 } else { all - parts }
    }

    fn number(self) -> f64 {
        self
    }
}

/// Adds up `K` numbers that are computed from `N` pixels, over slices of pixels of equal length.
///
/// Rounding does not depend on the instructions in use.
#[inline(always)]
pub(super) fn sums<P: Pixel, const N: usize, const K: usize>(
    pixels: [&[P]; N],
    of: impl Fn(usize, [P::Wide; N]) -> [P::Product; K],
) -> [P::Product; K] {
    let n = pixels[0].len();
    let mut slices = pixels;
    for place in 0..N {
        slices[place] = &pixels[place][..n]; // for the compiler, which then checks no place
    }
    let mut lanes = [[P::Product::default(); LANES]; K];
    let mut sums = [P::Product::default(); K];
    for place in 0..n {
        let mut values = [P::Wide::default(); N];
        for slice in 0..N {
            values[slice] = slices[slice][place].wide();
        }
        let values = of(place, values);
        for sum in 0..K {
            if P::Product::ROUNDS {
                lanes[sum][place % LANES] = lanes[sum][place % LANES] + values[sum];
            } else {
                sums[sum] = sums[sum] + values[sum];
            }
        }
    }
    if P::Product::ROUNDS {
        for sum in 0..K {
            for lane in 0..LANES {
                sums[sum] = sums[sum] + lanes[sum][lane];
            }
        }
    }
    sums
}

/// Sums of floating-point numbers are shared out among so many.
const LANES: usize = 4;
