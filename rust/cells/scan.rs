//! The single pass over a label image and one channel.

use super::background::Background;
use super::label::Label;
use super::pixel::Pixel;
use super::region::Region;
use super::runs::run_end;
use crate::{Error, Result};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Equal labels side by side in a row, and the region they belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub row: u32,
    pub start: u32,
    pub end: u32,
    pub region: u32,
}

/// What the pass leaves: every region, the runs they are made of, and the background.
pub struct Scan<P: Pixel> {
    /// The regions in the order of their first pixel; `area_above` is still 0.
    pub regions: Vec<Region>,
    /// The pixels with label 0.
    pub background: P::Background,
    /// Their number.
    pub background_area: u64,
    pub(super) runs: Vec<Run>,
}

/// Finds every region of `labels` and gathers the background of `image`, both row-major with
/// `columns` columns.
///
/// Time grows with the pixels and the number of runs, never with the size of the ids. Memory
/// beyond the arrays is 16 bytes a run: a small share of the mask, unless every pixel is a cell.
///
/// # Errors
/// A negative label, or one above 2^63 - 1; arrays of different length; 2^32 pixels or more.
pub fn scan<L: Label, P: Pixel>(labels: &[L], image: &[P], columns: usize) -> Result<Scan<P>> {
    if labels.len() != image.len() {
        return Err(Error::Value(format!(
            "image: {} pixels, but the mask has {}; both must have one shape",
            image.len(),
            labels.len()
        )));
    }
    if u32::try_from(labels.len()).is_err() {
        return Err(Error::Value(format!("mask: {} pixels; at most 2^32 - 1 are supported", labels.len())));
    }
    let mut scan = Scan {
        regions: Vec::new(),
        background: P::Background::default(),
        background_area: 0,
        runs: Vec::new(),
    };
    let mut slots = Slots::new(labels.len());
    if columns == 0 {
        return Ok(scan);
    }
    for (row, (labels, pixels)) in labels.chunks_exact(columns).zip(image.chunks_exact(columns)).enumerate() {
        let mut start = 0;
        while start < columns {
            let label = labels[start];
            let end = run_end(labels, start);
            if label == L::OUTSIDE {
                scan.background.add(&pixels[start..end]);
                scan.background_area += (end - start) as u64;
            } else {
                let id = label.id().filter(|&id| id > 0).ok_or_else(|| bad_label(label))?;
                let region = slots.get(id, &mut scan.regions);
                let run = Run { row: row as u32, start: start as u32, end: end as u32, region };
                scan.regions[region as usize].add(run.row, run.start, run.end);
                scan.runs.push(run);
            }
            start = end;
        }
    }
    Ok(scan)
}

fn bad_label<L: Label>(label: L) -> Error {
    Error::Value(format!("mask: found the label {}; labels are 0 (outside) or 1 to 2^63 - 1", label.text()))
}

/// From ids to places in the list of regions: a table for ids up to the number of pixels, as compact
/// labellings have them, a map for the rest, so that one cell numbered 4,000,000,000 costs nothing.
struct Slots {
    /// One more than the place; 0 where there is none yet. Zeroed memory costs nothing until it is
    /// touched, so only the ids in use do.
    table: Vec<u32>,
    map: HashMap<i64, u32, RandomState>,
    last: (i64, u32),
}

impl Slots {
    fn new(pixels: usize) -> Self {
        Slots { table: vec![0; pixels + 1], map: HashMap::default(), last: (0, 0) }
    }

    #[inline]
    fn get(&mut self, id: i64, regions: &mut Vec<Region>) -> u32 {
        if self.last.0 == id {
            return self.last.1;
        }
        let slot = match self.table.get_mut(id as usize) {
            Some(slot) => slot,
            None => self.map.entry(id).or_insert(0),
        };
        if *slot == 0 {
            regions.push(Region::empty(id));
            *slot = regions.len() as u32;
        }
        self.last = (id, *slot - 1);
        self.last.1
    }
}
