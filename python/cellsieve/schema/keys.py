"""Duplicate keys are refused: (image_id, label) names one cell, an image_id one image.

Two images with the same id would be mixed up: cells of the second would be drawn, cropped and
annotated from the pixels of the first.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from cellsieve.schema.images import MEASURED
from cellsieve.schema.labels import EXPLODED, class_text, classes_of
from cellsieve.schema.text import STRING

SHOWN = 3  # ids in a message
APART = (
    "; if these are different images, --prefix-ids (prefix_ids=True) puts the name of the file "
    "in front of each id"
)


def check_cells(table: pd.DataFrame, name: str) -> None:
    """Refuses a cell table with duplicate cells.

    A table without `image_id` or `label` has no keys to check. After `multi="explode"` a cell has
    a row for each of its classes, and no more.

    Raises:
        ValueError: it has any; the message begins with `name` and names the images.
    """
    if has_keys(table):
        refuse_repeated(key_rows(table, name))


def check_images(table: pd.DataFrame, name: "str | pd.Series[str]") -> None:
    """Refuses an image table with duplicate ids among its measured images.

    Args:
        table: the image table.
        name: what to call it, or for each row the table that it comes from.

    Raises:
        ValueError: it has any, or no column of ids; the message begins with the names and lists
            the ids.
    """
    if "image_id" not in table.columns:
        raise ValueError(
            f"{name}: has no column image_id; expected the image table that 'cellsieve measure' "
            "writes"
        )
    if "status" in table.columns:
        table = table[table["status"].isin(MEASURED)]
    ids = table["image_id"].astype(STRING)
    twice = ids[ids.duplicated(keep=False)]
    if twice.empty:
        return
    if isinstance(name, str):
        names = [name]
    else:
        names = name[twice.index[twice == twice.iloc[0]]].drop_duplicates().tolist()
    raise ValueError(
        f"{' and '.join(names)}: duplicate image ids: "
        f"{_listed(twice.drop_duplicates().tolist())}{APART if len(names) > 1 else ''}"
    )


def has_keys(table: pd.DataFrame) -> bool:
    """Whether the rows of a table say which cell they are of."""
    return {"image_id", "label"} <= set(table.columns)


def key_rows(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The keys of a table, how many rows each may have, and the table's name."""
    if not has_keys(table):
        return pd.DataFrame({"image_id": [], "label": [], "most": [], "table": []})
    most: Any = 1
    if EXPLODED in table.columns:
        most = class_text(table[EXPLODED]).map(lambda text: len(classes_of(text)), "ignore")
        most = most.fillna(1).to_numpy()
    keys = {"image_id": table["image_id"].astype(STRING).to_numpy(), "label": table["label"]}
    return pd.DataFrame(keys).assign(most=most, table=name)


def _repeated(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of keys that appear too often, or in two tables."""
    key = ["image_id", "label"]
    several = rows[rows.duplicated(key, keep=False)]
    if several.empty:
        return several
    groups = several.groupby(key, sort=False, dropna=False)
    often = groups["table"].transform("size") > groups["most"].transform("max")
    return several[often | (groups["table"].transform("nunique") > 1)]


def refuse_repeated(rows: pd.DataFrame) -> None:
    """Refuses keys that appear too often, or in two tables.

    Raises:
        ValueError: there are any.
    """
    repeated = _repeated(rows)
    if repeated.empty:
        return
    keys = repeated[["image_id", "label"]].drop_duplicates()
    count = "1 cell appears" if len(keys) == 1 else f"{len(keys)} cells appear"
    first = f"the first is cell {keys['label'].iloc[0]} of image {keys['image_id'].iloc[0]}"
    ids = keys["image_id"].drop_duplicates().tolist()
    images = f"image{'' if len(ids) == 1 else 's'} {_listed(ids)}"
    names = repeated["table"].drop_duplicates().tolist()
    if len(names) == 1:
        raise ValueError(
            f"{names[0]}: {count} more than once, in {images}; {first}; image_id and label "
            "together must name one cell"
        )
    raise ValueError(f"{names[0]} and {names[1]}: {count} in both, in {images}; {first}{APART}")


def _listed(ids: Sequence[str]) -> str:
    """The first ids, and how many there are."""
    more = f", ... ({len(ids)} in all)" if len(ids) > SHOWN else ""
    return ", ".join(ids[:SHOWN]) + more
