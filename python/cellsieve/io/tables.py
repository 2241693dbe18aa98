"""Tables on disk: CSV, gzipped CSV or Parquet, by the file's extension; whole or not at all."""

import gzip
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import pandas as pd

from cellsieve.io.arrow import in_pandas
from cellsieve.io.extras import listed, require
from cellsieve.io.places import atomic, is_remote, on_disk, place, sweep
from cellsieve.io.records import from_metadata, in_metadata, kept_beside, read_beside
from cellsieve.schema.record import Record, recorded, with_record
from cellsieve.schema.text import STRING, text_typed
from cellsieve.schema.types import FilePath, Table, is_path
from cellsieve.schema.words import sentence

_EXTRAS = {".csv": None, ".csv.gz": None, ".parquet": "parquet"}
FORMATS = tuple(_EXTRAS)

TEXT = ("image_id", "class_label", "reason")  # read verbatim, unless a caller knows better

# Before 3.1, pandas reads floating-point numbers inexactly unless it is told.
_OLD = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
EXACT = {"float_precision": "round_trip"} if _OLD else {}

ROWS = 2**16  # rows that are in memory at a time where a table is read or written in pieces


def table_format(path: FilePath) -> str:
    """The extension that decides how a table is read and written.

    Raises:
        ValueError: it is none of `FORMATS`.
    """
    name = place(path).name.lower()
    for extension in FORMATS:
        if name.endswith(extension):
            return extension
    raise ValueError(f"{os.fspath(path)}: expected a table: {listed(_EXTRAS)}")


def check_table(path: FilePath) -> None:
    """Refuses a file name that is not that of a table.

    Raises:
        ValueError: the extension is none of `FORMATS`.
        ImportError: .parquet, and the extra `parquet` is not installed.
    """
    if table_format(path) == ".parquet":
        require("pyarrow.parquet", "parquet", "a .parquet table")


def read_table(path: FilePath, *, text: tuple[str, ...] = TEXT) -> pd.DataFrame:
    """A table from disk.

    From CSV, the columns named in `text` are read verbatim: "007", "0|16" and "NA" stay text, and
    only an empty field is missing. Other columns are read as pandas reads them, floating-point
    numbers exact to the last bit.

    Raises:
        OSError: the file can't be read.
        ValueError: the extension is none of `FORMATS`, or the file is not such a table.
    """
    check_table(path)
    if table_format(path) == ".parquet":
        with _reading(path) as file:
            table = text_typed(pd.read_parquet(file))
    else:
        table = read_csv(path, text=text)
        if "clean" in table.columns:  # a CSV doesn't tell an empty text from none
            for name in {"reason", "flagged"} & set(table.columns):
                table[name] = table[name].fillna("").astype(STRING)
    return next(recorded([table], _record(path)))


@contextmanager
def _reading(path: FilePath) -> Iterator[Path]:
    """The file on this machine, which may be a copy.

    Whatever goes wrong with it becomes one sentence that begins with the name of the original.
    """
    name, form = os.fspath(path), "Parquet" if table_format(path) == ".parquet" else "CSV"
    local = on_disk(path)
    with local.open("rb") as file:  # a missing file or a folder is an error of the system
        if not file.read(1):
            raise ValueError(f"{name}: not a {form} table: the file is empty")
    try:
        yield local
    except ImportError:
        raise
    except Exception as error:  # pandas, pyarrow and zlib raise many errors on damaged files
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, name) from error
        raise ValueError(f"{name}: not a {form} table: {sentence(error)}") from error


def read_csv(path: FilePath, *, text: tuple[str, ...] = ()) -> pd.DataFrame:
    """Pandas' reader, set so that it changes no value.

    Raises:
        OSError, ValueError: as `read_table`.
    """
    with _reading(path) as file:
        return text_typed(pd.read_csv(file, **_csv_settings(file, text)))


def column_names(path: FilePath) -> list[str]:
    """The columns of a table, without reading its rows.

    Raises:
        OSError, ValueError, ImportError: as `read_table`.
    """
    check_table(path)
    with _reading(path) as file:
        if table_format(path) == ".parquet":
            parquet = require("pyarrow.parquet", "parquet", "a .parquet table")
            return list(parquet.read_schema(file).names)
        return list(pd.read_csv(file, nrows=0).columns)


