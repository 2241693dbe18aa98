"""The clean cells of a table, image by image, with the files they came from.

What `annotate`, `masks` and `crops` have in common: the cell table and the image table beside it
become a task an image; a task's mask is compared with what the table says of it before anything is
made of it; what is finished is kept in a journal.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve import _core
from cellsieve.export.names import safe_names
from cellsieve.io.arrays import native
from cellsieve.io.channels import check_known
from cellsieve.io.image_table import image_table_path, read_image_table
from cellsieve.io.parts import Parts
from cellsieve.io.places import place
from cellsieve.io.readers import MAX_PIXELS, kernels_read, pixel_limit, read_channel, read_mask
from cellsieve.io.tables import concat, read_header
from cellsieve.run.tasks import Chunk, Done, do_chunk
from cellsieve.schema.cells import BOX
from cellsieve.schema.images import (
    MASK,
    MEASURED,
    WHOLE,
    channel_files,
    file_of,
    is_whole,
    measured_channels,
)
from cellsieve.schema.keys import check_images
from cellsieve.schema.labels import class_text
from cellsieve.schema.record import Record, extended, joined, record_of, step
from cellsieve.schema.text import STRING
from cellsieve.schema.types import FilePath
from cellsieve.schema.words import count

#: What became of an image.
OUTCOME_COLUMNS = {
    "image_id": "str",
    "cells": "Int64",
    "status": "str",
    "error": "str",
    "request": "str",
}


class Task(NamedTuple):
    """The clean cells of one image."""

    image_id: str
    mask: str
    channels: dict[str, str]
    shape: tuple[int, int]
    inclusive: bool  # whether the table's boxes end with the last row and column
    labels: NDArray[np.int64]
    boxes: NDArray[np.int64]  # (cells, 4), half-open
    areas: NDArray[np.int64]
    classes: NDArray[np.object_]  # text, or None
    name: str  # the id as a file name: see `safe_names`
    request: str = ""  # what is asked for, in short: see `requested`
    shard: int = 0  # the file that the image's cells go into, where many share one


class Cleaned(NamedTuple):
    """The clean cells of a data set."""

    tasks: list[Task]
    channel: str | None  # the measured one
    record: Record  # how the table was made
    cells: Mapping[str, Any]  # what a record says of all its cells
    has_rle: bool  # every cell's encoding, true box and area stand in the table, in the right order


def read_cleaned(
    table: FilePath,
    images: FilePath | None = None,
    root: FilePath | None = None,
    *,
    all_cells: bool = False,
) -> Cleaned:
    """The clean cells of a table, one task per image that has any, by ascending id.

    Memory holds one piece of the table at a time, and of the clean cells label, box, area and
    class.

    Args:
        table: what `clean` wrote.
        images: the image table; if not given, the one beside `table`.
        root: see `read_image_table`.
        all_cells: take every cell, whatever the column `clean` says.

    Raises:
        OSError: a file can't be read.
        ValueError: a column is missing, an image of the table is not in the image table, or there
            are duplicate cells or images.
    """
    name = os.fspath(table)
    needed = ["image_id", "label", *BOX, "area"]
    kept: list[pd.DataFrame] = []
    has_rle = True
    parts = Parts([table])
    for piece in parts:
        missing = [column for column in needed if column not in piece.columns]
        if missing:
            raise ValueError(
                f"{name}: has no column {', '.join(missing)}; expected a cell table with "
                "cellsieve's own column names"
            )
        if not all_cells:
            if "clean" not in piece.columns:
                raise ValueError(
                    f"{name}: has no column clean; run 'cellsieve clean' on it first, or take "
                    "every cell (--all-cells)"
                )
            if piece["clean"].dtype != bool:
                raise ValueError(
                    f"{name}: the column clean holds {piece['clean'].dtype}; expected True and "
                    "False"
                )
            piece = piece[piece["clean"]]
        has_rle = has_rle and "rle" in piece and bool(piece["rle"].notna().all())
        classes = class_text(piece["class_label"]) if "class_label" in piece else None
        piece = piece[needed].assign(class_label=classes)
        kept.append(piece.astype({"image_id": STRING, "class_label": object}))
    cells = pd.concat(kept, ignore_index=True)
    if cells.empty:
        raise ValueError(f"{name}: has no clean cell, so there is nothing to write")
    ordered = cells.sort_values(["image_id", "label"], kind="stable")
    in_order = ordered.index.is_monotonic_increasing
    cells = ordered.reset_index(drop=True)
    listed = measured_images(images if images is not None else beside(table), root)
    listed = listed.set_index("image_id")
    unknown = cells.loc[~cells["image_id"].isin(listed.index), "image_id"].unique()
    if len(unknown):
        raise ValueError(
            f"{name}: {len(unknown)} of its images are not in the image table, the first is "
            f"{unknown[0]}; do the two belong together?"
        )
    channel = next(iter(measured_channels(listed)), None)
    tasks = list(_tasks(cells, listed))
    usable = has_rle and in_order and not any(task.inclusive for task in tasks)
    return Cleaned(tasks, channel, joined([record_of(read_header(table))]), parts.listing(), usable)


def exported(cleaned: Cleaned, call: str, settings: Mapping[str, Any]) -> Record:
    """How an export of these cells is made."""
    return extended(cleaned.record, step(call, settings, cleaned.cells))


def _tasks(cells: pd.DataFrame, images: pd.DataFrame) -> Iterator[Task]:
    """Views of one table's columns, so that a task costs next to nothing."""
    labels = cells["label"].to_numpy(np.int64)
    boxes = cells[BOX].to_numpy(np.int64)
    areas = cells["area"].to_numpy(np.int64)
    classes = cells["class_label"].to_numpy(object, copy=True)
    classes[pd.isna(classes)] = None
    ids = cells["image_id"].to_numpy(object)
    bounds = [0, *(np.flatnonzero(ids[1:] != ids[:-1]) + 1).tolist(), len(cells)]
    names = safe_names(ids[start] for start in bounds[:-1])
    for start, end in pairwise(bounds):
        image_id = ids[start]
        image = images.loc[image_id]
        part = slice(start, end)
        inclusive = image["convention"] == "notebook"
        yield Task(
            image_id,
            image[MASK],
            channel_files(image),
            (int(image["height"]), int(image["width"])),
            inclusive,
            labels[part],
            boxes[part] + [0, 0, inclusive, inclusive],
            areas[part],
            classes[part],
            names[image_id],
        )


