"""How a table was made, kept with the table.

In memory it is `table.attrs["cellsieve"]` (see `cellsieve.schema.record`), which most of pandas'
operations keep. In a Parquet file it is JSON in the schema's metadata, under the key `cellsieve`;
beside `clean.csv` it stands in `clean.record.json`.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from cellsieve.io.places import atomic, place
from cellsieve.schema.record import KEY, MOST, Record, parsed, record_of, steps_of
from cellsieve.schema.types import FilePath

BESIDE = ".record.json"


def beside(path: FilePath) -> Path | None:
    """Where the record of a file that can't hold one stands.

    `clean.record.json` for `clean.csv`. If the file is not a table, its extension stays
    (`cells.pkl.record.json`), so that the two never meet. None for Parquet, which holds its own.
    """
    name = place(path).name
    if name.lower().endswith(".parquet"):
        return None
    extension = next((end for end in (".csv", ".csv.gz") if name.lower().endswith(end)), "")
    return place(path).with_name(name[: len(name) - len(extension)] + BESIDE)


def read_beside(path: FilePath) -> Record | None:
    """The record beside a file; None if there is no such file, or it holds something else.

    Raises:
        OSError: it can't be read.
        ValueError: it is too large, or not JSON.
    """
    path_of_record = beside(path)
    if path_of_record is None:
        return None
    try:
        with path_of_record.open("rb") as file:
            text = file.read(MOST + 1)
    except FileNotFoundError:
        return None
    record = parsed(text, str(path_of_record))
    return record if steps_of(record) else None


def other_beside(path: FilePath) -> Path | None:
    """What stands where the record of an output would, and is none: nobody may replace it unasked.

    A record that has lost its table is replaced without a word.
    """
    path_of_record = beside(path)
    try:
        if path_of_record is None or not path_of_record.exists() or read_beside(path) is not None:
            return None
    except ValueError:
        pass
    return path_of_record


@contextmanager
def kept_beside(path: FilePath) -> Iterator[Callable[[pd.DataFrame], None]]:
    """A function that notes the record of a CSV table's first rows; the file is written at the end.

    If they have none, the record that an earlier table left there is removed.
    """
    noted: list[Record | None] = []
    yield lambda table: noted.append(record_of(table)) if not noted else None
    write_beside(path, next(iter(noted), None))


def write_beside(path: FilePath, record: Record | None) -> None:
    """Writes the record of a file beside it, or removes that of an earlier file.

    Raises:
        OSError: it can't be written.
    """
    path_of_record = beside(path)
    if path_of_record is None:
        return
    if record is None:
        try:
            left = read_beside(path)
        except ValueError:
            return  # not ours
        if left is not None:
            path_of_record.unlink()
        return
    with atomic(path_of_record) as temporary:
        text = json.dumps(record, indent=2, ensure_ascii=False)
        temporary.write_text(f"{text}\n", encoding="utf-8", errors="surrogatepass")


def in_metadata(table: pd.DataFrame) -> dict[bytes, bytes]:
    """The entry for a table's record in a Parquet file's metadata; empty if it has none."""
    record = record_of(table)
    return {} if record is None else {KEY.encode(): json.dumps(record).encode()}


def from_metadata(metadata: dict[bytes, bytes] | None, name: str) -> Record | None:
    """The record that a Parquet file's metadata holds.

    Raises:
        ValueError: it is too large, or not JSON.
    """
    text = (metadata or {}).get(KEY.encode())
    return None if text is None else parsed(text, name)
