"""Rules that a cell must pass."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any

from cellsieve.schema.choices import RuleKind, SeveralClasses, Unjudged, check_choice

MIN_GROUP = 10


@dataclass(frozen=True)
class Rule:
    """A band that a cell must lie in.

    Attributes:
        column: the column that is judged. Where a table has no such column but one for each of
            several channels (`contrast_red`, `contrast_green` for "contrast"), the rule holds for
            each of them.
        lower, upper: the ends of the band, both within it; None leaves that side open. Of kind
            "percentile", quantiles (0 to 1) of the column over the cell's group; of kind "mad",
            distances from the group's median in units of 1.4826 times its median absolute
            deviation, negative below it (-3 and 3, say); of kind "zscore", distances from the
            group's mean in standard deviations (divisor n); of kind "ratio", multiples of the
            group's median (0.5 and 2, say); of kind "value", values of the column.
        by: the column whose values are the groups, or several, whose combinations are; None takes
            all cells as one group. Rules of values have no groups.
        kind: "percentile", "mad", "zscore", "ratio" or "value".
        multi, min_group: as for `clean`, for this rule alone; None takes those of the call.
        name: what is wrong with a cell beyond the limits ("out of focus"): its reason.
        also: further bands, rules of their own with no more than the attributes above; a cell fails
            the rule only if it lies outside this band and outside all of those. Needs a name.
        where: limits the rule to the cells that have one of these values in each of these columns
            (`{"class_label": ["0", "16"]}`; one of several classes is enough); the others pass, and
            are in none of its groups. "channel", if that is no column, says which channels a column
            without suffix stands for.
        unless: the rule is not meant for the cells that have exactly one of these values in each of
            these columns ("16" is not "0|16"); another rule may be.
        flag: a cell that fails is kept all the same, and the name stands in its `flagged`.
        optional: if a table lacks one of its columns, the rule is left out, and that is said.
        unjudged: what becomes of a cell that can't be judged by it, since its value is missing or
            its group too small: "drop" (with that reason) or "keep".

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
    name: str | None = None
    also: Sequence["Rule"] = ()
    where: Mapping[str, Sequence[str]] | None = None
    unless: Mapping[str, Sequence[str]] | None = None
    flag: bool = False
    optional: bool = False
    unjudged: Unjudged = "drop"

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
            ("where", _chosen("where", self.where)),
            ("unless", _chosen("unless", self.unless)),
            ("also", self._also()),
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
        check_choice("unjudged", self.unjudged, Unjudged)
        for name in ("flag", "optional"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}: found {getattr(self, name)!r}; expected true or false")
        if self.name is not None and not (
            isinstance(self.name, str) and _NAME.fullmatch(self.name)
        ):
            raise ValueError(
                f"name: found {self.name!r}; expected a text of one line without ';', such as "
                "'out of focus'"
            )
        if self.name is None and (self.also or self.flag):
            raise ValueError(
                f"rule for {self.column}: has {'also' if self.also else 'flag'} and no name; "
                "expected a name, which is the reason in the table"
            )

    def _also(self) -> tuple["Rule", ...]:
        """The further bands.

        Raises:
            TypeError, ValueError: these are not rules, or they have what only the whole can have.
        """
        if not isinstance(self.also, Sequence) or not all(isinstance(r, Rule) for r in self.also):
            raise TypeError(f"also: found {self.also!r}; expected a list of Rule")
        for band in self.also:
            if own := set(entries(band)) & _OF_THE_WHOLE:
                raise ValueError(
                    f"also, rule for {band.column}: has {', '.join(sorted(own))}; expected that of "
                    "the rule that it belongs to"
                )
        return tuple(self.also)

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

    @property
    def chosen_by(self) -> tuple[str, ...]:
        """The columns that say which cells it is meant for."""
        return (*(self.where or {}), *(self.unless or {}))

    @property
    def bands(self) -> tuple["Rule", ...]:
        """Its own band and the further ones, which hold where it does: no more than bands."""
        own = replace(self, name=None, also=(), flag=False, optional=False, unjudged="drop")
        others = (replace(band, where=self.where, unless=self.unless) for band in self.also)
        return (own, *others)