def read_header(path: FilePath) -> pd.DataFrame:
    """A table without its rows: its columns, and the record of how it was made.

    Raises:
        OSError, ValueError, ImportError: as `read_table`.
    """
    return with_record(pd.DataFrame(columns=column_names(path)), _record(path))


def _csv_settings(path: FilePath, text: tuple[str, ...]) -> dict[str, Any]:
    header = pd.read_csv(path, nrows=0).columns
    # If rows are longer than the header, pandas would take their first fields for an index. Read
    # like this, they are an error.
    pd.read_csv(path, nrows=2, header=None, dtype=str)
    return {
        "dtype": {name: STRING for name in text if name in header},
        "na_values": {name: [""] if name in text else ["", "NaN", "nan"] for name in header},
        "keep_default_na": False,
        "low_memory": False,
        **EXACT,
    }


def loaded(
    table: Table,
    argument: str,
    *,
    text: tuple[str, ...] = TEXT,
    expected: str = "a table or its file",
) -> tuple[pd.DataFrame, str]:
    """A table that somebody gives, in memory (of pandas or with Arrow's capsule) or as a file.

    Args:
        table: what is given.
        argument: what a user calls it.
        text: columns that are text, whatever they look like.
        expected: what to say that was expected, where it is neither.

    Returns:
        The table, and what to call it in messages: its file or, of one in memory, the argument.

    Raises:
        TypeError: it is neither.
        ImportError: as `in_pandas`.
        OSError, ValueError: as `read_table`.
    """
    table = in_pandas(table)
    if isinstance(table, pd.DataFrame):
        return table, argument
    if is_path(table):
        return read_table(table, text=text), os.fspath(table)
    raise TypeError(f"{argument}: found {type(table).__name__}; expected {expected}")


def read_batches(
    path: FilePath, *, text: tuple[str, ...] = TEXT, rows: int = ROWS
) -> Iterator[pd.DataFrame]:
    """The table of `read_table`, some rows at a time: at least one piece, which may be empty.

    All pieces have the same types: those of a CSV file are found by reading it once more before,
    unless that has been done and the file is still the same, or all its columns are text.
    """
    check_table(path)
    with _reading(path) as file:
        if table_format(path) == ".parquet":
            yield from recorded(_parquet_batches(file, rows), _record(path))
            return
        settings = _csv_settings(file, text)
        state = file.stat()
        version = (state.st_ino, state.st_size, state.st_mtime_ns)
        if len(settings["dtype"]) < len(settings["na_values"]):
            settings["dtype"] = _csv_types(file.resolve(), text, version)
        with pd.read_csv(file, chunksize=rows, **settings) as reader:
            yield from recorded(reader, _record(path))


@lru_cache(maxsize=256)
def _csv_types(
    path: Path, text: tuple[str, ...], version: tuple[int, int, int]
) -> Mapping[str, Any]:
    """The type of each column; `version` differs once the file has changed."""
    settings = _csv_settings(path, text)
    seen: dict[str, set[str]] = {}
    with pd.read_csv(path, chunksize=ROWS, **settings) as reader:
        for piece in reader:
            for name in piece.columns:
                seen.setdefault(name, set()).add(_type_in(piece[name]))
    types = {name: _common(of_pieces) for name, of_pieces in seen.items()}
    return {**_dtypes(types), **settings["dtype"]}


def _parquet_batches(path: FilePath, rows: int) -> Iterator[pd.DataFrame]:
    parquet = require("pyarrow.parquet", "parquet", "a .parquet table")
    with parquet.ParquetFile(path) as file:
        if file.metadata.num_rows == 0:
            yield text_typed(file.read().to_pandas())
        for batch in file.iter_batches(rows):
            yield text_typed(batch.to_pandas())


def _record(path: FilePath) -> Record | None:
    """What a file, or the one beside it, says about how its table was made."""
    if table_format(path) != ".parquet":
        return read_beside(path)
    parquet = require("pyarrow.parquet", "parquet", "a .parquet table")
    return from_metadata(parquet.read_schema(on_disk(path)).metadata, os.fspath(path))


def _type_in(column: "pd.Series[Any]") -> str:
    """The type that pandas gave a column in one piece."""
    if column.isna().all():
        return "missing"
    return {"i": "int64", "f": "float64", "b": "bool"}.get(column.dtype.kind, "str")


