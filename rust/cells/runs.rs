//! Runs of equal labels in a row: a cell is a few hundred runs where it is a hundred thousand pixels.

// Bodies must become part of the function that is compiled for a level.
#![allow(clippy::inline_always)]

use super::label::Label;
use crate::level::at_level;

/// Equal pixels compared at a time; a multiple of every vector width in use.
const STEP: usize = 16;

at_level! {
    /// Puts one past the last element of each run of the row in place of what `ends` holds.
    pub(super) fn run_ends<L: Label>(row: &[L], ends: &mut Vec<usize>) = run_ends_body
}

#[inline(always)]
fn run_ends_body<L: Label>(row: &[L], ends: &mut Vec<usize>) {
    ends.clear();
    let mut end = 0;
    while end < row.len() {
        end = run_end(row, end);
        ends.push(end);
    }
}

/// One past the last element of the run that starts at `start`.
#[inline(always)]
pub(super) fn run_end<L: Label>(row: &[L], start: usize) -> usize {
    let value = row[start];
    let mut end = start + 1;
    // Whole steps without a branch inside them: the compiler turns each into vector compares.
    for step in row[end..].chunks_exact(STEP) {
        if !step.iter().fold(true, |equal, &x| equal & (x == value)) {
            break;
        }
        end += STEP;
    }
    end + row[end..].iter().take_while(|&&x| x == value).count()
}
