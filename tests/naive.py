"""The kernels on score matrices by their definitions: slow, and obviously right."""

from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray


def masked_argmax(
    scores: NDArray[Any], row_group: NDArray[np.int64], allowed: NDArray[np.bool_], k: int = 1
) -> NDArray[np.int64]:
    """The best `k` allowed classes of each row, equal scores by class; -1 where there are fewer."""
    best = np.full((len(row_group), k), -1)
    for row, group in enumerate(row_group):
        classes = np.flatnonzero(allowed[group])
        order = np.argsort(-scores[row, classes].astype(np.float64), kind="stable")[:k]
        best[row, : len(order)] = classes[order]
    return best


def log_sums(
    scores: NDArray[Any], column_group: NDArray[np.int64], groups: int, sharpness: float | None
) -> NDArray[np.float64]:
    """The logarithm of each row's sum over each group of columns, of scores or exponentials."""
    wide = scores.astype(np.float64)
    weights = wide if sharpness is None else np.exp(sharpness * wide)
    sums = np.stack([weights[:, column_group == group].sum(axis=1) for group in range(groups)], 1)
    with np.errstate(divide="ignore"):
        logs: NDArray[np.float64] = np.log(sums)
    return logs


def matchings(log_scores: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """The log of the sum over all one-to-one matchings, and each cell's share; slow."""
    rows, columns = log_scores.shape
    total, shares = 0.0, np.zeros((rows, columns))
    for chosen in permutations(range(columns), rows):
        weight = float(np.exp(log_scores[np.arange(rows), chosen].sum()))
        total += weight
        shares[np.arange(rows), chosen] += weight
    return float(np.log(total)), shares / total
