"""TIFF files, through tifffile."""

import errno
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from cellsieve.io.planes import Planes
from cellsieve.schema.words import sentence


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

# Where tifffile says one of these, it goes on with zeros or with fewer pages. What else it says is
# of tags that it can't make sense of, on which no pixel depends.
_INCOMPLETE = re.compile(
    "zeroed|segments, got|page offset|offset to page|data offset|incorrect Strip"
)


class _TooLargeError(ValueError):
    """The file may be sound, but it is not read."""


def read_tiff(file: str | IO[bytes], max_pixels: int) -> Planes:
    """The first series of a TIFF file.

    Raises:
        OSError: the file can't be opened.
        ValueError: it is damaged, or larger than four channels of `max_pixels` pixels.
    """
    import tifffile

    try:
        with _SAID.listening() as said, tifffile.TiffFile(file) as tiff:
            if not tiff.series:
                raise ValueError("it holds no image")
            series = tiff.series[0]
            shape, axes = series.shape, series.axes
            if series.size > 4 * max_pixels:
                raise _TooLargeError(
                    f"declares {' x '.join(map(str, shape))} pixels; at most {max_pixels} pixels "
                    "are read unless max_pixels is raised"
                )
            pixels = series.asarray()
            if lost := next(filter(_INCOMPLETE.search, said), None):
                raise ValueError(f"it is not complete: {lost}")
            keep = [axis for axis, side in enumerate(shape) if side != 1 or axes[axis] in "YX"]
            pixels = pixels.reshape([shape[axis] for axis in keep])
            kept_axes = "".join(axes[axis] for axis in keep)
            return Planes(pixels, kept_axes, _ome_channels(tiff.ome_metadata))
    except (ImportError, _TooLargeError):
        raise
    except Exception as error:  # tifffile and its codecs raise many errors on damaged files
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise ValueError(f"not a readable TIFF file: {sentence(error)}") from error


def _ome_channels(metadata: str | None) -> list[str]:
    """The names of the channels in OME-XML: Name of each Channel of the first Image, or ""."""
    if not metadata:
        return []
    image = ElementTree.fromstring(metadata).find("{*}Image/{*}Pixels")
    return [] if image is None else [each.get("Name", "") for each in image.iterfind("{*}Channel")]


def tiff_dtype(path: Path) -> np.dtype[Any]:
    """The dtype of a file's pixels as stored."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        return np.dtype(tiff.series[0].dtype)


def write_tiff(path: Path, mask: NDArray[Any]) -> None:
    """Writes a label image."""
    import tifffile

    tifffile.imwrite(path, mask, compression="zlib", photometric="minisblack")
