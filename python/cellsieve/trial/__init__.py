"""The package tried out: made-up data, the numpy reference, a benchmark."""
