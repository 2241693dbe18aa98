//! Everything computed from a matrix of scores, a row a well and a column a class.