_NAME = re.compile(r"\S([^;\n\r]*\S)?")
_OF_THE_WHOLE = {"name", "also", "where", "unless", "flag", "optional", "unjudged"}


def entries(rule: Rule) -> dict[str, Any]:
    """What a rule says, as TOML and JSON hold it; what is not given is left out."""
    values = {field.name: getattr(rule, field.name) for field in fields(Rule)}
    values |= {"by": list(rule.groups), "also": [entries(band) for band in rule.also]}
    for choice in ("where", "unless"):
        values[choice] = {name: list(some) for name, some in (values[choice] or {}).items()}
    plain = {"also": [], "where": {}, "unless": {}, "flag": False, "optional": False}
    plain["unjudged"] = "drop"
    return {
        name: value
        for name, value in values.items()
        if value is not None and not (name in plain and value == plain[name])
    }


def rule_from(found: Mapping[str, Any]) -> Rule:
    """The rule that says this; see `entries`.

    Raises:
        ValueError, TypeError: an unknown entry, or a wrong one.
    """
    known = [field.name for field in fields(Rule)]
    if not isinstance(found, Mapping):
        raise TypeError(f"rule: found {found!r}; expected names and values")
    if unknown := set(found) - set(known):
        which = f"the rule for {found['column']}" if "column" in found else "a rule"
        raise ValueError(
            f"found {', '.join(sorted(unknown))} in {which}; expected only "
            f"{', '.join(sorted(known))}"
        )
    also = found.get("also", ())
    if not isinstance(also, Sequence) or isinstance(also, str):
        raise TypeError(f"also: found {also!r}; expected a list of rules")
    return Rule(**{**found, "also": [rule_from(band) for band in also]})


def _chosen(argument: str, choice: Any) -> dict[str, tuple[str, ...]] | None:
    """For each column the values as text."""
    if choice is None:
        return None
    if not isinstance(choice, Mapping):
        raise TypeError(
            f"{argument}: found {choice!r}; expected columns and their values: "
            "{class_label: [0, 16]}"
        )
    found = {}
    for name, some in choice.items():
        values = [some] if isinstance(some, str | Integral) else some
        if (
            not isinstance(name, str)
            or not isinstance(values, Iterable)
            or not (values := list(values))
            or not all(isinstance(value, str | Integral) for value in values)
        ):
            raise TypeError(f"{argument}: found {some!r} for {name!r}; expected a list of texts")
        found[name] = tuple(map(str, values))
    return found or None


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

    def whole(rule: Rule) -> Rule:
        also = [whole(band) for band in rule.also]
        min_size = rule.min_group or min_group
        return replace(rule, multi=rule.multi or multi, min_group=min_size, also=also)

    return [whole(rule) for rule in rules]


def bands(rules: Sequence[Rule]) -> list[Rule]:
    """All bands of all rules, in their order."""
    return [band for rule in rules for band in rule.bands]


def exploded_column(rules: Sequence[Rule]) -> str | None:
    """The column whose classes get one row each: `class_label`, or the first that makes groups.

    None if no rule asks for it.

    Raises:
        ValueError: one rule asks for it, and another with groups by the same column does not.
    """
    rules = bands(rules)
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


def band_names(rules: Sequence[Rule]) -> list[list[str]]:
    """For each rule, a name for each of its bands: the column, after the name of a named rule.

    Of a second band of that name there is a number at the end: `area_2`. Equal bands of rules with
    one name share theirs.
    """
    taken: dict[str, Rule] = {}

    def name_of(band: Rule, start: str) -> str:
        name, number = start + band.column, 1
        while taken.setdefault(name, band) is not band and not (start and taken[name] == band):
            number += 1
            name = f"{start}{band.column}_{number}"
        return name

    starts = [slug(rule.name) + "_" if rule.name else "" for rule in rules]
    return [
        [name_of(band, start) for band in rule.bands]
        for rule, start in zip(rules, starts, strict=True)
    ]


def slug(name: str) -> str:
    """A name as a part of a column's name: "out_of_focus"."""
    return re.sub(r"\W+", "_", name.lower()).strip("_") or "rule"
