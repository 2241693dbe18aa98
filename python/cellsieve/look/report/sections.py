"""The sections of a page, and the verdicts on their cells."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.schema.groups import groups_of, spelled
from cellsieve.schema.labels import natural
from cellsieve.schema.rules import Rule
from cellsieve.schema.text import STRING
from cellsieve.schema.verdicts import (
    BETWEEN,
    BY_HAND,
    FLAGGED,
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


class Reasons(NamedTuple):
    """For what each row was dropped or flagged: for one reason or for several."""

    names: list[str]
    """Each reason, that of most cells first."""
    cells: list[int]
    """How many cells have it, maybe among others."""
    of_rows: NDArray[np.object_]
    """For each row the places of its reasons among the names."""


def reasons_of(table: pd.DataFrame) -> Reasons:
    """For what the cells of a table were dropped or flagged."""
    texts = pd.Series("", index=range(len(table)), dtype=STRING)
    for name in ("reason", FLAGGED):
        if name in table.columns:
            texts += BETWEEN + table[name].fillna("").astype(STRING).to_numpy(object)
    codes, distinct = pd.factorize(texts.to_numpy(object))
    parts = [list(dict.fromkeys(filter(None, text.split(BETWEEN)))) for text in distinct]
    cells: Counter[str] = Counter()
    for own, many in zip(parts, np.bincount(codes, minlength=len(parts)).tolist(), strict=True):
        cells.update(dict.fromkeys(own, many))
    names = [name for name, _ in cells.most_common()]
    places = np.empty(len(parts), object)
    places[:] = [[names.index(part) for part in own] for own in parts]
    return Reasons(names, [cells[name] for name in names], places[codes])


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


def flagged(table: pd.DataFrame, kinds: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Which cells a rule flags, of those that are kept; `kinds` as from `kinds_of`."""
    if FLAGGED not in table.columns:
        return np.zeros(len(table), bool)
    said = np.asarray(table[FLAGGED].fillna("") != "", bool)
    found: NDArray[np.bool_] = said & (kinds == "kept")
    return found


def sections_of(
    table: pd.DataFrame, judging: Sequence[Judgement] = ()
) -> list[tuple[str, str, NDArray[np.int64]]]:
    """The name, the kind and the row positions of each section.

    First the classes, then the cells of several classes ("0|16"), unless such combinations were
    judged as classes of their own, then the cells without a class. Where the rules take a
    combination as one group however it is spelled, so do the sections: its name is that of the
    summary of `clean`.
    """
    everything = np.arange(len(table))
    if "class_label" not in table.columns:
        return [("All cells", "all", everything)] if len(table) else []
    codes, texts = groups_of(table, ["class_label"])
    without = codes < 0
    skipped = np.zeros(len(texts), bool)
    if "reason" in table.columns:
        skipped[codes[np.asarray(table["reason"] == MULTI_LABEL, bool) & ~without]] = True
    several = ~without & np.append(skipped, False)[codes]
    rest = everything[~several & ~without]
    names = pd.Series(texts)
    if any(_merges(band) for each in judging for band in each.rule.bands):
        names = spelled(names, pd.Series(np.bincount(codes[~without], minlength=len(texts))))
    labels = names.to_numpy(object)[codes[rest]]
    sections = [
        (str(label), "class", rest[places])
        for label, places in sorted(
            pd.Series(labels, dtype=object).groupby(labels).indices.items(),
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


def _merges(rule: Rule) -> bool:
    """Whether a band takes all spellings of a combination of classes as one group."""
    return rule.grouped and rule.multi == "own" and "class_label" in rule.groups
