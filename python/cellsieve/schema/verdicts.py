"""Verdicts in a table: the one place that writes and reads reasons, limits and their rules.

A cleaned table remembers the rules that it was judged by (see `cellsieve.schema.record`), each with
the names of its columns and its reasons, so that no reader has to guess how these are formed:

    {"made": [...],
     "rules": [{"column": "area", "kind": "value", "lower": 40,
                "by": ["class_label"], "multi": "skip", "min_group": 10,
                "columns": {"lower_limit": "area_lower_limit", ...},
                "reasons": {"low": "area low", "high": "area high", ...}}],
     "not_applied": [{"rule": "debris", "missing": ["nuclei"]}],
     "by_hand": {"kept": 1, "dropped": 0}}

Each of a rule's further bands (`also`) has its own "columns". "not_applied" are the optional rules
whose columns the table lacks; where there are none, it is absent.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.schema.choices import Unjudged
from cellsieve.schema.record import Record, record_of, with_record
from cellsieve.schema.rules import Rule, band_names, entries, rule_from
from cellsieve.schema.text import STRING

LIMIT_COLUMNS = ("lower_limit", "upper_limit", "group_size")

LOW, HIGH = "low", "high"
NO_LABEL, MULTI_LABEL = "no_label", "multi_label"
SMALL_GROUP, UNMEASURED = "small_group", "unmeasured"
BY_HAND = "by hand"
FLAGGED = "flagged"  # the column of rules that only flag

#: Each reason of a rule, and how a person would say it.
REASONS = {
    LOW: "too low",
    HIGH: "too high",
    MULTI_LABEL: "several classes",
    NO_LABEL: "no class",
    SMALL_GROUP: "group too small",
    UNMEASURED: "not measured",
}

BETWEEN = "; "  # reasons of one cell


@dataclass(frozen=True)
class Judgement:
    """A rule, and how a table says what came of it.

    Attributes:
        rule: with its own `multi` and `min_group`.
        columns: the table's column of each of `LIMIT_COLUMNS`; of one of several rules that has a
            name, of those only that the rule has.
        reasons: the table's text for each of `REASONS`.
        also: those columns for each of the rule's further bands.
    """

    rule: Rule
    columns: Mapping[str, str]
    reasons: Mapping[str, str]
    also: tuple[Mapping[str, str], ...] = ()

    @property
    def alone(self) -> bool:
        """Whether its column alone decides: a value beyond the limits drops the cell."""
        return not self.rule.also and not self.rule.flag

    @property
    def limit_columns(self) -> list[str]:
        """All the columns of its limits."""
        return [name for columns in (self.columns, *self.also) for name in columns.values()]


def judgements(rules: Sequence[Rule]) -> list[Judgement]:
    """The names of the columns and the reasons that these rules give a table.

    Of a single band, the plain names. Of several, each column begins with the rule's name, if it
    has one, and the band's column; of a second such band it also has a number. The reason is the
    rule's name where it has one; such a rule has columns only for the limits that it has, and for
    the size of the group if it has groups.

    Raises:
        ValueError: the name of a rule is a reason that means something else.
    """
    names = band_names(rules)
    plain = len(names) == 1 and len(names[0]) == 1
    made = []
    for of_rule, rule in zip(names, rules, strict=True):
        if rule.name in (*REASONS, BY_HAND):
            raise ValueError(f"name: found {rule.name!r}, which has a meaning of its own")
        columns, *also = (
            {
                column: column if plain else f"{name}_{column}"
                for column in LIMIT_COLUMNS
                if plain or not rule.name or _has(band, column)
            }
            for name, band in zip(of_rule, rule.bands, strict=True)
        )
        said = "" if plain else f"{rule.name or rule.column} "
        reasons = {reason: said + reason for reason in REASONS}
        if rule.name:
            reasons |= {LOW: rule.name, HIGH: rule.name}
        made.append(Judgement(rule, columns, reasons, tuple(also)))
    return made


def _has(band: Rule, column: str) -> bool:
    """Whether a band has such a limit, or groups, which have a size."""
    return {
        "lower_limit": band.lower is not None,
        "upper_limit": band.upper is not None,
        "group_size": band.grouped,
    }[column]


def made_record(rules: Sequence[Judgement]) -> Record:
    """What a cleaned table remembers of its rules."""
    made = []
    for each in rules:
        said = entries(each.rule)
        for band, columns in zip(said.get("also", []), each.also, strict=True):
            band["columns"] = dict(columns)
        made.append({**said, "columns": dict(each.columns), "reasons": dict(each.reasons)})
    return {"rules": made}


def remembered(table: pd.DataFrame) -> list[Judgement] | None:
    """The rules that a table says it was judged by.

    None if it says nothing that this version understands, or lacks one of their columns.
    """
    judged = judgements_in(record_of(table))
    needed = {"clean", "reason", *(name for each in judged for name in each.limit_columns)}
    return judged if judged and needed <= set(table.columns) else None


def judgements_in(record: Record | None) -> list[Judgement]:
    """The rules that a record lists; none if it lists nothing that this version understands."""
    try:
        judged = [_judgement(**entry) for entry in (record or {})["rules"]]
        return [each for each in judged if each.limit_columns is not None]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []


def _judgement(
    columns: Mapping[str, str], reasons: Mapping[str, str], also: Any = (), **rule: Any
) -> Judgement:
    """One entry of a record."""
    bands = [{name: band[name] for name in band if name != "columns"} for band in also]
    of_bands = tuple(band["columns"] for band in also)
    return Judgement(rule_from({**rule, "also": bands}), columns, reasons, of_bands)


def earlier_columns(table: pd.DataFrame) -> list[str]:
    """The columns that an earlier cleaning has written, not those of the caller's own."""
    names = [str(name) for name in table.columns]
    known = remembered(table)
    if known is not None:
        flags = [FLAGGED] if any(each.rule.flag for each in known) and FLAGGED in names else []
        return [*(name for each in known for name in each.limit_columns), *flags, "reason", "clean"]
    limit_columns = [start + column for start in _starts(names) for column in LIMIT_COLUMNS]
    return (
        [*limit_columns, "reason", "clean"]
        if limit_columns and {"reason", "clean"} <= set(names)
        else []
    )


