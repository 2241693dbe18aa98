"""Which cells to look at: a choice from below, within and above the limits."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.schema.choices import Band, Order, check_choice
from cellsieve.schema.labels import class_text, natural
from cellsieve.schema.text import STRING
from cellsieve.schema.verdicts import (
    BETWEEN,
    FLAGGED,
    band,
    column_values,
    remembered,
)

BANDS: tuple[Band, ...] = ("low", "middle", "high")


def pick(
    table: pd.DataFrame,
    which: Band = "middle",
    n: int = 12,
    *,
    column: str = "fraction",
    order: Order = "random",
    seed: int = 0,
    by: "pd.Series[float] | None" = None,
) -> pd.DataFrame:
    """Some rows of a cell table, by ascending value of a column; the highest from the highest down.

    Args:
        table: a cell table, cleaned if `which` is "low" or "high".
        which: "low", "middle" or "high": below, within or above the limits; "all".
        n: how many, at most.
        column: the column that cells are ranked by.
        order: "random", or the "lowest" or "highest" of them.
        seed: seed of the random choice; the same seed and table give the same cells.
        by: the values to rank by in place of the column's, for each index of the table.

    Raises:
        ValueError: no such column, or an argument that is none of the above.
    """
    check_choice("which", which, Band)
    check_choice("order", order, Order)
    if n < 1:
        raise ValueError(f"n: found {n}; expected at least 1")
    rows = table if which == "all" else table[band(table, column) == which]
    ranked = column_values(rows, column) if by is None else by.loc[rows.index]
    values = np.asarray(ranked, np.float64)
    chosen = choose(values, n, order, seed)
    return rows.iloc[chosen[::-1] if order == "highest" else chosen]


def choose(
    values: NDArray[np.float64], n: int, order: Order = "random", seed: int = 0
) -> NDArray[np.int64]:
    """The positions of at most `n` values, by ascending value; NaN is never chosen."""
    places = np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]
    if order == "random" and len(places) > n:
        chosen = np.random.default_rng(seed).choice(len(places), n, replace=False)
        return places[np.sort(chosen)]
    return places[max(0, len(places) - n) :] if order == "highest" else places[:n]


def reason_rows(table: pd.DataFrame, reason: str | None) -> pd.DataFrame:
    """The cells that were dropped or flagged for a reason, among others perhaps; for None, all.

    Raises:
        ValueError: no cell has that reason.
    """
    if reason is None:
        return table
    columns = [name for name in ("reason", FLAGGED) if name in table.columns]
    texts = [table[name].fillna("").astype(STRING) for name in columns]
    parts = {each: each.split(BETWEEN) for text in texts for each in text.unique() if each}
    having = {each for each, reasons in parts.items() if reason in reasons}
    if not having:
        known = ", ".join(sorted({one for reasons in parts.values() for one in reasons}))
        raise ValueError(f"reason: no cell has {reason!r}; the table has {known or 'no reason'}")
    return table[np.any([text.isin(having) for text in texts], axis=0)]


def reason_columns(table: pd.DataFrame, reason: str) -> dict[tuple[str, ...], NDArray[np.bool_]]:
    """The columns by which rules give a reason, those by which most cells failed first.

    A rule of several bands has a column for each. Each with the cells that are beyond all limits.
    """
    failed: dict[tuple[str, ...], NDArray[np.bool_]] = {}
    for each in remembered(table) or []:
        if reason in each.reasons.values():
            beyond = np.ones(len(table), bool)
            for band, ends in zip(each.rule.bands, (each.columns, *each.also), strict=True):
                values, outside = table[band.column], np.zeros(len(table), bool)
                if "lower_limit" in ends:
                    outside |= np.asarray(values < table[ends["lower_limit"]], bool)
                if "upper_limit" in ends:
                    outside |= np.asarray(values > table[ends["upper_limit"]], bool)
                beyond &= outside
            columns = tuple(dict.fromkeys(band.column for band in each.rule.bands))
            failed[columns] = failed.get(columns, beyond) | beyond
    return dict(sorted(failed.items(), key=lambda each: -int(each[1].sum())))


def first_failed(failed: Mapping[tuple[str, ...], NDArray[np.bool_]]) -> NDArray[np.int64]:
    """Which of these each cell failed: the place of the first; where none, the first."""
    places: NDArray[np.int64] = np.argmax(np.stack(list(failed.values())), axis=0)
    return places


def class_rows(table: pd.DataFrame, class_label: str | int | None) -> pd.DataFrame:
    """The cells of a class; for None, all of them.

    Raises:
        ValueError: no cell is of that class.
    """
    if class_label is None:
        return table
    if "class_label" not in table.columns:
        raise ValueError("class_label: the table has no such column")
    labels = class_text(table["class_label"])
    rows = table[labels == str(class_label)]
    if rows.empty:
        found = sorted(labels.dropna().unique(), key=natural)
        raise ValueError(
            f"class_label: no cell is of class {str(class_label)!r}; the table has "
            + (", ".join(found[:20]) or "none")
            + (" ..." if len(found) > 20 else "")
        )
    return rows
