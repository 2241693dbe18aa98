"""The sections of a page, and the verdicts on their cells."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.schema.labels import class_text, natural
from cellsieve.schema.text import STRING
from cellsieve.schema.verdicts import (
    BETWEEN,
    BY_HAND,
    MULTI_LABEL,
    NO_LABEL,
    SMALL_GROUP,
    UNMEASURED,
    Judgement,
    Verdicts,
    decided,
    in_words,
    remembered,
)

UNJUDGED = (MULTI_LABEL, NO_LABEL, SMALL_GROUP, UNMEASURED)


def said(clean: bool, reason: str) -> str:
    """A verdict in words."""
    because = f" ({in_words(reason)})" if reason else ""
    return ("kept" if clean else "dropped") + because


def totals(rows: Verdicts, judging: Sequence[Judgement] = ()) -> dict[str, Any]:
    """How many cells were kept, and why the others were dropped, the most frequent reason first.

    A cell that a limit cut, one that nothing could judge, and one that was dropped by hand are
    counted apart: only the first says anything about the cell.
    """
    names, counts = np.unique(rows.reason[~rows.clean].astype(str), return_counts=True)
    reasons = sorted(zip(names.tolist(), counts.tolist(), strict=True), key=lambda pair: -pair[1])
    kinds: dict[str, list[tuple[str, int]]] = {"cut": [], "unjudged": [], "by_hand": []}
    for reason, many in reasons:
        kinds[kind_of(reason, judging)].append((reason, many))
    return {
        "n": len(rows.clean),
        "kept": int(rows.clean.sum()),
        "kept_by_hand": int((rows.clean & (rows.reason == BY_HAND)).sum()),
        "dropped": int((~rows.clean).sum()),
        "reasons": kinds,
        **{kind: sum(many for _, many in pairs) for kind, pairs in kinds.items()},
    }


def kind_of(reason: str, judging: Sequence[Judgement]) -> str:
    """Whether limits cut a cell ("cut"), a person dropped it ("by_hand"), or it is "unjudged"."""
    if reason == BY_HAND:
        return "by_hand"
    unjudged = {each.reasons[name] for each in judging for name in UNJUDGED if name in each.reasons}
    parts = reason.split(BETWEEN)
    if not judging:  # each reason may begin with the name of its rule
        unjudged, parts = set(UNJUDGED), [part.rpartition(" ")[2] for part in parts]
    return "unjudged" if all(part in unjudged for part in parts) else "cut"


def kinds_of(table: pd.DataFrame) -> NDArray[np.object_]:
    """What became of each cell: "kept", or else as `kind_of` says it."""
    clean, reason = decided(table)
    places, names = pd.factorize(reason.astype(STRING))
    judging = remembered(table) or []
    dropped = np.array([kind_of(str(name), judging) for name in names] + ["unjudged"], object)
    kinds: NDArray[np.object_] = np.where(clean, "kept", dropped[places]).astype(object)
    return kinds


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
