//! What is measured of each cell: a file per family, and their registry.
//!
//! A family is a few columns that are computed together. It is shown the runs of all cells once, in
//! the order of the rows, and keeps what it needs for each region. All families that were asked for
//! share one sweep, some hundred runs at a time, so that each finds the pixels in the cache.

// Bodies must become part of the function that is compiled for a level.
#![allow(clippy::inline_always)]

mod above;
mod basic;
mod intensity;

pub use basic::basic;

use super::grid::Grid;
use super::pixel::Pixel;
use super::scan::{Outline, Run};
use crate::level::Level;
use crate::{Error, Result};

/// The values of one column, one per cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Real numbers.
    Reals(Vec<f64>),
}

/// A column and its name.
pub type Column = (&'static str, Values);

/// What a family has to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// The pixels of the cells.
    Image,
    /// The threshold too, which takes the pixels outside them.
    Threshold,
}

/// A family at work.
trait Family<P: Pixel> {
    /// Takes in some runs of the image.
    fn add(&mut self, level: Level, runs: &[Run], image: Grid<'_, P>);
    /// The values of each of its columns, one per region.
    fn finish(self: Box<Self>) -> Vec<Values>;
}

/// A row of the registry.
struct Row<P: Pixel> {
    columns: &'static [&'static str],
    needs: Needs,
    /// Begins, given the number of regions and the threshold.
    begin: fn(usize, f64) -> Box<dyn Family<P>>,
}

/// The registry. A new family is a file and a row.
fn registry<P: Pixel>() -> Vec<Row<P>> {
    vec![
        Row {
            columns: &["area_above"],
            needs: Needs::Threshold,
            begin: |regions, threshold| Box::new(above::AreaAbove::new(regions, threshold)),
        },
        Row {
            columns: &["intensity_max"],
            needs: Needs::Image,
            begin: |regions, _| Box::new(intensity::Intensity::new(regions)),
        },
    ]
}

/// What the most demanding of these measures has to see; `None` without measures.
///
/// # Errors
/// A name that is no measure.
pub fn needs(names: &[&str]) -> Result<Option<Needs>> {
    let registry = registry::<u8>();
    let needs = |&name: &&str| match registry.iter().find(|row| row.columns.contains(&name)) {
        Some(row) => Ok(row.needs),
        None => Err(Error::Value(format!(
            "measures: found {name:?}; expected some of {}",
            registry.iter().flat_map(|row| row.columns).copied().collect::<Vec<_>>().join(", ")
        ))),
    };
    let all = names.iter().map(needs).collect::<Result<Vec<_>>>()?;
    Ok(all.into_iter().max())
}

/// Runs shown to one family before the next one sees them.
const TOGETHER: usize = 256;

/// The columns of these names, one value per region.
#[must_use]
pub fn sweep<P: Pixel>(outline: &Outline, image: Grid<'_, P>, threshold: f64, names: &[&str]) -> Vec<Column> {
    let level = Level::best();
    let mut families: Vec<_> = registry::<P>()
        .into_iter()
        .filter(|row| row.columns.iter().any(|column| names.contains(column)))
        .map(|row| (row.columns, (row.begin)(outline.regions.len(), threshold)))
        .collect();
    for runs in outline.runs.chunks(TOGETHER) {
        for (_, family) in &mut families {
            family.add(level, runs, image);
        }
    }
    families
        .into_iter()
        .flat_map(|(columns, family)| columns.iter().copied().zip(family.finish()))
        .filter(|(column, _)| names.contains(column))
        .collect()
}
