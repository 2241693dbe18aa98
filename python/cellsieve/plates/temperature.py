"""The temperature at which scores claim as much as they know; needs no labels."""

import numpy as np
from numpy.typing import NDArray

from cellsieve.plates.beliefs import Beliefs
from cellsieve.plates.infer import log_scores, unbiased
from cellsieve.plates.layout import Layout
from cellsieve.plates.predictions import WellScores
from cellsieve.plates.wells import Wells, by_plate

Floats = NDArray[np.float64]

LOWEST, HIGHEST = 1e-3, 1e2
TEMPERATURES = np.geomspace(LOWEST, HIGHEST, 61)
SHORT = 0.2
"""Lists are short if more scores than this share are as low as the well's lowest."""


def fit_temperature(
    layout: Layout, wells: Wells, scores: WellScores, beliefs: Beliefs, sample: int = 2000
) -> tuple[float, bool]:
    """The higher of two temperatures, from some plates, about `sample` wells.

    One at which the wells' own groups are most probable: the group on each plate is known, so the
    share of a well's probability inside it is a proper score of how sharp the scores should be.
    Where lists were searched within the group, or the group is clearer than the class, that says
    too little. The other is the lowest at which classes get no more unequal shares of the plate
    than they should if each is in one well. The model's liking for classes is taken out first.

    And whether there is such a temperature: if not, the first, but at least 1.
    """
    plates = list(by_plate(wells))
    chosen = plates[:: max(1, len(plates) * len(plates[0][2]) // sample)]
    named = np.flatnonzero(scores.columns >= 0)
    of_column = layout.group[scores.columns[named]]
    logs = [unbiased(log_scores(scores, rows)[:, named]) for _, _, rows in chosen]
    inside = [of_column == beliefs.best[e, q] for e, q, _ in chosen]
    own = _by_group(
        np.concatenate(logs),
        np.concatenate([np.tile(i, (len(x), 1)) for i, x in zip(inside, logs, strict=True)]),
    )
    plain = [log_scores(scores, rows)[:, named] for _, _, rows in chosen]
    room = [int(layout.room[beliefs.best[e, q]]) for e, q, _ in chosen]
    fair = _by_uniqueness([x[:, i] for i, x in zip(inside, plain, strict=True)], room)
    return (max(own, 1.0), False) if fair is None else (max(own, fair), True)


def _by_group(logs: Floats, inside: NDArray[np.bool_]) -> float:
    """The temperature at which what is inside is most probable."""
    logs = logs - logs.max(axis=1, keepdims=True)

    def loss(log_temperature: float) -> float:
        weights = np.exp(logs / np.exp(log_temperature))
        share = np.where(inside, weights, 0.0).sum(axis=1) / weights.sum(axis=1)
        return -float(np.log(np.maximum(share, 1e-12)).mean())

    from scipy.optimize import minimize_scalar  # here: it takes longer than all of argmax decoding

    grid = np.log(TEMPERATURES[::3])
    start = grid[int(np.argmin([loss(value) for value in grid]))]
    step = grid[1] - grid[0]
    found = minimize_scalar(
        loss, bounds=(start - step, start + step), method="bounded", options={"xatol": 0.01}
    )
    return float(np.clip(np.exp(found.x), LOWEST, HIGHEST))


def _by_uniqueness(plates: list[Floats], room: list[int]) -> float | None:
    """The lowest temperature at which classes have no more unequal shares than they should.

    `room` is how many wells each plate has, missing ones included.

    `None` if there is none: the model favours some classes more than can be taken out.
    """
    short = any((x == x.min(axis=1, keepdims=True)).mean() > SHORT for x in plates)
    plates = [x if short else unbiased(x) for x in plates]
    excess = np.array([_excess(plates, room, temperature, short) for temperature in TEMPERATURES])
    fine = np.flatnonzero(excess <= 0)
    if not len(fine):
        return None
    first = int(fine[0])
    if first == 0:
        return LOWEST
    # Between two temperatures, where a line through the excess crosses zero.
    part = excess[first - 1] / (excess[first - 1] - excess[first])
    step = np.log(TEMPERATURES[1] / TEMPERATURES[0])
    return float(TEMPERATURES[first - 1] * np.exp(part * step))


def _excess(plates: list[Floats], room: list[int], temperature: float, short: bool) -> float:
    """By how much the shares vary more than expected; the logarithm of the ratio.

    The share of a class is the sum of its probabilities over the plate's wells. If these are
    calibrated, and each class is in one well at most, a share's expected variance follows from
    what probabilities wells give to the right class (by their own account) and to others. What is
    lost because each class's mean score is taken out is subtracted; from short lists it is not
    taken out.
    """
    found = expected = 0.0
    for logs, wells in zip(plates, room, strict=True):
        n, classes = logs.shape
        scaled = logs - logs.mean(axis=1, keepdims=True)
        p = np.exp((scaled - scaled.max(axis=1, keepdims=True)) / temperature)
        p /= p.sum(axis=1, keepdims=True)
        right = float((p**2).sum(axis=1).mean())
        wrong = (1 - right) / max(classes - 1, 1)
        found += float(((p.sum(axis=0) - n / classes) ** 2).sum())
        variance = n * (right * (1 - right) - (1 - right) * wrong)
        # Which wells are missing: a hypergeometric variance.
        absent = (wells - n) / max(wells - 1, 1)
        variance += n * (1 - 1 / classes) * absent * (right - wrong) ** 2
        if not short:
            slope, spread = _covariance(1 - p, p, scaled)
            slope = n * slope + _covariance(p, p, scaled)[0] * n / classes
            variance -= classes * slope**2 / (n * max(spread, 1e-12))
        expected += max(variance, 1e-9 * n)
    return float(np.log(max(found, 1e-12) / expected))


def _covariance(weights: Floats, p: Floats, logs: Floats) -> tuple[float, float]:
    """The weighted covariance of probabilities and log scores, and the variance of the latter."""
    weights = weights / weights.sum()
    mean = float((weights * logs).sum())
    both = float((weights * p * logs).sum()) - float((weights * p).sum()) * mean
    return both, float((weights * logs**2).sum()) - mean**2
