"""Scaling of crops, for those who ask for it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def resize(image: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """An image at another size, by linear interpolation that averages where it shrinks.

    Args:
        image: shape (rows, columns, channels), uint8, uint16 or float32; not empty.
        rows, columns: the new size.

    Returns:
        The same dtype, integers rounded to the nearest (ties to even).
    """
    down, across = _weights(image.shape[0], rows), _weights(image.shape[1], columns)
    scaled = np.einsum("ij,jkc,lk->ilc", down, image.astype(np.float64), across, optimize=True)
    if image.dtype.kind in "iu":
        scaled = np.rint(scaled).clip(0, np.iinfo(image.dtype).max)
    resized: NDArray[Any] = scaled.astype(image.dtype)
    return resized


def _weights(old: int, new: int) -> NDArray[np.float64]:
    """How much of each old pixel is in each new one: triangles over the wider of the two."""
    step = old / new
    reach = max(step, 1.0)
    centres = (np.arange(new) + 0.5) * step
    distance = np.abs(np.arange(old) + 0.5 - centres[:, None]) / reach
    weights = np.maximum(0, 1 - distance)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights
