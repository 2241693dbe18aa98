"""Cells of a data set: every image measured, in parallel, in memory or to disk."""

import warnings
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import pandas as pd

from cellsieve.cells.image import measured_files, with_compartments
from cellsieve.cells.own import Function, split
from cellsieve.cells.settings import Settings, listed
from cellsieve.cells.table import Found, cell_table, image_values
from cellsieve.io.channels import check_known
from cellsieve.io.image_set import ImageSet, unusable
from cellsieve.io.image_table import images_listing
from cellsieve.io.readers import MAX_PIXELS, check_libraries
from cellsieve.io.tables import check_table, concat, typed
from cellsieve.io.vocabulary import rename_columns
from cellsieve.run.journal import SHARD, Journal
from cellsieve.run.parallel import chunks, run, workers_of
from cellsieve.run.tasks import Chunk, Done, do_chunk, run_tasks
from cellsieve.schema.choices import Convention, Vocabulary
from cellsieve.schema.images import MASK, MEASURED, NUCLEI, WHOLE, is_whole
from cellsieve.schema.record import Record, extended, step, with_record
from cellsieve.schema.text import STRING
from cellsieve.schema.types import FilePath
from cellsieve.schema.words import count

#: What became of an image; its image table has the columns of its `ImageSet` and the settings too.
OUTCOME_COLUMNS = {
    "image_id": "str",
    "height": "Int64",
    "width": "Int64",
    "cells": "Int64",
    "status": "str",
    "error": "str",
    "warning": "str",
}


def outcome_columns(settings: Settings) -> dict[str, str]:
    """These columns, with what is measured of an image between its size and its cells."""
    measured = settings.image_columns | {"background_area": "Int64"}
    size = {name: OUTCOME_COLUMNS[name] for name in ("image_id", "height", "width")}
    return size | measured | OUTCOME_COLUMNS


def image_columns(settings: Settings) -> dict[str, str]:
    """The columns of the image table whose types are known, whatever its files."""
    return {"quantile": "float64", **outcome_columns(settings)}


#: One channel, several, or none named.
Channels = str | Sequence[str] | None


