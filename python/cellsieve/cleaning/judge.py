"""Cleaning: which cells lie outside the band of their group, and why."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cellsieve.cleaning.fit import Fitted, fit
from cellsieve.cleaning.idle import Tally, group_notes, tally, value_notes
from cellsieve.cleaning.passes import Part, Passes, run_passes
from cellsieve.cleaning.preset import as_rules
from cellsieve.cleaning.quantiles import group_quantiles
from cellsieve.cleaning.spread import group_spread
from cellsieve.io.parts import Parts
from cellsieve.io.tables import TEXT, read_table
from cellsieve.schema.choices import SeveralClasses
from cellsieve.schema.keys import check_cells
from cellsieve.schema.labels import EXPLODED, SEPARATOR, class_text, classes_of
from cellsieve.schema.record import record_of, with_record
from cellsieve.schema.rules import MIN_GROUP, Rule, bands, exploded_column, resolved
from cellsieve.schema.types import Table, is_table
from cellsieve.schema.verdicts import (
    BETWEEN,
    FLAGS,
    HIGH,
    LIMIT_COLUMNS,
    LOW,
    MULTI_LABEL,
    NO_LABEL,
    SMALL_GROUP,
    UNMEASURED,
    earlier_columns,
    judgements,
    made_record,
    remembered,
)
from cellsieve.schema.words import count

JOIN = "\x1f"  # between the columns of a group; `class_text` leaves none within them


def percentile_limits(
    table: Table | Sequence[Table],
    by: str | Sequence[str] | None = "class_label",
    column: str = "fraction",
    lower: float | None = 0.001,
    upper: float | None = 0.999,
    multi: SeveralClasses = "skip",
    *,
    prefix_ids: bool = False,
) -> pd.DataFrame:
    """The limits of each group.

    Args:
        table: a cell table or its file, or several, which are taken as parts of one table. Of
            files, one piece is in memory at a time; the limits are exact all the same.
        by, column, lower, upper, multi: as for `clean`.
        prefix_ids: as for `clean_to`.

    Returns:
        One row per group, by ascending group: the group (a column for each of `by`, of text; none
        if that is None), `group_size` (cells with a value), `lower_limit` and `upper_limit` (equal
        to `numpy.quantile`, method "linear", to the last bit; infinite where that side is open),
        `at_lower` and `at_upper`: where a limit equals the group's smallest (largest) value, so
        that it can cut no cell, how many cells are equal to it; else 0.

    Raises:
        ValueError: a column is missing; a percentile outside 0 to 1; duplicate cells.
        TypeError: an argument of the wrong type.
        OSError: a file can't be read.
    """
    return group_limits(table, Rule(column, lower, upper, by), multi, prefix_ids=prefix_ids)


def group_limits(
    table: Table | Sequence[Table],
    rule: Rule,
    multi: SeveralClasses = "skip",
    *,
    prefix_ids: bool = False,
) -> pd.DataFrame:
    """The limits of each group by a rule of any kind that has groups.

    Args:
        table, prefix_ids: as for `percentile_limits`.
        rule: of kind "percentile", "mad" or "zscore".
        multi: as for `clean`, unless the rule has its own.

    Returns:
        One row per group, as `percentile_limits`; of the kinds "mad" and "zscore", `center` (the
        median, the mean) and `spread` (1.4826 times the median absolute deviation, the standard
        deviation) in place of `at_lower` and `at_upper`. They are the same to the last bit however
        the table is cut into parts and whatever the order of its rows.

    Raises:
        ValueError: the rule is of kind "value"; else as `percentile_limits`.
        TypeError, OSError: as `percentile_limits`.
    """
    [rule] = resolved([rule], multi, 1)
    if not rule.grouped:
        raise ValueError(f"rule for {rule.column}: found kind 'value', which has no groups")
    tables = [table] if is_table(table) else table
    if not isinstance(tables, Sequence) or not all(is_table(each) for each in tables):
        raise TypeError(f"table: found {table!r}; expected a cell table, its file, or a list")
    parts = Parts(tables, text_columns([rule]), (rule.column,), prefix_ids=prefix_ids)
    [limits] = limits_of(parts, [rule], exploded_column([rule]))
    assert limits is not None
    return limits


def clean(
    table: Table,
    by: str | Sequence[str] | None = "class_label",
    column: str = "fraction",
    lower: float | None = 0.001,
    upper: float | None = 0.999,
    multi: SeveralClasses = "skip",
    *,
    min_group: int = MIN_GROUP,
    rules: Sequence[Rule] | str | None = None,
    limits: Sequence[pd.DataFrame | None] | None = None,
) -> pd.DataFrame:
    """Marks the cells outside the band of their group; no row is dropped.

    Args:
        table: a cell table, or its file.
        by: the column whose values are the groups, or several, whose combinations are the groups
            (`["plate", "class_label"]`); None takes all cells as one group. Whole numbers and
            their text are the same group (3, 3.0 and "3"), so a trip through CSV changes nothing.
        column: the column that is judged.
        lower, upper: quantiles of `column` over the group, by numpy's rule "linear"; a cell is kept
            when lower limit <= value <= upper limit. None leaves that side open.
        multi: what becomes of cells with several classes ("0|16"): "skip" marks them, and they
            count in no group; "explode" gives one row for each class, judged in that class's group
            (`image_class_label` keeps the original); "own" takes the combination as a group,
            in whatever order its classes come.
        min_group: smaller groups have no percentiles to speak of: their cells are marked. Note that
            limits at 0.1 % and 99.9 % always cut the lowest and the highest of fewer than 1000
            distinct values.
        rules: several rules at once, instead of `by`, `column`, `lower` and `upper`; a cell must
            pass all of them. Or the name of a preset: "faults", "notebook" or "nuclei".
        limits: for each rule (and each of its further bands, `also`) that the table has the columns
            for, limits from `group_limits` instead of those of this table (None for a rule of
            values); for a table that comes in parts.

    Returns:
        The same rows in the same order, with all their columns and

        - `clean`: whether the cell is kept
        - `reason`: empty if it is, else "no_label" (no group), "multi_label", "unmeasured" (the
          value is NaN or infinite), "small_group", "low" or "high". With several rules, the
          reasons of all that it failed, each with its column: "fraction low; area high". The
          reason of a rule with a name is that name: "out of focus; area high"
        - `lower_limit`, `upper_limit`, `group_size`: what decided it; NaN and 0 if nothing could (a
          rule of values has no group). With several rules, each begins with its column, as
          `area_lower_limit`; of a second rule for a column, `area_2_lower_limit`; of a rule with a
          name, `debris_area_lower_limit`
        - `flags`, if a rule flags: the names of those that the cell failed, "" if none

        Such columns of an earlier cleaning are replaced. The table remembers the rules in its
        `attrs["cellsieve"]`: see `rules_of`.

    Raises:
        ValueError: a column is missing, a rule is invalid, there are duplicate cells, or the
            table has a column of its own with one of these names.
        TypeError: an argument of the wrong type.

    Warns:
        UserWarning: a limit can cut no cell, since it equals the smallest (largest) value of its
            group; a rule is left out since the table lacks its columns (see `Rule.optional`); cells
            were kept that a rule could not judge (`Rule.unjudged`). Not if `limits` are given.

    Example:
        >>> import pandas as pd
        >>> cells = pd.DataFrame({"class_label": "0", "fraction": [0.1, 0.5, 0.5, 0.6, 0.9]})
        >>> clean(cells, lower=0.1, upper=0.9, min_group=5)[["fraction", "clean", "reason"]]
           fraction  clean reason
        0       0.1  False    low
        1       0.5   True
        2       0.5   True
        3       0.6   True
        4       0.9  False   high
    """
    if not is_table(table):
        raise TypeError(f"table: found {type(table).__name__}; expected a cell table or its file")
    asked = [Rule(column, lower, upper, by)] if rules is None else as_rules(rules)
    asked = resolved(asked, multi, min_group)
    if isinstance(table, pd.DataFrame):
        name = "table"
    else:
        name, table = os.fspath(table), read_table(table, text=text_columns(asked))
    check_cells(table, name)
    fitted = fit(asked, own_columns(table))
    judged_by = bands(fitted.rules)
    given: Sequence[pd.DataFrame | None] = [None] * len(judged_by) if limits is None else limits
    if len(given) != len(judged_by):
        raise ValueError(f"limits: found {len(given)} tables for {len(judged_by)} rules")
    waiting = [band for band, limit in zip(judged_by, given, strict=True) if limit is None]
    own = iter(limits_of([table], waiting, exploded_column(fitted.rules)))
    known = [next(own) if limit is None else limit for limit in given]
    result = judge(table, fitted, known)
    if limits is None:
        for note in fitted.notes() + notes_of(fitted.rules, known, result.tallies):
            warnings.warn(note, stacklevel=2)
    return result.table


def own_columns(table: pd.DataFrame) -> list[str]:
    """The columns of a table but for those of an earlier cleaning."""
    earlier = set(earlier_columns(table))
    return [str(name) for name in table.columns if name not in earlier]


def rules_of(table: Table) -> list[Rule]:
    """The rules that a cleaned table was judged by, as `clean` and `write_rules` take them.

    Args:
        table: a cleaned table, or its file.

    Returns:
        The rules, each with its `multi` and `min_group`. The same cells get the same verdicts by
        them, except for marks by hand.

    Raises:
        ValueError: the table has none: it was not cleaned, or by another program.
        OSError: the file can't be read.
    """
    name = "table" if isinstance(table, pd.DataFrame) else os.fspath(table)
    judged_by = remembered(table if isinstance(table, pd.DataFrame) else read_table(table))
    if judged_by is None:
        raise ValueError(f"{name}: says no rules that it was cleaned by; expected a cleaned table")
    return [each.rule for each in judged_by]


class Judged(NamedTuple):
    """A table with its verdicts, and for each rule of values a tally of them."""

    table: pd.DataFrame
    tallies: list[Tally]


def judge(table: pd.DataFrame, fitted: Fitted, limits: Sequence[pd.DataFrame | None]) -> Judged:
    """The table with the verdict of all rules; see `clean`.

    Args:
        table: a cell table, or a piece of one.
        fitted: the rules, each with its own `multi` and `min_group`.
        limits: of each band of each rule those over the whole table, if it has groups.
    """
    exploded = exploded_column(fitted.rules)
    if exploded is not None:
        table = explode(table, exploded)
    result = table.drop(columns=earlier_columns(table))
    judging = judgements(fitted.rules)
    reasons, flags, tallies = [], [], []
    written: set[str] = set()
    waiting = iter(limits)
    for judgement in judging:
        rule = judgement.rule
        verdicts = []
        for band, columns in zip(rule.bands, (judgement.columns, *judgement.also), strict=True):
            keys, values = _part(table, band)
            verdicts.append(_verdict(table, band, keys, values, next(waiting)))
            for name, column in columns.items():
                if column not in written:  # two rules may share a band
                    _add(result, column, verdicts[-1][name].to_numpy())
                    written.add(column)
        reason = _all_failed([verdict["reason"] for verdict in verdicts])
        failed = reason.isin([LOW, HIGH])
        kept = (reason != "") & ~failed if rule.unjudged == "keep" else failed & False
        tallies.append(tally(rule, _part(table, rule)[1], int(kept.sum())))
        said = reason.mask(kept, "").map({"": "", **judgement.reasons})
        if rule.flag:
            flags.append(said.where(failed, ""))
        else:
            reasons.append(said)
    if flags:
        _add(result, FLAGS, _joined(flags, result.index))
    _add(result, "reason", _joined(reasons, result.index))
    _add(result, "clean", result["reason"] == "")
    earlier = record_of(table) or {}
    record = {key: earlier[key] for key in earlier if key not in ("by_hand", "not_applied")}
    record |= made_record(judging) | fitted.record()
    return Judged(with_record(result, record), tallies)


def _all_failed(reasons: Sequence["pd.Series[Any]"]) -> "pd.Series[Any]":
    """The reason of a rule of several bands, which a cell fails if it fails all of them.

    If it passes none, but can't be judged by one, it can't be judged by the rule.
    """
    first, *others = reasons
    for other in others:
        first = first.mask(first.isin([LOW, HIGH]), other).mask(other == "", "")
    return first


def _joined(reasons: Sequence["pd.Series[Any]"], index: "pd.Index[Any]") -> "pd.Series[str]":
    """The reasons of each row; one that two rules give stands there once."""
    if not reasons:
        return pd.Series("", index=index, dtype="str")
    joined = [BETWEEN.join(dict.fromkeys(filter(None, row))) for row in zip(*reasons, strict=True)]
    return pd.Series(joined, index=index, dtype="str")


def _add(table: pd.DataFrame, name: str, values: Any) -> None:
    """Adds a column.

    Raises:
        ValueError: the table has one of that name.
    """
    if name in table.columns:
        raise ValueError(
            f"column {name}: the table has one of its own, and clean writes a column of this name; "
            "rename it first"
        )
    table[name] = values


def explode(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """One row for each class of each cell; `image_class_label` keeps the classes together.

    A table that has been exploded before stays as it is.

    Raises:
        ValueError: the table has a column `image_class_label` of its own.
    """
    text = class_text(_column(table, by))
    classes = text.map(classes_of, na_action="ignore")
    if EXPLODED not in table.columns:
        table = table.assign(**{EXPLODED: text})
    elif text.str.contains(SEPARATOR, regex=False, na=False).any():
        raise ValueError(
            f"column {EXPLODED}: the table has one of its own, and multi 'explode' writes a column "
            "of this name; rename it first"
        )
    return table.assign(**{by: classes}).explode(by, ignore_index=True).astype({by: "str"})


def _verdict(
    table: pd.DataFrame,
    rule: Rule,
    groups: "pd.Series[Any]",
    values: "pd.Series[Any]",
    limits: pd.DataFrame | None,
) -> pd.DataFrame:
    """The reason and the limits of one rule for each row."""
    verdict = pd.DataFrame(index=table.index)
    if rule.kind == "value":
        verdict["lower_limit"] = float("-inf") if rule.lower is None else float(rule.lower)
        verdict["upper_limit"] = float("inf") if rule.upper is None else float(rule.upper)
        verdict["group_size"] = 0
    else:
        assert limits is not None
        by_group = limits.set_axis(group_keys(limits, rule.groups).to_numpy())
        for name in LIMIT_COLUMNS:
            verdict[name] = groups.map(by_group[name]).astype("float64")
        verdict["group_size"] = verdict["group_size"].fillna(0).astype("int64")
    reason = pd.Series("", index=table.index, dtype="str")
    reason[values < verdict["lower_limit"]] = LOW
    reason[values > verdict["upper_limit"]] = HIGH
    if rule.grouped:
        reason[verdict["group_size"] < (rule.min_group or 1)] = SMALL_GROUP
    reason[values.isna()] = UNMEASURED
    if rule.grouped:
        reason[groups.isna()] = MULTI_LABEL
        for name in rule.groups:
            reason[group_keys(table, [name]).isna()] = NO_LABEL
    if rule.where:
        outside = ~_applies(table, rule)
        verdict.loc[outside, ["lower_limit", "upper_limit"]] = np.nan
        verdict.loc[outside, "group_size"] = 0
        reason[outside] = ""
    verdict["reason"] = reason
    return verdict


def _applies(table: pd.DataFrame, rule: Rule) -> "pd.Series[Any]":
    """Which rows the rule is meant for."""
    applies = np.ones(len(table), bool)
    for name, values in (rule.where or {}).items():
        wanted = set(class_text(pd.Series(list(values))))
        codes, names = pd.factorize(_column(table, name))
        hit = [
            not pd.isna(text) and not wanted.isdisjoint({text, *classes_of(text)})
            for text in class_text(pd.Series(names))
        ]
        applies &= np.array([*hit, False])[codes]  # missing has the code -1
    return pd.Series(applies, index=table.index)


def _part(table: pd.DataFrame, rule: Rule) -> Part:
    """The group and the value of each row; the group is missing if it belongs to none."""
    values = _column(table, rule.column)
    if not pd.api.types.is_numeric_dtype(values) and values.notna().any():
        raise ValueError(f"column {rule.column}: holds {values.dtype}; expected numbers")
    keys = group_keys(table, rule.groups if rule.grouped else (), rule.multi)
    return keys.where(_applies(table, rule)) if rule.where else keys, _finite(values)


def group_keys(
    table: pd.DataFrame, columns: Sequence[str], multi: SeveralClasses | None = None
) -> "pd.Series[Any]":
    """The group of each row as one text; missing if it has none."""
    keys = pd.Series("", index=table.index, dtype="str")
    for number, name in enumerate(columns):
        codes, names = pd.factorize(_column(table, name))
        text = class_text(pd.Series(names))
        if multi == "skip":
            text = text.mask(text.str.contains(SEPARATOR, regex=False, na=False))
        elif multi == "own":
            text = text.map(lambda each: SEPARATOR.join(classes_of(each)), na_action="ignore")
        text = text.astype("str").reindex(codes).set_axis(table.index)
        keys = keys + JOIN + text if number else text
    return keys


def _finite(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """The values as numbers; infinite ones count as not measured."""
    numbers = values.astype("float64")
    return numbers.mask(np.isinf(numbers))


def limits_of(
    pieces: Iterable[pd.DataFrame], rules: Sequence[Rule], exploded: str | None
) -> list[pd.DataFrame | None]:
    """The limits of rules over the pieces of a table; None for a rule without groups.

    All share their passes over the pieces: four if one is of kind "mad", else at most two.

    Args:
        pieces: the same each time.
        rules: with their `multi`; of rules with further bands, these alone (see `bands`).
        exploded: the column whose classes get one row each, see `exploded_column`. If a rule
            makes no groups by it, a cell counts once, whatever the number of its classes.

    Returns:
        One row per group, as from `percentile_limits`; of the kinds "mad" and "zscore", `center`
        and `spread` in place of `at_lower` and `at_upper`.
    """
    distinct: list[Rule] = []
    for rule in rules:
        if rule.grouped and rule not in distinct:
            distinct.append(rule)
    exploding = exploded is not None and any(exploded in rule.groups for rule in distinct)

    def versions() -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        for piece in pieces:
            yield piece, explode(piece, exploded) if exploding and exploded else piece

    def part_of(piece: tuple[pd.DataFrame, pd.DataFrame], number: int) -> Part:
        return _part(piece[exploded in distinct[number].groups], distinct[number])

    found = run_passes(versions, [_passes(rule) for rule in distinct], part_of)
    limits = [_limits(rule, of_groups) for rule, of_groups in zip(distinct, found, strict=True)]
    return [limits[distinct.index(rule)] if rule.grouped else None for rule in rules]


def _passes(rule: Rule) -> Passes:
    """What finds the limits of a rule with groups."""
    if rule.kind in ("mad", "zscore"):
        return group_spread(rule.kind)
    return group_quantiles([end for end in (rule.lower, rule.upper) if end is not None])


def _limits(rule: Rule, found: pd.DataFrame) -> pd.DataFrame:
    """The limits of a rule's groups."""
    ends = {"lower": rule.lower, "upper": rule.upper}
    given = {side: end for side, end in ends.items() if end is not None}
    if rule.kind == "percentile":
        known = {}
        about = {f"at_{side}": np.zeros(len(found), np.int64) for side in ends}
        for number, side in enumerate(given):
            end_of_group = "smallest" if side == "lower" else "largest"
            known[f"{side}_limit"] = found[number].to_numpy()
            about[f"at_{side}"] = found[f"at_{end_of_group}_{number}"].to_numpy()
    else:
        about = {name: found[name].to_numpy() for name in ("center", "spread")}
        known = {
            f"{side}_limit": about["center"] + end * about["spread"] for side, end in given.items()
        }
    names = [key.split(JOIN) for key in found.index] if rule.groups else None
    limits = pd.DataFrame(names, range(len(found)), list(rule.groups), dtype="str")
    limits["group_size"] = found["n"].to_numpy()
    limits = limits.assign(lower_limit=float("-inf"), upper_limit=float("inf"))
    return limits.assign(**known, **about)


def notes_of(
    rules: Sequence[Rule], limits: Sequence[pd.DataFrame | None], tallies: Sequence[Tally]
) -> list[str]:
    """A sentence for each rule whose limits can cut nothing, or cut all that differs.

    And for each that has kept cells which it could not judge.
    """
    notes = []
    waiting = iter(limits)
    for rule, counts in zip(rules, tallies, strict=True):
        for band in rule.bands:
            known = next(waiting)
            notes += value_notes(band, counts) if known is None else group_notes(band, known)
        if counts.unjudged:
            cells = count(counts.unjudged, "cell")
            notes.append(f"{rule.name or rule.column}: {cells} kept that it could not judge")
    return list(dict.fromkeys(notes))


def _column(table: pd.DataFrame, name: str) -> "pd.Series[Any]":
    if name not in table.columns:
        raise ValueError(
            f"column {name}: not in the table, which has {', '.join(map(str, table.columns))}"
        )
    return table[name]


def text_columns(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Columns to be read as text: ids, groups, and what limits rules to some cells."""
    named = [name for rule in bands(rules) for name in (*rule.groups, *(rule.where or {}))]
    return (*TEXT, *named)
