"""The crops of one image, a file each."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve import _core
from cellsieve.export.crops.settings import Settings
from cellsieve.export.crops.windows import rectangles, windows_of
from cellsieve.export.source import OUTCOME_COLUMNS, Task, path_of, places, read_channels
from cellsieve.io.places import atomic, place
from cellsieve.io.readers import read_mask
from cellsieve.run.tasks import Done
from cellsieve.schema.cells import BOX
from cellsieve.schema.choices import CropKind

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

#: What became of an image: `cut` of its crops don't show all of their cell.
CROPPED_COLUMNS = OUTCOME_COLUMNS | {"cut": "Int64"}


@dataclass(frozen=True)
class Cropper:
    """The crops of one image."""

    settings: Settings
    class_names: dict[str, str]

    def __call__(self, task: Task) -> Done:
        """Rows of the index, and what writes the files."""
        rows, contents = self.cut(task)
        return Done(rows, partial(self._write, rows["path"].tolist(), contents), said_of(rows))

    def files(self, task: Task) -> list[str]:
        """Where its crops go."""
        return self._names(task, self.settings.kind)

    def cut(self, task: Task) -> tuple[pd.DataFrame, Sequence[bytes | memoryview]]:
        """Rows of the index, and for each the content of its file."""
        settings = self.settings
        mask = read_mask(task.mask, max_pixels=settings.max_pixels, shape=task.shape)
        places(task, _core.measure(mask))
        channels = read_channels(task, settings.channels, settings.max_pixels)
        windows = windows_of(task.boxes, settings.size, settings.fit)
        pngs = settings.kind in ("png", "tar")
        if channels[0].dtype == np.float32 or len(channels) not in (1, 3, 4):
            pngs = False
            if settings.kind == "png":
                raise ValueError(
                    f"{path_of(task, settings.channels[0])}: has float32 pixels, which a PNG file "
                    "can't hold; kind 'npz' can"
                )
        rows = self._rows(task, windows, _extension(settings.kind, pngs))
        cuts = (task.labels.tolist(), rectangles(windows), settings.keep, settings.size)
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
        folder = place(self.settings.output)
        # A table with a row for each class of a cell has the cell several times.
        for name, content in dict(zip(paths, contents, strict=True)).items():
            path = folder / name
            if self.settings.folders:
                path.parent.mkdir(exist_ok=True)
            with atomic(path) as temporary:
                temporary.write_bytes(content)


def said_of(rows: pd.DataFrame) -> dict[str, int]:
    """What the image table says of the crops of an image besides their number."""
    return {"cut": int(rows["cut"].sum())}


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
