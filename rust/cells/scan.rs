//! The single pass over a label image and one channel.

use super::background::Background;
use super::label::Label;
use super::pixel::Pixel;
use super::region::Region;
use super::runs::run_end;
use crate::{Error, Result};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::ops::Range;

/// Equal labels side by side in a row, and the region they belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub row: u32,
    pub start: u32,
    pub end: u32,
    pub region: u32,
}

/// What the pass leaves.
pub struct Scan<P: Pixel> {
    /// The regions and the runs they are made of.
    pub outline: Outline,
    /// The pixels with label 0.
    pub background: P::Background,
    /// Their number.
    pub background_area: u64,
}

/// Finds every region of `labels` and gathers the background of `image`, both row-major with
/// `columns` columns.
///
/// # Errors
/// As [`outline`]; arrays of different length.
pub fn scan<L: Label, P: Pixel>(labels: &[L], image: &[P], columns: usize) -> Result<Scan<P>> {
    if labels.len() != image.len() {
        return Err(Error::Value(format!(
            "image: {} pixels, but the mask has {}; both must have one shape",
            image.len(),
            labels.len()
        )));
    }
    let mut background = P::Background::default();
    let mut background_area = 0;
    let outline = outline(labels, columns, |outside| {
        background_area += outside.len() as u64;
        background.add(&image[outside]);
    })?;
    Ok(Scan { outline, background, background_area })
}

/// Every region of a label image and the runs it is made of, row by row.
#[derive(Debug)]
pub struct Outline {
    /// The regions in the order of their first pixel; `area_above` is 0.
    pub regions: Vec<Region>,
    pub(super) runs: Vec<Run>,
}

/// Finds every region of `labels`, row-major with `columns` columns; `outside` is told every run of
/// pixels with label 0.
///
/// Time grows with the pixels and the number of runs, never with the size of the ids. Memory
/// beyond the array is 16 bytes a run: a small share of the mask, unless every pixel is a cell.
///
/// # Errors
/// A negative label, or one above 2^63 - 1; 2^32 pixels or more.
pub fn outline<L: Label>(
    labels: &[L],
    columns: usize,
    mut outside: impl FnMut(Range<usize>),
) -> Result<Outline> {
    if u32::try_from(labels.len()).is_err() {
        return Err(Error::Value(format!("mask: {} pixels; at most 2^32 - 1 are supported", labels.len())));
    }
    // Room that is not touched costs nothing; growing to a run every few pixels took longer than the scan.
    let mut found = Outline { regions: Vec::new(), runs: Vec::with_capacity(labels.len() / 8) };
    let mut slots = Slots::new(labels.len());
    if columns == 0 {
        return Ok(found);
    }
    for (row, labels) in labels.chunks_exact(columns).enumerate() {
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
                found.regions[region as usize].add(run.row, run.start, run.end);
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
/// labellings have them, a map for the rest, so that one cell numbered 4,000,000,000 costs nothing.
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
