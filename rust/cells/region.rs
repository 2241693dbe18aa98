//! One cell of a label image.

/// What one pass finds out about the pixels of one label.
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
    /// Number of pixels strictly above the threshold.
    pub area_above: u64,
}

impl Region {
    /// A region without pixels.
    pub(super) fn empty(label: i64) -> Self {
        Region { label, min_row: u32::MAX, min_col: u32::MAX, max_row: 0, max_col: 0, area: 0, area_above: 0 }
    }

    /// Adds the pixels `start..end` of `row`.
    #[inline]
    pub(super) fn add(&mut self, row: u32, start: u32, end: u32) {
        self.min_row = self.min_row.min(row);
        self.max_row = self.max_row.max(row + 1);
        self.min_col = self.min_col.min(start);
        self.max_col = self.max_col.max(end);
        self.area += u64::from(end - start);
    }
}
