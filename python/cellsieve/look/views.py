"""Cells as pictures: their pixels read again, in colour, with an outline."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.io.extras import require
from cellsieve.io.image_set import ImageSet
from cellsieve.io.image_table import image_table_path, read_image_table
from cellsieve.io.readers import MAX_PIXELS, file_channels, read_channel, read_image, read_mask
from cellsieve.io.tables import loaded
from cellsieve.look.colours import Colours, compose, contrast, default_channels
from cellsieve.run.parallel import default_jobs, run
from cellsieve.schema.choices import Neighbours, check_choice
from cellsieve.schema.images import (
    MASK,
    WHOLE,
    channel_files,
    file_of,
    is_whole,
    path_columns,
)
from cellsieve.schema.keys import check_images
from cellsieve.schema.text import STRING
from cellsieve.schema.types import FilePath, Table, is_path

Finished = TypeVar("Finished")
Pixel = TypeVar("Pixel", bound=np.generic)

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
            those of red, green and blue that exist, or else the measured one. Of a file that holds
            all channels, "image" is the picture that it is.
        optional: whether images may lack some of these channels, which otherwise are refused.
        neighbours: pixels of other cells: "dim", "blank" (black) or "show".
        outline: whether the cell is outlined.
        side: pictures are shrunk to this many pixels, or enlarged by a whole factor.
    """

    channels: tuple[str, ...] | None = None
    neighbours: Neighbours = "dim"
    outline: bool = True
    side: int = 256
    optional: bool = False

    def __post_init__(self) -> None:
        """Refuses what nothing can be drawn with."""
        check_choice("neighbours", self.neighbours, Neighbours)
        if self.side < 8:
            raise ValueError(f"side: found {self.side}; expected at least 8 pixels")


class Picture(NamedTuple, Generic[Finished]):
    """A cell's picture, or why there is none."""

    made: Finished | None
    problem: str = ""


class Plane(NamedTuple):
    """A channel of an image, or a whole colour image, of which a cell's window is cut."""

    name: str
    pixels: NDArray[Any]
    ends: tuple[float, float]
    """The values that are black and full colour; the same for the whole image."""


class Cut(NamedTuple):
    """A cell as its picture needs it."""

    row: int
    """Its row among the cells asked for."""
    window: tuple[slice, slice]
    """What its planes show of the image."""
    planes: list[Plane]
    """What is shown of the window, in order."""
    measured: Plane | None
    """The measured channel there, where it was asked for and is known."""
    own: NDArray[np.bool_]
    others: NDArray[np.bool_]
    """Which pixels of the window are the cell's and its neighbours'."""
    shape: tuple[int, ...]
    """Rows and columns of the image."""
    whole: NDArray[Any] | None
    """The image's measured or first channel, for the first of its cells; else None."""


class Field(NamedTuple):
    """An image as a whole."""

    image_id: str
    mask: NDArray[Any]
    plane: Plane
    """Its measured or first channel."""


class _Image(NamedTuple):
    """One image to open: its files, and the cells to cut from it."""

    image_id: str
    mask: str
    channels: tuple[tuple[str, str], ...]  # name and file
    whole: bool  # whether the file is one of all channels, and knows these names
    measured: str | None  # the measured channel, and its file, if that is wanted
    measured_file: str | None
    cells: tuple[tuple[int, int, tuple[int, int, int, int]], ...]  # row of the table, label, box
    shape: tuple[int, int] | None  # where the image table says it
    field: int | None = None  # its place among the pictures, if it is shown as a whole


