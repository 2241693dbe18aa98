//! Which pixels of a cell have which neighbours in it, row by row.

use super::rows::each_row;
use super::scan::Run;

/// Pixels of a cell side by side in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The row.
    pub row: u32,
    /// First column.
    pub start: u32,
    /// One past the last column.
    pub end: u32,
}

impl Span {
    /// The places of its pixels in an image with so many columns.
    #[inline]
    pub fn places(&self, columns: usize) -> std::ops::Range<usize> {
        let row = self.row as usize * columns;
        row + self.start as usize..row + self.end as usize
    }

    /// The number of pixels.
    #[inline]
    pub fn length(&self) -> u64 {
        (self.end - self.start).into()
    }
}

/// The pixels of one cell by their neighbours, each list in the order of the rows.
#[derive(Debug, Default)]
pub struct Neighbourhood {
    /// Those with one of their four neighbours outside the cell or the image.
    pub edge: Vec<Span>,
    /// Those with all four in the cell.
    pub inside: Vec<Span>,
    /// Those with all eight in the cell.
    pub deep: Vec<Span>,
    /// Those with their lower neighbour in the cell.
    pub down: Vec<Span>,
    /// Those with one of their four neighbours in the image but outside the cell, where that differs
    /// from `edge`: the cell lies at the edge of the image.
    at_border: Option<Vec<Span>>,
}

/// Runs, less some pixels at either end.
#[derive(Clone, Copy)]
struct Cut<'a> {
    runs: &'a [Run],
    left: u32,
    right: u32,
}

impl Cut<'_> {
    fn get(&self, place: usize) -> (u32, u32) {
        let run = self.runs[place];
        (run.start + self.left, run.end.saturating_sub(self.right))
    }
}

impl Neighbourhood {
    /// The outline of the cell: its pixels next to a pixel that is not the cell's.
    #[must_use]
    pub fn outline(&self) -> &[Span] {
        self.at_border.as_ref().unwrap_or(&self.edge)
    }

    /// Finds those of a cell, given its runs row by row and the shape of the image.
    pub fn find(&mut self, runs: &[Run], shape: (usize, usize)) {
        let (rows, columns) = (shape.0 as u32, shape.1 as u32);
        for list in [&mut self.edge, &mut self.inside, &mut self.deep, &mut self.down] {
            list.clear();
        }
        let touches = |run: &Run| run.row == 0 || run.row + 1 == rows || run.start == 0 || run.end == columns;
        let mut outline = runs.iter().any(touches).then(Vec::new);
        let beyond = [Run { row: 0, start: 0, end: columns, region: 0 }];
        each_row(runs, |above, here, below| {
            let row = here[0].row;
            let (from, inner) = (self.inside.len(), |runs| Cut { runs, left: 1, right: 1 });
            let whole = |runs| Cut { runs, left: 0, right: 0 };
            common(row, inner(here), whole(above), whole(below), &mut self.inside);
            common(row, inner(here), inner(above), inner(below), &mut self.deep);
            common(row, whole(here), whole(below), whole(below), &mut self.down);
            rest(here, &self.inside[from..], &mut self.edge);
            if let Some(outline) = &mut outline {
                // Beyond the image there is no pixel that could differ.
                let above = if row == 0 { &beyond } else { above };
                let below = if row + 1 == rows { &beyond } else { below };
                let mut kept = Vec::new();
                for run in here {
                    let left = u32::from(run.start > 0);
                    let right = u32::from(run.end < columns);
                    let one = Cut { runs: std::slice::from_ref(run), left, right };
                    common(row, one, whole(above), whole(below), &mut kept);
                }
                rest(here, &kept, outline);
            }
        });
        self.at_border = outline;
    }
}

/// Adds what three rows have in common.
#[inline]
fn common(row: u32, here: Cut<'_>, above: Cut<'_>, below: Cut<'_>, to: &mut Vec<Span>) {
    let mut at = [0; 3];
    while at[0] < here.runs.len() && at[1] < above.runs.len() && at[2] < below.runs.len() {
        let ends = [here.get(at[0]), above.get(at[1]), below.get(at[2])];
        let start = ends[0].0.max(ends[1].0).max(ends[2].0);
        let end = ends[0].1.min(ends[1].1).min(ends[2].1);
        if start < end {
            to.push(Span { row, start, end });
        }
        // Whichever ends first has nothing more in common with the others.
        for (at, one) in at.iter_mut().zip(ends) {
            *at += usize::from(one.1 <= end);
        }
    }
}

/// Adds the pixels of the runs of a row that lie in none of the spans, which lie in them.
#[inline]
fn rest(runs: &[Run], spans: &[Span], to: &mut Vec<Span>) {
    let mut spans = spans.iter().peekable();
    for run in runs {
        let mut start = run.start;
        while let Some(span) = spans.next_if(|span| span.start < run.end) {
            if start < span.start {
                to.push(Span { row: run.row, start, end: span.start });
            }
            start = span.end;
        }
        if start < run.end {
            to.push(Span { row: run.row, start, end: run.end });
        }
    }
}
