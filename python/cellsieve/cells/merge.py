"""The shards of a data set put together: the table of an undivided run."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cellsieve.io.image_table import (
    image_table_path,
    images_listing,
    read_fields,
    write_image_table,
)
from cellsieve.io.places import place
from cellsieve.io.records import other_beside
from cellsieve.io.tables import (
    ROWS,
    check_table,
    column_names,
    read_batches,
    read_header,
    refuse_existing,
    table_format,
    table_writer,
)
from cellsieve.run.journal import SETTINGS, SHARD, differences, parts_of
from cellsieve.schema.keys import check_images
from cellsieve.schema.record import Record, Step, record_of, steps_of, with_record
from cellsieve.schema.text import STRING
from cellsieve.schema.types import FilePath, is_path

#: Rows of all tables together that are in memory, and the fewest of each.
ROWS_OF_ALL, ROWS_OF_EACH = 4 * ROWS, 1024


def merge_to(
    inputs: Sequence[FilePath], output: FilePath, *, overwrite: bool = False
) -> pd.DataFrame:
    """Puts the tables of shards together, in the order of their images.

    From all shards of a data set (`ImageSet.sharded`) the cell table and the image table are, byte
    for byte, those of an undivided run. Tables of other parts, as plates, are put together in the
    same way. All are open at the same time, with a few rows of each in memory.

    Args:
        inputs: the cell tables that `measure_to` wrote, in any order, each with its image table.
        output: the cell table to write, and beside it the image table. Parquet is made of Parquet
            and CSV of CSV, since a CSV does not say of what types its columns are.
        overwrite: replace an existing output.

    Returns:
        The image table, every field as text.

    Raises:
        FileExistsError: the output exists, and `overwrite` is not given.
        FileNotFoundError: an input or its image table is missing.
        ValueError: an input is not what `measure_to` writes, or not finished; they were measured
            with different settings, hold the same image, or have different columns; a shard is
            missing.
        TypeError, OSError, ImportError: as `clean_to`.
    """
    if is_path(inputs) or not all(is_path(path) for path in inputs):
        raise TypeError(f"inputs: found {inputs!r}; expected a list of the files of cell tables")
    if not inputs:
        raise ValueError("inputs: found none; expected at least one cell table")
    check_table(output)
    target, tables = place(output), [place(path) for path in inputs]
    _check_files(tables, target)
    outputs = (target, other_beside(target), image_table_path(target))
    refuse_existing(*filter(None, outputs), overwrite=overwrite)
    images = _images(tables)
    expected = int(images["cells"].dropna().astype(int).sum())
    record = _record(tables, images)
    with table_writer(target) as write:
        written = 0
        for rows in _in_order(tables):
            write(with_record(rows, record))
            written += len(rows)
        if written != expected:
            raise ValueError(
                f"{target}: the tables hold {written} cells, but their image tables say {expected}"
            )
    write_image_table(images, image_table_path(target))
    return images


def _check_files(tables: Sequence[Path], target: Path) -> None:
    """Refuses what can't be put together, before any row is read."""
    parquet = table_format(target) == ".parquet"
    columns = column_names(tables[0])
    seen = {os.fspath(target.resolve()): "is the output"}
    for table in tables:
        if said := seen.get(os.fspath(table.resolve())):
            raise ValueError(f"{table}: {said}; expected different tables")
        seen[os.fspath(table.resolve())] = "is given twice"
        if (table_format(table) == ".parquet") != parquet:
            raise ValueError(
                f"{table}: expected a {'Parquet' if parquet else 'CSV'} table, like the output; a "
                "CSV does not say of what types its columns are"
            )
        if parts_of(table).exists():
            raise ValueError(
                f"{table}: is not finished ({parts_of(table)} exists); resume that run first"
            )
        own = column_names(table)
        if "image_id" not in own or "clean" in own:
            raise ValueError(
                f"{table}: has the columns {', '.join(own)}; expected what 'measure' writes, with "
                "its own column names and not yet cleaned"
            )
        _check_alike(own, columns, table, tables[0])


def _check_alike(own: list[str], first: list[str], table: Path, other: Path) -> None:
    if own != first:
        different = ", ".join(sorted(set(own) ^ set(first)) or own)
        raise ValueError(
            f"{table}: differs from {other} in the columns {different}; parts of one table have "
            "the same"
        )


