//! Whole matrices: which row is judged by what, in blocks, shared out among threads.

use super::argmax::{Candidates, Ranked};
use super::masses::{Flaw, Groups, Scale, Scratch};
use super::score::Score;
use crate::level::Level;
use crate::{Error, Result};
use std::ops::Range;

/// Scores whose rows are slices, wherever they lie.
pub trait Matrix: Sync {
    /// The type of the scores.
    type Score: Score;
    /// Rows and columns.
    fn shape(&self) -> (usize, usize);
    /// The scores of one row.
    fn row(&self, row: usize) -> &[Self::Score];
}

/// Some rows of a matrix, in an order of their own.
pub struct Rows<'a, M> {
    matrix: &'a M,
    order: Option<&'a [i64]>,
}

impl<'a, M: Matrix> Rows<'a, M> {
    /// The rows of these numbers; all, as they stand, if `None`.
    ///
    /// # Errors
    /// A row that the matrix does not have.
    pub fn new(matrix: &'a M, order: Option<&'a [i64]>) -> Result<Self> {
        let (rows, _) = matrix.shape();
        if let Some(bad) = order.unwrap_or_default().iter().find(|&&row| !(0..rows as i64).contains(&row)) {
            return Err(Error::Value(format!("rows: found {bad}; scores has {rows} rows")));
        }
        Ok(Rows { matrix, order })
    }

    /// How many rows and columns there are.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        let (rows, columns) = self.matrix.shape();
        (self.order.map_or(rows, <[i64]>::len), columns)
    }

    /// The number in the matrix of the row at this place.
    fn number(&self, place: usize) -> usize {
        self.order.map_or(place, |order| order[place] as usize)
    }

    fn get(&self, place: usize) -> &'a [M::Score] {
        self.matrix.row(self.number(place))
    }
}

/// How a matrix is gone through.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// The instructions to use.
    pub level: Level,
    /// How many threads share the rows.
    pub threads: usize,
}

/// The best `k` classes of each row among those allowed to its group, and their scores, the best
/// first; -1 and NaN where fewer are allowed. With `total`, one more score per row: the logarithm of
/// the sum of all that are allowed.
///
/// # Errors
/// Not one group per row, or one without flags; not one flag per class; a row with no allowed class; a
/// NaN among allowed scores; with `total`, what [`Groups`] refuses; `k` of 0.
pub fn masked_argmax<M: Matrix>(
    rows: &Rows<'_, M>,
    groups: &[i64],
    allowed: &[Vec<bool>],
    k: usize,
    total: Option<Scale>,
    means: Means,
) -> Result<(Vec<i64>, Vec<f64>)> {
    if k == 0 {
        return Err(Error::Value("k: found 0; expected 1 or more".into()));
    }
    let candidates = candidates(rows, groups, allowed)?;
    let sums: Vec<_> = match total {
        Some(_) => allowed.iter().map(|flags| Groups::new(flags.len(), [flags.as_slice()])).collect(),
        None => Vec::new(),
    };
    let (n, _) = rows.shape();
    let width = k + usize::from(total.is_some());
    let (mut classes, mut values) = (vec![-1i64; n * k], vec![f64::NAN; n * width]);
    in_blocks(n, means.threads, (&mut classes, k), (&mut values, width), |range, classes, values| {
        let mut ranked = vec![Ranked { class: 0, score: 0.0 }; k];
        let mut scratch = Scratch::default();
        for block in in_steps(&range) {
            for row in block.clone() {
                let place = row - range.start;
                let found = candidates[groups[row] as usize]
                    .best(means.level, rows.get(row), &mut ranked)
                    .map_err(|column| nan(rows.number(row), column))?;
                for (rank, best) in ranked[..found].iter().enumerate() {
                    classes[place * k + rank] = i64::from(best.class);
                    values[place * width + rank] = best.score;
                }
            }
            let Some(scale) = total else { continue };
            for row in block {
                let place = row - range.start;
                let best = Ranked { class: classes[place * k] as u32, score: values[place * width] };
                let out = &mut values[place * width + k..][..1];
                sums[groups[row] as usize]
                    .log_sums(means.level, rows.get(row), best, scale, &mut scratch, out)
                    .map_err(|found| flaw(rows.number(row), found, scale))?;
            }
        }
        Ok(())
    })?;
    Ok((classes, values))
}

