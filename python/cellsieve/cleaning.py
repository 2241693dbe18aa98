"""Cleaning: which cells lie outside the band of their group, and why."""

import os
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from cellsieve.image_table import absolute_paths, write_image_table
from cellsieve.images import class_text
from cellsieve.journal import image_table_path
from cellsieve.keys import EXPLODED, SEPARATOR, check_cells, check_images, classes_of
from cellsieve.overrides import Marks, apply_overrides, read_marks, unknown_marks
from cellsieve.parts import Parts, Table, prefixed, prefixes
from cellsieve.quantiles import Part, group_quantiles
from cellsieve.tables import TEXT, read_table, table_writer
from cellsieve.vocabulary import Vocabulary, rename_columns

Multi = Literal["skip", "explode", "own"]
LIMIT_COLUMNS = ("lower_limit", "upper_limit", "group_size")
VERDICT_COLUMNS = (*LIMIT_COLUMNS, "reason", "clean")
MIN_GROUP = 10


@dataclass(frozen=True)
class Rule:
    """A band that a cell must lie in.

    Attributes:
        column: the column that is judged.
        lower, upper: the ends of the band, both within it; None leaves that side open. Of kind
            "percentile", quantiles (0 to 1) of the column over the cell's group; of kind "value",
            values of the column.
        by: the column whose values are the groups of a percentile rule; None takes all cells as
            one group.
        kind: "percentile" or "value".
    """

    column: str = "fraction"
    lower: float | None = None
    upper: float | None = None
    by: str | None = "class_label"
    kind: Literal["percentile", "value"] = "percentile"

    def __post_init__(self) -> None:
        """Refuses a band that no cell can be judged by."""
        if self.kind not in ("percentile", "value"):
            raise ValueError(f"kind: found {self.kind!r}; expected 'percentile' or 'value'")
        ends = [end for end in (self.lower, self.upper) if end is not None]
        if any(isinstance(end, bool) or not isinstance(end, int | float) for end in ends):
            raise ValueError(
                f"rule for {self.column}: found lower {self.lower!r} and upper {self.upper!r}; "
                "expected numbers"
            )
        if not ends:
            raise ValueError(f"rule for {self.column}: neither lower nor upper is given")
        found = f"rule for {self.column}: found lower {self.lower} and upper {self.upper}"
        if self.kind == "percentile" and not all(0 <= end <= 1 for end in ends):
            raise ValueError(
                f"{found}; percentiles are numbers from 0 to 1 (0.001 is the 0.1 % one)"
            )
        if any(end != end for end in ends) or ends != sorted(ends):
            raise ValueError(f"{found}; expected lower <= upper")


def read_rules(path: str | os.PathLike[str]) -> list[Rule]:
    """Rules from a TOML file: a table `[[rule]]` each, with the names of `Rule`'s attributes.

    Raises:
        OSError: the file can't be read.
        ValueError: it is not TOML, has no rule, or a rule has an unknown or wrong entry.
    """
    try:
        entries = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        tables = entries.pop("rule", [])
        if entries or not tables or not isinstance(tables, list):
            found = ", ".join(entries) or "no rule"
            raise ValueError(f"found {found}; expected tables [[rule]] and nothing else")
        known = {field.name for field in fields(Rule)}
        for table in tables:
            if unknown := set(table) - known:
                raise ValueError(
                    f"a rule has no {', '.join(sorted(unknown))}; expected "
                    f"{', '.join(sorted(known))}"
                )
        return [Rule(**table) for table in tables]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def percentile_limits(
    table: Table | Sequence[Table],
    by: str | None = "class_label",
    column: str = "fraction",
    lower: float | None = 0.001,
    upper: float | None = 0.999,
    multi: Multi = "skip",
    *,
    prefix_ids: bool = False,
) -> pd.DataFrame:
    """The ends of the band of each group.

    Args:
        table: a cell table, the file of one, or several, which are taken as parts of one table. Of
            files, a piece is in memory at a time; the limits are exact all the same.
        by, column, lower, upper, multi: as for `clean`.
        prefix_ids: as for `clean_to`.

    Returns:
        A row a group, by ascending group: the group (a column named as `by`; none if that is
        None), `group_size` (cells with a value), `lower_limit` and `upper_limit` (equal to
        `numpy.quantile`, method "linear", to the last bit; infinite where that side is open).

    Raises:
        ValueError: a column is missing; a percentile outside 0 to 1; a cell comes twice.
        OSError: a file can't be read.
    """
    rule = Rule(column, lower, upper, by)
    tables = [table] if isinstance(table, pd.DataFrame | str | os.PathLike) else list(table)
    return _limits_of(Parts(tables, _text_columns([rule]), prefix_ids=prefix_ids), rule, multi)


