"""Cleaning on disk: tables in parts, with the image table that belongs to them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from cellsieve.cleaning.idle import Tally
from cellsieve.cleaning.judge import (
    by_name,
    cleaned_record,
    judge,
    limits_of,
    notes_of,
    text_columns,
)
from cellsieve.cleaning.overrides import apply_overrides, read_marks, unknown_marks
from cellsieve.io.image_table import image_table_path, read_fields, write_image_table
from cellsieve.io.parts import Parts, prefixed, prefixes
from cellsieve.io.places import place
from cellsieve.io.preset import as_rules
from cellsieve.io.records import beside
from cellsieve.io.tables import read_header, refuse_existing, table_writer
from cellsieve.io.vocabulary import rename_columns
from cellsieve.schema.choices import SeveralClasses, Vocabulary
from cellsieve.schema.fit import fit
from cellsieve.schema.groups import groups_of, spelled
from cellsieve.schema.keys import check_images
from cellsieve.schema.record import record_of, with_record
from cellsieve.schema.rules import MIN_GROUP, Rule, bands, exploded_column, resolved
from cellsieve.schema.text import STRING
from cellsieve.schema.types import FilePath, Table, is_path
from cellsieve.schema.verdicts import FLAGGED, own_columns


def clean_to(
    inputs: Sequence[FilePath],
    output: FilePath,
    rules: Sequence[Rule] | str,
    multi: SeveralClasses = "skip",
    *,
    min_group: int = MIN_GROUP,
    overrides: Table | None = None,
    columns: Vocabulary = "cellsieve",
    prefix_ids: bool = False,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Cleans tables on disk, one piece in memory at a time; the image table goes along.

    Args:
        inputs: one cell table, or several, which are judged as the parts of one.
        output: the file of the cleaned table, with the rows of all inputs in their order. It
            remembers the rules (see `rules_of`): Parquet in its metadata, CSV in a file beside it
            (`clean.record.json`).
        rules, multi, min_group: as for `clean`.
        overrides: marks by hand, which have the last word; see `apply_overrides`.
        columns: names of the output's columns; see `rename_columns`.
        prefix_ids: put the name of the file and "+" in front of each image id, in the cell table
            and in the image table (`plate1.csv`: "plate1+A01"), so that images of several inputs
            may have the same ids. If files in different folders have the same name, the folder's
            name is used instead.
        overwrite: replace an existing output.

    Returns:
        The number of cells of each group and verdict: a column for each column that makes groups of
        a rule (missing for cells in no group; no such column if all cells are one group), then
        `flagged` if a rule flags, `reason`, `clean` and `cells`. Its `attrs["notes"]` is a list of
        sentences worth reading: on limits that can cut nothing, rules that were left out, cells
        that could not be judged and were kept, and a missing image table.

    Raises:
        FileExistsError: the output exists, and `overwrite` is not given.
        TypeError, ValueError, OSError, ImportError: as `clean` and `read_table`; the output is an
            input; two inputs hold the same cell, or image; a mark names no cell of the inputs.
    """
    if is_path(inputs) or not all(is_path(path) for path in inputs):
        raise TypeError(f"inputs: found {inputs!r}; expected a list of the files of cell tables")
    if not inputs:
        raise ValueError("inputs: found none; expected at least one cell table")
    asked = resolved(as_rules(rules), multi, min_group)
    fitted = fit(asked, own_columns(read_header(inputs[0])), os.fspath(inputs[0]))
    rules = fitted.rules
    target = place(output)
    if target.resolve() in [place(path).resolve() for path in inputs]:
        raise ValueError(f"{target}: is an input; choose another name for the output")
    judged = tuple(band.column for band in bands(rules))
    parts = Parts(inputs, text_columns(rules), judged, prefix_ids=prefix_ids)
    images, missing = _image_tables(inputs, target, prefix_ids=prefix_ids)
    target_images = image_table_path(target)
    there = [target, beside(target), target_images if images is not None or missing else None]
    refuse_existing(*filter(None, there), overwrite=overwrite)
    marks = None if overrides is None else read_marks(overrides)
    limits = limits_of(parts, bands(rules), exploded_column(rules))
    limits_by_name = by_name(bands(rules), limits)
    summary = Summary(rules)
    tallies = [Tally()] * len(rules)
    unseen = marks
    if marks is not None:
        counted = marks["mark"].value_counts()
        by_hand = {"kept": int(counted.get("keep", 0)), "dropped": int(counted.get("drop", 0))}
    earlier = [record_of(read_header(path)) for path in inputs]
    # What decides nothing is no setting.
    chosen = {
        "columns": columns if columns != "cellsieve" else None,
        "prefix_ids": prefix_ids or None,
    }
    inputs_said = parts.listing()
    with table_writer(target) as write:
        for piece in _alike(parts):
            cleaned, counts_here = judge(piece, fitted, limits_by_name)
            if marks is not None and unseen is not None:
                cleaned = apply_overrides(cleaned, marks)
                unseen = unknown_marks(cleaned, unseen)
            record = cleaned_record(record_of(cleaned), earlier, inputs_said, **chosen)
            if marks is not None:
                record["by_hand"] = by_hand
            written = rename_columns(cleaned, columns, keep=("clean", "reason", FLAGGED))
            write(with_record(written, record))
            summary.add(cleaned)
            tallies = [a.plus(b) for a, b in zip(tallies, counts_here, strict=True)]
        if unseen is not None and len(unseen):
            first = unseen.iloc[0]
            count = "1 mark names" if len(unseen) == 1 else f"{len(unseen)} marks name"
            raise ValueError(
                f"overrides: {count} no cell of the tables; the first is "
                f"cell {first['label']} of image {first['image_id']}"
            )
    if images is not None:
        write_image_table(images, target_images)
    elif missing:
        target_images.unlink(missing_ok=True)  # it belonged to an earlier output
    counts = summary.counts()
    notes = fitted.notes() + notes_of(rules, limits, tallies)
    counts.attrs["notes"] = notes + ([missing] if missing else [])
    return counts


