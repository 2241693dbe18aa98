"""Limits that can cut nothing, since no value lies beyond them."""

from typing import Any, NamedTuple

import pandas as pd

from cellsieve.schema.rules import Rule

SHOWN = 3  # groups in a sentence

SIDES = {"lower": ("smallest", "below"), "upper": ("largest", "above")}


class Tally(NamedTuple):
    """How many values lie beyond the limits of a rule, or equal them; tallies add up."""

    below: int = 0
    at_lower: int = 0
    at_upper: int = 0
    above: int = 0

    def plus(self, other: "Tally") -> "Tally":
        """The sum of both."""
        return Tally(*(mine + yours for mine, yours in zip(self, other, strict=True)))


def tally(rule: Rule, values: "pd.Series[Any]") -> Tally:
    """How many values lie beyond or at the limits of a rule of values."""
    lower = float("-inf") if rule.lower is None else rule.lower
    upper = float("inf") if rule.upper is None else rule.upper
    counts = (values < lower, values == lower, values == upper, values > upper)
    return Tally(*(int(count.sum()) for count in counts))


def value_notes(rule: Rule, counts: Tally) -> list[str]:
    """A sentence for each limit of a rule of values that equals the smallest or largest value."""
    return [
        f"{rule.column}: the {side} limit equals the {end} value: {_equal(equal)}"
        for side, (end, beyond) in SIDES.items()
        if (equal := getattr(counts, f"at_{side}")) and not getattr(counts, beyond)
    ]


def percentile_notes(rule: Rule, limits: pd.DataFrame) -> list[str]:
    """A sentence for each side of a percentile rule where the limits of some groups cut nothing.

    The percentiles 0 and 1 ask for exactly that, and get none.

    Args:
        rule: with its `min_group`.
        limits: from `percentile_limits`.
    """
    judged = limits[limits["group_size"] >= (rule.min_group or 1)]
    notes = []
    for side, (end, _) in SIDES.items():
        idle = judged[judged[f"at_{side}"] > 0]
        if idle.empty or getattr(rule, side) == (0 if side == "lower" else 1):
            continue
        where = ""
        if rule.groups:
            names = idle.sort_values(f"at_{side}", ascending=False, kind="stable")
            shown = [
                " ".join(row)
                for row in names[list(rule.groups)].head(SHOWN).itertuples(index=False, name=None)
            ]
            more = ", ..." if len(idle) > SHOWN else ""
            count = f"{len(idle)} of {len(judged)} groups" if len(judged) > 1 else "the only group"
            where = f" in {count} ({', '.join(shown)}{more})"
        equal = _equal(int(idle[f"at_{side}"].sum()))
        notes.append(f"{rule.column}: the {side} limit equals the {end} value{where}: {equal}")
    return notes


def _equal(cells: int) -> str:
    """How many cells equal a limit, and what that means."""
    return f"{cells:,} cell{' is' if cells == 1 else 's are'} equal to it, none can be cut"