def pictures(
    cells: pd.DataFrame,
    images: pd.DataFrame,
    look: Look,
    finish: Callable[[Cut], Finished],
    *,
    measured: str | Literal[True] | None = None,
    fields: Sequence[str] = (),
    finish_field: Callable[[Field], Any] | None = None,
    jobs: int | None = None,
    progress: bool | None = False,
) -> list[Picture[Any]]:
    """A picture of every row of a cell table, in its order; then those of whole images.

    Each image is decoded once, whatever the number of its cells, and only a few are in memory at a
    time: what is kept is what `finish` makes of each cell.

    Args:
        cells: rows of a cell table.
        images: the image table.
        look: how cells are drawn.
        finish: what becomes of each cell, in the thread that read it; `drawn` makes a picture.
        measured: this channel is read too, whatever is shown; True: the one that each image was
            measured in.
        fields: images that are shown as a whole.
        finish_field: what becomes of each of these.
        jobs, progress: as for `cellsieve.run.parallel.run`.

    What is wrong with an image (its file is gone) is stated in place of its cells' pictures.
    """
    made: list[Picture[Any]] = [Picture(None, "")] * (len(cells) + len(fields))
    work = []
    by_id = images.assign(image_id=images["image_id"].astype(STRING))
    by_id = by_id.drop_duplicates("image_id").set_index("image_id")
    if look.channels is None:
        look = replace(look, channels=default_channels(by_id), optional=True)
    # A row of a DataFrame costs milliseconds, and there are thousands.
    rows_by_id: Any = by_id.to_dict("index")
    boxes = cells[["min_row", "min_col", "max_row", "max_col"]].to_numpy(np.int64).tolist()
    labels = cells["label"].to_numpy(np.int64).tolist()
    groups: dict[str, list[int]] = {}
    for row, image_id in enumerate(cells["image_id"].astype(STRING).tolist()):
        groups.setdefault(image_id, []).append(row)
    field_rows = {image_id: len(cells) + k for k, image_id in enumerate(fields)}
    for image_id in fields:
        groups.setdefault(image_id, [])
    for image_id, rows in groups.items():
        wanted = tuple((row, labels[row], tuple(boxes[row])) for row in rows)
        try:
            image = _image(image_id, rows_by_id, look, measured, wanted)
            work.append([image._replace(field=field_rows.get(image_id))])
        except ValueError as error:
            for row in [*rows, *filter(None, [field_rows.get(image_id)])]:
                made[row] = Picture(None, str(error))
    task = partial(_cut_image, finish=finish, finish_field=finish_field)
    # One image per task: decoding takes long enough, and fewer images are in memory at a time.
    for _, cut in run(
        task,
        work,
        jobs=jobs or default_jobs(),
        progress=progress,
        description="pictures",
    ):
        for row, picture in cut:
            made[row] = picture
    return made


def image_table(
    images: "ImageSet | Table",
    root: FilePath | None = None,
    moved: tuple[str, str] | None = None,
) -> pd.DataFrame:
    """The table of a data set's files, however it is given; of an `ImageSet`, what can be used.

    Args:
        images, root: as for `report`.
        moved: what paths used to begin with and what they begin with now.

    Raises:
        OSError: as `read_image_table`.
        ValueError: as `read_image_table`; duplicate ids; no path begins so.
    """
    if isinstance(images, ImageSet):
        return images.table[images.table["problem"].isna()]
    if is_path(images):
        table, name = read_image_table(images, root), str(images)
    else:
        table, name = loaded(images, "images", expected="a data set, an image table or its file")
    check_images(table, name)
    if moved is None:
        return table
    old, new = moved
    columns = path_columns(map(str, table.columns))
    paths = {column: table[column].astype(STRING) for column in columns}
    if not old or not any(path.str.startswith(old).any() for path in paths.values()):
        raise ValueError(f"moved: no path of {name} begins with {old!r}")
    begins = f"^{re.escape(old)}"
    return table.assign(
        **{
            column: path.str.replace(begins, new.replace("\\", r"\\"), regex=True)
            for column, path in paths.items()
        }
    )


def beside(table: Table, images: "ImageSet | Table | None") -> "ImageSet | Table | None":
    """Where the pixels of a cell table are, or else the image table beside its file, if any."""
    if images is None and is_path(table) and image_table_path(table).exists():
        return image_table_path(table)
    return images


