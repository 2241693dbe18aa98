"""Cells of a data set: every image measured, in parallel, in memory or to disk."""

import warnings
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import pandas as pd

from cellsieve import _core
from cellsieve.cells.image import Settings, cell_table, measured_file
from cellsieve.io.image_set import ImageSet, unusable
from cellsieve.io.readers import MAX_PIXELS, check_libraries
from cellsieve.io.tables import check_table, concat, typed
from cellsieve.run.journal import Journal
from cellsieve.run.parallel import chunks, default_jobs, run
from cellsieve.run.tasks import Chunk, Done, do_chunk, run_tasks
from cellsieve.schema.choices import Convention, Vocabulary
from cellsieve.schema.images import MASK, MEASURED, is_whole
from cellsieve.schema.types import FilePath
from cellsieve.schema.vocabulary import rename_columns
from cellsieve.schema.words import count

#: What became of an image; its image table has the columns of its `ImageSet` and the settings too.
OUTCOME_COLUMNS = {
    "image_id": "str",
    "height": "Int64",
    "width": "Int64",
    "threshold": "float64",
    "background_area": "Int64",
    "cells": "Int64",
    "status": "str",
    "error": "str",
    "warning": "str",
}

IMAGE_COLUMNS = {"quantile": "float64", **OUTCOME_COLUMNS}


@overload
def measure_images(
    images: ImageSet,
    channel: str | None = None,
    *,
    quantile: float = 0.99,
    threshold: float | None = None,
    convention: Convention = "cellsieve",
    columns: Vocabulary = "cellsieve",
    jobs: int | None = None,
    executor: Executor | None = None,
    progress: bool | None = None,
    max_pixels: int = MAX_PIXELS,
    rle: bool = False,
    return_images: Literal[False] = False,
) -> pd.DataFrame: ...


@overload
def measure_images(
    images: ImageSet,
    channel: str | None = None,
    *,
    quantile: float = 0.99,
    threshold: float | None = None,
    convention: Convention = "cellsieve",
    columns: Vocabulary = "cellsieve",
    jobs: int | None = None,
    executor: Executor | None = None,
    progress: bool | None = None,
    max_pixels: int = MAX_PIXELS,
    rle: bool = False,
    return_images: Literal[True],
) -> tuple[pd.DataFrame, pd.DataFrame]: ...


@overload
def measure_images(
    images: ImageSet,
    channel: str | None = None,
    *,
    quantile: float = 0.99,
    threshold: float | None = None,
    convention: Convention = "cellsieve",
    columns: Vocabulary = "cellsieve",
    jobs: int | None = None,
    executor: Executor | None = None,
    progress: bool | None = None,
    max_pixels: int = MAX_PIXELS,
    rle: bool = False,
    return_images: bool,
) -> pd.DataFrame | tuple[pd.DataFrame, pd.DataFrame]: ...


