"""Other programs' names for the columns of a cell table: a rename on the way out."""

from typing import Literal

import pandas as pd

Vocabulary = Literal["cellsieve", "skimage", "cellprofiler", "notebook"]

_NAMES: dict[str, dict[str, str]] = {
    "cellsieve": {},
    "skimage": {
        "min_row": "bbox-0",
        "min_col": "bbox-1",
        "max_row": "bbox-2",
        "max_col": "bbox-3",
    },
    "cellprofiler": {
        "image_id": "Metadata_image_id",
        "class_label": "Metadata_class_label",
        "label": "ObjectNumber",
        "min_row": "AreaShape_BoundingBoxMinimum_Y",
        "min_col": "AreaShape_BoundingBoxMinimum_X",
        "max_row": "AreaShape_BoundingBoxMaximum_Y",
        "max_col": "AreaShape_BoundingBoxMaximum_X",
        "area": "AreaShape_Area",
    },
}


def rename_columns(
    table: pd.DataFrame, columns: Vocabulary, *, keep: tuple[str, ...] = ()
) -> pd.DataFrame:
    """A cell table with the column names of another program; no value changes.

    Args:
        table: a cell table.
        columns: "cellsieve" (as it is), "skimage" (bbox-0 to bbox-3), "cellprofiler"
            (ObjectNumber, AreaShape_...; what CellProfiler has no name for keeps its own), or
            "notebook": the four columns cell_ID ("<image>_<label>"), bbox ("(first row, last row,
            first column, last column)" as the convention counts them), fraction and Label.
        keep: columns that "notebook" keeps besides.

    Raises:
        ValueError: another name.
    """
    if columns == "notebook":
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
    if columns not in _NAMES:
        raise ValueError(
            f"columns: found {columns!r}; expected 'cellsieve', 'skimage', 'cellprofiler' or "
            "'notebook'"
        )
    return table.rename(columns=_NAMES[columns])