def own_columns(table: pd.DataFrame) -> list[str]:
    """The columns of a table but for those of an earlier cleaning."""
    earlier = set(earlier_columns(table))
    return [str(name) for name in table.columns if name not in earlier]


def _starts(names: Sequence[str]) -> list[str]:
    """What the names of limits begin with in a table that remembers no rules."""
    starts = [name.removesuffix("lower_limit") for name in names if name.endswith("lower_limit")]
    return [
        start
        for start in starts
        if all(start + column in names for column in LIMIT_COLUMNS)
        and (not start or re.sub(r"(_\d+)?_$", "", start) in names)
    ]


# ---- what a table says about its cells ----


class Verdicts(NamedTuple):
    """An array for each column, all as long as the table."""

    value: NDArray[np.float64]
    band: NDArray[np.object_]
    """"low", "middle", "high", or missing where there is no value."""
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
    """What a table says about its cells; a table that has not been cleaned keeps them all.

    Raises:
        ValueError: the table has no such column, or it doesn't hold numbers.
    """
    ends = limits(table, column)
    clean, reason = decided(table)
    own, where = _reasons_of(table, column), band(table, column)
    names = {text: set(text.split(BETWEEN)) <= own for text in reason.unique()}
    judged = where.where(reason.map(names).astype(bool), "other").where(reason != "", "")
    return Verdicts(
        np.asarray(column_values(table, column), np.float64),
        where.to_numpy(object),
        np.asarray(ends["lower"], np.float64),
        np.asarray(ends["upper"], np.float64),
        np.asarray(clean, bool),
        reason.to_numpy(object),
        judged.to_numpy(object),
    )


def decided(table: pd.DataFrame) -> "tuple[pd.Series[bool], pd.Series[str]]":
    """Whether each cell is kept, and the reason; a table that has not been cleaned keeps them all.

    A reason is "" where there is none.
    """
    nothing = pd.Series("", index=table.index)
    reason = table["reason"].fillna("") if "reason" in table.columns else nothing
    clean = (
        table["clean"].fillna(False).astype(bool)
        if "clean" in table.columns
        else pd.Series(True, index=table.index)
    )
    return clean, reason


