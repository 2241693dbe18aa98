"""Image and mask files: `FORMATS` says for each suffix how it is read.

The kernels read PNG, .npy and .npz themselves. A format that they don't know is a function in a
file of its own, which opens a file and gives its `Planes`, and a line of the table.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cellsieve import _core
from cellsieve.io.ahead import fetch
from cellsieve.io.arrays import native
from cellsieve.io.cellpose import read_seg
from cellsieve.io.extras import listed, require
from cellsieve.io.ome_zarr import read_ome_zarr
from cellsieve.io.places import is_url, place
from cellsieve.io.planes import COLOURS, Planes
from cellsieve.io.reading import CHANNEL, PICKLE, SCALE, ZARR, Reading, in_zarr, reading
from cellsieve.io.tiff import read_tiff
from cellsieve.schema.images import WHOLE
from cellsieve.schema.types import FilePath, is_path

MAX_PIXELS = 2**28  # 16,384 x 16,384: above any microscope's field, below any machine's memory

File = FilePath | bytes | IO[bytes]
"""A file: its path, its content, or the open file."""


class Format(NamedTuple):
    """How the files of one suffix are read."""

    #: Opens a path or an open file, of at most so many pixels a channel. None: the kernels do, from
    #: the path to the last number in one call outside Python's lock.
    read: Callable[[Any, int], Planes] | None = None
    module: str = ""  # that it needs
    extra: str | None = None  # that brings the module
    folder: bool = False  # whether it is a folder, which is opened by its path or URL alone


FORMATS = {
    ".png": Format(),
    ".npy": Format(),
    ".npz": Format(),
    ".tif": Format(read_tiff, "tifffile", "tiff"),
    ".tiff": Format(read_tiff, "tifffile", "tiff"),
    ZARR: Format(read_ome_zarr, "zarr", "zarr", folder=True),
}


def kernels_read(*paths: FilePath) -> bool:
    """Whether the kernels read all these files: their formats, and nothing chosen of them.

    Raises:
        ValueError: one is of none of the formats, by its suffix; or it is cellpose's own file.
    """
    return all(
        _format(found)[1].read is None and not found.choice and not is_url(found.path)
        for found in map(reading, paths)
    )


def check_libraries(paths: Iterable[FilePath]) -> None:
    """Refuses files for which a library is missing; what else is wrong with them, reading says.

    Raises:
        ImportError: there is one.
    """
    suffixes = {_suffix(reading(path).path) for path in paths}
    for suffix in sorted(suffixes & FORMATS.keys()):
        _check_library(suffix)


def _check_library(suffix: str) -> None:
    form = FORMATS[suffix]
    if form.extra is not None:
        require(form.module, form.extra, f"reading {suffix}")


def _format(file: Reading | bytes | IO[bytes], suffix: str | None = None) -> tuple[str, Format]:
    """The suffix of a file, and how it is read."""
    name = ""
    if isinstance(file, Reading):
        name = file.path
        if suffix is not None:
            raise ValueError(f"suffix: found {suffix!r} for {name}, whose name says its format")
        suffix, wrong = _suffix(name), f"{name}: expected an image or a label image"
    elif not isinstance(file, bytes) and not hasattr(file, "read"):
        raise TypeError(
            f"path: found {type(file).__name__}; expected a path, bytes or an open file"
        )
    else:
        wrong = f"suffix: found {suffix!r}; expected that of the file's format"
    suffix = (suffix or "").lower()
    if suffix not in FORMATS:
        raise ValueError(f"{wrong}: {listed({each: FORMATS[each].extra for each in FORMATS})}")
    if isinstance(file, Reading) and name.endswith("_seg.npy") and _holds_objects(name):
        if PICKLE in file.choice:
            return suffix, Format(_read_seg)
        raise ValueError(
            f"{name}: is cellpose's record of a whole segmentation, a pickle, which can name any "
            "code to run and is opened only if asked for (--allow-pickle, which takes arrays and "
            "numbers alone); or let cellpose write label images (--save_tif or --save_png, or "
            "cellpose.io.save_masks), which end in _cp_masks.tif or _cp_masks.png"
        )
    _check_library(suffix)
    return suffix, FORMATS[suffix]


def _suffix(name: str) -> str:
    """What says the format of a file; all that lies in a .zarr folder is of it."""
    return ZARR if in_zarr(name) else place(name).suffix.lower()


def _read_seg(file: str | IO[bytes], max_pixels: int) -> Planes:
    if not isinstance(file, str):
        raise TypeError("a _seg.npy of cellpose is read from its path alone")
    with place(file).open("rb") as opened:
        planes = read_seg(opened)
    if planes.pixels.size > max_pixels:
        raise ValueError(f"has {planes.pixels.size} pixels; at most {max_pixels} are read")
    return planes


def _holds_objects(name: str) -> bool:
    """Whether the header of a .npy file says so; what is wrong otherwise, reading will tell."""
    with suppress(OSError), place(name).open("rb") as file:
        return b"'descr': '|O'" in file.read(128)
    return False


def read_image(
    path: File,
    channel: str | int | None = None,
    *,
    suffix: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[Any]:
    """Reads an image.

    Args:
        path: .png (8 or 16 bits; gray, RGB, either with alpha, palette, interlaced), .npy or .npz
            (two dimensions; `arr_0` or the only array), .tif or .tiff (needs the extra `tiff`), or
            a .zarr folder with an OME-Zarr image (needs the extra `zarr`). All may be URLs.
            What is read of a stack may stand behind the path: "#z=3", "#z=max", "#pages=channels"
            (see `ImageSet.reading`). Or the content of such a file: bytes, or a file that is open
            for reading bytes.
        channel: "red", "green", "blue" or "alpha" of a colour image; of a TIFF file that has a
            channel axis, the channel's number (from 0, as a number or as text), or the name that
            an OME-TIFF file gives it. A gray image gives its only channel under any name.
        suffix: the format of what has no path, as ".png".
        max_pixels: files that declare more are refused before memory is taken for them.

    Returns:
        uint8, uint16 or float32, as stored, of shape (rows, columns); without `channel`, colour
        images are of shape (rows, columns, channels). Palettes and samples of fewer than 8 bits are
        expanded to what they show.

    Raises:
        OSError: the file can't be opened.
        ValueError: it is damaged, not what its suffix says, of another type, too large, or has no
            such channel.
        ImportError: a TIFF file, and the extra `tiff` is not installed.
    """
    return _image(path, channel, suffix, max_pixels, exact=False)


def read_channel(
    path: FilePath, channel: str | int | None, max_pixels: int, *, exact: bool = False
) -> NDArray[Any]:
    """As `read_image`; `exact` refuses a name that the file itself does not give its channel."""
    return _image(path, channel, None, max_pixels, exact=exact)


def file_channels(path: FilePath, max_pixels: int = MAX_PIXELS) -> list[tuple[str, ...]]:
    """The channels of a file, each with all names that `read_channel` finds it by.

    The only plane of a file is "image" too.

    Raises:
        OSError, ValueError, ImportError: as `read_image`.
    """
    found = reading(path)
    (_, form), most = _format(found), pixel_limit(max_pixels)
    if form.read is not None:
        with _named(path):
            return form.read(_opened(found, form), most).of(found.choice).channels()
    pixels = read_image(path, max_pixels=max_pixels)
    if pixels.ndim == 2:
        return [(WHOLE, "gray")]
    of_gray = [(WHOLE, "gray"), ("alpha",)]
    return of_gray if pixels.shape[2] == 2 else [(name,) for name in COLOURS[: pixels.shape[2]]]


def _image(
    file: File, channel: str | int | None, suffix: str | None, max_pixels: int, *, exact: bool
) -> NDArray[Any]:
    found = reading(file) if is_path(file) else file
    (suffix, form), most = _format(found, suffix), pixel_limit(max_pixels)
    choice = found.choice if isinstance(found, Reading) else {}
    if form.read is not None:
        with _named(file):
            return form.read(_opened(found, form), most).of(choice).channel(channel, exact=exact)
    name = None if channel is None else str(channel)
    if not isinstance(found, Reading):
        return _core.decode_image(_content(found), suffix, name, most)
    if is_url(found.path):
        content = fetch(found.path)
        with _named(file):
            pixels = _core.decode_image(content, suffix, name, most)
            Planes(pixels, "YXS"[: pixels.ndim], []).of(choice)
        return pixels
    pixels = _core.read_image(found.path, name, most, exact)
    with _named(file):
        Planes(pixels, "YXS"[: pixels.ndim], []).of(choice)  # a plane or colours: no stack
    return pixels


def read_mask(
    path: File,
    *,
    suffix: str | None = None,
    max_pixels: int = MAX_PIXELS,
    shape: tuple[int, int] | None = None,
) -> NDArray[Any]:
    """Reads a label image: 0 outside every cell, one id per cell.

    Args:
        path, suffix: as for `read_image`. PNG samples are taken as stored (of a palette image, the
            indices are the ids); .npy and .npz may be uint8 to uint64 or int16 to int64.
        max_pixels: files that declare more are refused before memory is taken for them.
        shape: rows and columns of its image, for a path behind which stands "#scale=nearest": each
            pixel of the image gets the id of the nearest of the mask. Else it changes nothing.

    Returns:
        The ids, shape (rows, columns), in the narrowest of uint8, uint16, uint32 and uint64 that
        holds them all; an int64 file of 30 cells becomes uint8 while it is read.

    Raises:
        OSError, ImportError: as `read_image`.
        ValueError: the file is damaged, not what its suffix says, not of an integer type, too
            large, or holds a negative id; or it is to be scaled, and its size is no whole ratio of
            the image's.
    """
    mask, _ = mask_and_capacity(path, max_pixels, suffix, shape)
    return mask


def mask_and_capacity(
    file: File,
    max_pixels: int,
    suffix: str | None = None,
    shape: tuple[int, int] | None = None,
) -> tuple[NDArray[Any], int]:
    """A label image as from `read_mask`, and the largest id that its file's type can hold."""
    found = reading(file) if is_path(file) else file
    (suffix, form), most = _format(found, suffix), pixel_limit(max_pixels)
    choice = found.choice if isinstance(found, Reading) else {}
    if form.read is not None:
        with _named(file):
            planes = form.read(_opened(found, form), most).of(choice, lone=True)
            mask, capacity = planes.labels(choice.get(CHANNEL))
    elif isinstance(found, Reading) and is_url(found.path):
        content = fetch(found.path)
        with _named(file):
            mask, capacity = _core.decode_mask(content, suffix, most)
    elif isinstance(found, Reading):
        mask, capacity = _core.read_mask(found.path, most)
    else:
        mask, capacity = _core.decode_mask(_content(found), suffix, most)
    if SCALE in choice and shape is not None:
        with _named(file):
            mask = _scaled(mask, shape)
    return mask, capacity


