"""How a file is read where its name alone does not say: "stack.tif#z=max" is a path and a choice.

The choice stands behind the path wherever that is kept, so every command that finds a file in an
image table reads the same of it.
"""

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from cellsieve.schema.types import FilePath

Z, PAGES, CHANNEL, SCALE, PICKLE = "z", "pages", "channel", "scale", "pickle"

MAX, CHANNELS, NEAREST, ALLOWED = "max", "channels", "nearest", "allowed"

#: What may be chosen, and how.
_VALUES = {
    Z: rf"{MAX}|\d+",
    PAGES: rf"{CHANNELS}|{Z}",
    CHANNEL: "[^#&/]+",
    SCALE: NEAREST,
    PICKLE: ALLOWED,
}

_PAIR = "|".join(f"{key}=(?:{value})" for key, value in _VALUES.items())
_CHOSEN = re.compile(rf"(?P<path>.+)#(?P<pairs>(?:{_PAIR})(?:&(?:{_PAIR}))*)", re.DOTALL)


ZARR = ".zarr"  # what a folder's name ends with that holds an image


def in_zarr(name: str) -> bool:
    """Whether that is such a folder, or lies in one."""
    return f"{ZARR}/" in f"{name.partition('::')[0]}/".lower()


class Reading(NamedTuple):
    """A path, and what is chosen of its file."""

    path: str
    choice: Mapping[str, str]


def reading(file: FilePath) -> Reading:
    """The path, and the choice that stands behind it."""
    text = os.fspath(file)
    found = _CHOSEN.fullmatch(text) if "#" in text else None
    if found is None:
        return Reading(text, {})
    pairs = (pair.partition("=") for pair in found["pairs"].split("&"))
    return Reading(found["path"], {key: value for key, _, value in pairs})


def chosen(file: FilePath, **choice: str | int | None) -> str:
    """The path with this choice behind it, besides what stands there; None chooses nothing.

    Raises:
        ValueError: there is no such choice.
    """
    path, before = reading(file)
    given = {key: str(value) for key, value in choice.items() if value is not None}
    for key, value in given.items():
        if not re.fullmatch(_VALUES[key], value):
            expected = {Z: "a number from 0, or max", PAGES: "channels or z", SCALE: "nearest"}
            raise ValueError(
                f"{key}: found {value!r}; expected {expected.get(key, 'a name without #, & and /')}"
            )
    pairs = [f"{key}={value}" for key, value in sorted({**before, **given}.items())]
    return f"{path}#{'&'.join(pairs)}" if pairs else path