def _reasons_of(table: pd.DataFrame, column: str) -> set[str]:
    """The reasons that say that a value lies beyond the limits of a column."""
    known = deciding(table, column)
    if known is None:
        return {text for side in (LOW, HIGH) for text in (side, f"{column} {side}")}
    return {each.reasons[side] for each in known for side in (LOW, HIGH)}


def deciding(table: pd.DataFrame, column: str) -> list[Judgement] | None:
    """The rules that drop a cell for its value in this column alone; None as `remembered`."""
    known = remembered(table)
    if known is None:
        return None
    return [each for each in known if each.rule.column == column and each.alone]


def default_column(table: pd.DataFrame) -> str:
    """The column that a table is shown by unless another is asked for.

    The first whose limits a rule finds and that decides alone, or else `fraction`, where there are
    several channels that of the first, or else the first that a rule judges.
    """
    judging = remembered(table) or []
    found = [each.rule.column for each in judging if each.alone and each.rule.grouped]
    found += [str(name) for name in table.columns if f"{name}_".startswith("fraction_")]
    return [*found, *(each.rule.column for each in judging), "fraction"][0]


def column_values(table: pd.DataFrame, column: str) -> "pd.Series[float]":
    """A column of numbers as float64, missing as NaN.

    Raises:
        ValueError: the table has no such column, or it doesn't hold numbers.
    """
    if column not in table.columns:
        raise ValueError(
            f"column {column!r}: not in the table, which has {', '.join(map(str, table.columns))}"
        )
    values = table[column]
    if not pd.api.types.is_numeric_dtype(values):
        raise ValueError(f"column {column!r}: holds {values.dtype}; expected numbers")
    return values.astype("float64")


