//! Everything computed from one label image.
//!
//! A label image is a row-major array of integer ids; 0 is outside every cell. The mask is read
//! once: [`scan`] folds runs of equal labels into an [`Outline`], that is regions and runs, and tells
//! which pixels are background. With the threshold known, [`measures`] go over the runs alone.

mod ahead;
mod background;
mod by_convention;
mod by_region;
mod components;
mod crop;
mod grid;
mod label;
mod measure;
pub mod measures;
mod neighbourhood;
mod notebook;
mod pixel;
mod plane;
mod resize;
pub mod rle;
mod rows;
mod runs;
mod scan;
mod tally;
mod total;

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;

pub use by_convention::measure;
pub use components::Suspect;
pub use crop::{Cuts, Keep, Window, crop, crops};
pub use grid::Grid;
pub use label::Label;
pub use measure::{Cells, Convention, OfChannel, Request, Threshold};
pub use pixel::{Above, Pixel};
pub use plane::Plane;
pub use resize::resize;
pub use scan::{Outline, Region, Run, scan};
