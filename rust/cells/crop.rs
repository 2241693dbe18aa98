//! A window of an image around one cell.

use super::grid::Grid;
use super::label::Label;
use super::pixel::Pixel;
use super::resize::resize;
use super::runs::run_end;
use crate::{Error, Result};
use std::ops::Range;
use std::str::FromStr;

/// A rectangle of an image; it may reach beyond the image on any side.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// First row.
    pub row: i64,
    /// First column.
    pub column: i64,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
}

/// Which pixels of a window are kept; the others become 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Those of the cell.
    Cell,
    /// Those of the cell and those outside every cell.
    CellAndOutside,
    /// All.
    All,
}

impl FromStr for Keep {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "cell" => Ok(Keep::Cell),
            "cell_and_outside" => Ok(Keep::CellAndOutside),
            "all" => Ok(Keep::All),
            other => Err(Error::Value(format!(
                "keep: found {other:?}; expected \"cell\", \"cell_and_outside\" or \"all\""
            ))),
        }
    }
}

/// The crops that are wanted.
#[derive(Clone, Debug)]
pub struct Cuts {
    /// The label of each cell.
    pub labels: Vec<i64>,
    /// The window around it.
    pub windows: Vec<Window>,
    /// Which pixels are kept.
    pub keep: Keep,
    /// The rows and columns that crops are scaled to; their windows' if `None`.
    pub size: Option<(usize, usize)>,
}

