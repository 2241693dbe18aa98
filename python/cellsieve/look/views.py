"""Cells as pictures: their pixels read again, in colour, with an outline."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.io.extras import require
from cellsieve.io.image_set import ImageSet
from cellsieve.io.image_table import read_image_table
from cellsieve.io.readers import read_image, read_mask
from cellsieve.look.colours import Colours, compose, contrast, default_channels
from cellsieve.run.parallel import default_jobs, run
from cellsieve.schema.choices import Neighbours, check_choice
from cellsieve.schema.images import (
    MASK,
    WHOLE,
    channel_files,
    channel_names,
    check_known,
    is_whole,
    measured_channels,
)
from cellsieve.schema.keys import check_images
from cellsieve.schema.types import FilePath, Table

Finished = TypeVar("Finished")

OUTLINE = (255, 255, 255)
OUTLINE_ON_GRAY = (255, 176, 0)  # where white would be lost
DIM = 0.3
MARGIN = 0.08  # how much around a cell's box is shown, in parts of its longer side
QUALITY = 80  # of WebP files


@dataclass(frozen=True)
class Look:
    """How cells are drawn.

    Attributes:
        channels: the channels, each in the colour it is named after, otherwise gray; by default
            those of red, green and blue that exist, or else the measured one.
        neighbours: pixels of other cells: "dim", "blank" (black) or "show".
        outline: whether the cell is outlined.
        side: pictures are shrunk to this many pixels, or enlarged by a whole factor.
    """

    channels: tuple[str, ...] | None = None
    neighbours: Neighbours = "dim"
    outline: bool = True
    side: int = 256

    def __post_init__(self) -> None:
        """Refuses what nothing can be drawn with."""
        check_choice("neighbours", self.neighbours, Neighbours)
        if self.side < 8:
            raise ValueError(f"side: found {self.side}; expected at least 8 pixels")


class Picture(NamedTuple, Generic[Finished]):
    """A cell's picture, or why there is none."""

    made: Finished | None
    problem: str = ""


class _Image(NamedTuple):
    """One image to open: its files, and the cells to cut from it."""

    image_id: str
    mask: str
    channels: tuple[tuple[str, str], ...]  # name and file
    measured: str | None  # the measured channel, where one file holds several
    cells: tuple[tuple[int, int, tuple[int, int, int, int]], ...]  # row of the table, label, box
    shape: tuple[int, int] | None  # where the image table says it


def pictures(
    cells: pd.DataFrame,
    images: pd.DataFrame,
    look: Look,
    finish: Callable[[Colours], Finished],
    *,
    jobs: int | None = None,
    progress: bool | None = False,
) -> list[Picture[Finished]]:
    """A picture of every row of a cell table, in its order.

    Each image is decoded once, whatever the number of its cells, and only a few are in memory at a
    time: what is kept is what `finish` makes of each cell.

    Args:
        cells: rows of a cell table.
        images: the image table.
        look: how cells are drawn.
        finish: what becomes of each picture, uint8 of shape (rows, columns, 3), in the thread
            that made it.
        jobs, progress: as for `cellsieve.run.parallel.run`.

    What is wrong with an image (its file is gone) is stated in place of its cells' pictures.

    Raises:
        ValueError: a requested channel that no image has.
    """
    made: list[Picture[Finished]] = [Picture(None, "")] * len(cells)
    work = []
    by_id = images.assign(image_id=images["image_id"].astype("str"))
    by_id = by_id.drop_duplicates("image_id").set_index("image_id")
    check_known(look.channels or (), channel_names(by_id.columns))
    defaults = default_channels(by_id)
    boxes = cells[["min_row", "min_col", "max_row", "max_col"]].to_numpy(np.int64).tolist()
    labels = cells["label"].to_numpy(np.int64).tolist()
    groups: dict[str, list[int]] = {}
    for row, image_id in enumerate(cells["image_id"].astype("str").tolist()):
        groups.setdefault(image_id, []).append(row)
    for image_id, rows in groups.items():
        wanted = tuple((row, labels[row], tuple(boxes[row])) for row in rows)
        try:
            work.append([_image(image_id, by_id, look, defaults, wanted)])
        except ValueError as error:
            for row in rows:
                made[row] = Picture(None, str(error))
    task = partial(_draw_image, look=look, finish=finish)
    # One image per task: decoding takes long enough, and fewer images are in memory at a time.
    for _, drawn in run(
        task,
        work,
        jobs=jobs or default_jobs(),
        progress=progress,
        description="pictures",
    ):
        for row, picture in drawn:
            made[row] = picture
    return made


def image_table(images: "ImageSet | Table", root: FilePath | None = None) -> pd.DataFrame:
    """The table of a data set's files, however it is given; of an `ImageSet`, what can be used.

    Raises:
        OSError: as `read_image_table`.
        ValueError: as `read_image_table`, or duplicate ids.
    """
    if isinstance(images, ImageSet):
        return images.table[images.table["problem"].isna()]
    if isinstance(images, pd.DataFrame):
        table, name = images, "images"
    else:
        table, name = read_image_table(images, root), str(images)
    check_images(table, name)
    return table


