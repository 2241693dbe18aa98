"""Cells of one image: from a label image and a channel to a table with one row per cell."""

import os
import warnings
from collections.abc import Mapping, Sequence

import pandas as pd
from numpy.typing import ArrayLike

from cellsieve import _core
from cellsieve.cells.own import Function, measure_own, split
from cellsieve.cells.settings import Settings
from cellsieve.cells.spectrum import power_spectrum_slope
from cellsieve.cells.table import Found, cell_table
from cellsieve.io.arrays import native
from cellsieve.io.readers import (
    MAX_PIXELS,
    kernels_read,
    mask_and_capacity,
    pixel_limit,
    read_channel,
)
from cellsieve.io.vocabulary import rename_columns
from cellsieve.schema.choices import Convention, Vocabulary
from cellsieve.schema.measures import BY_NAME
from cellsieve.schema.types import FilePath


def measure(
    mask: ArrayLike,
    image: ArrayLike | Mapping[str, ArrayLike],
    *,
    properties: Sequence[str | Function] = (),
    nuclei: ArrayLike | None = None,
    compartments: bool = False,
    quantile: float = 0.99,
    threshold: float | None = None,
    max_value: float | None = None,
    convention: Convention = "cellsieve",
    columns: Vocabulary = "cellsieve",
    rle: bool = False,
) -> pd.DataFrame:
    """Measures every cell of one image.

    Args:
        mask: label image, shape (rows, columns): 0 outside every cell, each positive id a cell. Ids
            are kept, whatever their order and size. uint8, uint16, uint32, uint64, int16, int32
            or int64, in any memory layout and byte order.
        image: the channel, of the same shape: uint8, uint16 or float32. Or several by name: each
            column that there is one of per channel then ends in "_" and the channel's name
            (`fraction_green`), also where only one is given so.
        properties: what to measure beside the columns below: families ("intensity", "focus",
            "shape", "place", "nuclei", "compartments"), names of columns, or "all"; see
            `cellsieve properties`. A function of a cell's mask (bool) and its pixels, both cut to
            the cell's box, may stand among them: it gives a number, or a dict of numbers.
        nuclei: a second label image of the same shape, for the families "nuclei" and
            "compartments".
        compartments: whether to add the family "compartments": the columns of "intensity" for the
            pixels in a cell's nuclei and for the others.
        quantile: the threshold is this quantile of the channel over the pixels with label 0, by
            the rule of `numpy.quantile` (2.4, method "linear"), equal to it to the last bit.
        threshold: a threshold to use instead.
        max_value: pixels are saturated from this value on; by default the largest of their type,
            and unknown for float32 (12-bit pixels in uint16: 4095).
        convention: "notebook" gives the numbers of the notebook that this package grew from:
            pixels of cells take part in the quantile as zeros; boxes are inclusive; the last row
            and column of a box are left out of both counts; a 16-bit image with a value above 255
            is divided by 255 and wrapped to 8 bits; if no pixel has label 0, the lowest id is taken
            for the background and left out.
        columns: names of the columns; see `rename_columns`.
        rle: whether to add `rle`, each cell's COCO compressed run-length encoding (see
            `encode_rle`), made in the same scan.

    Returns:
        One row per cell, by ascending `label`:

        - `label`: the id in the mask
        - `min_row`: first row
        - `min_col`: first column
        - `max_row`: one past the last row
        - `max_col`: one past the last column
        - `area`: number of pixels
        - `area_above`: number of pixels strictly above the threshold
        - `fraction`: share of the pixels that are strictly above the threshold
        - `threshold`: a quantile of the pixels with label 0, or the value that was given
        - `background_area`: number of pixels with label 0

        The last two belong to the image and are the same in every row. The box is half-open, as in
        skimage.

        Without a pixel of label 0 there is no threshold: `threshold` and `fraction` are NaN and
        `area_above` is missing. A mask without cells gives no rows.

    Raises:
        TypeError: an unsupported dtype; bool and floating-point masks are not label images.
        ValueError: not two dimensions, shapes that differ, a negative id, a NaN pixel, a quantile
            outside 0 to 1, an unknown property, or one of nuclei without nuclei.

    Warns:
        UserWarning: an id is in several separate pieces and is the largest that an 8- or 16-bit
            mask can hold, or the only one: ids may have been clipped, or the mask may not be a
            label image. Or a function among the properties failed for a cell, which has NaN.

    Example:
        >>> import numpy as np
        >>> mask = np.array([[0, 0, 0], [0, 7, 7]])
        >>> image = np.array([[1, 2, 1], [2, 2, 9]], dtype=np.uint8)
        >>> cells = measure(mask, image, quantile=0.5)
        >>> cells[["label", "area", "area_above", "fraction", "threshold"]]
           label  area  area_above  fraction  threshold
        0      7     2           2       1.0        1.5
    """
    names, own = split(properties)
    several = isinstance(image, Mapping)
    planes = list(image.values()) if isinstance(image, Mapping) else [image]
    settings = Settings(
        tuple(map(str, image)) if isinstance(image, Mapping) else (None,),
        quantile,
        threshold,
        convention,
        rle=rle,
        properties=with_compartments(names, compartments),
        own=own,
        nuclei=nuclei is not None,
        max_value=max_value,
        named=several,
    )
    found = measured(mask, planes, settings, nuclei)
    return _single(found, settings, columns)


