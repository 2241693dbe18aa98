//! Connected pieces of one region, to tell a cell from a label that stands for many.

use super::rows::each_touching;
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
        let (pieces, _) = pieces(&of_region.collect::<Vec<_>>());
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

/// The connected pieces (8 neighbours) of a region, from its runs in row order: how many there are, and
/// their Euler number, which is that less the number of holes.
///
/// Runs are the nodes of a graph, those that touch in consecutive rows its edges. An edge joins two pieces
/// (by union-find), or closes a hole.
pub(super) fn pieces(runs: &[Run]) -> (u64, i64) {
    let mut parents: Vec<usize> = (0..runs.len()).collect();
    let mut pieces = runs.len() as u64;
    let mut euler = runs.len() as i64;
    each_touching(runs, |upper, lower| {
        euler -= 1;
        let (a, b) = (root(&mut parents, upper), root(&mut parents, lower));
        if a != b {
            parents[b] = a;
            pieces -= 1;
        }
    });
    (pieces, euler)
}

fn root(parents: &mut [usize], mut of: usize) -> usize {
    while parents[of] != of {
        parents[of] = parents[parents[of]];
        of = parents[of];
    }
    of
}
