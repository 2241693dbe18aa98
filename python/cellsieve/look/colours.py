"""Channels in colours: which are shown, in which colour, and how bright."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.io.channels import check_known
from cellsieve.io.readers import file_channels
from cellsieve.schema.colours import COLOURS, SHOWN
from cellsieve.schema.images import PATH, WHOLE, channel_names, is_whole, measured_channels
from cellsieve.schema.measures import channels_of, described

Colours = NDArray[np.uint8]
"""A picture of shape (rows, columns, 3)."""

GRAY = COLOURS["white"]  # what a channel looks like that is not named after a colour
#: Red, green and blue of what became of a cell, for outlines on black; also told apart by those who
#: see no red, no green or no blue.
VERDICTS = {
    "kept": (92, 205, 175),
    "flagged": (110, 110, 255),
    "cut": (255, 140, 90),
    "by_hand": (255, 140, 90),
    "unjudged": (235, 235, 245),
}
BLACK, WHITE = 0.01, 0.998  # the quantiles of a channel that become black and full colour


def default_channels(images: pd.DataFrame) -> tuple[str, ...]:
    """What is shown of an image table's channels, unless some are chosen.

    Red, green and blue, as far as there are; where none of them was measured, what was.
    """
    names = channel_names(images.columns)
    measured = [name for name in measured_channels(images) if name in names]
    colours = tuple(name for name in SHOWN if name in names)
    if measured and not set(measured) & set(colours):
        return tuple(measured)
    return colours or tuple(names[:1])


def shown_channels(
    channels: Sequence[str] | None, images: pd.DataFrame, table: pd.DataFrame, column: str
) -> tuple[str, ...]:
    """What pictures show of an image table's channels: those that were chosen, or the default.

    Where one file holds all channels of an image, that is the whole of a colour image, and of
    another the channel that the column was measured in, or else the first measured one.

    Raises:
        ValueError: no image has a channel that was chosen.
        ImportError: the library that reads the files is not installed.
    """
    names = channel_names(images.columns)
    files = images[PATH + WHOLE].dropna() if is_whole(names) else ()
    if channels and not (is_whole(names) and tuple(channels) == (WHOLE,)):
        check_known(channels, names, files)
        return tuple(channels)
    if not is_whole(names):
        return default_channels(images)
    _, own = described(column, channels_of(map(str, table.columns))) or (None, None)
    for path in files:
        try:
            held = file_channels(path)
        except (OSError, ValueError):  # that is said where its picture would be
            continue
        known = {name for each in held for name in each}
        wanted = [name for name in (own, *measured_channels(images)) if name in known]
        return (WHOLE,) if {*SHOWN} <= known else (*wanted, held[0][0])[:1]
    return (WHOLE,)


def contrast(plane: NDArray[Any]) -> tuple[float, float]:
    """The values of a channel shown as black and as full colour; the same for a whole image.

    So cells of one image can be compared with each other, and a dark one looks dark.
    """
    sample = plane[:: max(1, plane.shape[0] // 512), :: max(1, plane.shape[1] // 512)]
    sample = sample[np.isfinite(sample)] if sample.dtype.kind == "f" else sample
    if not sample.size:
        return 0.0, 1.0
    low, high = np.quantile(sample, [BLACK, WHITE])
    return float(low), float(high if high > low else low + 1)


def compose(
    planes: Sequence[tuple[str, NDArray[Any], tuple[float, float]]],
) -> Colours:
    """Channels in their colours, added up; uint8, shape (rows, columns, 3)."""
    total = np.zeros((*planes[0][1].shape[:2], 3), np.float32)
    for name, plane, (low, high) in planes:
        scaled = np.clip((plane.astype(np.float32) - low) / (high - low), 0, 1)
        if scaled.ndim == 3:
            total += scaled
        else:
            total += scaled[:, :, None] * np.asarray(COLOURS.get(name, GRAY), np.float32)
    colours: Colours = (np.clip(np.nan_to_num(total), 0, 1) * 255).astype(np.uint8)
    return colours
