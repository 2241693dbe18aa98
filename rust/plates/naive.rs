//! What the kernels should say, written to be obviously right.
