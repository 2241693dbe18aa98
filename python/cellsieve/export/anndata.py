"""Cell tables as AnnData, which scanpy and squidpy read."""

import json
from typing import Any

import numpy as np
import pandas as pd

from cellsieve.io.extras import require
from cellsieve.io.places import atomic, place
from cellsieve.io.tables import loaded, refuse_existing
from cellsieve.schema.cells import BOX
from cellsieve.schema.measures import BY_NAME, measure_of
from cellsieve.schema.record import CELLS, KEY, extended, listing, record_of, step
from cellsieve.schema.text import STRING
from cellsieve.schema.types import FilePath, Table
from cellsieve.schema.verdicts import LIMIT_COLUMNS

SUFFIX = ".h5ad"


def to_anndata(cells: Table) -> Any:
    """A cell table as an `anndata.AnnData` object (needs the extra `anndata`).

    Args:
        cells: a cell table or its file; one row per cell.

    Returns:
        One observation per row, in their order, named "<image_id>+<label>":

        - `X`: float64, the numbers that were measured of each cell: the columns behind `label`
          that are no box, value of the image or limit; NaN where one is missing
        - `obs`: all other columns: ids, class label, box, what belongs to the image, verdicts
        - `var`: the measures, with `unit` and `family` where they are known
        - `obsm["spatial"]`: the middle of each cell's box in its image, in pixels: column, row
        - `uns["cellsieve"]`: how it was made, as JSON

    Raises:
        TypeError: neither a table nor a file.
        ValueError: a column is missing, or two rows have the same name.
        ImportError: the extra is not installed.
        OSError: the file can't be read.
    """
    library = require("anndata", "anndata", "AnnData")
    table, _ = loaded(cells, "cells", expected="a cell table or its file")
    missing = [name for name in ("image_id", "label", *BOX) if name not in table.columns]
    if missing:
        raise ValueError(
            f"cells: has no column {', '.join(missing)}; expected a cell table with cellsieve's "
            "own column names"
        )
    names = table["image_id"].astype(STRING) + "+" + table["label"].astype(STRING)
    if names.duplicated().any():
        raise ValueError(
            f"cells: {names.duplicated().sum()} rows name a cell that is there already, as "
            f"{names[names.duplicated()].iloc[0]}; expected one row per cell"
        )
    after = table.columns[list(table.columns).index("label") :]  # before it, which cell it is
    measured = [name for name in after if _is_measure(name, table[name])]
    obs = table.drop(columns=measured).set_axis(pd.Index(names, dtype=object))
    obs = obs.apply(_plain).rename_axis(None)
    known = [BY_NAME.get(name) for name in measured]
    var = pd.DataFrame(
        {
            "unit": [measure.unit if measure else "" for measure in known],
            "family": [measure.family if measure else "" for measure in known],
        },
        index=pd.Index(measured, dtype=object),
        dtype=object,
    )
    made = library.AnnData(
        table[measured].astype("float64").to_numpy(), obs=obs, var=var.apply(_plain)
    )
    top, left, bottom, right = (table[name].to_numpy("float64") for name in BOX)
    made.obsm["spatial"] = np.stack([(left + right - 1) / 2, (top + bottom - 1) / 2], axis=1)
    done = step("export", {}, listing("cells", table, CELLS))
    made.uns[KEY] = json.dumps(extended(record_of(table), done))
    return made


def export_to(cells: Table, output: FilePath, *, overwrite: bool = False) -> None:
    """Writes a cell table for other programs; all of it is in memory.

    Args:
        cells: a cell table or its file.
        output: .h5ad: AnnData; see `to_anndata`.
        overwrite: replace the file if it is there.

    Raises:
        FileExistsError: it is there, and `overwrite` is not asked for.
        TypeError, ValueError, ImportError, OSError: as `to_anndata`, or it can't be written.
    """
    if place(output).suffix.lower() != SUFFIX:
        raise ValueError(f"{output}: expected a file that ends with {SUFFIX} (AnnData)")
    refuse_existing(output, overwrite=overwrite)
    made = to_anndata(cells)
    with atomic(output) as temporary:
        made.write_h5ad(temporary)


def _is_measure(name: str, column: "pd.Series[Any]") -> bool:
    """Whether a column is a number that was measured of the cell."""
    if name in ("label", *BOX) or column.dtype.kind not in "iuf" or column.dtype == bool:
        return False
    measure = measure_of(name)
    of_image = measure is not None and measure.of_image
    return not of_image and not name.endswith(LIMIT_COLUMNS)


def _plain(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Text as categories, and whole numbers that may be missing as floating-point ones."""
    if column.dtype.kind in "iufb" and not isinstance(column.dtype, np.dtype):
        return pd.Series(column.to_numpy("float64" if column.isna().any() else None), column.index)
    if isinstance(column.dtype, np.dtype) and column.dtype != object:
        return column
    values = column.astype(object).where(column.notna(), None)
    return values.astype(pd.CategoricalDtype(pd.Index(sorted(set(values.dropna())), dtype=object)))
