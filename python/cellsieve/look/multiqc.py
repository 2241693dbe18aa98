"""A section for MultiQC: how many cells of each group of images were kept."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellsieve._core import __version__
from cellsieve.io.image_set import ImageSet
from cellsieve.io.places import atomic, place
from cellsieve.io.tables import loaded, refuse_existing
from cellsieve.look.report.sections import flagged, kinds_of
from cellsieve.look.views import beside, image_table
from cellsieve.schema.images import MEASURED
from cellsieve.schema.keys import check_cells
from cellsieve.schema.labels import class_text, natural
from cellsieve.schema.text import STRING
from cellsieve.schema.types import FilePath, Table, is_path
from cellsieve.schema.verdicts import FLAGGED

NAME = "cellsieve_mqc.tsv"  # MultiQC finds custom content by the end of its name
PLATES = ("experiment", "plate")  # the groups unless others are asked for

_COUNT = {"min": 0, "format": "{:,d}"}
#: The columns: their names in the file, and how MultiQC shows them.
COLUMNS: dict[str, dict[str, Any]] = {
    "cells": {"title": "Cells", "description": "Cells that were measured", "scale": "Blues"},
    "kept": {"title": "Kept", "description": "Cells kept", "scale": "Greens"},
    "kept_percent": {
        "title": "Kept", "description": "Share of the cells that were kept", "suffix": "%",
        "max": 100, "format": "{:,.1f}", "scale": "Greens",
    },
    "dropped": {
        "title": "Dropped", "description": "Cells beyond a limit, or dropped by hand",
        "scale": "Oranges",
    },
    "not_judged": {
        "title": "Not judged", "scale": "Greys",
        "description": "Cells dropped since nothing could judge them: no class or several classes, "
        "a small group, no value",
    },
    "flagged": {
        "title": "Flagged", "description": "Cells kept, but flagged by a rule", "scale": "Purples"
    },
    "images": {"title": "Images", "description": "Images of the data set", "scale": "Blues"},
    "failed": {
        "title": "Failed images", "description": "Images that could not be measured",
        "scale": "Reds",
    },
}  # fmt: skip


def write_multiqc(
    table: Table,
    folder: FilePath,
    *,
    images: ImageSet | Table | None = None,
    by: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes a table for MultiQC (custom content): one row per group of images.

    Args:
        table: a cleaned cell table, or its file. After `multi="explode"`, its rows are counted.
        folder: where `cellsieve_mqc.tsv` is written; `multiqc folder` finds it.
        images: the image table of the run, or its file; the one beside the file of `table` if not
            given. Without one, or where it says no `status`, images are not counted.
        by: the columns whose values name the groups, which the image table must have too; by
            default those of "experiment" and "plate" that are there, or else all cells are one
            group, named after the file. Rows without a value are the group "none".

    Returns:
        The file: the number of cells, of those kept (also in percent), dropped, not judged, and, if
        a rule flags, flagged; and of images, and of those that failed. A group without cells has no
        percentage.

    Raises:
        FileExistsError: the file exists, and `overwrite` is not set.
        ValueError: the table is not cleaned, or a table has no column of `by`; there are duplicate
            cells or images.
        TypeError: `table` is neither a table nor a file.
        OSError: a file can't be read or written.
    """
    output = place(folder) / NAME
    refuse_existing(output, overwrite=overwrite)
    cells, name = loaded(table, "table")
    missing = [each for each in ("image_id", "label", "clean", "reason") if each not in cells]
    if missing:
        raise ValueError(f"{name}: has no column {', '.join(missing)}; expected a cleaned table")
    check_cells(cells, name)
    found = beside(table, images)
    of_images = None if found is None else image_table(found)
    if of_images is not None and "status" not in of_images.columns:
        of_images = None
    tables = {name: cells} | ({} if of_images is None else {"the image table": of_images})
    if by is None:
        by = [column for column in PLATES if all(column in each for each in tables.values())]
    for said, each in tables.items():
        missing = [column for column in by if column not in each.columns]
        if missing:
            raise ValueError(f"{said}: has no column {', '.join(missing)} to make groups by")
    whole = place(table).name.partition(".")[0] if is_path(table) else "all cells"
    counts = _counts(cells, of_images, by, whole)
    with atomic(output) as temporary:
        temporary.write_text(_content(counts, by), encoding="utf-8")
    return output


def _counts(
    cells: pd.DataFrame, images: pd.DataFrame | None, by: Sequence[str], whole: str
) -> pd.DataFrame:
    """The columns of `COLUMNS` that are known, for each group, in the order of their names."""
    kinds, groups = kinds_of(cells), _groups(cells, by, whole)
    told = {
        "cells": np.ones(len(cells), bool),
        "kept": kinds == "kept",
        "dropped": (kinds == "cut") | (kinds == "by_hand"),
        "not_judged": kinds == "unjudged",
    }
    if FLAGGED in cells.columns:
        told["flagged"] = flagged(cells, kinds)
    counts = pd.DataFrame(told).groupby(groups.to_numpy()).sum()
    if images is not None:
        of_images = {"images": True, "failed": ~images["status"].isin(MEASURED)}
        per_group = pd.DataFrame(of_images, images.index).groupby(
            _groups(images, by, whole).to_numpy()
        )
        counts = counts.join(per_group.sum(), how="outer")
    if not by and not len(counts):
        counts = counts.reindex([whole])
    counts = counts.fillna(0).astype("int64")
    share = 100 * counts["kept"] / counts["cells"].where(counts["cells"] > 0)
    counts["kept_percent"] = ["" if np.isnan(each) else f"{each:.4g}" for each in share]
    counts = counts[[name for name in COLUMNS if name in counts]]
    return counts.loc[sorted(counts.index, key=lambda name: [natural(p) for p in name.split(" ")])]


def _groups(table: pd.DataFrame, by: Sequence[str], whole: str) -> "pd.Series[str]":
    """The group of each row, in a word."""
    if not by:
        return pd.Series(whole, index=table.index, dtype=STRING)
    parts = [class_text(table[column]).fillna("none") for column in by]
    words = [" ".join(map(str, each)) for each in zip(*parts, strict=True)]
    return pd.Series(words, index=table.index, dtype=STRING)


def _content(counts: pd.DataFrame, by: Sequence[str]) -> str:
    """The file: settings in lines of YAML behind a #, then the table; names in quotes."""
    settings = {
        "id": "cellsieve",
        "section_name": "cellsieve",
        "description": "Cells kept and dropped in microscopy images, as cellsieve "
        f"{__version__} judged them.",
        "plot_type": "table",
        "pconfig": {
            "id": "cellsieve_table",
            "title": "cellsieve: cells",
            "col1_header": " ".join(by) or "cells",
            "namespace": "cellsieve",
        },
        "headers": {name: {**_COUNT, **COLUMNS[name]} for name in counts.columns},
    }
    # JSON is YAML too, and needs no quoting of its own.
    lines = [f"# {name}: {json.dumps(value)}" for name, value in settings.items()]
    lines.append("\t".join(["group", *counts.columns]))
    for row in counts.itertuples(name=None):
        lines.append("\t".join([f'"{row[0]}"', *map(str, row[1:])]))
    return "\n".join(lines) + "\n"
