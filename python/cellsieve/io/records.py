"""How a table was made, kept with the table.

In memory it is `table.attrs["cellsieve"]`: a dict that JSON can hold, which most of pandas'
operations keep. In a Parquet file it is JSON in the schema's metadata, under the key `cellsieve`;
beside `clean.csv` it stands in `clean.rules.json`.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from cellsieve.io.places import atomic, place
from cellsieve.schema.record import KEY, Record, record_of
from cellsieve.schema.types import FilePath

BESIDE = ".rules.json"


def beside(path: FilePath) -> Path | None:
    """Where the record of a CSV table stands: `clean.rules.json` beside `clean.csv`.

    None for other files.
    """
    name = place(path).name
    extension = next((end for end in (".csv", ".csv.gz") if name.lower().endswith(end)), None)
    if extension is None:
        return None
    return place(path).with_name(name[: len(name) - len(extension)] + BESIDE)


def read_beside(path: FilePath) -> Record | None:
    """The record beside a CSV table; None if there is no such file, or it holds something else.

    Raises:
        OSError: it can't be read.
        ValueError: it is not JSON.
    """
    path_of_record = beside(path)
    if path_of_record is None:
        return None
    try:
        record = json.loads(path_of_record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{path_of_record}: not the rules of a table: {error}") from error
    return record if isinstance(record, dict) and "rules" in record else None


@contextmanager
def kept_beside(path: FilePath) -> Iterator[Callable[[pd.DataFrame], None]]:
    """A function that notes the record of a CSV table's first rows; the file is written at the end.

    If they have none, the record that an earlier table left there is removed.
    """
    noted: list[Record | None] = []
    yield lambda table: noted.append(record_of(table)) if not noted else None
    path_of_record = beside(path)
    if path_of_record is None:
        return
    record = next(iter(noted), None)
    if record is None:
        if read_beside(path) is not None:
            path_of_record.unlink()
        return
    with atomic(path_of_record) as temporary:
        text = json.dumps(record, indent=2, ensure_ascii=False)
        temporary.write_text(f"{text}\n", encoding="utf-8")


def in_metadata(table: pd.DataFrame) -> dict[bytes, bytes]:
    """The entry for a table's record in a Parquet file's metadata; empty if it has none."""
    record = record_of(table)
    return {} if record is None else {KEY.encode(): json.dumps(record).encode()}


def from_metadata(metadata: dict[bytes, bytes] | None) -> Record | None:
    """The record that a Parquet file's metadata holds."""
    text = (metadata or {}).get(KEY.encode())
    record = None if text is None else json.loads(text)
    return record if isinstance(record, dict) else None
