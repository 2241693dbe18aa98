"""Several tables read as the parts of one."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cellsieve.io.places import on_disk, place
from cellsieve.io.tables import ROWS, TEXT, read_batches, table_format
from cellsieve.schema.cells import CELL_COLUMNS
from cellsieve.schema.keys import SHOWN, has_keys, key_rows, refuse_repeated
from cellsieve.schema.record import CELLS, Listing
from cellsieve.schema.text import STRING
from cellsieve.schema.types import Table

PREFIX_SEPARATOR = "+"  # stays as it is in file names: see `safe_names`


class Parts:
    """Several tables read as the parts of one, a piece at a time, as often as needed.

    The first pass refuses duplicate cells. Memory holds the ids of the images, and the labels of
    those whose cells are spread over several pieces.

    Args:
        tables: cell tables or their files.
        text, numbers: columns to be read as text, and as numbers. In other columns, whatever looks
            like a number is one, except for the likes of 007.
        prefix_ids: put the name of each file in front of its image ids; see `prefixes`.

    Raises:
        ValueError: a file is given twice; as `prefixes`; on iterating, duplicate cells.
        OSError, ImportError: as `read_table`.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        text: tuple[str, ...] = TEXT,
        numbers: tuple[str, ...] = (),
        *,
        prefix_ids: bool = False,
    ) -> None:
        self.names = [
            f"table {number}" if isinstance(table, pd.DataFrame) else os.fspath(table)
            for number, table in enumerate(tables, 1)
        ]
        files = [place(table) for table in tables if not isinstance(table, pd.DataFrame)]
        resolved = [path.resolve() for path in files]
        for path, real in zip(files, resolved, strict=True):
            if resolved.count(real) > 1:
                raise ValueError(f"{path}: given twice; expected different tables")
        self._tables = tables
        known = (*CELL_COLUMNS, *text, *numbers)
        self._text = (*text, *sorted(set().union(*(_padded(path, known) for path in files))))
        self._prefixes = prefixes(tables) if prefix_ids else [""] * len(tables)
        self._checked = False
        self._listing: dict[str, Any] | None = None

    def listing(self) -> dict[str, Any]:
        """What a record says of these tables: a digest of their cells; a pass, if none was made."""
        if self._listing is None:
            for _ in self:
                pass
        assert self._listing is not None
        return self._listing

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """The pieces of all tables."""
        return (piece for _, piece in self.named())

    def named(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """The pieces of all tables, each with the name of its table."""
        seen: set[str] = set()
        spread: set[str] = set()
        listing = Listing("cells", CELLS)
        for name, piece in self._read():
            if self._listing is None:
                listing.add(piece)
            if not self._checked and has_keys(piece):
                refuse_repeated(key_rows(piece, name))
                ids = set(piece["image_id"].astype(STRING).unique())
                spread |= ids & seen
                seen |= ids
            yield name, piece
        if spread:
            rows = [
                key_rows(piece[piece["image_id"].astype(STRING).isin(spread)], name)
                for name, piece in self._read()
            ]
            refuse_repeated(pd.concat(rows, ignore_index=True))
        self._checked = True
        self._listing = self._listing or listing.said()

    def _read(self) -> Iterator[tuple[str, pd.DataFrame]]:
        for name, table, prefix in zip(self.names, self._tables, self._prefixes, strict=True):
            pieces: Iterable[pd.DataFrame] = (
                [table] if isinstance(table, pd.DataFrame) else read_batches(table, text=self._text)
            )
            for piece in pieces:
                yield name, prefixed(piece, prefix)


def _padded(path: Path, known: tuple[str, ...]) -> set[str]:
    """Those columns of a CSV file, apart from the known ones, that hold the likes of 007.

    Such values are names (of plates, say), which would become 7 if they were read as numbers.
    """
    if table_format(path) == ".parquet":
        return set()
    try:
        path = on_disk(path)
        own = [name for name in pd.read_csv(path, nrows=0).columns if name not in known]
        if not own:
            return set()
        padded: set[str] = set()
        settings: dict[str, Any] = {"usecols": own, "dtype": STRING, "keep_default_na": False}
        with pd.read_csv(path, chunksize=ROWS, **settings) as pieces:
            for piece in pieces:
                padded |= {name for name in own if piece[name].str.match(r"[+-]?0\d").any()}
        return padded
    except ValueError:
        return set()  # not such a table: reading it will say so


def prefixes(tables: Sequence[Table]) -> list[str]:
    """What is put in front of the image ids of each file: its name, or the name of its folder.

    The file names without extension if they all differ (`plate1.csv`: "plate1"); if not
    (`plate1/cells.csv`, `plate2/cells.csv`), the names of the folders.

    Raises:
        ValueError: neither tells the files apart, or a table is not a file.
    """
    if any(isinstance(table, pd.DataFrame) for table in tables):
        raise ValueError("prefix_ids: found a table in memory; expected files, which have names")
    paths = [place(table) for table in tables if not isinstance(table, pd.DataFrame)]
    stems = [path.name[: len(path.name) - len(table_format(path))] for path in paths]
    for names in (stems, [path.resolve().parent.name for path in paths]):
        if len(set(names)) == len(names) and all(names):
            return names
    raise ValueError(
        f"prefix_ids: neither the names of the files nor those of their folders differ "
        f"({', '.join(map(str, paths[:SHOWN]))}); rename the files"
    )


def prefixed(table: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """The table with a prefix and "+" in front of each image id; as it is for an empty prefix."""
    if not prefix or "image_id" not in table.columns:
        return table
    ids = table["image_id"]
    named = (prefix + PREFIX_SEPARATOR + ids.astype(STRING)).where(ids.notna())
    return table.assign(image_id=named.astype(STRING))
