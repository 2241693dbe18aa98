//! Which dtypes come in and go out: the only dispatch over them.
//!
//! `with_labels!`, `with_pixels!` and `with_scores!` run a body on an array, instantiated for every
//! dtype that the kernels take; `with_file_labels!` and `with_file_pixels!` do so for what was decoded
//! from a file. Layout and byte order of label images and channels are settled in Python before
//! (`cellsieve._arrays`); scores are taken as they lie.

/// Runs the body on a two-dimensional array, read-only, of whichever of these types it has.
macro_rules! with_dtypes {
    ($argument:literal, $array:expr, $expected:literal, [$($type:ty),*], |$typed:ident| $body:expr) => {
        $(if let Ok(array) = $array.cast::<numpy::PyArray2<$type>>() {
            let $typed = numpy::PyArrayMethods::try_readonly(array)?;
            $body
        } else)* {
            Err($crate::python::shared::wrong_dtype($argument, $array, $expected).into())
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
                let $grid = $crate::python::shared::grid(&array)?;
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
                let $grid = $crate::python::shared::grid(&array)?;
                $body
            }
        )
    };
}

/// Runs the body on a score matrix, as a view of its rows where they lie.
macro_rules! with_scores {
    ($scores:expr, |$view:ident| $body:expr) => {{
        $crate::python::shared::check_scores($scores)?;
        $crate::python::dtypes::with_dtypes!(
            "scores",
            $scores,
            "float16, float32 or float64 of native byte order",
            [f32, f64, half::f16],
            |array| {
                let $view = array.as_array();
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

pub(super) use {
    with_dtypes, with_file_labels, with_file_pixels, with_labels, with_narrowest, with_pixels, with_scores,
};