@overload
def measure_images(
    images: ImageSet,
    channels: Channels = None,
    *,
    properties: Sequence[str | Function] = (),
    compartments: bool = False,
    quantile: float = 0.99,
    threshold: float | None = None,
    max_value: float | None = None,
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
    channels: Channels = None,
    *,
    properties: Sequence[str | Function] = (),
    compartments: bool = False,
    quantile: float = 0.99,
    threshold: float | None = None,
    max_value: float | None = None,
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
    channels: Channels = None,
    *,
    properties: Sequence[str | Function] = (),
    compartments: bool = False,
    quantile: float = 0.99,
    threshold: float | None = None,
    max_value: float | None = None,
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
    channels: Channels = None,
    *,
    properties: Sequence[str | Function] = (),
    compartments: bool = False,
    quantile: float = 0.99,
    threshold: float | None = None,
    max_value: float | None = None,
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
        channels: the channel to measure, or several; may be left out where there is only one. No
            other files are read. Of several, each column that there is one of per channel ends in
            "_" and the channel's name.
        properties, compartments, quantile, threshold, max_value, convention, columns: as for
            `measure`; nuclei are those of `images`.
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
    settings = _settings(
        images,
        channels,
        properties=properties,
        compartments=compartments,
        quantile=quantile,
        threshold=threshold,
        max_value=max_value,
        convention=convention,
        max_pixels=max_pixels,
        rle=rle,
    )
    work = chunks(tasks(images, settings), workers_of(jobs, executor))
    chunk = chunk_measurer(settings)
    results = dict(
        run(chunk, work, jobs=jobs, executor=executor, progress=progress, description="measure")
    )
    ordered = [results[place] for place in range(len(work))]
    cells = concat([result[0] for result in ordered], settings.columns_of_set)
    outcomes = concat([result[1] for result in ordered], outcome_columns(settings))
    table = image_table(images, outcomes, settings)
    cells = with_record(rename_columns(cells, columns), _record(images, settings, columns))
    if return_images:
        return cells, table
    failed = table[~table["status"].isin(MEASURED)]
    if len(failed):
        first = failed.iloc[0]
        of = f"of {count(len(table), 'image')}"
        warnings.warn(
            f"{count(len(failed), f'{of} was', f'{of} were')} not measured; the first is "
            f"{first['image_id']}: {first['error']} (return_images=True lists all)",
            stacklevel=2,
        )
    return cells


def measure_to(
    images: ImageSet,
    output: FilePath,
    channels: Channels = None,
    *,
    properties: Sequence[str | Function] = (),
    compartments: bool = False,
    quantile: float = 0.99,
    threshold: float | None = None,
    max_value: float | None = None,
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
    settings = _settings(
        images,
        channels,
        properties=properties,
        compartments=compartments,
        quantile=quantile,
        threshold=threshold,
        max_value=max_value,
        convention=convention,
        max_pixels=max_pixels,
        rle=rle,
    )
    check_table(output)
    rename_columns(pd.DataFrame(columns=list(settings.columns_of_set)), columns)
    with Journal(
        output,
        settings.columns_of_set,
        image_columns(settings),
        _asked(settings, columns, images.shard),
        _record(images, settings, columns),
        resume=resume,
        overwrite=overwrite,
    ) as journal:
        outcomes = run_tasks(
            journal,
            tasks(images, settings),
            chunk_measurer(settings),
            requests=lambda rows: _requests(rows, images, settings).where(
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


def _settings(
    images: ImageSet,
    channels: Channels,
    *,
    properties: Sequence[str | Function],
    compartments: bool,
    **others: Any,
) -> Settings:
    """The settings, once what no image could be measured without is known to be there."""
    if not isinstance(images, ImageSet):
        raise TypeError(f"images: found {type(images).__name__}; expected an ImageSet")
    names, own = split(properties)
    measured = images.measured_channels(channels)
    settings = Settings(
        tuple(measured),
        exact=is_whole(images.channels),
        properties=with_compartments(names, compartments),
        own=own,
        nuclei=images.has_nuclei,
        parts=images.parts,
        **others,
    )
    for column in _files(images, settings):
        check_libraries(images.table[column].dropna())
    if channels and settings.exact:
        files = images.table.loc[images.table["problem"].isna(), images.path_column(WHOLE)]
        check_known(measured, images.channels, files.dropna(), settings.max_pixels)
    return settings


def _files(images: ImageSet, settings: Settings) -> list[str]:
    """The columns of the files that are read of each image."""
    nuclei = [NUCLEI] if reads_nuclei(settings) else []
    return [MASK, *nuclei, *_channel_files(images, settings)]


def _channel_files(images: ImageSet, settings: Settings) -> list[str]:
    """The column of the files of each channel."""
    return [images.path_column(str(channel)) for channel in settings.channels]


def reads_nuclei(settings: Settings) -> bool:
    """Whether anything is measured that needs the nuclei."""
    return any(measure.needs == "nuclei" for measure in settings.measures)


class Task(NamedTuple):
    """One image to measure."""

    row: int
    image_id: str
    class_label: str | None
    mask: str
    nuclei: str | None
    images: list[str]  # the file of each channel
    request: str
    parts: tuple[str, ...] = ()


def tasks(images: ImageSet, settings: Settings) -> list[Task]:
    """What can be measured, in the order of the images."""
    table = images.table[_unusable(images, settings)["status"].isna()]
    labels = table["class_label"].astype(object).where(table["class_label"].notna(), None)
    nuclei = table[NUCLEI].tolist() if reads_nuclei(settings) else [None] * len(table)
    channels = table[_channel_files(images, settings)].astype(object).to_numpy()
    parts = table[list(images.parts)].astype(object).to_numpy()
    columns = (
        table.index,
        table["image_id"],
        labels,
        table[MASK],
        nuclei,
        channels.tolist(),
        _requests(table, images, settings),
        map(tuple, parts.tolist()),
    )
    return [Task(*row) for row in zip(*columns, strict=True)]


def _unusable(images: ImageSet, settings: Settings) -> pd.DataFrame:
    return unusable(
        images, [str(each) for each in settings.channels], nuclei=reads_nuclei(settings)
    )


def chunk_measurer(settings: Settings) -> Chunk:
    """Measures some images."""
    return partial(
        do_chunk,
        do=partial(_measured, settings=settings),
        reads=_read,
        together=partial(_cells, settings=settings),
        outcome_columns=outcome_columns(settings),
    )


def _read(task: Task) -> list[str]:
    nuclei = [] if task.nuclei is None else [task.nuclei]
    return [*task.images, task.mask, *nuclei]


def _measured(task: Task, settings: Settings) -> Done:
    found = measured_files(task.mask, task.images, settings, task.nuclei)
    height, width = found.cells.shape
    outcome: dict[str, Any] = {
        "height": height,
        "width": width,
        **image_values(found, settings),
        "status": "measured",
        "warning": found.warning,
    }
    if any(channel.threshold != channel.threshold for channel in found.cells.channels):
        outcome |= {
            "status": "no_background",
            "warning": "no pixel lies outside the cells: no background",
        }
    return Done(found, outcome=outcome)


def _cells(found: Sequence[tuple[Task, Found]], settings: Settings) -> pd.DataFrame:
    """One table for all: a table takes longer to make than a small image to measure."""
    cells = cell_table([each for _, each in found], settings)
    counts = [len(each) for _, each in found]
    for place, name in enumerate(("image_id", "class_label", *settings.parts)):
        said = [(task.image_id, task.class_label, *task.parts)[place] for task, _ in found]
        values = np.repeat(np.array(said, dtype=object), counts)
        cells.insert(place, name, pd.Series(values, dtype=STRING))
    return typed(cells, settings.columns_of_set)


def image_table(images: ImageSet, outcomes: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """One row per image: its files, the settings, what became of it."""
    table = images.table.drop(columns="problem")
    table["channel"] = listed(settings.channels)
    table["quantile"] = settings.quantile if settings.threshold is None else float("nan")
    table["convention"] = settings.convention
    known = [name for name in (*outcome_columns(settings), "part") if name in outcomes]
    table = table.merge(outcomes[known], on="image_id", how="left", validate="many_to_one")
    untried = _unusable(images, settings)
    for name in ("status", "error"):
        table[name] = untried[name].fillna(table[name]).astype(STRING)
    return table


def _asked(settings: Settings, columns: Vocabulary, shard: str | None) -> dict[str, Any]:
    """What decides a cell table besides the files. Raising `max_pixels` changes no number."""
    given = settings.threshold
    return {
        "channel": listed(settings.channels),
        "quantile": float(settings.quantile) if given is None else None,
        "threshold": None if given is None else float(given),
        "convention": settings.convention,
        "columns": columns,
        "rle": settings.rle,
        "properties": [measure.name for measure in settings.asked]
        + [name for own in settings.own for name in own.columns],
        "max_value": None if settings.max_value is None else float(settings.max_value),
        **({} if shard is None else {SHARD: shard}),
    }


def _record(images: ImageSet, settings: Settings, columns: Vocabulary) -> Record:
    """How the table of these images is made."""
    asked = _asked(settings, columns, images.shard)
    return extended(None, step("measure", asked, images_listing(images.table)))


def _requests(table: pd.DataFrame, images: ImageSet, settings: Settings) -> "pd.Series[Any]":
    """What is asked of each image besides the settings: its files, its cells' class and parts."""
    names = ["class_label", *_files(images, settings), *images.parts]
    asked = table.reindex(columns=names).astype(object).fillna("")
    texts = map("\0".join, asked.itertuples(index=False, name=None))
    return pd.Series(list(texts), index=table.index, dtype=STRING)
