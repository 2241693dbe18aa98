//! How much of a row's score each plate group holds: what one row alone says of the group.

use super::argmax::{Candidates, Ranked};
use super::exp::exp_nonpositive;
use super::score::{Score, Wide};
use crate::level::{Level, at_level};
use crate::{Error, Result};

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
pub struct Groups<T: Score> {
    /// All columns that are in a group.
    members: Candidates<T>,
    /// Bits for each group: all set for its columns, none for the others.
    masks: Vec<Vec<u32>>,
    /// The same for all groups together.
    mask: Vec<u32>,
}

/// Room for one row, kept from row to row.
pub struct Scratch<T: Score> {
    wide: Vec<T::Wide>,
    weights: Vec<f32>,
}

impl<T: Score> Default for Scratch<T> {
    fn default() -> Self {
        Scratch { wide: Vec::new(), weights: Vec::new() }
    }
}

/// Why a row has no sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The score of this column is NaN.
    Nan(u32),
    /// The score of this column is positive infinity, or a negative probability.
    OutOfRange(u32),
}

const LANES: usize = 32;

impl Scale {
    /// Logarithmic with this sharpness; linear if `None`.
    ///
    /// # Errors
    /// A sharpness that is not a positive number.
    pub fn new(sharpness: Option<f64>) -> Result<Self> {
        match sharpness {
            None => Ok(Scale::Linear),
            Some(sharpness) if sharpness > 0.0 && sharpness.is_finite() => {
                Ok(Scale::Logarithmic { sharpness })
            }
            Some(other) => Err(Error::Value(format!("sharpness: found {other}; expected a positive number"))),
        }
    }
}

impl<T: Score> Groups<T> {
    /// Groups from flags per column, one set of flags per group.
    #[must_use]
    pub fn new<'a>(columns: usize, groups: impl IntoIterator<Item = &'a [bool]>) -> Self {
        let mut any = vec![false; columns];
        let mut masks = Vec::new();
        for flags in groups {
            any.iter_mut().zip(flags).for_each(|(any, &flag)| *any |= flag);
            masks.push(bits(flags));
        }
        Groups { members: Candidates::new(&any), masks, mask: bits(&any) }
    }

    /// The row's vote: the column of the highest score, the lowest of equals. Columns in no group are
    /// not looked at.
    ///
    /// # Errors
    /// A column whose score is NaN or positive infinity.
    pub fn vote(&self, level: Level, row: &[T]) -> std::result::Result<Ranked, Flaw> {
        let mut vote = [Ranked { class: 0, score: f64::NEG_INFINITY }];
        self.members.best(level, row, &mut vote).map_err(Flaw::Nan)?;
        let [vote] = vote;
        if vote.score == f64::INFINITY { Err(Flaw::OutOfRange(vote.class)) } else { Ok(vote) }
    }

    /// Writes the logarithm of each group's sum to `sums`, given the row's vote: negative infinity for
    /// a sum of nothing but zeros. Sums are of single precision.
    ///
    /// # Errors
    /// A column whose score is a negative probability.
    pub fn log_sums(
        &self,
        level: Level,
        row: &[T],
        vote: Ranked,
        scale: Scale,
        scratch: &mut Scratch<T>,
        sums: &mut [f64],
    ) -> std::result::Result<(), Flaw> {
        let highest = vote.score;
        let (least, factor) = match scale {
            Scale::Linear if highest > 0.0 => (0.0, 1.0 / highest),
            Scale::Linear => (0.0, 1.0),
            Scale::Logarithmic { sharpness } => (highest, sharpness),
        };
        if highest == f64::NEG_INFINITY {
            sums.fill(highest);
        } else {
            let wide = T::wide(row, &mut scratch.wide);
            scratch.weights.resize(row.len(), 0.0);
            let (low, times) = (T::Wide::from_f64(least), T::Wide::from_f64(factor));
            weigh(level, wide, low, times, scale == Scale::Linear, &mut scratch.weights);
            let log_highest = match scale {
                Scale::Linear => -factor.ln(),
                Scale::Logarithmic { sharpness } => sharpness * highest,
            };
            for (sum, mask) in sums.iter_mut().zip(&self.masks) {
                *sum = f64::from(masked_sum(level, &scratch.weights, mask)).ln() + log_highest;
            }
        }
        if scale == Scale::Linear && (highest < 0.0 || any_sign(level, &scratch.weights, &self.mask)) {
            let negative = |&&column: &&u32| row[column as usize].to_f64() < 0.0;
            if let Some(&column) = self.members.classes().iter().find(negative) {
                return Err(Flaw::OutOfRange(column));
            }
        }
        Ok(())
    }
}

/// All bits set where a column is in the group.
fn bits(flags: &[bool]) -> Vec<u32> {
    flags.iter().map(|&flag| if flag { u32::MAX } else { 0 }).collect()
}

at_level! {
    /// What each score weighs relative to the highest, at most 1.
    fn weigh<W: Wide>(scores: &[W], least: W, factor: W, linear: bool, weights: &mut [f32]) = weigh_body
}

#[inline(always)]
fn weigh_body<W: Wide>(scores: &[W], least: W, factor: W, linear: bool, weights: &mut [f32]) {
    if linear {
        for (weight, score) in weights.iter_mut().zip(scores) {
            *weight = score.scaled(least, factor);
        }
    } else {
        for (weight, score) in weights.iter_mut().zip(scores) {
            *weight = exp_nonpositive(score.scaled(least, factor));
        }
    }
}

at_level! {
    /// The sum of the numbers whose bits are not masked, in the same order on every level.
    fn masked_sum(numbers: &[f32], mask: &[u32]) -> f32 = masked_sum_body
}

#[inline(always)]
fn masked_sum_body(numbers: &[f32], mask: &[u32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (blocks, rest) = numbers.as_chunks::<LANES>();
    let (mask_blocks, mask_rest) = mask.as_chunks::<LANES>();
    for (block, mask) in blocks.iter().zip(mask_blocks) {
        for lane in 0..LANES {
            sums[lane] += f32::from_bits(block[lane].to_bits() & mask[lane]);
        }
    }
    for (lane, (number, mask)) in rest.iter().zip(mask_rest).enumerate() {
        sums[lane] += f32::from_bits(number.to_bits() & mask);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

at_level! {
    /// Whether the sign of any number whose bits are not masked is negative.
    fn any_sign(numbers: &[f32], mask: &[u32]) -> bool = any_sign_body
}

#[inline(always)]
fn any_sign_body(numbers: &[f32], mask: &[u32]) -> bool {
    let bits = numbers.iter().zip(mask).fold(0, |bits, (number, mask)| bits | number.to_bits() & mask);
    bits >> 31 != 0
}
