//! From one label image and one channel to the numbers of every cell.

use super::background::Background;
use super::components::Suspect;
use super::grid::Grid;
use super::label::Label;
use super::measures::{Column, Needs, Values, basic, needs, sweep};
use super::pixel::Pixel;
use super::rle::{self, Rle};
use super::scan::{Outline, scan};
use crate::{Error, Result};
use std::str::FromStr;

/// Where the threshold comes from.
#[derive(Clone, Copy, Debug)]
pub enum Threshold {
    /// This value.
    Fixed(f64),
    /// This quantile of the background.
    Quantile(f64),
}

impl Threshold {
    fn check(self) -> Result<()> {
        match self {
            Threshold::Fixed(value) if value.is_nan() => {
                Err(Error::Value("threshold: found NaN; expected a number".into()))
            }
            Threshold::Quantile(q) if !(0.0..=1.0).contains(&q) => {
                Err(Error::Value(format!("quantile: found {q}; expected a number from 0 to 1")))
            }
            _ => Ok(()),
        }
    }
}

/// Which pixels count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// The background is the pixels with label 0; boxes are half-open; every pixel of a cell counts.
    Cellsieve,
    /// The notebook's numbers, to the last bit; see the file `notebook.rs`.
    Notebook,
}

impl FromStr for Convention {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "cellsieve" => Ok(Convention::Cellsieve),
            "notebook" => Ok(Convention::Notebook),
            other => Err(Error::Value(format!(
                "convention: found {other:?}; expected \"cellsieve\" or \"notebook\""
            ))),
        }
    }
}

/// What is wanted of an image.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The measures beyond label, box and area, by their names.
    pub measures: &'a [&'a str],
    /// Where the threshold comes from, if a measure needs one.
    pub threshold: Threshold,
    /// Which pixels count.
    pub convention: Convention,
    /// Whether cells are encoded too.
    pub rle: bool,
    /// The largest id that the file of the mask could hold; by the labels' type if `None`.
    pub clip: Option<u64>,
}

/// The numbers of one image.
#[derive(Debug)]
pub struct Cells {
    /// Label, box, area and the measures asked for: one value per cell, by ascending label.
    pub columns: Vec<Column>,
    /// NaN where there is no background, or no measure needs a threshold.
    pub threshold: f64,
    /// The number of pixels with label 0.
    pub background_area: u64,
    /// A label that seems to stand for many cells.
    pub suspect: Option<Suspect>,
    /// The compressed encoding of each cell, if asked for.
    pub rle: Option<Vec<String>>,
}

/// What one pass over the mask leaves, before anything is measured.
pub(super) struct Read<P: Pixel> {
    pub outline: Outline,
    /// The pixels with label 0, where their quantile is wanted.
    pub background: P::Background,
    pub background_area: u64,
    suspect: Option<Suspect>,
    rle: Option<Vec<String>>,
    needs: Option<Needs>,
}

impl<P: Pixel> Read<P> {
    pub fn new<L: Label>(
        labels: Grid<'_, L>,
        image: Option<Grid<'_, P>>,
        request: &Request<'_>,
    ) -> Result<Self> {
        let needs = needs(request.measures)?;
        request.threshold.check()?;
        if needs.is_some() && image.is_none() {
            let names = request.measures.join(", ");
            return Err(Error::Value(format!("image: found none; {names} can't be measured without")));
        }
        image.map_or(Ok(()), |image| image.same_field(&labels))?;
        let mut background = P::Background::default();
        let outline = match (image, request.threshold) {
            (Some(image), Threshold::Quantile(_)) if needs == Some(Needs::Threshold) => {
                scan(labels, |outside| background.add(&image.values[outside]))?
            }
            _ => scan(labels, |_| ())?,
        };
        if image.is_some_and(|image| P::any_nan(image.values)) {
            return Err(Error::Value(
                "the image holds NaN (pixels that are not a number); fill or mend them first".into(),
            ));
        }
        Ok(Read {
            background,
            background_area: outline.background_area(),
            suspect: Suspect::of(&outline, request.clip.unwrap_or(L::CAPACITY)),
            rle: request.rle.then(|| rle::encode(&outline).iter().map(Rle::text).collect()),
            needs,
            outline,
        })
    }

    /// Measures the regions of the outline and puts them in the order of their labels.
    pub fn measure(self, image: Option<Grid<'_, P>>, request: &Request<'_>) -> Result<Cells> {
        let Read { outline, background, background_area, suspect, rle, needs } = self;
        let threshold = match request.threshold {
            _ if needs != Some(Needs::Threshold) => f64::NAN,
            Threshold::Fixed(value) => value,
            Threshold::Quantile(q) => {
                let value = background.quantile(q);
                if value.is_nan() && background_area > 0 {
                    return Err(Error::Value(
                        "the image holds infinite pixels, so its background has no quantile".into(),
                    ));
                }
                value
            }
        };
        let mut columns = basic(&outline.regions);
        if let Some(image) = image {
            columns.extend(sweep(&outline, image, threshold, request.measures));
        }
        let mut order: Vec<usize> = (0..outline.regions.len()).collect();
        order.sort_unstable_by_key(|&place| outline.regions[place].label);
        for (_, values) in &mut columns {
            values.reorder(&order);
        }
        Ok(Cells { columns, threshold, background_area, suspect, rle })
    }
}

impl Cells {
    /// How many cells there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |(_, values)| values.len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Leaves out the cell of the lowest label.
    pub(super) fn remove_first(&mut self) {
        if self.is_empty() {
            return;
        }
        for (_, values) in &mut self.columns {
            values.remove_first();
        }
        if let Some(texts) = &mut self.rle {
            texts.remove(0);
        }
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Values::Integers(values) => values.len(),
            Values::Reals(values) => values.len(),
        }
    }

    fn reorder(&mut self, order: &[usize]) {
        match self {
            Values::Integers(values) => *values = order.iter().map(|&place| values[place]).collect(),
            Values::Reals(values) => *values = order.iter().map(|&place| values[place]).collect(),
        }
    }

    fn remove_first(&mut self) {
        match self {
            Values::Integers(values) => drop(values.remove(0)),
            Values::Reals(values) => drop(values.remove(0)),
        }
    }
}
