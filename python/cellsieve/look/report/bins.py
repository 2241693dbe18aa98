"""Values condensed to what a page needs to draw them and to try other limits."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cellsieve.schema.measures import SHARES

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


def nice_step(least: float) -> float:
    """The least of 1, 2, 2.5, 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(
        factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * (1 - 1e-9)
    )


def axis_of(values: NDArray[np.float64], column: str) -> Axis:
    """From 0 to 1 for shares, otherwise the range of the values, rounded outwards."""
    finite = values[np.isfinite(values)]
    if column in SHARES or not finite.size:
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
    at, line = 100, ["M0 100"]
    for many in bars:
        height = round(100 - max(2, 100 * many / top)) if many else 100
        line.append("h1" if height == at else f"V{height}h1")
        at = height
    return "".join([*line, "V100z"])


def number(value: float | None, digits: int = 4) -> str:
    """A number for readers: so many significant digits, thousands separators."""
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 1000 or value == round(value):
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:.{digits}g}".replace("-", "−")
