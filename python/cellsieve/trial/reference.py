"""The numpy reference: short, slow, obviously right; the oracle of tests, `bench`, benchmarks."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.schema.measure import Measure
from cellsieve.schema.measures import DEFAULT
from cellsieve.trial.naive import NAIVE, Cell, nucleus_pixels


def measure(
    mask: NDArray[Any],
    image: NDArray[Any],
    quantile: float = 0.99,
    threshold: float | None = None,
    convention: str = "cellsieve",
    measures: Sequence[Measure] = DEFAULT,
    nuclei: NDArray[Any] | None = None,
    max_value: float | None = None,
) -> pd.DataFrame:
    """What `cellsieve.measure` returns of one channel, one mask of the whole image per cell."""
    cells = _notebook if convention == "notebook" else _cells
    rows = [
        {
            row.name: _value(row, replace(cell, nuclei=nuclei, max_value=max_value))
            for row in measures
        }
        for cell in cells(mask, image, quantile, threshold)
    ]
    kinds = {row.name: row.dtype for row in measures}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def _value(row: Measure, cell: Cell) -> float:
    if row.needs == "threshold" and np.isnan(cell.threshold):
        return np.nan
    if row.whole is None:
        return NAIVE[row.name](cell)
    inside = nucleus_pixels(cell)
    part = inside if row.compartment == "nucleus" else cell.where & ~inside
    if not part.any():
        return np.nan
    return NAIVE[row.whole](replace(cell, where=part))


def _cells(
    mask: NDArray[Any], image: NDArray[Any], quantile: float, threshold: float | None
) -> Iterator[Cell]:
    background = image[mask == 0]
    if threshold is None:
        threshold = float(np.quantile(background, quantile)) if background.size else float("nan")
    for label in np.unique(mask[mask != 0]):
        cell = mask == label
        rows, columns = np.nonzero(cell)
        box = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
        yield Cell(int(label), box, cell, mask, image, threshold, background.size)


def _notebook(
    mask: NDArray[Any], image: NDArray[Any], quantile: float, threshold: float | None
) -> Iterator[Cell]:
    """The cells of the notebook, in the order in which it arrives at them."""
    if image.size and image.max() > 255:
        # A cast beyond 255 wraps, as the notebook's platform did.
        image = (image / 255).astype(np.int64).astype(np.uint8)
    outside = mask == 0
    if threshold is None:
        threshold = float(np.quantile(image * outside, quantile)) if image.size else float("nan")
    # The lowest value of the mask is taken for the background, whether it is 0 or not.
    for label in np.unique(mask)[1:]:
        rows, columns = np.nonzero(mask == label)
        top, bottom, left, right = rows.min(), rows.max(), columns.min(), columns.max()
        # The ends are the last row and column, yet a slice stops before them.
        where = np.zeros(mask.shape, bool)
        where[top:bottom, left:right] = mask[top:bottom, left:right] == label
        box = (top, left, bottom, right)
        yield Cell(int(label), box, where, mask, image, threshold, int(outside.sum()))


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
    """What `cellsieve.encode_rle` returns, one mask of the whole image per cell."""
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


# Plates: the tables, masks and choices that researchers write by hand.


def plate_groups(train: pd.DataFrame) -> NDArray[np.int64]:
    """The plate of each class (0, 1, ...) under each assignment, most frequent first; 4 plates.

    Three assignments must have been seen, each a different number of times; the fourth is the
    plate that is left.
    """
    classes = int(train["sirna"].max()) + 1
    table = np.zeros((classes, 4), np.int64)
    for sirna in range(classes):
        counts = train.loc[train["sirna"] == sirna, "plate"].value_counts()
        table[sirna, :3] = counts.index
        table[sirna, 3] = 10 - counts.index.to_numpy().sum()
    return table


def vote_shares(
    test: pd.DataFrame, votes: NDArray[np.int64], table: NDArray[np.int64]
) -> NDArray[np.float64]:
    """For each experiment and assignment, the share of wells whose vote is on the right plate."""
    shares = []
    for experiment in test["experiment"].unique():
        here = (test["experiment"] == experiment).to_numpy()
        on_plate = table[votes[here]] == test["plate"].to_numpy()[here, None]
        shares.append(on_plate.mean(axis=0))
    return np.array(shares)
