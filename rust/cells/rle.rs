//! COCO run-length encoding of every cell at once.
//!
//! COCO counts pixels down the columns, from the first column to the last: so many outside, so many
//! inside, so many outside, and so on, beginning with those outside (0 where the first pixel is
//! inside). A cell begins or ends where a pixel has another label than the one above it, so comparing
//! the runs of each row with those of the row above finds every change of every cell; put in the order
//! of the columns, they are the counts.
//!
//! The compressed form is that of pycocotools: from the fourth count on the difference to the count
//! before the previous one, in groups of 5 bits, the lowest first, each group a printable character.

use super::scan::{Outline, Region, Run};
use crate::{Error, Result};

/// A label and the counts of its pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rle {
    /// The id.
    pub label: i64,
    /// Pixels outside, inside, outside, ... down the columns; their sum is the size of the mask.
    pub counts: Vec<u32>,
}

impl Rle {
    /// The compressed form.
    #[must_use]
    pub fn text(&self) -> String {
        to_text(&self.counts)
    }
}

/// Every region's encoding, by ascending label.
#[must_use]
pub fn encode(outline: &Outline) -> Vec<Rle> {
    let (rows, columns) = outline.shape;
    let changes = changes(&outline.runs, rows, columns);
    let total = (rows * columns) as u32;

    // Each region's changes side by side, then in the order of the columns.
    let mut starts = vec![0; outline.regions.len() + 1];
    for &(region, _) in &changes {
        starts[region as usize + 1] += 1;
    }
    for region in 1..starts.len() {
        starts[region] += starts[region - 1];
    }
    let mut free = starts.clone();
    let mut places = vec![0; changes.len()];
    for (region, place) in changes {
        let next = &mut free[region as usize];
        places[*next] = place;
        *next += 1;
    }
    let encode = |(region, bounds): (&Region, &[usize])| {
        let places = &mut places[bounds[0]..bounds[1]];
        places.sort_unstable();
        let mut counts = Vec::with_capacity(places.len() + 1);
        let mut last = 0;
        for &mut place in places {
            counts.push(place - last);
            last = place;
        }
        counts.push(total - last);
        Rle { label: region.label, counts }
    };
    let mut encoded: Vec<Rle> = outline.regions.iter().zip(starts.windows(2)).map(encode).collect();
    encoded.sort_unstable_by_key(|rle| rle.label);
    encoded
}

/// Every change of every region: the region, and how many pixels come before the change.
fn changes(runs: &[Run], rows: usize, columns: usize) -> Vec<(u32, u32)> {
    let mut changes = Vec::new();
    let Some(last) = runs.last() else { return changes };
    // Above the first row is the last one, one column further right: the end of a column is
    // followed by the beginning of the next.
    let bottom = runs.partition_point(|run| (run.row as usize) < rows - 1);
    let wrapped = runs[bottom..].iter().filter(|run| (run.start as usize) < columns - 1);
    let wrapped: Vec<Run> = wrapped
        .map(|run| Run { start: run.start + 1, end: (run.end + 1).min(columns as u32), ..*run })
        .collect();

    let mut above = &wrapped[..];
    let mut rest = runs;
    // One row more than the last with a run, where its regions end.
    for row in 0..(rows as u32).min(last.row + 2) {
        let (here, below) = rest.split_at(rest.iter().take_while(|run| run.row == row).count());
        compare(above, here, |region, columns| {
            changes.extend(columns.map(|column| (region, column * rows as u32 + row)));
        });
        (above, rest) = (here, below);
    }
    changes
}

/// Where nothing follows any more; no mask has such a column.
const END: u32 = u32::MAX;

/// Tells the columns in which a region begins or ends between two rows of runs.
fn compare(above: &[Run], here: &[Run], mut change: impl FnMut(u32, std::ops::Range<u32>)) {
    let (mut above, mut here) = (above.iter().copied().peekable(), here.iter().copied().peekable());
    let mut column = 0;
    loop {
        // What is at this column in both rows, and how far it goes on.
        let (upper, upper_end) = at(above.peek(), column);
        let (lower, lower_end) = at(here.peek(), column);
        let end = upper_end.min(lower_end);
        if end == END {
            return;
        }
        if upper != lower {
            for region in [upper, lower].into_iter().flatten() {
                change(region, column..end);
            }
        }
        column = end;
        above.next_if(|run| run.end == column);
        here.next_if(|run| run.end == column);
    }
}

/// The region at a column, if any, and where what is there ends; `run` is the first that ends beyond.
fn at(run: Option<&Run>, column: u32) -> (Option<u32>, u32) {
    match run {
        Some(run) if run.start <= column => (Some(run.region), run.end),
        Some(run) => (None, run.start),
        None => (None, END),
    }
}

