//! The pixels outside every cell, and their exact quantile.
//!
//! The quantile is numpy's method "linear" (Hyndman & Fan 1996, definition 7): with the n values
//! sorted, it lies at position h = (n - 1) q, between the values at floor(h) and the one after.
//! Results are equal to `numpy.quantile` (2.4) to the last bit, so a pixel or a cell that lies exactly
//! on a limit falls on the same side with either.

use super::tally::Tally;
use std::cmp::Ordering;

/// A multiset of pixels.
pub trait Background<T>: Default {
    /// Adds some pixels.
    fn add(&mut self, pixels: &[T]);
    /// Adds a pixel `n` times.
    fn add_equal(&mut self, pixel: T, n: u64);
    /// The quantile `q`, between 0 and 1; NaN where there is no pixel.
    fn quantile(&mut self, q: f64) -> f64;
    /// The median of the distances of the pixels from a value; NaN where there is no pixel.
    fn median_distance(&self, from: f64) -> f64;
}

/// Where a quantile lies among n sorted values: between `previous` and `next`, `gamma` of the way.
pub(super) struct Position {
    pub previous: u64,
    pub next: u64,
    pub gamma: f64,
}

impl Position {
    pub fn of(q: f64, n: u64) -> Self {
        let last = n - 1;
        let h = last as f64 * q;
        if h >= last as f64 {
            return Position { previous: last, next: last, gamma: 0.0 };
        }
        let previous = h.floor();
        Position { previous: previous as u64, next: previous as u64 + 1, gamma: h - previous }
    }
}

/// Between `a` and `b`, from whichever end is nearer: numpy's `_lerp`, the same roundings in the
/// same order.
macro_rules! lerp {
    ($a:expr, $b:expr, $gamma:expr, $float:ty) => {{
        let (a, b, gamma) = ($a, $b, $gamma);
        let difference = b - a;
        if gamma >= 0.5 {
            b - difference * ((1.0 - gamma) as $float)
        } else {
            a + difference * (gamma as $float)
        }
    }};
}
pub(super) use lerp;

/// Counts of integer pixels, each of `N` possible values. Neighbours go to different tables: equal
/// ones, the rule in a background, would otherwise wait for each other's count to reach memory.
pub struct Counts<const N: usize>(Box<[[u32; N]; 4]>);

impl<const N: usize> Default for Counts<N> {
    fn default() -> Self {
        Counts(vec![[0; N]; 4].try_into().expect("there are four"))
    }
}

impl<const N: usize> Counts<N> {
    /// Forgets all pixels.
    pub fn clear(&mut self) {
        self.0.fill([0; N]);
    }

    /// The values that occur, ascending, each with its number.
    pub fn counted(&self) -> impl Iterator<Item = (f64, u64)> {
        let count = |value: usize| self.0.iter().map(|table| u64::from(table[value])).sum();
        (0..N).map(move |value| (value as f64, count(value))).filter(|&(_, n)| n > 0)
    }
}

impl<T: Copy + Into<usize>, const N: usize> Background<T> for Counts<N> {
    #[inline]
    fn add(&mut self, pixels: &[T]) {
        let tables = &mut *self.0;
        let (fours, rest) = pixels.as_chunks::<4>();
        for four in fours {
            for (table, &pixel) in tables.iter_mut().zip(four) {
                table[pixel.into()] += 1;
            }
        }
        for &pixel in rest {
            tables[0][pixel.into()] += 1;
        }
    }

    fn add_equal(&mut self, pixel: T, n: u64) {
        self.0[0][pixel.into()] += n as u32;
    }

    fn quantile(&mut self, q: f64) -> f64 {
        Tally::of(self.counted()).quantile(q, |a, b, gamma| lerp!(a, b, gamma, f64))
    }

    fn median_distance(&self, from: f64) -> f64 {
        Tally::of(self.counted()).median_distance(from)
    }
}

/// Floating-point pixels are too many values for a table: they are kept, and two are selected.
#[derive(Default)]
pub struct Values(Vec<f32>);

impl Background<f32> for Values {
    fn add(&mut self, pixels: &[f32]) {
        self.0.extend_from_slice(pixels);
    }

    fn add_equal(&mut self, pixel: f32, n: u64) {
        self.0.resize(self.0.len() + n as usize, pixel);
    }

    fn quantile(&mut self, q: f64) -> f64 {
        select(&mut self.0, q, f32::total_cmp).map_or(f64::NAN, |(previous, next, gamma)| {
            // numpy interpolates float32 values in float32.
            f64::from(lerp!(previous, next, gamma, f32))
        })
    }

    fn median_distance(&self, from: f64) -> f64 {
        let mut distances: Vec<f64> = self.0.iter().map(|&pixel| (f64::from(pixel) - from).abs()).collect();
        select(&mut distances, 0.5, f64::total_cmp)
            .map_or(f64::NAN, |(previous, next, gamma)| lerp!(previous, next, gamma, f64))
    }
}

/// The two values that enclose a quantile, and how far between them it lies; `None` of no values.
fn select<T: Copy>(
    values: &mut [T],
    q: f64,
    order: impl Fn(&T, &T) -> Ordering + Copy,
) -> Option<(T, T, f64)> {
    if values.is_empty() {
        return None;
    }
    let position = Position::of(q, values.len() as u64);
    let (_, &mut previous, above) = values.select_nth_unstable_by(position.previous as usize, order);
    let next = if position.next > position.previous {
        above.iter().copied().min_by(order).unwrap_or(previous)
    } else {
        previous
    };
    Some((previous, next, position.gamma))
}
