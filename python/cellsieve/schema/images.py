"""The image table: one row per image, with its files and what became of it."""

from collections.abc import Iterable
from typing import Any

PATH = "path_"  # columns of files begin so: path_mask, path_green, ...
MASK = PATH + "mask"

#: `status` of images whose cells are in the table; the rest are in the image table alone.
MEASURED = ("measured", "no_background")


def path_columns(names: Iterable[str]) -> list[str]:
    """The columns that hold files: `path_mask`, and `path_<channel>` for each channel."""
    return [name for name in names if name.startswith(PATH)]


def channel_names(columns: Iterable[Any]) -> list[str]:
    """The channels that an image table has a column for, in its order."""
    return [path.removeprefix(PATH) for path in path_columns(map(str, columns)) if path != MASK]
