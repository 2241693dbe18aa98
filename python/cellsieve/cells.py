"""Cells: from a label image and a channel to a table with a row a cell."""

import warnings
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellsieve import _core
from cellsieve._arrays import native

Convention = Literal["cellsieve", "notebook"]

COLUMNS = ["label", "min_row", "min_col", "max_row", "max_col", "area", "area_above", "fraction"]


def measure(
    mask: ArrayLike,
    image: ArrayLike,
    *,
    quantile: float = 0.99,
    threshold: float | None = None,
    convention: Convention = "cellsieve",
) -> pd.DataFrame:
    """Box, pixel count and count of pixels above background of every cell of one image."""
    measured = _core.measure(native(mask), native(image), quantile, threshold, convention)
    if measured.warning is not None:
        warnings.warn(measured.warning, stacklevel=2)
    return cell_table(measured)


def cell_table(measured: _core.Measurement) -> pd.DataFrame:
    """The columns of one image as a table."""
    table = pd.DataFrame({column: getattr(measured, column) for column in COLUMNS[:-1]})
    with np.errstate(invalid="ignore"):
        table["fraction"] = table["area_above"] / table["area"]
    return table
