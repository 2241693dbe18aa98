//! Everything computed from a matrix of scores: one row per well, one column per class.
//!
//! * [`argmax`]: the best classes of a row among those its plate can hold.
//! * [`masses`]: how much of a row's score each plate group holds.
//! * [`sweep`]: either of them for all rows, in blocks and threads.
//! * [`marginals`] and [`free_energy`]: what one-to-one matching of wells and classes makes of them.
//!
//! Kernels take one row, or one plate, as slices. A [`Level`](crate::level::Level) says which
//! instructions they may use; every level gives the same results to the last bit.

// Bodies must become part of the function that is compiled for a level; lanes are numbered.
#![allow(clippy::inline_always, clippy::needless_range_loop)]

pub mod argmax;
mod beliefs;
mod exact;
mod exp;
mod marginals;
pub mod masses;
mod matching;
mod sampling;
mod score;
mod sinkhorn;
pub mod sweep;

#[cfg(test)]
mod naive;
#[cfg(test)]
#[allow(clippy::float_cmp)] // scores come back exactly as they went in
mod tests;

pub use argmax::{Candidates, Ranked};
pub use marginals::{Marginals, marginals};
pub use masses::{Flaw, Groups, Scale, Scratch};
pub use score::{Score, Wide};
pub use sinkhorn::{FreeEnergy, free_energy};
