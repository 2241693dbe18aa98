//! Property tests of the kernels against their naive references.
