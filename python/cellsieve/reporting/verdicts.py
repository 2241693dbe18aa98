"""A cleaned cell table as the page sees it: the value of each cell, where it lies, what it got."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.images import class_text
from cellsieve.overrides import BY_HAND
from cellsieve.picking import band, column_values, limits, natural

#: How the reasons of `clean` are said.
REASONS = {
    "low": "too low",
    "high": "too high",
    "multi_label": "several classes",
    "no_label": "no class",
    "small_group": "class too small",
    "unmeasured": "not measured",
    BY_HAND: BY_HAND,
}


class Verdicts(NamedTuple):
    """An array a column, all as long as the table."""

    value: NDArray[np.float64]
    band: NDArray[np.object_]
    """"low", "middle", "high", or missing."""
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    clean: NDArray[np.bool_]
    reason: NDArray[np.object_]
    judged: NDArray[np.object_]
    """What the limits of the column alone decided: "", "low", "high"; "other" where more did."""

    def of(self, places: NDArray[np.int64]) -> "Verdicts":
        """Those of some rows."""
        return Verdicts(**{name: array[places] for name, array in self._asdict().items()})


def verdicts(table: pd.DataFrame, column: str) -> Verdicts:
    """What a table says of its cells; one that is not cleaned keeps them all."""
    ends = limits(table, column)
    nothing = pd.Series("", index=table.index)
    reason = table["reason"].fillna("") if "reason" in table.columns else nothing
    clean = (
        table["clean"].fillna(False).astype(bool)
        if "clean" in table.columns
        else pd.Series(True, index=table.index)
    )
    says = {"": "", "low": "low", "high": "high"}
    says |= {f"{column} low": "low", f"{column} high": "high"}
    return Verdicts(
        np.asarray(column_values(table, column), np.float64),
        band(table, column).to_numpy(object),
        np.asarray(ends["lower"], np.float64),
        np.asarray(ends["upper"], np.float64),
        np.asarray(clean, bool),
        reason.to_numpy(object),
        reason.map(lambda each: says.get(each, "other")).to_numpy(object),
    )


def said(clean: bool, reason: str) -> str:
    """A verdict in words."""
    because = f" ({REASONS.get(reason, reason)})" if reason else ""
    return ("kept" if clean else "dropped") + because


def totals(rows: Verdicts) -> dict[str, Any]:
    """How many cells were kept, and dropped for which reasons, most first."""
    names, counts = np.unique(rows.reason[~rows.clean].astype(str), return_counts=True)
    reasons = sorted(zip(names.tolist(), counts.tolist(), strict=True), key=lambda pair: -pair[1])
    return {
        "n": len(rows.clean),
        "kept": int(rows.clean.sum()),
        "kept_by_hand": int((rows.clean & (rows.reason == BY_HAND)).sum()),
        "dropped": int((~rows.clean).sum()),
        "reasons": reasons,
    }


def sections_of(table: pd.DataFrame) -> list[tuple[str, str, NDArray[np.int64]]]:
    """A name, a kind and the places of the rows of each section.

    First the classes, then cells of several ("0|16"), unless such combinations were judged as
    classes of their own, then those of none.
    """
    everything = np.arange(len(table))
    if "class_label" not in table.columns:
        return [("All cells", "all", everything)] if len(table) else []
    labels = class_text(table["class_label"])
    several = np.zeros(len(table), bool)
    if "reason" in table.columns:
        skipped = np.asarray(table["reason"] == "multi_label", bool)
        several = skipped | np.asarray(
            labels.str.contains("|", regex=False, na=False) & labels.isin(labels[skipped]), bool
        )
    without = np.asarray(labels.isna(), bool)
    several &= ~without
    rest = everything[~several & ~without]
    found = [
        (str(label), "class", rest[places])
        for label, places in sorted(
            labels.iloc[rest].groupby(labels.iloc[rest].to_numpy()).indices.items(),
            key=lambda pair: natural(str(pair[0])),
        )
    ]
    for name, kind, those in (
        ("Several classes", "several", several),
        ("No class", "none", without),
    ):
        if those.any():
            found.append((name, kind, everything[those]))
    return found
