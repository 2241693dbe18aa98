"""Verdicts in a table: the one place that writes and reads reasons, limits and their rules.

A cleaned table remembers the rules that it was judged by (see `cellsieve.schema.record`), each with
the names of its columns and its reasons, so that no reader has to guess how these are formed:

    {"version": "0.1.0",
     "rules": [{"column": "area", "kind": "value", "lower": 40, "upper": null,
                "by": ["class_label"], "multi": "skip", "min_group": 10,
                "columns": {"lower_limit": "area_lower_limit", ...},
                "reasons": {"low": "area low", "high": "area high", ...}}],
     "by_hand": {"kept": 1, "dropped": 0}}
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve._core import __version__
from cellsieve.schema.choices import RuleKind
from cellsieve.schema.record import Record, record_of, with_record
from cellsieve.schema.rules import Rule, rule_names

LIMIT_COLUMNS = ("lower_limit", "upper_limit", "group_size")

LOW, HIGH = "low", "high"
NO_LABEL, MULTI_LABEL = "no_label", "multi_label"
SMALL_GROUP, UNMEASURED = "small_group", "unmeasured"
BY_HAND = "by hand"

#: Each reason of a rule, and how a person would say it.
REASONS = {
    LOW: "too low",
    HIGH: "too high",
    MULTI_LABEL: "several classes",
    NO_LABEL: "no class",
    SMALL_GROUP: "class too small",
    UNMEASURED: "not measured",
}

BETWEEN = "; "  # reasons of one cell


@dataclass(frozen=True)
class Judgement:
    """A rule, and how a table says what came of it.

    Attributes:
        rule: with its own `multi` and `min_group`.
        columns: the table's column of each of `LIMIT_COLUMNS`.
        reasons: the table's text for each of `REASONS`.
    """

    rule: Rule
    columns: Mapping[str, str]
    reasons: Mapping[str, str]


def judgements(rules: Sequence[Rule]) -> list[Judgement]:
    """The names of the columns and the reasons that these rules give a table.

    Of a single rule, the plain names. Of several, each name begins with the rule's column; those of
    a second rule for the same column also have its number.
    """
    made = []
    for name, rule in zip(rule_names(rules), rules, strict=True):
        start, said = (f"{name}_", f"{rule.column} ") if len(rules) > 1 else ("", "")
        columns = {column: start + column for column in LIMIT_COLUMNS}
        made.append(Judgement(rule, columns, {reason: said + reason for reason in REASONS}))
    return made


def made_record(rules: Sequence[Judgement]) -> Record:
    """What a cleaned table remembers of its rules."""
    return {
        "version": __version__,
        "rules": [
            {
                **asdict(each.rule),
                "by": list(each.rule.groups),
                "columns": dict(each.columns),
                "reasons": dict(each.reasons),
            }
            for each in rules
        ],
    }


def remembered(table: pd.DataFrame) -> list[Judgement] | None:
    """The rules that a table says it was judged by.

    None if it says nothing that this version understands, or lacks one of their columns.
    """
    record = record_of(table)
    names = {field.name for field in fields(Rule)}
    try:
        judged = [
            Judgement(
                Rule(**{name: entry[name] for name in names}), entry["columns"], entry["reasons"]
            )
            for entry in (record or {})["rules"]
        ]
        needed = {"clean", "reason", *(name for each in judged for name in each.columns.values())}
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return judged if judged and needed <= set(table.columns) else None


def earlier_columns(table: pd.DataFrame) -> list[str]:
    """The columns that an earlier cleaning has written, not those of the caller's own."""
    names = [str(name) for name in table.columns]
    known = remembered(table)
    if known is not None:
        return [*(name for each in known for name in each.columns.values()), "reason", "clean"]
    limit_columns = [start + column for start in _starts(names) for column in LIMIT_COLUMNS]
    return (
        [*limit_columns, "reason", "clean"]
        if limit_columns and {"reason", "clean"} <= set(names)
        else []
    )


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
    nothing = pd.Series("", index=table.index)
    reason = table["reason"].fillna("") if "reason" in table.columns else nothing
    clean = (
        table["clean"].fillna(False).astype(bool)
        if "clean" in table.columns
        else pd.Series(True, index=table.index)
    )
    says = {"": ""} | {text: side for side, text in _sides(table, column)}
    return Verdicts(
        np.asarray(column_values(table, column), np.float64),
        band(table, column).to_numpy(object),
        np.asarray(ends["lower"], np.float64),
        np.asarray(ends["upper"], np.float64),
        np.asarray(clean, bool),
        reason.to_numpy(object),
        reason.map(lambda each: says.get(each, "other")).to_numpy(object),
    )


def _sides(table: pd.DataFrame, column: str) -> list[tuple[str, str]]:
    """The reasons that say that a value lies below or above the limits of a column."""
    known = remembered(table)
    if known is None:
        return [(side, text) for side in (LOW, HIGH) for text in (side, f"{column} {side}")]
    return [
        (side, each.reasons[side])
        for each in known
        if each.rule.column == column
        for side in (LOW, HIGH)
    ]


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

    If several rules judge the column, the narrowest. If the table does not say its rules, those
    named after `column` (`area_lower_limit`), or else the plain ones (`lower_limit`).
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
    known = remembered(table)
    if known is not None:
        return [each.columns[limit] for each in known if each.rule.column == column]
    return [name for name in (f"{column}_{limit}", limit) if name in table.columns][:1]


def limits_note(table: pd.DataFrame, column: str) -> str:
    """Why there are no limits, or which may be those of another column; empty if all is clear."""
    known = remembered(table)
    if known is not None:
        judged = list(dict.fromkeys(each.rule.column for each in known))
        if column in judged:
            return ""
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
    bands = pd.Series("middle", index=table.index, dtype="str")
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
    said = [_end(rule.kind, end) for end in (rule.lower, rule.upper) if end is not None]
    if len(said) == 2:
        band = f"from {said[0]} to {said[1]}"
    else:
        band = f"{'at most' if rule.lower is None else 'at least'} {said[0]}"
    if not rule.grouped:
        return f"{rule.column} {band}"
    of = {"percentile": " percentile of", "mad": " the median of", "zscore": " the mean of"}
    text = f"{rule.column} {band}{of[rule.kind]} "
    if not rule.groups:
        return text + "all cells"
    several = {"skip": "marked", "explode": "judged in each of them", "own": "groups of their own"}
    details = [
        f"cells of several classes are {several[rule.multi]}" if rule.multi else "",
        f"groups of fewer than {rule.min_group} are marked" if (rule.min_group or 1) > 1 else "",
    ]
    return f"{text}each {' and '.join(rule.groups)} ({', '.join(filter(None, details))})"


def _end(kind: RuleKind, end: float) -> str:
    """An end of a band."""
    if kind == "percentile":
        return f"the {100 * end:.10g} %"
    if kind == "value":
        return f"{end:g}"
    unit = {"mad": "scaled MADs", "zscore": "standard deviations"}[kind]
    return f"{abs(end):g} {unit} {'below' if end < 0 else 'above'}"


# ---- by hand ----


def count_by_hand(table: pd.DataFrame) -> pd.DataFrame:
    """The table (itself), which remembers how many of its cells were kept and dropped by hand."""
    record = record_of(table)
    if record is None:
        return table
    marked = table[table["reason"] == BY_HAND].drop_duplicates(["image_id", "label"])
    kept = int(marked["clean"].sum())
    return with_record(table, {**record, "by_hand": {"kept": kept, "dropped": len(marked) - kept}})
