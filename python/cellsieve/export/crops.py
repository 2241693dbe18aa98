"""Clean cells as pictures of their own, and as a data set to train on."""

import io
import json
import os
import re
import tarfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellsieve import _core
from cellsieve.export.names import safe_names
from cellsieve.export.source import (
    OUTCOME_COLUMNS,
    Cleaned,
    Task,
    channels_of,
    check_apart,
    check_channels,
    chunk_of,
    digest,
    path_of,
    places,
    read_channels,
    read_cleaned,
    requested,
)
from cellsieve.io.arrays import native
from cellsieve.io.readers import MAX_PIXELS, read_image, read_mask
from cellsieve.io.tables import atomic, read_csv
from cellsieve.run.folders import INDEX, FolderJournal, check_originals
from cellsieve.run.tasks import Done, run_tasks
from cellsieve.schema.cells import BOX
from cellsieve.schema.choices import CropKind, Fit, Keep, check_choice
from cellsieve.schema.labels import natural
from cellsieve.schema.types import FilePath

SHARD_CELLS = 1000

#: What a crop, or a shard of them, is called.
WRITTEN = re.compile(r".+_[0-9]+\.(png|npz|npy)|shard-[0-9]+\.tar", re.DOTALL)

#: The index: where each crop is and what it shows.
INDEX_COLUMNS = {
    "path": "str",
    "image_id": "str",
    "label": "int64",
    "class_label": "str",
    **dict.fromkeys(BOX, "int64"),
    "row": "int64",
    "col": "int64",
    "rows": "int64",
    "cols": "int64",
    "scale_y": "float64",
    "scale_x": "float64",
    "cut": "bool",
}


