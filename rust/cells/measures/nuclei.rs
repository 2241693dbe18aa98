//! The nuclei of a second label image, in the cells of the first.

use super::{Column, Values};
use crate::cells::rows::centroids;
use crate::cells::scan::{Outline, Run};
use std::collections::HashMap;

pub(super) const COLUMNS: &[&str] = &["nuclei", "nucleus_label", "nucleus_area", "nucleus_offset"];

/// The two parts of the cells: runs of the cells' regions, row by row.
#[derive(Debug)]
pub(in crate::cells) struct Compartments {
    /// The pixels in nuclei of the cell.
    pub nucleus: Vec<Run>,
    /// The others.
    pub cytoplasm: Vec<Run>,
}

/// The columns of all regions at once, and the compartments.
///
/// A nucleus belongs to the cell that has most of its pixels; of two that have as many, to that with
/// the lower label; to none if it lies outside all. `nuclei` counts those of a cell, `nucleus_label` is that with
/// most pixels in the cell (again the lower label of two; 0 if there is none), `nucleus_area` the number of the
/// cell's pixels in its nuclei, and `nucleus_offset` the distance of their centroid from the cell's.
pub(in crate::cells) fn columns(cells: &Outline, nuclei: &Outline) -> (Vec<Column>, Compartments) {
    let overlaps = overlaps(&cells.runs, &nuclei.runs);
    let mut shared: HashMap<(u32, u32), u64> = HashMap::new();
    for overlap in &overlaps {
        *shared.entry((overlap.nucleus, overlap.run.region)).or_default() += overlap.run.length() as u64;
    }
    let mut shared: Vec<_> =
        shared.into_iter().map(|((nucleus, cell), pixels)| (nucleus, cell, pixels)).collect();
    let label = |cell: u32| cells.regions[cell as usize].label;
    shared.sort_unstable_by_key(|&(nucleus, cell, pixels)| (nucleus, std::cmp::Reverse(pixels), label(cell)));
    shared.dedup_by_key(|&mut (nucleus, ..)| nucleus);

    let mut home = vec![u32::MAX; nuclei.regions.len()];
    let mut counts = vec![0_i64; cells.regions.len()];
    let mut largest = vec![(0_u64, 0_i64); cells.regions.len()];
    for (nucleus, cell, pixels) in shared {
        home[nucleus as usize] = cell;
        counts[cell as usize] += 1;
        let label = nuclei.regions[nucleus as usize].label;
        let best = &mut largest[cell as usize];
        if pixels > best.0 || (pixels == best.0 && label < best.1) {
            *best = (pixels, label);
        }
    }
    let mut nucleus: Vec<Run> = Vec::new();
    for Overlap { run, nucleus: of } in overlaps {
        if home[of as usize] == run.region {
            match nucleus.last_mut() {
                // Two nuclei of the cell side by side.
                Some(last) if (last.row, last.end, last.region) == (run.row, run.start, run.region) => {
                    last.end = run.end;
                }
                _ => nucleus.push(run),
            }
        }
    }
    let cytoplasm = without(&cells.runs, &nucleus);
    let (areas, inner) = centroids(&nucleus, cells.regions.len());
    let (_, whole) = centroids(&cells.runs, cells.regions.len());
    let offsets = inner.iter().zip(whole).map(|(a, b)| (a.0 - b.0).hypot(a.1 - b.1)).collect();
    let columns = vec![
        ("nuclei", Values::Integers(counts)),
        ("nucleus_label", Values::Integers(largest.into_iter().map(|(_, label)| label).collect())),
        ("nucleus_area", Values::Integers(areas)),
        ("nucleus_offset", Values::Reals(offsets)),
    ];
    (columns, Compartments { nucleus, cytoplasm })
}

/// Pixels side by side that lie in a cell and a nucleus.
struct Overlap {
    /// Of the region of the cell.
    run: Run,
    nucleus: u32,
}

fn overlaps(cells: &[Run], nuclei: &[Run]) -> Vec<Overlap> {
    let mut found = Vec::new();
    let (mut cells, mut nuclei) = (cells.iter().peekable(), nuclei.iter().peekable());
    while let (Some(&&cell), Some(&&nucleus)) = (cells.peek(), nuclei.peek()) {
        let (start, end) = (cell.start.max(nucleus.start), cell.end.min(nucleus.end));
        if cell.row == nucleus.row && start < end {
            found.push(Overlap { run: Run { start, end, ..cell }, nucleus: nucleus.region });
        }
        if (cell.row, cell.end) < (nucleus.row, nucleus.end) {
            cells.next();
        } else {
            nuclei.next();
        }
    }
    found
}

/// The runs, less the pixels of others that lie in them.
fn without(runs: &[Run], taken: &[Run]) -> Vec<Run> {
    let mut left = Vec::with_capacity(runs.len());
    let mut taken = taken.iter().peekable();
    for &run in runs {
        let mut start = run.start;
        while let Some(hole) = taken.next_if(|hole| (hole.row, hole.start) < (run.row, run.end)) {
            if start < hole.start {
                left.push(Run { start, end: hole.start, ..run });
            }
            start = hole.end;
        }
        if start < run.end {
            left.push(Run { start, ..run });
        }
    }
    left
}
