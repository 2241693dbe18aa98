"""The numpy reference: short, slow, obviously right; the oracle of the tests and of `bench`."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def measure(
    mask: NDArray[Any],
    image: NDArray[Any],
    quantile: float = 0.99,
    threshold: float | None = None,
    convention: str = "cellsieve",
) -> pd.DataFrame:
    """What `cellsieve.measure` returns, one mask of the whole image a cell."""
    if convention == "notebook":
        return _notebook(mask, image, quantile, threshold)
    background = image[mask == 0]
    if threshold is None:
        threshold = float(np.quantile(background, quantile)) if background.size else float("nan")
    rows = []
    for label in np.unique(mask[mask != 0]):
        cell = mask == label
        rows_of, columns_of = np.nonzero(cell)
        area = len(rows_of)
        above = int((image[cell] > threshold).sum())
        rows.append(
            {
                "label": int(label),
                "min_row": rows_of.min(),
                "min_col": columns_of.min(),
                "max_row": rows_of.max() + 1,
                "max_col": columns_of.max() + 1,
                "area": area,
                "area_above": pd.NA if np.isnan(threshold) else above,
                "fraction": np.nan if np.isnan(threshold) else above / area,
                "threshold": threshold,
                "background_area": background.size,
            }
        )
    return _table(rows)


def _notebook(
    mask: NDArray[Any], image: NDArray[Any], quantile: float, threshold: float | None
) -> pd.DataFrame:
    """The numbers of the notebook, in the order in which it arrives at them."""
    if image.size and image.max() > 255:
        # A cast beyond 255 wraps, as the notebook's platform did.
        image = (image / 255).astype(np.int64).astype(np.uint8)
    outside = mask == 0
    if threshold is None:
        threshold = float(np.quantile(image * outside, quantile)) if image.size else float("nan")
    rows = []
    # The lowest value of the mask is taken for the background, whether it is 0 or not.
    for label in np.unique(mask)[1:]:
        rows_of, columns_of = np.nonzero(mask == label)
        top, bottom, left, right = rows_of.min(), rows_of.max(), columns_of.min(), columns_of.max()
        # The ends are the last row and column, yet a slice stops before them.
        window = np.s_[top:bottom, left:right]
        cell = mask[window] == label
        area, above = int(cell.sum()), int((image[window] * cell > threshold).sum())
        rows.append(
            {
                "label": int(label),
                "min_row": top,
                "min_col": left,
                "max_row": bottom,
                "max_col": right,
                "area": area,
                "area_above": above,
                "fraction": above / area if area else np.nan,
                "threshold": threshold,
                "background_area": int(outside.sum()),
            }
        )
    return _table(rows)


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    integers = ["label", "min_row", "min_col", "max_row", "max_col", "area"]
    kinds = {
        **dict.fromkeys(integers, "int64"),
        "area_above": "Int64",
        "fraction": "float64",
        "threshold": "float64",
        "background_area": "int64",
    }
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)
