"""Other programs' names for the columns of a cell table: a rename on the way out."""

import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from cellsieve.schema.measures import BY_NAME
from cellsieve.schema.rules import Rule, rule_names

Vocabulary = Literal["cellsieve", "skimage", "cellprofiler", "notebook"]

_SKIMAGE = {
    "min_row": "bbox-0",
    "min_col": "bbox-1",
    "max_row": "bbox-2",
    "max_col": "bbox-3",
}

# What CellProfiler has a name for.
_CELLPROFILER = {
    "label": "Metadata_ObjectNumber",
    "min_row": "Cells_AreaShape_BoundingBoxMinimum_Y",
    "min_col": "Cells_AreaShape_BoundingBoxMinimum_X",
    "max_row": "Cells_AreaShape_BoundingBoxMaximum_Y",
    "max_col": "Cells_AreaShape_BoundingBoxMaximum_X",
    "area": "Cells_AreaShape_Area",
}
_ITS_OWN = ("Metadata_", "Cells_", "Nuclei_", "Cytoplasm_", "Image_")


def rename_columns(
    table: pd.DataFrame,
    columns: Vocabulary,
    *,
    keep: tuple[str, ...] = (),
    rules: Sequence[Rule] = (),
) -> pd.DataFrame:
    """A cell table with the column names of another program; no value changes.

    Args:
        table: a cell table.
        columns: "cellsieve" (as it is); "skimage" (bbox-0 to bbox-3); "cellprofiler", as
            CellProfiler's objects stand in one table and pycytominer reads them: Cells_... for what
            was measured (Cells_AreaShape_Area), Metadata_... for all else (Metadata_ObjectNumber is
            the label), and of a cleaned table the verdicts besides, as coSMicQC names them
            (Metadata_cqc_cellsieve_fraction_is_outlier); or "notebook": the four columns cell_ID
            ("<image>_<label>"), bbox ("(first row, last row, first column, last column)" as the
            convention counts them), fraction and Label.
        keep: columns that "notebook" keeps besides.
        rules: the rules that a table was cleaned with: "cellprofiler" gets a column for each, named
            as the rule's limits are (`rule_names`). Without them, Metadata_cqc_cellsieve_is_outlier
            tells of all together. In any case a cell is clean just where none of them is True: a
            rule counts as failed by what it could not judge, too, and all of them by a cell that
            was dropped by hand within their limits.

    Raises:
        ValueError: another name, or two columns would have the same.
    """
    if columns == "notebook":
        return _notebook(table, keep)
    if columns == "cellsieve":
        return table
    if columns == "skimage":
        return table.rename(columns=_SKIMAGE)
    if columns != "cellprofiler":
        raise ValueError(
            f"columns: found {columns!r}; expected 'cellsieve', 'skimage', 'cellprofiler' or "
            "'notebook'"
        )
    renamed = table.rename(columns=_cellprofiler)
    if "clean" in table:
        flags = _outliers(table, rules)
        renamed = renamed.assign(
            **{f"Metadata_cqc_{name}_is_outlier": flag for name, flag in flags.items()}
        )
    if not renamed.columns.is_unique:
        twice = ", ".join(renamed.columns[renamed.columns.duplicated()].unique())
        raise ValueError(f"table: two of its columns would be named {twice}; rename one")
    return renamed


def _cellprofiler(name: str) -> str:
    if str(name).startswith(_ITS_OWN):
        return name
    measured = name in BY_NAME and BY_NAME[name].scope != "image"
    return _CELLPROFILER.get(name, f"Cells_cellsieve_{name}" if measured else f"Metadata_{name}")


def _outliers(table: pd.DataFrame, rules: Sequence[Rule]) -> "dict[str, pd.Series[Any]]":
    """Whether each cell fails each rule."""
    dropped = ~table["clean"].astype(bool)
    names = rule_names(rules)
    if len(names) < 2:
        return {"_".join(["cellsieve", *names]): dropped}
    reason = table["reason"].fillna("")
    flags = {}
    for name, rule in zip(names, rules, strict=True):
        value = table[rule.column].astype("float64")
        outside = (value < table[f"{name}_lower_limit"]) | (value > table[f"{name}_upper_limit"])
        if rule.kind == "value":
            unjudged = ~pd.Series(np.isfinite(value), index=table.index)
        else:
            why = rf"(?:^|; ){re.escape(rule.column)} (?!(?:low|high)(?:;|$))[^ ;]+(?:;|$)"
            unjudged = reason.str.contains(why)
        flags[f"cellsieve_{name}"] = dropped & (outside | unjudged)
    otherwise = dropped & ~pd.DataFrame(flags).any(axis="columns")
    return {name: flag | otherwise for name, flag in flags.items()}


def _notebook(table: pd.DataFrame, keep: tuple[str, ...]) -> pd.DataFrame:
    box = table[["min_row", "max_row", "min_col", "max_col"]].astype(str)
    rows = box.itertuples(index=False, name=None)
    boxes = [f"({', '.join(row)})" for row in rows]
    text = pd.DataFrame({"bbox": boxes}, index=table.index, dtype="str")
    cell = table["label"].astype(str)
    if "image_id" in table:
        text.insert(0, "cell_ID", table["image_id"].astype(str) + "_" + cell)
    else:
        text.insert(0, "cell_ID", cell)
    text["fraction"] = table["fraction"]
    if "class_label" in table:
        text["Label"] = table["class_label"]
    return text.join(table[[name for name in keep if name in table]])
