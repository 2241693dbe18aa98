//! The slow truth: each number from its definition, one pass over the image per cell.

use super::measure::{Convention, Threshold};

/// The numbers of one cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cell {
    pub label: i64,
    pub min_row: i64,
    pub min_col: i64,
    pub max_row: i64,
    pub max_col: i64,
    pub area: i64,
    pub area_above: i64,
    /// Of the pixels that count, if any does.
    pub intensity_max: Option<f64>,
}

/// What [`super::measure`] finds, of labels as `i64` and pixels as `f64`, without the suspect.
pub(super) fn measure(
    labels: &[i64],
    image: &[f64],
    columns: usize,
    threshold: Threshold,
    convention: Convention,
) -> (Vec<Cell>, f64) {
    let notebook = convention == Convention::Notebook;
    let image: Vec<f64> = if notebook && image.iter().any(|&pixel| pixel > 255.0) {
        image.iter().map(|pixel| (pixel / 255.0).floor() % 256.0).collect()
    } else {
        image.to_vec()
    };
    let outside = labels.iter().zip(&image).filter(|(label, _)| **label == 0).map(|(_, &pixel)| pixel);
    let mut background: Vec<f64> = outside.collect();
    if notebook {
        background.resize(image.len(), 0.0);
    }
    let threshold = match threshold {
        Threshold::Fixed(value) => value,
        Threshold::Quantile(q) => quantile(background, q),
    };

    let mut ids: Vec<i64> = labels.to_vec();
    ids.sort_unstable();
    ids.dedup();
    if notebook && !ids.is_empty() {
        ids.remove(0);
    }
    ids.retain(|&id| id != 0);
    let cells = ids.into_iter().map(|id| {
        let places = || {
            let of_id = labels.iter().enumerate().filter(move |(_, label)| **label == id);
            of_id.map(|(place, _)| ((place / columns) as i64, (place % columns) as i64))
        };
        let mut cell = Cell {
            label: id,
            min_row: places().map(|(row, _)| row).min().unwrap(),
            min_col: places().map(|(_, column)| column).min().unwrap(),
            max_row: places().map(|(row, _)| row).max().unwrap() + i64::from(!notebook),
            max_col: places().map(|(_, column)| column).max().unwrap() + i64::from(!notebook),
            ..Cell::default()
        };
        for (row, column) in places().filter(|&(row, column)| row < cell.max_row && column < cell.max_col) {
            let pixel = image[row as usize * columns + column as usize];
            cell.area += 1;
            cell.area_above += i64::from(pixel > threshold);
            cell.intensity_max = cell.intensity_max.map_or(Some(pixel), |max| Some(max.max(pixel)));
        }
        cell
    });
    (cells.collect(), threshold)
}

/// The quantile of method "linear", by sorting.
pub(super) fn quantile(mut values: Vec<f64>, q: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_by(f64::total_cmp);
    let h = (values.len() - 1) as f64 * q;
    let (a, b) = (values[h.floor() as usize], values[h.ceil() as usize]);
    let gamma = h - h.floor();
    if gamma >= 0.5 { b - (b - a) * (1.0 - gamma) } else { a + (b - a) * gamma }
}
