//! The centroid of a cell and the ellipse with its second moments.

use super::{Cell, Family, Values};

pub(super) const COLUMNS: &[&str] = &[
    "centroid_row",
    "centroid_col",
    "axis_major_length",
    "axis_minor_length",
    "eccentricity",
    "orientation",
];

/// The eccentricity of a single pixel and the orientation of a cell without a longer axis are NaN.
#[derive(Default)]
pub(super) struct Moments {
    columns: [Vec<f64>; 6],
}

impl Family for Moments {
    fn add(&mut self, cell: &Cell<'_>) {
        for (column, value) in self.columns.iter_mut().zip(moments(cell)) {
            column.push(value);
        }
    }

    fn finish(self: Box<Self>) -> Vec<Values> {
        self.columns.into_iter().map(Values::Reals).collect()
    }
}

fn moments(cell: &Cell<'_>) -> [f64; 6] {
    let Some(first) = cell.runs.first() else { return [f64::NAN; 6] };
    // Sums over a run have closed forms. Rows and columns are counted from the cell's first pixel,
    // and all sums are exact.
    let (mut n, mut row, mut col) = (0_i128, 0_i128, 0_i128);
    let (mut row_row, mut col_col, mut row_col) = (0_i128, 0_i128, 0_i128);
    for run in cell.runs {
        let length = i128::from(run.length());
        let (r, c) = (i128::from(run.row - first.row), i128::from(run.start) - i128::from(first.start));
        let steps = (length - 1) * length / 2; // 0 + 1 + ... + length - 1
        let squares = steps * (2 * length - 1) / 3; // 0 + 1 + 4 + ...
        let columns = c * length + steps;
        n += length;
        row += r * length;
        col += columns;
        row_row += r * r * length;
        col_col += c * c * length + 2 * c * steps + squares;
        row_col += r * columns;
    }
    let area = n as f64;
    let centred =
        |products: i128, one: i128, other: i128| (n * products - one * other) as f64 / (area * area);
    let (rows, cols) = (centred(row_row, row, row), centred(col_col, col, col));
    let both = centred(row_col, row, col);
    let mean = f64::midpoint(rows, cols);
    let spread = ((rows - cols) / 2.0).hypot(both);
    let (major, minor) = (mean + spread, (mean - spread).max(0.0));
    [
        f64::from(first.row) + row as f64 / area,
        f64::from(first.start) + col as f64 / area,
        4.0 * major.sqrt(),
        4.0 * minor.sqrt(),
        if major == 0.0 { f64::NAN } else { (1.0 - minor / major).sqrt() },
        if spread == 0.0 { f64::NAN } else { 0.5 * (2.0 * both).atan2(rows - cols) },
    ]
}
