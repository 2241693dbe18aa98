"""Image and mask files: PNG, .npy and .npz by the kernels, TIFF through tifffile."""

import errno
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from cellsieve import _core
from cellsieve.io.arrays import native
from cellsieve.io.extras import listed, require
from cellsieve.schema.words import sentence

MAX_PIXELS = 2**28  # 16,384 x 16,384: above any microscope's field, below any machine's memory

FilePath = str | os.PathLike[str]


#: The files that are read here, and the extra that brings each.
FORMATS = {".png": None, ".npy": None, ".npz": None, ".tif": "tiff", ".tiff": "tiff"}


def check_format(path: FilePath) -> None:
    """Refuses a file that is of none of the formats.

    Raises:
        ValueError: it is not, by its extension; or it is cellpose's own file.
    """
    name = os.fspath(path)
    if Path(path).suffix.lower() not in FORMATS:
        raise ValueError(f"{name}: expected an image or a label image: {listed(FORMATS)}")
    if name.endswith("_seg.npy") and _holds_objects(name):
        raise ValueError(
            f"{name}: is cellpose's record of a whole segmentation, a pickle, which is not opened "
            "here; let cellpose write label images (--save_tif or --save_png, or "
            "cellpose.io.save_masks), which end in _cp_masks.tif or _cp_masks.png"
        )


def _holds_objects(name: str) -> bool:
    """Whether the header of a .npy file says so; what is wrong otherwise, reading will tell."""
    with suppress(OSError), Path(name).open("rb") as file:
        return b"'descr': '|O'" in file.read(128)
    return False


def is_tiff(path: FilePath) -> bool:
    """Whether a file is read through tifffile, by its extension."""
    return Path(path).suffix.lower() in (".tif", ".tiff")


def read_image(
    path: FilePath, channel: str | int | None = None, *, max_pixels: int = MAX_PIXELS
) -> NDArray[Any]:
    """Reads an image.

    Args:
        path: .png (8 or 16 bits; gray, RGB, either with alpha, palette, interlaced), .npy or .npz
            (two dimensions; `arr_0` or the only array), .tif or .tiff (needs the extra `tiff`).
        channel: "red", "green", "blue" or "alpha" of a colour image; of a TIFF file that has a
            channel axis, the channel's number (from 0, as a number or as text), or the name that
            an OME-TIFF file gives it. A gray image gives its only channel under any name.
        max_pixels: files that declare more are refused before memory is taken for them.

    Returns:
        uint8, uint16 or float32, as stored, of shape (rows, columns); without `channel`, colour
        images are of shape (rows, columns, channels). Palettes and samples of fewer than 8 bits are
        expanded to what they show.

    Raises:
        OSError: the file can't be opened.
        ValueError: it is damaged, not what its extension says, of another type, too large, or has
            no such channel.
        ImportError: a TIFF file, and the extra `tiff` is not installed.
    """
    return read_channel(path, channel, max_pixels)


def read_channel(
    path: FilePath, channel: str | int | None, max_pixels: int, *, exact: bool = False
) -> NDArray[Any]:
    """As `read_image`; `exact` refuses a name that the file itself does not give its channel."""
    check_format(path)
    if is_tiff(path):
        image = _select(_read_tiff(path, max_pixels), path, channel, exact=exact)
        if image.dtype not in (np.uint8, np.uint16, np.float32):
            raise ValueError(
                f"{os.fspath(path)}: dtype {image.dtype} is not supported; "
                "expected uint8, uint16 or float32"
            )
        return native(image)
    name = None if channel is None else str(channel)
    return _core.read_image(os.fspath(path), name, pixel_limit(max_pixels), exact)


