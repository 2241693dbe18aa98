"""Trying the package out: synthetic data, a demo, the numpy reference, a benchmark."""
