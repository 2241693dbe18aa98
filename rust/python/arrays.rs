//! The door for arrays: which dtypes come in, decided once.
//!
//! `with_labels!` and `with_pixels!` run a body on the slice of a C-contiguous array, instantiated
//! for every dtype that the kernels take. Layout and byte order are settled in Python before
//! (`cellsieve._arrays`), so that kernels see plain slices only.

use crate::{Error, Result};
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;

/// What to say of a dtype that is not supported.
pub fn wrong_dtype(argument: &str, array: &Bound<'_, PyUntypedArray>, expected: &str) -> Error {
    Error::Type(format!("{argument}: dtype {} is not supported; expected {expected}", array.dtype()))
}

/// The rows and columns of a two-dimensional array.
pub fn shape2(argument: &str, array: &Bound<'_, PyUntypedArray>) -> Result<(usize, usize)> {
    match array.shape() {
        &[rows, columns] => Ok((rows, columns)),
        other => {
            Err(Error::Value(format!("{argument}: shape {other:?}; expected two dimensions (rows, columns)")))
        }
    }
}

macro_rules! with_dtypes {
    ($argument:literal, $array:expr, $expected:literal, [$($type:ty),*], |$slice:ident| $body:expr) => {{
        use numpy::PyArrayMethods as _;
        $(if let Ok(array) = $array.cast::<numpy::PyArray2<$type>>() {
            let array = array.try_readonly()?;
            let $slice: &[$type] = array.as_slice()?;
            $body
        } else)* {
            Err($crate::python::arrays::wrong_dtype($argument, $array, $expected).into())
        }
    }};
}

/// Runs the body on a label image's slice.
macro_rules! with_labels {
    ($argument:literal, $array:expr, |$slice:ident| $body:expr) => {
        $crate::python::arrays::with_dtypes!(
            $argument,
            $array,
            "an integer label image: uint8, uint16, uint32, uint64, int16, int32 or int64",
            [u8, u16, u32, u64, i16, i32, i64],
            |$slice| $body
        )
    };
}

/// Runs the body on a channel's slice.
macro_rules! with_pixels {
    ($argument:literal, $array:expr, |$slice:ident| $body:expr) => {
        $crate::python::arrays::with_dtypes!(
            $argument,
            $array,
            "uint8, uint16 or float32",
            [u8, u16, f32],
            |$slice| $body
        )
    };
}

pub(super) use {with_dtypes, with_labels, with_pixels};
