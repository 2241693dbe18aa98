//! The distinct values of some pixels and how often each occurs: all that statistics without places need.

use super::ahead;
use super::background::{Background, Counts, Position, lerp};
use super::grid::Grid;
use super::pixel::Pixel;
use super::scan::Run;

/// Distinct values, ascending, each with the number of pixels up to and with it.
#[derive(Debug, Default)]
pub struct Tally {
    values: Vec<f64>,
    upto: Vec<u64>,
}

impl Tally {
    /// Of values, ascending, each with its number.
    pub fn of(counted: impl Iterator<Item = (f64, u64)>) -> Self {
        let mut tally = Tally::default();
        tally.fill(counted);
        tally
    }

    /// Takes these values in place of its own.
    pub fn fill(&mut self, counted: impl Iterator<Item = (f64, u64)>) {
        self.values.clear();
        self.upto.clear();
        let mut upto = 0;
        for (value, n) in counted {
            upto += n;
            self.values.push(value);
            self.upto.push(upto);
        }
    }

    /// The number of pixels.
    pub fn len(&self) -> u64 {
        self.upto.last().copied().unwrap_or(0)
    }

    /// The smallest and the largest value; NaN where there is none.
    pub fn ends(&self) -> (f64, f64) {
        let or_nan = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
        (or_nan(self.values.first()), or_nan(self.values.last()))
    }

    /// Each value and its number.
    pub fn counted(&self) -> impl Iterator<Item = (f64, u64)> {
        let below = std::iter::once(0).chain(self.upto.iter().copied());
        self.values.iter().zip(&self.upto).zip(below).map(|((&value, upto), below)| (value, upto - below))
    }

    /// The sum, exact where the values are integers and it is below 2^53.
    pub fn sum(&self) -> f64 {
        self.counted().map(|(value, n)| value * n as f64).sum()
    }

    /// The variance about a mean, divided by the number of pixels.
    pub fn variance(&self, mean: f64) -> f64 {
        let squares: f64 = self.counted().map(|(value, n)| (value - mean) * (value - mean) * n as f64).sum();
        squares / self.len() as f64
    }

    /// The number of pixels that are strictly above this; 0 for NaN.
    pub fn above(&self, limit: f64) -> u64 {
        if limit.is_nan() {
            return 0;
        }
        let place = self.values.partition_point(|&value| value <= limit);
        self.len() - place.checked_sub(1).map_or(0, |place| self.upto[place])
    }

    /// The number of pixels that are at least this.
    pub fn at_least(&self, limit: f64) -> u64 {
        let place = self.values.partition_point(|&value| value < limit);
        self.len() - place.checked_sub(1).map_or(0, |place| self.upto[place])
    }

    /// The quantile of numpy's method "linear", rounded by `between`; NaN where there is no pixel.
    pub fn quantile(&self, q: f64, between: impl Fn(f64, f64, f64) -> f64) -> f64 {
        if self.len() == 0 {
            return f64::NAN;
        }
        let position = Position::of(q, self.len());
        let place = self.upto.partition_point(|&upto| upto <= position.previous);
        let previous = self.values[place];
        let next = if self.upto[place] > position.next { previous } else { self.values[place + 1] };
        between(previous, next, position.gamma)
    }

    /// The median of the distances from a value.
    pub fn median_distance(&self, from: f64) -> f64 {
        if self.len() == 0 {
            return f64::NAN;
        }
        let position = Position::of(0.5, self.len());
        // Two fingers walk away from the value, the nearer one first.
        let mut right = self.values.partition_point(|&value| value < from);
        let mut left = right;
        let mut seen = 0;
        let mut previous = None;
        loop {
            let down = left.checked_sub(1).map(|place| from - self.values[place]);
            let up = self.values.get(right).map(|value| value - from);
            let (distance, place) = match (down, up) {
                (Some(down), Some(up)) if down <= up => (down, left - 1),
                (Some(down), None) => (down, left - 1),
                (_, Some(up)) => (up, right),
                (None, None) => return previous.unwrap_or(f64::NAN),
            };
            if place < left {
                left -= 1;
            } else {
                right += 1;
            }
            seen += self.upto[place] - place.checked_sub(1).map_or(0, |place| self.upto[place]);
            if previous.is_none() && seen > position.previous {
                previous = Some(distance);
            }
            if seen > position.next {
                return lerp!(previous.unwrap_or(distance), distance, position.gamma, f64);
            }
        }
    }