def beside(table: FilePath) -> Path:
    """The image table that stands beside a cell table.

    Raises:
        FileNotFoundError: there is none.
    """
    path = image_table_path(table)
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: not found; it stands beside the cell table and says where masks and images "
            "are (images= or --image-table takes another)"
        )
    return path


def measured_images(path: FilePath, root: FilePath | None = None) -> pd.DataFrame:
    """The measured images of an image table.

    Raises:
        OSError: it can't be read.
        ValueError: a column is missing, or there are duplicate ids.
    """
    images = read_image_table(path, root)
    needed = {"image_id", MASK, "channel", "convention", "height", "width", "status"}
    if missing := needed - set(images.columns):
        raise ValueError(
            f"{os.fspath(path)}: has no column {', '.join(sorted(missing))}; expected the image "
            "table that 'cellsieve measure' writes"
        )
    check_images(images, os.fspath(path))
    return images[images["status"].isin(MEASURED)]


def outline(
    task: Task,
    *,
    rle: bool,
    image: str | None = None,
    channel: str | None = None,
    measures: Sequence[str] = (),
    max_pixels: int = MAX_PIXELS,
) -> _core.Cells:
    """What the mask of a task holds, and what the kernels measure of it in an image.

    Raises:
        OSError, ValueError, ImportError: as `read_mask` and `read_image`.
    """
    wanted, exact = _wanted(task, channel), is_whole(task.channels)
    if kernels_read(task.mask, *([] if image is None else [image])):
        return _core.measure_file(
            task.mask,
            [] if image is None else [(image, wanted)],
            measures,
            max_pixels=pixel_limit(max_pixels),
            rle=rle,
            exact=exact,
        )
    images = [] if image is None else [image]
    pixels = [read_channel(image, wanted, max_pixels, exact=exact) for image in images]
    mask = read_mask(task.mask, max_pixels=max_pixels, shape=task.shape)
    try:
        return _core.measure(mask, pixels, measures, rle=rle)
    except ValueError as error:
        raise ValueError(f"{task.mask}: {error}") from error


def places(task: Task, found: _core.Cells) -> NDArray[np.intp]:
    """Where among the cells of its mask each cell of the task is.

    Raises:
        ValueError: the mask is not the one that the table was measured on: another size, a cell
            that is not in it, or that has another box or area.
    """
    changed = "; the mask is not the one that the table was measured on (has it changed since?)"
    if found.shape != task.shape:
        raise ValueError(
            f"{task.mask}: has {found.shape[0]} x {found.shape[1]} pixels, the image table says "
            f"{task.shape[0]} x {task.shape[1]}{changed}"
        )
    there = np.isin(task.labels, found.columns["label"])
    if not there.all():
        missing = np.unique(task.labels[~there])
        cells = count(len(missing), "cell of the table is", "cells of the table are")
        raise ValueError(
            f"{task.mask}: {cells} not in it; the first has the label {missing[0]}{changed}"
        )
    where = np.searchsorted(found.columns["label"], task.labels)
    boxes = np.stack([found.columns[name] for name in BOX], axis=1)[where]
    moved = (boxes != task.boxes).any(axis=1)
    if not task.inclusive:  # the notebook's areas leave out the last row and column
        moved |= found.columns["area"][where] != task.areas
    if moved.any():
        first = int(np.argmax(moved))
        cells = count(moved.sum(), "cell of the table lies", "cells of the table lie")
        raise ValueError(
            f"{task.mask}: {cells} elsewhere in it; the first has the label {task.labels[first]}, "
            f"by the table in rows {_range(task.boxes[first], 0)} and columns "
            f"{_range(task.boxes[first], 1)}, in the mask in rows "
            f"{_range(boxes[first], 0)} and columns {_range(boxes[first], 1)}{changed}"
        )
    return where