def _scaled(mask: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """The mask in the size of its image: every id is that of the nearest pixel of the mask.

    Raises:
        ValueError: neither size is a whole multiple of the other, the same for rows and columns.
    """
    if mask.shape == shape:
        return mask
    (rows, columns), (height, width) = mask.shape, shape
    up, down = height // max(rows, 1), rows // max(height, 1)
    if up and (height, width) == (rows * up, columns * up):
        return mask.repeat(up, axis=0).repeat(up, axis=1)
    if down and (rows, columns) == (height * down, width * down):
        return np.ascontiguousarray(mask[down // 2 :: down, down // 2 :: down])
    raise ValueError(
        f"has {rows} x {columns} pixels, its image {height} x {width}; a mask is scaled by whole "
        "numbers alone, the same for rows and columns"
    )


def _opened(file: Reading | bytes | IO[bytes], form: Format) -> str | IO[bytes]:
    if isinstance(file, Reading):
        if form.folder:
            return file.path
        return BytesIO(fetch(file.path)) if is_url(file.path) else file.path
    if form.folder:
        raise TypeError("path: found the content of a file; a .zarr folder is opened by its path")
    return BytesIO(file) if isinstance(file, bytes) else file


def _content(file: bytes | IO[bytes]) -> bytes:
    return file if isinstance(file, bytes) else file.read()


@contextmanager
def _named(file: File) -> Iterator[None]:
    """Puts the path in front of what is wrong with its file, as the kernels do."""
    try:
        yield
    except (ValueError, OSError) as error:
        if not is_path(file):
            raise
        name = os.fspath(file)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, name) from error
        raise ValueError(f"{name}: {error}") from error


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