/// The candidates of each group, once rows, groups and flags are known to fit each other.
fn candidates<M: Matrix>(
    rows: &Rows<'_, M>,
    groups: &[i64],
    allowed: &[Vec<bool>],
) -> Result<Vec<Candidates<M::Score>>> {
    let (n, columns) = rows.shape();
    if groups.len() != n {
        return Err(Error::Value(format!(
            "group: length {}; expected {n}, one per row of scores",
            groups.len()
        )));
    }
    if let Some(flags) = allowed.iter().find(|flags| flags.len() != columns) {
        return Err(Error::Value(format!(
            "allowed: found {} columns; expected {columns}, one per class, as scores has",
            flags.len()
        )));
    }
    let candidates: Vec<_> = allowed.iter().map(|flags| Candidates::new(flags)).collect();
    let mut seen = vec![false; allowed.len()];
    for (row, &group) in groups.iter().enumerate() {
        let Some(seen) = usize::try_from(group).ok().and_then(|group| seen.get_mut(group)) else {
            return Err(Error::Value(format!(
                "group: row {row} is in group {group}; expected a number below {}, the rows of allowed",
                allowed.len()
            )));
        };
        if !*seen && candidates[group as usize].classes().is_empty() {
            return Err(Error::Value(format!(
                "allowed: group {group} of row {row} allows no class; expected at least one"
            )));
        }
        *seen = true;
    }
    Ok(candidates)
}

/// The logarithm of each group's sum, a row of `groups` numbers per row, and the vote of each row.
///
/// # Errors
/// Not one group per column; what [`Groups`] refuses.
pub fn log_sums<M: Matrix>(
    rows: &Rows<'_, M>,
    column_group: &[i64],
    groups: usize,
    scale: Scale,
    means: Means,
) -> Result<(Vec<f64>, Vec<i64>)> {
    let (n, columns) = rows.shape();
    if column_group.len() != columns {
        return Err(Error::Value(format!(
            "column_group: length {}; expected {columns}, one per column of scores",
            column_group.len()
        )));
    }
    let flags: Vec<Vec<bool>> = (0..groups as i64)
        .map(|group| column_group.iter().map(|&of_column| of_column == group).collect())
        .collect();
    let all: Groups<M::Score> = Groups::new(columns, flags.iter().map(Vec::as_slice));
    let (mut sums, mut votes) = (vec![0.0f64; n * groups], vec![0i64; n]);
    in_blocks(n, means.threads, (&mut sums, groups), (&mut votes, 1), |range, sums, votes| {
        let mut scratch = Scratch::default();
        let blame = |row, found| flaw(rows.number(row), found, scale);
        let mut ranked = Vec::with_capacity(BLOCK);
        for block in in_steps(&range) {
            ranked.clear();
            for row in block.clone() {
                let vote = all.vote(means.level, rows.get(row));
                ranked.push(vote.map_err(|found| blame(row, found))?);
            }
            for (row, &vote) in block.zip(&ranked) {
                let place = row - range.start;
                let sums = &mut sums[place * groups..(place + 1) * groups];
                all.log_sums(means.level, rows.get(row), vote, scale, &mut scratch, sums)
                    .map_err(|found| blame(row, found))?;
                votes[place] = i64::from(vote.class);
            }
        }
        Ok(())
    })?;
    Ok((sums, votes))
}

/// Rows that are read twice: the first time in one stream, which the processor can foresee, the
/// second time from its cache.
const BLOCK: usize = 32;

fn in_steps(range: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    range.clone().step_by(BLOCK).map(|start| start..(start + BLOCK).min(range.end))
}

/// Shares `rows` out among threads: `work` gets a range and the parts of the outputs that belong to
/// it; each output comes with the number of its values per row.
fn in_blocks<A: Send, B: Send>(
    rows: usize,
    threads: usize,
    first: (&mut [A], usize),
    second: (&mut [B], usize),
    work: impl Fn(Range<usize>, &mut [A], &mut [B]) -> Result<()> + Sync,
) -> Result<()> {
    let block = rows.div_ceil(threads.max(1)).max(1);
    if block >= rows {
        return work(0..rows, first.0, second.0);
    }
    let work = &work;
    std::thread::scope(|scope| {
        let firsts = first.0.chunks_mut((block * first.1).max(1));
        let seconds = second.0.chunks_mut((block * second.1).max(1));
        let running: Vec<_> = firsts
            .zip(seconds)
            .enumerate()
            .map(|(number, (first, second))| {
                let range = number * block..((number + 1) * block).min(rows);
                scope.spawn(move || work(range, first, second))
            })
            .collect();
        // The first block's error is the one that a single thread would have met.
        let mut results = running.into_iter().map(std::thread::ScopedJoinHandle::join);
        results.try_for_each(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn nan(row: usize, column: u32) -> Error {
    Error::Value(format!("scores: row {row}, column {column} is NaN; expected a number"))
}

fn flaw(row: usize, flaw: Flaw, scale: Scale) -> Error {
    match flaw {
        Flaw::Nan(column) => nan(row, column),
        Flaw::OutOfRange(column) => Error::Value(format!(
            "scores: row {row}, column {column} is {}",
            if scale == Scale::Linear {
                "negative or infinite; expected probabilities (for logits, logarithms or \
                 similarities, say so by `kind`)"
            } else {
                "infinite; expected numbers below infinity"
            }
        )),
    }
}
