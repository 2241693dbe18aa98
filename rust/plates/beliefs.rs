//! Belief propagation on the Bethe free energy: marginals of one-to-one matchings, about.
//!
//! The model: wells get classes, each class at most once, with probability proportional to the
//! product of the weights A. Rows say "exactly one", columns "at most one" (exactly one where
//! there are as many wells as classes). With rows' odds r and columns' odds c, the messages are
//!
//! ```text
//! r_ij = 1 / sum of A_ik c_ik over k other than j
//! c_ij = 1 / (f + sum of A_kj r_kj over k other than i)
//! ```
//!
//! and the marginal is A r c / (1 + A r c). The odds f that a class is in no well may be any
//! positive number (0 where no class is left over): another f scales all r alike and changes no
//! belief. Left alone, that scale is by far the last thing to settle; so each round chooses f such
//! that the columns expect as many unused classes as there are.
//!
//! Vontobel (arXiv:1107.4196) shows that the Bethe free energy of this graph is convex and that the
//! messages converge; Huang and Jebara (arXiv:0908.1769) give this form. A sum that leaves one term
//! out is not computed by subtraction, which cancels where that term is nearly the whole sum, but as
//! `rest + (largest - term)`, where `rest` is the sum without the largest: every part is positive.

use super::matching::Weights;
use crate::level::{Level, at_level};

/// Keeps messages, and products of two, finite.
const MOST: f64 = 1e150;

/// Where the messages ended. Tests look at how they got there.
#[cfg_attr(not(test), allow(dead_code))]
pub(super) struct Beliefs {
    /// The probability of each class in each well, row-major; every row sums to 1.
    pub(super) values: Vec<f64>,
    /// The logarithm of Bethe's approximation of the sum over all matchings of the product of
    /// their weights.
    pub(super) log_permanent: f64,
    /// How many times all messages were sent.
    pub(super) iterations: usize,
    /// The largest difference between what rows and columns believe.
    pub(super) residual: f64,
}

/// Bethe's marginals of one plate, which has wells.
///
/// At most `iterations` rounds are made, at least one.
pub(super) fn propagate(level: Level, weights: &Weights, iterations: usize, tolerance: f64) -> Beliefs {
    let mut messages = Messages {
        to_columns: vec![0.0; weights.values.len()],
        sums: LeftOut::new(weights.columns),
        next: LeftOut::new(weights.columns),
        incoming: vec![0.0; weights.columns],
        shares: vec![0.0; weights.columns],
        free: 0.0,
    };
    send(level, weights, false, &mut messages); // columns have said nothing yet
    let mut taken = 0;
    let mut residual = f64::INFINITY;
    while taken < iterations.max(1) && residual > tolerance {
        taken += 1;
        messages.free = free_odds(&messages.sums, weights.columns - weights.rows);
        residual = send(level, weights, true, &mut messages);
    }
    finish(weights, messages, taken, residual)
}

/// What is needed of each column's sum to leave one term out.
struct LeftOut {
    largest: Vec<f64>,
    rest: Vec<f64>,
}

impl LeftOut {
    fn new(columns: usize) -> Self {
        LeftOut { largest: vec![0.0; columns], rest: vec![0.0; columns] }
    }

    fn clear(&mut self) {
        self.largest.fill(0.0);
        self.rest.fill(0.0);
    }
}

/// The f at which the sum of f / (f + T) over the columns, whose sums are T, is `unused`.
fn free_odds(sums: &LeftOut, unused: usize) -> f64 {
    if unused == 0 {
        return 0.0;
    }
    let totals = || sums.largest.iter().zip(&sums.rest).map(|(largest, rest)| largest + rest);
    let expected = |odds: f64| totals().map(|total| odds / (odds + total)).sum::<f64>();
    // Bisection on the logarithm, between bounds where every column agrees on the side.
    let odds = (unused as f64 / (sums.rest.len() - unused) as f64).ln();
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for total in totals() {
        low = low.min(total.ln() + odds);
        high = high.max(total.ln() + odds);
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if expected(middle.exp()) < unused as f64 {
            low = middle;
        } else {
            high = middle;
        }
        if high - low < 1e-12 {
            break;
        }
    }
    f64::midpoint(low, high).exp()
}

struct Messages {
    /// A times the rows' odds: what each cell tells its column.
    to_columns: Vec<f64>,
    sums: LeftOut,
    next: LeftOut,
    /// One row's A times the columns' odds: what each cell tells its row.
    incoming: Vec<f64>,
    /// 1 / (f + all a column hears): turns what a cell says into the column's belief.
    shares: Vec<f64>,
    /// f: the odds that a class is in no well.
    free: f64,
}

at_level! {
    /// One round of messages; returns by how much rows and columns still disagree.
    fn send(weights: &Weights, columns_spoke: bool, messages: &mut Messages) -> f64 = send_body
}

