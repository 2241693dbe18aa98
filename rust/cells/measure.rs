//! From one label image and some channels to the numbers of every cell.

use super::by_region::ByRegion;
use super::components::Suspect;
use super::grid::Grid;
use super::label::Label;
use super::measures::{
    BACKGROUND_COLUMNS, Column, Light, Needs, Values, Working, above, basic, begin_of_mask, begin_of_plane,
    finish, needs, nuclei, place, sweep, whole,
};
use super::plane::{Outside, Plane, with_plane};
use super::rle::{self, Rle};
use super::scan::{Outline, Run, scan};
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
    /// Pixels are saturated from this value on; if `None`, from the largest of their type.
    pub saturation: Option<f64>,
    /// The measures of channels that are wanted of the nuclei and of the rest of the cells, apart.
    pub compartments: &'a [&'a str],
    /// Whether cells are encoded too.
    pub rle: bool,
    /// The largest id that the file of the mask could hold; by the labels' type if `None`.
    pub clip: Option<u64>,
}

/// The numbers of one image.
#[derive(Debug)]
pub struct Cells {
    /// Label, box, area and the measures of the masks: one value per cell, by ascending label.
    pub columns: Vec<Column>,
    /// The measures of each channel.
    pub channels: Vec<OfChannel>,
    /// The number of pixels with label 0.
    pub background_area: u64,
    /// The number of cells with a pixel in the first or last row or column.
    pub at_border: u64,
    /// A label that seems to stand for many cells.
    pub suspect: Option<Suspect>,
    /// The compressed encoding of each cell, if asked for.
    pub rle: Option<Vec<String>>,
}

/// The numbers of one channel.
#[derive(Debug)]
pub struct OfChannel {
    /// NaN where there is no background, or no measure needs a threshold.
    pub threshold: f64,
    /// What was asked for of the channel as a whole.
    pub image: Vec<(&'static str, f64)>,
    /// One value per cell, by ascending label.
    pub columns: Vec<Column>,
    /// The same of the nuclei and of the rest of the cells, if asked for.
    pub compartments: Option<[Vec<Column>; 2]>,
}

/// What one pass over the mask leaves, before anything is measured.
pub(super) struct Read<'a> {
    pub outline: Outline,
    /// The pixels with label 0 of each channel, where they are wanted.
    pub outside: Vec<Box<dyn Outside + 'a>>,
    pub background_area: u64,
    suspect: Option<Suspect>,
    rle: Option<Vec<String>>,
    needs: Vec<Needs>,
}

