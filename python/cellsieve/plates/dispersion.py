"""How far the wells of a plate err together, so that they are not independent witnesses."""

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FITTING_ROUNDS = 20
"""Of iterative proportional fitting."""
POOLED = 4.0
"""As so many degrees of freedom counts what all experiments of the model say of one of them."""
DOUBT = 4.0
"""As so many degrees of freedom of the value 1 count before any experiment is seen."""
QUANTILES = np.array([NormalDist().inv_cdf((k + 0.5) / 16) for k in range(16)])
"""Of the normal distribution: an uncertain dispersion is represented by as many values."""


def dispersion(votes: NDArray[Any], assignment: NDArray[np.int64]) -> Floats:
    """How many times more votes vary between plates than if wells erred independently; at least 1.

    A model's errors differ between plates (stain, position in the batch), and evidence that took
    the wells of a plate for independent witnesses is divided by this. `votes` is `(experiments,
    plates, groups)`, `assignment` `(experiments, plates)`. Expected are votes that depend on the
    plate's size, on the group's popularity and on whether the assignment puts the two together;
    the deviance of the votes per degree of freedom is the dispersion of quasi-likelihood
    (McCullagh and Nelder 1989, ch. 9).

    In an experiment with all its plates each group is on one of them, so that a group's popularity
    in the experiment does not matter. The more plates are missing, the more it does, and nothing
    there tells it from evidence: it counts as error, measured over all experiments of the model.

    Returns `(experiments, values)`, equally probable: what few degrees of freedom leave uncertain.
    """
    found = np.asarray(votes, np.float64)
    n_plates, n_groups = votes.shape[1:]
    together = assignment[:, :, None] == np.arange(n_groups)
    plates = (found.sum(axis=2) > 0).sum(axis=1)
    # The share of groups by which two assignments of these plates can differ.
    exposed = np.minimum(n_plates - plates, plates) / np.maximum(plates, 1)
    value, freedom = _shrunk(
        _deviance(found, together, per_experiment=True),
        np.maximum((plates - 1) * (n_groups - 1) - 1, 0),
    )
    if exposed.any():
        shared = np.maximum(plates * (n_groups - 1) - 1, 0)
        # What the groups' popularity over all experiments takes.
        shared = shared * max(0.0, 1 - (n_groups - 1) / max(shared.sum(), 1))
        between = _shrunk(_deviance(found, together, per_experiment=False), shared)
        value += exposed * (between[0] - value)
        freedom += exposed * (between[1] - freedom)
    # Quantiles of the scaled inverse chi-squared distribution, by Wilson and Hilferty.
    spread = 2 / (9 * freedom[:, None])
    chi = np.maximum(1 - spread + QUANTILES * np.sqrt(spread), 0.1) ** 3
    result: Floats = np.maximum(value[:, None] / chi, 1.0)
    return result


def _shrunk(deviance: Floats, freedom: Floats) -> tuple[Floats, Floats]:
    """Deviance per degree of freedom, towards that of all experiments, and the freedom it has."""
    pooled = (deviance.sum() + DOUBT) / (freedom.sum() + DOUBT)
    value = (deviance + POOLED * pooled) / (freedom + POOLED)
    return value, freedom + POOLED


def _deviance(found: Floats, together: NDArray[np.bool_], per_experiment: bool) -> Floats:
    """The deviance of each experiment's votes."""

    def by_match(table: Floats) -> Floats:
        inside = np.where(together, table, 0.0).sum(axis=(1, 2), keepdims=True)
        outside = table.sum(axis=(1, 2), keepdims=True) - inside
        return np.asarray(np.where(together, inside, outside))

    popularity = 1 if per_experiment else (0, 1)
    margins: list[Callable[[Floats], Floats]] = [
        lambda table: np.asarray(table.sum(axis=popularity, keepdims=True)),
        lambda table: np.asarray(table.sum(axis=2, keepdims=True)),
        by_match,
    ]
    expected = np.ones_like(found)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(FITTING_ROUNDS):
            for margin in margins:
                ratio = margin(found) / margin(expected)
                expected = expected * np.where(np.isfinite(ratio), ratio, 0.0)
        terms = np.where(found > 0, found * np.log(found / expected), 0.0)
    deviance: Floats = 2 * np.where(np.isfinite(terms), terms, 0.0).sum(axis=(1, 2))
    return np.maximum(deviance, 0.0)


def popularity(support: Floats, wells: NDArray[np.int64], assignment: NDArray[np.int64]) -> Floats:
    """What each group's support per well is on plates that do not hold it, beyond the others'.

    `support` is `(experiments, plates, groups)`, `wells` and `assignment` `(experiments, plates)`.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        each = support / wells[:, :, None]
    groups = np.arange(support.shape[2])
    use = (wells > 0)[:, :, None] & (assignment[:, :, None] != groups) & np.isfinite(each)
    each = np.where(use, each, 0.0)
    liked = np.zeros(support.shape[2])
    for _ in range(FITTING_ROUNDS):
        count = use.sum(axis=2, keepdims=True)
        level = np.where(use, each - liked, 0.0).sum(axis=2, keepdims=True) / np.maximum(count, 1)
        count = use.sum(axis=(0, 1))
        liked = np.where(use, each - level, 0.0).sum(axis=(0, 1)) / np.maximum(count, 1)
        liked = liked - liked.mean()
    return liked