def opened(
    image_id: str, images: pd.DataFrame, channels: Sequence[str] | None = None
) -> tuple[NDArray[Any], list[Plane]]:
    """The mask of an image, and these of its channels, or all.

    Raises:
        ValueError: the image table has no such image, or names no mask or no channel of it; the
            image has no such channel, or another size than its mask; or as `read_image`.
        OSError, ImportError: as `read_image`.
    """
    rows = images[images["image_id"].astype(STRING) == image_id].set_index("image_id")
    by_id: Any = rows.set_axis(rows.index.astype(STRING)).to_dict("index")
    look = Look(None if channels is None else tuple(channels))
    image = _image(image_id, by_id, look, None, ())
    if channels is None:
        files = channel_files(by_id[image_id])
        names = tuple(files)
        if is_whole(files):
            names = tuple(held[0] for held in file_channels(files[WHOLE]) if held[0] != "alpha")
        image = _image(image_id, by_id, Look(names), None, ())
    mask, planes, _ = _opened(image)
    return mask, planes


def _image(
    image_id: str,
    by_id: Mapping[str, Mapping[str, Any]],
    look: Look,
    wanted: str | Literal[True] | None,
    cells: tuple[Any, ...],
) -> _Image:
    if image_id not in by_id:
        raise ValueError(f"image {image_id} is not in the image table")
    row = by_id[image_id]
    paths = channel_files(row)
    if pd.isna(row.get(MASK)) or not paths:
        raise ValueError(f"image {image_id}: the image table names no mask or no channel")
    known_channel = row.get("channel")
    first = None if pd.isna(known_channel) else str(known_channel).split(",")[0]
    measured = first if wanted in (True, None) else str(wanted)
    file = None if wanted is None or measured is None else file_of(paths, measured)
    known = pd.notna(row.get("height")) and pd.notna(row.get("width"))
    shape = (int(row["height"]), int(row["width"])) if known else None
    names = look.channels or ()
    whole = is_whole(paths)
    missing = [name for name in names if name not in paths and not whole]
    if missing and not look.optional:
        raise ValueError(f"image {image_id}: has no channel {', '.join(missing)}")
    names = tuple(name for name in names if name not in missing) or tuple(paths)[:1]
    channels = tuple((name, paths[WHOLE if whole else name]) for name in names)
    return _Image(image_id, str(row[MASK]), channels, whole, measured, file, cells, shape)


def _cut_image(
    work: Sequence[_Image],
    finish: Callable[[Cut], Finished],
    finish_field: Callable[[Field], Any] | None,
) -> list[tuple[int, Picture[Any]]]:
    """The cells of one image."""
    [image] = work
    try:
        mask, planes, measured = _opened(image)
    except Exception as error:  # whatever is wrong with one image, the others are drawn
        rows = [row for row, _, _ in image.cells]
        rows += [] if image.field is None else [image.field]
        return [(row, Picture(None, _problem(error))) for row in rows]
    cut: list[tuple[int, Picture[Any]]] = []
    if image.field is not None and finish_field is not None:
        field = Field(image.image_id, mask, measured or planes[0])
        cut.append((image.field, Picture(finish_field(field))))
    whole: NDArray[Any] | None = (measured or planes[0]).pixels
    for row, label, box in image.cells:
        window = _window(box, mask.shape)
        own = mask[window] == label
        if not own.any():
            problem = f"{Path(image.mask).name}: no cell {label} in its box; has the mask changed?"
            cut.append((row, Picture(None, problem)))
            continue
        one = Cut(
            row,
            window,
            [plane._replace(pixels=plane.pixels[window]) for plane in planes],
            measured and measured._replace(pixels=measured.pixels[window]),
            own,
            (mask[window] != 0) & ~own,
            mask.shape,
            whole,
        )
        whole = None
        cut.append((row, Picture(finish(one))))
    return cut


def _opened(image: _Image) -> tuple[NDArray[Any], list[Plane], Plane | None]:
    """The mask of an image, what is shown of it, and the measured channel."""
    mask = read_mask(image.mask, shape=image.shape)
    planes = [_plane(name, path, image, mask.shape) for name, path in image.channels]
    return mask, planes, _measured(image, planes, mask.shape)


