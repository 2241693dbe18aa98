//! The pixels of a cell, fetched from memory before they are needed.

use super::grid::Grid;
use super::scan::Run;

/// The pixels of each run in turn. Those of a few rows further on are asked for meanwhile: rows of a
/// cell lie far apart, so that the processor can't guess them, and waiting for each took three
/// quarters of the time of counting 325 cells.
#[inline(always)]
#[allow(clippy::inline_always)] // part of the loop that is compiled for a level
pub fn pixels<'a, P>(runs: &'a [Run], image: Grid<'a, P>) -> impl Iterator<Item = &'a [P]>
where
    P: Copy,
{
    const ROWS: usize = 8;
    runs.iter().enumerate().map(move |(place, run)| {
        if let Some(later) = runs.get(place + ROWS) {
            ask_for(later.of(image));
        }
        run.of(image)
    })
}

/// Asks for the cache lines of these pixels.
#[inline(always)]
#[allow(clippy::inline_always)]
fn ask_for<P>(pixels: &[P]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        const LINE: usize = 64;
        for line in pixels.chunks(LINE / size_of::<P>().clamp(1, LINE)) {
            // SAFETY: a hint; it reads no memory, whatever the address, which is that of a pixel here.
            #[allow(unsafe_code)] // see the time above
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = pixels;
}
