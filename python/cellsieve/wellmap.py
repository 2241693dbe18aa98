"""Wells of a plate: from their names to rows and columns."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: The rows and columns of the usual plates, by ascending number of wells.
SHAPES = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))


def well_place(name: str) -> tuple[int, int]:
    """Row and column of a well, counted from 0: "B02" is (1, 1), "AA1" is (26, 0).

    Raises:
        ValueError: not a letter or two and a number from 1.
    """
    match = re.fullmatch(r"\s*([A-Za-z]{1,2})0*([1-9]\d{0,2})\s*", str(name))
    if not match:
        raise ValueError(f"well: found {name!r}; expected letters and a number, as 'B02'")
    row = 0
    for letter in match[1].upper():
        row = 26 * row + ord(letter) - ord("A") + 1
    return row - 1, int(match[2]) - 1


def row_name(row: int) -> str:
    """The letters of a row: A, B, ... Z, AA, AB."""
    return (chr(64 + row // 26) if row >= 26 else "") + chr(65 + row % 26)


def plate_map(
    wells: Iterable[str], values: "pd.Series[float]", shape: tuple[int, int] | None = None
) -> NDArray[np.float64]:
    """A value a well as an image of the plate.

    Args:
        wells: the names of the wells.
        values: a value each. Of a well that stands there several times, the mean of its values.
        shape: rows and columns of the plate; the smallest usual plate that holds the wells if not
            given.

    Returns:
        float64 of that shape, NaN where there is no well or no value.

    Raises:
        ValueError: a name that is no well, or a well outside the plate.
    """
    names = list(wells)
    places = np.array([well_place(name) for name in names], np.int64).reshape(-1, 2)
    rows, columns = (places.max(axis=0) + 1).tolist() if len(places) else (1, 1)
    if shape is None:
        fitting = (usual for usual in SHAPES if usual[0] >= rows and usual[1] >= columns)
        shape = next(fitting, (rows, columns))
    if rows > shape[0] or columns > shape[1]:
        beyond = (places >= shape).any(axis=1).argmax()
        raise ValueError(
            f"well: found {names[beyond]!r}; expected a well of a plate of {shape[0]} rows and "
            f"{shape[1]} columns"
        )
    numbers = values.astype("float64").to_numpy()
    known = ~np.isnan(numbers)
    total, many = np.zeros(shape), np.zeros(shape)
    at = (places[known, 0], places[known, 1])
    np.add.at(total, at, numbers[known])
    np.add.at(many, at, 1)
    mean: NDArray[np.float64] = np.full(shape, np.nan)
    np.divide(total, many, out=mean, where=many > 0)
    return mean
