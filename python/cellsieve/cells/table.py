"""From what the kernels found to a table with one row per cell."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve import _core
from cellsieve.cells.settings import Settings
from cellsieve.schema.measure import Measure
from cellsieve.schema.measures import BY_NAME
from cellsieve.schema.text import STRING

COMPARTMENTS = ("nucleus", "cytoplasm")


class Found:
    """What was found in one image: by the kernels, and by what is written in Python."""

    def __init__(
        self,
        cells: _core.Cells,
        own: Mapping[str, NDArray[np.float64]] | None = None,
        image: Mapping[str, float] | None = None,
        problems: Sequence[str] = (),
    ) -> None:
        """Of one image.

        Args:
            cells: what the kernels found.
            own: the columns of functions of somebody's own.
            image: values of the image as a whole, by the columns of the image table.
            problems: what went wrong although the cells were measured.
        """
        self.cells = cells
        self.own = own or {}
        self.image = image or {}
        self.warning = "; ".join([*filter(None, [cells.warning]), *problems]) or None

    def __len__(self) -> int:
        """How many cells there are."""
        return len(self.cells)


def cell_table(found: Sequence[Found], settings: Settings) -> pd.DataFrame:
    """The cells of several images, one image after the other."""
    values = _Values([each.cells for each in found])
    columns: dict[str, Any] = {
        measure.column(channel): values.column(measure, place)
        for measure in settings.measures
        if measure.family != "image"
        for place, channel in enumerate(settings.suffixes if measure.of_channel else [None])
    }
    for name in settings.columns:
        if name not in columns and name != "rle":
            columns[name] = np.concatenate([np.zeros(0), *(each.own[name] for each in found)])
    if settings.rle:
        texts = [text for each in found for text in each.cells.rle or ()]
        columns["rle"] = pd.Series(texts, dtype=STRING)
    return pd.DataFrame(columns)


def image_values(found: Found, settings: Settings) -> dict[str, float]:
    """What was measured of the image as a whole, by the columns of the image table."""
    cells = found.cells
    values: dict[str, float] = {
        "background_area": cells.background_area,
        "cells_at_border": cells.cells_at_border,
        **found.image,
    }
    for channel, of_channel in zip(settings.suffixes, cells.channels, strict=True):
        of_image = {"threshold": of_channel.threshold, **of_channel.image}
        values |= {BY_NAME[name].column(channel): value for name, value in of_image.items()}
    return {name: values[name] for name in settings.image_columns}


class _Values:
    """The values of measures, each made once, the cells of one image after the other."""

    def __init__(self, images: Sequence[_core.Cells]) -> None:
        self.images = images
        self.counts = [len(cells) for cells in images]
        self.made: dict[tuple[str, int], NDArray[Any]] = {}

    def column(self, measure: Measure, place: int) -> Any:
        """The column of a measure in the channel at this place."""
        values = self.values(measure, place)
        if measure.name == "nucleus_label":
            return pd.arrays.IntegerArray(values, self.values(BY_NAME["nuclei"], 0) == 0)
        if measure.needs != "threshold" or measure.of_image:
            return values
        unknown = np.isnan(self.values(BY_NAME["threshold"], place))
        if measure.dtype == "Int64":
            return pd.arrays.IntegerArray(values, unknown)
        return np.where(unknown, np.nan, values)

    def values(self, measure: Measure, place: int) -> NDArray[Any]:
        """The same, with some number where it is missing."""
        key = (measure.name, place if measure.of_channel else 0)
        if key not in self.made:
            self.made[key] = self._make(measure, place)
        return self.made[key]

    def _make(self, measure: Measure, place: int) -> NDArray[Any]:
        dtype = measure.dtype.lower()
        if measure.sources:
            names = (self._source(measure, name) for name in measure.sources)
            made: NDArray[Any] = measure.function(
                *(self.values(BY_NAME[name], place) for name in names)
            )  # type: ignore[misc]
            return made
        if measure.of_image:
            of_images = np.array(
                [self._of_image(cells, measure, place) for cells in self.images], dtype
            )
            return np.repeat(of_images, self.counts)
        parts = [self._of_cells(cells, measure, place) for cells in self.images]
        return np.concatenate([np.zeros(0, dtype), *parts])

    @staticmethod
    def _source(measure: Measure, name: str) -> str:
        """A column that a measure is a function of, in the same compartment."""
        within = f"{name}_{measure.compartment}"
        return within if measure.compartment and within in BY_NAME else name

    @staticmethod
    def _of_image(cells: _core.Cells, measure: Measure, place: int) -> float:
        if not measure.of_channel:
            return float(getattr(cells, measure.name))
        of_channel = cells.channels[place]
        return (
            of_channel.threshold if measure.name == "threshold" else of_channel.image[measure.name]
        )

    @staticmethod
    def _of_cells(cells: _core.Cells, measure: Measure, place: int) -> NDArray[Any]:
        if not measure.of_channel:
            return cells.columns[measure.name]
        of_channel = cells.channels[place]
        if measure.compartment is None:
            return of_channel.columns[measure.name]
        assert of_channel.compartments is not None
        assert measure.whole is not None
        return of_channel.compartments[COMPARTMENTS.index(measure.compartment)][measure.whole]
