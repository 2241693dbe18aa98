"""Marks by hand: a person has the last word on a cell, and the table records it."""

import pandas as pd

from cellsieve.io.tables import loaded
from cellsieve.schema.keys import check_cells
from cellsieve.schema.text import STRING
from cellsieve.schema.types import Table
from cellsieve.schema.verdicts import BY_HAND, count_by_hand

COLUMNS = ("image_id", "label", "mark")
BOX = ["min_row", "min_col", "max_row", "max_col"]  # says which cell a mark was made for


def read_marks(marks: Table) -> pd.DataFrame:
    """Marks, as downloaded from the report's page.

    Args:
        marks: a table, or its file, with the columns `image_id` (text), `label` (the cell's id in
            its mask) and `mark`: "keep" or "drop"; and the cell's box, as a report writes it, by
            which marks of another segmentation are refused.

    Returns:
        Those columns, and the box if it is there; one row per cell.

    Raises:
        OSError: the file can't be read.
        TypeError: neither a table nor a file.
        ValueError: a column is missing, a mark is neither, a label is not a whole number, or one
            cell is marked both ways. The message names the row.
    """
    table, name = loaded(marks, "marks")
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise ValueError(
            f"{name}: has the columns {', '.join(map(str, table.columns)) or 'none'}; expected "
            "image_id, label and mark"
        )
    boxes = BOX if set(BOX) <= set(table.columns) else []
    rows = table.loc[:, [*COLUMNS, *boxes]].reset_index(drop=True)
    rows["mark"] = rows["mark"].astype(STRING).str.strip().str.lower()
    labels = pd.to_numeric(rows["label"], errors="coerce")
    for wrong, column, expected in (
        (~rows["mark"].isin(["keep", "drop"]), "mark", "'keep' or 'drop'"),
        (labels.isna() | (labels % 1 != 0), "label", "the id of a cell in its mask"),
        (rows["image_id"].isna(), "image_id", "the id of an image"),
    ):
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            found = table[column].iloc[row]
            raise ValueError(
                f"{name}: {column} in row {row + 1}: found {found!r}; expected {expected}"
            )
    rows = rows.assign(image_id=rows["image_id"].astype(STRING), label=labels.astype("int64"))
    rows = rows.drop_duplicates(ignore_index=True)
    both = rows[rows.duplicated(["image_id", "label"])]
    if len(both):
        first = both.iloc[0]
        raise ValueError(
            f"{name}: cell {first['label']} of image {first['image_id']} is marked keep and drop"
        )
    return rows


def apply_overrides(table: Table, marks: Table) -> pd.DataFrame:
    """Gives cells the verdict that they were marked with by hand, whatever the limits said.

    Args:
        table: a cleaned cell table, or its file; if it has several rows of one cell (one for each
            class), a mark decides for all of them.
        marks: see `read_marks`. Cells that the table does not hold are passed over, so that a
            table can come in parts.

    Returns:
        The same rows in the same order. A marked cell has `clean` as marked and the reason
        "by hand", also if it is kept; limits stay as they were.

    Raises:
        ValueError: the table is not cleaned or has duplicate cells; a mark was made for a cell in
            another box; or as `read_marks`.
        OSError: the file can't be read.
    """
    cells, name = loaded(table, "table")
    missing = [
        column for column in ("image_id", "label", "clean", "reason") if column not in cells.columns
    ]
    if missing:
        raise ValueError(f"{name}: has no column {', '.join(missing)}; expected a cleaned table")
    check_cells(cells, name)
    rows = read_marks(marks)
    _check_boxes(cells, rows)
    verdict = _marks_of(cells, rows[list(COLUMNS)])
    marked = verdict.notna().to_numpy()
    result = cells.copy()
    result["clean"] = result["clean"].mask(marked, verdict == "keep").astype(bool)
    result["reason"] = result["reason"].mask(marked, BY_HAND)
    return count_by_hand(result)


def unknown_marks(table: pd.DataFrame, marks: Table) -> pd.DataFrame:
    """The marks of cells that a table does not hold: of another data set, or misspelt."""
    rows = read_marks(marks)
    known = pd.MultiIndex.from_frame(_keys(table))
    return rows[~pd.MultiIndex.from_frame(_keys(rows)).isin(known)]


def _keys(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {"image_id": table["image_id"].astype(STRING), "label": table["label"].astype("int64")}
    )


def _check_boxes(table: pd.DataFrame, marks: pd.DataFrame) -> None:
    """Refuses marks of another segmentation, where they say which box their cells have.

    Raises:
        ValueError: a cell lies in another box.
    """
    if not set(BOX) <= set(marks.columns) & set(table.columns):
        return
    said = marks[marks[BOX].notna().all(axis=1)]
    both = said.merge(_keys(table).join(table[BOX]), on=["image_id", "label"], suffixes=("", "_of"))
    found = both[[f"{name}_of" for name in BOX]].to_numpy(float)
    wrong = (both[BOX].to_numpy(float) != found).any(axis=1)
    if wrong.any():
        row = both[wrong].iloc[0]
        there, here = ([int(row[name + end]) for name in BOX] for end in ("", "_of"))
        raise ValueError(
            f"marks: cell {row['label']} of image {row['image_id']} has the box {there} there and "
            f"{here} in the table; expected marks that were made for this segmentation"
        )


def _marks_of(table: pd.DataFrame, marks: pd.DataFrame) -> "pd.Series[str]":
    """The mark of each row; missing if it has none."""
    marked = _keys(table).merge(marks, on=["image_id", "label"], how="left")["mark"]
    return marked.set_axis(table.index)
