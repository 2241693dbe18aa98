"""Cells cut out of one image that is in memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellsieve import _core
from cellsieve.export.crops.settings import Settings
from cellsieve.export.crops.windows import rectangles, windows_of
from cellsieve.io.arrays import native
from cellsieve.io.arrow import in_pandas
from cellsieve.io.readers import MAX_PIXELS
from cellsieve.schema.cells import BOX
from cellsieve.schema.choices import Fit, Keep


def cut_cells(
    mask: ArrayLike,
    channels: Sequence[ArrayLike],
    cells: pd.DataFrame,
    *,
    size: int | tuple[int, int] | None = None,
    fit: Fit = "cut",
    keep: Keep = "cell",
) -> list[NDArray[Any]]:
    """Cuts cells out of one image that is in memory.

    Args:
        mask: label image, shape (rows, columns), as for `measure`.
        channels: arrays of the same shape and of one dtype: uint8, uint16 or float32.
        cells: one row per cell, with the columns `label`, `min_row`, `min_col`, `max_row` and
            `max_col` that `measure` gives.
        size, fit, keep: as for `crops`.

    Returns:
        An array a row, of shape (rows, columns, channels) and the dtype of the channels.

    Raises:
        TypeError: another dtype, or channels of several.
        ValueError: shapes that differ, no channels, a choice that is none.
    """
    cells = in_pandas(cells)
    names = tuple(map(str, range(len(channels))))
    sides = (size, size) if isinstance(size, int) else size
    settings = Settings("", names, sides, fit, keep, "npz", False, MAX_PIXELS)
    windows = rectangles(windows_of(cells[BOX].to_numpy(np.int64), sides, fit))
    images = [native(channel) for channel in channels]
    labels = cells["label"].to_numpy(np.int64).tolist()
    return _core.crops(native(mask), images, labels, windows, settings.keep, settings.size)