def read_mask(path: FilePath, *, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """Reads a label image: 0 outside every cell, one id a cell.

    Args:
        path: as for `read_image`. PNG samples are taken as stored (of a palette image, the
            indices are the ids); .npy and .npz may be uint8 to uint64 or int16 to int64.
        max_pixels: files that declare more are refused before memory is taken for them.

    Returns:
        The ids, shape (rows, columns), in the narrowest of uint8, uint16, uint32 and uint64 that
        holds them all; an int64 file of 30 cells becomes uint8 while it is read.

    Raises:
        OSError, ImportError: as `read_image`.
        ValueError: the file is damaged, not what its extension says, not of an integer type, too
            large, or holds a negative id.
    """
    mask, _ = mask_and_capacity(path, max_pixels)
    return mask


def mask_and_capacity(path: FilePath, max_pixels: int) -> tuple[NDArray[Any], int]:
    """A label image as from `read_mask`, and the largest id that its file's type can hold."""
    check_format(path)
    if not is_tiff(path):
        return _core.read_mask(os.fspath(path), pixel_limit(max_pixels))
    mask, axes, _ = _read_tiff(path, max_pixels)
    if mask.ndim != 2:
        raise ValueError(
            f"{os.fspath(path)}: has the axes {axes} and the shape {mask.shape}; expected a label "
            "image of one plane (rows, columns)"
        )
    if mask.dtype.kind not in "iu" or mask.dtype == np.int8:
        raise ValueError(
            f"{os.fspath(path)}: dtype {mask.dtype} is not supported; expected an integer label "
            "image: uint8 to uint64, int16 to int64"
        )
    lowest, highest = int(mask.min(initial=0)), int(mask.max(initial=0))
    if lowest < 0:
        raise ValueError(
            f"{os.fspath(path)}: found the label {lowest}; labels are 0 (outside) or 1 to 2^63 - 1"
        )
    narrow = np.ascontiguousarray(mask, dtype=np.min_scalar_type(highest))
    return narrow, int(np.iinfo(mask.dtype).max)


def write_png(path: FilePath, image: NDArray[Any]) -> None:
    """Writes a PNG file.

    Args:
        path: the file.
        image: uint8 or uint16, shape (rows, columns) or (rows, columns, channels) with 1 (gray), 2
            (gray, alpha), 3 (RGB) or 4 (RGBA) channels.

    Raises:
        TypeError, ValueError: another dtype or shape, or no pixels.
        OSError: the file can't be written.
    """
    _core.write_png(os.fspath(path), native(image))


def pixel_limit(max_pixels: int) -> int:
    """Within what the kernels count in."""
    if max_pixels < 1:
        raise ValueError(f"max_pixels: found {max_pixels}; expected at least 1")
    return min(max_pixels, 2**32 - 1)


class _Series(NamedTuple):
    """The first series of a TIFF file, axes of length 1 dropped."""

    image: NDArray[Any]
    axes: str  # a letter each
    channels: list[str]  # the names that an OME-TIFF file gives its channels; else none


class _Said(logging.Handler):
    """What tifffile says while a thread reads a file.

    As the only handler it keeps that from the screen; a caller's own logging still gets it.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        getattr(self.thread, "lines", []).append(record.getMessage())

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        """The lines of this thread within the block."""
        logging.getLogger("tifffile").addHandler(self)  # there once, however often it is added
        self.thread.lines = []
        yield self.thread.lines


_SAID = _Said()

# Where tifffile says one of these, it goes on with zeros or with fewer pages. Of what else it says,
# tags that it can't make sense of, the pixels do not depend.
_INCOMPLETE = re.compile(
    "zeroed|segments, got|page offset|offset to page|data offset|incorrect Strip"
)


def _read_tiff(path: FilePath, max_pixels: int) -> _Series:
    tifffile = require("tifffile", "tiff", "reading .tif")
    name, most = os.fspath(path), 4 * pixel_limit(max_pixels)
    try:
        with _SAID.listening() as said, tifffile.TiffFile(path) as file:
            if not file.series:
                raise ValueError("it holds no image")
            series = file.series[0]
            shape, axes = series.shape, series.axes
            if series.size > most:
                raise ValueError(
                    f"{name}: declares {' x '.join(map(str, shape))} pixels; at most {max_pixels} "
                    "pixels are read unless max_pixels is raised"
                )
            image = series.asarray()
            if lost := next(filter(_INCOMPLETE.search, said), None):
                raise ValueError(f"it is not complete: {lost}")
            keep = [place for place, side in enumerate(shape) if side != 1 or axes[place] in "YX"]
            kept_axes = "".join(axes[place] for place in keep)
            image = image.reshape([shape[place] for place in keep])
            return _Series(image, kept_axes, _ome_channels(file.ome_metadata))
    except ImportError:
        raise
    except Exception as error:  # tifffile and its codecs raise many kinds on damaged files
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise OSError(error.errno, error.strerror, name) from error
        if str(error).startswith(f"{name}: "):
            raise
        raise ValueError(f"{name}: not a readable TIFF file: {sentence(error)}") from error


def _ome_channels(metadata: str | None) -> list[str]:
    """The names of the channels in OME-XML: Name of each Channel of the first Image, or ""."""
    if not metadata:
        return []
    image = ElementTree.fromstring(metadata).find("{*}Image/{*}Pixels")
    return [] if image is None else [each.get("Name", "") for each in image.iterfind("{*}Channel")]


def _select(
    series: _Series, path: FilePath, channel: str | int | None, *, exact: bool = False
) -> NDArray[Any]:
    """The plane of one channel: by the name of its colour or in OME-XML, or by its number.

    A single plane is given under any name, unless `exact` asks for one that the file itself knows.
    """
    image, axes, names = series
    rest = axes.replace("Y", "").replace("X", "")
    shape = f"{os.fspath(path)}: has the axes {axes} and the shape {image.shape}"
    if rest not in ("", "C", "S"):
        raise ValueError(f"{shape}; expected one plane (rows, columns), or one for each channel")
    if not rest and (channel is None or not exact):
        return image
    count = image.shape[axes.index(rest)] if rest else 1
    if rest == "S":
        names = ["red", "green", "blue", "alpha"]
    names = [*names, *[""] * count][:count]
    listed = ", ".join(
        f"{number} ({name})" if name else str(number) for number, name in enumerate(names)
    )
    if channel is None:
        raise ValueError(
            f"{shape}; expected one plane, or the number or name of a channel: {listed}"
        )
    fitting = [
        number
        for number, name in enumerate(names)
        if channel in (name or number, number, str(number))
    ]
    if len(fitting) != 1:
        what = "no" if not fitting else "more than one"
        channels = "1 channel" if count == 1 else f"{count} channels"
        raise ValueError(
            f"{os.fspath(path)}: has {channels}, {listed}; found {what} channel {channel!r} "
            "among them"
        )
    plane: NDArray[Any] = image.take(fitting[0], axis=axes.index(rest)) if rest else image
    return plane
