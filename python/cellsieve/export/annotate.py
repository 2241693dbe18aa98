"""Clean cells as annotations: COCO JSON, the middle format of mmdetection, YOLO's text."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from cellsieve.export.categories import read_categories
from cellsieve.export.coco import write_coco
from cellsieve.export.composites import check_colours, composite, encode_picture, write_bytes
from cellsieve.export.entries import Picture, annotations
from cellsieve.export.mmdet import write_mmdet
from cellsieve.export.source import (
    OUTCOME_COLUMNS,
    Task,
    channels_of,
    check_apart,
    check_channels,
    chunk_of,
    exported,
    outline,
    path_of,
    places,
    read_channels,
    read_cleaned,
    requested,
)
from cellsieve.export.yolo import (
    DATA,
    INDEX_COLUMNS,
    TRAIN,
    WRITTEN,
    Labeller,
    check_names,
    check_pictures,
    write_data,
)
from cellsieve.io.places import atomic, place, sweep
from cellsieve.io.readers import MAX_PIXELS
from cellsieve.io.reading import reading
from cellsieve.io.records import write_beside
from cellsieve.io.tables import read_batches, refuse_existing, typed
from cellsieve.run.folders import INDEX, FolderJournal, check_originals
from cellsieve.run.journal import Journal
from cellsieve.run.tasks import Done, run_tasks
from cellsieve.schema.cells import BOX
from cellsieve.schema.choices import AnnotatedClasses, AnnotationFormat, PictureFormat, check_choice
from cellsieve.schema.colours import SHOWN
from cellsieve.schema.images import file_of
from cellsieve.schema.labels import class_text
from cellsieve.schema.types import FilePath

#: What is kept of every cell until the annotations are written.
COLUMNS = {
    "image_id": "str",
    "class_label": "str",
    "label": "int64",
    **dict.fromkeys(BOX, "int64"),
    "area": "int64",
    "rle": "str",
}


@dataclass(frozen=True)
class Settings:
    """What decides an image's annotations, besides its cells."""

    channel: str | None
    min_intensity: float | None
    except_class: tuple[str, ...]
    composites: str | None
    picture: str
    colours: tuple[tuple[str, str], ...]
    max_pixels: int

    @property
    def read(self) -> list[str]:
        """The channels that are read."""
        dim = [] if self.min_intensity is None else [self.channel or ""]
        shown = [] if self.composites is None else [name for name, _ in self.colours]
        return [*dim, *shown]


