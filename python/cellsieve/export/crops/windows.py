"""Which part of its image each crop shows."""

import numpy as np
from numpy.typing import NDArray

from cellsieve.schema.choices import Fit


def windows_of(
    boxes: NDArray[np.int64], size: tuple[int, int] | None, fit: Fit
) -> NDArray[np.int64]:
    """First row, first column, rows and columns of what each crop shows."""
    corners, sides = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    if size is None or fit == "stretch":
        return np.concatenate([corners, sides], axis=1)
    shown = np.broadcast_to(np.array(size), sides.shape)
    if fit == "shrink":
        # How many times too large a cell is, in the direction where it is more so.
        excess = np.maximum(1.0, (sides / shown).max(axis=1, keepdims=True))
        shown = np.ceil(shown * excess - 1e-9).astype(np.int64)
    return np.concatenate([(2 * corners + sides - shown) // 2, shown], axis=1)


def rectangles(windows: NDArray[np.int64]) -> list[tuple[int, int, int, int]]:
    """The same as the kernels take it."""
    return [(row, column, rows, columns) for row, column, rows, columns in windows.tolist()]
