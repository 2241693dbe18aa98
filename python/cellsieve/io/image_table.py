"""The image table on disk: its paths are relative to it, so that a folder can be moved as a whole.

In memory, paths are absolute. On disk, the path of a file that shares a folder with the table,
however far up, is relative to the table's folder and has "/"; on another drive it stays absolute.
"""

import os
import posixpath
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from cellsieve.io.places import is_url, place
from cellsieve.io.tables import FORMATS, TEXT, column_names, read_csv, read_table, write_table
from cellsieve.schema.images import path_columns
from cellsieve.schema.record import listing
from cellsieve.schema.text import STRING
from cellsieve.schema.types import FilePath

#: Columns that are text even where they look like numbers: an id 007, a channel 1.
TEXT_COLUMNS = (*TEXT, "channel", "convention", "status", "error", "warning")


def image_table_path(output: FilePath) -> Path:
    """The path of an output's image table.

    `cells.images.csv` beside `cells.parquet`. If the output is not a table, its extension stays
    (`cells.json.images.csv`), so that the two never meet.
    """
    path = place(output)
    extension = next((end for end in FORMATS if path.name.lower().endswith(end)), "")
    return path.with_name(path.name[: len(path.name) - len(extension)] + ".images.csv")


def read_image_table(
    path: FilePath, root: FilePath | None = None, *, text: tuple[str, ...] = ()
) -> pd.DataFrame:
    """An image table with absolute paths.

    Args:
        path: the table.
        root: the folder that relative paths start from; by default, the one the table lies in.
        text: further columns that are read verbatim.

    Raises:
        OSError: it can't be read.
        ValueError: it is not a table.
    """
    text = (*text, *TEXT_COLUMNS, *path_columns(column_names(path)))
    table = read_table(path, text=text)
    return absolute_paths(table, place(path).parent if root is None else place(root))


def read_fields(path: FilePath) -> pd.DataFrame:
    """An image table with every field as the text that stands there, and with absolute paths.

    Raises:
        OSError, ValueError: as `read_image_table`.
    """
    fields = read_csv(path, text=tuple(column_names(path)))
    return absolute_paths(fields, place(path).parent)


def write_image_table(table: pd.DataFrame, path: FilePath) -> None:
    """Writes an image table; see `write_table`."""
    write_table(relative_paths(table, place(path).parent), path)


def absolute_paths(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The table with its relative paths taken from `folder`."""
    base = folder.absolute()

    def absolute(path: str) -> str:
        if is_url(path) or (is_url(base) and path.startswith("/")):
            return path
        return str(base / path) if is_url(base) else os.path.normpath(base / path)

    return _with_paths(table, absolute)


def relative_paths(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The table with paths relative to `folder`, if they share more with it than a root."""
    base = folder.absolute()

    def relative(path: str) -> str:
        if is_url(base) or is_url(path):
            return _from_url(path, str(base))
        if PurePath(path).anchor != base.anchor or PurePath(
            os.path.commonpath([path, base])
        ) == PurePath(base.anchor):
            return path
        return PurePath(os.path.relpath(path, base)).as_posix()

    return _with_paths(table, relative)


def images_listing(images: pd.DataFrame) -> dict[str, Any]:
    """What a record says of images: a digest of their ids and files.

    Of the files' names, the folder that all have in common is left out: the same data set has the
    same digest wherever it lies.
    """
    columns = path_columns(map(str, images.columns))
    names = [name.replace(os.sep, "/") for column in columns for name in images[column].dropna()]
    # Up to any sign, then back to the end of a folder: URLs are no paths.
    common = os.path.commonprefix([name.partition("#")[0] for name in names])  # noqa: RUF071
    start = common.rfind("/") + 1
    files = {
        column: images[column].map(lambda name: name.replace(os.sep, "/")[start:], "ignore")
        for column in columns
    }
    return listing("images", {"image_id": images["image_id"], **files}, ["image_id", *columns])


def _from_url(path: str, base: str) -> str:
    """The path from a folder that is a URL, if it shares more with it than bucket or host."""
    (store, folder), (other, file) = (_store_and_path(url) for url in (base, path))
    if store != other or not store or folder.split("/")[0] != file.split("/")[0]:
        return path
    return posixpath.relpath(file, folder)


def _store_and_path(url: str) -> tuple[str, str]:
    """The kind of a URL and what follows; no kind where a part of it can't be taken by itself."""
    kind, found, path = url.partition("://")
    return (kind, path.rstrip("/")) if found and "::" not in url else ("", url)


def _with_paths(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    changed = {
        name: table[name]
        .map(os.fspath, na_action="ignore")
        .map(change, na_action="ignore")
        .astype(STRING)
        for name in path_columns(map(str, table.columns))
    }
    return table.assign(**changed)
