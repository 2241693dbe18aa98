"""The image table: one row per image, with its files and what became of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from cellsieve.schema.cells import CELL_COLUMNS, RLE_COLUMN
from cellsieve.schema.measures import BY_NAME
from cellsieve.schema.text import STRING

PATH = "path_"  # columns of files begin so: path_mask, path_green, ...
MASK = PATH + "mask"
NUCLEI = PATH + "nuclei"  # a second label image
MASKS = (MASK, NUCLEI)

WHOLE = "image"  # what the channel is called where one file holds all channels of an image

#: `status` of images whose cells are in the table; the rest are in the image table alone.
MEASURED = ("measured", "no_background")
NO_IMAGE, NO_MASK, UNUSABLE = "no_image", "no_mask", "unusable"  # of those never tried


#: Names of columns that no part of an id may have.
TAKEN = frozenset(
    {"image", "mask", "channel", "problem", "quantile", "convention", "height", "width", "cells"}
    | {"status", "error", "warning", "settings", "part", "clean", "reason"}
    | {*CELL_COLUMNS, *RLE_COLUMN, *BY_NAME}
)


def check_parts(names: Iterable[str]) -> None:
    """Refuses parts of an id that have the name of another column of an image or cell table.

    Raises:
        ValueError: there is one.
    """
    for name in names:
        if name in TAKEN or name.startswith(PATH):
            raise ValueError(
                f"{{{name}}}: is the name of another column of the tables; call this part of the "
                "id something else, as plate, well or field"
            )


def path_columns(names: Iterable[str]) -> list[str]:
    """The columns that hold files: `path_mask`, and `path_<channel>` for each channel."""
    return [name for name in names if name.startswith(PATH)]


def channel_names(columns: Iterable[Any]) -> list[str]:
    """The channels that an image table has columns for; [`WHOLE`] where a file holds all."""
    paths = path_columns(map(str, columns))
    return [name.removeprefix(PATH) for name in paths if name not in MASKS]


def path_column(channels: Sequence[str], channel: str) -> str:
    """The column of a channel's files, in a table that has these channels."""
    return PATH + (WHOLE if is_whole(channels) else channel)


def channel_files(row: "pd.Series[Any] | Mapping[str, Any]") -> dict[str, str]:
    """The channels of one image, a row of its table, that have a file; and the files."""
    files = {name: row[PATH + name] for name in channel_names(row.keys())}
    return {name: str(file) for name, file in files.items() if pd.notna(file)}


def measured_channels(images: pd.DataFrame) -> list[str]:
    """The channels that an image table says were measured, in the order in which they were."""
    given = (
        images["channel"].dropna().astype(STRING).unique().tolist() if "channel" in images else []
    )
    return list(dict.fromkeys(name for text in given for name in text.split(",")))


def is_whole(channels: Iterable[str]) -> bool:
    """Whether one file holds all channels; then only the file knows which there are."""
    return list(channels) == [WHOLE]


def file_of(files: Mapping[str, str], channel: str) -> str | None:
    """The file of a channel, which may be the one that holds all; None where there is none."""
    return files.get(channel, files.get(WHOLE))