def _images(tables: Sequence[Path]) -> pd.DataFrame:
    """The image table of all, in the order of an undivided run."""
    paths = [image_table_path(table) for table in tables]
    parts = [read_fields(path) for path in paths]
    settings: list[tuple[Path, dict[str, Any]]] = []
    for path, part in zip(paths, parts, strict=True):
        _check_alike(list(part.columns), list(parts[0].columns), path, paths[0])
        texts: list[Any] = part[SETTINGS].unique().tolist() if SETTINGS in part else [None]
        for text in texts:  # none where there is no image
            try:
                settings.append((path, dict(json.loads(text))))
            except (TypeError, ValueError):
                raise ValueError(
                    f"{path}: its column {SETTINGS} does not say what the images were measured "
                    "with; expected the image table that 'measure' writes"
                ) from None
    images = pd.concat(parts, ignore_index=True)
    owners = [os.fspath(path) for path, part in zip(paths, parts, strict=True) for _ in part.index]
    ids = images[["image_id"]].assign(table=owners).drop_duplicates()
    check_images(ids, ids["table"])
    whole = json.dumps(_settings_of_whole(settings, len(tables)))
    images[SETTINGS] = pd.Series(whole, images.index, dtype=STRING)
    return images.sort_values("image_id", kind="stable", ignore_index=True)


def _record(tables: Sequence[Path], images: pd.DataFrame) -> Record | None:
    """How the whole was made: as its parts, of all their images; None if one doesn't say how.

    Parts of different versions keep a step each.
    """
    parts = [steps_of(record_of(read_header(table))) for table in tables]
    if not all(parts):
        return None
    inputs = images_listing(images)
    steps: list[Step] = []
    for done in (each for part in parts for each in part):
        settings = {name: value for name, value in done["settings"].items() if name != SHARD}
        whole = {**done, "settings": settings, "inputs": inputs}
        if whole not in steps:
            steps.append(whole)
    return {"made": steps}


def _settings_of_whole(
    settings: Sequence[tuple[Path, dict[str, Any]]], tables: int
) -> dict[str, Any]:
    """What all were measured with, once that is the same and no shard is missing.

    Args:
        settings: image tables, and those that they record.
        tables: how many there are. A shard without images does not say which one it is.
    """
    shards = [(path, own.get(SHARD, "")) for path, own in settings]
    whole = [{name: value for name, value in own.items() if name != SHARD} for _, own in settings]
    for (path, _), own in zip(settings, whole, strict=True):
        if other := differences(whole[0], own, "{} was {} there, {} here"):
            raise ValueError(f"{path}: other settings than in {settings[0][0]}: {other}")
    known = [shard for _, shard in shards]
    if any(known):
        of = max(int(shard.partition("/")[2] or 0) for shard in known)
        expected = [f"{number}/{of}" for number in range(1, of + 1)]
        if tables != of or len(set(known)) < len(known) or not set(known) <= set(expected):
            found = ", ".join(f"{path} ({shard or 'no shard'})" for path, shard in shards)
            missing = [shard for shard in expected if shard not in known]
            without = f"; not among them: {', '.join(missing)}" if missing else ""
            raise ValueError(f"found {found}; expected each of {of} shards once{without}")
    return whole[0] if whole else {}


def _in_order(tables: Sequence[Path]) -> Iterator[pd.DataFrame]:
    """The rows of all tables by ascending image; at least one piece, which may be empty.

    Each table is in that order itself, so that whatever comes before the last image that each has
    shown so far can go.
    """
    rows = max(ROWS_OF_EACH, ROWS_OF_ALL // len(tables))
    unread = {
        number: read_batches(table, text=_text(table), rows=rows)
        for number, table in enumerate(tables)
    }
    waiting = {number: next(pieces) for number, pieces in unread.items()}
    last = {number: _last(piece, tables[number]) for number, piece in waiting.items()}
    yield waiting[0].iloc[:0]
    while unread:
        bound = min(last[number] for number in unread)
        yield from _joined([piece[piece["image_id"] < bound] for piece in waiting.values()])
        waiting = {n: piece[piece["image_id"] >= bound] for n, piece in waiting.items()}
        for number in [number for number in unread if last[number] == bound]:
            piece = next(unread[number], None)
            if piece is None:
                del unread[number]
                continue
            waiting[number] = next(_joined([waiting[number], piece]), piece)
            last[number] = _last(waiting[number], tables[number])
    yield from _joined(list(waiting.values()))


def _joined(pieces: Sequence[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """One table of all that have rows, in the order of the images; nothing where none has."""
    if some := [piece for piece in pieces if len(piece)]:
        yield pd.concat(some, ignore_index=True).sort_values("image_id", kind="stable")


def _last(piece: pd.DataFrame, table: Path) -> str:
    """The last image of a piece; "" where there is none.

    Raises:
        ValueError: its rows are in another order.
    """
    ids = piece["image_id"]
    if not ids.is_monotonic_increasing:
        raise ValueError(
            f"{table}: its rows are not in the order of their images; expected what 'measure' "
            "writes"
        )
    return str(ids.iloc[-1]) if len(ids) else ""


def _text(table: Path) -> tuple[str, ...]:
    """The columns of a CSV, so that each field stays as it stands there."""
    return () if table_format(table) == ".parquet" else tuple(column_names(table))
