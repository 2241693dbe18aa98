//! Kernels of cellsieve.
//!
//! * [`cells`]: everything computed from one label image.
//! * [`plates`]: everything computed from a score matrix.
//! * [`files`]: bytes to arrays.
//!
//! These three know neither each other nor Python and numpy: kernels are functions of slices, and
//! serial, but for [`plates::sweep`], which shares rows out among threads. The feature `python` adds
//! the binding, which alone puts them together. [`level`] and [`error`] serve all.

pub mod cells;
pub mod error;
pub mod files;
pub mod level;
pub mod plates;

#[cfg(feature = "python")]
mod python;

pub use error::{Error, Result};
