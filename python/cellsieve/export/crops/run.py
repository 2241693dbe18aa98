"""Every clean cell of a table, cut out of its image."""

import os
import re
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

import pandas as pd

from cellsieve.export.crops.sample import sampled
from cellsieve.export.crops.settings import Settings
from cellsieve.export.crops.shards import SHARD_CELLS, Sharder, sharded, whole_shards
from cellsieve.export.crops.writer import CROPPED_COLUMNS, INDEX_COLUMNS, Cropper
from cellsieve.export.names import safe_names
from cellsieve.export.source import (
    Cleaned,
    channels_of,
    check_apart,
    check_channels,
    chunk_of,
    exported,
    read_cleaned,
    requested,
)
from cellsieve.io.places import place
from cellsieve.io.readers import MAX_PIXELS
from cellsieve.run.folders import INDEX, FolderJournal, check_originals
from cellsieve.run.tasks import Chunk, run_tasks
from cellsieve.schema.choices import CropKind, Fit, Keep
from cellsieve.schema.images import WHOLE
from cellsieve.schema.types import FilePath

#: What a crop, or a shard of them, is called.
WRITTEN = re.compile(r".+_[0-9]+\.(png|npz|npy)|shard-[0-9]+\.tar", re.DOTALL)


def crops(
    table: FilePath,
    output: FilePath,
    *,
    channels: Sequence[str] | None = None,
    size: int | tuple[int, int] | None = None,
    fit: Fit = "cut",
    keep: Keep = "cell",
    kind: CropKind = "png",
    folders: bool = False,
    per_class: int | None = None,
    balance: bool = False,
    seed: int = 0,
    shard_cells: int = SHARD_CELLS,
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
    """Cuts every clean cell of a table out of its image, one file a cell.

    Each image and mask is decoded once, whatever the number of its cells. Values stay as they are,
    8 or 16 bits.

    Args:
        table: what `clean` wrote; the image table beside it says where masks and images are.
        output: a folder, made if it is not there.
        channels: which, in this order; red, green and blue where there are these, else the measured
            one.
        size: rows and columns of a crop, one number for both; if not given, each crop is the
            cell's box. The box's middle is the crop's (of two middle pixels the first);
            beyond the image there is 0.
        fit: how a cell comes into a crop of that size: "cut" keeps the scale of the image, and of a
            cell that is larger the margins are lost (`cut` says so); "shrink" makes larger cells
            smaller until they fit, the same in both directions; "stretch" makes the box fill the
            crop, whatever that does to its shape. Scaling is linear, and averages where it shrinks.
        keep: "cell" keeps the cell's own pixels; "cell_and_outside" also those outside every cell,
            so that neighbours are blanked; "all" keeps neighbours too. The rest is 0.
        kind: "png" (1 channel gray, 3 RGB, 4 RGBA), "npz" (any number; the array `image` of shape
            (rows, columns, channels), not compressed), "npy" (that array alone, the fastest to
            write and to read) or "tar": WebDataset shards (`shard-000000.tar`, ...), each cell a
            `.png` (or `.npy` where a PNG can't hold it) and a `.json` with what the index says.
        folders: a folder for each class label.
        per_class: at most so many cells of each class label, chosen by `seed`.
        balance: of each class label as many cells as there are of the rarest (or `per_class`, if
            that is fewer).
        seed: of these choices; the same gives the same cells.
        shard_cells: a shard ends with the image that brings it to this many cells.
        images, root, all_cells, jobs, executor, progress, max_pixels: as for `annotate`.
        resume: take up an interrupted run with the same settings (`settings` in the image
            table; `max_pixels` may differ).
        overwrite: remove what an earlier run has written and start over.

    Returns:
        The image table, as from `annotate`, with the column `cut`: how many of the image's cells
        are cut off at the edge of their crop; also written as `index.images.csv`. `index.csv` has
        a row a crop, by ascending `image_id` and `label`:

        - `path`: the file in the folder (for shards, "shard-000000.tar/<name>.png")
        - `image_id`, `label`, `class_label`
        - `min_row`, `min_col`, `max_row`, `max_col`: the cell's box in the image, half-open
        - `row`, `col`, `rows`, `cols`: the part of the image that the crop shows: first row and
          column (below 0 beyond its edge), and how many
        - `scale_y`, `scale_x`: pixels of the crop for one of the image
        - `cut`: whether a part of the box is not in the crop

        Names of files are made of image id and label, and are good on any system: what is not an
        ASCII letter, digit, "_", "+" or "-" becomes "_", with a hash that keeps such names apart.

    Raises:
        FileExistsError: there is an earlier run's output, and neither `resume` nor `overwrite`.
        ValueError: no clean cell, no such channel, a choice that is none; `resume`, and the earlier
            run had other settings. An image whose mask is
            not the one that was measured, or that can't be read, is marked failed.
        OSError: a file can't be read, or written; then no half file is left.
    """
    folder = place(output)
    cleaned = read_cleaned(table, images, root, all_cells=all_cells)
    asked = tuple(channels) if channels is not None else _default_channels(cleaned)
    check_channels(cleaned, asked, max_pixels)
    settings = Settings(
        os.fspath(folder.absolute()),
        asked,
        (size, size) if isinstance(size, int) else size,
        fit,
        keep,
        kind,
        folders,
        max_pixels,
    )
    check_apart(folder / INDEX, table, images)
    originals = (path for task in cleaned.tasks for path in task.channels.values())
    check_originals(folder, originals, "images")
    tasks = cleaned.tasks
    if per_class is not None or balance:
        tasks = sampled(tasks, per_class, balance, seed)
    tasks = requested(tasks)
    if kind == "tar":
        tasks = sharded(tasks, shard_cells)
    class_names = safe_names(
        {text for task in tasks for text in task.classes.tolist() if text is not None}
    )
    cropper = Cropper(settings, class_names if folders else {})
    sharder = Sharder(cropper)
    files = sharder.files if kind == "tar" else cropper.files
    chosen = {
        "channels": asked,
        "size": settings.size,
        "fit": fit,
        "keep": keep,
        "kind": kind,
        "folders": folders,
        "per_class": per_class,
        "balance": balance,
        # What decides nothing is no setting.
        "seed": seed if per_class is not None or balance else None,
        "shard_cells": shard_cells if kind == "tar" else None,
        "all_cells": all_cells,
    }
    with FolderJournal(
        folder,
        INDEX_COLUMNS,
        CROPPED_COLUMNS,
        chosen,
        exported(cleaned, "crops", chosen),
        (name for task in tasks for name in files(task)),
        WRITTEN,
        resume=resume,
        overwrite=overwrite,
    ) as journal:
        options: dict[str, Any] = {}
        chunk: Chunk = chunk_of(cropper, asked, INDEX_COLUMNS, CROPPED_COLUMNS)
        if kind == "tar":
            chunk = sharder
            options["cut"] = partial(whole_shards, tasks)
        listed = run_tasks(
            journal,
            tasks,
            chunk,
            description="crops",
            jobs=jobs,
            executor=executor,
            progress=progress,
            **options,
        )
        journal.publish(listed, "cellsieve")
    return listed.drop(columns="part")


def _default_channels(cleaned: Cleaned) -> tuple[str, ...]:
    known = channels_of(cleaned)
    if {"red", "green", "blue"} <= set(known):
        return "red", "green", "blue"
    return (cleaned.channel or WHOLE,)
