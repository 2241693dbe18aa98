"""Tables on disk: CSV, gzipped CSV or Parquet, by the file's extension; whole or not at all."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd

from cellsieve._extras import require

FORMATS = (".csv", ".csv.gz", ".parquet")


def table_format(path: str | os.PathLike[str]) -> str:
    """The extension that decides how a table is read and written.

    Raises:
        ValueError: none of `FORMATS`.
    """
    for extension in FORMATS:
        if str(path).lower().endswith(extension):
            return extension
    raise ValueError(f"{os.fspath(path)}: expected a table: {', '.join(FORMATS)}")


def read_table(
    path: str | os.PathLike[str], *, text: tuple[str, ...] = ("image_id", "class_label")
) -> pd.DataFrame:
    """A table from disk.

    Columns named in `text` are read from CSV as they stand there: "007", "0|16" and "NA" stay
    text, and only an empty field is missing. Other columns are read as pandas does, floating-point
    numbers to the last bit.

    Raises:
        OSError: the file can't be read.
        ValueError: another extension, or a file that is not such a table.
    """
    if table_format(path) == ".parquet":
        require("pyarrow", "parquet", "reading .parquet")
        return pd.read_parquet(path)
    try:
        return read_csv(path, text=text)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{os.fspath(path)}: not a CSV table: {error}") from error


def read_csv(path: str | os.PathLike[str], *, text: tuple[str, ...] = ()) -> pd.DataFrame:
    """Pandas' reader with the settings that change no value."""
    header = pd.read_csv(path, nrows=0).columns
    missing = {name: [""] if name in text else ["", "NaN", "nan"] for name in header}
    return pd.read_csv(
        path,
        dtype=dict.fromkeys(text, str),
        na_values=missing,
        keep_default_na=False,
        float_precision="round_trip",
        low_memory=False,
    )


def write_table(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Writes a table whole or not at all; the same table gives the same bytes.

    Raises:
        OSError: the file can't be written.
        ValueError: another extension than those of `FORMATS`.
    """
    extension = table_format(path)
    if extension == ".parquet":
        require("pyarrow", "parquet", "writing .parquet")
    with atomic(path) as temporary:
        if extension == ".parquet":
            table.to_parquet(temporary, index=False)
        elif extension == ".csv":
            table.to_csv(temporary, index=False)
        else:
            # No name and no time in the gzip header: they would differ from run to run.
            with temporary.open("wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as file:
                table.to_csv(file, index=False)


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary name beside `path` that becomes `path` at the end, or vanishes on an error."""
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
