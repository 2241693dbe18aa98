"""Cleaning: which cells lie outside the band of their group, and why."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.cleaning.idle import Tally, group_notes, tally, value_notes
from cellsieve.cleaning.passes import Passes, run_passes
from cellsieve.cleaning.quantiles import group_quantiles
from cellsieve.cleaning.spread import group_spread
from cellsieve.io.arrow import in_pandas
from cellsieve.io.parts import Parts
from cellsieve.io.preset import as_rules
from cellsieve.io.tables import TEXT, loaded
from cellsieve.schema.choices import SeveralClasses
from cellsieve.schema.fit import Fitted, fit
from cellsieve.schema.groups import JOIN, Part, Rows, column_of, groups_of
from cellsieve.schema.keys import check_cells
from cellsieve.schema.labels import EXPLODED, SEPARATOR, class_text, classes_of
from cellsieve.schema.record import (
    CELLS,
    Record,
    extended,
    joined,
    listing,
    record_of,
    step,
    steps_of,
    with_record,
)
from cellsieve.schema.rules import MIN_GROUP, Rule, bands, exploded_column, resolved
from cellsieve.schema.text import STRING
from cellsieve.schema.types import Table, is_table
from cellsieve.schema.verdicts import (
    BETWEEN,
    FLAGGED,
    HIGH,
    LOW,
    MULTI_LABEL,
    NO_LABEL,
    REASONS,
    SMALL_GROUP,
    UNMEASURED,
    earlier_columns,
    judgements,
    made_record,
    meant_in_words,
    own_columns,
    remembered,
)
from cellsieve.schema.words import count


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
        rule: of any kind but "value".
        multi: as for `clean`, unless the rule has its own.

    Returns:
        One row per group, as `percentile_limits`; of the kinds "mad", "zscore" and "ratio",
        `center` (the median, the mean, 0) and `spread` (1.4826 times the median absolute deviation,
        the standard deviation, the median) in place of `at_lower` and `at_upper`. They are the same
        to the last bit however the table is cut into parts and whatever the order of its rows.

    Raises:
        ValueError: the rule is of kind "value"; else as `percentile_limits`.
        TypeError, OSError: as `percentile_limits`.
    """
    [rule] = resolved([rule], multi, 1)
    if not rule.grouped:
        raise ValueError(f"rule for {rule.column}: found kind 'value', which has no groups")
    table = in_pandas(table)
    tables = [table] if is_table(table) else table
    if isinstance(tables, Sequence):
        tables = [in_pandas(each) for each in tables]
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
          name, `debris_area_lower_limit`, and there are only those that the rule has
        - `flagged`, if a rule flags: the names of those that the cell failed, "" if none

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
    asked = [Rule(column, lower, upper, by)] if rules is None else as_rules(rules)
    asked = resolved(asked, multi, min_group)
    table, name = loaded(
        table, "table", text=text_columns(asked), expected="a cell table or its file"
    )
    check_cells(table, name)
    fitted = fit(asked, own_columns(table))
    judged_by = bands(fitted.rules)
    given: Sequence[pd.DataFrame | None] = [None] * len(judged_by)
    if limits is not None:
        given = [in_pandas(limit) for limit in limits]
    if len(given) != len(judged_by):
        raise ValueError(f"limits: found {len(given)} tables for {len(judged_by)} rules")
    waiting = [band for band, limit in zip(judged_by, given, strict=True) if limit is None]
    own = iter(limits_of([table], waiting, exploded_column(fitted.rules)))
    known = [next(own) if limit is None else limit for limit in given]
    result = judge(table, fitted, by_name(judged_by, known))
    inputs = listing("cells", table, CELLS)
    with_record(result.table, cleaned_record(record_of(result.table), [record_of(table)], inputs))
    if limits is None:
        for note in fitted.notes() + notes_of(fitted.rules, known, result.tallies):
            warnings.warn(note, stacklevel=2)
    return result.table


def rules_of(table: Table) -> list[Rule]:
    """The rules that a cleaned table was judged by, as `clean` and `write_rules` take them.

    Args:
        table: a cleaned table, or its file.

    Returns:
        The rules, each with its `multi` and `min_group`. The same cells get the same verdicts by
        them, except for marks by hand.

    Raises:
        TypeError: neither a table nor a file.
        ValueError: the table has none: it was not cleaned, or by another program.
        OSError: the file can't be read.
    """
    cells, name = loaded(table, "table")
    judged_by = remembered(cells)
    if judged_by is None:
        raise ValueError(f"{name}: says no rules that it was cleaned by; expected a cleaned table")
    return [each.rule for each in judged_by]


def cleaned_record(
    judged: Record | None,
    earlier: Sequence[Record | None],
    inputs: Mapping[str, Any],
    **settings: Any,
) -> Record:
    """The record of a cleaned table.

    Args:
        judged: that of a piece of it, from `judge`, with the rules.
        earlier: those of the tables that were cleaned. An earlier cleaning left nothing in them.
        inputs: their cells.
        settings: what else decides the table.
    """
    steps = [each for each in steps_of(joined(earlier)) if each["call"] != "clean"]
    return extended({**(judged or {}), "made": steps}, step("clean", settings, inputs))