def _limits_of(pieces: Iterable[pd.DataFrame], rule: Rule, multi: Multi) -> pd.DataFrame:
    """The limits of a percentile rule over the pieces of a table, which are gone through twice."""

    def parts() -> Iterator[Part]:
        for piece in pieces:
            if multi == "explode" and rule.by is not None:
                piece = explode(piece, rule.by)
            yield _part(piece, rule, multi)

    return _limits(parts, rule)


def clean(
    table: pd.DataFrame | str | os.PathLike[str],
    by: str | None = "class_label",
    column: str = "fraction",
    lower: float | None = 0.001,
    upper: float | None = 0.999,
    multi: Multi = "skip",
    *,
    min_group: int = MIN_GROUP,
    rules: Sequence[Rule] | None = None,
    limits: Sequence[pd.DataFrame | None] | None = None,
) -> pd.DataFrame:
    """Marks the cells outside the band of their group; no row is dropped.

    Args:
        table: a cell table, or the file of one.
        by: the column whose values are the groups; None takes all cells as one group. Whole numbers
            and their text are the same group (3, 3.0 and "3"), so a trip through CSV changes
            nothing.
        column: the column that is judged.
        lower, upper: quantiles of `column` over the group, by numpy's rule "linear"; a cell is kept
            when lower limit <= value <= upper limit. None leaves that side open.
        multi: what becomes of cells with several classes ("0|16"): "skip" marks them, and they
            count in no group; "explode" gives a row for each class, judged in that class's group
            (`image_class_label` keeps the original); "own" takes the combination as a group,
            in whatever order its classes come.
        min_group: groups of fewer cells have no percentiles to speak of: their cells are marked.
            Mind that a band of 0.1 % in a group of less than 1000 distinct values always cuts the
            lowest and the highest.
        rules: several rules at once in place of `by`, `column`, `lower` and `upper`; a cell must
            pass all of them.
        limits: for each rule, limits from `percentile_limits` in place of those of this table, as
            for a table in parts.

    Returns:
        The same rows in the same order with

        - `clean`: whether the cell is kept
        - `reason`: empty where it is, else "no_label" (no group), "multi_label", "unmeasured" (the
          value is NaN or infinite), "small_group", "low" or "high". With several rules, the
          reasons of all that it failed, each after its column: "fraction low; area high"
        - `lower_limit`, `upper_limit`, `group_size`: what decided it; NaN and 0 where nothing
          could (a rule of values has no group). With several rules, each after its column, as
          `area_lower_limit`; of a second rule for a column, `area_2_lower_limit`

        Columns of these names from an earlier cleaning are replaced.

    Raises:
        ValueError: a column is missing, a rule is not one, or a cell comes twice.

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
    if multi not in ("skip", "explode", "own"):
        raise ValueError(f"multi: found {multi!r}; expected 'skip', 'explode' or 'own'")
    if min_group < 1:
        raise ValueError(f"min_group: found {min_group}; expected at least 1")
    rules = [Rule(column, lower, upper, by)] if rules is None else list(rules)
    if not rules:
        raise ValueError("rules: found none; expected at least one")
    given: Sequence[pd.DataFrame | None] = limits or [None] * len(rules)
    if len(given) != len(rules):
        raise ValueError(f"limits: found {len(given)} tables for {len(rules)} rules")
    if not isinstance(table, pd.DataFrame):
        name, table = os.fspath(table), read_table(table, text=_text_columns(rules))
    else:
        name = "table"
    check_cells(table, name)
    return _judged(table, rules, multi, min_group, given)


def _judged(
    table: pd.DataFrame,
    rules: Sequence[Rule],
    multi: Multi,
    min_group: int,
    given: Sequence[pd.DataFrame | None],
) -> pd.DataFrame:
    """The table with the verdict of all rules; see `clean`."""
    if multi == "explode":
        table = explode(table, next((rule.by for rule in rules if rule.by), "class_label"))
    ours = tuple(f"_{name}" for name in LIMIT_COLUMNS)
    stale = [name for name in table.columns if name in VERDICT_COLUMNS or str(name).endswith(ours)]
    result = table.drop(columns=stale)
    reasons = []
    for place, (rule, known) in enumerate(zip(rules, given, strict=True)):
        verdict = _judge(table, rule, multi, min_group, known)
        reason = verdict["reason"]
        prefix = ""
        if len(rules) > 1:
            earlier = sum(other.column == rule.column for other in rules[:place])
            prefix = f"{rule.column}_{earlier + 1}_" if earlier else f"{rule.column}_"
            reason = (rule.column + " " + reason).where(reason != "", "")
        for name in LIMIT_COLUMNS:
            result[prefix + name] = verdict[name].to_numpy()
        reasons.append(reason)
    # A cell that fails two rules of one column on the same side says so once.
    joined = ["; ".join(dict.fromkeys(filter(None, row))) for row in zip(*reasons, strict=True)]
    result["reason"] = pd.Series(joined, index=result.index, dtype="str")
    result["clean"] = result["reason"] == ""
    return result


def explode(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """One row for each class of each cell; `image_class_label` keeps the classes together."""
    text = class_text(_column(table, by))
    classes = text.map(classes_of, na_action="ignore")
    parts = table.assign(**{EXPLODED: text, by: classes})
    return parts.explode(by, ignore_index=True).astype({by: "str"})


def _judge(
    table: pd.DataFrame, rule: Rule, multi: Multi, min_group: int, limits: pd.DataFrame | None
) -> pd.DataFrame:
    """The reason and the limits of one rule for each row."""
    groups, values = _part(table, rule, multi)
    verdict = pd.DataFrame(index=table.index)
    if rule.kind == "value":
        verdict["lower_limit"] = float("-inf") if rule.lower is None else float(rule.lower)
        verdict["upper_limit"] = float("inf") if rule.upper is None else float(rule.upper)
        verdict["group_size"] = 0
    else:
        if limits is None:
            limits = _limits(lambda: [(groups, values)], rule)
        by_group = limits.set_index(rule.by or _EVERYTHING)
        for name in LIMIT_COLUMNS:
            verdict[name] = groups.map(by_group[name]).astype("float64")
        verdict["group_size"] = verdict["group_size"].fillna(0).astype("int64")
    number = _finite(values)
    reason = pd.Series("", index=table.index, dtype="str")
    reason[number < verdict["lower_limit"]] = "low"
    reason[number > verdict["upper_limit"]] = "high"
    if rule.kind == "percentile":
        reason[verdict["group_size"] < min_group] = "small_group"
    reason[number.isna()] = "unmeasured"
    if rule.kind == "percentile":
        reason[groups.isna()] = "multi_label"
        if rule.by is not None:
            reason[class_text(table[rule.by]).isna()] = "no_label"
    verdict["reason"] = reason
    return verdict


_EVERYTHING = "group"


def _part(table: pd.DataFrame, rule: Rule, multi: Multi) -> Part:
    """The group and the value of each row; no group for those that belong to none."""
    values = _column(table, rule.column)
    if not pd.api.types.is_numeric_dtype(values) and values.notna().any():
        raise ValueError(f"column {rule.column}: holds {values.dtype}; expected numbers")
    values = _finite(values)
    if rule.kind == "value" or rule.by is None:
        return pd.Series("all", index=table.index, dtype="str"), values
    groups = class_text(_column(table, rule.by))
    if multi == "skip":
        groups = groups.mask(groups.str.contains(SEPARATOR, regex=False, na=False))
    elif multi == "own":
        groups = groups.map(lambda text: SEPARATOR.join(classes_of(text)), na_action="ignore")
    return groups.astype("str"), values


def _finite(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """The values as numbers; what is infinite was not measured."""
    numbers = values.astype("float64")
    return numbers.mask(np.isinf(numbers))


def _limits(parts: Any, rule: Rule) -> pd.DataFrame:
    ends = {"lower_limit": rule.lower, "upper_limit": rule.upper}
    given = {name: end for name, end in ends.items() if end is not None}
    found = group_quantiles(parts, list(given.values()))
    limits = pd.DataFrame({"group_size": found["n"]})
    limits["lower_limit"], limits["upper_limit"] = float("-inf"), float("inf")
    for place, name in enumerate(given):
        limits[name] = found[place]
    limits.index.name = rule.by or _EVERYTHING
    limits = limits.reset_index()
    return limits.astype({limits.columns[0]: "str"})


def _column(table: pd.DataFrame, name: str) -> "pd.Series[Any]":
    if name not in table.columns:
        raise ValueError(
            f"column {name}: not in the table, which has {', '.join(map(str, table.columns))}"
        )
    return table[name]


def _text_columns(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Columns to be read as text: ids and groups."""
    return (*TEXT, *(rule.by for rule in rules if rule.by))


