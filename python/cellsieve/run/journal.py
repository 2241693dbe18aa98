"""What a long run has finished so far, so that a killed run can be resumed.

Beside `cells.parquet` a run keeps the folder `cells.parquet.parts`: for each finished chunk a CSV
of its cells, and, written last, one of its images. A part is there whole or not at all, so a kill
at any moment costs the chunks in flight and nothing else. At the end the parts become the output
and the image table, in the order of the images: how the work was cut leaves no trace.

Every row of images says in its last column, `settings`, what decided it besides the files. It is
what a later run that resumes this one is compared with: other images, files and class labels are
work to be done, other settings are refused by name. That holds for every command alike, whether the
earlier run was finished or not.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import pandas as pd

from cellsieve.io.image_table import absolute_paths, image_table_path, write_image_table
from cellsieve.io.places import is_remote, place, sweep
from cellsieve.io.records import beside, other_beside, write_beside
from cellsieve.io.tables import (
    FORMATS,
    column_names,
    read_batches,
    read_table,
    table_writer,
    typed,
    write_table,
)
from cellsieve.io.vocabulary import rename_columns
from cellsieve.schema.choices import Vocabulary
from cellsieve.schema.record import Record, with_record
from cellsieve.schema.types import FilePath

#: The column of an image table that says, as JSON, with which settings an image was done.
SETTINGS = "settings"

#: The setting that says which shard of a data set was done; a table of the whole has none.
SHARD = "shard"


class Journal:
    """The parts of one output.

    Args:
        output: the cell table to be, or another file that is made of such tables.
        cell_columns: names and types of its columns.
        image_columns: names and types of those of the image table that have a fixed one; the rest
            are text.
        settings: what decides the output besides the files, by the names that a user knows; values
            that JSON can hold.
        record: how the output is made; it stands in it, or beside it.
        resume: keep what an earlier run has left.
        overwrite: remove it.

    Raises:
        FileExistsError: an earlier run has left something, and neither is asked for.
        OSError: the folder can't be made.
    """

    def __init__(
        self,
        output: FilePath,
        cell_columns: Mapping[str, str],
        image_columns: Mapping[str, str],
        settings: Mapping[str, Any],
        record: Record,
        *,
        resume: bool,
        overwrite: bool,
    ) -> None:
        self.output = place(output)
        self.image_table = image_table_path(output)
        self.parts = parts_of(self.output)
        self.cell_columns = cell_columns
        self.image_columns = image_columns
        self.settings = json.dumps(settings, default=lambda number: number.item())  # numpy's
        self.record = record
        written = (self.output, beside(self.output), self.image_table, self.parts)
        self._written = [path for path in written if path is not None]
        left = [path for path in (self.output, self.image_table, self.parts) if path.exists()]
        other = None if resume or overwrite else other_beside(self.output)
        left += [] if other is None else [other]
        if resume and overwrite:
            raise ValueError("resume and overwrite: one keeps what the other removes; choose one")
        if left and not (resume or overwrite):
            raise FileExistsError(
                f"{left[0]} exists; resume (--resume) to keep what is finished and go on, or "
                "overwrite (--overwrite) to start over"
            )
        self.again = resume or overwrite  # an earlier run may have left something
        self.overwrite = overwrite
        # The image table of an earlier run that was finished.
        self.published: pd.DataFrame | None = None
        # The images of each part that is there. A later part replaces an earlier one's images.
        self.images: dict[int, pd.DataFrame] = {}

    def __enter__(self) -> "Journal":
        """Keeps other runs out, and reads what an earlier one has left.

        Raises:
            FileExistsError: another run is writing this output.
            ValueError: the earlier run had other settings, or somebody has changed what it left.
        """
        self.parts.mkdir(parents=True, exist_ok=True)
        self._lock = _only_run(self.parts / "lock", self.output)
        try:
            self._open()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _open(self) -> None:
        if self.again:
            names = [path.name for path in self._written]
            sweep(self.output.parent, names.__contains__)
        if self.overwrite:
            self.output.unlink(missing_ok=True)
            self.image_table.unlink(missing_ok=True)
            write_beside(self.output, None)
            for path in [*self.parts.glob("*.images.csv"), *self.parts.glob("*.cells.csv")]:
                path.unlink()
        for path in sorted(self.parts.glob("*.images.csv")):
            part = int(path.name.split(".")[0])
            self.images[part] = self._read_images(path)
            self._check_columns(column_names(self._cells(part)), self._cells(part))
        if self.output.exists() and self.image_table.exists():
            self.published = self._read_images(self.image_table)
            if self._is_table():
                self._take_apart(self.published)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leaves no empty folder behind, and lets other runs in."""
        if self.parts.exists() and not any(self.parts.glob("*.images.csv")):
            self._remove_parts()
        self._lock.close()

    def finished(self) -> pd.DataFrame:
        """The rows of the image table that are there, one an image, with the number of its part."""
        rows = [table.assign(part=part) for part, table in sorted(self.images.items())]
        if not rows:
            return typed(pd.DataFrame(), {"image_id": "str", **self.image_columns, "part": "int64"})
        return pd.concat(rows, ignore_index=True).drop_duplicates("image_id", keep="last")

    def add(self, cells: pd.DataFrame, images: pd.DataFrame) -> None:
        """Keeps a finished chunk: the images last, since they vouch for the cells."""
        part = max(self.images, default=-1) + 1
        write_table(with_record(cells, None), self._cells(part))
        self._write_images(images, self.parts / f"{part:06d}.images.csv")
        self.images[part] = images

    def publish(self, images: pd.DataFrame, columns: Vocabulary) -> None:
        """Writes the output and the image table, in the order of `images`, and removes the parts.

        Args:
            images: the image table; its `part` says where the cells of an image are (missing where
                there are none) and is not written.
            columns: names of the output's columns.
        """
        empty = typed(pd.DataFrame(), self.cell_columns)
        written = 0
        with table_writer(self.output) as write:
            write(with_record(rename_columns(empty, columns), self.record))
            for cells in self.cells_in_order(images):
                write(rename_columns(cells, columns))
                written += len(cells)
            expected = int(images.loc[images["part"].notna(), "cells"].sum())
            if written != expected:
                raise ValueError(
                    f"{self.parts}: holds {written} cells, but {expected} were found; something "
                    "else has changed this folder, so start over (--overwrite)"
                )
        self.close(images)

    def close(self, images: pd.DataFrame) -> None:
        """Writes the image table and removes the parts; the output is there."""
        self._write_images(images.drop(columns="part"), self.image_table)
        self._remove_parts()

    def _remove_parts(self) -> None:
        """In one step as others see it: a kill on the way leaves nothing to stumble over.

        From a store that has no such step, first what vouches for the rest.
        """
        if is_remote(self.parts):
            for pattern in ("*.images.csv", "*"):
                for path in self.parts.glob(pattern):
                    path.unlink(missing_ok=True)
            self.parts.rmdir()
            return
        gone = self.parts.with_name(f".{self.parts.name}.{os.getpid()}.tmp")
        self.parts.rename(gone)
        shutil.rmtree(gone)

    def cells_in_order(self, images: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """The cells of these images (see `publish`) in their order, some images at a time."""
        listed = images[images["part"].notna() & (images["cells"] > 0)]
        pairs = zip(listed["part"].astype(int), listed["image_id"], strict=True)
        for part, rows in groupby(pairs, key=lambda pair: pair[0]):
            cells = typed(
                read_table(self._cells(part), text=self._text(self.cell_columns)), self.cell_columns
            )
            yield cells[cells["image_id"].isin([image_id for _, image_id in rows])]

    def _take_apart(self, images: pd.DataFrame) -> None:
        """A finished output as parts again, less the images that newer parts hold."""
        images = images[~images["image_id"].isin(self.finished()["image_id"])]
        known: set[str] = set()
        for cells in _whole_images(self._own_batches()):
            ids = set(cells["image_id"]) & set(images["image_id"])
            known |= ids
            self.add(cells[cells["image_id"].isin(ids)], images[images["image_id"].isin(ids)])
        without_cells = images[~images["image_id"].isin(known)]
        self.add(typed(pd.DataFrame(), self.cell_columns), without_cells)

    def _own_batches(self) -> Iterator[pd.DataFrame]:
        for cells in read_batches(self.output, text=self._text(self.cell_columns)):
            self._check_columns(list(cells.columns), self.output)
            yield typed(cells, self.cell_columns)

    def _is_table(self) -> bool:
        return self.output.name.lower().endswith(FORMATS)

    def _check_columns(self, found: list[str], path: Path) -> None:
        """Refuses to go on with what another kind of run has left."""
        if found != list(self.cell_columns):
            raise ValueError(
                f"{path}: has the columns {', '.join(found)}; this run writes "
                f"{', '.join(self.cell_columns)}; only a table with cellsieve's own column names, "
                "made with the same choices, can be resumed; overwrite (--overwrite) to start over"
            )

    def _cells(self, part: int) -> Path:
        return self.parts / f"{part:06d}.cells.csv"

    def _read_images(self, path: Path) -> pd.DataFrame:
        header = column_names(path)
        columns = {name: self.image_columns.get(name, "str") for name in header}
        images = typed(read_table(path, text=self._text(columns)), columns)
        if len(images):
            self._check_settings(images.get(SETTINGS, pd.Series([None])).unique().tolist(), path)
        return absolute_paths(images.drop(columns=SETTINGS, errors="ignore"), path.parent)

    def _write_images(self, images: pd.DataFrame, path: Path) -> None:
        write_image_table(images.assign(**{SETTINGS: self.settings}), path)

    def _check_settings(self, texts: Sequence[str], path: Path) -> None:
        """Refuses to resume a run that had other settings, naming them."""
        now = json.loads(self.settings)
        for text in texts:
            try:
                before = dict(json.loads(text))
            except (TypeError, ValueError):
                raise ValueError(
                    f"{path}: its column {SETTINGS} does not say what the earlier run was asked "
                    "for, so it can't be resumed; overwrite (--overwrite) to start over"
                ) from None
            if other := differences(before, now, "{} was {}, now {}"):
                raise ValueError(
                    f"{self.output}: an earlier run had other settings: {other}; resume "
                    "with the same, or overwrite (--overwrite) to start over"
                )

    @staticmethod
    def _text(columns: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(name for name, kind in columns.items() if kind == "str")


def parts_of(output: Path) -> Path:
    """The folder of what an unfinished run has finished so far."""
    return output.with_name(output.name + ".parts")


def _only_run(path: Path, output: Path) -> IO[Any]:
    """A lock that ends with the process, however it ends; stores have none.

    Raises:
        FileExistsError: another run holds it.
    """
    if is_remote(path):
        return BytesIO()
    try:
        return _locked(path)
    except BlockingIOError:
        raise FileExistsError(f"{output}: another run is writing it; wait for its end") from None


# Not the library filelock: it fails on a file system without locks, where a run should go on, and
# leaves its file behind.
if sys.platform == "win32":
    import msvcrt

    def _locked(path: Path) -> IO[Any]:
        # Beside its folder, which can't be removed while a file in it is open. Closed, it is gone.
        beside = path.parent.with_name(f".{path.parent.name}.{path.name}")
        try:
            file = open(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TEMPORARY), "wb")  # noqa: PTH123, SIM115
        except PermissionError:  # its last run is ending
            raise BlockingIOError from None
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            file.close()
            raise BlockingIOError from None
        except OSError:
            pass  # a file system without locks
        return file

else:
    import fcntl

    def _locked(path: Path) -> IO[Any]:
        file = path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise
        except OSError:
            pass  # a file system without locks
        return file


def differences(one: Mapping[str, Any], other: Mapping[str, Any], said: str) -> str:
    """In what settings differ; `said` has room for the name and both values."""
    return "; ".join(
        said.format(name, _said(one.get(name)), _said(other.get(name)))
        for name in {**other, **one}
        if one.get(name) != other.get(name)
    )


def _said(setting: Any) -> str:
    """A setting as a user may have typed it."""
    if setting is None:
        return "not given"
    if isinstance(setting, bool):
        return "on" if setting else "off"
    if isinstance(setting, list):
        return ",".join(map(_said, setting))
    return str(setting)


def _whole_images(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Batches of rows as batches of whole images: the last image of one may go on in the next."""
    rest = pd.DataFrame()
    for batch in batches:
        rows = pd.concat([rest, batch], ignore_index=True) if len(rest) else batch
        if rows.empty:
            continue
        last = rows["image_id"] == rows["image_id"].iloc[-1]
        rest = rows[last]
        if len(rows) > len(rest):
            yield rows[~last]
    if len(rest):
        yield rest
