"""Values condensed to what a page needs to draw them and to try other limits."""

import math
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cellsieve.look.numbers import nice_step, number
from cellsieve.schema.measures import is_share

BINS = 80


class Axis(NamedTuple):
    """The range that all histograms of a page share."""

    low: float
    high: float

    def ticks(self) -> list[tuple[float, str]]:
        """Round numbers along the axis: their position from 0 to 1, and their text."""
        step = nice_step((self.high - self.low) / 5)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(self.position(k * step), number(k * step)) for k in range(first, last + 1)]

    def position(self, value: float) -> float:
        """Where a value lies on the axis, from 0 to 1."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def axis_of(values: NDArray[np.float64], column: str) -> Axis:
    """From 0 to 1 for shares, otherwise the range of the values, rounded outwards."""
    finite = values[np.isfinite(values)]
    if not finite.size or (is_share(column) and finite.min() >= 0 and finite.max() <= 1):
        return Axis(0.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    step = nice_step((high - low) / 5)
    return Axis(math.floor(low / step) * step, math.ceil(high / step) * step)


def histogram(values: NDArray[np.float64], axis: Axis) -> list[int]:
    """How many values lie in each of `BINS` equal parts of the axis."""
    counts, _ = np.histogram(values, bins=BINS, range=(axis.low, axis.high))
    bars: list[int] = counts.tolist()
    return bars


def bars_path(bars: list[int], top: int) -> str:
    """The outline of a histogram, each bar 1 wide and at most 100 high; what is there is seen."""
    heights = [round(100 - max(2, 100 * many / top)) if many else 100 for many in bars]
    line = [f"V{height}h{len(list(run))}" for height, run in groupby(heights)]
    return "".join(["M0 100", *line, "V100z"])
