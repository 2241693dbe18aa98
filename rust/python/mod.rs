//! The Python module `cellsieve._core`: thin functions over the kernels.
//!
//! Every call converts its arguments attached to the interpreter, computes detached from it (so
//! that threads scale), and wraps the result.

mod arrays;
mod cells;
mod crops;
mod errors;
mod files;
mod outlines;
mod plates;

use pyo3::prelude::*;

/// Images come and go by the megabyte. The system's allocator gives their memory back each time, and
/// a quarter of a run went into getting it again, zeroed, page by page; this one keeps it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::cells::{Measurement, measure};
    #[pymodule_export]
    use super::crops::{crop_pngs, crops};
    #[pymodule_export]
    use super::files::{encode_png, measure_file, read_image, read_mask, write_png};
    #[pymodule_export]
    use super::outlines::{Outline, outline, outline_file, paint, rle_counts, rle_text};

    #[pymodule_export]
    use super::plates::{free_energy, instruction_sets, log_sums, marginals, masked_argmax};

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