def annotate(
    table: FilePath,
    output: FilePath,
    *,
    format: AnnotationFormat | None = None,  # noqa: A002 what it is called on the command line
    multi: AnnotatedClasses = "each",
    categories: Mapping[str, str] | Sequence[str] | FilePath | None = None,
    min_intensity: float | None = None,
    channel: str | None = None,
    except_class: Sequence[str] = (),
    composites: FilePath | None = None,
    picture: PictureFormat = "png",
    colours: Mapping[str, str] | None = None,
    images: FilePath | None = None,
    root: FilePath | None = None,
    all_cells: bool = False,
    jobs: int | None = None,
    executor: Executor | None = None,
    progress: bool | None = None,
    max_pixels: int = MAX_PIXELS,
    resume: bool = False,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Writes the clean cells of a table as annotations with run-length encodings.

    Masks are read once, in parallel; with a table from `measure_to(..., rle=True)` not at all,
    unless `min_intensity` asks for them. Images without a clean cell are left out: as images
    without annotations they would teach that there is no cell.

    Args:
        table: what `clean` wrote; the image table beside it says where the masks are.
        output: .json, or .pkl for `format="mmdet"`; a folder for `format="yolo"`.
        format: "coco" (https://cocodataset.org/#format-data): images, annotations (compressed RLE,
            bbox [x, y, width, height], area, iscrowd 0, and `label`, the id in the mask) and
            categories with ids from 1; or "mmdet", the middle format of mmdetection 2: a list with
            `filename`, `width`, `height` and `ann` an image: `bboxes` (float32, n x 4: x1, y1, x2,
            y2 with x2 = x + width), `labels` (int64: place of the category, from 0) and `masks`
            (RLE). In .pkl they are numpy arrays and the counts bytes, as pycocotools has them; in
            .json lists and text; or "yolo", YOLO segmentation text
            (https://docs.ultralytics.com/datasets/segment/): a folder with `labels/NAME.txt` for
            each image, with a line for each cell (number of the category from 0, then x and y of
            the corners of a polygon through the middles of its outermost pixels, divided by width
            and height), `data.yaml` and `train.txt`, which name categories and pictures, and
            `index.csv`, which says which cells stand in each file, in their order. NAME is that of
            the picture's file without its suffix. A hole stays one; several pieces are joined by
            the shortest lines, one pixel wide. Masks are read even if the table has encodings. If
            not given, "mmdet" for .pkl and "coco" for .json.
        multi: images of several classes ("0|16"): "each" gives an annotation for each class,
            "one" takes all cells as the one category "cell" whatever their class.
        categories: class labels in the order of the categories, or class label to name, or a file
            of that: JSON, or a table with the columns class_label and, if there are names, name. If
            not given, the class labels of the table, whole numbers in their order, then the rest;
            give them where two tables must agree, as those for training and validation.
        min_intensity: drops cells whose brightest pixel in the channel is below it, in the units
            of the file.
        channel: that channel; the measured one if not given.
        except_class: class labels whose cells `min_intensity` never drops; of an image of several
            classes the whole text counts, so "18" does not exempt the cells of "0|18".
        composites: a folder to write an RGB picture of each image into; `file_name` is then the
            picture, else the file of the measured channel. For "yolo", `images` in the output,
            where YOLO looks for them.
        picture: "png", or "jpg" (quality 95; needs the extra `jpeg`).
        colours: channel to colour, as {"green": "green", "yellow": "yellow"}: red, green, blue,
            yellow, cyan, magenta or white. If not given, the channels red, green and blue. Colours
            add up to at most 255; 16-bit channels are brought from 0..65535 to 0..255.
        images: the image table, if not the one beside `table`.
        root: the folder that its relative paths start from, if not the one it lies in.
        all_cells: take every cell, whatever the column `clean` says.
        jobs, executor, progress, max_pixels: as for `measure_to`.
        resume: take up an interrupted run with the same settings (`settings` in the image
            table; `max_pixels` may differ); the file ends the same, byte for byte.
        overwrite: remove what an earlier run has written and start over.

    Returns:
        The image table of this run, also written beside the output (`a.json`:
        `a.json.images.csv`; in a folder, `index.images.csv`): `image_id`, `cells` (those
        annotated), `status` ("done" or "failed"), `error`, `request`. A failed image is not in the
        output.

    Raises:
        FileExistsError: there is an earlier run's output, and neither `resume` nor `overwrite`.
        ValueError: no clean cell; a class label without a category; a choice that is none;
            `resume`, and the earlier run had other settings. An image whose mask is not the one
            that was measured (another size, cells that are not in it or lie elsewhere) is marked
            failed, and the others go on.
        OSError: a file can't be read, or the output can't be written; then nothing of it is left.
        ImportError: an extra is missing.
    """
    output = place(output)
    kind = _format(output, format)
    check_choice("multi", multi, AnnotatedClasses)
    check_choice("picture", picture, PictureFormat)
    if min_intensity is not None and not min_intensity >= 0:
        raise ValueError(f"min_intensity: found {min_intensity}; expected a number from 0")
    if colours is not None:
        check_colours(colours)
    cleaned = read_cleaned(table, images, root, all_cells=all_cells)
    known = read_categories(cleaned, categories, multi, os.fspath(table))
    if colours is None:
        colours = {name: name for name in SHOWN if name in channels_of(cleaned)}
    if composites is not None and not colours:
        raise ValueError(
            "colours: none of the channels "
            f"{', '.join(channels_of(cleaned))} is called red, green or blue; say which colours"
        )
    if min_intensity is not None and channel is not None:
        check_channels(cleaned, [channel], max_pixels)
    if composites is not None:
        check_channels(cleaned, list(colours), max_pixels)
        if kind == "yolo":
            check_pictures(composites, output)
    settings = Settings(
        channel or cleaned.channel,
        min_intensity,
        tuple(except_class),
        None if composites is None else os.fspath(place(composites).absolute()),
        picture,
        tuple(colours.items()),
        max_pixels,
    )
    asked: dict[str, Any] = {
        "format": kind,
        "multi": multi,
        "channel": settings.channel,
        "all_cells": all_cells,
    }
    # What decides nothing is no setting.
    if categories is not None and multi == "each":
        asked["categories"] = _pairs(zip(known.places, known.names, strict=True))
    if min_intensity is not None:
        asked |= {"min_intensity": min_intensity, "except_class": settings.except_class or None}
    if composites is not None:
        asked |= {
            "composites": _seen_from(output, composites),
            "picture": picture,
            "colours": _pairs(settings.colours),
        }
    record = exported(
        cleaned, "annotate", {name: asked[name] for name in asked if name != "composites"}
    )
    tasks = requested(cleaned.tasks, known)
    index = output / INDEX if kind == "yolo" else output
    check_apart(index, table, images)
    files = {task.image_id: _file_name(task, settings) for task in tasks}
    if composites is not None:
        originals = (path for task in tasks for path in (task.mask, *task.channels.values()))
        check_originals(place(composites), originals, "files")
        written = (place(composites) / name for name in files.values())
        refuse_existing(*written, overwrite=resume or overwrite)

    annotated = Annotated(settings)
    in_parallel = partial(
        run_tasks, description="annotate", jobs=jobs, executor=executor, progress=progress
    )
    if kind == "yolo":
        named = partial(_file_name, settings=settings)
        labeller = Labeller(os.fspath(output.absolute()), known, named, annotated)
        check_names(labeller, tasks)
        journal: Journal = FolderJournal(
            output,
            INDEX_COLUMNS,
            OUTCOME_COLUMNS,
            asked,
            record,
            (DATA, TRAIN, *map(labeller.file, tasks)),
            WRITTEN,
            resume=resume,
            overwrite=overwrite,
        )
    else:
        journal = Journal(
            output, COLUMNS, OUTCOME_COLUMNS, asked, record, resume=resume, overwrite=overwrite
        )
    with journal:
        if composites is not None:
            place(composites).mkdir(parents=True, exist_ok=True)
            if journal.again:
                names = {
                    f"{task.name}.{ending}" for task in tasks for ending in get_args(PictureFormat)
                }
                sweep(place(composites), names.__contains__, shared=True)
        if kind == "yolo":
            listed = in_parallel(journal, tasks, chunk_of(labeller, settings.read, INDEX_COLUMNS))
            write_data(output, (files[image] for image in _annotated(listed)), known.names)
            journal.publish(listed, "cellsieve")
            return listed.drop(columns="part")
        before = journal.published
        if before is not None and _nothing_left(before, tasks):
            return before
        if cleaned.has_rle and min_intensity is None and composites is None:
            listed = _all_done(tasks)
            rows = _rows_of_table(table, all_cells)
        else:
            listed = in_parallel(journal, tasks, chunk_of(annotated, settings.read, COLUMNS))
            rows = journal.cells_in_order(listed)
        shapes = {task.image_id: task.shape for task in tasks}
        pictures = [Picture(image, files[image], *shapes[image]) for image in _annotated(listed)]
        cells = annotations(rows, known)
        with atomic(output) as temporary:
            if kind == "coco":
                write_coco(temporary, pictures, cells, known.names, record)
            else:
                as_pickle = output.suffix.lower() == ".pkl"
                write_mmdet(temporary, pictures, cells, as_pickle)
        # COCO holds its record; a list of mmdetection has no room for one.
        write_beside(output, None if kind == "coco" else record)
        journal.close(listed)
    return listed.drop(columns="part")


@dataclass(frozen=True)
class Annotated:
    """The annotations of one image, and its picture."""

    settings: Settings

    def __call__(self, task: Task) -> Done:
        """Rows with `COLUMNS`, and what writes the picture."""
        settings = self.settings
        dim = settings.min_intensity
        image = None if dim is None else path_of(task, settings.channel or "")
        found = outline(
            task,
            rle=True,
            image=image,
            channel=settings.channel,
            measures=() if dim is None else ("intensity_max",),
            max_pixels=settings.max_pixels,
        )
        where = places(task, found)
        keep = np.ones(len(where), dtype=bool)
        if dim is not None:
            keep = (found.channels[0].columns["intensity_max"][where] >= dim) | np.isin(
                task.classes.astype(str), settings.except_class
            )
        rows = pd.DataFrame({"image_id": task.image_id, "class_label": task.classes[keep]})
        where = where[keep]
        for name in ("label", *BOX, "area"):
            rows[name] = found.columns[name][where]
        texts = found.rle or []
        rows["rle"] = [texts[place] for place in where]
        if settings.composites is None or rows.empty:
            return Done(rows)
        channels = read_channels(task, [name for name, _ in settings.colours], settings.max_pixels)
        picture = composite(channels, [colour for _, colour in settings.colours])
        content = encode_picture(picture, settings.picture)
        path = place(settings.composites) / _file_name(task, settings)
        return Done(rows, partial(write_bytes, path, content))


def _format(output: Path, given: str | None) -> str:
    extension = output.suffix.lower()
    if given == "yolo":
        if extension in (".json", ".pkl"):
            raise ValueError(f"{output}: YOLO annotations are many files; expected a folder")
        return given
    if extension not in (".json", ".pkl"):
        raise ValueError(
            f"{output}: expected a .json file, or .pkl for the format mmdet, or "
            "a folder for the format yolo"
        )
    found = given or ("mmdet" if extension == ".pkl" else "coco")
    check_choice("format", found, AnnotationFormat)
    if found == "coco" and extension == ".pkl":
        raise ValueError(f"{output}: COCO annotations are JSON; expected a .json file")
    return found


def _annotated(listed: pd.DataFrame) -> list[str]:
    """The images that any annotation is of."""
    images: list[str] = listed.loc[listed["cells"].fillna(0) > 0, "image_id"].tolist()
    return images


def _nothing_left(before: pd.DataFrame, tasks: Sequence[Task]) -> bool:
    """Whether an earlier run has done the same and all of it."""
    same: bool = before["request"].tolist() == [task.request for task in tasks]
    return same and bool((before["status"] == "done").all())


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{left}={right}" for left, right in pairs]


def _seen_from(output: Path, folder: FilePath) -> str:
    """A folder as it is found from an output, so that both can be moved together."""
    try:
        return Path(os.path.relpath(folder, output.parent)).as_posix()
    except ValueError:  # on another drive of Windows
        return os.fspath(folder)


def _all_done(tasks: Sequence[Task]) -> pd.DataFrame:
    """The image table where nothing has to be read."""
    listed = pd.DataFrame(
        {
            "image_id": [task.image_id for task in tasks],
            "cells": [len(task.labels) for task in tasks],
            "status": "done",
            "request": [task.request for task in tasks],
        }
    )
    return typed(listed, OUTCOME_COLUMNS).assign(part=pd.Series(dtype="Int64"))


def _file_name(task: Task, settings: Settings) -> str:
    """The name of an image's file: of its picture, or of its measured channel."""
    if settings.composites is not None:
        return f"{task.name}.{settings.picture}"
    measured = file_of(task.channels, settings.channel or "")
    path = measured or next(iter(task.channels.values()), task.mask)
    return place(reading(path).path).name


def _rows_of_table(table: FilePath, all_cells: bool) -> Iterator[pd.DataFrame]:
    """The clean cells as they stand in a table that has their encodings."""
    for piece in read_batches(table):
        kept = piece if all_cells else piece[piece["clean"]]
        if "class_label" not in kept:
            kept = kept.assign(class_label=None)
        yield kept.assign(class_label=class_text(kept["class_label"]))[list(COLUMNS)]
