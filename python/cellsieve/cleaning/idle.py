"""Limits that can cut nothing, since no value lies beyond them, or all that differs."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.schema.rules import Rule

SHOWN = 3  # groups in a sentence

SIDES = {"lower": ("smallest", "below"), "upper": ("largest", "above")}


class Tally(NamedTuple):
    """How many values lie beyond the limits of a rule, or equal them; tallies add up.

    And how many cells were kept since the rule could not judge them, and how many it is meant for.
    """

    below: int = 0
    at_lower: int = 0
    at_upper: int = 0
    above: int = 0
    unjudged: int = 0
    meant: int = 0

    def plus(self, other: "Tally") -> "Tally":
        """The sum of both."""
        return Tally(*(mine + yours for mine, yours in zip(self, other, strict=True)))


def tally(rule: Rule, values: NDArray[np.float64], unjudged: int, meant: int) -> Tally:
    """The tally of a rule; of values beyond or at limits only if they are given as values.

    A rule with a name looks for a fault, of which there may be none.
    """
    if rule.grouped or rule.name:
        return Tally(unjudged=unjudged, meant=meant)
    lower = float("-inf") if rule.lower is None else rule.lower
    upper = float("inf") if rule.upper is None else rule.upper
    counts = (values < lower, values == lower, values == upper, values > upper)
    below, at_lower, at_upper, above = (int(count.sum()) for count in counts)
    return Tally(below, at_lower, at_upper, above, unjudged, meant)


def value_notes(rule: Rule, counts: Tally) -> list[str]:
    """A sentence for each limit of a rule of values that equals the smallest or largest value."""
    return [
        f"{rule.column}: the {side} limit equals the {end} value: {_equal(equal)}"
        for side, (end, beyond) in SIDES.items()
        if (equal := getattr(counts, f"at_{side}")) and not getattr(counts, beyond)
    ]


def group_notes(rule: Rule, limits: pd.DataFrame) -> list[str]:
    """A sentence for each side of a percentile rule where the limits of some groups cut nothing.

    The percentiles 0 and 1 ask for exactly that, and get none. Of a rule of kind "mad", one where
    at least half of a group is equal, so that all else lies beyond its limits; of kind "ratio", one
    where the median is not above 0, so that its multiples are no limits.

    Args:
        rule: with its `min_group`.
        limits: from `limits_of`.
    """
    judged = limits[limits["group_size"] >= (rule.min_group or 1)]
    if rule.kind == "mad":
        equal = judged[judged["spread"] == 0]
        if equal.empty:
            return []
        where = _where(rule, equal, len(judged))
        return [
            f"{rule.column}: at least half of the values are equal{where}, so the MAD is 0 and "
            "every value beyond the median on a side that has a limit lies beyond the limit"
        ]
    if rule.kind == "ratio":
        useless = judged[~(judged["spread"] > 0)]
        where = _where(rule, useless, len(judged))
        said = f"{rule.column}: the median is not above 0{where}, so no multiple of it is a limit"
        return [] if useless.empty else [said]
    if rule.kind != "percentile":
        return []
    notes = []
    for side, (end, _) in SIDES.items():
        idle = judged[judged[f"at_{side}"] > 0]
        if idle.empty or getattr(rule, side) == (0 if side == "lower" else 1):
            continue
        where = _where(
            rule, idle.sort_values(f"at_{side}", ascending=False, kind="stable"), len(judged)
        )
        said = _equal(int(idle[f"at_{side}"].sum()))
        notes.append(f"{rule.column}: the {side} limit equals the {end} value{where}: {said}")
    return notes


def _where(rule: Rule, some: pd.DataFrame, judged: int) -> str:
    """Which of the groups that were judged; nothing where all cells are one group."""
    if not rule.groups:
        return ""
    shown = [
        " ".join(row)
        for row in some[list(rule.groups)].head(SHOWN).itertuples(index=False, name=None)
    ]
    more = ", ..." if len(some) > SHOWN else ""
    count = f"{len(some)} of {judged} groups" if judged > 1 else "the only group"
    return f" in {count} ({', '.join(shown)}{more})"


def _equal(cells: int) -> str:
    """How many cells equal a limit, and what that means."""
    return f"{cells:,} cell{' is' if cells == 1 else 's are'} equal to it, none can be cut"
