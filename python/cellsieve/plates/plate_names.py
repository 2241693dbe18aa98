"""Plates by their names: the same in each experiment, or barcodes that each has of its own."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def sorted_codes(values: pd.Series) -> tuple[Integers, pd.Index]:
    """Codes and the distinct values in ascending order; by text where they do not compare."""
    codes, distinct = pd.factorize(values)
    index = pd.Index(distinct)
    try:
        order = index.argsort()
    except TypeError:
        order = index.map(str).argsort()
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes], index.take(order)


def plate_codes(
    experiment: Integers, names: pd.Series
) -> tuple[Integers, pd.Index, NDArray[Any] | None]:
    """The plate of each well, what plates are called, and barcodes.

    Where no name is in two experiments, names are barcodes: plates are numbered 1, 2, ... in each
    experiment, and the third result says what each is called.
    """
    code, plates = sorted_codes(names)
    of_plate = np.full(len(plates), -1)
    of_plate[code] = experiment
    if experiment.max(initial=0) < 1 or (of_plate[code] != experiment).any():
        return code, plates, None
    number, barcodes = numbered(experiment, code, plates)
    return number, pd.Index(range(1, barcodes.shape[1] + 1)), barcodes


def numbered(
    experiment: Integers, code: Integers, names: pd.Index
) -> tuple[Integers, NDArray[Any]]:
    """The place of each well's plate among those of its experiment, and what each is called.

    Places follow the order of the names. `(experiments, plates)`, `None` where there are fewer.
    """
    pairs, of_row = np.unique(experiment * len(names) + code, return_inverse=True)
    of_pair = pairs // len(names)
    start = np.searchsorted(of_pair, np.arange(int(experiment.max(initial=-1)) + 1))
    place = np.arange(len(pairs)) - start[of_pair]
    called = np.full((len(start), int(place.max(initial=-1)) + 1), None, object)
    called[of_pair, place] = names.take(pairs % len(names)).to_numpy(object)
    return place[of_row], called
