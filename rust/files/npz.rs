//! numpy's .npz: a zip archive of .npy files.

use super::npy::Array;
use crate::{Error, Result};
use std::io::{Cursor, Read};
use zip::{CompressionMethod, ZipArchive};

fn bad(reason: impl Into<String>) -> Error {
    Error::Value(reason.into())
}

/// The array called `arr_0`, or the only one.
pub(super) fn open(bytes: &[u8], max_pixels: u64) -> Result<Array<impl Read>> {
    let unreadable = |error: zip::result::ZipError| bad(format!("not a readable .npz archive: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| bad(format!("not a readable .npz archive: {error}")))?;
    let names = archive.file_names().map(|name| name.map(std::borrow::Cow::into_owned));
    let names = names.collect::<std::result::Result<Vec<String>, _>>().map_err(unreadable)?;
    let index = match names.iter().position(|name| name == "arr_0.npy") {
        Some(index) => index,
        None if names.len() == 1 => 0,
        None => {
            let names =
                names.iter().take(5).map(|name| name.trim_end_matches(".npy")).collect::<Vec<_>>().join(", ");
            return Err(bad(format!("holds the arrays [{names}]; expected arr_0, or one alone")));
        }
    };
    let member = archive.by_index(index).map_err(unreadable)?;
    let method = member.compression();
    if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(bad(format!("compressed with {method}; expected stored or deflated")));
    }
    let (start, packed, crc) = (member.data_start(), member.compressed_size(), member.crc32());
    let start = start.ok_or_else(|| bad("not a readable .npz archive: no place of its data"))?;
    drop(member);
    let packed = usize::try_from(start)
        .ok()
        .zip(usize::try_from(start.saturating_add(packed)).ok())
        .and_then(|(start, end)| bytes.get(start..end))
        .ok_or_else(|| bad("the .npz archive is truncated"))?;
    let data = match method {
        CompressionMethod::Stored => Data::Stored(packed),
        _ => Data::Deflated(flate2::bufread::DeflateDecoder::new(packed)),
    };
    Array::new(Checked { data, hasher: crc32fast::Hasher::new(), crc }, max_pixels)
}

enum Data<'a> {
    Stored(&'a [u8]),
    Deflated(flate2::bufread::DeflateDecoder<&'a [u8]>),
}

/// Compares the checksum at the end.
struct Checked<'a> {
    data: Data<'a>,
    hasher: crc32fast::Hasher,
    crc: u32,
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = match &mut self.data {
            Data::Stored(bytes) => bytes.read(buffer)?,
            Data::Deflated(decoder) => decoder.read(buffer)?,
        };
        self.hasher.update(&buffer[..n]);
        if n == 0 && !buffer.is_empty() && self.hasher.clone().finalize() != self.crc {
            return Err(std::io::Error::other("the checksum does not match: bits have changed"));
        }
        Ok(n)
    }
}
