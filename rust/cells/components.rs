//! Connected pieces of one region, to tell a cell from a label that stands for many.

use super::scan::{Outline, Run};
use std::fmt;

/// A label that may stand for many cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// The id.
    pub label: i64,
    /// How many connected pieces it has (8 neighbours).
    pub pieces: u64,
}

impl Suspect {
    /// The label of a mask that looks as if it stood for many cells, if any.
    ///
    /// `clip` is the largest id that the file of the mask could hold. Where it is 255 or 65,535, is
    /// taken, and lies in several pieces, ids above it may have been clipped to it. A mask whose
    /// only id is that, or lies in several pieces, may be a foreground mask rather than a label image.
    #[must_use]
    pub fn of(outline: &Outline, clip: u64) -> Option<Self> {
        let (place, region) = outline.regions.iter().enumerate().max_by_key(|(_, region)| region.label)?;
        let largest = matches!(clip, 0xFF | 0xFFFF) && region.label == clip as i64;
        let alone = outline.regions.len() == 1;
        if !(largest || alone) {
            return None;
        }
        let of_region = outline.runs.iter().copied().filter(|run| run.region == place as u32);
        let pieces = pieces(&of_region.collect::<Vec<_>>());
        (pieces > 1 || (largest && alone)).then_some(Suspect { label: region.label, pieces })
    }
}

impl fmt::Display for Suspect {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Suspect { label, pieces } = self;
        if *pieces == 1 {
            write!(text, "mask: its only label is {label}, the largest that its type can hold")?;
        } else {
            write!(text, "mask: label {label} lies in {pieces} separate pieces")?;
        }
        text.write_str(
            ": ids may have been clipped to it, or this is a foreground mask and not a label image",
        )
    }
}

/// The number of connected pieces (8 neighbours) of a region, from its runs in row order.
///
/// Runs of one row are joined with the touching ones of the row above, by union-find.
pub(super) fn pieces(runs: &[Run]) -> u64 {
    let mut parents: Vec<usize> = (0..runs.len()).collect();
    let mut pieces = runs.len() as u64;
    let mut above = 0;
    for (here, run) in runs.iter().enumerate() {
        // Runs above that end left of this one touch nothing further right either.
        while runs[above].row + 1 < run.row || (runs[above].row + 1 == run.row && runs[above].end < run.start)
        {
            above += 1;
        }
        for (other, neighbour) in runs.iter().enumerate().skip(above) {
            if neighbour.row + 1 != run.row || neighbour.start > run.end {
                break;
            }
            let (a, b) = (root(&mut parents, other), root(&mut parents, here));
            if a != b {
                parents[b] = a;
                pieces -= 1;
            }
        }
    }
    pieces
}

fn root(parents: &mut [usize], mut of: usize) -> usize {
    while parents[of] != of {
        parents[of] = parents[parents[of]];
        of = parents[of];
    }
    of
}
