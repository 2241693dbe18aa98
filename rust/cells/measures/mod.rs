//! What is measured of each cell: a file per family, and their registry.
//!
//! A family is a few columns that are computed together. It is shown one cell after another, and
//! keeps a value of each column for each. All families that were asked for, of all channels, share one
//! sweep, so that what they need to know of a cell's pixels is found once.

// Bodies must become part of the function that is compiled for a level.
#![allow(clippy::inline_always)]

pub(super) mod above;
pub(super) mod basic;
mod focus;
mod hull;
mod intensity;
mod mass;
mod moments;
pub(super) mod nuclei;
mod perimeter;
pub(super) mod place;
mod topology;
pub(super) mod whole;

use super::by_region::ByRegion;
use super::grid::Grid;
use super::neighbourhood::Neighbourhood;
use super::pixel::Pixel;
use super::scan::Run;
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
    /// The mask alone.
    Mask,
    /// A second label image.
    Nuclei,
    /// The pixels of the cells.
    Image,
    /// The threshold too, which takes the pixels outside them.
    Threshold,
    /// The pixels outside them, whatever the threshold.
    Background,
}

/// One cell, as the families see it.
pub(super) struct Cell<'a> {
    /// Its runs, row by row.
    pub runs: &'a [Run],
    /// Its pixels by their neighbours; nothing unless a family looks around.
    pub around: &'a Neighbourhood,
}

impl Cell<'_> {
    /// The number of its pixels.
    fn area(&self) -> u64 {
        self.runs.iter().map(|run| run.length() as u64).sum()
    }
}

/// A family at work.
pub(super) trait Family {
    /// Takes in a cell.
    fn add(&mut self, cell: &Cell<'_>);
    /// Whether it looks at the pixels by their neighbours.
    fn looks_around(&self) -> bool {
        false
    }
    /// The values of each of its columns, one per cell.
    fn finish(self: Box<Self>) -> Vec<Values>;
}

/// What there is to know about a channel besides its pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Light {
    /// NaN where it is not known.
    pub threshold: f64,
    /// Pixels are saturated from this value on.
    pub saturation: Option<f64>,
}

/// Columns that one family computes.
struct Row<Begin> {
    columns: &'static [&'static str],
    /// Columns that fall out too, after its own, where it is at work anyway.
    also: &'static [&'static str],
    needs: Needs,
    begin: Begin,
}

type OfMask = fn() -> Box<dyn Family>;
type OfPlane<P> = for<'a> fn(Grid<'a, P>, Light, Level) -> Box<dyn Family + 'a>;

/// The families that the mask is enough for. A new family is a file and a row.
const OF_MASK: &[Row<OfMask>] = &[
    Row {
        columns: moments::COLUMNS,
        also: &[],
        needs: Needs::Mask,
        begin: || Box::<moments::Moments>::default(),
    },
    Row {
        columns: perimeter::COLUMNS,
        also: &[],
        needs: Needs::Mask,
        begin: || Box::<perimeter::Perimeter>::default(),
    },
    Row { columns: hull::COLUMNS, also: &[], needs: Needs::Mask, begin: || Box::<hull::Hull>::default() },
    Row {
        columns: topology::COLUMNS,
        also: &[],
        needs: Needs::Mask,
        begin: || Box::<topology::Topology>::default(),
    },
];

/// The families of a channel.
fn of_plane<P: Pixel>() -> [Row<OfPlane<P>>; 3] {
    [
        Row {
            columns: intensity::COLUMNS,
            also: above::COLUMNS,
            needs: Needs::Image,
            begin: |image, light, _| Box::new(intensity::Intensity::new(image, light)),
        },
        Row {
            columns: mass::COLUMNS,
            also: &[],
            needs: Needs::Image,
            begin: |image, _, level| Box::new(mass::Mass::new(image, level)),
        },
        Row {
            columns: focus::COLUMNS,
            also: &[],
            needs: Needs::Image,
            begin: |image, _, level| Box::new(focus::Focus::new(image, level)),
        },
    ]
}

/// Columns that are no family's, since they are found otherwise than cell by cell.
const OTHERS: &[(&[&str], Needs)] = &[
    (above::COLUMNS, Needs::Threshold),
    (place::COLUMNS, Needs::Mask),
    (nuclei::COLUMNS, Needs::Nuclei),
    (whole::COLUMNS, Needs::Image),
    (BACKGROUND_COLUMNS, Needs::Background),
];

/// What is measured of the pixels of a channel that lie outside every cell.
pub const BACKGROUND_COLUMNS: &[&str] = &["background_median", "background_mad"];

/// What each of these measures has to see.
///
/// # Errors
/// A name that is no measure.
pub fn needs(names: &[&str]) -> Result<Vec<Needs>> {
    let known = || {
        let of_mask = OF_MASK.iter().map(|row| (row.columns, row.needs));
        let of_plane = of_plane::<u8>().map(|row| (row.columns, row.needs));
        of_mask.chain(of_plane).chain(OTHERS.iter().copied())
    };
    let needs = |&name: &&str| match known().find(|(columns, _)| columns.contains(&name)) {
        Some((_, needs)) => Ok(needs),
        None => Err(Error::Value(format!(
            "measures: found {name:?}; expected some of {}",
            known().flat_map(|(columns, _)| columns).copied().collect::<Vec<_>>().join(", ")
        ))),
    };
    names.iter().map(needs).collect()
}

/// A family at work, and the names of its columns.
pub(super) struct Worker<'a> {
    columns: [&'static [&'static str]; 2],
    family: Box<dyn Family + 'a>,
}

/// Families at work.
pub(super) type Working<'a> = Vec<Worker<'a>>;

/// The families of the mask that have columns of these names.
pub(super) fn begin_of_mask(names: &[&str]) -> Working<'static> {
    begin(OF_MASK, names, |begin| begin())
}

/// The families of a channel that have columns of these names.
pub(super) fn begin_of_plane<'a, P: Pixel>(image: Grid<'a, P>, light: Light, names: &[&str]) -> Working<'a> {
    let level = Level::best();
    begin(&of_plane::<P>(), names, |begin| begin(image, light, level))
}

/// The families that have columns of these names.
fn begin<'a, B>(rows: &[Row<B>], names: &[&str], begin: impl Fn(&B) -> Box<dyn Family + 'a>) -> Working<'a> {
    let wanted = rows.iter().filter(|row| row.columns.iter().any(|column| names.contains(column)));
    wanted.map(|row| Worker { columns: [row.columns, row.also], family: begin(&row.begin) }).collect()
}

/// Shows every cell to these families, which are of the mask or of one channel each.
pub(super) fn sweep(cells: &ByRegion, shape: (usize, usize), families: &mut [Working<'_>]) {
    let mut around = Neighbourhood::default();
    let look_around = families.iter().flatten().any(|worker| worker.family.looks_around());
    for runs in cells.iter() {
        if look_around {
            around.find(runs, shape);
        }
        let cell = Cell { runs, around: &around };
        for worker in families.iter_mut().flatten() {
            worker.family.add(&cell);
        }
    }
}

/// The columns of these names that the families have kept.
pub(super) fn finish(families: Working<'_>, names: &[&str]) -> Vec<Column> {
    let columns = families
        .into_iter()
        .flat_map(|Worker { columns, family }| columns.into_iter().flatten().copied().zip(family.finish()));
    columns.filter(|(column, _)| names.contains(column)).collect()
}
