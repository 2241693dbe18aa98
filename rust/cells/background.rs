//! The pixels outside every cell, and their exact quantile.
//!
//! The quantile is numpy's method "linear" (Hyndman & Fan 1996, definition 7): with the n values
//! sorted, it lies at position h = (n - 1) q, between the values at floor(h) and the one after.
//! Results are equal to `numpy.quantile` (2.4) to the last bit, so a pixel or a cell that lies exactly
//! on a limit falls on the same side with either.

use super::tally::Tally;

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
    fn count(&self, value: usize) -> u64 {
        self.0.iter().map(|table| u64::from(table[value])).sum()
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
        let n = (0..N).map(|value| self.count(value)).sum();
        if n == 0 {
            return f64::NAN;
        }
        let position = Position::of(q, n);
        // Walk up the sorted values to the two that enclose the quantile.
        let mut below = 0;
        let mut values = (0..N).map(|value| {
            below += self.count(value);
            (value as f64, below)
        });
        let (previous, upto) =
            values.find(|&(_, below)| below > position.previous).expect("the counts add up to n");
        if upto > position.next {
            return previous;
        }
        let (next, _) = values.find(|&(_, below)| below > position.next).expect("the counts add up to n");
        lerp!(previous, next, position.gamma, f64)
    }

    fn median_distance(&self, from: f64) -> f64 {
        let counts = (0..N).map(|value| (value as f64, self.count(value)));
        Tally::of(counts.filter(|&(_, n)| n > 0)).median_distance(from)
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
        if self.0.is_empty() {
            return f64::NAN;
        }
        let position = Position::of(q, self.0.len() as u64);
        let (_, &mut previous, above) =
            self.0.select_nth_unstable_by(position.previous as usize, f32::total_cmp);
        let next = if position.next > position.previous {
            above.iter().copied().min_by(f32::total_cmp).unwrap_or(previous)
        } else {
            previous
        };
        // numpy interpolates float32 values in float32.
        f64::from(lerp!(previous, next, position.gamma, f32))
    }

    fn median_distance(&self, from: f64) -> f64 {
        let mut distances: Vec<f64> = self.0.iter().map(|&pixel| (f64::from(pixel) - from).abs()).collect();
        if distances.is_empty() {
            return f64::NAN;
        }
        let position = Position::of(0.5, distances.len() as u64);
        let (_, &mut previous, above) =
            distances.select_nth_unstable_by(position.previous as usize, f64::total_cmp);
        let next = above.iter().copied().min_by(f64::total_cmp).unwrap_or(previous);
        lerp!(previous, next, position.gamma, f64)
    }
}