def measure_file(
    mask_path: FilePath,
    image_path: FilePath | Mapping[str, FilePath],
    *,
    channel: str | int | Sequence[str | int] | None = None,
    properties: Sequence[str | Function] = (),
    nuclei_path: FilePath | None = None,
    compartments: bool = False,
    quantile: float = 0.99,
    threshold: float | None = None,
    max_value: float | None = None,
    convention: Convention = "cellsieve",
    columns: Vocabulary = "cellsieve",
    max_pixels: int = MAX_PIXELS,
    rle: bool = False,
) -> pd.DataFrame:
    """Measures every cell of one image on disk.

    Reading, decoding and scanning are one call outside Python's lock, so calls in several threads
    run side by side.

    Args:
        mask_path: the label image; see `read_mask`.
        image_path: the channel; see `read_image`. Or several by name, a file each.
        channel: the channel to measure, if the image has several; or a list of channels.
        nuclei_path: a second label image.
        properties, compartments, quantile, threshold, max_value, convention, columns, rle: as for
            `measure`.
        max_pixels: files that declare more are refused.

    Returns:
        As `measure`.

    Raises:
        OSError: a file can't be opened.
        ValueError: as `measure`, `read_image` and `read_mask`; the message begins with the file.
        ImportError: a TIFF file, and the extra `tiff` is not installed.

    Warns:
        UserWarning: as `measure`.
    """
    names, own = split(properties)
    if isinstance(image_path, Mapping):
        if channel is not None:
            raise ValueError("channel: found one beside channels by name; expected only either")
        channels: tuple[str | int | None, ...] = tuple(image_path)
        paths = list(image_path.values())
    else:
        if channel is None or isinstance(channel, (str, int)):
            channel = [channel]  # type: ignore[list-item]
        channels = tuple(channel)
        paths = [image_path] * len(channels)
    settings = Settings(
        channels,
        quantile,
        threshold,
        convention,
        max_pixels,
        rle,
        properties=with_compartments(names, compartments),
        own=own,
        nuclei=nuclei_path is not None,
        max_value=max_value,
        named=isinstance(image_path, Mapping),
    )
    found = measured_files(mask_path, paths, settings, nuclei_path)
    return _single(found, settings, columns)


def with_compartments(properties: Sequence[str], compartments: bool) -> tuple[str, ...]:
    """The properties, with those of the compartments if these are wanted."""
    added = compartments and "compartments" not in properties
    return (*properties, "compartments") if added else tuple(properties)


def measured(
    mask: ArrayLike,
    planes: Sequence[ArrayLike],
    settings: Settings,
    nuclei: ArrayLike | None = None,
    clip: int | None = None,
) -> Found:
    """What is found in one image; `clip` is the largest id that the mask's file could hold."""
    labels, pixels = native(mask), [native(plane) for plane in planes]
    cells = _core.measure(
        labels,
        pixels,
        settings.kernels,
        nuclei=None if nuclei is None else native(nuclei),
        compartments=settings.kernels_apart,
        quantile=settings.quantile,
        threshold=settings.threshold,
        saturation=settings.max_value,
        convention=settings.convention,
        rle=settings.rle,
        clip=clip,
    )
    if not settings.in_python:
        return Found(cells)
    by_channel = dict(zip(settings.suffixes, pixels, strict=True))
    own, problems = measure_own(settings.own, labels, by_channel, cells)
    slope = BY_NAME["power_spectrum_slope"]
    image = {}
    if slope in settings.measures:
        image = {
            slope.column(name): power_spectrum_slope(each) for name, each in by_channel.items()
        }
    return Found(cells, own, image, problems)


def measured_files(
    mask: FilePath,
    channels: Sequence[FilePath],
    settings: Settings,
    nuclei: FilePath | None = None,
) -> Found:
    """One call into the kernels, unless pixels have to go through Python."""
    masks = [mask] if nuclei is None else [mask, nuclei]
    if kernels_read(*masks, *channels) and not settings.in_python:
        paths = [os.fspath(path) for path in channels]
        cells = _core.measure_file(
            os.fspath(mask),
            list(zip(paths, settings.wanted, strict=True)),
            settings.kernels,
            max_pixels=pixel_limit(settings.max_pixels),
            nuclei_path=None if nuclei is None else os.fspath(nuclei),
            compartments=settings.kernels_apart,
            quantile=settings.quantile,
            threshold=settings.threshold,
            saturation=settings.max_value,
            convention=settings.convention,
            rle=settings.rle,
            exact=settings.exact,
        )
        return Found(cells)
    planes = [
        read_channel(path, name, settings.max_pixels, exact=settings.exact)
        for path, name in zip(channels, settings.wanted, strict=True)
    ]
    shape = planes[0].shape[:2]
    labels, clip = mask_and_capacity(mask, settings.max_pixels, shape=shape)
    second = None
    if nuclei is not None:
        second, _ = mask_and_capacity(nuclei, settings.max_pixels, shape=shape)
    try:
        return measured(labels, planes, settings, second, clip)
    except ValueError as error:
        raise ValueError(f"{os.fspath(channels[0])}: {error}") from error


def _single(found: Found, settings: Settings, columns: Vocabulary) -> pd.DataFrame:
    if found.warning is not None:
        warnings.warn(found.warning, stacklevel=3)
    return rename_columns(cell_table([found], settings), columns)
