"""The middle of each group and the unit of its limits, exact over a table in parts.

Sums are kept as whole numbers, which nothing rounds, so neither the order of the rows nor how the
table is cut into parts leaves a trace in the result.
"""

import math
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.cleaning.passes import Passes, changed
from cellsieve.cleaning.quantiles import group_quantiles
from cellsieve.schema.groups import Part

#: What makes the median absolute deviation of a normal distribution its standard deviation.
MAD_SCALE = 1.4826

LIMB = 18  # bits; a float's 53 are three limbs, whose products leave 2**25 of them room in int64
ROWS = 2**20  # values that are summed at a time
SMALLEST = -1200  # below the exponent of every float's last bit; sums are in units of 2**SMALLEST


def group_spread(kind: Literal["ratio", "mad", "zscore"]) -> Passes:
    """What limits are counted from and in; rows are left out as by `group_quantiles`.

    Four passes for "mad", two for "ratio", one for "zscore".

    Args:
        kind: "mad": the median (`numpy.quantile(values, 0.5)`), and 1.4826 times the median of the
            distances from it; "zscore": the mean, and the standard deviation (with divisor n),
            both rounded once, from exact sums; "ratio": 0, and the median.

    Returns:
        One row per group, by ascending group, which is the index: `n` (values), `center`, `spread`.
    """
    computations = {
        "ratio": _zero_and_median,
        "mad": _median_and_mad,
        "zscore": _mean_and_deviation,
    }
    return computations[kind]()


def _zero_and_median() -> Passes:
    found = yield from group_quantiles([0.5])
    return pd.DataFrame({"n": found["n"], "center": 0.0, "spread": found[0]})


def _median_and_mad() -> Passes:
    found = yield from group_quantiles([0.5])
    median = found[0]

    def distances(part: Part) -> Part:
        groups, values = part
        of_groups = median.reindex(groups.names).to_numpy()
        return Part(groups, np.abs(values - groups.of_rows(of_groups, np.nan)))

    mad = yield from changed(group_quantiles([0.5]), distances)
    return pd.DataFrame({"n": found["n"], "center": median, "spread": MAD_SCALE * mad[0]})


def _mean_and_deviation() -> Passes:
    sums: dict[Any, tuple[int, int, int]] = {}
    while (part := (yield)) is not None:
        groups, values = part.whole()
        for start in range(0, len(values), ROWS):
            some = slice(start, start + ROWS)
            for code, more in _sums(groups.codes[some], values[some]).items():
                name = groups.names[code]
                earlier = sums.get(name, (0, 0, 0))
                n, total, squares = (a + b for a, b in zip(earlier, more, strict=True))
                sums[name] = n, total, squares
    rows = [(name, n, *_mean(n, total, squares)) for name, (n, total, squares) in sums.items()]
    table = pd.DataFrame(sorted(rows), columns=["group", "n", "center", "spread"])
    return table.set_index("group").astype({"n": "int64", "center": float, "spread": float})


def _sums(codes: NDArray[np.int64], values: NDArray[np.float64]) -> dict[int, tuple[int, int, int]]:
    """Of each group: how many values, their sum, and the sum of their squares (units squared)."""
    fractions, exponents = np.frexp(values)
    whole = np.ldexp(fractions, 53).astype(np.int64)
    mask = np.int64(2**LIMB - 1)
    limbs = [whole & mask, (whole >> LIMB) & mask, whole >> 2 * LIMB]  # the last with the sign
    # Values of one group and exponent share their unit: they are summed as whole numbers.
    span = 1 << 12
    keys, index = np.unique(codes * span + (exponents - 53 - SMALLEST), return_inverse=True)

    def summed(numbers: NDArray[np.int64]) -> list[int]:
        total = np.zeros(len(keys), np.int64)
        np.add.at(total, index, numbers)
        found: list[int] = total.tolist()
        return found

    counts = summed(np.ones(len(values), np.int64))
    places = [summed(limb) for limb in limbs]
    products = [(a + b, summed(limbs[a] * limbs[b])) for a in range(3) for b in range(3)]
    sums: dict[int, tuple[int, int, int]] = {}
    for at, key in enumerate(keys.tolist()):
        code, shift = divmod(key, span)
        n, total, squares = sums.get(code, (0, 0, 0))
        total += sum(part[at] << LIMB * place for place, part in enumerate(places)) << shift
        squares += sum(part[at] << LIMB * place for place, part in products) << 2 * shift
        sums[code] = n + counts[at], total, squares
    return sums


def _mean(n: int, total: int, squares: int) -> tuple[float, float]:
    """The mean and the standard deviation of exact sums, as the nearest floats."""
    unit = Fraction(2) ** SMALLEST
    variance = n * squares - total**2  # times n**2, in units squared: never negative
    root = Fraction(math.isqrt(variance << 128), 1 << 64)
    return float(Fraction(total, n) * unit), float(root / n * unit)
