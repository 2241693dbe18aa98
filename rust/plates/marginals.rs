//! Marginals of one-to-one matchings: the probability of each class in each well of a plate.
//!
//! Of few wells, all matchings are summed. Of more, belief propagation is a good first guess, and has no
//! noise; but where few wells and classes can be exchanged for each other (two classes that look alike),
//! it claims too much. What is sampled is right there, and noisy. So each well's beliefs are drawn
//! towards what was sampled: all the way where the two are far apart, and not at all where they differ by
//! no more than noise (James and Stein's estimate). Wells that are sure are not sampled.
//!
//! A class that is in several wells stands in as many columns, side by side and all alike. What is
//! sampled of them is pooled, and compared with beliefs as one.

use super::matching::Weights;
use super::sampling::Sample;
use super::sinkhorn::scale;
use super::{beliefs, exact};
use crate::Result;
use crate::level::Level;
use std::ops::Range;

/// What one-to-one matching makes of the scores of one plate.
#[derive(Clone, Debug)]
pub struct Marginals {
    /// The probability of each class in each well, row-major; every row sums to 1.
    pub values: Vec<f64>,
    /// The logarithm of the sum over all matchings of the product of their weights (of the permanent
    /// where wells and classes are as many): Bethe's approximation, from below; of few wells, exactly.
    pub log_permanent: f64,
    /// The standard error of a sampled probability of one half: 0 where nothing was sampled, infinite where
    /// sampling got nowhere.
    pub error: f64,
}

/// A well whose likeliest class has this share of the scaled weights is sure.
const SURE: f64 = 0.999;
/// How many draws go by before any counts.
const FORGOTTEN: usize = 1 << 14;
/// How many count at first,
const FEW: usize = 1 << 16;
/// and altogether where those show a well whose belief is off by much more than noise, or are too noisy
/// themselves to show anything.
const MANY: usize = 1 << 19;
const MUCH: f64 = 8.0;
/// and so far that it matters: a squared distance, 0.1 each in two classes.
const MATTERS: f64 = 0.02;
/// The noise of a standard error of 0.1.
const NOISY: f64 = 0.04;
/// Of messages, at most.
const ROUNDS: usize = 20;
/// By how much the beliefs of wells and classes may differ.
const TOLERANCE: f64 = 1e-4;
/// Of scaling, before sampling.
const SCALINGS: usize = 300;
const SCALED: f64 = 0.05;

/// Marginals of `exp(log_scores)`: one row per well, one column per class.
///
/// The same scores give the same values: what is drawn is seeded.
///
/// # Errors
/// More rows than columns; NaN or positive infinity; a row of negative infinities.
pub fn marginals(level: Level, log_scores: &[f64], columns: usize) -> Result<Marginals> {
    let weights = Weights::new(log_scores, columns)?;
    if weights.rows <= exact::MOST_ROWS {
        let (values, log_permanent) = exact::shares(&weights);
        return Ok(Marginals { values, log_permanent, error: 0.0 });
    }
    let found = beliefs::propagate(level, &weights, ROUNDS, TOLERANCE);
    let mut values = found.values;
    let error = match Unsure::new(level, &weights) {
        Some(part) => part.correct(&mut values, columns),
        None => 0.0,
    };
    Ok(Marginals { values, log_permanent: found.log_permanent, error })
}

/// The rows that are not sure, and the columns that sure rows do not hold.
struct Unsure {
    rows: Vec<usize>,
    columns: Vec<usize>,
    /// Which of these are one class.
    classes: Vec<Range<usize>>,
    /// Their scaled weights, row-major; then those of wells that may hold anything.
    shares: Vec<f64>,
}

impl Unsure {
    fn new(level: Level, weights: &Weights) -> Option<Self> {
        let scaling = scale(level, weights, SCALINGS, SCALED);
        let mut rows = Vec::new();
        let mut open = vec![true; weights.columns];
        let mut scaled = weights.values.clone();
        let all = scaled.chunks_exact_mut(weights.columns).zip(&scaling.rows).enumerate();
        for (number, (row, factor)) in all {
            row.iter_mut().zip(&scaling.columns).for_each(|(share, column)| *share *= factor * column);
            match row.iter().position(|&share| share >= SURE) {
                Some(column) if open[column] => open[column] = false,
                _ => rows.push(number),
            }
        }
        let columns: Vec<usize> = (0..weights.columns).filter(|&column| open[column]).collect();
        let mut shares = Vec::with_capacity((rows.len() + 1) * columns.len());
        for &row in &rows {
            let row = &scaled[row * weights.columns..][..weights.columns];
            shares.extend(columns.iter().map(|&column| row[column]));
        }
        shares.extend(columns.iter().map(|&column| scaling.columns[column]));
        let classes = alike(weights, &columns);
        if rows.is_empty() { None } else { Some(Unsure { rows, columns, classes, shares }) }
    }

