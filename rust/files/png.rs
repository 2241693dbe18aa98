//! PNG, through the `png` crate.

use super::image::{Image, Pixels};
use super::{check_size, room};
use crate::{Error, Result};
use png::{BitDepth, ColorType, Transformations};
use std::io::Cursor;

/// What becomes of samples of less than 8 bits and of palettes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Samples {
    /// As stored: indices stay indices, 1-bit samples 0 and 1.
    Stored,
    /// As seen: colours for indices, full scale for fewer bits.
    Expanded,
}

/// Deflate makes at most 1032 bytes of one.
const MOST_INFLATION: u64 = 1032;

fn damaged(error: png::DecodingError) -> Error {
    match error {
        png::DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::Value("the PNG file is truncated".into())
        }
        png::DecodingError::LimitsExceeded => {
            Error::Value("declares more pixels than can be read; max_pixels can't help".into())
        }
        error if error.to_string().contains("CRC") => {
            Error::Value("the PNG file is damaged: a checksum does not match".into())
        }
        error => Error::Value(format!("not a readable PNG file: {error}")),
    }
}

pub(super) fn decode(bytes: &[u8], samples: Samples, max_pixels: u64) -> Result<Image> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: 1 << 26 });
    decoder.set_transformations(match samples {
        Samples::Stored => Transformations::IDENTITY,
        Samples::Expanded => Transformations::EXPAND,
    });
    // Text, colour profiles and the like have no part in the numbers.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (columns, rows) = reader.info().size();
    check_size(rows.into(), columns.into(), max_pixels)?;
    let raw = u64::from(rows) * reader.info().raw_row_length() as u64;
    if raw / MOST_INFLATION > bytes.len() as u64 {
        return Err(Error::Value(format!(
            "the PNG file is truncated or forged: it declares {rows} x {columns} pixels, too many for {} bytes",
            bytes.len()
        )));
    }
    let (color, depth) = reader.output_color_type();
    let size = reader.output_buffer_size().ok_or_else(|| Error::Value("the image is too large".into()))?;
    let mut buffer = room(size)?;
    buffer.resize(size, 0);
    reader.next_frame(&mut buffer).map_err(damaged)?;

    let (rows, columns) = (rows as usize, columns as usize);
    let pixels = match depth {
        BitDepth::Eight => Pixels::U8(buffer),
        BitDepth::Sixteen => {
            Pixels::U16(buffer.as_chunks().0.iter().map(|&sample| u16::from_be_bytes(sample)).collect())
        }
        fewer => Pixels::U8(unpack(&buffer, columns, fewer as usize)),
    };
    let channels = match color {
        ColorType::Grayscale | ColorType::Indexed => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
    };
    Ok(Image { rows, columns, channels, pixels })
}

/// Samples of 1, 2 or 4 bits, the first in the highest; each row begins with a new byte.
fn unpack(packed: &[u8], columns: usize, bits: usize) -> Vec<u8> {
    let row_bytes = (columns * bits).div_ceil(8).max(1);
    let sample = |row: &[u8], column: usize| {
        let place = column * bits;
        row[place / 8] >> (8 - bits - place % 8) & ((1 << bits) - 1)
    };
    packed
        .chunks_exact(row_bytes)
        .flat_map(|row| (0..columns).map(move |column| sample(row, column)))
        .collect()
}

/// A PNG file of `columns` columns with the given channels (1 gray, 2 gray and alpha, 3 RGB, 4 RGBA).
///
/// # Errors
/// Floating-point pixels, another number of channels, no pixels, or a number of values that does
/// not match.
pub fn encode(image: &Image) -> Result<Vec<u8>> {
    let Image { rows, columns, channels, pixels } = image;
    let color = match channels {
        1 => ColorType::Grayscale,
        2 => ColorType::GrayscaleAlpha,
        3 => ColorType::Rgb,
        4 => ColorType::Rgba,
        other => return Err(Error::Value(format!("image: {other} channels; a PNG file has 1 to 4"))),
    };
    let (depth, bytes) = match pixels {
        Pixels::U8(values) => (BitDepth::Eight, std::borrow::Cow::Borrowed(&values[..])),
        Pixels::U16(values) => (
            BitDepth::Sixteen,
            values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<_>>().into(),
        ),
        Pixels::F32(_) => {
            return Err(Error::Type("image: a PNG file holds uint8 or uint16, not float32".into()));
        }
    };
    let size =
        |n: usize| u32::try_from(n).map_err(|_| Error::Value(format!("image: {n} is too large a side")));
    let failed = |error: png::EncodingError| Error::Value(format!("image: {error}"));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, size(*columns)?, size(*rows)?);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&bytes)).map_err(failed)?;
    Ok(file)
}
