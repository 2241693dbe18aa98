"""Cells of one image: from a label image and a channel to a table with one row per cell."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellsieve import _core
from cellsieve.io.arrays import native
from cellsieve.io.readers import (
    MAX_PIXELS,
    kernels_read,
    mask_and_capacity,
    pixel_limit,
    read_channel,
)
from cellsieve.schema.cells import CELL_COLUMNS, RLE_COLUMN
from cellsieve.schema.choices import Convention, Vocabulary, check_choice
from cellsieve.schema.images import WHOLE
from cellsieve.schema.measures import DEFAULT, Measure, kernels
from cellsieve.schema.types import FilePath
from cellsieve.schema.vocabulary import rename_columns

_KERNELS = kernels(DEFAULT)


@dataclass(frozen=True)
class Settings:
    """All that decides the numbers, apart from the files."""

    channel: str | int | None = "green"
    quantile: float = 0.99
    threshold: float | None = None
    convention: Convention = "cellsieve"
    max_pixels: int = MAX_PIXELS
    rle: bool = False  # whether cells are encoded in the same scan; changes no number
    exact: bool = False  # whether the files themselves must know a channel of that name
    parts: tuple[str, ...] = ()  # columns that say more of each image: see `ImageSet.parts`

    def __post_init__(self) -> None:
        """Refuses settings that no image could be measured with."""
        if not 0 <= self.quantile <= 1:
            raise ValueError(f"quantile: found {self.quantile}; expected a number from 0 to 1")
        if self.threshold is not None and self.threshold != self.threshold:
            raise ValueError("threshold: found NaN; expected a number")
        check_choice("convention", self.convention, Convention)
        pixel_limit(self.max_pixels)

    @property
    def wanted(self) -> str | None:
        """The channel to ask a file for; None for its only one."""
        only = self.channel is None or (self.exact and self.channel == WHOLE)
        return None if only else str(self.channel)

    @property
    def columns(self) -> dict[str, str]:
        """The columns of the cell table and their types."""
        first = dict.fromkeys(("image_id", "class_label", *self.parts), "str")
        return {**first, **CELL_COLUMNS, **(RLE_COLUMN if self.rle else {})}


def measure(
    mask: ArrayLike,
    image: ArrayLike,
    *,
    quantile: float = 0.99,
    threshold: float | None = None,
    convention: Convention = "cellsieve",
    columns: Vocabulary = "cellsieve",
    rle: bool = False,
) -> pd.DataFrame:
    """Measures every cell of one image.

    Args:
        mask: label image, shape (rows, columns): 0 outside every cell, each positive id a cell. Ids
            are kept, whatever their order and size. uint8, uint16, uint32, uint64, int16, int32
            or int64, in any memory layout and byte order.
        image: the channel, of the same shape: uint8, uint16 or float32.
        quantile: the threshold is this quantile of the channel over the pixels with label 0, by
            the rule of `numpy.quantile` (2.4, method "linear"), equal to it to the last bit.
        threshold: a threshold to use instead.
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
            outside 0 to 1.

    Warns:
        UserWarning: an id is in several separate pieces and is the largest that an 8- or 16-bit
            mask can hold, or the only one: ids may have been clipped, or the mask may not be a
            label image.

    Example:
        >>> import numpy as np
        >>> mask = np.array([[0, 0, 0], [0, 7, 7]])
        >>> image = np.array([[1, 2, 1], [2, 2, 9]], dtype=np.uint8)
        >>> cells = measure(mask, image, quantile=0.5)
        >>> cells[["label", "area", "area_above", "fraction", "threshold"]]
           label  area  area_above  fraction  threshold
        0      7     2           2       1.0        1.5
    """
    settings = Settings(None, quantile, threshold, convention, rle=rle)
    return _single(measured(mask, image, settings), columns)


def measure_file(
    mask_path: FilePath,
    image_path: FilePath,
    *,
    channel: str | int | None = None,
    quantile: float = 0.99,
    threshold: float | None = None,
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
        image_path: the channel; see `read_image`.
        channel: the channel to measure, if the image has several.
        quantile, threshold, convention, columns, rle: as for `measure`.
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
    settings = Settings(channel, quantile, threshold, convention, max_pixels, rle)
    return _single(measured_file(mask_path, image_path, settings), columns)


def cell_table(*images: _core.Cells, measures: Sequence[Measure] = DEFAULT) -> pd.DataFrame:
    """The cells of several images, one image after the other."""
    counts = [len(cells) for cells in images]
    values: dict[str, NDArray[Any]] = {}
    for measure in measures:
        dtype = measure.dtype.lower()
        if measure.scope == "image":
            of_images = np.array([getattr(cells, measure.name) for cells in images], dtype)
            values[measure.name] = np.repeat(of_images, counts)
        elif measure.function is None:
            parts = [cells.columns[measure.name] for cells in images]
            values[measure.name] = np.concatenate([np.zeros(0, dtype), *parts])
        else:
            values[measure.name] = measure.function(*(values[name] for name in measure.sources))
    unknown = np.repeat(np.array([np.isnan(cells.threshold) for cells in images], bool), counts)
    columns: dict[str, Any] = {}
    for measure in measures:
        column: Any = values[measure.name]
        if measure.needs == "threshold" and measure.scope != "image":
            if measure.dtype == "Int64":
                column = pd.arrays.IntegerArray(column, unknown)
            else:
                column = np.where(unknown, np.nan, column)
        columns[measure.name] = column
    if images and images[0].rle is not None:
        texts = [text for cells in images for text in cells.rle or ()]
        columns["rle"] = pd.Series(texts, dtype="str")
    return pd.DataFrame(columns)


def measured(
    mask: ArrayLike, image: ArrayLike, settings: Settings, clip: int | None = None
) -> _core.Cells:
    """One call into the kernels; `clip` is the largest id that the mask's file could hold."""
    return _core.measure(
        native(mask),
        native(image),
        _KERNELS,
        quantile=settings.quantile,
        threshold=settings.threshold,
        convention=settings.convention,
        rle=settings.rle,
        clip=clip,
    )


def measured_file(mask: FilePath, image: FilePath, settings: Settings) -> _core.Cells:
    """One call into the kernels, unless a file has to be read through Python."""
    if kernels_read(mask, image):
        return _core.measure_file(
            os.fspath(mask),
            os.fspath(image),
            settings.wanted,
            _KERNELS,
            max_pixels=pixel_limit(settings.max_pixels),
            quantile=settings.quantile,
            threshold=settings.threshold,
            convention=settings.convention,
            rle=settings.rle,
            exact=settings.exact,
        )
    pixels = read_channel(image, settings.wanted, settings.max_pixels, exact=settings.exact)
    labels, clip = mask_and_capacity(mask, settings.max_pixels, shape=pixels.shape[:2])
    try:
        return measured(labels, pixels, settings, clip)
    except ValueError as error:
        raise ValueError(f"{os.fspath(image)}: {error}") from error


def _single(measured: _core.Cells, columns: Vocabulary) -> pd.DataFrame:
    if measured.warning is not None:
        warnings.warn(measured.warning, stacklevel=3)
    return rename_columns(cell_table(measured), columns)
