"""How a table was made, kept with the table in memory: `table.attrs["cellsieve"]`."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

KEY = "cellsieve"

Record = dict[str, Any]


def record_of(table: pd.DataFrame) -> Record | None:
    """The record of a table in memory; None if it has none."""
    record = table.attrs.get(KEY)
    return record if isinstance(record, dict) else None


def with_record(table: pd.DataFrame, record: Record | None) -> pd.DataFrame:
    """The table (itself) with this record, or without one."""
    table.attrs = {key: value for key, value in table.attrs.items() if key != KEY}
    if record is not None:
        table.attrs[KEY] = record
    return table


def recorded(pieces: Iterable[pd.DataFrame], record: Record | None) -> Iterator[pd.DataFrame]:
    """The pieces, each with this record; with none, as they are."""
    for piece in pieces:
        yield piece if record is None else with_record(piece, record)
