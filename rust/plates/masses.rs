//! How much of a row's score each plate group holds: the row bound of the evidence.

use super::exp::exp_nonpositive;
use super::level::{Level, at_level};
use super::score::Score;

/// What the scores are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Probabilities, or anything proportional to them: summed as they are.
    Linear,
    /// Logarithms, divided by a temperature: their exponentials are summed.
    Logarithmic {
        /// 1 / temperature.
        sharpness: f64,
    },
}

/// Groups of columns.
#[derive(Debug)]
pub struct Groups {
    /// Columns in order of their group; ascending within one.
    columns: Vec<u32>,
    /// Where each group ends in `columns`.
    ends: Vec<usize>,
}

/// Why a row has no masses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The score of this column is NaN.
    Nan(u32),
    /// The score of this column is positive infinity, or a negative probability.
    OutOfRange(u32),
}

const LANES: usize = 16;

impl Groups {
    /// Groups from each column's group; columns whose group is not below `groups` are in none.
    #[must_use]
    pub fn new(group_of_column: &[u32], groups: usize) -> Self {
        let mut columns = Vec::new();
        let mut ends = Vec::new();
        for group in 0..groups as u32 {
            columns
                .extend((0..group_of_column.len() as u32).filter(|&c| group_of_column[c as usize] == group));
            ends.push(columns.len());
        }
        Groups { columns, ends }
    }

    /// One group of these columns, in ascending order.
    #[must_use]
    pub fn single(columns: &[u32]) -> Self {
        Groups { columns: columns.to_vec(), ends: vec![columns.len()] }
    }

    /// The columns of one group.
    #[must_use]
    pub fn columns(&self, group: usize) -> &[u32] {
        let start = if group == 0 { 0 } else { self.ends[group - 1] };
        &self.columns[start..self.ends[group]]
    }

    /// Writes the logarithm of each group's sum to `sums` and returns the column of the highest
    /// score, the lowest of equals: the row's vote. Columns in no group are not looked at. The sum
    /// of nothing but zeros has the logarithm of negative infinity.
    ///
    /// `scratch` is room for the row's scores; its contents do not matter.
    ///
    /// # Errors
    /// The lowest column that is to blame.
    pub fn log_sums<T: Score>(
        &self,
        level: Level,
        row: &[T],
        scale: Scale,
        scratch: &mut Vec<f64>,
        sums: &mut [f64],
    ) -> Result<u32, Flaw> {
        scratch.clear();
        scratch.extend(self.columns.iter().map(|&column| row[column as usize].to_f64()));
        let bottom = if scale == Scale::Linear { 0.0 } else { f64::NEG_INFINITY };
        let (highest, good) = range(level, scratch, bottom);
        if !good {
            return Err(self.flaw(scratch, bottom));
        }
        let mut start = 0;
        for (sum, &end) in sums.iter_mut().zip(&self.ends) {
            let scores = &scratch[start..end];
            start = end;
            *sum = match scale {
                Scale::Linear => sum_of(level, scores).ln(),
                Scale::Logarithmic { .. } if highest == f64::NEG_INFINITY => highest,
                Scale::Logarithmic { sharpness } => {
                    sum_of_exp(level, scores, highest, sharpness).ln() + sharpness * highest
                }
            };
        }
        // Groups are not in column order: among equals the vote is the lowest column.
        let votes = scratch.iter().zip(&self.columns).filter(|&(&score, _)| score == highest);
        Ok(votes.map(|(_, &column)| column).min().unwrap_or(0))
    }

    fn flaw(&self, scores: &[f64], bottom: f64) -> Flaw {
        let flaws = self.columns.iter().zip(scores).filter_map(|(&column, &score)| {
            if score.is_nan() {
                Some((column, Flaw::Nan(column)))
            } else if score < bottom || score == f64::INFINITY {
                Some((column, Flaw::OutOfRange(column)))
            } else {
                None
            }
        });
        flaws.min_by_key(|&(column, _)| column).map_or(Flaw::Nan(0), |(_, flaw)| flaw)
    }
}

at_level! {
    /// The highest number, and whether each is at least `bottom` and below infinity.
    fn range(numbers: &[f64], bottom: f64) -> (f64, bool) = range_body
}

#[inline(always)]
fn range_body(numbers: &[f64], bottom: f64) -> (f64, bool) {
    let mut high = [f64::NEG_INFINITY; LANES];
    let mut good = [true; LANES];
    let (blocks, rest) = numbers.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            // No NaN is at least anything.
            good[lane] &= (block[lane] >= bottom) & (block[lane] < f64::INFINITY);
            high[lane] = if block[lane] > high[lane] { block[lane] } else { high[lane] };
        }
    }
    let rest_good = rest.iter().all(|&number| number >= bottom && number < f64::INFINITY);
    let highest = rest.iter().chain(&high).copied().fold(f64::NEG_INFINITY, f64::max);
    (highest, rest_good && good == [true; LANES])
}

at_level! {
    /// The sum, in the same order on every level.
    fn sum_of(numbers: &[f64]) -> f64 = sum_body
}

#[inline(always)]
fn sum_body(numbers: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (blocks, rest) = numbers.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            sums[lane] += block[lane];
        }
    }
    sums.iter().chain(rest).sum()
}

at_level! {
    /// The sum of the exponentials of `sharpness * (number - highest)`.
    fn sum_of_exp(numbers: &[f64], highest: f64, sharpness: f64) -> f64 = sum_of_exp_body
}

#[inline(always)]
fn sum_of_exp_body(numbers: &[f64], highest: f64, sharpness: f64) -> f64 {
    let mut sums = [0.0f32; LANES];
    let (blocks, rest) = numbers.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            sums[lane] += exp_nonpositive((sharpness * (block[lane] - highest)) as f32);
        }
    }
    for (lane, &number) in rest.iter().enumerate() {
        sums[lane] += exp_nonpositive((sharpness * (number - highest)) as f32);
    }
    sums.iter().map(|&sum| f64::from(sum)).sum()
}
