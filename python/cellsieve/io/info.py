"""How any output was made: its record, wherever it stands."""

import json
import os
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

from cellsieve.io.extras import require
from cellsieve.io.places import on_disk, place
from cellsieve.io.records import BESIDE, read_beside
from cellsieve.io.tables import FORMATS, read_header
from cellsieve.schema.record import ELEMENT, KEY, MOST, Record, parsed, record_of, steps_of
from cellsieve.schema.types import FilePath

INDEX = "index.csv"  # the table in a folder of masks, crops or YOLO's text

_ELEMENT = re.compile(rb'<meta name="%s" content="([^"]*)">' % ELEMENT.encode())

_ENTRY = r'\s*(?P<key>"(?:[^"\\]|\\.)*+")\s*:\s*'
_START, _NEXT = re.compile(r"\s*\{" + _ENTRY), re.compile(r"\s*," + _ENTRY)  # up to a value


def info(path: FilePath) -> Record | None:
    """How an output of cellsieve was made.

    Args:
        path: a table (CSV, with its record beside it, or Parquet), an image table, annotations, a
            folder of masks, crops or YOLO's text, a plate layout, a report, an .h5ad file, or a
            record itself.

    Returns:
        The record. Its `made` lists the steps that led to the output, the last one last, each with
        `call` (the command), `version`, `settings` and `inputs` (of what, how many, and a digest of
        how they are listed, which depends on no date and on no folder that they lie in). A cleaned
        table has its `rules` besides. None if the file has none: another program, or an earlier
        version of this one, has written it.

    Raises:
        OSError: the file can't be read.
        ValueError: what stands where a record should is none, or the table is not one.
        ImportError: an .h5ad or .parquet file, and its extra is not installed.
    """
    name = place(path).name.lower()
    if place(path).is_dir():
        return info(place(path) / INDEX) if (place(path) / INDEX).exists() else None
    with place(path).open("rb"):
        pass  # a missing file is an error of the system
    if name.endswith(".images.csv"):
        record = next(filter(None, map(info, _owners(place(path)))), None)
    elif name.endswith(FORMATS):
        record = record_of(read_header(path))
    elif name.endswith(BESIDE):
        record = parsed(_head(path), os.fspath(path))
    elif name.endswith(".json"):
        record = _from_json(_head(path).decode("utf-8", "replace")) or read_beside(path)
    elif name.endswith((".html", ".htm")):
        found = _ELEMENT.search(_head(path))
        record = (
            None
            if found is None
            else parsed(unescape(found[1].decode("utf-8", "replace")), os.fspath(path))
        )
    elif name.endswith(".h5ad"):
        record = _from_anndata(path)
    else:
        record = read_beside(path)
    return record if steps_of(record) else None


def _owners(images: Path) -> Iterator[Path]:
    """The outputs that an image table can belong to, those that are there."""
    stem = images.name[: -len(".images.csv")]
    for extension in (*FORMATS, ""):
        path = images.with_name(stem + extension)
        if path.name and path.exists() and not path.is_dir():
            yield path


def _head(path: FilePath) -> bytes:
    """The first bytes of a file; a record stands there."""
    with place(path).open("rb") as file:
        return file.read(2 * MOST)


def _from_json(text: str) -> Record | None:
    """The record among the first entries of a JSON object, of which the rest may be very long."""
    decoder = json.JSONDecoder()
    start = _START.match(text)
    try:
        while start is not None:
            value, at = decoder.raw_decode(text, start.end())
            inner = value.get(KEY) if isinstance(value, dict) else None
            found: Any = value if json.loads(start["key"]) == KEY else inner
            if isinstance(found, dict):
                return found
            start = _NEXT.match(text, at)
    except (ValueError, RecursionError):
        pass  # not JSON, or cut off: no record
    return None


def _from_anndata(path: FilePath) -> Record | None:
    library = require("h5py", "anndata", "an .h5ad file")
    try:
        with library.File(on_disk(path), "r") as file:
            found = file.get(f"uns/{KEY}")
            text = found[()] if isinstance(found, library.Dataset) and found.shape == () else None
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)}: not an .h5ad file: {error}") from error
    return parsed(text, os.fspath(path)) if isinstance(text, str | bytes) else None
