//! numpy's .npy: a magic number, a version, a header in Python's syntax, and the plain values.
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use super::image::{Image, Pixels};
use super::mask::{Big, Labels, Mask, Sample};
use super::{check_size, room, transpose};
use crate::{Error, Result};
use std::io::Read;

/// An array whose header is read and whose values are still to come.
pub(super) struct Array<R> {
    descr: String,
    fortran: bool,
    rows: usize,
    columns: usize,
    values: R,
}

fn bad(reason: impl Into<String>) -> Error {
    Error::Value(reason.into())
}

fn cut_short(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => bad("the file is truncated: its header promises more values"),
        _ => bad(format!("damaged data: {error}")),
    }
}

impl<R: Read> Array<R> {
    /// Reads the header.
    pub(super) fn new(mut file: R, max_pixels: u64) -> Result<Self> {
        let mut start = [0; 8];
        file.read_exact(&mut start).map_err(|_| bad("not a .npy array: shorter than a header"))?;
        let [magic @ .., major, _minor] = start;
        if magic != *b"\x93NUMPY" {
            return Err(bad("not a .npy array: it does not begin with \\x93NUMPY"));
        }
        let length = match major {
            1 => {
                let mut length = [0; 2];
                file.read_exact(&mut length).map_err(cut_short)?;
                u32::from(u16::from_le_bytes(length))
            }
            2 | 3 => {
                let mut length = [0; 4];
                file.read_exact(&mut length).map_err(cut_short)?;
                u32::from_le_bytes(length)
            }
            other => return Err(bad(format!("version {other} of the .npy format; 1, 2 and 3 are known"))),
        };
        if length > 1 << 16 {
            return Err(bad(format!("a .npy header of {length} bytes; a plain array needs about 100")));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(cut_short)?;
        let header = String::from_utf8(header).map_err(|_| bad("a .npy header that is not text"))?;
        // What is said of it is one line.
        if header.trim_end().contains(char::is_control) {
            return Err(bad("a .npy header that is not text"));
        }

        let descr = field(&header, "descr")?;
        let descr = match descr.as_bytes() {
            [quote @ (b'\'' | b'"'), .., end] if quote == end && descr.len() > 2 => {
                descr[1..descr.len() - 1].to_owned()
            }
            _ => return Err(bad(format!("dtype {descr}; expected one plain number per pixel"))),
        };
        let fortran = match field(&header, "fortran_order")? {
            "True" => true,
            "False" => false,
            other => return Err(bad(format!("fortran_order is {other}; expected True or False"))),
        };
        let shape = field(&header, "shape")?;
        let sides: Option<Vec<u64>> = shape
            .trim_matches(['(', ')'])
            .split(',')
            .map(str::trim)
            .filter(|side| !side.is_empty())
            .map(|side| side.parse().ok())
            .collect();
        let Some(&[rows, columns]) = sides.as_deref() else {
            return Err(bad(format!("shape {shape}; expected two dimensions (rows, columns)")));
        };
        check_size(rows, columns, max_pixels)?;
        Ok(Array { descr, fortran, rows: rows as usize, columns: columns as usize, values: file })
    }

    pub(super) fn mask(mut self) -> Result<Mask> {
        let (labels, capacity) = match self.descr.as_str() {
            "|u1" | "<u1" | ">u1" => self.labels::<u8>()?,
            "<u2" => self.labels::<u16>()?,
            "<u4" => self.labels::<u32>()?,
            "<u8" => self.labels::<u64>()?,
            "<i2" => self.labels::<i16>()?,
            "<i4" => self.labels::<i32>()?,
            "<i8" => self.labels::<i64>()?,
            ">u2" => self.labels::<Big<u16>>()?,
            ">u4" => self.labels::<Big<u32>>()?,
            ">u8" => self.labels::<Big<u64>>()?,
            ">i2" => self.labels::<Big<i16>>()?,
            ">i4" => self.labels::<Big<i32>>()?,
            ">i8" => self.labels::<Big<i64>>()?,
            _ => return Err(self.wrong_type("an integer label image: uint8 to uint64, int16 to int64")),
        };
        let labels = if self.fortran { labels.transposed(self.rows, self.columns)? } else { labels };
        Ok(Mask { rows: self.rows, columns: self.columns, labels, capacity })
    }

    pub(super) fn image(mut self) -> Result<Image> {
        let (rows, columns) = (self.rows, self.columns);
        macro_rules! pixels {
            ($kind:ident, $from:path) => {{
                let values = self.read_values($from)?;
                Pixels::$kind(if self.fortran { transpose(&values, rows, columns)? } else { values })
            }};
        }
        let pixels = match self.descr.as_str() {
            "|u1" | "<u1" | ">u1" => pixels!(U8, u8::from_le_bytes),
            "<u2" => pixels!(U16, u16::from_le_bytes),
            ">u2" => pixels!(U16, u16::from_be_bytes),
            "<f4" => pixels!(F32, f32::from_le_bytes),
            ">f4" => pixels!(F32, f32::from_be_bytes),
            _ => return Err(self.wrong_type("uint8, uint16 or float32")),
        };
        Ok(Image { rows, columns, channels: 1, pixels })
    }

    fn wrong_type(&self, expected: &str) -> Error {
        let descr = &self.descr;
        if descr.contains('O') {
            return bad(format!("holds Python objects, which only a pickle can read; expected {expected}"));
        }
        bad(format!("dtype {} is not supported; expected {expected}", spelled(descr)))
    }

    fn labels<S: Sample>(&mut self) -> Result<(Labels, u64)> {
        let n = self.rows * self.columns;
        let mut labels = Labels::with_room(n)?;
        self.for_each_chunk(n, size_of::<S>(), |bytes| labels.extend::<S>(bytes, n))?;
        Ok((labels, S::CAPACITY))
    }

    fn read_values<T, const SIZE: usize>(&mut self, from: fn([u8; SIZE]) -> T) -> Result<Vec<T>> {
        let n = self.rows * self.columns;
        let mut values = room(n)?;
        self.for_each_chunk(n, SIZE, |bytes| {
            values.extend(bytes.as_chunks().0.iter().map(|&value| from(value)));
            Ok(())
        })?;
        Ok(values)
    }

    /// Hands over `n` values of `size` bytes in chunks that stay in the cache, then makes sure that
    /// there is nothing more: reading to the end is what checks an archive's checksum.
    fn for_each_chunk(
        &mut self,
        n: usize,
        size: usize,
        mut chunk: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut buffer = vec![0; CHUNK.min(n * size)];
        let mut left = n * size;
        while left > 0 {
            let bytes = &mut buffer[..CHUNK.min(left)];
            self.values.read_exact(bytes).map_err(cut_short)?;
            chunk(bytes)?;
            left -= bytes.len();
        }
        match self.values.read(&mut [0]).map_err(cut_short)? {
            0 => Ok(()),
            _ => Err(bad("there are more values than the header promises")),
        }
    }
}

/// Bytes handed over at a time; a multiple of every size of value.
const CHUNK: usize = 1 << 16;

/// numpy's name of a type, as people know it: "float64" for "<f8".
fn spelled(descr: &str) -> String {
    let plain = descr.trim_start_matches(['<', '>', '|', '=']);
    let (kind, bytes) = plain.split_at_checked(1).unwrap_or((plain, ""));
    let name = match kind {
        "b" => return "bool".into(),
        "f" => "float",
        "i" => "int",
        "u" => "uint",
        "c" => "complex",
        _ => return descr.into(),
    };
    bytes.parse::<u8>().map_or(descr.into(), |bytes| format!("{name}{}", 8 * u32::from(bytes)))
}

/// The text of a field in the header: `{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), }`.
fn field<'a>(header: &'a str, name: &str) -> Result<&'a str> {
    let missing = || bad(format!("a .npy header without {name}"));
    let key = [format!("'{name}'"), format!("\"{name}\"")];
    let at = key.iter().find_map(|key| header.find(key)).ok_or_else(missing)?;
    let value = header[at + key[0].len()..].trim_start().strip_prefix(':').ok_or_else(missing)?.trim_start();
    // A tuple or list ends with its bracket, anything else with the comma.
    let end = match value.chars().next() {
        Some('(') => value.find(')').map(|end| end + 1),
        Some('[') => value.find(']').map(|end| end + 1),
        _ => value.find([',', '}']),
    };
    Ok(value[..end.ok_or_else(missing)?].trim())
}
