"""The sections of a page, and the verdicts on their cells."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.schema.labels import class_text, natural
from cellsieve.schema.verdicts import BY_HAND, MULTI_LABEL, Verdicts, in_words


def said(clean: bool, reason: str) -> str:
    """A verdict in words."""
    because = f" ({in_words(reason)})" if reason else ""
    return ("kept" if clean else "dropped") + because


def totals(rows: Verdicts) -> dict[str, Any]:
    """How many cells were kept, and how many dropped for each reason, the most frequent first."""
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
    """The name, the kind and the row positions of each section.

    First the classes, then the cells of several classes ("0|16"), unless such combinations were
    judged as classes of their own, then the cells without a class.
    """
    everything = np.arange(len(table))
    if "class_label" not in table.columns:
        return [("All cells", "all", everything)] if len(table) else []
    labels = class_text(table["class_label"])
    several = np.zeros(len(table), bool)
    if "reason" in table.columns:
        skipped = np.asarray(table["reason"] == MULTI_LABEL, bool)
        several = skipped | np.asarray(
            labels.str.contains("|", regex=False, na=False) & labels.isin(labels[skipped]), bool
        )
    without = np.asarray(labels.isna(), bool)
    several &= ~without
    rest = everything[~several & ~without]
    sections = [
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
            sections.append((name, kind, everything[those]))
    return sections
