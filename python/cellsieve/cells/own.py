"""Measures of your own: functions of one cell's mask and pixels, slow but free."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellsieve import _core
from cellsieve.schema.measures import BY_NAME, FAMILIES
from cellsieve.schema.words import count

GROUP = "cellsieve.measures"

Function = Callable[[NDArray[np.bool_], NDArray[Any]], Any]


@dataclass(frozen=True)
class OwnMeasure:
    """A function and the columns that it gives."""

    name: str
    function: Function
    columns: tuple[str, ...]


def split(
    properties: Iterable[str | Function],
) -> tuple[tuple[str, ...], tuple[OwnMeasure, ...]]:
    """Names of measures, and functions: given as such, or by the name of an entry point.

    Raises:
        TypeError: something is neither a text nor a function.
        ValueError: a function gives no number for a made cell, or a name is taken.
    """
    if isinstance(properties, str):
        properties = [properties]
    names: list[str] = []
    own: list[OwnMeasure] = []
    known = {"all", *FAMILIES, *BY_NAME}
    for each in properties:
        if isinstance(each, str):
            if each not in known and (found := list(entry_points(group=GROUP, name=each))):
                own.append(own_measure(found[0].load(), each))
            else:
                names.append(each)
        elif callable(each):
            own.append(own_measure(each, getattr(each, "__name__", type(each).__name__)))
        else:
            raise TypeError(
                f"properties: found {type(each).__name__}; expected names of measures and functions"
            )
    columns = [column for measure in own for column in measure.columns]
    if taken := {name for name in columns if name in known or columns.count(name) > 1}:
        raise ValueError(f"properties: the column {min(taken)} is there already; rename yours")
    return tuple(names), tuple(own)


def own_measure(function: Function, name: str) -> OwnMeasure:
    """A function with its columns: `function.columns`, or what it gives for a made cell.

    Raises:
        ValueError: it has no `columns` and does not give a number, or a dict of them.
    """
    columns = getattr(function, "columns", None)
    if columns is None:
        rows, cols = np.mgrid[-8:9, -8:9]
        cell = rows**2 + cols**2 <= 50
        pixels = (100 + 5 * rows + 3 * cols).astype(np.uint8)
        try:
            values = _values(function(cell, pixels), name)
        except Exception as error:
            raise ValueError(
                f"properties: {name} of a made cell of uint8 pixels gives no number or dict of "
                f"numbers ({type(error).__name__}: {error}); to skip this trial, name its columns "
                f"in {name}.columns"
            ) from error
        columns = tuple(values)
    return OwnMeasure(name, function, tuple(map(str, columns)))


def own_columns(own: Sequence[OwnMeasure], channels: Sequence[str | None]) -> dict[str, str]:
    """The columns of these functions and their types."""
    names = [name for measure in own for name in measure.columns]
    return {_suffixed(name, channel): "float64" for name in names for channel in channels}


def measure_own(
    own: Sequence[OwnMeasure],
    mask: NDArray[Any],
    planes: Mapping[str | None, NDArray[Any]],
    cells: _core.Cells,
) -> tuple[dict[str, NDArray[np.float64]], list[str]]:
    """The columns of one image, and a sentence for each function that failed somewhere.

    A cell for which a function raises, or does not give what it should, has NaN.
    """
    found = {name: np.full(len(cells), np.nan) for name in own_columns(own, list(planes))}
    problems = []
    labels, *box = (
        cells.columns[name] for name in ("label", "min_row", "min_col", "max_row", "max_col")
    )
    for measure in own:
        failed: list[str] = []
        for row, (label, top, left, bottom, right) in enumerate(zip(labels, *box, strict=True)):
            window = np.s_[top:bottom, left:right]
            cell = mask[window] == label
            for channel, plane in planes.items():
                try:
                    values = _values(measure.function(cell, plane[window].copy()), measure.name)
                    if set(values) != set(measure.columns):
                        raise ValueError(
                            f"gave {', '.join(values)}; expected {', '.join(measure.columns)}"
                        )
                except Exception as error:  # one cell's failure is not the image's
                    failed.append(f"label {label}: {type(error).__name__}: {error}")
                    continue
                for name, value in values.items():
                    found[_suffixed(name, channel)][row] = value
        if failed:
            text = " ".join(failed[0].split())
            problems.append(f"{measure.name} failed {count(len(failed), 'time')}, first for {text}")
    return found, problems


def _values(result: Any, name: str) -> dict[str, float]:
    values = result if isinstance(result, Mapping) else {name: result}
    return {str(key): float(value) for key, value in values.items()}


def _suffixed(name: str, channel: str | None) -> str:
    return name if channel is None else f"{name}_{channel}"