def _range(box: NDArray[np.int64], axis: int) -> str:
    return f"{box[axis]} to {box[axis + 2] - 1}"


def channels_of(cleaned: Cleaned) -> list[str]:
    """The names of the channels that any image has."""
    return sorted({name for task in cleaned.tasks for name in task.channels})


def check_channels(cleaned: Cleaned, asked: Sequence[str], max_pixels: int) -> None:
    """Refuses channels that no image has: see `check_known`.

    Raises:
        ValueError: there is one, or none are asked for.
    """
    known = channels_of(cleaned)
    if not asked:
        raise ValueError(f"channels: found none; the images have {', '.join(known)}")
    whole = (task.channels[WHOLE] for task in cleaned.tasks if WHOLE in task.channels)
    check_known(asked, known, whole, max_pixels)


def path_of(task: Task, channel: str) -> str:
    """The file of a channel.

    Raises:
        ValueError: the image has no such channel.
    """
    path = file_of(task.channels, channel)
    if path is None:
        raise ValueError(
            f"channel: found {channel!r}; {task.image_id} has the channels "
            f"{', '.join(task.channels)}"
        )
    return path


def _wanted(task: Task, channel: str | None) -> str | None:
    """What to ask a channel's file for: a name that it must know, if it holds all channels."""
    return None if channel == WHOLE and is_whole(task.channels) else channel


def read_channels(task: Task, names: Sequence[str], max_pixels: int) -> list[NDArray[Any]]:
    """The channels of these names; a file that holds several of them is read once for each.

    Raises:
        OSError, ValueError, ImportError: as `read_image`; channels that differ in size or dtype.
    """
    read = [
        native(
            read_channel(
                path_of(task, name), _wanted(task, name), max_pixels, exact=is_whole(task.channels)
            )
        )
        for name in names
    ]
    for name, image in zip(names, read, strict=True):
        if image.shape != task.shape:
            raise ValueError(
                f"{path_of(task, name)}: has {' x '.join(map(str, image.shape))} pixels, its mask "
                f"{task.shape[0]} x {task.shape[1]}; both must show the same field"
            )
        if image.dtype != read[0].dtype:
            raise ValueError(
                f"{path_of(task, name)}: has {image.dtype} pixels, the channel {names[0]} "
                f"{read[0].dtype}; the channels of a cell must be of one type"
            )
    return read


def requested(tasks: Sequence[Task], *derived: object) -> list[Task]:
    """The tasks with a short text each, the same just where files, cells and `derived` are.

    Args:
        tasks: an image each.
        derived: what the whole table decides of every image, as the numbers of its classes.
            Settings are none of that: they are compared one by one (see `Journal`).
    """
    return [task._replace(request=_request(task, derived)) for task in tasks]


def _request(task: Task, derived: object) -> str:
    channels, classes = sorted(task.channels.items()), task.classes.tolist()
    cells = task.labels.tobytes(), task.boxes.tobytes()
    return digest(task.mask, channels, task.shape, classes, *cells, derived)


def digest(*parts: object) -> str:
    """A short text that is the same just where all the parts are."""
    found = hashlib.blake2b(digest_size=8)
    for part in parts:
        found.update(part if isinstance(part, bytes) else repr(part).encode())
    return found.hexdigest()


def chunk_of(
    do: Callable[[Task], Done],
    channels: Sequence[str],
    columns: Mapping[str, str],
    outcome_columns: Mapping[str, str] = OUTCOME_COLUMNS,
) -> Chunk:
    """Does some images, whose rows have these columns, with `do`, which reads these channels."""
    return partial(
        do_chunk,
        do=do,
        reads=partial(_read, channels=channels),
        together=partial(_stacked, columns=columns),
        outcome_columns=outcome_columns,
    )


def _read(task: Task, channels: Sequence[str]) -> list[str]:
    """The files of an image that are there."""
    files = (file_of(task.channels, channel) for channel in channels)
    return [task.mask, *(file for file in files if file is not None)]


def _stacked(
    found: Sequence[tuple[Task, pd.DataFrame]], columns: Mapping[str, str]
) -> pd.DataFrame:
    return concat([rows for _, rows in found], columns)


def check_apart(output: FilePath, table: FilePath, images: FilePath | None) -> None:
    """Refuses an output whose image table would replace the one that is read.

    Raises:
        ValueError: it would.
    """
    read = place(images) if images is not None else image_table_path(table)
    if image_table_path(output).resolve() == read.resolve():
        raise ValueError(
            f"{os.fspath(output)}: its image table would replace {read}, which is read; choose "
            "another name"
        )
