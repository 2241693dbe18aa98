"""Sums over all orders of groups on plates, which are too many to list."""

from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from cellsieve.plates.kernels import marginals as marginals_of_one

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EXACT = 12
"""Up to so many groups sums are exact; beyond, they are those of `marginals`."""


def sums(weights: Floats) -> tuple[Floats, Floats]:
    """The logarithm of the sum over all orders of exp(weight of the order), and its parts.

    `weights` is `(many, plates, groups)`. An order puts a different group on each plate, and its
    weight is the sum of the plates'. Returns `(many,)`, and `(many, plates, groups)`: the
    probability of each group on each plate if orders are as probable as their weights say.
    """
    many, plates, groups = weights.shape
    if plates > groups:
        return np.full(many, -np.inf), np.full(weights.shape, np.nan)
    if groups > EXACT:
        found = [marginals_of_one(one) for one in weights]
        totals = np.array([one.log_permanent for one in found])
        return totals, np.stack([one.values for one in found])
    used = [np.zeros((many, 1))]
    for plate in range(plates):  # over the sets of groups that are on the plates up to here
        before, group = _last(groups, plate + 1)
        used.append(_log_sum(used[plate][:, before] + weights[:, plate, group]))
    total = _log_sum(used[-1])
    left = np.zeros_like(used[-1])
    marginals = np.zeros(weights.shape)
    for plate in reversed(range(plates)):
        before, group = _last(groups, plate + 1)
        terms = used[plate][:, before] + weights[:, plate, group]
        share = np.exp(terms + left[:, :, None] - total[:, None, None])
        for each in range(groups):
            marginals[:, plate, each] = share[:, group == each].sum(axis=1)
        after, group = _next(groups, plate)
        left = _log_sum(left[:, after] + weights[:, plate, group])
    return total, marginals


@cache
def _sets(groups: int, size: int) -> dict[frozenset[int], int]:
    """The sets of so many groups, numbered."""
    return {frozenset(one): n for n, one in enumerate(combinations(range(groups), size))}


@cache
def _last(groups: int, size: int) -> tuple[Integers, Integers]:
    """For each set of so many groups, each of them, and the number of the set without it."""
    smaller = _sets(groups, size - 1)
    pairs = [[(smaller[one - {g}], g) for g in sorted(one)] for one in _sets(groups, size)]
    before, group = np.moveaxis(np.array(pairs, np.int64), 2, 0)
    return before, group


@cache
def _next(groups: int, size: int) -> tuple[Integers, Integers]:
    """For each set of so many groups, each of the others, and the number of the set with it."""
    larger = _sets(groups, size + 1)
    others = range(groups)
    pairs = [
        [(larger[one | {g}], g) for g in others if g not in one] for one in _sets(groups, size)
    ]
    after, group = np.moveaxis(np.array(pairs, np.int64), 2, 0)
    return after, group


def _log_sum(values: Floats) -> Floats:
    """Over the last axis."""
    highest = values.max(axis=-1, keepdims=True)
    highest = np.where(np.isfinite(highest), highest, 0.0)
    with np.errstate(divide="ignore"):
        total: Floats = np.log(np.exp(values - highest).sum(axis=-1)) + highest[..., 0]
    return total


def two_best(weights: Floats) -> tuple[Integers, float]:
    """The best order of one experiment, and by how much the second best is worse.

    `weights` is `(plates, groups)`. The second differs from the best on some plate.
    """
    from scipy.optimize import linear_sum_assignment  # here: it takes longer than all else

    low = np.where(np.isfinite(weights), weights, -1e9)
    rows, best = linear_sum_assignment(low, maximize=True)
    top = low[rows, best].sum()
    second = -np.inf
    for plate in rows:
        other = low.copy()
        other[plate, best[plate]] = -1e12
        chosen = linear_sum_assignment(other, maximize=True)[1]
        second = max(second, float(other[rows, chosen].sum()))
    return np.asarray(best, np.int64), float(top - second)
