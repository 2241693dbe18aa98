"""Two measures at once: how many cells lie in each bin of any two columns."""

import json
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.schema.verdicts import BY_HAND, Judgement, Verdicts, column_values

BINS = 40  # of each column
PLACES = {"label", "min_row", "min_col", "max_row", "max_col", "centroid_row", "centroid_col"}
COLUMNS = 10  # unless some are chosen
MOST_COLUMNS = 20


def chosen_columns(
    table: pd.DataFrame, column: str, judging: Sequence[Judgement], columns: Sequence[str] | None
) -> list[str]:
    """The columns that are set against each other: those asked for, or else the shown one, those
    that rules judge, and the first other measures whose values differ.

    Raises:
        ValueError: one is not in the table or holds no numbers; more than `MOST_COLUMNS`.
    """
    if columns is not None:
        if len(columns) > MOST_COLUMNS:
            raise ValueError(f"columns: found {len(columns)}; expected at most {MOST_COLUMNS}")
        for name in columns:
            column_values(table, name)
        return list(dict.fromkeys([column, *columns]))
    bands = [band for each in judging for band in each.rule.bands]
    judged = [band.column for band in bands if band.column in table.columns]
    limits = {name for each in judging for name in each.limit_columns}
    others = [
        str(name)
        for name in table.columns
        if name not in PLACES | limits
        and pd.api.types.is_numeric_dtype(table[name])
        and not pd.api.types.is_bool_dtype(table[name])
    ]
    found: list[str] = []
    for name in dict.fromkeys([column, *judged, *others]):
        values = column_values(table, name)
        if len(found) < COLUMNS and values.min() < values.max():
            found.append(name)
    return found


def scatter_of(
    table: pd.DataFrame, rows: Verdicts, names: Sequence[str], judging: Sequence[Judgement]
) -> dict[str, Any]:
    """What the page holds of these columns: their bins, and the counts of each two of them.

    Cells without a value in one of the two are in none of their bins. Those with a verdict by hand
    keep it whatever rules say, and are counted apart.
    """
    by_hand = rows.reason == BY_HAND
    columns, codes = [], []
    for name in names:
        values = np.asarray(column_values(table, name), np.float64)
        described, code = _binned(name, values)
        columns.append(described)
        codes.append(code)
    return {
        "bins": BINS,
        "columns": columns,
        "pairs": [
            _counts(codes[a], codes[b], rows.clean, ~by_hand)
            for a, b in combinations(range(len(names)), 2)
        ],
        "by_hand_kept": int((by_hand & rows.clean).sum()),
        "judged": bool(judging),
    }


def size_of(scatter: dict[str, Any] | None) -> int:
    """How many bytes of the page it takes."""
    return len(json.dumps(scatter, separators=(",", ":")))


def _binned(name: str, values: NDArray[np.float64]) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """The bins of a column, and the bin of each value; -1 without one."""
    finite = np.isfinite(values)
    measured = values[finite]
    code = np.full(len(values), -1)
    low, high = (measured.min(), measured.max()) if measured.size else (0.0, 1.0)
    log = (
        bool(low > 0 and np.median(measured) - low < (high - low) / 12) if measured.size else False
    )
    scale = np.log10 if log else np.asarray
    start, end = float(scale(low)), float(scale(high))
    width = (end - start) / BINS or 1.0
    code[finite] = np.clip((scale(measured) - start) / width, 0, BINS - 1).astype(np.int64)
    lowest, highest = np.full(BINS, np.inf), np.full(BINS, -np.inf)
    np.minimum.at(lowest, code[finite], measured)
    np.maximum.at(highest, code[finite], measured)
    ends = [[float(a), float(b)] if a <= b else None for a, b in zip(lowest, highest, strict=True)]
    return {"name": name, "log": log, "start": start, "width": width, "ends": ends}, code


def _counts(
    a: NDArray[np.int64], b: NDArray[np.int64], clean: NDArray[np.bool_], free: NDArray[np.bool_]
) -> list[int]:
    """For each bin of two columns with cells: its number, how many are kept, and how many not."""
    both = (a >= 0) & (b >= 0) & free
    places = (a * BINS + b)[both]
    kept = np.bincount(places[clean[both]], minlength=BINS * BINS)
    cut = np.bincount(places[~clean[both]], minlength=BINS * BINS)
    found = np.flatnonzero(kept + cut)
    flat: list[int] = np.stack([found, kept[found], cut[found]], axis=1).ravel().tolist()
    return flat
