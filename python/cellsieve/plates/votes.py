"""Which classes the wells of each plate vote for, and how much each vote says."""

import numpy as np
from numpy.typing import NDArray

from cellsieve.plates.layout import Layout
from cellsieve.plates.wells import Wells

Floats = NDArray[np.float64]


def vote_weights(
    plate: NDArray[np.int64], votes: NDArray[np.int64], slots: NDArray[np.int64]
) -> Floats:
    """How much each vote counts: 1, or less the more wells of its plate vote for the same class.

    The class is in one of them at most. If classes not on the plate get Poisson numbers of votes
    whose rates vary between classes as a gamma distribution of shape a, that a class with m votes
    is there is m / (m - 1 + a) times as probable as before, up to a factor; so each of its votes
    counts as a / (m - 1 + a). Found by moments, a is infinite where votes do not crowd. Where a
    class is in several wells (`slots`), votes beyond so many crowd.
    """
    n_classes = len(slots)
    key = plate * n_classes + votes
    shared = np.bincount(key)[key]
    size = np.bincount(plate)
    beyond = np.maximum(shared - slots[votes], 0)
    pairs = float(beyond.sum())
    by_chance = float((size.astype(float) ** 2).sum()) / n_classes
    crowding = max(pairs / by_chance - 1, 0.0)
    weight: Floats = 1 / (1 + beyond * crowding)
    return weight


def vote_table(layout: Layout, wells: Wells, votes: NDArray[np.int64], weight: Floats) -> Floats:
    """How many wells of each experiment and plate vote for each group.

    Unequal weights are scaled so that sums vary as counts of their own size do.
    """
    count = np.zeros((len(wells.experiments), len(layout.plates), layout.n_groups))
    scaled = weight * (weight.sum() / (weight**2).sum())
    np.add.at(count, (wells.experiment, wells.plate, layout.group[votes]), scaled)
    return count
