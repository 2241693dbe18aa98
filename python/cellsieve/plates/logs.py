"""Sums of numbers whose logarithms are known."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def log_sum(values: Floats, axis: int = 0) -> Floats:
    """The logarithm of the sum of exponentials; negative infinity where there is nothing else.

    scipy's and numpy's differ from this in the last bit, which is enough to turn ties of
    assignments, and to import scipy's takes longer than to infer.
    """
    highest = values.max(axis=axis, keepdims=True)
    highest = np.where(np.isfinite(highest), highest, 0.0)
    with np.errstate(divide="ignore"):
        total: Floats = np.log(np.exp(values - highest).sum(axis=axis))
    total += np.squeeze(highest, axis=axis)
    return total