/// Cuts windows out of every channel and hands each crop to `then` with its rows and columns, so that
/// one crop at a time is in memory.
///
/// # Errors
/// No channel; one of another shape than the mask; not one window per label; as `then`.
pub fn crops<L: Label, P: Pixel, R>(
    mask: Grid<'_, L>,
    channels: &[Grid<'_, P>],
    cuts: &Cuts,
    then: impl Fn(Vec<P>, (usize, usize)) -> Result<R>,
) -> Result<Vec<R>> {
    let Cuts { labels, windows, keep, size } = cuts;
    if channels.is_empty() {
        return Err(Error::Value("channels: found none; expected at least one".into()));
    }
    channels.iter().try_for_each(|channel| channel.same_field(&mask))?;
    if labels.len() != windows.len() {
        return Err(Error::Value(format!(
            "windows: length {}; expected {}, one per label",
            windows.len(),
            labels.len()
        )));
    }
    let cells = labels.iter().zip(windows);
    let cut = cells.map(|(&label, &window)| {
        let (cut, shape) = (crop(mask, channels, window, label, *keep), (window.rows, window.columns));
        match *size {
            Some(size) if size != shape => then(resize(&cut, channels.len(), shape, size), size),
            _ => then(cut, shape),
        }
    });
    cut.collect()
}

/// Cuts the window out of every channel; the values of a pixel lie side by side.
///
/// Channels are of the mask's shape. Pixels beyond the image are 0, and so are all where the label
/// is not in the mask and only its own are kept.
#[must_use]
pub fn crop<L: Label, P: Copy + Default>(
    mask: Grid<'_, L>,
    channels: &[Grid<'_, P>],
    window: Window,
    label: i64,
    keep: Keep,
) -> Vec<P> {
    let label = L::of(label);
    let depth = channels.len();
    let mut cut = vec![P::default(); window.rows * window.columns * depth];
    // What of the window lies on the image.
    let (top, bottom) = overlap(window.row, window.rows, mask.rows);
    let (left, right) = overlap(window.column, window.columns, mask.columns);
    if left >= right {
        return cut;
    }
    for row in top..bottom {
        let place = row * mask.columns;
        let labels = &mask.values[place + left..place + right];
        let to = ((row as i64 - window.row) as usize * window.columns
            + (left as i64 - window.column) as usize)
            * depth;
        let to = &mut cut[to..to + labels.len() * depth];
        let mut start = 0;
        while start < labels.len() {
            let id = labels[start];
            let end = run_end(labels, start);
            let kept = match keep {
                Keep::Cell => Some(id) == label,
                Keep::CellAndOutside => Some(id) == label || id == L::OUTSIDE,
                Keep::All => true,
            };
            if kept {
                let from = place + left + start..place + left + end;
                interleave(channels, from, &mut to[start * depth..end * depth]);
            }
            start = end;
        }
    }
    cut
}

/// Writes some pixels of the channels side by side; the usual numbers of channels without a stride.
fn interleave<P: Copy>(channels: &[Grid<'_, P>], from: Range<usize>, to: &mut [P]) {
    match channels {
        [one] => to.copy_from_slice(&one.values[from]),
        [a, b, c] => {
            let (pixels, _) = to.as_chunks_mut();
            for (((to, &a), &b), &c) in pixels
                .iter_mut()
                .zip(&a.values[from.clone()])
                .zip(&b.values[from.clone()])
                .zip(&c.values[from])
            {
                *to = [a, b, c];
            }
        }
        [a, b, c, d] => {
            let (pixels, _) = to.as_chunks_mut();
            let sources = a.values[from.clone()]
                .iter()
                .zip(&b.values[from.clone()])
                .zip(&c.values[from.clone()])
                .zip(&d.values[from]);
            for (to, (((&a, &b), &c), &d)) in pixels.iter_mut().zip(sources) {
                *to = [a, b, c, d];
            }
        }
        any => {
            for (place, channel) in any.iter().enumerate() {
                let to = to.iter_mut().skip(place).step_by(any.len());
                to.zip(&channel.values[from.clone()]).for_each(|(to, &pixel)| *to = pixel);
            }
        }
    }
}

/// The part of `start..start + length` within `0..size`.
fn overlap(start: i64, length: usize, size: usize) -> (usize, usize) {
    let within = |place: i64| place.clamp(0, size as i64) as usize;
    (within(start), within(start.saturating_add(length as i64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pixel by pixel.
    fn naive(labels: &[u8], pixels: &[u16], columns: usize, window: Window, keep: Keep) -> Vec<u16> {
        let rows = labels.len() / columns;
        let mut cut = Vec::new();
        for row in window.row..window.row + window.rows as i64 {
            for column in window.column..window.column + window.columns as i64 {
                let within = (0..rows as i64).contains(&row) && (0..columns as i64).contains(&column);
                let place = row.wrapping_mul(columns as i64).wrapping_add(column) as usize;
                cut.push(match (within, keep) {
                    (false, _) => 0,
                    (true, Keep::Cell) if labels[place] != 1 => 0,
                    (true, Keep::CellAndOutside) if labels[place] > 1 => 0,
                    _ => pixels[place],
                });
            }
        }
        cut
    }

    proptest! {
        #[test]
        fn every_pixel_is_where_it_belongs(
            (row, column, rows, columns) in (-9..9_i64, -9..9_i64, 0..9_usize, 0..9_usize),
            keep in prop::sample::select(vec![Keep::Cell, Keep::CellAndOutside, Keep::All]),
            labels in prop::collection::vec(0..3_u8, 35),
        ) {
            let window = Window { row, column, rows, columns };
            let first: Vec<u16> = (1..36).collect();
            let second: Vec<u16> = (101..136).collect();
            let (one, other) = (Grid::new(&first, (5, 7)), Grid::new(&second, (5, 7)));
            for channels in [&[one][..], &[one, other], &[other, one, other], &[one, other, one, other]] {
                let cut = crop(Grid::new(&labels, (5, 7)), channels, window, 1, keep);
                for (place, channel) in channels.iter().enumerate() {
                    let found: Vec<u16> = cut.iter().copied().skip(place).step_by(channels.len()).collect();
                    prop_assert_eq!(found, naive(&labels, channel.values, 7, window, keep));
                }
            }
        }
    }
}
