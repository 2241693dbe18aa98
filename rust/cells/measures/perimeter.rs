//! The length of a cell's outline.

use super::{Cell, Family, Values};
use crate::cells::neighbourhood::Span;

pub(super) const COLUMNS: &[&str] = &["perimeter"];

/// By the estimator of Benkrid and Crookes (2000), as skimage has it with four neighbours.
#[derive(Default)]
pub(super) struct Perimeter {
    lengths: Vec<f64>,
    rows: [Vec<u8>; 3],
}

impl Family for Perimeter {
    fn looks_around(&self) -> bool {
        true
    }

    fn add(&mut self, cell: &Cell<'_>) {
        let length = self.length(&cell.around.edge);
        self.lengths.push(length);
    }

    fn finish(self: Box<Self>) -> Vec<Values> {
        vec![Values::Reals(self.lengths)]
    }
}

impl Perimeter {
    /// Each pixel of the edge counts 1, the square root of 2, or their mean, by how many of its eight
    /// neighbours lie on the edge too.
    fn length(&mut self, edge: &[Span]) -> f64 {
        let left = edge.iter().map(|span| span.start).min().unwrap_or(0);
        let right = edge.iter().map(|span| span.end).max().unwrap_or(0);
        // Three rows of marks that move down with the row, a column wider than the cell on each side.
        for row in &mut self.rows {
            row.clear();
            row.resize((right - left) as usize + 2, 0);
        }
        let (mut ones, mut diagonals, mut halves) = (0_u64, 0_u64, 0_u64);
        let (mut marked, mut cleared) = (0, 0);
        for (place, span) in edge.iter().enumerate() {
            if place > 0 && edge[place - 1].row == span.row {
                continue;
            }
            let row = span.row;
            while let Some(old) = edge[cleared..place].first().filter(|old| old.row + 1 < row) {
                self.mark(*old, left, 0);
                cleared += 1;
            }
            while let Some(new) = edge.get(marked).filter(|new| new.row <= row + 1) {
                self.mark(*new, left, 1);
                marked += 1;
            }
            let [above, here, below] = [row + 2, row, row + 1].map(|row| &self.rows[row as usize % 3]);
            for span in edge[place..].iter().take_while(|span| span.row == row) {
                for column in (span.start - left) as usize + 1..=(span.end - left) as usize {
                    let beside = above[column] + below[column] + here[column - 1] + here[column + 1];
                    let across =
                        above[column - 1] + above[column + 1] + below[column - 1] + below[column + 1];
                    match 1 + 2 * beside + 10 * across {
                        5 | 7 | 15 | 17 | 25 | 27 => ones += 1,
                        21 | 33 => diagonals += 1,
                        13 | 23 => halves += 1,
                        _ => {}
                    }
                }
            }
        }
        let diagonal = std::f64::consts::SQRT_2;
        ones as f64 + diagonals as f64 * diagonal + halves as f64 * f64::midpoint(1.0, diagonal)
    }

    fn mark(&mut self, span: Span, left: u32, value: u8) {
        let places = (span.start - left) as usize + 1..(span.end - left) as usize + 1;
        self.rows[span.row as usize % 3][places].fill(value);
    }
}
