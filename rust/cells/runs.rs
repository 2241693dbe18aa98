//! Runs of equal labels in a row: a cell is a few hundred runs where it is a hundred thousand pixels.

/// Equal pixels compared at a time; a multiple of every vector width in use.
const STEP: usize = 16;

/// One past the last element of the run that starts at `start`.
#[inline]
pub(super) fn run_end<T: Copy + PartialEq>(row: &[T], start: usize) -> usize {
    let value = row[start];
    let mut end = start + 1;
    // Whole steps without a branch inside them: the compiler turns each into vector compares.
    for step in row[end..].chunks_exact(STEP) {
        if !step.iter().fold(true, |equal, &x| equal & (x == value)) {
            break;
        }
        end += STEP;
    }
    end + row[end..].iter().take_while(|&&x| x == value).count()
}
