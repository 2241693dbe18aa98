//! The single pass over a label image: from pixels to runs of equal labels, and their regions.

use super::grid::Grid;
use super::label::Label;
use super::runs::run_end;
use crate::{Error, Result};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::ops::Range;

/// Equal labels side by side in a row, and the region they belong to.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The row.
    pub row: u32,
    /// First column.
    pub start: u32,
    /// One past the last column.
    pub end: u32,
    /// The place of its region in the outline.
    pub region: u32,
}

impl Run {
    /// The number of pixels.
    #[must_use]
    #[inline]
    pub fn length(&self) -> i64 {
        (self.end - self.start).into()
    }

    /// Its pixels of an image.
    #[must_use]
    #[inline]
    pub fn of<'a, P>(&self, image: Grid<'a, P>) -> &'a [P] {
        let row = self.row as usize * image.columns;
        &image.values[row + self.start as usize..row + self.end as usize]
    }
}

/// Box and area of one label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The id in the label image.
    pub label: i64,
    /// First row.
    pub min_row: u32,
    /// First column.
    pub min_col: u32,
    /// One past the last row.
    pub max_row: u32,
    /// One past the last column.
    pub max_col: u32,
    /// Number of pixels.
    pub area: u64,
}

impl Region {
    /// A region without pixels.
    fn empty(label: i64) -> Self {
        Region { label, min_row: u32::MAX, min_col: u32::MAX, max_row: 0, max_col: 0, area: 0 }
    }

    /// Whether it has a pixel in the first or last row or column of an image of this shape.
    #[must_use]
    pub fn touches_border(&self, (rows, columns): (usize, usize)) -> bool {
        self.min_row == 0
            || self.min_col == 0
            || self.max_row as usize == rows
            || self.max_col as usize == columns
    }

    /// Adds the pixels of a run.
    #[inline]
    fn add(&mut self, run: Run) {
        self.min_row = self.min_row.min(run.row);
        self.max_row = self.max_row.max(run.row + 1);
        self.min_col = self.min_col.min(run.start);
        self.max_col = self.max_col.max(run.end);
        self.area += u64::from(run.end - run.start);
    }
}

/// Every region of a label image and the runs it is made of: all that is ever read of a mask.
#[derive(Debug)]
pub struct Outline {
    /// The shape of the label image: rows and columns.
    pub shape: (usize, usize),
    /// The regions, in the order of their first pixel.
    pub regions: Vec<Region>,
    /// The runs, row by row.
    pub runs: Vec<Run>,
}

impl Outline {
    /// The number of pixels outside every cell.
    #[must_use]
    pub fn background_area(&self) -> u64 {
        let cells: u64 = self.regions.iter().map(|region| region.area).sum();
        (self.shape.0 * self.shape.1) as u64 - cells
    }
}

/// Finds every region of a label image; `outside` is told every run of pixels with label 0, by the
/// places of its values.
///
/// Time grows with the pixels and the number of runs, never with the size of the ids. Memory
/// beyond the array is 16 bytes per run: a small share of the mask, unless every pixel is a cell.
///
/// # Errors
/// A negative label, or one above 2^63 - 1; 2^32 pixels or more.
pub fn scan<L: Label>(labels: Grid<'_, L>, mut outside: impl FnMut(Range<usize>)) -> Result<Outline> {
    let Grid { columns, values, .. } = labels;
    if u32::try_from(values.len()).is_err() {
        return Err(Error::Value(format!("mask: {} pixels; at most 2^32 - 1 are supported", values.len())));
    }
    // Room that is not touched costs nothing; growing to a run every few pixels took longer than the scan.
    let runs = Vec::with_capacity(values.len() / 8);
    let mut found = Outline { shape: labels.shape(), regions: Vec::new(), runs };
    let mut slots = Slots::new(values.len());
    if columns == 0 {
        return Ok(found);
    }
    for (row, labels) in values.chunks_exact(columns).enumerate() {
        let mut start = 0;
        while start < columns {
            let label = labels[start];
            let end = run_end(labels, start);
            if label == L::OUTSIDE {
                outside(row * columns + start..row * columns + end);
            } else {
                let id = label.id().filter(|&id| id > 0).ok_or_else(|| bad_label(label))?;
                let region = slots.get(id, &mut found.regions);
                let run = Run { row: row as u32, start: start as u32, end: end as u32, region };
                found.regions[region as usize].add(run);
                found.runs.push(run);
            }
            start = end;
        }
    }
    Ok(found)
}

fn bad_label<L: Label>(label: L) -> Error {
    Error::Value(format!("mask: found the label {}; labels are 0 (outside) or 1 to 2^63 - 1", label.text()))
}

/// From ids to places in the list of regions: a table for ids up to the number of pixels, as compact
/// labellings have them, and a map for the rest, so that one cell numbered 4,000,000,000 costs nothing.
struct Slots {
    /// One more than the place; 0 where there is none yet. As long as the ids so far ask for.
    table: Vec<u32>,
    most: i64,
    map: HashMap<i64, u32, RandomState>,
    last: (i64, u32),
}

impl Slots {
    fn new(pixels: usize) -> Self {
        Slots { table: Vec::new(), most: pixels as i64, map: HashMap::default(), last: (0, 0) }
    }

    #[inline]
    fn get(&mut self, id: i64, regions: &mut Vec<Region>) -> u32 {
        if self.last.0 == id {
            return self.last.1;
        }
        let slot = if id > self.most {
            self.map.entry(id).or_insert(0)
        } else {
            if id as usize >= self.table.len() {
                self.table.resize((id as usize + 1).next_power_of_two(), 0);
            }
            &mut self.table[id as usize]
        };
        if *slot == 0 {
            regions.push(Region::empty(id));
            *slot = regions.len() as u32;
        }
        self.last = (id, *slot - 1);
        self.last.1
    }
}