def _common(types: set[str]) -> str:
    """The type for all pieces: the one that pandas would have chosen for the whole column."""
    for dtype in ("int64", "bool"):
        if types == {dtype}:
            return dtype
    return "float64" if types <= {"int64", "float64", "missing"} else "str"


def refuse_existing(*paths: FilePath, overwrite: bool) -> None:
    """Refuses to replace files unasked; a command calls it before doing any work.

    What killed runs have left half written of them is removed.

    Raises:
        FileExistsError: one of them is there, and `overwrite` is not asked for.
    """
    for path in paths if not overwrite else ():
        if os.path.lexists(path) or (is_remote(there := place(path)) and there.exists()):
            raise FileExistsError(
                f"{os.fspath(path)} exists; overwrite (--overwrite) to replace it"
            )
    names: dict[Path, set[str]] = {}
    for path in map(place, paths):
        names.setdefault(path.parent, set()).add(path.name)
    for folder, ours in names.items():
        sweep(folder, ours.__contains__, shared=True)


def write_table(table: pd.DataFrame, path: FilePath) -> None:
    """Writes a table, whole or not at all; the same table gives the same bytes.

    Raises:
        OSError: the file can't be written.
        ValueError: the extension is none of `FORMATS`.
        ImportError: .parquet, and the extra `parquet` is not installed; or as `in_pandas`.
    """
    with table_writer(path) as write:
        write(in_pandas(table))


@contextmanager
def table_writer(path: FilePath) -> Iterator[Callable[[pd.DataFrame], None]]:
    """A function that appends rows to a table that is there once the block ends.

    The first call decides the columns, their types, and the record that is kept with the table (see
    `cellsieve.schema.record`), so it may pass an empty table. How the rows are divided among the
    calls leaves no trace in the file.

    Raises:
        OSError, ValueError, ImportError: as `write_table`.
    """
    extension = table_format(path)
    with kept_beside(path) as keep, atomic(path) as temporary:
        if extension == ".parquet":
            with _parquet_writer(temporary) as write:
                yield write
        else:
            with temporary.open("wb") as raw:
                if extension == ".csv":
                    yield _csv_writer(raw, keep)
                else:
                    # No name and no time in the gzip header: they would differ between runs.
                    with gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as file:
                        yield _csv_writer(file, keep)


def _csv_writer(
    file: IO[bytes] | gzip.GzipFile, keep: Callable[[pd.DataFrame], None]
) -> Callable[[pd.DataFrame], None]:
    header = True

    def write(table: pd.DataFrame) -> None:
        nonlocal header
        keep(table)
        file.write(table.to_csv(index=False, header=header, lineterminator="\n").encode())
        header = False

    return write


@contextmanager
def _parquet_writer(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Gathers rows into row groups of one size, however many each call brings."""
    arrow = require("pyarrow", "parquet", "a .parquet table")
    parquet = require("pyarrow.parquet", "parquet", "a .parquet table")
    writer: Any = None
    waiting: Any = None

    def write(table: pd.DataFrame) -> None:
        nonlocal writer, waiting
        schema = writer.schema if writer else None
        record = in_metadata(table)
        table = with_record(text_typed(table), None)
        rows = arrow.Table.from_pandas(table, schema=schema, preserve_index=False)
        if writer is None:
            rows = rows.replace_schema_metadata({**(rows.schema.metadata or {}), **record})
            writer, waiting = parquet.ParquetWriter(path, rows.schema), rows.slice(0, 0)
        waiting = arrow.concat_tables([waiting, rows])
        while len(waiting) >= ROWS:
            writer.write_table(waiting.slice(0, ROWS))
            waiting = waiting.slice(ROWS)

    try:
        yield write
        if writer is not None and (len(waiting) or path.stat().st_size <= 4):
            writer.write_table(waiting)
    finally:
        if writer is not None:
            writer.close()


def concat(tables: Sequence[pd.DataFrame], columns: Mapping[str, str]) -> pd.DataFrame:
    """The tables stacked, with these columns and types even if they have no rows."""
    tables = [table for table in tables if len(table)]
    return typed(pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(), columns)


def typed(table: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """The table with exactly these columns, of these types."""
    return table.reindex(columns=list(columns)).astype(_dtypes(columns))


def _dtypes(columns: Mapping[str, str]) -> dict[str, Any]:
    """The types as pandas' own, of any version."""
    return {name: STRING if kind == "str" else kind for name, kind in columns.items()}
