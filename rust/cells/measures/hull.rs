//! The convex hull of a cell.

use super::{Cell, Family, Values};

pub(super) const COLUMNS: &[&str] = &["solidity", "feret_diameter_max"];

/// As skimage has them: the hull is that of the middles of the pixels' sides, its area the number of
/// pixels with their middle in it, and the diameter that of these pixels, again from middle of side
/// to middle of side.
#[derive(Default)]
pub(super) struct Hull {
    solidity: Vec<f64>,
    diameter: Vec<f64>,
    rows: Vec<(i64, i64)>,
    points: Vec<Point>,
    upper: Vec<Point>,
    lower: Vec<Point>,
}

/// Row and column, doubled so that the middles of sides are whole numbers.
type Point = (i64, i64);

impl Family for Hull {
    fn add(&mut self, cell: &Cell<'_>) {
        let (Some(first), Some(last)) = (cell.runs.first(), cell.runs.last()) else {
            self.solidity.push(f64::NAN);
            self.diameter.push(f64::NAN);
            return;
        };
        // First and last column of each row; a row without a pixel has none.
        self.rows.clear();
        self.rows.resize((last.row - first.row) as usize + 1, EMPTY);
        for run in cell.runs {
            let row = &mut self.rows[(run.row - first.row) as usize];
            *row = (row.0.min(run.start.into()), row.1.max(i64::from(run.end) - 1));
        }
        self.find();
        self.fill();
        let convex: i64 = self.rows.iter().map(|row| row.1 - row.0 + 1).sum();
        self.solidity.push(cell.area() as f64 / convex as f64);
        self.find();
        self.diameter.push(self.farthest() / 2.0);
    }

    fn finish(self: Box<Self>) -> Vec<Values> {
        vec![Values::Reals(self.solidity), Values::Reals(self.diameter)]
    }
}

const EMPTY: (i64, i64) = (i64::MAX, i64::MIN);

impl Hull {
    /// The two sides of the hull of the rows, from the top to the bottom: `lower` to the left (low
    /// columns), `upper` to the right.
    fn find(&mut self) {
        for (points, left) in [(&mut self.lower, true), (&mut self.upper, false)] {
            // The corners of the hull of the pixels' middles, then of the sides around those alone.
            let rows = self.rows.iter().enumerate().filter(|(_, row)| **row != EMPTY);
            let middles = rows.map(|(row, ends)| (2 * row as i64, 2 * if left { ends.0 } else { ends.1 }));
            wrap(middles, left, &mut self.points);
            wrap(around(&self.points, left), left, points);
        }
    }

    /// Fills the rows with the pixels whose middle lies in the hull.
    fn fill(&mut self) {
        for (points, left) in [(&self.lower, true), (&self.upper, false)] {
            for ends in points.windows(2) {
                let ((top, from), (bottom, to)) = (ends[0], ends[1]);
                for row in (top + 1).div_euclid(2)..=bottom.div_euclid(2) {
                    // The column of the side at this height is this over twice the side's height.
                    let height = bottom - top;
                    let column = from * height + (to - from) * (2 * row - top);
                    let Some(row) = self.rows.get_mut(row as usize) else { continue };
                    if left {
                        row.0 = -(-column).div_euclid(2 * height);
                    } else {
                        row.1 = column.div_euclid(2 * height);
                    }
                }
            }
        }
    }

    /// The largest distance between two corners.
    fn farthest(&self) -> f64 {
        let corners = || self.lower.iter().chain(&self.upper);
        let squares = corners().flat_map(|a| corners().map(move |b| (a.0 - b.0).pow(2) + (a.1 - b.1).pow(2)));
        (squares.max().unwrap_or(0) as f64).sqrt()
    }
}

fn cross(a: Point, b: Point, c: Point) -> i64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

/// The corners of the hull of points, of which each lies lower than the one before, on one side.
fn wrap(points: impl Iterator<Item = Point>, left: bool, corners: &mut Vec<Point>) {
    corners.clear();
    for point in points {
        while let [.., before, last] = corners[..] {
            let turn = cross(before, last, point);
            if (left && turn > 0) || (!left && turn < 0) {
                break;
            }
            corners.pop();
        }
        corners.push(point);
    }
}

/// The middles of the sides of pixels with these middles, the outer one of each height.
fn around(middles: &[Point], left: bool) -> impl Iterator<Item = Point> {
    let further = move |a: i64, b: i64| if left { a.min(b) } else { a.max(b) };
    middles.iter().enumerate().flat_map(move |(place, &(row, column))| {
        // Pixels of consecutive rows share a height, the lower one of the upper pixel.
        let above = place.checked_sub(1).map(|place| middles[place]).filter(|above| above.0 + 2 == row);
        let below = middles.get(place + 1).filter(|below| below.0 - 2 == row);
        let top = above.is_none().then_some((row - 1, column));
        let bottom = (row + 1, below.map_or(column, |below| further(column, below.1)));
        let out = (row, if left { column - 1 } else { column + 1 });
        top.into_iter().chain([out, bottom])
    })
}
