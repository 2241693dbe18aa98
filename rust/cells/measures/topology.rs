//! Pieces and holes of a cell.

use super::{Cell, Family, Values};
use crate::cells::components::pieces;
use crate::cells::neighbourhood::each_row;
use crate::cells::scan::Run;

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
        let (euler, pieces) = (euler_number(cell.runs), pieces(cell.runs) as i64);
        self.euler.push(euler);
        self.pieces.push(pieces);
        self.holes.push(pieces - euler);
    }

    fn finish(self: Box<Self>) -> Vec<Values> {
        [self.euler, self.pieces, self.holes].into_iter().map(Values::Integers).collect()
    }
}

/// Runs are the nodes of a graph, those that touch in consecutive rows its edges: each edge beyond
/// those that join the nodes closes a hole.
fn euler_number(runs: &[Run]) -> i64 {
    let mut number = runs.len() as i64;
    each_row(runs, |above, here, _| {
        let mut first = 0;
        for run in here {
            while first < above.len() && above[first].end < run.start {
                first += 1;
            }
            number -= above[first..].iter().take_while(|other| other.start <= run.end).count() as i64;
        }
    });
    number
}
