//! From one label image and one channel to the numbers of every cell.

use super::background::Background;
use super::components::{Pieces, pieces};
use super::label::Label;
use super::pixel::Pixel;
use super::region::Region;
use super::scan::{Outline, Scan, scan};
use crate::{Error, Result};

/// Where the threshold comes from.
#[derive(Clone, Copy, Debug)]
pub enum Threshold {
    /// This value.
    Fixed(f64),
    /// This quantile of the background.
    Quantile(f64),
}

/// Which pixels count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// The background is the pixels with label 0; boxes are half-open; every pixel of a cell counts.
    Cellsieve,
    /// The notebook's numbers, to the last bit. The pixels of cells take part in the quantile as
    /// zeros; boxes are inclusive, and the last row and column of each are left out of both counts;
    /// a 16-bit image with a value above 255 is divided by 255 and wrapped to 8 bits; and where no
    /// pixel has label 0, the cell of the lowest id is taken for the background and is left out.
    Notebook,
}

/// The numbers of one image.
#[derive(Debug)]
pub struct Measurement {
    /// A region a cell, by ascending label.
    pub regions: Vec<Region>,
    /// Pixels strictly above this count as `area_above`; NaN where there is no background.
    pub threshold: f64,
    /// The number of pixels with label 0.
    pub background_area: u64,
    /// A label that seems to stand for many cells: see [`measure`].
    pub suspect: Option<Pieces>,
    /// What the cells are made of, so that nothing else has to read the mask again.
    pub outline: Outline,
}

/// Measures every cell of `labels` in `image`, both row-major with `columns` columns.
///
/// `clip` is the largest id that the file of the mask could hold. Where it is 255 or 65,535, is
/// taken, and lies in several pieces, ids above it may have been clipped to it. A mask whose only
/// id is that, or lies in several pieces, may be a foreground mask rather than a label image.
/// Either is named as `suspect`.
///
/// # Errors
/// As [`scan`]; a NaN pixel; infinite pixels that leave the quantile without a value; a quantile
/// outside 0 to 1; a floating-point image where the convention is the notebook's.
pub fn measure<L: Label, P: Pixel>(
    labels: &[L],
    image: &[P],
    columns: usize,
    threshold: Threshold,
    convention: Convention,
    clip: u64,
) -> Result<Measurement> {
    if let Threshold::Quantile(q) = threshold
        && !(0.0..=1.0).contains(&q)
    {
        return Err(Error::Value(format!("quantile: found {q}; expected a number from 0 to 1")));
    }
    if convention == Convention::Notebook && P::FLOATING {
        return Err(Error::Value("image: float32; the notebook's convention is for 8 and 16 bits".into()));
    }
    if convention == Convention::Notebook
        && let Some(wrapped) = P::wrapped_to_8_bits(image)
    {
        return measure(labels, &wrapped, columns, threshold, convention, clip);
    }
    let Scan { outline, mut background, background_area } = scan(labels, image, columns)?;
    let mut regions = outline.regions.clone();
    if P::any_nan(image) {
        return Err(Error::Value(
            "the image holds NaN (pixels that are not a number); fill or mend them first".into(),
        ));
    }
    if convention == Convention::Notebook {
        background.add_zeros(image.len() as u64 - background_area);
    }
    let threshold = match threshold {
        Threshold::Fixed(value) => value,
        Threshold::Quantile(q) => background.quantile(q),
    };
    if threshold.is_nan() && background_area > 0 {
        return Err(Error::Value(
            "the image holds infinite pixels, so its background has no quantile".into(),
        ));
    }
    let suspect = suspect(&outline, clip);

    if convention == Convention::Notebook {
        regions.iter_mut().for_each(make_inclusive);
    }
    for run in &outline.runs {
        let region = &mut regions[run.region as usize];
        let mut end = run.end;
        if convention == Convention::Notebook {
            if run.row == region.max_row {
                continue;
            }
            end = end.min(region.max_col);
            region.area += u64::from(end - run.start);
        }
        let row = run.row as usize * columns;
        region.area_above += P::count_above(&image[row + run.start as usize..row + end as usize], threshold);
    }
    regions.sort_unstable_by_key(|region| region.label);
    if convention == Convention::Notebook && background_area == 0 && !regions.is_empty() {
        regions.remove(0);
    }
    Ok(Measurement { regions, threshold, background_area, suspect, outline })
}

/// The notebook's box, whose ends are the last row and column; its area is counted anew within.
fn make_inclusive(region: &mut Region) {
    region.max_row -= 1;
    region.max_col -= 1;
    region.area = 0;
}

/// The region that may stand for many cells.
fn suspect(Outline { regions, runs }: &Outline, clip: u64) -> Option<Pieces> {
    let (place, region) = regions.iter().enumerate().max_by_key(|(_, region)| region.label)?;
    let largest = matches!(clip, 0xFF | 0xFFFF) && region.label == clip as i64;
    let alone = regions.len() == 1;
    if !(largest || alone) {
        return None;
    }
    let pieces = pieces(runs, place as u32);
    (pieces > 1 || (largest && alone)).then_some(Pieces { label: region.label, pieces })
}
