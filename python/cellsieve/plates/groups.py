"""Plate groups: classes that are together on one plate in every experiment."""

import numpy as np
from numpy.typing import NDArray


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
