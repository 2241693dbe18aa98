"""The numpy reference: short, slow, obviously right; the oracle of the tests and of `bench`."""

from itertools import permutations
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


def masked_argmax(
    scores: NDArray[Any], row_group: NDArray[np.int64], allowed: NDArray[np.bool_], k: int = 1
) -> NDArray[np.int64]:
    """The best `k` allowed classes of each row, equal scores by class; -1 where there are fewer."""
    best = np.full((len(row_group), k), -1)
    for row, group in enumerate(row_group):
        classes = np.flatnonzero(allowed[group])
        order = np.argsort(-scores[row, classes].astype(np.float64), kind="stable")[:k]
        best[row, : len(order)] = classes[order]
    return best


def log_sums(
    scores: NDArray[Any], column_group: NDArray[np.int64], groups: int, sharpness: float | None
) -> NDArray[np.float64]:
    """The logarithm of each row's sum over each group of columns, of scores or exponentials."""
    wide = scores.astype(np.float64)
    weights = wide if sharpness is None else np.exp(sharpness * wide)
    sums = np.stack([weights[:, column_group == group].sum(axis=1) for group in range(groups)], 1)
    with np.errstate(divide="ignore"):
        logs: NDArray[np.float64] = np.log(sums)
    return logs


def matchings(log_scores: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """The log of the sum over all one-to-one matchings, and each cell's share; slow."""
    rows, columns = log_scores.shape
    total, shares = 0.0, np.zeros((rows, columns))
    for chosen in permutations(range(columns), rows):
        weight = float(np.exp(log_scores[np.arange(rows), chosen].sum()))
        total += weight
        shares[np.arange(rows), chosen] += weight
    return float(np.log(total)), shares / total


def belief_propagation(log_scores: NDArray[np.float64], rounds: int = 200) -> NDArray[np.float64]:
    """Bethe marginals of a plate with as many wells as classes, message by message."""
    weights = np.exp(log_scores - log_scores.max(axis=1, keepdims=True))
    to_row = np.ones_like(weights)
    for _ in range(rounds):
        heard = weights * to_row
        to_column = weights / (heard.sum(axis=1, keepdims=True) - heard)
        to_row = 1 / (to_column.sum(axis=0, keepdims=True) - to_column)
    heard = weights * to_row
    marginals: NDArray[np.float64] = heard / heard.sum(axis=1, keepdims=True)
    return marginals
