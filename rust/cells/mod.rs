//! Everything computed from one label image.
//!
//! A label image is a row-major array of integer ids; 0 is outside every cell. Cells are measured
//! in two steps, so that the mask is read once: [`scan`] folds runs of equal labels, gathers each
//! region's box and area and the background's pixels, and keeps the runs; with the threshold known,
//! the kept runs say which pixels to compare with it.

mod background;
mod brightest;
mod components;
mod crop;
mod label;
mod measure;
mod pixel;
mod region;
pub mod rle;
mod runs;
mod scan;

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;

pub use brightest::brightest;
pub use components::Pieces;
pub use crop::{Keep, Window, crop};
pub use label::Label;
pub use measure::{Convention, Measurement, Threshold, measure};
pub use pixel::Pixel;
pub use region::Region;
pub use scan::{Outline, Scan, outline, scan};
