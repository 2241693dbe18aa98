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


# Run-length encoding.


def rle_counts(cell: NDArray[np.bool_]) -> list[int]:
    """COCO's uncompressed counts of one cell, from its pixels down the columns."""
    pixels = np.concatenate([[False], cell.ravel(order="F")])
    changes = np.flatnonzero(pixels[1:] != pixels[:-1])
    return [int(count) for count in np.diff([0, *changes, cell.size])]


def rle_text(counts: list[int]) -> str:
    """COCO's compressed string of counts."""
    text = ""
    for place, count in enumerate(counts):
        left = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            bits, left = left & 31, left >> 5
            more = left != (-1 if bits & 16 else 0)
            text += chr(48 + bits + 32 * more)
    return text


def encode_rle(mask: NDArray[Any]) -> list[dict[str, Any]]:
    """What `cellsieve.encode_rle` returns, one mask of the whole image a cell."""
    cells = []
    for label in np.unique(mask[mask != 0]).tolist():
        cell = mask == label
        rows, columns = np.nonzero(cell)
        left, top = int(columns.min()), int(rows.min())
        cells.append(
            {
                "label": label,
                "segmentation": {"size": list(mask.shape), "counts": rle_text(rle_counts(cell))},
                "area": len(rows),
                "bbox": [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top],
            }
        )
    return cells
