"""Masks that hold the clean cells only."""

import os
import re
from collections import Counter
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve import _core
from cellsieve.export.source import (
    OUTCOME_COLUMNS,
    Task,
    check_apart,
    chunk_of,
    exported,
    places,
    read_cleaned,
    requested,
)
from cellsieve.io.mask_files import FORMATS, stored_dtype, write_mask
from cellsieve.io.places import place
from cellsieve.io.readers import MAX_PIXELS, read_mask
from cellsieve.io.reading import reading
from cellsieve.run.folders import INDEX, FolderJournal, check_originals
from cellsieve.run.tasks import Done, run_tasks
from cellsieve.schema.types import FilePath

#: What a mask is called.
WRITTEN = re.compile(f".+({'|'.join(map(re.escape, FORMATS))})", re.DOTALL | re.IGNORECASE)

#: The index: where each mask is and what was done to it.
INDEX_COLUMNS = {"path": "str", "image_id": "str", "kept": "int64", "removed": "int64"}


def masks(
    table: FilePath,
    output: FilePath,
    *,
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
    """Writes the masks of a table again with only its clean cells; ids stay as they are.

    Each mask is written in the format (.npz, .npy, .png, .tif), under the name and of the dtype of
    its original, so that the folder can take the place of the old one. Where two originals have one
    name, all are named by image id. Images without a clean cell get no mask.

    Args:
        table: what `clean` wrote; the image table beside it says where the masks are.
        output: a folder, made if it is not there; not the one of the originals.
        images, root, all_cells, jobs, executor, progress, max_pixels, resume, overwrite: as for
            `crops`.

    Returns:
        The image table, as from `annotate`; also written as `index.images.csv`. `index.csv` has a
        row a mask: `path` (the file in the folder), `image_id`, `kept` and `removed`: how many
        cells stayed and went.

    Raises:
        FileExistsError: there is an earlier run's output, and neither `resume` nor `overwrite`.
        ValueError: no clean cell, or the folder of the originals. An image whose mask is not the
            one that was measured, or that can't be read, is marked failed.
        OSError: a file can't be read, or written; then no half file is left.
        ImportError: a TIFF file, and the extra `tiff` is not installed.
    """
    folder = place(output)
    cleaned = read_cleaned(table, images, root, all_cells=all_cells)
    check_originals(folder, (task.mask for task in cleaned.tasks), "masks")
    check_apart(folder / INDEX, table, images)
    counts = Counter(_original(task).name.lower() for task in cleaned.tasks)
    masker = Masker(os.fspath(folder.absolute()), max(counts.values()) > 1, max_pixels)
    tasks = requested(cleaned.tasks, masker.by_id)
    asked = {"all_cells": all_cells}
    with FolderJournal(
        folder,
        INDEX_COLUMNS,
        OUTCOME_COLUMNS,
        asked,
        exported(cleaned, "masks", asked),
        map(masker.file, tasks),
        WRITTEN,
        resume=resume,
        overwrite=overwrite,
    ) as journal:
        listed = run_tasks(
            journal,
            tasks,
            chunk_of(masker, (), INDEX_COLUMNS),
            description="masks",
            jobs=jobs,
            executor=executor,
            progress=progress,
        )
        journal.publish(listed, "cellsieve")
    return listed.drop(columns="part")


@dataclass(frozen=True)
class Masker:
    """The mask of one image."""

    output: str
    by_id: bool  # files are named by image id
    max_pixels: int

    def file(self, task: Task) -> str:
        """Where its mask goes."""
        original = _original(task)
        suffix = original.suffix if original.suffix.lower() in FORMATS else ".npz"
        return f"{task.name}{suffix}" if self.by_id else f"{original.stem}{suffix}"

    def __call__(self, task: Task) -> Done:
        """Its row of the index, and what writes it."""
        original = _original(task)
        mask = read_mask(task.mask, max_pixels=self.max_pixels, shape=task.shape)
        found = _core.measure(mask)
        places(task, found)
        kept = np.unique(task.labels)
        cleaned = only(mask, kept).astype(stored_dtype(original, mask), copy=False)
        name = self.file(task)
        row = pd.DataFrame(
            {
                "path": [name],
                "image_id": task.image_id,
                "kept": len(kept),
                "removed": len(found) - len(kept),
            }
        )
        return Done(row, partial(write_mask, place(self.output) / name, cleaned))


def _original(task: Task) -> Path:
    return place(reading(task.mask).path)


def only(mask: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[Any]:
    """The mask with these labels; all others become 0."""
    if mask.dtype.itemsize <= 2:
        table = np.zeros(np.iinfo(mask.dtype).max + 1, dtype=mask.dtype)
        table[labels] = labels
        return table.take(mask)
    return np.where(np.isin(mask, labels.astype(mask.dtype)), mask, mask.dtype.type(0))