impl<'a> Read<'a> {
    pub fn new<L: Label>(labels: Grid<'_, L>, planes: &[Plane<'a>], request: &Request<'_>) -> Result<Self> {
        let names = [request.measures, request.compartments].concat();
        let needs = needs(&names)?;
        request.threshold.check()?;
        if planes.is_empty() {
            let of_planes = names.iter().zip(&needs).filter(|(_, needs)| **needs >= Needs::Image);
            let names: Vec<_> = of_planes.map(|(name, _)| *name).collect();
            if !names.is_empty() {
                let names = names.join(", ");
                return Err(Error::Value(format!("image: found none; {names} can't be measured without")));
            }
        }
        planes.iter().try_for_each(|plane| plane.check(&labels))?;
        let by_quantile = matches!(request.threshold, Threshold::Quantile(_));
        let gathers =
            needs.contains(&Needs::Background) || (by_quantile && needs.contains(&Needs::Threshold));
        let mut outside: Vec<_> = planes.iter().filter(|_| gathers).map(Plane::outside).collect();
        let outline = scan(labels, |places| outside.iter_mut().for_each(|plane| plane.add(places.clone())))?;
        Ok(Read {
            outside,
            background_area: outline.background_area(),
            suspect: Suspect::of(&outline, request.clip.unwrap_or(L::CAPACITY)),
            rle: request.rle.then(|| rle::encode(&outline).iter().map(Rle::text).collect()),
            needs,
            outline,
        })
    }

    /// Measures the regions of the outline and puts them in the order of their labels.
    pub fn measure(
        mut self,
        planes: &[Plane<'a>],
        second: Option<&Outline>,
        request: &Request<'_>,
    ) -> Result<Cells> {
        let names = request.measures;
        let lights = (0..planes.len()).map(|place| self.light(place, request)).collect::<Result<Vec<_>>>()?;
        let regions = &self.outline.regions;
        let shape = self.outline.shape;

        let working = |names: &[&str]| -> Vec<Working<'a>> {
            let each = planes.iter().zip(&lights);
            each.map(|(plane, &light)| with_plane!(*plane, |image| begin_of_plane(image, light, names)))
                .collect()
        };
        let swept = |runs: &[Run], mut families: Vec<Working<'a>>, names: &[&str]| -> Vec<Vec<Column>> {
            if families.iter().any(|families| !families.is_empty()) {
                sweep(&ByRegion::new(runs, regions.len()), shape, &mut families);
            }
            families.into_iter().map(|families| finish(families, names)).collect()
        };
        let all = std::iter::once(begin_of_mask(names)).chain(working(names)).collect();
        let mut of_cells = swept(&self.outline.runs, all, names).into_iter();

        let mut columns = basic::columns(regions);
        columns.extend(of_cells.next().into_iter().flatten());
        if names.iter().any(|name| place::COLUMNS.contains(name)) {
            columns.extend(place::columns(&self.outline));
        }
        let mut parts = None;
        let apart = request.compartments;
        if !apart.is_empty() || self.needs.contains(&Needs::Nuclei) {
            let second = second.ok_or_else(|| {
                Error::Value("nuclei: found none; expected a label image of the nuclei".into())
            })?;
            let (of_nuclei, compartments) = nuclei::columns(&self.outline, second);
            columns.extend(of_nuclei);
            parts = (!apart.is_empty()).then_some(compartments);
        }
        columns.retain(|(name, _)| basic::COLUMNS.contains(name) || names.contains(name));
        let mut parts = parts.map(|nuclei::Compartments { nucleus, cytoplasm }| {
            [nucleus, cytoplasm].map(|runs| swept(&runs, working(apart), apart).into_iter())
        });

        let mut order: Vec<usize> = (0..regions.len()).collect();
        order.sort_unstable_by_key(|&place| regions[place].label);
        let ordered = |mut columns: Vec<Column>| {
            for (_, values) in &mut columns {
                values.reorder(&order);
            }
            columns
        };
        let mut channels = Vec::new();
        for (place, (plane, light)) in planes.iter().zip(&lights).enumerate() {
            let mut columns = of_cells.next().unwrap_or_default();
            let counted = columns.iter().any(|(name, _)| above::COLUMNS.contains(name));
            if !counted && names.iter().any(|name| above::COLUMNS.contains(name)) {
                columns.extend(with_plane!(*plane, |image| above::columns(
                    &self.outline.runs,
                    regions.len(),
                    image,
                    light.threshold
                )));
            }
            channels.push(OfChannel {
                threshold: light.threshold,
                image: of_image(plane, *light, self.outside.get_mut(place), names),
                columns: ordered(columns),
                compartments: parts
                    .as_mut()
                    .map(|parts| parts.each_mut().map(|part| ordered(part.next().unwrap_or_default()))),
            });
        }
        Ok(Cells {
            columns: ordered(columns),
            channels,
            background_area: self.background_area,
            at_border: regions.iter().filter(|region| region.touches_border(shape)).count() as u64,
            suspect: self.suspect,
            rle: self.rle,
        })
    }

    /// The threshold of a channel.
    fn light(&mut self, place: usize, request: &Request<'_>) -> Result<Light> {
        let threshold = match request.threshold {
            _ if !self.needs.contains(&Needs::Threshold) => f64::NAN,
            Threshold::Fixed(value) => value,
            Threshold::Quantile(q) => {
                let value = self.outside[place].quantile(q);
                if value.is_nan() && self.background_area > 0 {
                    return Err(Error::Value(
                        "the image holds infinite pixels, so its background has no quantile".into(),
                    ));
                }
                value
            }
        };
        Ok(Light { threshold, saturation: request.saturation })
    }
}

/// What was asked for of a channel as a whole.
fn of_image(
    plane: &Plane<'_>,
    light: Light,
    outside: Option<&mut Box<dyn Outside + '_>>,
    names: &[&str],
) -> Vec<(&'static str, f64)> {
    let mut found = Vec::new();
    if names.iter().any(|name| whole::COLUMNS.contains(name)) {
        let values = with_plane!(plane, |image| whole::columns(*image, light.saturation));
        let columns = whole::COLUMNS.iter().copied().zip(values);
        found.extend(columns.filter(|(name, _)| names.contains(name)));
    }
    if let Some(outside) = outside.filter(|_| names.iter().any(|name| BACKGROUND_COLUMNS.contains(name))) {
        let median = outside.quantile(0.5);
        let columns = BACKGROUND_COLUMNS.iter().copied();
        let values = [median, outside.median_distance(median)];
        found.extend(columns.zip(values).filter(|(name, _)| names.contains(name)));
    }
    found
}

impl Cells {
    /// Leaves out the cell of the lowest label.
    pub(super) fn remove_first(&mut self) {
        if self.columns[0].1.is_empty() {
            return;
        }
        let of_channels = self.channels.iter_mut().flat_map(|channel| &mut channel.columns);
        for (_, values) in self.columns.iter_mut().chain(of_channels) {
            values.remove_first();
        }
        if let Some(texts) = &mut self.rle {
            texts.remove(0);
        }
    }
}

impl Values {
    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Values::Integers(values) => values.len(),
            Values::Reals(values) => values.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