def measure_images(
    images: ImageSet,
    channel: str | None = None,
    *,
    quantile: float = 0.99,
    threshold: float | None = None,
    convention: Convention = "cellsieve",
    columns: Vocabulary = "cellsieve",
    jobs: int | None = None,
    executor: Executor | None = None,
    progress: bool | None = None,
    max_pixels: int = MAX_PIXELS,
    rle: bool = False,
    return_images: bool = False,
) -> pd.DataFrame | tuple[pd.DataFrame, pd.DataFrame]:
    """Measures every cell of a data set, in memory; `measure_to` writes to disk as it goes.

    Args:
        images: which image, mask and class label belong together.
        channel: the channel to measure; if not given, see `ImageSet.measured_channel`. Only its
            files are read.
        quantile, threshold, convention, columns: as for `measure`.
        jobs: number of threads; as many as processors if not given.
        executor: any `concurrent.futures.Executor` in place of threads, as a Dask
            `Client.get_executor()`.
        progress: whether to show a progress bar; if not given, on a terminal only.
        max_pixels: files that declare more are refused.
        rle: whether to add a column `rle`: each cell's COCO compressed run-length encoding, made
            in the same scan of the mask; `annotate` then needs no mask.
        return_images: whether to return the image table as well.

    Returns:
        One row per cell as from `measure`, `image_id` and `class_label` in front, by ascending
        `image_id` and `label`; with `return_images`, that and the image table: one row per image,
        with the columns of `images.table` and `channel`, `quantile` (NaN if the threshold was
        given), `convention`, `height`, `width`, `threshold`, `background_area`, `cells`, and

        - `status`: "measured"; "no_background": measured, but no pixel has label 0, so there is no
          threshold; "no_mask", "no_image": there is no such file; "unusable": its id or its label
          is not unique, or the name of its file is not valid text; "failed"
        - `error`: why it was not measured
        - `warning`: what looked wrong although it was

    Raises:
        ValueError: no such channel, or a setting out of range. What is wrong with one image stands
            in the image table, and the others are measured.

    Warns:
        UserWarning: some images were not measured (unless `return_images`).
    """
    channel = _checked_channel(images, channel)
    exact = is_whole(images.channels)
    settings = Settings(
        channel, quantile, threshold, convention, max_pixels, rle, exact, images.parts
    )
    work = chunks(tasks(images, channel), jobs or default_jobs())
    chunk = chunk_measurer(settings)
    results = dict(
        run(chunk, work, jobs=jobs, executor=executor, progress=progress, description="measure")
    )
    ordered = [results[place] for place in range(len(work))]
    cells = concat([result[0] for result in ordered], settings.columns)
    outcomes = concat([result[1] for result in ordered], OUTCOME_COLUMNS)
    table = image_table(images, outcomes, settings)
    if return_images:
        return rename_columns(cells, columns), table
    failed = table[~table["status"].isin(MEASURED)]
    if len(failed):
        first = failed.iloc[0]
        of = f"of {count(len(table), 'image')}"
        warnings.warn(
            f"{count(len(failed), f'{of} was', f'{of} were')} not measured; the first is "
            f"{first['image_id']}: {first['error']} (return_images=True lists all)",
            stacklevel=2,
        )
    return rename_columns(cells, columns)