def _image(
    image_id: str,
    by_id: pd.DataFrame,
    look: Look,
    defaults: tuple[str, ...],
    cells: tuple[Any, ...],
) -> _Image:
    if image_id not in by_id.index:
        raise ValueError(f"image {image_id} is not in the image table")
    row: pd.Series[Any] = by_id.loc[[image_id]].iloc[0]
    paths = channel_files(row)
    if pd.isna(row.get(MASK)) or not paths:
        raise ValueError(f"image {image_id}: the image table names no mask or no channel")
    measured = next(iter(measured_channels(by_id.loc[[image_id]])), None)
    known = pd.notna(row.get("height")) and pd.notna(row.get("width"))
    shape = (int(row["height"]), int(row["width"])) if known else None
    if is_whole(paths):
        return _Image(image_id, str(row[MASK]), ((WHOLE, paths[WHOLE]),), measured, cells, shape)
    names = look.channels or tuple(name for name in defaults if name in paths) or tuple(paths)[:1]
    missing = [name for name in names if name not in paths]
    if missing:
        raise ValueError(f"image {image_id}: has no channel {', '.join(missing)}")
    channels = tuple((name, paths[name]) for name in names)
    return _Image(image_id, str(row[MASK]), channels, None, cells, shape)


def _draw_image(
    work: Sequence[_Image], look: Look, finish: Callable[[Colours], Finished]
) -> list[tuple[int, Picture[Finished]]]:
    """The pictures of one image's cells."""
    [image] = work
    try:
        mask = read_mask(image.mask, shape=image.shape)
        planes = [(name, *_plane(path, image, mask.shape)) for name, path in image.channels]
    except Exception as error:  # whatever is wrong with one image, the others are drawn
        text = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, OSError) and error.strerror:
            text = f"{error.filename}: {error.strerror}"
        return [(row, Picture(None, text)) for row, _, _ in image.cells]
    drawn: list[tuple[int, Picture[Finished]]] = []
    for row, label, box in image.cells:
        window = _window(box, mask.shape)
        own = mask[window] == label
        if not own.any():
            problem = f"{Path(image.mask).name}: no cell {label} in its box; has the mask changed?"
            drawn.append((row, Picture(None, problem)))
            continue
        others = (mask[window] != 0) & ~own
        colours = compose([(name, plane[window], ends) for name, plane, ends in planes])
        drawn.append((row, Picture(finish(draw_cell(colours, own, others, look)))))
    return drawn


def _plane(
    path: str, image: _Image, shape: tuple[int, ...]
) -> tuple[NDArray[Any], tuple[float, float]]:
    """A channel (or a whole colour image), and the values shown as black and as full colour."""
    try:
        plane = read_image(path)
    except ValueError:
        if image.measured is None:
            raise
        number = int(image.measured) if image.measured.isdecimal() else image.measured
        plane = read_image(path, number)
    if plane.ndim == 3:
        plane = plane[:, :, :3] if plane.shape[2] >= 3 else plane[:, :, 0]
    if plane.shape[:2] != shape:
        raise ValueError(
            f"{path}: has {plane.shape[0]} x {plane.shape[1]} pixels, and its mask "
            f"{shape[0]} x {shape[1]}"
        )
    return plane, contrast(plane)


def draw_cell(
    colours: Colours, own: NDArray[np.bool_], others: NDArray[np.bool_], look: Look
) -> Colours:
    """One cell: its neighbours dimmed, scaled, outlined."""
    if look.neighbours != "show":
        keep = DIM if look.neighbours == "dim" else 0.0
        colours = np.where(others[:, :, None], colours * keep, colours).astype(np.uint8)
    colours, own = to_side(colours, own, look.side)
    if look.outline:
        gray = (colours == colours[:, :, :1]).all()
        line = np.array(OUTLINE_ON_GRAY if gray else OUTLINE, np.uint8)
        colours = np.where(edge(own)[:, :, None], line, colours)
    return colours


def edge(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of an area that have a neighbour (of four) outside it; the border is outside."""
    # scipy.ndimage.binary_erosion says the same in ten times the time, and takes 0.2 s to import.
    padded = np.pad(inside, 1)
    surrounded = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    rim: NDArray[np.bool_] = inside & ~surrounded
    return rim


def to_side(
    colours: Colours, own: NDArray[np.bool_], side: int
) -> tuple[Colours, NDArray[np.bool_]]:
    """A picture and its cell, shrunk to `side` pixels or enlarged by a whole factor."""
    longest = max(own.shape)
    if longest <= side:
        factor = max(1, side // longest)
        grown = colours.repeat(factor, axis=0).repeat(factor, axis=1)
        return grown, own.repeat(factor, axis=0).repeat(factor, axis=1)
    pillow = _pillow()
    rows, columns = (max(1, round(length * side / longest)) for length in own.shape)
    size, means = (columns, rows), pillow.Resampling.BOX
    smaller = np.asarray(pillow.fromarray(colours).resize(size, means))
    share = pillow.fromarray(own.astype(np.uint8) * 255).resize(size, means)
    return smaller, np.asarray(share) >= 128


def _pillow() -> Any:
    return require("PIL.Image", "report", "drawing cells")


def _window(box: tuple[int, int, int, int], shape: tuple[int, ...]) -> tuple[slice, slice]:
    min_row, min_col, max_row, max_col = box
    around = 1 + round(MARGIN * max(max_row - min_row, max_col - min_col))
    return (
        slice(max(0, min_row - around), min(shape[0], max_row + around)),
        slice(max(0, min_col - around), min(shape[1], max_col + around)),
    )


def webp(colours: Colours) -> bytes:
    """A picture as a WebP file."""
    file = BytesIO()
    _pillow().fromarray(colours).save(file, "webp", quality=QUALITY, method=4)
    return file.getvalue()