def clean_to(
    inputs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    rules: Sequence[Rule],
    multi: Multi = "skip",
    *,
    min_group: int = MIN_GROUP,
    overrides: Marks | None = None,
    columns: Vocabulary = "cellsieve",
    prefix_ids: bool = False,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Cleans tables on disk, a piece in memory at a time; the image table goes along.

    Args:
        inputs: one cell table, or several, which are judged as the parts of one.
        output: the file of the cleaned table; of several inputs, the rows of all in their order.
        rules, multi, min_group: as for `clean`.
        overrides: marks by hand, which have the last word; see `apply_overrides`.
        columns: names of the output's columns; see `rename_columns`.
        prefix_ids: put the name of its file and "+" before each image id, in the cell table and in
            the image table (`plate1.csv`: "plate1+A01"), so that images of several inputs may
            have the same ids. Where files in different folders have the same name, that of the
            folder takes its place.
        overwrite: replace an output that is there.

    Returns:
        How many cells there are of each class and verdict: the columns `class_label`, `reason`,
        `clean` and `cells`.

    Raises:
        FileExistsError: the output is there, and `overwrite` is not asked for.
        ValueError, OSError, ImportError: as `clean` and `read_table`; the output is an input; two
            inputs hold the same cell, or image; a mark names no cell of the inputs.
    """
    target = Path(output)
    if target.resolve() in [Path(path).resolve() for path in inputs]:
        raise ValueError(f"{target}: is an input; choose another name for the output")
    parts = Parts(inputs, _text_columns(rules), prefix_ids=prefix_ids)
    images, note = _image_tables(inputs, target, prefix_ids=prefix_ids)
    target_images = image_table_path(target)
    for path in (target, *([] if images is None and not note else [target_images])):
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists; overwrite (--overwrite) to replace it")
    limits = [
        _limits_of(parts, rule, multi) if rule.kind == "percentile" else None for rule in rules
    ]
    counts = []
    marks = None if overrides is None else read_marks(overrides)
    unseen = marks
    with table_writer(target) as write:
        for piece in _alike(parts):
            cleaned = _judged(piece, rules, multi, min_group, limits)
            if marks is not None and unseen is not None:
                cleaned = apply_overrides(cleaned, marks)
                unseen = unknown_marks(cleaned, unseen)
            write(rename_columns(cleaned, columns, keep=("clean", "reason")))
            keys = [key for key in ("class_label", "reason", "clean") if key in cleaned]
            counts.append(cleaned.groupby(keys, dropna=False).size().rename("cells"))
        if unseen is not None and len(unseen):
            first = unseen.iloc[0]
            raise ValueError(
                f"overrides: {len(unseen)} marks name no cell of the tables; the first is "
                f"cell {first['label']} of image {first['image_id']}"
            )
    if images is not None:
        write_image_table(images, target_images)
    elif note:
        target_images.unlink(missing_ok=True)  # of what was there before
    found = pd.concat([count.reset_index() for count in counts], ignore_index=True)
    keys = [key for key in ("class_label", "reason", "clean") if key in found]
    return found.groupby(keys, dropna=False)["cells"].sum().reset_index()


def _alike(parts: Parts) -> Iterator[pd.DataFrame]:
    """The pieces of all inputs, with the columns of the first in its order.

    Raises:
        ValueError: an input has other columns.
    """
    first: list[str] | None = None
    for name, piece in parts.named():
        first = list(piece.columns) if first is None else first
        if set(piece.columns) != set(first):
            other = sorted(set(piece.columns) ^ set(first))
            raise ValueError(
                f"{name}: differs from {parts.names[0]} in the columns "
                f"{', '.join(map(str, other))}; parts of one table have the same"
            )
        yield piece[first]


def _image_tables(
    inputs: Sequence[str | os.PathLike[str]], output: Path, *, prefix_ids: bool
) -> tuple[pd.DataFrame | None, str]:
    """The image table that goes along, every field as it stands, and why there is none.

    Where the output's image table is that of its only input, it stays where it is.

    Raises:
        ValueError: the output's image table would replace that of an input, or two inputs hold the
            same image.
    """
    tables = [image_table_path(path) for path in inputs]
    target = image_table_path(output)
    own = target.resolve() in [table.resolve() for table in tables]
    if own and (len(tables) > 1 or prefix_ids):
        raise ValueError(
            f"{output}: its image table would replace {target}, which is read; choose another name"
        )
    missing = [table for table in tables if not table.exists()]
    if missing:
        return None, (
            f"{missing[0]}: not found, so {output} has no image table; report, gallery, annotate, "
            "masks and crops find the pixels through it"
        )
    if own:
        return None, ""
    names = prefixes(inputs) if prefix_ids else [""] * len(inputs)
    rows = []
    for table, name in zip(tables, names, strict=True):
        fields = pd.read_csv(table, dtype=str, keep_default_na=False, na_values=[""])
        rows.append(prefixed(absolute_paths(fields, table.parent), name))
    owners = pd.Series([str(t) for t, some in zip(tables, rows, strict=True) for _ in some.index])
    joined = pd.concat(rows, ignore_index=True).fillna("")  # a column that only some have
    # Parts of one table may each have brought the image table of the whole.
    joined = joined[~joined.duplicated()]
    check_images(joined, owners)
    return joined, ""