#[inline(always)]
fn send_body(weights: &Weights, columns_spoke: bool, messages: &mut Messages) -> f64 {
    let Messages { to_columns, sums, next, incoming, shares, free } = messages;
    let free = *free;
    let columns = weights.columns;
    next.clear();
    for ((share, largest), rest) in shares.iter_mut().zip(&sums.largest).zip(&sums.rest) {
        *share = 1.0 / (free + (largest + rest)).max(1.0 / MOST);
    }
    let mut residual = 0.0;
    let rows = weights.values.chunks_exact(columns).zip(to_columns.chunks_exact_mut(columns));
    for (row, messages) in rows {
        if columns_spoke {
            hear_columns(row, messages, sums, free, incoming);
        } else {
            incoming.copy_from_slice(row);
        }
        let (largest, rest) = left_out(incoming);
        if columns_spoke {
            residual = disagreement(incoming, messages, shares, 1.0 / (largest + rest), residual);
        }
        tell_columns(row, incoming, largest, rest, messages, next);
    }
    std::mem::swap(sums, next);
    residual
}

/// What the cells of a row tell it: A / (free + what the column hears from other rows).
#[inline(always)]
fn hear_columns(row: &[f64], messages: &[f64], sums: &LeftOut, free: f64, incoming: &mut [f64]) {
    let columns = row.iter().zip(messages).zip(&sums.largest).zip(&sums.rest);
    for (value, (((weight, message), largest), rest)) in incoming.iter_mut().zip(columns) {
        let others = free + (rest + (largest - message));
        *value = weight / if others > 1.0 / MOST { others } else { 1.0 / MOST };
    }
}

/// The largest term of a row and the sum of the others.
#[inline(always)]
fn left_out(terms: &[f64]) -> (f64, f64) {
    const LANES: usize = 16;
    let mut largest = [0.0f64; LANES];
    let mut rest = [0.0f64; LANES];
    let (blocks, tail) = terms.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            let (low, high) = ordered(largest[lane], block[lane]);
            rest[lane] += low;
            largest[lane] = high;
        }
    }
    for (lane, &term) in tail.iter().enumerate() {
        let (low, high) = ordered(largest[lane], term);
        rest[lane] += low;
        largest[lane] = high;
    }
    let mut all = (0.0, 0.0);
    for lane in 0..LANES {
        let (low, high) = ordered(all.0, largest[lane]);
        all = (high, all.1 + (low + rest[lane]));
    }
    all
}

#[inline(always)]
fn ordered(a: f64, b: f64) -> (f64, f64) {
    if a < b { (a, b) } else { (b, a) }
}

/// The larger of `so_far` and the largest difference of the row's beliefs from its columns'.
#[inline(always)]
fn disagreement(incoming: &[f64], messages: &[f64], shares: &[f64], row_share: f64, so_far: f64) -> f64 {
    const LANES: usize = 16;
    let mut worst = [0.0f64; LANES];
    let (blocks, tail) = incoming.as_chunks::<LANES>();
    let (message_blocks, message_tail) = messages.as_chunks::<LANES>();
    let (share_blocks, share_tail) = shares.as_chunks::<LANES>();
    for ((block, messages), shares) in blocks.iter().zip(message_blocks).zip(share_blocks) {
        for lane in 0..LANES {
            let off = (block[lane] * row_share - messages[lane] * shares[lane]).abs();
            worst[lane] = if off > worst[lane] { off } else { worst[lane] };
        }
    }
    let tail = tail.iter().zip(message_tail).zip(share_tail);
    let tail = tail.map(|((value, message), share)| (value * row_share - message * share).abs());
    tail.chain(worst).fold(so_far, f64::max)
}

/// What a row tells its columns, and the columns' sums of it.
#[inline(always)]
fn tell_columns(
    row: &[f64],
    incoming: &[f64],
    largest: f64,
    rest: f64,
    messages: &mut [f64],
    next: &mut LeftOut,
) {
    let sums = next.largest.iter_mut().zip(&mut next.rest);
    let cells = row.iter().zip(incoming).zip(messages.iter_mut()).zip(sums);
    for (((weight, value), message), (column_largest, column_rest)) in cells {
        let others = rest + (largest - value);
        let new = weight / if others > 1.0 / MOST { others } else { 1.0 / MOST };
        *message = if new < MOST { new } else { MOST };
        let (low, high) = ordered(*column_largest, *message);
        *column_rest += low;
        *column_largest = high;
    }
}

/// Beliefs of the rows, and the Bethe free energy of where the messages ended.
fn finish(weights: &Weights, mut messages: Messages, iterations: usize, residual: f64) -> Beliefs {
    let columns = weights.columns;
    let mut values = vec![0.0; weights.values.len()];
    let mut log_permanent = weights.log_scale;
    let unused = weights.columns - weights.rows;
    let free = free_odds(&messages.sums, unused);
    if unused > 0 {
        log_permanent -= unused as f64 * free.ln();
    }
    let Messages { to_columns, sums, incoming, .. } = &mut messages;
    let rows = weights.values.chunks_exact(columns).zip(to_columns.chunks_exact(columns));
    for ((row, messages), values) in rows.zip(values.chunks_exact_mut(columns)) {
        hear_columns(row, messages, sums, free, incoming);
        let (largest, rest) = left_out(incoming);
        log_permanent += (largest + rest).ln();
        let cells = values.iter_mut().zip(incoming.iter()).zip(row.iter().zip(messages));
        for ((value, term), (weight, message)) in cells {
            *value = term / (largest + rest);
            // 1 + A r c, with A r and A c at hand.
            log_permanent -= (term * message / weight).ln_1p();
        }
    }
    for (largest, rest) in sums.largest.iter().zip(&sums.rest) {
        log_permanent += (free + (largest + rest)).ln();
    }
    Beliefs { values, log_permanent, iterations, residual }
}