    /// Shannon's entropy of the values, in bits.
    pub fn entropy(&self) -> f64 {
        let all = self.len() as f64;
        let bits: f64 = self.counted().map(|(_, n)| (n as f64 / all) * (n as f64 / all).log2()).sum();
        if all == 0.0 { f64::NAN } else { 0.0 - bits }
    }
}

/// Room that one cell after another is tallied in.
#[derive(Default)]
pub struct Scratch {
    pixels: Vec<u32>,
    counts: Vec<u32>,
    bytes: Counts<256>,
}

impl Scratch {
    /// Tallies integers: by counting, which takes a place for every value up to the largest, or by
    /// sorting where there are few pixels.
    pub fn integers<P: Pixel + Into<u32>>(&mut self, runs: &[Run], image: Grid<'_, P>, tally: &mut Tally) {
        let area: i64 = runs.iter().map(Run::length).sum();
        let most = |pixels: &[P]| pixels.iter().fold(P::default(), |a, &b| if b > a { b } else { a });
        let most: u32 = ahead::pixels(runs, image).map(|pixels| most(pixels).into()).max().unwrap_or(0);
        if area < i64::from(most) / 32 {
            self.pixels.clear();
            let values = runs.iter().flat_map(|run| run.of(image)).map(|&pixel| -> u32 { pixel.into() });
            self.pixels.extend(values);
            self.pixels.sort_unstable();
            tally.fill(
                self.pixels.chunk_by(|a, b| a == b).map(|equal| (f64::from(equal[0]), equal.len() as u64)),
            );
            return;
        }
        self.counts.clear();
        self.counts.resize(4 * (most as usize + 1), 0);
        count(runs, image, &mut self.counts, most as usize + 1);
        let (first, rest) = self.counts.split_at(most as usize + 1);
        let (second, rest) = rest.split_at(most as usize + 1);
        let (third, fourth) = rest.split_at(most as usize + 1);
        let counts = first.iter().zip(second).zip(third).zip(fourth);
        let counts = counts.map(|(((a, b), c), d)| u64::from(a + b + c + d));
        tally.fill(counts.enumerate().filter(|&(_, n)| n > 0).map(|(value, n)| (value as f64, n)));
    }

    /// Tallies bytes, by counting.
    pub fn bytes(&mut self, runs: &[Run], image: Grid<'_, u8>, tally: &mut Tally) {
        self.bytes.clear();
        for pixels in ahead::pixels(runs, image) {
            self.bytes.add(pixels);
        }
        tally.fill(self.bytes.counted());
    }

    /// Tallies floating-point pixels, by sorting.
    pub fn floats(&mut self, runs: &[Run], image: Grid<'_, f32>, tally: &mut Tally) {
        // The bits in an order in which integers sort as the numbers do; -0 becomes 0.
        let ordered = |pixel: f32| {
            let bits = (pixel + 0.0).to_bits();
            bits ^ if bits >> 31 == 1 { u32::MAX } else { 1 << 31 }
        };
        let number = |bits: u32| f32::from_bits(bits ^ if bits >> 31 == 1 { 1 << 31 } else { u32::MAX });
        self.pixels.clear();
        self.pixels.extend(runs.iter().flat_map(|run| run.of(image)).map(|&pixel| ordered(pixel)));
        self.pixels.sort_unstable();
        let equal = self.pixels.chunk_by(|a, b| a == b);
        tally.fill(equal.map(|equal| (f64::from(number(equal[0])), equal.len() as u64)));
    }
}

/// Counts integers below `values` in four tables side by side, neighbours in different ones.
fn count<P: Pixel + Into<u32>>(runs: &[Run], image: Grid<'_, P>, tables: &mut [u32], values: usize) {
    let place = |pixel: P| -> usize {
        let value: u32 = pixel.into();
        value as usize
    };
    for run in runs {
        for (number, &pixel) in run.of(image).iter().enumerate() {
            tables[number % 4 * values + place(pixel)] += 1;
        }
    }
}
