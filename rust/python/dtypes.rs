//! Which dtypes come in and go out: the only dispatch over them.
//!
//! `with_labels!`, `with_pixels!` and `with_scores!` run a body on an array, instantiated for every
//! dtype that the kernels take; `with_file_labels!` and `with_file_pixels!` do so for what was decoded
//! from a file. Layout and byte order of label images and channels are settled in Python before
//! (`cellsieve.io.arrays`); scores are taken as they lie.

use crate::Error;
use crate::cells::{Grid, Plane};
use crate::files::{Image, Labels, Pixels};
use crate::plates::Score;
use crate::plates::sweep::Matrix;
use numpy::ndarray::ArrayView2;
use numpy::{
    Element, IntoPyArray, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray2, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;

/// Runs the body on a two-dimensional array, read-only, of whichever of these types it has.
macro_rules! with_dtypes {
    ($argument:literal, $array:expr, $expected:literal, [$($type:ty),*], |$typed:ident| $body:expr) => {
        $(if let Ok(array) = $array.cast::<numpy::PyArray2<$type>>() {
            let $typed = numpy::PyArrayMethods::try_readonly(array)?;
            $body
        } else)* {
            Err($crate::python::dtypes::wrong_dtype($argument, $array, $expected).into())
        }
    };
}

/// Runs the body on a label image, as a grid.
macro_rules! with_labels {
    ($argument:literal, $array:expr, |$grid:ident| $body:expr) => {
        $crate::python::dtypes::with_dtypes!(
            $argument,
            $array,
            "an integer label image: uint8, uint16, uint32, uint64, int16, int32 or int64",
            [u8, u16, u32, u64, i16, i32, i64],
            |array| {
                let $grid = $crate::python::dtypes::grid(&array)?;
                $body
            }
        )
    };
}

/// Runs the body on a channel, as a grid.
macro_rules! with_pixels {
    ($argument:literal, $array:expr, |$grid:ident| $body:expr) => {
        $crate::python::dtypes::with_dtypes!(
            $argument,
            $array,
            "uint8, uint16 or float32",
            [u8, u16, f32],
            |array| {
                let $grid = $crate::python::dtypes::grid(&array)?;
                $body
            }
        )
    };
}

/// Runs the body on a score matrix, as a view of its rows where they lie.
macro_rules! with_scores {
    ($scores:expr, |$view:ident| $body:expr) => {{
        $crate::python::dtypes::check_scores($scores)?;
        $crate::python::dtypes::with_dtypes!(
            "scores",
            $scores,
            "float16, float32 or float64 of native byte order",
            [f32, f64, half::f16],
            |array| {
                let $view = $crate::python::dtypes::rows(&array)?;
                $body
            }
        )
    }};
}

/// Runs the body on the ids of a decoded mask.
macro_rules! with_file_labels {
    ($labels:expr, |$values:ident| $body:expr) => {
        match $labels {
            $crate::files::Labels::U8($values) => $body,
            $crate::files::Labels::U16($values) => $body,
            $crate::files::Labels::U32($values) => $body,
            $crate::files::Labels::U64($values) => $body,
        }
    };
}

/// Runs the body on the pixels of a decoded image.
macro_rules! with_file_pixels {
    ($pixels:expr, |$values:ident| $body:expr) => {
        match $pixels {
            $crate::files::Pixels::U8($values) => $body,
            $crate::files::Pixels::U16($values) => $body,
            $crate::files::Pixels::F32($values) => $body,
        }
    };
}

/// Runs the body with the narrowest unsigned type that holds this id as `$type`.
macro_rules! with_narrowest {
    ($most:expr, |$type:ident| $body:expr) => {{
        macro_rules! with {
            ($narrow:ty) => {{
                type $type = $narrow;
                $body
            }};
        }
        match $most {
            0..=0xFF => with!(u8),
            0x100..=0xFFFF => with!(u16),
            0x1_0000..=0xFFFF_FFFF => with!(u32),
            _ => with!(u64),
        }
    }};
}

pub(super) use {with_dtypes, with_file_labels, with_labels, with_narrowest, with_pixels, with_scores};

/// What to say of a dtype that is not supported.
pub fn wrong_dtype(argument: &str, array: &Bound<'_, PyUntypedArray>, expected: &str) -> Error {
    // An array of one of these types that is not two-dimensional does not come as one either.
    if array.ndim() != 2 {
        return Error::Value(format!(
            "{argument}: shape {:?}; expected two dimensions (rows, columns)",
            array.shape()
        ));
    }
    Error::Type(format!("{argument}: dtype {} is not supported; expected {expected}", array.dtype()))
}

/// A C-contiguous array as the kernels see it.
pub fn grid<'a, T: Element>(array: &'a PyReadonlyArray2<'_, T>) -> PyResult<Grid<'a, T>> {
    Ok(Grid::new(array.as_slice()?, array.as_array().dim()))
}

/// A channel that is borrowed from numpy, whatever its dtype.
pub enum ChannelArray<'py> {
    U8(PyReadonlyArray2<'py, u8>),
    U16(PyReadonlyArray2<'py, u16>),
    F32(PyReadonlyArray2<'py, f32>),
}

impl<'py> ChannelArray<'py> {
    pub fn new(array: &Bound<'py, PyUntypedArray>) -> PyResult<Self> {
        macro_rules! borrow {
            ($($type:ty: $variant:ident),*) => {$(
                if let Ok(array) = array.cast::<numpy::PyArray2<$type>>() {
                    return Ok(ChannelArray::$variant(array.try_readonly()?));
                }
            )*};
        }
        borrow!(u8: U8, u16: U16, f32: F32);
        Err(wrong_dtype("image", array, "uint8, uint16 or float32").into())
    }

    pub fn plane(&self) -> PyResult<Plane<'_>> {
        Ok(match self {
            ChannelArray::U8(array) => grid(array)?.into(),
            ChannelArray::U16(array) => grid(array)?.into(),
            ChannelArray::F32(array) => grid(array)?.into(),
        })
    }
}

/// A channel as the kernels see it.
pub fn plane(image: &Image) -> Plane<'_> {
    let shape = (image.rows, image.columns);
    with_file_pixels!(&image.pixels, |values| Grid::new(&values[..], shape).into())
}

/// Pixels as an array: of shape (rows, columns) if `channels` is `None`, else (rows, columns, channels).
pub fn pixel_array(
    py: Python<'_>,
    pixels: Pixels,
    (rows, columns): (usize, usize),
    channels: Option<usize>,
) -> PyResult<Bound<'_, PyAny>> {
    with_file_pixels!(pixels, |values| {
        let array = values.into_pyarray(py);
        Ok(match channels {
            None => array.reshape([rows, columns])?.into_any(),
            Some(channels) => array.reshape([rows, columns, channels])?.into_any(),
        })
    })
}

