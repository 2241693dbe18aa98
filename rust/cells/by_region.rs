//! The runs of a label image, region by region.

use super::scan::Run;

/// The runs of each region side by side, those of a region row by row.
#[derive(Debug)]
pub struct ByRegion {
    runs: Vec<Run>,
    /// Where the runs of each region begin, and one past the last.
    starts: Vec<usize>,
}

impl ByRegion {
    /// Of so many regions; the runs come row by row.
    #[must_use]
    pub fn new(runs: &[Run], regions: usize) -> Self {
        // A counting sort keeps the rows in order.
        let mut starts = vec![0; regions + 1];
        for run in runs {
            starts[run.region as usize + 1] += 1;
        }
        for region in 0..regions {
            starts[region + 1] += starts[region];
        }
        let mut next = starts.clone();
        let mut sorted = runs.to_vec();
        for &run in runs {
            let place = &mut next[run.region as usize];
            sorted[*place] = run;
            *place += 1;
        }
        ByRegion { runs: sorted, starts }
    }

    /// The runs of each region in turn.
    pub fn iter(&self) -> impl Iterator<Item = &[Run]> {
        self.starts.windows(2).map(|ends| &self.runs[ends[0]..ends[1]])
    }
}
