//! Bytes to arrays.
