//! The Python module `cellsieve._core`: thin functions over the kernels.
//!
//! Every call converts its arguments attached to the interpreter, computes detached from it (so
//! that threads scale), and wraps the result.

mod cells;
mod crops;
mod dtypes;
mod errors;
mod files;
mod plates;
mod rle;
mod shared;

use pyo3::prelude::*;

/// Images come and go by the megabyte. The system's allocator gives their memory back each time, and
/// a quarter of a run went into getting it again, zeroed, page by page; this one keeps it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::cells::{Cells, OfChannel, measure, measure_file};
    #[pymodule_export]
    use super::crops::{crop_pngs, crops};
    #[pymodule_export]
    use super::files::{decode_image, decode_mask, encode_png, read_image, read_mask, write_png};
    #[pymodule_export]
    use super::plates::{free_energy, instruction_sets, log_sums, marginals, masked_argmax};
    #[pymodule_export]
    use super::rle::{paint, rle_counts, rle_text};

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
