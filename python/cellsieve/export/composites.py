"""RGB pictures of several channels, for people and for networks that take photographs."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellsieve import _core
from cellsieve.io.extras import require
from cellsieve.io.places import atomic
from cellsieve.schema.colours import COLOURS


def check_colours(colours: Mapping[str, str]) -> None:
    """Refuses colours without a name here.

    Raises:
        ValueError: no colours, or an unknown one.
    """
    unknown = [colour for colour in colours.values() if colour not in COLOURS]
    if unknown or not colours:
        found = ", ".join(map(repr, unknown)) or "none"
        raise ValueError(f"colours: found {found}; expected {', '.join(COLOURS)}")


def composite(channels: Sequence[NDArray[Any]], colours: Sequence[str]) -> NDArray[np.uint8]:
    """Channels shown in colours and added up.

    Args:
        channels: arrays of one shape (rows, columns), uint8 or uint16. 8-bit values stay as they
            are; 16-bit ones are brought from 0..65535 to 0..255.
        colours: a name of `COLOURS` for each.

    Returns:
        uint8, shape (rows, columns, 3); sums above 255 become 255.

    Raises:
        TypeError: another dtype.
    """
    picture = np.zeros((*channels[0].shape, 3), np.uint8)
    for channel, colour in zip(channels, colours, strict=True):
        light = _eight_bits(channel)
        for place, part in enumerate(COLOURS[colour]):
            if part:
                plane = picture[..., place]
                # Without a wider copy: what is left up to 255 is all that may be added.
                plane += np.minimum(light, 255 - plane)
    return picture


def encode_picture(picture: NDArray[np.uint8], kind: str) -> bytes:
    """The bytes of a PNG or JPEG file.

    Raises:
        ImportError: JPEG, and the extra `jpeg` is not installed.
    """
    if kind == "png":
        return _core.encode_png(picture)
    image = require("PIL.Image", "jpeg", "writing .jpg")
    file = io.BytesIO()
    image.fromarray(picture).save(file, "JPEG", quality=95)
    return file.getvalue()


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def _eight_bits(channel: NDArray[Any]) -> NDArray[np.uint8]:
    if channel.dtype == np.uint8:
        return channel
    if channel.dtype == np.uint16:
        return ((channel.astype(np.uint32) + 128) // 257).astype(np.uint8)
    raise TypeError(f"channels: dtype {channel.dtype} can't be shown; expected uint8 or uint16")
