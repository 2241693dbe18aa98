//! Bytes to arrays: images and label images from PNG, .npy and .npz files.
//!
//! What a file declares is checked before memory is taken for it, and memory is only filled as
//! fast as data arrive; no input panics, hangs, or takes more than its declared size.

mod image;
mod mask;
mod npy;
mod npz;
mod png;

#[cfg(test)]
mod tests;

pub use image::{Image, Pixels};
pub use mask::{Labels, Mask};
pub use png::encode as encode_png;

use crate::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How a file is laid out, by its extension; the content is checked against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// One numpy array.
    Npy,
    /// A zip archive of numpy arrays: `arr_0`, or the only one.
    Npz,
}

impl Format {
    /// The format of a file of this name.
    ///
    /// # Errors
    /// Another extension.
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "png" => Ok(Format::Png),
            "npy" => Ok(Format::Npy),
            "npz" => Ok(Format::Npz),
            _ => Err(Error::Value("expected a .png, .npy or .npz file".into())),
        }
    }
}

/// Reads an image with all its channels.
///
/// # Errors
/// A file that can't be read, is not what its extension says, is damaged, has a type other than
/// u8, u16 or f32, or declares more than `max_pixels` pixels.
pub fn read_image(path: &Path, max_pixels: u64) -> Result<Image> {
    let format = Format::of(path).map_err(|error| error.in_file(path))?;
    decode_image(&read(path, max_pixels)?, format, max_pixels).map_err(|error| error.in_file(path))
}

/// The same from the bytes of a file.
///
/// # Errors
/// As [`read_image`].
pub fn decode_image(bytes: &[u8], format: Format, max_pixels: u64) -> Result<Image> {
    match format {
        Format::Png => png::decode(bytes, png::Samples::Expanded, max_pixels),
        Format::Npy => npy::Array::new(bytes, max_pixels)?.image(),
        Format::Npz => npz::open(bytes, max_pixels)?.image(),
    }
}

/// Reads a label image.
///
/// # Errors
/// A file that can't be read, is not what its extension says, is damaged, is not of an integer
/// type, holds a negative id, or declares more than `max_pixels` pixels; a PNG with several channels.
pub fn read_mask(path: &Path, max_pixels: u64) -> Result<Mask> {
    let format = Format::of(path).map_err(|error| error.in_file(path))?;
    decode_mask(&read(path, max_pixels)?, format, max_pixels).map_err(|error| error.in_file(path))
}

/// The same from the bytes of a file.
///
/// # Errors
/// As [`read_mask`].
pub fn decode_mask(bytes: &[u8], format: Format, max_pixels: u64) -> Result<Mask> {
    match format {
        // Samples as stored: of a palette image the indices are the ids.
        Format::Png => png::decode(bytes, png::Samples::Stored, max_pixels)?.try_into(),
        Format::Npy => npy::Array::new(bytes, max_pixels)?.mask(),
        Format::Npz => npz::open(bytes, max_pixels)?.mask(),
    }
}

/// The whole file, unless it is larger than any array of `max_pixels` pixels could make it.
fn read(path: &Path, max_pixels: u64) -> Result<Vec<u8>> {
    let failed = |source| Error::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    // Four channels of at most eight bytes, and a header.
    let most = max_pixels.saturating_mul(32).saturating_add(1 << 20);
    if size > most {
        return Err(too_large(&format!("{size} bytes"), max_pixels).in_file(path));
    }
    let mut bytes = Vec::with_capacity(size as usize + 1);
    // A device or a growing file may hold more than it said.
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.is_empty() {
        return Err(Error::Value("the file is empty".into()).in_file(path));
    }
    Ok(bytes)
}

/// Refuses an array of more pixels than the caller allows.
fn check_size(rows: u64, columns: u64, max_pixels: u64) -> Result<()> {
    match rows.checked_mul(columns) {
        Some(pixels) if pixels <= max_pixels => Ok(()),
        _ => Err(too_large(&format!("{rows} x {columns} pixels"), max_pixels)),
    }
}

fn too_large(found: &str, max_pixels: u64) -> Error {
    Error::Value(format!(
        "declares {found}; at most {max_pixels} pixels are read unless max_pixels is raised"
    ))
}

/// Room for `n` values; memory that can't be had is an error, not the end of the process.
fn room<T>(n: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(n)
        .map_err(|error| Error::Value(format!("no memory for {n} pixels: {error}")))?;
    Ok(values)
}

/// Column-major values as row-major ones.
fn transpose<T: Copy>(values: &[T], rows: usize, columns: usize) -> Result<Vec<T>> {
    const TILE: usize = 64; // a tile of either side stays in the first-level cache
    let mut transposed = room(values.len())?;
    transposed.extend_from_slice(values);
    for top in (0..rows).step_by(TILE) {
        for left in (0..columns).step_by(TILE) {
            for row in top..rows.min(top + TILE) {
                for column in left..columns.min(left + TILE) {
                    transposed[row * columns + column] = values[column * rows + row];
                }
            }
        }
    }
    Ok(transposed)
}
