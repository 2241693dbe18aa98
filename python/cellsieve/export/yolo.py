"""Annotations as YOLO segmentation text: https://docs.ultralytics.com/datasets/segment/."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd

from cellsieve.cells.rle import uncompress
from cellsieve.export.categories import Categories
from cellsieve.export.composites import write_bytes
from cellsieve.export.entries import annotations
from cellsieve.export.polygons import polygon
from cellsieve.export.source import Task
from cellsieve.io.places import place
from cellsieve.run.tasks import Done
from cellsieve.schema.types import FilePath

#: Where pictures and labels lie in the folder: YOLO finds the labels of a picture by these names.
PICTURES, LABELS = "images", "labels"

#: What names the classes, and the list of pictures: others, as those of images without a clean
#: cell, would teach that there is none.
DATA, TRAIN = "data.yaml", "train.txt"

#: What a file of the folder is called, besides the index and pictures.
WRITTEN = re.compile(rf".+\.txt|{re.escape(DATA)}", re.DOTALL)

#: The index: the file of each cell. Its text holds the cells in this order, and no ids.
INDEX_COLUMNS = {"path": "str", "image_id": "str", "label": "int64", "class_label": "str"}


@dataclass(frozen=True)
class Labeller:
    """The text of one image."""

    folder: str
    known: Categories
    picture: Callable[[Task], str]  # the name of its picture
    annotated: Callable[[Task], Done]

    def file(self, task: Task) -> str:
        """Where its text goes."""
        return f"{LABELS}/{PurePosixPath(self.picture(task)).stem}.txt"

    def __call__(self, task: Task) -> Done:
        """Its rows of the index, and what writes text and picture."""
        rows, write_picture, outcome = self.annotated(task)
        name = self.file(task)
        index = rows[["image_id", "label", "class_label"]].copy()
        index.insert(0, "path", name)
        if rows.empty:
            return Done(index, write_picture, outcome)
        text = _text(rows, self.known, task.shape)
        write_text = partial(write_bytes, place(self.folder) / name, text.encode("ascii"))
        return Done(index, partial(_both, write_picture, write_text), outcome)


def check_pictures(folder: FilePath, output: Path) -> None:
    """Refuses pictures where YOLO would not find their labels.

    Raises:
        ValueError: they would lie in another folder.
    """
    expected = output / PICTURES
    if place(folder).resolve() != expected.resolve():
        raise ValueError(
            f"composites: found {os.fspath(folder)}; expected {expected}, where YOLO finds the "
            "labels of pictures"
        )


def check_names(labeller: Labeller, tasks: Sequence[Task]) -> None:
    """Refuses images whose files would have one name.

    Raises:
        ValueError: there are two.
    """
    counts = Counter(labeller.file(task).lower() for task in tasks)
    same = [task for task in tasks if counts[labeller.file(task).lower()] > 1]
    if same:
        raise ValueError(
            f"{labeller.folder}: {len(same)} images have pictures of the same name as another, the "
            f"first is {same[0].image_id} ({labeller.picture(same[0])}); YOLO finds labels by that "
            f"name; --composites {labeller.folder}/{PICTURES} makes pictures named by image id"
        )


def write_data(folder: Path, pictures: Iterable[str], names: Iterable[str]) -> None:
    """Writes which pictures there are to learn from, and what the classes are called."""
    listed = [f"./{PICTURES}/{picture}" for picture in pictures]
    data = [
        "# Clean cells, written by cellsieve",
        f"train: {TRAIN}",
        "# val: the images to validate with, which YOLO asks for",
        "names:",
        *(f"  {place}: {_quoted(name)}" for place, name in enumerate(names)),
    ]
    for file, lines in ((TRAIN, listed), (DATA, data)):
        content = "".join(f"{line}\n" for line in lines)
        write_bytes(folder / file, content.encode("utf-8", "surrogateescape"))


def _text(rows: pd.DataFrame, known: Categories, shape: tuple[int, int]) -> str:
    """A line for each cell and category: its number, then x and y of each corner, from 0 to 1."""
    height, width = shape
    shown: dict[str, str] = {}
    lines = []
    for cell in annotations([rows], known):
        if cell.rle not in shown:
            corners = polygon(uncompress(cell.rle), height)
            # The middle of a pixel; cut to a whole number, as YOLO does, it is the pixel.
            shown[cell.rle] = " ".join(
                f"{(column + 0.5) / width:.6f} {(row + 0.5) / height:.6f}"
                for row, column in corners.tolist()
            )
        lines.append(f"{cell.category} {shown[cell.rle]}\n")
    return "".join(lines)


def _quoted(text: str) -> str:
    """Text as YAML, whatever it holds."""
    plain = (sign.isprintable() and sign not in '"\\' for sign in text)
    signs = zip(text, plain, strict=True)
    return '"' + "".join(sign if fine else f"\\U{ord(sign):08x}" for sign, fine in signs) + '"'


def _both(first: Callable[[], None] | None, second: Callable[[], None]) -> None:
    if first is not None:
        first()
    second()
