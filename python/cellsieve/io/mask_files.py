"""Masks written again: in the format and of the dtype of a file that was read."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cellsieve import _core
from cellsieve.io.places import atomic, on_disk
from cellsieve.io.tiff import tiff_dtype, write_tiff


class Format(NamedTuple):
    """How the masks of one suffix are written."""

    write: Callable[[Path, NDArray[Any]], None]
    dtype: Callable[[Path], np.dtype[Any]] | None = None  # as a file has it; None: as it is read


def stored_dtype(path: Path, mask: NDArray[Any]) -> np.dtype[Any]:
    """The dtype that a mask's ids have in their file; they are read into the narrowest.

    Of a format that is not written, it is that.
    """
    dtype = FORMATS.get(path.suffix.lower(), FORMATS[".png"]).dtype
    stored = mask.dtype if dtype is None else dtype(on_disk(path))
    return stored if stored.kind in "iu" else mask.dtype  # cellpose's own file holds objects


def write_mask(path: Path, mask: NDArray[Any]) -> None:
    """Writes a label image whole or not at all, in the format of the path's suffix."""
    with atomic(path) as temporary:
        FORMATS[path.suffix.lower()].write(temporary, mask)


def _write_png(path: Path, mask: NDArray[Any]) -> None:
    _core.write_png(os.fspath(path), mask)


def _write_npy(path: Path, mask: NDArray[Any]) -> None:
    with path.open("wb") as file:  # given a path, numpy would add to its name
        np.save(file, mask)


def _npy_dtype(path: Path) -> np.dtype[Any]:
    with path.open("rb") as file:
        return _header_dtype(file)


def _write_npz(path: Path, mask: NDArray[Any]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, mask)


def _npz_dtype(path: Path) -> np.dtype[Any]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        name = "arr_0.npy" if "arr_0.npy" in names else names[0]
        with archive.open(name) as file:
            return _header_dtype(file)


def _header_dtype(file: IO[bytes]) -> np.dtype[Any]:
    version = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    return np.dtype(read(file)[2])


FORMATS = {
    ".png": Format(_write_png),
    ".npy": Format(_write_npy, _npy_dtype),
    ".npz": Format(_write_npz, _npz_dtype),
    ".tif": Format(write_tiff, tiff_dtype),
    ".tiff": Format(write_tiff, tiff_dtype),
}
