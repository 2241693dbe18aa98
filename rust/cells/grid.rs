//! Arrays of two dimensions.

use crate::{Error, Result};

/// Values row by row: a label image, or one channel.
#[derive(Clone, Copy, Debug)]
pub struct Grid<'a, T> {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// `rows * columns` values.
    pub values: &'a [T],
}

impl<'a, T> Grid<'a, T> {
    /// Values with their shape.
    ///
    /// # Panics
    /// If there are not `rows * columns` values.
    #[must_use]
    pub fn new(values: &'a [T], (rows, columns): (usize, usize)) -> Self {
        assert_eq!(values.len(), rows * columns, "one value per pixel");
        Grid { rows, columns, values }
    }

    /// Rows and columns.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Refuses a mask that shows another field than this image.
    ///
    /// # Errors
    /// Different shapes.
    pub fn same_field<L>(&self, mask: &Grid<'_, L>) -> Result<()> {
        if self.shape() == mask.shape() {
            return Ok(());
        }
        Err(Error::Value(format!(
            "the image has {} x {} pixels, its mask {} x {}; both must show the same field",
            self.rows, self.columns, mask.rows, mask.columns
        )))
    }
}
