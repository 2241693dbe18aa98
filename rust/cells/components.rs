//! Connected pieces of one region, to tell a cell from a label that stands for many.

use super::scan::Run;

/// A label whose pixels lie in several places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// The id.
    pub label: i64,
    /// How many connected pieces it has (8 neighbours).
    pub pieces: u64,
}

/// The number of connected pieces of `region`, from the runs in row order.
///
/// Runs of one row are joined with the touching ones of the row above, by union-find.
pub(super) fn pieces(runs: &[Run], region: u32) -> u64 {
    let runs: Vec<Run> = runs.iter().copied().filter(|run| run.region == region).collect();
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