class Judged(NamedTuple):
    """A table with its verdicts, and for each rule of values a tally of them."""

    table: pd.DataFrame
    tallies: list[Tally]


def judge(table: pd.DataFrame, fitted: Fitted, limits: Sequence[pd.DataFrame | None]) -> Judged:
    """The table with the verdict of all rules; see `clean`.

    Args:
        table: a cell table, or a piece of one.
        fitted: the rules, each with its own `multi` and `min_group`.
        limits: of each band of each rule those over the whole table, if it has groups; from
            `by_name`.
    """
    exploded = exploded_column(fitted.rules)
    if exploded is not None:
        table = explode(table, exploded)
    others = table.drop(columns=earlier_columns(table))
    rows = Rows(table)
    judging = judgements(fitted.rules)
    known: list[tuple[Rule, Verdict]] = []  # two rules may share a band
    reasons, flags, tallies = [], [], []
    made: dict[str, NDArray[Any]] = {}
    waiting = iter(limits)
    for judgement in judging:
        rule = judgement.rule
        verdicts = []
        for band, columns in zip(rule.bands, (judgement.columns, *judgement.also), strict=True):
            of_groups = next(waiting)
            verdict = next((found for judged, found in known if judged == band), None)
            if verdict is None:
                verdict = _verdict(rows, band, of_groups)
                known.append((band, verdict))
            verdicts.append(verdict)
            made |= {column: getattr(verdict, name) for name, column in columns.items()}
        said = _all_failed([verdict.said for verdict in verdicts])
        failed = np.isin(said, FAILED)
        kept = (said > 0) & ~failed & (rule.unjudged == "keep")
        meant = int(rows.meant(rule).sum())
        tallies.append(tally(rule, rows.part(rule).values, int(kept.sum()), meant))
        texts = np.array(["", *(judgement.reasons[reason] for reason in REASONS)], object)
        if rule.flag:
            flags.append((texts, np.where(failed, said, 0)))
        else:
            reasons.append((texts, np.where(kept, 0, said)))
    if flags:
        made[FLAGGED] = _joined(flags, len(table))
    made["reason"] = _joined(reasons, len(table))
    made["clean"] = np.asarray(made["reason"] == "", bool)
    for name in made:
        if name in others.columns:
            raise ValueError(
                f"column {name}: the table has one of its own, and clean writes a column of this "
                "name; rename it first"
            )
    texts_of = {name: STRING for name in (FLAGGED, "reason") if name in made}
    added = pd.DataFrame(made, table.index).astype(texts_of)
    result = pd.concat([others, added], axis="columns")
    earlier = record_of(table) or {}
    record = {key: earlier[key] for key in earlier if key not in ("by_hand", "not_applied")}
    record |= made_record(judging) | fitted.record()
    return Judged(with_record(result, record), tallies)


def by_name(
    rules: Sequence[Rule], limits: Sequence[pd.DataFrame | None]
) -> list[pd.DataFrame | None]:
    """The limits of each rule, with the names of the groups as their index."""
    named: list[pd.DataFrame | None] = []
    for rule, of_groups in zip(rules, limits, strict=True):
        if of_groups is not None:
            groups = groups_of(of_groups, rule.groups)
            of_groups = of_groups.set_axis(groups.names[groups.codes])
        named.append(of_groups)
    return named


#: The place of each reason in what is said of a cell; 0 is nothing.
PLACE = {reason: place for place, reason in enumerate(REASONS, 1)}
FAILED = (PLACE[LOW], PLACE[HIGH])


class Verdict(NamedTuple):
    """What one band says of each row: its limits and its reason."""

    lower_limit: NDArray[np.float64]
    upper_limit: NDArray[np.float64]
    group_size: NDArray[np.int64]
    said: NDArray[np.int8]


def _verdict(rows: Rows, rule: Rule, limits: pd.DataFrame | None) -> Verdict:
    """The reason and the limits of one band for each row."""
    groups, values = rows.part(rule)
    if limits is None:
        lower = np.full(len(values), float("-inf") if rule.lower is None else float(rule.lower))
        upper = np.full(len(values), float("inf") if rule.upper is None else float(rule.upper))
        size = np.zeros(len(values), np.int64)
    else:
        by_group = limits.reindex(groups.names)
        lower, upper = (
            groups.of_rows(by_group[f"{side}_limit"].to_numpy(np.float64), np.nan)
            for side in ("lower", "upper")
        )
        size = groups.of_rows(by_group["group_size"].fillna(0).to_numpy(np.int64), 0)
    said = np.zeros(len(values), np.int8)
    said[values < lower] = PLACE[LOW]
    said[values > upper] = PLACE[HIGH]
    if rule.grouped:
        said[size < (rule.min_group or 1)] = PLACE[SMALL_GROUP]
    said[np.isnan(values)] = PLACE[UNMEASURED]
    if rule.grouped:
        said[groups.codes < 0] = PLACE[MULTI_LABEL]
        for name in rule.groups:
            said[rows.groups((name,), None).codes < 0] = PLACE[NO_LABEL]
    if rule.chosen_by:
        outside = ~rows.meant(rule)
        lower[outside] = upper[outside] = np.nan
        size[outside] = said[outside] = 0
    return Verdict(lower, upper, size, said)


