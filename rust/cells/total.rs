//! Sums of products of pixels: exact for integers, in a fixed order for floating point.

use std::ops::{Add, AddAssign, Mul, Sub};

/// A number that differences of pixels and their products are computed in.
pub trait Wide:
    Copy + Default + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Into<f64>
{
    /// A small whole number.
    fn at(place: usize) -> Self;
}

impl Wide for i32 {
    #[inline(always)]
    fn at(place: usize) -> Self {
        place as i32
    }
}

impl Wide for f64 {
    #[inline(always)]
    fn at(place: usize) -> Self {
        f64::from(place as u32)
    }
}

/// A sum over all of a cell.
pub trait Total: Copy + Default + AddAssign {
    /// Of a sum over some pixels, which is a whole number where the pixels are.
    fn of(part: f64) -> Self;
    /// `n ab - a b`, that is n² times a covariance.
    fn scatter(n: u64, ab: Self, a: Self, b: Self) -> f64;
    /// As a number.
    fn number(self) -> f64;
}

impl Total for i128 {
    fn of(part: f64) -> Self {
        part as i128
    }

    fn scatter(n: u64, ab: Self, a: Self, b: Self) -> f64 {
        (i128::from(n) * ab - a * b) as f64
    }

    fn number(self) -> f64 {
        self as f64
    }
}

impl Total for f64 {
    fn of(part: f64) -> Self {
        part
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

/// Adds up `K` numbers of each of `n` places.
///
/// Places are shared out among lanes, so that the compiler computes a vector at a time; which lane
/// a place belongs to depends on `n` alone, and so does every rounding.
#[inline(always)]
pub(super) fn sums<W: Wide, const K: usize>(n: usize, of: impl Fn(usize) -> [W; K]) -> [f64; K] {
    const LANES: usize = 8;
    let mut lanes = [[W::default(); LANES]; K];
    let mut place = 0;
    while place + LANES <= n {
        for lane in 0..LANES {
            let values = of(place + lane);
            for (sum, value) in lanes.iter_mut().zip(values) {
                sum[lane] = sum[lane] + value;
            }
        }
        place += LANES;
    }
    let mut lane = 0;
    while place < n {
        let values = of(place);
        for (sum, value) in lanes.iter_mut().zip(values) {
            sum[lane] = sum[lane] + value;
        }
        place += 1;
        lane += 1;
    }
    lanes.map(|sums| sums.into_iter().map(Into::into).sum())
}