/// Ids as an array.
pub fn label_array(
    py: Python<'_>,
    labels: Labels,
    (rows, columns): (usize, usize),
) -> PyResult<Bound<'_, PyAny>> {
    with_file_labels!(labels, |values| Ok(values.into_pyarray(py).reshape([rows, columns])?.into_any()))
}

/// An image as an array, that of a single channel without an axis for it.
pub fn image_array(py: Python<'_>, image: Image) -> PyResult<Bound<'_, PyAny>> {
    let channels = (image.channels > 1).then_some(image.channels);
    pixel_array(py, image.pixels, (image.rows, image.columns), channels)
}

/// Refuses scores that can't be read where they lie, whatever their dtype.
pub fn check_scores(scores: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
    if scores.ndim() != 2 {
        return Err(Error::Value(format!(
            "scores: shape {:?}; expected two dimensions, one row per well and one column per class",
            scores.shape()
        ))
        .into());
    }
    let size = scores.dtype().itemsize() as isize;
    let aligned: bool = scores.getattr("flags")?.get_item("ALIGNED")?.extract()?;
    if !aligned || scores.strides().iter().any(|stride| size == 0 || stride % size != 0) {
        return Err(Error::Value(
            "scores: not aligned to its dtype; expected an aligned array, for example scores.copy()".into(),
        )
        .into());
    }
    Ok(())
}

/// A score matrix whose rows are slices.
pub fn rows<'a, T: Element>(scores: &'a PyReadonlyArray2<'_, T>) -> PyResult<ArrayView2<'a, T>> {
    let view = scores.as_array();
    if !view.is_empty() && view.ncols() > 1 && view.strides()[1] != 1 {
        return Err(Error::Value(
            "scores: the numbers of a row do not lie side by side (Fortran order or a column stride); \
             expected C order, for example numpy.ascontiguousarray(scores)"
                .into(),
        )
        .into());
    }
    Ok(view)
}

impl<T: Score> Matrix for ArrayView2<'_, T> {
    type Score = T;

    fn shape(&self) -> (usize, usize) {
        self.dim()
    }

    fn row(&self, row: usize) -> &[T] {
        let row = self.index_axis(numpy::ndarray::Axis(0), row);
        row.to_slice().unwrap_or_default() // side by side, as `rows` has made sure
    }
}
