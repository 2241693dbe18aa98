"""The cell table: one row per cell, by its image's id and its label."""

from cellsieve.schema.measures import DEFAULT, columns_of

#: The columns of a cell table and their types; a data set has `image_id` and `class_label` first.
CELL_COLUMNS = {
    "image_id": "str",
    "class_label": "str",
    **columns_of(DEFAULT, [None]),
}

#: The column that `rle` adds: COCO's compressed run-length encoding.
RLE_COLUMN = {"rle": "str"}

#: The columns of a cell's half-open bounding box.
BOX = ["min_row", "min_col", "max_row", "max_col"]
