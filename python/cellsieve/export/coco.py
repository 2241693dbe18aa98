"""Annotations as COCO JSON: https://cocodataset.org/#format-data."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from cellsieve.export.categories import ONE_CLASS
from cellsieve.export.entries import Annotation, Picture, write_list
from cellsieve.schema.record import KEY, Record


def write_coco(
    path: Path,
    pictures: Sequence[Picture],
    cells: Iterator[Annotation],
    names: Sequence[str],
    record: Record,
) -> None:
    """Writes a file, piece by piece, so that memory does not grow with the cells."""
    about = {"description": "Clean cells, written by cellsieve", KEY: record}
    ids = {picture.image_id: place for place, picture in enumerate(pictures, 1)}
    images = (
        {
            "id": ids[picture.image_id],
            "file_name": picture.file_name,
            "width": picture.width,
            "height": picture.height,
            "cellsieve_id": picture.image_id,
        }
        for picture in pictures
    )
    categories = (
        {"id": place, "name": name, "supercategory": ONE_CLASS}
        for place, name in enumerate(names, 1)
    )
    sizes = {picture.image_id: [picture.height, picture.width] for picture in pictures}
    annotations = (
        {
            "id": number,
            "image_id": ids[cell.image_id],
            "category_id": cell.category + 1,
            "segmentation": {"size": sizes[cell.image_id], "counts": cell.rle},
            "area": cell.area,
            "bbox": cell.bbox,
            "iscrowd": 0,
            "label": cell.label,
        }
        for number, cell in enumerate(cells, 1)
    )
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f'{{"info": {json.dumps(about)}')
        for name, entries in (
            ("images", images),
            ("categories", categories),
            ("annotations", annotations),
        ):
            file.write(f',\n"{name}": ')
            write_list(file, entries)
        file.write("}\n")