def measure_to(
    images: ImageSet,
    output: FilePath,
    channel: str | None = None,
    *,
    quantile: float = 0.99,
    threshold: float | None = None,
    convention: Convention = "cellsieve",
    columns: Vocabulary = "cellsieve",
    jobs: int | None = None,
    executor: Executor | None = None,
    progress: bool | None = None,
    max_pixels: int = MAX_PIXELS,
    rle: bool = False,
    resume: bool = False,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Measures every cell of a data set into a file; memory does not grow with the data.

    Beside the cells (`cells.parquet`) stands the image table (`cells.images.csv`), with the column
    `settings` besides: what the images were measured with, as JSON. What is measured
    is kept in `cells.parquet.parts` until all is; a run that was killed resumes from there.

    Args:
        images, channel, quantile, threshold, convention, jobs, executor, progress, max_pixels, rle:
            as for `measure_images`.
        output: .csv, .csv.gz or .parquet (needs the extra `parquet`).
        columns: names of the columns; see `rename_columns`. Other commands read "cellsieve".
        resume: take over what an earlier run, finished or not, has measured of the same files, and
            measure the rest; failed images are tried again. The files end the same, byte for byte,
            as those of an unbroken run. The settings must be those of the earlier run (`settings`
            in the image table), but for `max_pixels`.
        overwrite: remove what an earlier run has written and start over.

    Returns:
        The image table; see `measure_images`.

    Raises:
        FileExistsError: there is an earlier run's output, and neither `resume` nor `overwrite`.
        ValueError: `resume`, and the earlier run had other settings; the message names them.
        ValueError, OSError, ImportError: as `measure_images`, or the output can't be written.
    """
    channel = _checked_channel(images, channel)
    exact = is_whole(images.channels)
    settings = Settings(
        channel, quantile, threshold, convention, max_pixels, rle, exact, images.parts
    )
    path = images.path_column(channel)
    check_table(output)
    rename_columns(pd.DataFrame(columns=list(settings.columns)), columns)
    with Journal(
        output,
        settings.columns,
        IMAGE_COLUMNS,
        _asked(settings, columns),
        resume=resume,
        overwrite=overwrite,
    ) as journal:
        outcomes = run_tasks(
            journal,
            tasks(images, channel),
            chunk_measurer(settings),
            requests=lambda rows: _requests(rows, path, images.parts).where(
                rows["status"].isin(MEASURED)
            ),
            image_rows=lambda chunk, outcomes: image_table(
                images.take([task.row for task in chunk]), outcomes, settings
            ),
            jobs=jobs,
            executor=executor,
            progress=progress,
            description="measure",
        )
        table = image_table(images, outcomes, settings)
        journal.publish(table, columns)
    return table.drop(columns="part")


def _checked_channel(images: ImageSet, asked: str | None) -> str:
    """The channel to measure, once what no image could be measured without is known to be there."""
    if not isinstance(images, ImageSet):
        raise TypeError(f"images: found {type(images).__name__}; expected an ImageSet")
    channel = images.measured_channel(asked)
    for column in (MASK, images.path_column(channel)):
        check_libraries(images.table[column].dropna())
    return channel


class Task(NamedTuple):
    """One image to measure."""

    row: int
    image_id: str
    class_label: str | None
    mask: str
    image: str
    request: str
    parts: tuple[str, ...] = ()


def tasks(images: ImageSet, channel: str) -> list[Task]:
    """What can be measured, in the order of the images.

    Raises:
        ValueError: the set has no such channel.
    """
    path = images.path_column(channel)
    table = images.table[unusable(images, channel)["status"].isna()]
    requests = _requests(table, path, images.parts)
    said = table[list(images.parts)].astype(object).itertuples(index=False, name=None)
    table = table[["image_id", "class_label", MASK, path]].assign(request=requests)
    table = table.astype(object)
    rows = table.where(table.notna(), None).itertuples()
    return [Task(*row)._replace(parts=parts) for row, parts in zip(rows, said, strict=True)]


def chunk_measurer(settings: Settings) -> Chunk:
    """Measures some images."""
    return partial(
        do_chunk,
        do=partial(_measured, settings=settings),
        together=partial(_cells, settings=settings),
        outcome_columns=OUTCOME_COLUMNS,
    )


def _measured(task: Task, settings: Settings) -> Done:
    measured = measured_file(task.mask, task.image, settings)
    outcome = {
        "height": measured.shape[0],
        "width": measured.shape[1],
        "threshold": measured.threshold,
        "background_area": measured.background_area,
        "status": "measured",
        "warning": measured.warning,
    }
    if measured.threshold != measured.threshold:
        outcome |= {
            "status": "no_background",
            "warning": "no pixel lies outside the cells: no background",
        }
    return Done(measured, outcome=outcome)


def _cells(found: Sequence[tuple[Task, _core.Cells]], settings: Settings) -> pd.DataFrame:
    """One table for all: a table takes longer to make than a small image to measure."""
    cells = cell_table(*(measured for _, measured in found))
    counts = [len(measured) for _, measured in found]
    for place, name in enumerate(("image_id", "class_label", *settings.parts)):
        said = [(task.image_id, task.class_label, *task.parts)[place] for task, _ in found]
        values = np.repeat(np.array(said, dtype=object), counts)
        cells.insert(place, name, pd.Series(values, dtype="str"))
    return typed(cells, settings.columns)


def image_table(images: ImageSet, outcomes: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """One row per image: its files, the settings, what became of it."""
    table = images.table.drop(columns="problem")
    table["channel"] = settings.channel
    table["quantile"] = settings.quantile if settings.threshold is None else float("nan")
    table["convention"] = settings.convention
    known = [name for name in (*OUTCOME_COLUMNS, "part") if name in outcomes]
    table = table.merge(outcomes[known], on="image_id", how="left", validate="many_to_one")
    untried = unusable(images, str(settings.channel))
    for name in ("status", "error"):
        table[name] = untried[name].fillna(table[name]).astype("str")
    return table


def _asked(settings: Settings, columns: Vocabulary) -> dict[str, Any]:
    """What decides a cell table besides the files. Raising `max_pixels` changes no number."""
    given = settings.threshold
    return {
        "channel": str(settings.channel),
        "quantile": float(settings.quantile) if given is None else None,
        "threshold": None if given is None else float(given),
        "convention": settings.convention,
        "columns": columns,
        "rle": settings.rle,
    }


def _requests(table: pd.DataFrame, path: str, parts: Sequence[str]) -> "pd.Series[Any]":
    """What is asked of each image besides the settings: its files, its cells' class and parts."""
    asked = table.reindex(columns=["class_label", MASK, path, *parts]).astype(object).fillna("")
    texts = map("\0".join, asked.itertuples(index=False, name=None))
    return pd.Series(list(texts), index=table.index, dtype="str")