    /// Draws beliefs towards what is sampled; returns its standard error.
    fn correct(&self, beliefs: &mut [f64], columns: usize) -> f64 {
        let n = self.classes.len();
        let mut sample = Sample::new(&self.shares, self.columns.len(), FORGOTTEN);
        let mut sampled = self.estimate(sample.draw(FEW));
        let suspect = |sampled: &Sampled| {
            let mut rows = self.rows.iter().zip(sampled.values.chunks_exact(n));
            rows.any(|(&row, values)| {
                let (found, chance) = self.distance(&beliefs[row * columns..], values, sampled.noise);
                found > MATTERS.max(MUCH * chance)
            })
        };
        if sampled.noise > NOISY || suspect(&sampled) {
            sampled = self.estimate(sample.draw(MANY - FEW));
        }
        for (&row, values) in self.rows.iter().zip(sampled.values.chunks_exact(n)) {
            let row = &mut beliefs[row * columns..][..columns];
            let (found, chance) = self.distance(row, values, sampled.noise);
            let share = if found > chance { 1.0 - chance / found } else { 0.0 };
            let held = self.held(row);
            for (class, p) in self.classes.iter().zip(values) {
                let each = p * held / class.len() as f64;
                for &column in &self.columns[class.clone()] {
                    row[column] += share * (each - row[column]);
                }
            }
        }
        (sampled.noise / 4.0).sqrt()
    }

    fn estimate(&self, seen: &[Vec<u32>; 2]) -> Sampled {
        let n = self.columns.len();
        // Every row is in some column of every matching.
        let [one, other] =
            seen.each_ref().map(|half| half[..n].iter().map(|&times| f64::from(times)).sum::<f64>());
        let (mut squares, mut spread) = (0.0, 0.0);
        let mut values = Vec::with_capacity(self.rows.len() * self.classes.len());
        for (first, second) in seen[0].chunks_exact(n).zip(seen[1].chunks_exact(n)).take(self.rows.len()) {
            for class in &self.classes {
                let times = |row: &[u32]| f64::from(total(row, class));
                let (a, b) = (times(first) / one, times(second) / other);
                let p = f64::midpoint(a, b);
                squares += (a - b).powi(2) / 4.0;
                spread += p * (1.0 - p);
                values.push(p);
            }
        }
        let settled = one > 0.0 && other > 0.0;
        Sampled {
            values,
            noise: if settled { squares / spread.max(f64::MIN_POSITIVE) } else { f64::INFINITY },
        }
    }

    /// The squared distance of a row's beliefs from what was sampled, and what noise alone makes of it.
    fn distance(&self, beliefs: &[f64], sampled: &[f64], noise: f64) -> (f64, f64) {
        let held = self.held(beliefs);
        let pairs = self.classes.iter().zip(sampled);
        pairs.fold((0.0, 0.0), |(found, chance), (class, p)| {
            let mut believed = beliefs[self.columns[class.start]];
            for place in class.start + 1..class.end {
                believed += beliefs[self.columns[place]];
            }
            (found + (p - believed / held).powi(2), chance + noise * p * (1.0 - p))
        })
    }

    /// What a row's beliefs in these columns sum to.
    fn held(&self, beliefs: &[f64]) -> f64 {
        self.columns.iter().map(|&column| beliefs[column]).sum()
    }
}

/// The sum of a run, which most often is one number.
#[inline(always)]
fn total(row: &[u32], class: &Range<usize>) -> u32 {
    row[class.start] + row[class.start + 1..class.end].iter().sum::<u32>()
}

/// Runs of columns that are the same in every row.
fn alike(weights: &Weights, columns: &[usize]) -> Vec<Range<usize>> {
    let same = |a: usize, b: usize| {
        weights.values.chunks_exact(weights.columns).all(|row| row[a].to_bits() == row[b].to_bits())
    };
    let mut runs: Vec<Range<usize>> = Vec::with_capacity(columns.len());
    for (place, &column) in columns.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if same(columns[run.start], column) => run.end += 1,
            _ => runs.push(place..place + 1),
        }
    }
    runs
}

struct Sampled {
    /// The probability of each class, row-major.
    values: Vec<f64>,
    /// The variance of a probability p, as a multiple of p (1 - p).
    noise: f64,
}
