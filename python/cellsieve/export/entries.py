"""What an annotation file of any format is made of: pictures, and their cells one by one."""

import json
from collections.abc import Iterable, Iterator
from typing import IO, Any, NamedTuple

import pandas as pd

from cellsieve.export.categories import Categories
from cellsieve.schema.labels import SEPARATOR


class Picture(NamedTuple):
    """An image of the output."""

    image_id: str
    file_name: str
    height: int
    width: int


class Annotation(NamedTuple):
    """A cell with one of its categories."""

    image_id: str
    category: int
    label: int
    bbox: tuple[int, int, int, int]
    area: int
    rle: str


def annotations(rows: Iterable[pd.DataFrame], known: Categories) -> Iterator[Annotation]:
    """An annotation for each cell and category, in the order of the rows."""
    before: tuple[str, int] | None = None
    for piece in rows:
        for image, text, label, top, left, bottom, right, area, rle in piece.itertuples(
            index=False, name=None
        ):
            if known.one:
                # A table with a row for each class of a cell has the cell several times.
                places = [0] if before != (image, label) else []
                before = (image, label)
            else:
                places = [known.places[one] for one in dict.fromkeys(text.split(SEPARATOR))]
            for place in places:
                box = (left, top, right - left, bottom - top)
                yield Annotation(image, place, label, box, area, rle)


def write_list(file: IO[str], entries: Iterable[Any]) -> None:
    """Writes a list as JSON, one entry after the other."""
    file.write("[")
    for place, entry in enumerate(entries):
        file.write(",\n" if place else "\n")
        file.write(json.dumps(entry))
    file.write("]")
