//! The convention of the notebook that this package grew from, to the last bit.
//!
//! All that sets it apart stands in this file:
//!
//! * a 16-bit image with a value above 255 is divided by 255 and wrapped to 8 bits;
//! * the pixels of cells take part in the quantile as zeros;
//! * boxes are inclusive, and the last row and column of each are left out of every count;
//! * where no pixel has label 0, the cell of the lowest id is taken for the background and left out.

use super::grid::Grid;
use super::label::Label;
use super::measure::{Cells, Read, Request};
use super::plane::Plane;
use super::scan::Outline;
use crate::{Error, Result};

/// The measures that the notebook has.
const MEASURES: &[&str] = &["area_above"];

/// What [`super::measure`] does, by this convention.
pub(super) fn measure<L: Label>(
    labels: Grid<'_, L>,
    channels: &[Plane<'_>],
    request: &Request<'_>,
) -> Result<Cells> {
    if let Some(other) = request.measures.iter().find(|name| !MEASURES.contains(name)) {
        return Err(Error::Value(format!(
            "convention: found \"notebook\" and the measure {other}, which it does not have; expected \"cellsieve\""
        )));
    }
    let [channel] = *channels else {
        return Err(Error::Value(format!(
            "convention: found \"notebook\" and {} channels; it measures one",
            channels.len()
        )));
    };
    match wrapped_to_8_bits(channel)? {
        Some(wrapped) => measure_as_it_is(labels, Grid::new(&wrapped, channel.shape()).into(), request),
        None => measure_as_it_is(labels, channel, request),
    }
}

/// The pixels wrapped to 8 bits; `None` where they stay as they are.
fn wrapped_to_8_bits(channel: Plane<'_>) -> Result<Option<Vec<u8>>> {
    match channel {
        Plane::U8(_) => Ok(None),
        Plane::U16(Grid { values, .. }) => {
            let wraps = values.iter().any(|&pixel| pixel > 255);
            Ok(wraps.then(|| values.iter().map(|&pixel| (pixel / 255) as u8).collect()))
        }
        Plane::F32(_) => {
            Err(Error::Value("the image is float32; the notebook's convention is for 8 and 16 bits".into()))
        }
    }
}

fn measure_as_it_is<L: Label>(
    labels: Grid<'_, L>,
    channel: Plane<'_>,
    request: &Request<'_>,
) -> Result<Cells> {
    let mut read = Read::new(labels, &[channel], request)?;
    let pixels = labels.values.len() as u64;
    let zeros = pixels - read.background_area;
    read.outside.iter_mut().for_each(|outside| outside.add_zeros(zeros));
    make_inclusive(&mut read.outline);
    let mut cells = read.measure(&[channel], None, request)?;
    if cells.background_area == 0 {
        cells.remove_first();
    }
    Ok(cells)
}

/// Cuts the last row and column off every region, and says where the box ends as the notebook does.
fn make_inclusive(outline: &mut Outline) {
    for region in &mut outline.regions {
        region.max_row -= 1;
        region.max_col -= 1;
        region.area = 0;
    }
    let regions = &mut outline.regions;
    outline.runs.retain_mut(|run| {
        let region = &mut regions[run.region as usize];
        run.end = run.end.min(region.max_col);
        let stays = run.row < region.max_row && run.start < run.end;
        if stays {
            region.area += u64::from(run.end - run.start);
        }
        stays
    });
}
