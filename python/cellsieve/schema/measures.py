"""The registry of measures: one row per measured column; everything else follows from it.

The columns of a cell table and their types, what the kernels are asked for, the tables in the
documentation and the numpy reference are made from these rows, or tested to agree with them. A
measure is computed by the kernel of its name (`rust/cells/measures`) or by a function of other
columns, whose names are its parameters.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Scope = Literal["cell", "cell and channel", "image"]
Needs = Literal["mask", "image", "threshold"]


@dataclass(frozen=True)
class Measure:
    """One column."""

    name: str
    dtype: str
    unit: str
    family: str
    scope: Scope
    needs: Needs
    sentence: str
    formula: str
    source: str
    function: Callable[..., NDArray[Any]] | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns that its function takes."""
        return tuple(inspect.signature(self.function).parameters) if self.function else ()


def _fraction(area_above: NDArray[Any], area: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(invalid="ignore"):  # the notebook's counts of a cell one pixel wide are 0 / 0
        share: NDArray[Any] = area_above / area
    return share


def _basic(name: str, sentence: str, formula: str, source: str) -> Measure:
    unit = "" if name == "label" else "pixels"
    return Measure(name, "int64", unit, "basic", "cell", "mask", sentence, formula, source)


#: Every measure; one with a function stands after the columns that it takes. In the formulas,
#: `rows` and `cols` are where a cell's pixels lie, `pixels` their values, and `outside` the
#: values of the pixels with label 0.
MEASURES = (
    _basic("label", "the id in the mask", "mask[row, col]", "skimage: label"),
    _basic("min_row", "first row", "rows.min()", "skimage: bbox-0"),
    _basic("min_col", "first column", "cols.min()", "skimage: bbox-1"),
    _basic("max_row", "one past the last row", "rows.max() + 1", "skimage: bbox-2"),
    _basic("max_col", "one past the last column", "cols.max() + 1", "skimage: bbox-3"),
    _basic("area", "number of pixels", "len(rows)", "skimage: num_pixels"),
    Measure(
        name="area_above",
        dtype="Int64",
        unit="pixels",
        family="basic",
        scope="cell and channel",
        needs="threshold",
        sentence="number of pixels strictly above the threshold",
        formula="(pixels > threshold).sum()",
        source="numpy",
    ),
    Measure(
        name="fraction",
        dtype="float64",
        unit="share",
        family="basic",
        scope="cell and channel",
        needs="threshold",
        sentence="share of the pixels that are strictly above the threshold",
        formula="area_above / area",
        source="numpy",
        function=_fraction,
    ),
    Measure(
        name="threshold",
        dtype="float64",
        unit="intensity",
        family="basic",
        scope="image",
        needs="threshold",
        sentence="a quantile of the pixels with label 0, or the value that was given",
        formula="numpy.quantile(outside, quantile)",
        source='numpy: quantile, method "linear"',
    ),
    Measure(
        name="background_area",
        dtype="int64",
        unit="pixels",
        family="basic",
        scope="image",
        needs="mask",
        sentence="number of pixels with label 0",
        formula="(mask == 0).sum()",
        source="numpy",
    ),
    Measure(
        name="intensity_max",
        dtype="float64",
        unit="intensity",
        family="intensity",
        scope="cell and channel",
        needs="image",
        sentence="the brightest pixel; NaN where the notebook's convention leaves no pixel",
        formula="pixels.max()",
        source="skimage: intensity_max",
    ),
)

BY_NAME = {measure.name: measure for measure in MEASURES}

#: The measures of a cell table.
DEFAULT = tuple(measure for measure in MEASURES if measure.family == "basic")

#: Columns whose values lie between 0 and 1.
SHARES = frozenset(measure.name for measure in MEASURES if measure.unit == "share")


def kernels(measures: Iterable[Measure]) -> list[str]:
    """What to ask the kernels for; what the mask alone tells comes unasked."""
    names: dict[str, None] = {}
    for measure in measures:
        if measure.sources:
            names |= dict.fromkeys(kernels(BY_NAME[name] for name in measure.sources))
        elif measure.needs != "mask" and measure.scope != "image":
            names[measure.name] = None
    return list(names)


def markdown(measures: Iterable[Measure]) -> str:
    """A table for the documentation."""
    lines = ["| column | type | unit | meaning | formula | as in |", "| --- " * 6 + "|"]
    for row in measures:
        cells = (f"`{row.name}`", row.dtype, row.unit, row.sentence, f"`{row.formula}`", row.source)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
