"""Plate groups: classes that are together on one plate in every experiment."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def connected(bag: NDArray[np.int64], item: NDArray[np.int64], items: int) -> NDArray[np.int64]:
    """The group of each item, where items of one bag are in one group; by first item.

    `bag[i]` holds `item[i]`. The lowest item of a bag is passed on until nothing changes. (Each
    command does this, and to import scipy's graphs for it takes longer than all else it does.)
    """
    group = np.arange(items)
    while True:
        lowest = np.full(bag.max(initial=-1) + 1, items)
        np.minimum.at(lowest, bag, group[item])
        new = group.copy()
        np.minimum.at(new, item, lowest[bag])
        if np.array_equal(new, group):
            return np.unique(group, return_inverse=True)[1]
        group = new


def majority(
    experiment: NDArray[np.int64],
    plate: NDArray[np.int64],
    item: NDArray[np.int64],
    items: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Groups by what most experiments say, and the wells that disagree with them.

    Two items are linked if they share a plate in more than half of the experiments that have
    both. Used to say which wells are to blame once `connected` has met a contradiction.
    """
    from scipy.sparse.csgraph import connected_components  # here: as said of `connected`

    bag = experiment * (plate.max() + 1) + plate
    on = np.zeros((items, bag.max() + 1), np.float32)
    on[item, bag] = 1
    present = np.zeros((items, experiment.max() + 1), np.float32)
    present[item, experiment] = 1
    together = on @ on.T
    linked = together * 2 > present @ present.T
    group = connected_components(linked, directed=False)[1].astype(np.int64)
    # The plate of a group in an experiment is where most of its items are.
    size = (experiment.max() + 1, group.max() + 1, plate.max() + 1)
    counts = np.zeros(size, np.int64)
    np.add.at(counts, (experiment, group[item], plate), 1)
    expected = counts.argmax(axis=2)[experiment, group[item]]
    wrong = np.flatnonzero(expected != plate)
    return group, wrong


def on_every_plate(
    experiment: Integers, bag: Integers, item: Integers, items: int
) -> NDArray[np.bool_]:
    """Which items are on more than half of the plates, of experiments that have several: controls.

    (An item of a group is on one plate of each experiment.) `bag[i]` is the plate, different ones
    for different experiments.
    """
    of_bag = np.zeros(bag.max() + 1, np.int64)
    of_bag[bag] = experiment
    plates = np.bincount(of_bag[pd.unique(bag)], minlength=experiment.max() + 1)
    several = plates[experiment] > 1
    if not several.any():
        return np.zeros(items, bool)
    on = pd.unique(bag[several] * items + item[several]) % items
    return np.asarray(np.bincount(on, minlength=items) * 2 > plates[plates > 1].sum())


def slots(
    experiment: Integers, bag: Integers, item: Integers, items: int
) -> tuple[Integers, Integers]:
    """In how many wells of its plate each item is, at most; and wells of items that stand twice.

    These are on two plates of one experiment, or on a plate more than once where most experiments
    have them once.
    """
    of_row, keys = pd.factorize(item * (experiment.max() + 1) + experiment)
    wells, items_of = np.bincount(of_row), keys // (experiment.max() + 1)
    most = np.zeros(items, np.int64)
    np.maximum.at(most, items_of, wells)
    once = np.bincount(items_of, wells == 1) * 2 > np.bincount(items_of)
    first_bag = np.full(len(wells), bag.max() + 1)
    np.minimum.at(first_bag, of_row, bag)
    apart = np.zeros(len(wells), bool)
    np.logical_or.at(apart, of_row, bag != first_bag[of_row])
    twice = apart | (once[items_of] & (wells > 1))
    rows = np.flatnonzero(twice[of_row])
    return most, rows[np.argsort(of_row[rows], kind="stable")]