def _all_failed(said: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
    """What is said of a rule of several bands, which a cell fails if it fails all of them.

    If it passes none, but can't be judged by one, it can't be judged by the rule.
    """
    whole, *others = said
    for other in others:
        whole = np.where(np.isin(whole, FAILED), other, whole)
        whole = np.where(other == 0, other, whole)
    return whole


def _joined(
    reasons: Sequence[tuple[NDArray[np.object_], NDArray[np.int8]]], rows: int
) -> NDArray[np.object_]:
    """The reasons of each row; one that two rules give stands there once.

    Args:
        reasons: for each rule its texts, and for each row the place of one of them.
        rows: how many rows.
    """
    texts, codes = np.array([""], object), np.zeros(rows, np.int64)
    for own, said in reasons:  # few of all the combinations occur
        pairs, codes = np.unique(codes * len(own) + said, return_inverse=True)
        before, after = np.divmod(pairs, len(own))
        joined = [
            BETWEEN.join(dict.fromkeys(filter(None, (*text.split(BETWEEN), more))))
            for text, more in zip(texts[before], own[after], strict=True)
        ]
        texts = np.array(joined, object)
    return texts[codes] if rows else np.array([], object)


def explode(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """One row for each class of each cell; `image_class_label` keeps the classes together.

    A table that has been exploded before stays as it is.

    Raises:
        ValueError: the table has a column `image_class_label` of its own.
    """
    text = class_text(column_of(table, by))
    classes = text.map(classes_of, na_action="ignore")
    if EXPLODED not in table.columns:
        table = table.assign(**{EXPLODED: text})
    elif text.str.contains(SEPARATOR, regex=False, na=False).any():
        raise ValueError(
            f"column {EXPLODED}: the table has one of its own, and multi 'explode' writes a column "
            "of this name; rename it first"
        )
    return table.assign(**{by: classes}).explode(by, ignore_index=True).astype({by: STRING})


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
        One row per group, as from `percentile_limits`; of the kinds "mad", "zscore" and "ratio",
        `center` and `spread` in place of `at_lower` and `at_upper`.
    """
    distinct: list[Rule] = []
    for rule in rules:
        if rule.grouped and rule not in distinct:
            distinct.append(rule)
    exploding = exploded is not None and any(exploded in rule.groups for rule in distinct)

    def versions() -> Iterator[tuple[Rows, Rows]]:
        for piece in pieces:
            rows = Rows(piece)
            yield rows, Rows(explode(piece, exploded)) if exploding and exploded else rows

    def part_of(rows: tuple[Rows, Rows], number: int) -> Part:
        return rows[exploded in distinct[number].groups].part(distinct[number])

    found = run_passes(versions, [_passes(rule) for rule in distinct], part_of)
    limits = [_limits(rule, of_groups) for rule, of_groups in zip(distinct, found, strict=True)]
    return [limits[distinct.index(rule)] if rule.grouped else None for rule in rules]


def _passes(rule: Rule) -> Passes:
    """What finds the limits of a rule with groups."""
    if rule.kind in ("ratio", "mad", "zscore"):
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
    limits = pd.DataFrame(names, range(len(found)), list(rule.groups), dtype=STRING)
    limits["group_size"] = found["n"].to_numpy()
    limits = limits.assign(lower_limit=float("-inf"), upper_limit=float("inf"))
    return limits.assign(**known, **about)


def notes_of(
    rules: Sequence[Rule], limits: Sequence[pd.DataFrame | None], tallies: Sequence[Tally]
) -> list[str]:
    """A sentence for each rule whose limits can cut nothing, or cut all that differs.

    And for each that has kept cells which it could not judge, or is meant for none.
    """
    notes = []
    waiting = iter(limits)
    for rule, counts in zip(rules, tallies, strict=True):
        for band in rule.bands:
            known = next(waiting)
            notes += value_notes(band, counts) if known is None else group_notes(band, known)
        if rule.chosen_by and not counts.meant:
            chosen = meant_in_words(rule).removeprefix(", ")
            notes.append(f"{rule.name or rule.column}: judges no cell, since none fits: {chosen}")
        if counts.unjudged:
            cells = count(counts.unjudged, "cell")
            notes.append(f"{rule.name or rule.column}: {cells} kept that it could not judge")
    return list(dict.fromkeys(notes))


def text_columns(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Columns to be read as text: ids, groups, and what limits rules to some cells."""
    named = [name for rule in bands(rules) for name in (*rule.groups, *rule.chosen_by)]
    return (*TEXT, *named)