def limits(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The limits of each row for a column: `lower` and `upper`, NaN where there are none.

    They are those of the rules that drop a cell for this column alone, so neither of one that flags
    nor of one that takes several columns to fail; of several such rules, the narrowest. If the
    table does not say its rules, those named after `column` (`area_lower_limit`), or else the plain
    ones (`lower_limit`).
    """
    ends_of_rows = pd.DataFrame(index=table.index)
    for side in ("lower", "upper"):
        names = _limit_columns(table, column, f"{side}_limit")
        ends = pd.DataFrame({name: column_values(table, name) for name in names}, table.index)
        ends = ends.where(np.isfinite(ends))
        values = ends.max(axis=1) if side == "lower" else ends.min(axis=1)
        ends_of_rows[side] = values.astype("float64")
    return ends_of_rows


def _limit_columns(table: pd.DataFrame, column: str, limit: str) -> list[str]:
    known = deciding(table, column)
    if known is not None:
        return [each.columns[limit] for each in known if limit in each.columns]
    return [name for name in (f"{column}_{limit}", limit) if name in table.columns][:1]


def limits_note(table: pd.DataFrame, column: str) -> str:
    """Why there are no limits, or which may be those of another column; empty if all is clear."""
    known = remembered(table)
    if known is not None:
        if deciding(table, column):
            return ""
        judged = list(dict.fromkeys(band.column for each in known for band in each.rule.bands))
        if column in judged:
            names = [
                str(each.rule.name)
                for each in known
                if column in [band.column for band in each.rule.bands]
            ]
            return (
                f"No rule drops a cell for {column} alone, so it has no limits here; it is judged "
                f"in: {', '.join(dict.fromkeys(names))}."
            )
        return f"No rule judges {column}, so it has no limits; judged: {', '.join(judged)}."
    names = [
        name
        for limit in ("lower_limit", "upper_limit")
        for name in _limit_columns(table, column, limit)
    ]
    if not names:
        return ""
    return (
        f"The table does not say which rules it was cleaned by; {' and '.join(names)} are taken "
        f"for the limits of {column}."
    )


def band(table: pd.DataFrame, column: str) -> "pd.Series[Any]":
    """Where each cell lies: "low", "middle" or "high"; missing where its value is NaN.

    Cells without limits are in the middle.
    """
    values, ends = column_values(table, column), limits(table, column)
    bands = pd.Series("middle", index=table.index, dtype=STRING)
    bands[values < ends["lower"]] = LOW
    bands[values > ends["upper"]] = HIGH
    return bands.mask(values.isna())


# ---- in words ----


def in_words(reason: str) -> str:
    """A reason as a person would say it: "fraction too low; area too high"."""
    said = []
    for part in reason.split(BETWEEN):
        start, space, what = part.rpartition(" ")
        said.append(start + space + REASONS[what] if what in REASONS else part)
    return BETWEEN.join(said)


def rule_in_words(rule: Rule) -> str:
    """What a rule asks of a cell, in one line."""
    text = " or ".join(_band_in_words(band, rule.unjudged) for band in rule.bands)
    if rule.name:
        text = f"{rule.name}{' (flagged, not dropped)' if rule.flag else ''}: {text}"
    text += meant_in_words(rule)
    return text + (", or it can't be judged" if rule.unjudged == "keep" else "")


def meant_in_words(rule: Rule) -> str:
    """Which cells a rule is meant for; empty if for all."""
    text = ""
    for word, choice in (("where", rule.where), ("unless", rule.unless)):
        each = [f"{column} is {' or '.join(values)}" for column, values in (choice or {}).items()]
        text += f", {word} {' and '.join(each)}" if each else ""
    return text


def _band_in_words(rule: Rule, unjudged: Unjudged) -> str:
    text = f"{rule.column} {_ends_in_words(rule)}"
    if not rule.grouped:
        return text
    if not rule.groups:
        return text + " of all cells"
    several = {"skip": "marked", "explode": "judged in each of them", "own": "groups of their own"}
    multi = rule.multi if "class_label" in rule.groups else None
    details = [
        f"cells of several classes are {several[multi]}" if multi else "",
        f"groups of fewer than {rule.min_group} are marked" if (rule.min_group or 1) > 1 else "",
    ]
    known = ", ".join(filter(None, details)) if unjudged == "drop" else ""
    return f"{text} of each {' and '.join(rule.groups)}" + (f" ({known})" if known else "")


def _ends_in_words(rule: Rule) -> str:
    """Where a band lies, and in what."""
    ends = [end for end in (rule.lower, rule.upper) if end is not None]
    if rule.kind in ("mad", "zscore"):
        return _around_in_words(rule)
    said = {
        "percentile": [f"the {100 * end:.10g} %" for end in ends],
        "ratio": [f"{end:g} times" for end in ends],
        "value": [f"{end:g}" for end in ends],
    }[rule.kind]
    of = {"percentile": " percentile", "ratio": " the median", "value": ""}[rule.kind]
    if len(said) == 2:
        return f"from {said[0]} to {said[1]}{of}"
    return f"{'at most' if rule.lower is None else 'at least'} {said[0]}{of}"


def _around_in_words(rule: Rule) -> str:
    """A band around the middle of a group: how far below or above it a cell may lie or must.

    "At least 3 below" would be read as 3 or more, so a lower limit below it is "at most 3 below".
    """
    unit = {"mad": "scaled MAD", "zscore": "standard deviation"}[rule.kind]
    middle = {"mad": "the median", "zscore": "the mean"}[rule.kind]

    def far(end: float) -> str:
        many = "" if abs(end) == 1 else "s"
        return f"{abs(end):g} {unit}{many} {'below' if end < 0 else 'above'}"

    lower, upper = rule.lower, rule.upper
    if lower and upper:
        return f"from {far(lower)} to {far(upper)} {middle}"
    said = []
    if lower is not None:
        said.append(
            f"{'at least' if lower > 0 else 'at most'} {far(lower)}" if lower else "not below"
        )
    if upper is not None:
        said.append(
            f"{'at most' if upper > 0 else 'at least'} {far(upper)}" if upper else "not above"
        )
    return f"{' and '.join(said)} {middle}"


# ---- by hand ----


def count_by_hand(table: pd.DataFrame) -> pd.DataFrame:
    """The table (itself), which remembers how many of its cells were kept and dropped by hand."""
    record = record_of(table)
    if record is None:
        return table
    marked = table[table["reason"] == BY_HAND].drop_duplicates(["image_id", "label"])
    kept = int(marked["clean"].sum())
    return with_record(table, {**record, "by_hand": {"kept": kept, "dropped": len(marked) - kept}})
