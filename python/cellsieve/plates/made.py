"""How the tables of plates were made."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cellsieve.io.places import place
from cellsieve.io.tables import read_header
from cellsieve.plates.layout import Layout
from cellsieve.plates.predictions import Predictions
from cellsieve.plates.wells import Wells
from cellsieve.schema.record import Record, extended, joined, listing, record_of, step, with_record
from cellsieve.schema.types import is_path


def made(
    table: pd.DataFrame,
    call: str,
    layout: Layout,
    wells: Wells,
    predictions: Any,
    settings: Mapping[str, Any],
    posterior: Record | None = None,
) -> pd.DataFrame:
    """The table (itself) with its record: what made the layout (and a posterior), and this step.

    Of files, the record has the names without their folders.
    """
    inputs = listing("wells", {"id": wells.everyone, "file": names_of(predictions)}, ["id", "file"])
    inputs |= {"count": len(wells.everyone), "predictions": names_of(predictions)}
    said = {name: name_of(value) if is_path(value) else value for name, value in settings.items()}
    return with_record(
        table, extended(joined([layout.record, posterior]), step(call, said, inputs))
    )


def record_in(table: Any) -> Record | None:
    """The record of a table, in memory or as its file."""
    if is_path(table):
        return record_of(read_header(table))
    return record_of(table) if isinstance(table, pd.DataFrame) else None


def names_of(predictions: Any) -> list[str]:
    """What each source of predictions is called."""
    several = isinstance(predictions, Sequence) and not is_path(predictions)
    return [name_of(source) for source in (predictions if several else [predictions])]


def name_of(source: Any) -> str:
    """The name of a file without its folder; of data in memory, of what kind they are."""
    if isinstance(source, Predictions):
        return name_of(source.name)
    return place(source).name if is_path(source) else type(source).__name__
