//! Where a cell lies: at the border of the image, against other cells, how far from them.

use super::{Column, Values};
use crate::cells::rows::{centroids, each_touching};
use crate::cells::scan::Outline;

pub(in crate::cells) const COLUMNS: &[&str] =
    &["touches_border", "border_share", "neighbours", "contact_share", "nearest_distance"];

/// The columns of all regions at once.
///
/// A side is where a pixel of the cell meets a pixel that is not the cell's, or the end of the image:
/// the shares are of all sides of the cell. Neighbours are other cells with a pixel next to one of the
/// cell's, or across a corner. The nearest cell is that with the nearest centroid; NaN where
/// there is no other.
pub(in crate::cells) fn columns(outline: &Outline) -> Vec<Column> {
    let mut sides = vec![Sides::default(); outline.regions.len()];
    let mut pairs = Pairs::default();
    count_sides(outline, &mut sides, &mut pairs);
    let mut neighbours = vec![0; sides.len()];
    for (a, b) in pairs.distinct() {
        neighbours[a as usize] += 1;
        neighbours[b as usize] += 1;
    }
    let (_, centroids) = centroids(&outline.runs, sides.len());
    let share = |part: fn(&Sides) -> u64| {
        Values::Reals(sides.iter().map(|sides| part(sides) as f64 / sides.all as f64).collect())
    };
    vec![
        ("touches_border", Values::Integers(sides.iter().map(|sides| (sides.border > 0).into()).collect())),
        ("border_share", share(|sides| sides.border)),
        ("neighbours", Values::Integers(neighbours)),
        ("contact_share", share(|sides| sides.contact)),
        ("nearest_distance", Values::Reals(nearest(&centroids))),
    ]
}

/// Sides of a region's pixels that are not between two of its own.
#[derive(Clone, Default)]
struct Sides {
    all: u64,
    border: u64,
    contact: u64,
}

/// Pairs of regions that touch, the lower place first.
#[derive(Default)]
struct Pairs {
    found: Vec<(u32, u32)>,
}

impl Pairs {
    fn add(&mut self, a: u32, b: u32) {
        let pair = (a.min(b), a.max(b));
        // Two cells touch along a border, row after row.
        if !self.found.iter().rev().take(4).any(|&other| other == pair) {
            self.found.push(pair);
        }
    }

    fn distinct(mut self) -> Vec<(u32, u32)> {
        self.found.sort_unstable();
        self.found.dedup();
        self.found
    }
}

fn count_sides(outline: &Outline, sides: &mut [Sides], pairs: &mut Pairs) {
    let (rows, columns) = (outline.shape.0 as u32, outline.shape.1 as u32);
    let runs = &outline.runs;
    for run in runs {
        let own = &mut sides[run.region as usize];
        let length = run.length() as u64;
        // Left, right, top and bottom; what lies between two pixels of the cell is taken off below.
        own.all += 2 + 2 * length;
        own.border += u64::from(run.start == 0) + u64::from(run.end == columns);
        own.border += length * (u64::from(run.row == 0) + u64::from(run.row + 1 == rows));
    }
    let mut contact = |a: u32, b: u32, shared: u64| {
        if a == b {
            sides[a as usize].all -= 2 * shared;
        } else {
            sides[a as usize].contact += shared;
            sides[b as usize].contact += shared;
            pairs.add(a, b);
        }
    };
    for two in runs.windows(2).filter(|two| two[0].row == two[1].row && two[0].end == two[1].start) {
        contact(two[0].region, two[1].region, 1);
    }
    each_touching(runs, |upper, lower| {
        let (upper, lower) = (runs[upper], runs[lower]);
        let shared = upper.end.min(lower.end).saturating_sub(upper.start.max(lower.start));
        contact(upper.region, lower.region, shared.into());
    });
}

/// The distance from each point to the nearest other one.
///
/// Points are sorted into squares of such a size that each holds about one; rings of squares
/// around a point are looked through until no nearer point can follow.
fn nearest(points: &[(f64, f64)]) -> Vec<f64> {
    if points.len() < 2 {
        return vec![f64::NAN; points.len()];
    }
    let fold = |of: fn(&(f64, f64)) -> f64| {
        let values = points.iter().map(of);
        (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max))
    };
    let ((top, bottom), (left, right)) = (fold(|point| point.0), fold(|point| point.1));
    let (height, width) = ((bottom - top).max(1.0), (right - left).max(1.0));
    let side = (height * width / points.len() as f64).sqrt().max(height.max(width) / 4096.0);
    let (rows, columns) = ((height / side) as usize + 1, (width / side) as usize + 1);
    let square =
        |&(row, column): &(f64, f64)| (((row - top) / side) as usize, ((column - left) / side) as usize);
    let mut squares = vec![Vec::new(); rows * columns];
    for (place, point) in points.iter().enumerate() {
        let (row, column) = square(point);
        squares[row * columns + column].push(place as u32);
    }
    let distance = |place: usize, point: &(f64, f64)| {
        let (row, column) = square(point);
        let mut nearest = f64::INFINITY;
        for ring in 0..rows.max(columns) {
            // Points of this ring are at least so far away.
            if nearest <= (ring as f64 - 1.0).max(0.0) * side {
                break;
            }
            let (from_row, to_row) = (row.saturating_sub(ring), (row + ring).min(rows - 1));
            let (from_column, to_column) = (column.saturating_sub(ring), (column + ring).min(columns - 1));
            for r in from_row..=to_row {
                let whole = r.abs_diff(row) == ring;
                let step = if whole || ring == 0 { 1 } else { 2 * ring };
                let first = if whole || column >= ring { from_column } else { column + ring };
                for c in (first..=to_column).step_by(step) {
                    for &other in squares[r * columns + c].iter().filter(|&&other| other as usize != place) {
                        let other = points[other as usize];
                        nearest = nearest.min((point.0 - other.0).hypot(point.1 - other.1));
                    }
                }
            }
        }
        nearest
    };
    points.iter().enumerate().map(|(place, point)| distance(place, point)).collect()
}
