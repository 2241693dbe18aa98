"""Where wells are: from their names to rows and columns, from their ids to experiment and plate."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellsieve.schema.text import STRING

SHAPES = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
"""Rows and columns of plates with 6, 12, 24, 48, 96, 384 and 1,536 wells."""
WELL = re.compile(r"\s*([A-Za-z]{1,2})0*([1-9][0-9]{0,2})\s*")
ID = re.compile(rf"(?P<experiment>.+)_(?P<plate>[^_]+)_(?P<well>{WELL.pattern})")
PLACE = ("experiment", "plate", "well")
NAMED = 10
"""Names at most in one message."""


def well_places(wells: ArrayLike, source: str = "well") -> NDArray[np.int64]:
    """Rows and columns of wells, counted from 0: "B02" and "b2" are (1, 1), "AA1" is (26, 0).

    Args:
        wells: the names, in one dimension.
        source: what a message says the names are.

    Returns:
        int64 of shape (wells, 2).

    Raises:
        ValueError: names that are not one or two letters and a number from 1 to 999.
    """
    codes, names = pd.factorize(np.asarray(wells, object))
    matches = [WELL.fullmatch(str(name)) for name in names]
    strange = [str(name) for name, match in zip(names, matches, strict=True) if match is None]
    if (codes < 0).any():
        strange.append("a missing value")
    if strange:
        more = f" and {len(strange) - NAMED} more" if len(strange) > NAMED else ""
        raise ValueError(
            f"{source}: found {', '.join(strange[:NAMED])}{more}; expected letters and a number, "
            "as B02"
        )
    places = [(_row(match[1]), int(match[2]) - 1) for match in matches if match]
    return np.array(places, np.int64).reshape(-1, 2)[codes]


def _row(letters: str) -> int:
    row = 0
    for letter in letters.upper():
        row = 26 * row + ord(letter) - ord("A") + 1
    return row - 1


def with_places(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """The table, called `source` in messages, with the columns experiment, plate and well.

    Those that it lacks are taken from its ids: the first column, of the form
    experiment_plate_well, as "HUVEC-18_1_B02". No column of the table is ever replaced.

    Raises:
        ValueError: it lacks some of them, and an id is of another form.
    """
    missing = [name for name in PLACE if name not in table.columns]
    if not missing or table.empty:
        return table.assign(**dict.fromkeys(missing, pd.Series(dtype=STRING)))
    ids = table.iloc[:, 0].astype(STRING)
    parts = [ID.fullmatch(each) for each in ids]
    if None in parts:
        strange = ids.iloc[parts.index(None)]
        raise ValueError(
            f"{source}: no column {', '.join(missing)}, and {table.columns[0]} {strange!r} is not "
            "of the form experiment_plate_well, as 'HUVEC-18_1_B02'"
        )
    return table.assign(**{name: [part[name] for part in parts if part] for name in missing})


def row_name(row: int) -> str:
    """The letters of a row: A, B, ... Z, AA, AB."""
    return (chr(64 + row // 26) if row >= 26 else "") + chr(65 + row % 26)


def plate_shape(places: NDArray[np.int64], source: str = "well") -> tuple[int, int]:
    """Rows and columns of the smallest usual plate that holds the wells; 6 wells if there are none.

    Raises:
        ValueError: a well that lies outside a plate of 1,536 wells.
    """
    refuse_outside(places, SHAPES[-1], source)
    last = places.max(axis=0, initial=0)
    return next(shape for shape in SHAPES if (last < shape).all())


def refuse_outside(places: NDArray[np.int64], shape: tuple[int, int], source: str = "well") -> None:
    """Refuses wells that a plate of so many rows and columns doesn't have.

    Raises:
        ValueError: it names the first of them.
    """
    outside = (places >= shape).any(axis=1)
    if outside.any():
        row, column = places[outside.argmax()].tolist()
        raise ValueError(
            f"{source}: found {row_name(row)}{column + 1:02d}; expected wells of a plate of "
            f"{shape[0]} rows and {shape[1]} columns, up to {row_name(shape[0] - 1)}{shape[1]:02d}"
        )


def plate_map(
    wells: Iterable[str], values: "pd.Series[float]", shape: tuple[int, int] | None = None
) -> NDArray[np.float64]:
    """One value per well as an image of the plate.

    Args:
        wells: the names of the wells.
        values: a value for each. A well that appears several times has the mean of its values.
        shape: rows and columns of the plate; the smallest usual plate that holds the wells if not
            given.

    Returns:
        float64 of that shape, NaN where there is no well, or no value.

    Raises:
        ValueError: a name that is not a well's, or a well outside the plate.
    """
    places = well_places(np.asarray(list(wells), object))
    if shape is None:
        shape = plate_shape(places)
    refuse_outside(places, shape)
    numbers = values.astype("float64").to_numpy()
    known = ~np.isnan(numbers)
    total, many = np.zeros(shape), np.zeros(shape)
    at = (places[known, 0], places[known, 1])
    np.add.at(total, at, numbers[known])
    np.add.at(many, at, 1)
    mean: NDArray[np.float64] = np.full(shape, np.nan)
    np.divide(total, many, out=mean, where=many > 0)
    return mean