class Summary:
    """Counts cells by group and verdict, piece by piece."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        # Each column is read as the first rule that makes groups by it reads it.
        self._multi = {
            name: rule.multi
            for rule in reversed(bands(rules))
            if rule.grouped
            for name in rule.groups
        }
        self._columns = list(dict.fromkeys(name for by in grouped_by(rules) for name in by))
        flagging = any(rule.flag for rule in rules)
        self._said = [*([FLAGGED] if flagging else []), "reason", "clean"]
        self._pieces: list[pd.DataFrame] = []

    def add(self, cleaned: pd.DataFrame) -> None:
        """Counts the rows of a cleaned piece."""
        groups = {}
        for name in self._columns:
            # Combinations that are groups of their own are spelled as the table does, until all
            # spellings are known.
            multi = self._multi[name]
            found = groups_of(cleaned, [name], None if multi == "own" else multi)
            texts = found.of_rows(found.names, None)
            groups[name] = pd.Series(texts, cleaned.index, dtype=STRING)
        rows = pd.DataFrame(groups | {name: cleaned[name] for name in self._said})
        self._pieces.append(self._summed(rows.assign(cells=1)))

    def counts(self) -> pd.DataFrame:
        """The counts of all pieces."""
        rows = self._summed(pd.concat(self._pieces, ignore_index=True))
        for name in self._columns:
            if self._multi[name] == "own":
                rows[name] = spelled(rows[name], rows["cells"])
        return self._summed(rows)

    def _summed(self, rows: pd.DataFrame) -> pd.DataFrame:
        keys = [*self._columns, *self._said]
        return rows.groupby(keys, dropna=False)["cells"].sum().reset_index()


def grouped_by(rules: Sequence[Rule]) -> list[tuple[str, ...]]:
    """The columns that make groups, for each different choice of them among the rules."""
    by = [band.groups for band in bands(rules) if band.grouped and band.groups]
    return list(dict.fromkeys(by))


def _alike(parts: Parts) -> Iterator[pd.DataFrame]:
    """The pieces of all inputs, with the columns in the order of the first.

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
    inputs: Sequence[FilePath], output: Path, *, prefix_ids: bool
) -> tuple[pd.DataFrame | None, str]:
    """The image table that goes along, every field verbatim; or None, and why there is none.

    If the output's image table is that of its only input, it stays where it is.

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
        rows.append(prefixed(read_fields(table), name))
    owners = pd.Series([str(t) for t, some in zip(tables, rows, strict=True) for _ in some.index])
    joined = pd.concat(rows, ignore_index=True).fillna("")  # a column that only some have
    # Parts of one table may each have brought the image table of the whole.
    joined = joined[~joined.duplicated()]
    check_images(joined, owners)
    return joined, ""