/// The compressed form of counts.
#[must_use]
pub fn to_text(counts: &[u32]) -> String {
    let mut text = String::with_capacity(2 * counts.len());
    for (place, &count) in counts.iter().enumerate() {
        let before = if place > 2 { counts[place - 2] } else { 0 };
        let mut left = i64::from(count) - i64::from(before);
        loop {
            let bits = (left & 0x1F) as u8;
            left >>= 5;
            // The highest bit of the last group is the sign.
            let more = left != if bits & 0x10 == 0 { 0 } else { -1 };
            text.push(char::from(48 + bits + if more { 0x20 } else { 0 }));
            if !more {
                break;
            }
        }
    }
    text
}

/// The counts of a compressed form.
///
/// # Errors
/// A character that the form does not have, a text that ends within a count, a count that is
/// negative or above 2^32 - 1.
pub fn from_text(text: &str) -> Result<Vec<u32>> {
    let bad = |what: String| Error::Value(format!("counts: {what}; expected a COCO compressed string"));
    let mut counts: Vec<u32> = Vec::with_capacity(text.len() / 2);
    let mut characters = text.bytes();
    while let Some(mut character) = characters.next() {
        let mut value = 0;
        let mut shift = 0;
        loop {
            if !(48..112).contains(&character) {
                return Err(bad(format!("found the character {:?}", char::from(character))));
            }
            let bits = i64::from(character - 48);
            // Seven groups hold any difference of two counts.
            if shift > 30 {
                return Err(bad("found a count of more than 35 bits".into()));
            }
            value |= (bits & 0x1F) << shift;
            shift += 5;
            if bits & 0x20 == 0 {
                if bits & 0x10 != 0 {
                    value |= -1 << shift;
                }
                break;
            }
            character = characters.next().ok_or_else(|| bad("it ends within a count".into()))?;
        }
        if counts.len() > 2 {
            value += i64::from(counts[counts.len() - 2]);
        }
        counts.push(u32::try_from(value).map_err(|_| bad(format!("found a count of {value}")))?);
    }
    Ok(counts)
}

/// Writes `value` to the pixels inside; `mask` is row-major with `rows` rows.
///
/// # Errors
/// Counts whose sum is not the number of pixels.
pub fn paint<T: Copy>(counts: &[u32], value: T, mask: &mut [T], rows: usize) -> Result<()> {
    let sum: u64 = counts.iter().copied().map(u64::from).sum();
    if sum != mask.len() as u64 {
        return Err(Error::Value(format!(
            "counts: they add up to {sum} pixels, but the size says {}; both must agree",
            mask.len()
        )));
    }
    if mask.is_empty() {
        return Ok(());
    }
    let columns = mask.len() / rows;
    let mut place = 0;
    for pair in counts.chunks(2) {
        place += pair[0] as usize;
        for place in place..place + pair.get(1).map_or(0, |&inside| inside as usize) {
            mask[place % rows * columns + place / rows] = value;
        }
        place += pair.get(1).map_or(0, |&inside| inside as usize);
    }
    Ok(())
}

/// A label image of `rows` rows and `columns` columns from the compressed encodings of its cells;
/// where cells overlap, the later one wins.
///
/// # Errors
/// As many labels as texts are needed; a label that `T` can't hold; as [`from_text`] and [`paint`]; a
/// size for which there is no memory.
pub fn painted<T>(texts: &[String], labels: &[u64], rows: usize, columns: usize) -> Result<Vec<T>>
where
    T: Copy + Default + TryFrom<u64>,
{
    if texts.len() != labels.len() {
        let (texts, labels) = (texts.len(), labels.len());
        return Err(Error::Value(format!("labels: found {labels} for {texts} encodings; expected one each")));
    }
    let mut mask = Vec::new();
    rows.checked_mul(columns)
        .map_or(Err("too large".to_owned()), |size| {
            mask.try_reserve_exact(size).map_err(|error| error.to_string()).map(|()| size)
        })
        .map(|size| mask.resize(size, T::default()))
        .map_err(|error| Error::Value(format!("size: no memory for {rows} x {columns} pixels: {error}")))?;
    for (text, &label) in texts.iter().zip(labels) {
        let value = T::try_from(label)
            .map_err(|_| Error::Value(format!("labels: found {label}, too large for the mask's type")))?;
        paint(&from_text(text)?, value, &mut mask, rows)?;
    }
    Ok(mask)
}

#[cfg(test)]
mod tests;
