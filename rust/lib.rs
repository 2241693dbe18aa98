//! Kernels of cellsieve.
//!
//! * [`cells`]: everything computed from one label image.
//! * [`plates`]: everything computed from a score matrix.
//! * [`files`]: bytes to arrays.
//!
//! These three do not know each other, nor Python, numpy or threads: kernels are serial functions
//! of slices. The feature `python` adds the binding, which alone puts them together.

pub mod cells;
pub mod error;
pub mod files;
pub mod plates;

#[cfg(feature = "python")]
mod python;

pub use error::{Error, Result};