@dataclass(frozen=True)
class Settings:
    """What decides the crops of an image, besides its cells."""

    output: str
    channels: tuple[str, ...]
    size: tuple[int, int] | None
    fit: Fit
    keep: Keep
    kind: CropKind
    folders: bool
    max_pixels: int

    def __post_init__(self) -> None:
        """Refuses choices that are none."""
        check_choice("fit", self.fit, Fit)
        check_choice("keep", self.keep, Keep)
        check_choice("kind", self.kind, CropKind)
        if self.size is not None and not all(0 < side <= 2**15 for side in self.size):
            raise ValueError(f"size: found {self.size}; expected 1 to 32,768 pixels a side")
        if self.size is None and self.fit != "cut":
            raise ValueError(f"fit: {self.fit!r} needs a size to fit the cells into")
        if self.kind == "png" and len(self.channels) not in (1, 3, 4):
            raise ValueError(
                f"channels: found {len(self.channels)} ({', '.join(self.channels)}); a PNG file "
                "holds 1, 3 or 4; kinds 'npz' and 'npy' hold any number"
            )
        if self.kind == "tar" and self.folders:
            raise ValueError("folders: shards hold no folders; each crop's .json has its class")


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
        resume: go on where an earlier run stopped, with the same settings (`settings` in the image
            table; `max_pixels` may differ).
        overwrite: remove what an earlier run has written and start over.

    Returns:
        The image table, as from `annotate`; also written as `index.images.csv`. `index.csv` has a
        row a crop, by ascending `image_id` and `label`:

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
    folder = Path(output)
    cleaned = read_cleaned(table, images, root, all_cells=all_cells)
    asked = tuple(channels) if channels is not None else _default_channels(cleaned)
    check_channels(cleaned, asked)
    settings = Settings(
        os.fspath(output),
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
        tasks = _chosen(tasks, per_class, balance, seed)
    tasks = requested(tasks)
    if kind == "tar":
        tasks = _sharded(tasks, shard_cells)
    class_names = safe_names(
        {text for task in tasks for text in task.classes.tolist() if text is not None}
    )
    cropper = Cropper(settings, class_names if folders else {})

    with FolderJournal(
        folder,
        INDEX_COLUMNS,
        OUTCOME_COLUMNS,
        {
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
        },
        (name for task in tasks for name in cropper.files(task)),
        WRITTEN,
        resume=resume,
        overwrite=overwrite,
    ) as journal:
        options: dict[str, Any] = {}
        chunk = chunk_of(cropper, INDEX_COLUMNS)
        if kind == "tar":
            chunk = cropper.shard
            options["cut"] = partial(_whole_shards, tasks)
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


def cut_cells(
    mask: ArrayLike,
    channels: Sequence[ArrayLike],
    cells: pd.DataFrame,
    *,
    size: int | tuple[int, int] | None = None,
    fit: Fit = "cut",
    keep: Keep = "cell",
) -> list[NDArray[Any]]:
    """Cuts cells out of one image that is in memory.

    Args:
        mask: label image, shape (rows, columns), as for `measure`.
        channels: arrays of the same shape and of one dtype: uint8, uint16 or float32.
        cells: a row a cell, with the columns `label`, `min_row`, `min_col`, `max_row` and `max_col`
            that `measure` gives.
        size, fit, keep: as for `crops`.

    Returns:
        An array a row, of shape (rows, columns, channels) and the dtype of the channels.

    Raises:
        TypeError: another dtype, or channels of several.
        ValueError: shapes that differ, no channels, a choice that is none.
    """
    names = tuple(map(str, range(len(channels))))
    sides = (size, size) if isinstance(size, int) else size
    settings = Settings("", names, sides, fit, keep, "npz", False, MAX_PIXELS)
    windows = _rectangles(_windows(cells[BOX].to_numpy(np.int64), sides, fit))
    images = [native(channel) for channel in channels]
    labels = cells["label"].to_numpy(np.int64).tolist()
    return _core.crops(native(mask), images, labels, windows, settings.keep, settings.size)


@dataclass(frozen=True)
class Cropper:
    """The crops of one image."""

    settings: Settings
    class_names: dict[str, str]

    def __call__(self, task: Task) -> Done:
        """Rows of the index, and what writes the files."""
        rows, contents = self.cut(task)
        return Done(rows, partial(self._write, rows["path"].tolist(), contents))

    def files(self, task: Task) -> list[str]:
        """Where its crops go."""
        if self.settings.kind == "tar":
            return [_shard_name(task.shard)]
        return self._names(task, self.settings.kind)

    def cut(self, task: Task) -> tuple[pd.DataFrame, Sequence[bytes | memoryview]]:
        """Rows of the index, and for each the content of its file."""
        settings = self.settings
        mask = read_mask(task.mask, max_pixels=settings.max_pixels)
        places(task, _core.measure(mask))
        channels = read_channels(task, settings.channels, settings.max_pixels)
        windows = _windows(task.boxes, settings.size, settings.fit)
        pngs = settings.kind in ("png", "tar")
        if channels[0].dtype == np.float32 or len(channels) not in (1, 3, 4):
            pngs = False
            if settings.kind == "png":
                raise ValueError(
                    f"{path_of(task, settings.channels[0])}: has float32 pixels, which a PNG file "
                    "can't hold; kind 'npz' can"
                )
        rows = self._rows(task, windows, _extension(settings.kind, pngs))
        cuts = (task.labels.tolist(), _rectangles(windows), settings.keep, settings.size)
        if pngs:
            return rows, _core.crop_pngs(mask, channels, *cuts)
        encode = _npz if settings.kind == "npz" else _npy
        return rows, [encode(picture) for picture in _core.crops(mask, channels, *cuts)]

    def _names(self, task: Task, extension: str) -> list[str]:
        names = [f"{task.name}_{label}.{extension}" for label in task.labels.tolist()]
        if not self.settings.folders:
            return names
        classes = [self.class_names.get(text, "no_label") for text in task.classes.tolist()]
        return [f"{of}/{name}" for of, name in zip(classes, names, strict=True)]

    def _rows(self, task: Task, windows: NDArray[np.int64], extension: str) -> pd.DataFrame:
        settings = self.settings
        shown = np.concatenate([windows[:, :2], windows[:, :2] + windows[:, 2:]], axis=1)
        beyond = (shown[:, :2] > task.boxes[:, :2]) | (shown[:, 2:] < task.boxes[:, 2:])
        size = windows[:, 2:] if settings.fit == "cut" else np.array(settings.size)
        scale = size / windows[:, 2:]
        return pd.DataFrame(
            {
                "path": self._names(task, extension),
                "image_id": task.image_id,
                "label": task.labels,
                "class_label": task.classes,
                **{name: task.boxes[:, place] for place, name in enumerate(BOX)},
                "row": windows[:, 0],
                "col": windows[:, 1],
                "rows": windows[:, 2],
                "cols": windows[:, 3],
                "scale_y": scale[:, 0],
                "scale_x": scale[:, 1],
                "cut": beyond.any(axis=1),
            }
        )

    def _write(self, paths: list[str], contents: Sequence[bytes | memoryview]) -> None:
        folder = Path(self.settings.output)
        # A table with a row for each class of a cell has the cell several times.
        for name, content in dict(zip(paths, contents, strict=True)).items():
            path = folder / name
            if self.settings.folders:
                path.parent.mkdir(exist_ok=True)
            with atomic(path) as temporary:
                temporary.write_bytes(content)

    def shard(self, work: Sequence[Task]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """A shard of these images; an image at a time is in memory."""
        name = _shard_name(work[0].shard)
        path = Path(self.settings.output) / name
        with (
            atomic(path) as temporary,
            tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as tar,
        ):
            rows, outcomes = chunk_of(partial(self._into, name, tar), INDEX_COLUMNS)(work)
        if rows.empty:  # readers of shards take an empty one for a mistake
            path.unlink()
        return rows, outcomes

    def _into(self, shard: str, tar: tarfile.TarFile, task: Task) -> Done:
        rows, contents = self.cut(task)
        members = rows["path"].tolist()
        rows["path"] = shard + "/" + rows["path"]
        classes = rows.groupby("label")["class_label"].agg(_joined)

        def write() -> None:
            written: set[str] = set()
            for member, content, row in zip(
                members, contents, rows.to_dict("records"), strict=True
            ):
                if member in written:
                    continue
                written.add(member)
                about = {str(name): value for name, value in row.items() if name != "path"}
                about["class_label"] = classes[row["label"]]
                about["channels"] = self.settings.channels
                key = member.rpartition(".")[0]
                _add(tar, member, content)
                _add(tar, f"{key}.json", json.dumps(about).encode("ascii"))

        return Done(rows, write)


class CellCrops:
    """The crops of a folder as a map-style data set, as PyTorch's `DataLoader` takes it.

    Args:
        folder: what `crops` wrote, of kind "png", "npz" or "npy".
        transform: a function of the array, as to augment it; what it returns takes its place.

    `len(data)` is the number of crops, and `data[i]` the array, of shape (channels, rows, columns)
    and the dtype of the images, with the class label as text ("" where there is none).
    `data.index` is the table, `data.classes` the class labels, whole numbers in their order first.

    Reading is thread-safe and needs no open file, so workers of any kind will do. Crops of one size
    can be batched as they are.

    Raises:
        OSError: there is no index in the folder, or (on reading) no such crop.
        ValueError: the crops are in shards, which a streaming reader takes (as the package
            webdataset).
        IndexError: on reading, `i` is beyond the end.
    """

    def __init__(
        self, folder: FilePath, transform: Callable[[NDArray[Any]], Any] | None = None
    ) -> None:
        self.folder = Path(folder)
        self.transform = transform
        index = read_csv(self.folder / INDEX, text=("path", "image_id", "class_label"))
        if index["path"].str.startswith("shard-").any() and index["path"].str.contains("/").any():
            raise ValueError(
                f"{self.folder}: holds shards, which are read one after the other (as by the "
                "package webdataset); crops of the other kinds can be had by number"
            )
        self.index = index
        self.classes: list[str] = sorted(index["class_label"].dropna().unique(), key=natural)
        self._paths: list[str] = index["path"].tolist()
        self._labels: list[str] = index["class_label"].fillna("").tolist()

    def __len__(self) -> int:
        """The number of crops."""
        return len(self._paths)

    def __getitem__(self, i: int) -> tuple[Any, str]:
        """A crop and its class label."""
        path = self.folder / self._paths[i]
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                image: NDArray[Any] = file["image"]
        elif path.suffix == ".npy":
            image = np.load(path, allow_pickle=False)
        else:
            image = read_image(path)
        image = image[None] if image.ndim == 2 else np.moveaxis(image, 2, 0)
        image = np.ascontiguousarray(image)
        return (self.transform(image) if self.transform else image), self._labels[i]


def _default_channels(cleaned: Cleaned) -> tuple[str, ...]:
    known = channels_of(cleaned)
    if {"red", "green", "blue"} <= set(known):
        return "red", "green", "blue"
    return (cleaned.channel or "",)


def _rectangles(windows: NDArray[np.int64]) -> list[tuple[int, int, int, int]]:
    return [(row, column, rows, columns) for row, column, rows, columns in windows.tolist()]


def _windows(boxes: NDArray[np.int64], size: tuple[int, int] | None, fit: Fit) -> NDArray[np.int64]:
    """First row, first column, rows and columns of what each crop shows."""
    corners, sides = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    if size is None or fit == "stretch":
        return np.concatenate([corners, sides], axis=1)
    shown = np.broadcast_to(np.array(size), sides.shape)
    if fit == "shrink":
        # How many times too large a cell is, in the direction where it is more so.
        excess = np.maximum(1.0, (sides / shown).max(axis=1, keepdims=True))
        shown = np.ceil(shown * excess - 1e-9).astype(np.int64)
    return np.concatenate([(2 * corners + sides - shown) // 2, shown], axis=1)


def _chosen(tasks: list[Task], per_class: int | None, balance: bool, seed: int) -> list[Task]:
    """The tasks with some of their cells: so many of each class, by chance."""
    if per_class is not None and per_class < 1:
        raise ValueError(f"per_class: found {per_class}; expected at least 1")
    classes = pd.Series([text for task in tasks for text in task.classes.tolist()]).fillna("")
    counts = classes.value_counts()
    most = min([*([per_class] if per_class else []), *([int(counts.min())] if balance else [])])
    shuffled = classes.sample(frac=1, random_state=np.random.default_rng(seed))
    chosen = np.zeros(len(classes), dtype=bool)
    chosen[shuffled.groupby(shuffled).head(most).index] = True
    kept, start = [], 0
    for task in tasks:
        mine = chosen[start : start + len(task.labels)]
        start += len(task.labels)
        if mine.any():
            kept.append(
                task._replace(
                    labels=task.labels[mine],
                    boxes=task.boxes[mine],
                    areas=task.areas[mine],
                    classes=task.classes[mine],
                )
            )
    return kept


def _sharded(tasks: list[Task], most: int) -> list[Task]:
    """The tasks with the number of their shard; they are done again where any of its images is."""
    if most < 1:
        raise ValueError(f"shard_cells: found {most}; expected at least 1")
    placed, shard, cells = [], 0, 0
    for task in tasks:
        if cells >= most:
            shard, cells = shard + 1, 0
        cells += len(task.labels)
        placed.append(task._replace(shard=shard))
    contents: dict[int, list[str]] = {}
    for task in placed:
        contents.setdefault(task.shard, []).append(task.request)
    whole = {shard: digest(shard, requests) for shard, requests in contents.items()}
    return [task._replace(request=whole[task.shard]) for task in placed]


def _shard_name(shard: int) -> str:
    return f"shard-{shard:06d}.tar"


def _whole_shards(tasks: Sequence[Task], todo: Sequence[Task], _: int) -> list[Sequence[Task]]:
    """The shards that are not finished, each with all its images."""
    unfinished = {task.shard for task in todo}
    shards: dict[int, list[Task]] = {}
    for task in tasks:
        if task.shard in unfinished:
            shards.setdefault(task.shard, []).append(task)
    return list(shards.values())


def _joined(classes: "pd.Series[Any]") -> str | None:
    known = classes.dropna().unique().tolist()
    return "|".join(known) if known else None


def _add(tar: tarfile.TarFile, name: str, content: bytes | memoryview) -> None:
    member = tarfile.TarInfo(name)  # without time and owner: they would differ from run to run
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _extension(kind: CropKind, pngs: bool) -> str:
    """Shards hold .npy where a PNG can't hold the crops."""
    return kind if kind != "tar" else "png" if pngs else "npy"


def _npz(picture: NDArray[Any]) -> memoryview:
    file = io.BytesIO()
    np.savez(file, image=picture)
    return file.getbuffer()


def _npy(picture: NDArray[Any]) -> memoryview:
    file = io.BytesIO()
    np.save(file, picture)
    return file.getbuffer()
