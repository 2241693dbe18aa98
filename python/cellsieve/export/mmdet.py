"""Annotations in the middle format of mmdetection 2, as .json or .pkl."""

import pickle
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from cellsieve.export.entries import Annotation, Picture, write_list


def write_mmdet(
    path: Path,
    pictures: Sequence[Picture],
    cells: Iterator[Annotation],
    as_pickle: bool,
) -> None:
    """Writes a file, piece by piece, so that memory does not grow with the cells."""
    entries = _entries(pictures, cells, as_pickle)
    if as_pickle:
        with path.open("wb") as file:
            pickler = pickle.Pickler(file, protocol=4)
            pickler.fast = True  # remembers nothing, so that memory does not grow with the cells
            pickler.dump(_AsList(entries))
    else:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            write_list(file, entries)
            file.write("\n")


class _AsList:
    """Pickled as the plain list of what an iterator gives, one after the other."""

    def __init__(self, entries: Iterator[Any]) -> None:
        self.entries = entries

    def __reduce__(self) -> tuple[type, tuple[()], None, Iterator[Any]]:
        return list, (), None, self.entries


def _entries(
    pictures: Sequence[Picture], cells: Iterator[Annotation], as_pickle: bool
) -> Iterator[dict[str, Any]]:
    by_image = groupby(cells, key=lambda cell: cell.image_id)
    for picture, (image, group) in zip(pictures, by_image, strict=True):
        assert picture.image_id == image
        own = list(group)
        boxes = np.array([cell.bbox for cell in own], dtype=np.float32)
        boxes[:, 2:] += boxes[:, :2]
        labels = np.array([cell.category for cell in own], dtype=np.int64)
        size = [picture.height, picture.width]
        masks = [
            {"size": size, "counts": cell.rle.encode("ascii") if as_pickle else cell.rle}
            for cell in own
        ]
        yield {
            "filename": picture.file_name,
            "width": picture.width,
            "height": picture.height,
            "ann": {
                "bboxes": boxes if as_pickle else boxes.tolist(),
                "labels": labels if as_pickle else labels.tolist(),
                "masks": masks,
            },
        }
