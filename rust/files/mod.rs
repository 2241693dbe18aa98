//! Bytes to arrays: images and label images from PNG, .npy and .npz files.
//!
//! Bytes may come from anywhere; reading them from a path is a convenience. What a file declares is
//! checked before memory is taken for it, and memory is only filled as fast as data arrive; no input
//! panics, hangs, or takes more than its declared size.

mod image;
mod mask;
mod npy;
mod npz;
mod png;

#[cfg(test)]
mod tests;

pub use image::{Channel, Image, Pixels};
pub use mask::{Labels, Mask};
pub use png::encode as encode_png;

use crate::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

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

impl FromStr for Format {
    type Err = Error;

    /// The format of this suffix: `png`, `.npy`, `.NPZ`.
    fn from_str(suffix: &str) -> Result<Self> {
        match suffix.strip_prefix('.').unwrap_or(suffix).to_ascii_lowercase().as_str() {
            "png" => Ok(Format::Png),
            "npy" => Ok(Format::Npy),
            "npz" => Ok(Format::Npz),
            _ => Err(Error::Value(format!("suffix: found {suffix:?}; expected .png, .npy or .npz"))),
        }
    }
}

impl Format {
    /// The format of a file of this name.
    ///
    /// # Errors
    /// Another extension.
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        extension.parse().map_err(|_| Error::Value("expected a .png, .npy or .npz file".into()).in_file(path))
    }
}

/// Decodes an image: one channel, or all of them.
///
/// # Errors
/// Bytes that are not of this format, or are damaged; a type other than u8, u16 or f32; more than
/// `max_pixels` pixels declared; no such channel.
pub fn decode_image(bytes: &[u8], format: Format, channel: Channel<'_>, max_pixels: u64) -> Result<Image> {
    check_not_empty(bytes)?;
    let image = match format {
        Format::Png => png::decode(bytes, png::Samples::Expanded, max_pixels),
        Format::Npy => npy::Array::new(bytes, max_pixels)?.image(),
        Format::Npz => npz::open(bytes, max_pixels)?.image(),
    }?;
    image.channel(channel)
}

/// Decodes a label image.
///
/// # Errors
/// Bytes that are not of this format, or are damaged; a type that is not an integer; a negative id;
/// more than `max_pixels` pixels declared; a PNG with several channels.
pub fn decode_mask(bytes: &[u8], format: Format, max_pixels: u64) -> Result<Mask> {
    check_not_empty(bytes)?;
    match format {
        // Samples as stored: of a palette image the indices are the ids.
        Format::Png => png::decode(bytes, png::Samples::Stored, max_pixels)?.try_into(),
        Format::Npy => npy::Array::new(bytes, max_pixels)?.mask(),
        Format::Npz => npz::open(bytes, max_pixels)?.mask(),
    }
}

/// [`decode_image`] of a file; errors begin with its path.
///
/// # Errors
/// A file that can't be read; another extension; as [`decode_image`].
pub fn read_image(path: &Path, channel: Channel<'_>, max_pixels: u64) -> Result<Image> {
    let format = Format::of(path)?;
    decode_image(&read(path, max_pixels)?, format, channel, max_pixels).map_err(|error| error.in_file(path))
}

/// [`decode_mask`] of a file; errors begin with its path.
///
/// # Errors
/// A file that can't be read; another extension; as [`decode_mask`].
pub fn read_mask(path: &Path, max_pixels: u64) -> Result<Mask> {
    let format = Format::of(path)?;
    decode_mask(&read(path, max_pixels)?, format, max_pixels).map_err(|error| error.in_file(path))
}

/// Writes an image as a PNG file.
///
/// # Errors
/// As [`encode_png`]; a file that can't be written.
pub fn write_png(path: &Path, image: &Image) -> Result<()> {
    let file = encode_png(image)?;
    std::fs::write(path, file).map_err(|source| Error::Io { path: path.to_owned(), source })
}

fn check_not_empty(bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        return Err(Error::Value("the file is empty".into()));
    }
    Ok(())
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
