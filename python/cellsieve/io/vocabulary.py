"""Other programs' names for the columns of a cell table: a rename on the way out."""

from typing import Any

import numpy as np
import pandas as pd

from cellsieve.io.arrow import in_pandas
from cellsieve.schema.choices import Vocabulary, check_choice
from cellsieve.schema.measures import measure_of
from cellsieve.schema.rules import slug
from cellsieve.schema.text import STRING
from cellsieve.schema.verdicts import BETWEEN, HIGH, LOW, column_values, remembered

_SKIMAGE = {
    "min_row": "bbox-0",
    "min_col": "bbox-1",
    "max_row": "bbox-2",
    "max_col": "bbox-3",
}

# What CellProfiler has a name for, in the same unit (its intensities are scaled to 0 to 1).
_CELLPROFILER = {
    "label": "Metadata_ObjectNumber",
    "min_row": "Cells_AreaShape_BoundingBoxMinimum_Y",
    "min_col": "Cells_AreaShape_BoundingBoxMinimum_X",
    "max_row": "Cells_AreaShape_BoundingBoxMaximum_Y",
    "max_col": "Cells_AreaShape_BoundingBoxMaximum_X",
    "area": "Cells_AreaShape_Area",
    "centroid_row": "Cells_AreaShape_Center_Y",
    "centroid_col": "Cells_AreaShape_Center_X",
    "perimeter": "Cells_AreaShape_Perimeter",
    "axis_major_length": "Cells_AreaShape_MajorAxisLength",
    "axis_minor_length": "Cells_AreaShape_MinorAxisLength",
    "eccentricity": "Cells_AreaShape_Eccentricity",
    "extent": "Cells_AreaShape_Extent",
    "solidity": "Cells_AreaShape_Solidity",
    "equivalent_diameter_area": "Cells_AreaShape_EquivalentDiameter",
    "euler_number": "Cells_AreaShape_EulerNumber",
    "feret_diameter_max": "Cells_AreaShape_MaxFeretDiameter",
    "form_factor": "Cells_AreaShape_FormFactor",
}
_ITS_OWN = ("Metadata_", "Cells_", "Nuclei_", "Cytoplasm_", "Image_")


def rename_columns(
    table: pd.DataFrame, columns: Vocabulary, *, keep: tuple[str, ...] = ()
) -> pd.DataFrame:
    """A cell table with the column names of another program; no value changes.

    Args:
        table: a cell table.
        columns: "cellsieve" (as it is); "skimage" (bbox-0 to bbox-3); "cellprofiler", as
            CellProfiler's objects stand in one table and pycytominer reads them: `Cells_...` for
            what was measured (`Cells_AreaShape_Area`), `Metadata_...` for all else
            (`Metadata_ObjectNumber` is the label), and for a cleaned table also a verdict for each
            rule, as coSMicQC names them (`Metadata_cqc_cellsieve_fraction_is_outlier`; of a second
            rule for a column, `..._area_2_...`; of all rules with one name, such as "out of
            focus", `Metadata_cqc_cellsieve_out_of_focus_is_outlier`); or "notebook": the four
            columns cell_ID ("<image>_<label>"), bbox ("(first row, last row, first column, last
            column)" as the convention counts them), fraction and Label.
        keep: further columns that "notebook" keeps.

    A cell is clean exactly when none of its verdicts is True: a cell that a rule could not judge
    has failed that rule, and one within all limits that was dropped by hand has failed all rules.
    If a table does not remember its rules, Metadata_cqc_cellsieve_is_outlier is the only verdict.

    Raises:
        ValueError: an unknown vocabulary, or two columns would have the same name.
    """
    check_choice("columns", columns, Vocabulary)
    table = in_pandas(table)
    if columns == "notebook":
        return _notebook(table, keep)
    if columns == "cellsieve":
        return table.copy(deep=False)
    if columns == "skimage":
        return table.rename(columns=_SKIMAGE)
    renamed = table.rename(columns=_cellprofiler)
    if "clean" in table:
        flags = _outliers(table)
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
    if name in _CELLPROFILER:
        return _CELLPROFILER[name]
    measure = measure_of(name)
    measured = measure is not None and not measure.of_image
    return f"Cells_cellsieve_{name}" if measured else f"Metadata_{name}"


def _outliers(table: pd.DataFrame) -> "dict[str, pd.Series[Any]]":
    """Whether each cell fails each rule."""
    dropped = ~table["clean"].astype(bool)
    rules = remembered(table)
    if rules is None:
        return {"cellsieve": dropped}
    said = table["reason"].fillna("").str.split(BETWEEN)
    flags: dict[str, pd.Series[Any]] = {}
    for each in rules:
        if each.rule.flag:
            continue
        if each.rule.name:
            name = f"cellsieve_{slug(each.rule.name)}"
            failed = said.map(set(each.reasons.values()).intersection).astype(bool)
            flags[name] = flags[name] | (dropped & failed) if name in flags else dropped & failed
            continue
        lower, upper = (table[each.columns[f"{side}_limit"]] for side in ("lower", "upper"))
        value = column_values(table, each.rule.column)
        unjudged = {text for kind, text in each.reasons.items() if kind not in (LOW, HIGH)}
        if each.rule.kind == "value":  # the reasons of another rule for this column are the same
            passed = (value >= lower) & (value <= upper) & np.isfinite(value)
            if each.rule.unjudged == "keep":
                passed |= ~np.isfinite(value)
            failed = ~passed & lower.notna()  # without limits it was not meant for this cell
        else:
            failed = (
                (value < lower) | (value > upper) | said.map(unjudged.intersection).astype(bool)
            )
        name = each.columns["lower_limit"].removesuffix("lower_limit").removesuffix("_")
        flags[f"cellsieve_{name or each.rule.column}"] = dropped & failed
    if not flags:
        return {"cellsieve": dropped}
    otherwise = dropped & ~pd.DataFrame(flags, index=table.index).any(axis="columns")
    return {name: flag | otherwise for name, flag in flags.items()}


def _notebook(table: pd.DataFrame, keep: tuple[str, ...]) -> pd.DataFrame:
    box = table[["min_row", "max_row", "min_col", "max_col"]].astype(STRING)
    rows = box.itertuples(index=False, name=None)
    boxes = [f"({', '.join(row)})" for row in rows]
    text = pd.DataFrame({"bbox": boxes}, index=table.index, dtype=STRING)
    cell = table["label"].astype(STRING)
    if "image_id" in table:
        text.insert(0, "cell_ID", table["image_id"].astype(STRING) + "_" + cell)
    else:
        text.insert(0, "cell_ID", cell)
    text["fraction"] = table["fraction"]
    if "class_label" in table:
        text["Label"] = table["class_label"]
    return text.join(table[[name for name in keep if name in table]])
