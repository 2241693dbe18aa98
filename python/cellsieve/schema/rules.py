"""Rules that a cell must pass."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

from cellsieve.schema.choices import RuleKind, SeveralClasses, check_choice

MIN_GROUP = 10


@dataclass(frozen=True)
class Rule:
    """A band that a cell must lie in.

    Attributes:
        column: the column that is judged.
        lower, upper: the ends of the band, both within it; None leaves that side open. Of kind
            "percentile", quantiles (0 to 1) of the column over the cell's group; of kind "mad",
            distances from the group's median in units of 1.4826 times its median absolute
            deviation, negative below it (-3 and 3, say); of kind "zscore", distances from the
            group's mean in standard deviations (divisor n); of kind "value", values of the column.
        by: the column whose values are the groups, or several, whose combinations are; None takes
            all cells as one group. Rules of values have no groups.
        kind: "percentile", "mad", "zscore" or "value".
        multi, min_group: as for `clean`, for this rule alone; None takes those of the call.

    Raises:
        ValueError, TypeError: no cell can be judged by it; the text says why.
    """

    column: str = "fraction"
    lower: float | None = None
    upper: float | None = None
    by: str | Sequence[str] | None = "class_label"
    kind: RuleKind = "percentile"
    multi: SeveralClasses | None = None
    min_group: int | None = None

    def __post_init__(self) -> None:
        """Refuses a band that no cell could be judged by."""
        if not isinstance(self.column, str):
            raise TypeError(f"column: found {self.column!r}; expected the name of a column")
        check_choice("kind", self.kind, RuleKind)
        check_multi(self.multi)
        check_min_group(self.min_group)
        for name, value in (
            ("by", _columns(self.by)),
            ("lower", self._end(self.lower)),
            ("upper", self._end(self.upper)),
        ):
            object.__setattr__(self, name, value)
        ends = [end for end in (self.lower, self.upper) if end is not None]
        if not all(map(math.isfinite, ends)):
            raise ValueError(
                f"rule for {self.column}: found lower {self.lower} and upper {self.upper}; "
                "expected finite numbers; without a limit, a side is open"
            )
        if not ends:
            raise ValueError(f"rule for {self.column}: neither lower nor upper is given")
        found = f"rule for {self.column}: found lower {self.lower} and upper {self.upper}"
        if self.kind == "percentile" and not all(0 <= end <= 1 for end in ends):
            raise ValueError(
                f"{found}; percentiles are numbers from 0 to 1 (0.001 is the 0.1 % one)"
            )
        if ends != sorted(ends):
            raise ValueError(f"{found}; expected lower <= upper")

    def _end(self, end: Any) -> float | None:
        """An end of the band as one of Python's own numbers."""
        if end is not None and (isinstance(end, bool) or not isinstance(end, Real)):
            raise ValueError(
                f"rule for {self.column}: found lower {self.lower!r} and upper {self.upper!r}; "
                "expected numbers"
            )
        return end if end is None else int(end) if isinstance(end, Integral) else float(end)

    @property
    def groups(self) -> tuple[str, ...]:
        """The columns that make the groups; none if all cells are one group."""
        return () if self.by is None else (self.by,) if isinstance(self.by, str) else tuple(self.by)

    @property
    def grouped(self) -> bool:
        """Whether its limits are those of groups, which have to be found first."""
        return self.kind != "value"


def _columns(by: Any) -> str | tuple[str, ...] | None:
    """A single name as it is, several as a tuple, none as None."""
    if by is None or isinstance(by, str):
        return by
    if not isinstance(by, Sequence) or not all(isinstance(name, str) for name in by):
        raise TypeError(f"by: found {by!r}; expected a column, a list of columns, or None")
    if len(set(by)) < len(by):
        raise ValueError(f"by: found {', '.join(by)}; expected each column once")
    return None if not by else by[0] if len(by) == 1 else tuple(by)


def check_multi(multi: Any) -> None:
    """Refuses an unknown way of treating cells of several classes.

    Raises:
        ValueError: it is not one of the choices.
    """
    if multi is not None:
        check_choice("multi", multi, SeveralClasses)


def check_min_group(min_group: Any) -> None:
    """Refuses an invalid size of a group.

    Raises:
        ValueError: it is not a whole number from 1.
    """
    if min_group is None:
        return
    if isinstance(min_group, bool) or not isinstance(min_group, Integral) or min_group < 1:
        raise ValueError(f"min_group: found {min_group!r}; expected at least 1")


def resolved(rules: Any, multi: SeveralClasses, min_group: int) -> list[Rule]:
    """The rules, each with its own `multi` and `min_group`.

    Raises:
        TypeError, ValueError: these are not rules, or an argument has an invalid value.
    """
    if multi is None or min_group is None:
        raise ValueError(f"multi and min_group: found {multi} and {min_group}; expected values")
    check_multi(multi)
    check_min_group(min_group)
    if not isinstance(rules, Sequence) or not all(isinstance(rule, Rule) for rule in rules):
        raise TypeError(f"rules: found {rules!r}; expected a list of Rule, as from read_rules")
    if not rules:
        raise ValueError("rules: found none; expected at least one")
    return [
        replace(rule, multi=rule.multi or multi, min_group=rule.min_group or min_group)
        for rule in rules
    ]


def exploded_column(rules: Sequence[Rule]) -> str | None:
    """The column whose classes get one row each: `class_label`, or the first that makes groups.

    None if no rule asks for it.

    Raises:
        ValueError: one rule asks for it, and another with groups by the same column does not.
    """
    asking = [rule for rule in rules if rule.multi == "explode"]
    if not asking:
        return None
    columns = [name for rule in asking for name in rule.groups]
    column = "class_label" if "class_label" in columns else (columns or ["class_label"])[0]
    for rule in rules:
        if rule.grouped and rule.multi != "explode" and column in rule.groups:
            raise ValueError(
                f"rules: found multi 'explode' and {rule.multi!r} for the groups of {column}; "
                "rows can only be exploded for all rules"
            )
    return column


def rule_names(rules: Sequence[Rule]) -> list[str]:
    """A name for each rule: its column; of a second rule for `area`, `area_2`."""
    names: list[str] = []
    for rule in rules:
        name, number = rule.column, 1
        while name in names:
            number += 1
            name = f"{rule.column}_{number}"
        names.append(name)
    return names
