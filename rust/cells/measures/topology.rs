//! Pieces and holes of a cell.

use super::{Cell, Family, Values};
use crate::cells::components::pieces;

pub(super) const COLUMNS: &[&str] = &["euler_number", "pieces", "holes"];

/// Pieces hang together by their eight neighbours, holes by four.
#[derive(Default)]
pub(super) struct Topology {
    euler: Vec<i64>,
    pieces: Vec<i64>,
    holes: Vec<i64>,
}

impl Family for Topology {
    fn add(&mut self, cell: &Cell<'_>) {
        let (pieces, euler) = pieces(cell.runs);
        self.euler.push(euler);
        self.pieces.push(pieces as i64);
        self.holes.push(pieces as i64 - euler);
    }

    fn finish(self: Box<Self>) -> Vec<Values> {
        [self.euler, self.pieces, self.holes].into_iter().map(Values::Integers).collect()
    }
}
