"""Outputs that are folders: many files, and an index that lists them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from cellsieve.io.places import entries, is_remote, place, sweep
from cellsieve.io.tables import read_csv, refuse_existing
from cellsieve.run.journal import Journal
from cellsieve.schema.choices import Vocabulary
from cellsieve.schema.record import Record

INDEX = "index.csv"


class FolderJournal(Journal):
    """The parts of a folder's index, whose column `path` lists the files.

    Args:
        folder: the output, made if it is not there.
        columns, image_columns, settings, record, resume, overwrite: see `Journal`.
        files: the files that this run writes, as paths in the folder. Without `resume` and
            `overwrite` none of them may be there.
        ours: a pattern of the names that any such run may write.

    Raises:
        FileExistsError: a file is there, or what an earlier run has left, and neither `resume` nor
            `overwrite` is asked for.
    """

    def __init__(
        self,
        folder: Path,
        columns: Mapping[str, str],
        image_columns: Mapping[str, str],
        settings: Mapping[str, Any],
        record: Record,
        files: Iterable[str],
        ours: re.Pattern[str],
        *,
        resume: bool,
        overwrite: bool,
    ) -> None:
        super().__init__(
            folder / INDEX,
            columns,
            image_columns,
            settings,
            record,
            resume=resume,
            overwrite=overwrite,
        )
        self.folder = folder
        self._ours = ours
        self._earlier: set[str] = set()
        if not self.again and (there := set(_files(folder))):
            refuse_existing(*(folder / name for name in files if name in there), overwrite=False)

    def _open(self) -> None:
        """Removes, or takes note of, what the earlier run has written."""
        self._earlier = set(self._listed())
        if self.overwrite:
            self._remove(self._earlier)
            self._earlier = set()
        here = self.again and not is_remote(self.folder)
        for folder in (self.folder, *self.folder.iterdir()) if here else ():
            if folder.is_dir() and folder != self.parts:
                sweep(folder, self._ours.fullmatch)
        super()._open()

    def publish(self, images: pd.DataFrame, columns: Vocabulary) -> None:
        """As `Journal.publish`; files that the index no longer lists are removed."""
        if self._earlier:
            for rows in self.cells_in_order(images):
                self._earlier -= set(_paths(rows))
            self._remove(self._earlier)
        super().publish(images, columns)

    def _remove(self, files: Iterable[str]) -> None:
        for name in files:
            path = self.folder / name
            with suppress(FileNotFoundError):
                path.unlink()
            if path.parent != self.folder:
                with suppress(OSError):  # not empty
                    path.parent.rmdir()

    def _listed(self) -> Iterator[str]:
        """The files that an earlier run's index, or its parts, list."""
        for table in (self.output, *self.parts.glob("*.cells.csv")):
            if table.exists():
                yield from _paths(read_csv(table, text=("path",)))


def check_originals(folder: Path, originals: Iterable[str], what: str) -> None:
    """Refuses to write into the folder of the files that are read.

    Raises:
        ValueError: `folder` is it.
    """
    parents = {place(path).parent for path in originals}
    if folder.resolve() in {parent.resolve() for parent in parents}:
        raise ValueError(
            f"{folder}: holds the original {what}, which would be lost; choose another folder"
        )


def _paths(rows: pd.DataFrame) -> Iterator[str]:
    """The files of an index; never one beyond its folder, whatever stands there."""
    for text in rows["path"].dropna().unique() if "path" in rows else ():
        path = PurePosixPath(text)
        path = path.parent if path.parent.suffix == ".tar" else path
        if not path.is_absolute() and ".." not in path.parts:
            yield str(path)


def _files(folder: Path) -> Iterator[str]:
    """What lies in a folder and in the folders in it."""
    if not folder.is_dir():
        return
    for name, is_folder in entries(folder):
        yield name
        if is_folder:
            yield from (f"{name}/{inner}" for inner, _ in entries(folder / name))
