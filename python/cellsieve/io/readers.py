"""Image and mask files: `FORMATS` says for each suffix how it is read.

The kernels read PNG, .npy and .npz themselves. A format that they don't know is a function in a
file of its own, which opens a file and gives its `Planes`, and a line of the table.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any, NamedTuple

from numpy.typing import NDArray

from cellsieve import _core
from cellsieve.io.arrays import native
from cellsieve.io.extras import listed, require
from cellsieve.io.planes import Planes
from cellsieve.io.tiff import read_tiff
from cellsieve.schema.types import FilePath, is_path

MAX_PIXELS = 2**28  # 16,384 x 16,384: above any microscope's field, below any machine's memory

File = FilePath | bytes | IO[bytes]
"""A file: its path, its content, or the open file."""


class Format(NamedTuple):
    """How the files of one suffix are read."""

    #: Opens a path or an open file, of at most so many pixels a channel. None: the kernels do, from
    #: the path to the last number in one call outside Python's lock.
    read: Callable[[str | IO[bytes], int], Planes] | None = None
    module: str = ""  # that it needs
    extra: str | None = None  # that brings the module


FORMATS = {
    ".png": Format(),
    ".npy": Format(),
    ".npz": Format(),
    ".tif": Format(read_tiff, "tifffile", "tiff"),
    ".tiff": Format(read_tiff, "tifffile", "tiff"),
}


def kernels_read(*paths: FilePath) -> bool:
    """Whether all these files are of formats that the kernels read.

    Raises:
        ValueError: one is of none of the formats, by its suffix; or it is cellpose's own file.
    """
    return all(_format(path)[1].read is None for path in paths)


def check_libraries(paths: Iterable[FilePath]) -> None:
    """Refuses files for which a library is missing; what else is wrong with them, reading says.

    Raises:
        ImportError: there is one.
    """
    for suffix in sorted({Path(path).suffix.lower() for path in paths} & FORMATS.keys()):
        _check_library(suffix)


def _check_library(suffix: str) -> None:
    form = FORMATS[suffix]
    if form.extra is not None:
        require(form.module, form.extra, f"reading {suffix}")


def _format(file: File, suffix: str | None = None) -> tuple[str, Format]:
    """The suffix of a file, and how it is read."""
    if is_path(file):
        name = os.fspath(file)
        if suffix is not None:
            raise ValueError(f"suffix: found {suffix!r} for {name}, whose name says its format")
        suffix, wrong = Path(file).suffix, f"{name}: expected an image or a label image"
    elif not isinstance(file, bytes) and not hasattr(file, "read"):
        raise TypeError(
            f"path: found {type(file).__name__}; expected a path, bytes or an open file"
        )
    else:
        name, wrong = "", f"suffix: found {suffix!r}; expected that of the file's format"
    suffix = (suffix or "").lower()
    if suffix not in FORMATS:
        raise ValueError(f"{wrong}: {listed({each: FORMATS[each].extra for each in FORMATS})}")
    if name.endswith("_seg.npy") and _holds_objects(name):
        raise ValueError(
            f"{name}: is cellpose's record of a whole segmentation, a pickle, which is not opened "
            "here; let cellpose write label images (--save_tif or --save_png, or "
            "cellpose.io.save_masks), which end in _cp_masks.tif or _cp_masks.png"
        )
    _check_library(suffix)
    return suffix, FORMATS[suffix]


def _holds_objects(name: str) -> bool:
    """Whether the header of a .npy file says so; what is wrong otherwise, reading will tell."""
    with suppress(OSError), Path(name).open("rb") as file:
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
            (two dimensions; `arr_0` or the only array), .tif or .tiff (needs the extra `tiff`). Or
            the content of such a file: bytes, or a file that is open for reading bytes.
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


def _image(
    file: File, channel: str | int | None, suffix: str | None, max_pixels: int, *, exact: bool
) -> NDArray[Any]:
    (suffix, form), most = _format(file, suffix), pixel_limit(max_pixels)
    if form.read is not None:
        with _named(file):
            return form.read(_opened(file), most).channel(channel, exact=exact)
    name = None if channel is None else str(channel)
    if is_path(file):
        return _core.read_image(os.fspath(file), name, most, exact)
    return _core.decode_image(_content(file), suffix, name, most)


def read_mask(
    path: File, *, suffix: str | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[Any]:
    """Reads a label image: 0 outside every cell, one id per cell.

    Args:
        path, suffix: as for `read_image`. PNG samples are taken as stored (of a palette image, the
            indices are the ids); .npy and .npz may be uint8 to uint64 or int16 to int64.
        max_pixels: files that declare more are refused before memory is taken for them.

    Returns:
        The ids, shape (rows, columns), in the narrowest of uint8, uint16, uint32 and uint64 that
        holds them all; an int64 file of 30 cells becomes uint8 while it is read.

    Raises:
        OSError, ImportError: as `read_image`.
        ValueError: the file is damaged, not what its suffix says, not of an integer type, too
            large, or holds a negative id.
    """
    mask, _ = mask_and_capacity(path, max_pixels, suffix)
    return mask


def mask_and_capacity(
    file: File, max_pixels: int, suffix: str | None = None
) -> tuple[NDArray[Any], int]:
    """A label image as from `read_mask`, and the largest id that its file's type can hold."""
    (suffix, form), most = _format(file, suffix), pixel_limit(max_pixels)
    if form.read is not None:
        with _named(file):
            return form.read(_opened(file), most).labels()
    if is_path(file):
        return _core.read_mask(os.fspath(file), most)
    return _core.decode_mask(_content(file), suffix, most)


def _opened(file: File) -> str | IO[bytes]:
    if is_path(file):
        return os.fspath(file)
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
