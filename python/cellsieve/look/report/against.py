"""Before and after: which cells moved between two cleanings."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.look.report.sections import said
from cellsieve.schema.keys import check_cells
from cellsieve.schema.text import STRING
from cellsieve.schema.verdicts import Verdicts, remembered, rule_in_words


class Moves(NamedTuple):
    """What another cleaning said about the cells of a table, an array for each column."""

    newly: NDArray[np.bool_]
    """Kept before, dropped now."""
    again: NDArray[np.bool_]
    """Dropped before, kept now."""
    said: list[str]
    """The verdict before, in words; empty for cells that were not there."""
    words: dict[str, Any]
    """Of the page: cells in one of the two tables alone, changed values, the rules before."""


def moves_since(
    table: pd.DataFrame, rows: Verdicts, column: str, before: pd.DataFrame, name: str
) -> Moves:
    """Compares two cleanings, cell by cell: (image_id, label).

    Args:
        table, rows: the cells and the verdicts on them now.
        column: the shown column, whose values are compared too, if both tables have it.
        before: the other table.
        name: what it is called.

    Raises:
        ValueError: `before` is no cleaned cell table, or the two have no cell in common.
    """
    missing = [key for key in ("image_id", "label", "clean") if key not in before.columns]
    if missing:
        raise ValueError(
            f"{name}: has no column {', '.join(missing)}; expected a cell table as written by "
            "cellsieve clean"
        )
    check_cells(before, name)
    there = before.reset_index(drop=True)
    found = _first(there, table)
    known = found >= 0
    if len(table) and not known.any():
        raise ValueError(f"{name}: has no cell of this table; expected another cleaning of them")
    kept = np.zeros(len(table), bool)
    kept[known] = there["clean"].fillna(False).to_numpy(bool)[found[known]]
    reasons = there["reason"].fillna("") if "reason" in there.columns else [""] * len(there)
    texts = np.asarray(reasons, object)
    changed = 0
    if column in there.columns and pd.api.types.is_numeric_dtype(there[column]):
        values = there[column].to_numpy(np.float64, na_value=np.nan)[found[known]]
        now = rows.value[known]
        changed = int(((values != now) & ~(np.isnan(values) & np.isnan(now))).sum())
    judging = remembered(there) or []
    return Moves(
        known & kept & ~rows.clean,
        known & ~kept & rows.clean,
        [
            said(bool(was), str(texts[at])) if at >= 0 else ""
            for was, at in zip(kept, found.tolist(), strict=True)
        ],
        {
            "name": name,
            "only_now": int((~known).sum()),
            "only_before": len(there) - len(np.unique(found[known])),
            "changed": changed,
            "kept": int(there["clean"].fillna(False).sum()),
            "n": len(there),
            "rules": [rule_in_words(each.rule) for each in judging],
        },
    )


def _index(table: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([table["image_id"].astype(STRING), table["label"]])


def _first(there: pd.DataFrame, table: pd.DataFrame) -> NDArray[np.int64]:
    """Where each cell stands first: a cell of several classes may have one row for each."""
    keys = _index(there)
    first = np.flatnonzero(~keys.duplicated())
    found = keys[first].get_indexer(_index(table))
    return np.where(found >= 0, first[found], -1)


def of_sections(
    moves: Moves, labels: Sequence[str], places: Sequence[NDArray[np.int64]]
) -> list[dict[str, Any]]:
    """How many cells moved in each section in which some did."""
    found = [
        {"number": k, "label": label, "newly": int(moves.newly[rows].sum()),
         "again": int(moves.again[rows].sum()), "n": len(rows)}
        for k, (label, rows) in enumerate(zip(labels, places, strict=True))
    ]  # fmt: skip
    return [each for each in found if each["newly"] or each["again"]]