def _problem(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def _plane(name: str, path: str, image: _Image, shape: tuple[int, ...]) -> Plane:
    """A channel (or a whole colour image)."""
    pixels = _pixels(name, path, image)
    if pixels.ndim == 3:
        pixels = pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, 0]
    if pixels.shape[:2] != shape:
        raise ValueError(
            f"{path}: has {pixels.shape[0]} x {pixels.shape[1]} pixels, and its mask "
            f"{shape[0]} x {shape[1]}"
        )
    return Plane(name, pixels, contrast(pixels))


def _pixels(name: str, path: str, image: _Image) -> NDArray[Any]:
    """What a file holds; of one that holds all channels, that of this name."""
    if image.whole and name != WHOLE:
        return read_channel(path, name, MAX_PIXELS, exact=True)
    try:
        return read_image(path)
    except ValueError:
        if image.measured is None:
            raise
        return read_image(path, image.measured)


def _measured(image: _Image, planes: Sequence[Plane], shape: tuple[int, ...]) -> Plane | None:
    """The measured channel, read only if it is none of those shown."""
    if image.measured is None or image.measured_file is None:
        return None
    for plane in planes:
        if plane.name == image.measured or (plane.name == WHOLE and plane.pixels.ndim == 2):
            return plane._replace(name=image.measured)
    return _plane(image.measured, image.measured_file, image, shape)


def drawn(cut: Cut, look: Look) -> Colours:
    """A cell in colour, uint8 of shape (rows, columns, 3)."""
    return draw_cell(compose(cut.planes), cut.own, cut.others, look)


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


def rims(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """The pixels of cells that touch another label."""
    rim = np.zeros(labels.shape, bool)
    for near, far in (
        ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
    ):
        differ = labels[near] != labels[far]
        rim[near] |= differ
        rim[far] |= differ
    rim &= labels != 0
    return rim


def largest(labels: NDArray[Any], step: int) -> NDArray[Any]:
    """The largest value of each square of so many pixels."""
    for axis in (0, 1):
        labels = np.maximum.reduceat(labels, np.arange(0, labels.shape[axis], step), axis=axis)
    return labels


def to_side(
    colours: Colours, own: NDArray[np.bool_], side: int
) -> tuple[Colours, NDArray[np.bool_]]:
    """A picture and its cell, shrunk to `side` pixels or enlarged by a whole factor."""
    longest = max(own.shape)
    if longest <= side:
        factor = max(1, side // longest)
        return enlarged(colours, factor), enlarged(own, factor)
    return shrunk(colours, side), shrunk(own.astype(np.uint8) * 255, side) >= 128


def enlarged(array: NDArray[Pixel], factor: int) -> NDArray[Pixel]:
    """Each pixel as a square of so many."""
    return array.repeat(factor, axis=0).repeat(factor, axis=1)


def shrunk(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A picture with at most `side` pixels on its longer side: means over what each covers."""
    longest = max(picture.shape[:2])
    if longest <= side:
        return picture
    pillow = _pillow()
    rows, columns = (max(1, round(length * side / longest)) for length in picture.shape[:2])
    smaller = pillow.fromarray(picture).resize((columns, rows), pillow.Resampling.BOX)
    return np.asarray(smaller)


def _pillow() -> Any:
    return require("PIL.Image", "report", "drawing cells")


def _window(box: tuple[int, int, int, int], shape: tuple[int, ...]) -> tuple[slice, slice]:
    min_row, min_col, max_row, max_col = box
    around = 1 + round(MARGIN * max(max_row - min_row, max_col - min_col))
    return (
        slice(max(0, min_row - around), min(shape[0], max_row + around)),
        slice(max(0, min_col - around), min(shape[1], max_col + around)),
    )


def webp(picture: NDArray[np.uint8], quality: int = QUALITY) -> bytes:
    """A picture as a WebP file; one with transparency (four planes) without loss."""
    file = BytesIO()
    image = _pillow().fromarray(picture)
    if picture.ndim == 3 and picture.shape[2] == 4:
        image.save(file, "webp", lossless=True, quality=20, method=2)
    else:
        image.save(file, "webp", quality=quality, method=4)
    return file.getvalue()
