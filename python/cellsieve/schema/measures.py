"""Which measures there are, which of them somebody asks for, and how they depend on each other.

The columns of a cell table and their types, what the kernels are asked for, the tables in the
documentation and the numpy reference are made from the rows of the registry, or tested to agree
with them.
"""

from collections.abc import Iterable, Sequence

from cellsieve.schema.measure import Measure
from cellsieve.schema.registry import MEASURES

BY_NAME = {measure.name: measure for measure in MEASURES}

FAMILIES = tuple(dict.fromkeys(measure.family for measure in MEASURES))

#: The measures of a cell table that nobody asks for more of, and that every other has too.
DEFAULT = tuple(measure for measure in MEASURES if measure.family == "basic")

#: What "all" leaves out, because it takes longer than everything else together.
ON_REQUEST = ("compartments", "power_spectrum_slope")

#: Columns whose values lie between 0 and 1.
SHARES = tuple(measure.name for measure in MEASURES if measure.unit == "share")


def is_share(column: str) -> bool:
    """Whether a column's values lie between 0 and 1, whatever channel its name ends with."""
    return any(column == name or column.startswith(f"{name}_") for name in SHARES)


def channels_of(columns: Iterable[str]) -> list[str]:
    """The channels that the columns of a cell table are of, where their names end with them."""
    found = [name.removeprefix("fraction_") for name in columns if name.startswith("fraction_")]
    return list(dict.fromkeys(found))


def chosen(properties: Sequence[str], *, nuclei: bool) -> tuple[Measure, ...]:
    """The measures of these families and names and, always, of the family "basic".

    Args:
        properties: families, names of measures, or "all", which is every family but "compartments"
            and, without nuclei, "nuclei"; and every measure but "power_spectrum_slope".
        nuclei: whether there is a second label image.

    Raises:
        ValueError: an unknown name, or a measure of nuclei where there are none.
    """
    known = {"all", *FAMILIES, *BY_NAME}
    if unknown := [name for name in properties if name not in known]:
        raise ValueError(
            f"properties: found {', '.join(unknown)}; expected all, a family "
            f"({', '.join(FAMILIES)}) or one of the columns that 'cellsieve properties' lists"
        )
    asked = set(properties)
    measures = tuple(
        measure
        for measure in MEASURES
        if measure.family == "basic"
        or (
            {measure.family, measure.name} & asked
            and (measure.name not in ON_REQUEST or measure.name in asked)
        )
        or (
            "all" in asked
            and not {measure.family, measure.name} & set(ON_REQUEST)
            and (nuclei or measure.needs != "nuclei")
        )
    )
    lacking = [measure.name for measure in measures if measure.needs == "nuclei"]
    if lacking and not nuclei:
        raise ValueError(
            f"properties: found {lacking[0]}, which needs masks of the nuclei; there are none"
        )
    return measures


def kernels(measures: Iterable[Measure]) -> list[str]:
    """What to ask the kernels for; what the mask alone tells of every image comes unasked.

    Not what is measured in compartments, which is asked for apart (see `kernels_apart`).
    """
    names: dict[str, None] = {}
    for measure in measures:
        if measure.whole is not None:
            names |= dict.fromkeys(kernels(row for row in _taken(measure) if row.of_image))
        elif measure.sources:
            names |= dict.fromkeys(kernels(_taken(measure)))
        elif measure.name not in UNASKED:
            names[measure.name] = None
    return list(names)


def kernels_apart(measures: Iterable[Measure]) -> list[str]:
    """What to ask the kernels for in the compartments of the cells."""
    whole = (BY_NAME[measure.whole] for measure in measures if measure.whole is not None)
    return [name for name in kernels(whole) if not BY_NAME[name].of_image]


def _taken(measure: Measure) -> list[Measure]:
    """The measures that its function takes."""
    return [BY_NAME[name] for name in measure.sources]


#: What the kernels find whatever they are asked for, and what is computed without them.
UNASKED = (
    *("label", "min_row", "min_col", "max_row", "max_col", "area"),
    *("threshold", "background_area", "cells_at_border", "power_spectrum_slope"),
)


def columns_of(
    measures: Iterable[Measure], channels: Sequence[str | None], *, image_table: bool = False
) -> dict[str, str]:
    """The columns of these measures and their types.

    Args:
        measures: in the order of the registry.
        channels: their names, or None for one that gives no suffix.
        image_table: whether those of the image table are meant, or those of the cell table.
    """
    return {
        measure.column(channel): measure.dtype
        for measure in measures
        if (measure.of_image if image_table else measure.family != "image")
        for channel in (channels if measure.of_channel else [None])
    }


def described(column: str, channels: Iterable[str] = ()) -> tuple[Measure, str | None] | None:
    """The measure and the channel that a column's name ends with; None if it is no measure."""
    if column in BY_NAME:
        return BY_NAME[column], None
    for channel in channels:
        name = column.removesuffix(f"_{channel}")
        if name != column and name in BY_NAME and BY_NAME[name].of_channel:
            return BY_NAME[name], channel
    return None


def measure_of(column: str) -> Measure | None:
    """The measure that a column of a cell table holds, of whichever channel; None if it is none."""
    if column in BY_NAME:
        exact: Measure = BY_NAME[column]
        return exact
    of_channels = (name for name in BY_NAME if BY_NAME[name].of_channel)
    fitting = [name for name in of_channels if column.startswith(f"{name}_")]
    return BY_NAME[max(fitting, key=len)] if fitting else None


def markdown(measures: Iterable[Measure]) -> str:
    """A table for the documentation."""
    lines = ["| column | type | unit | meaning | formula | as in |", "| --- " * 6 + "|"]
    for row in measures:
        cells = (f"`{row.name}`", row.dtype, row.unit, row.sentence, f"`{row.formula}`", row.source)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


HANDBOOK = """\
# Everything that can be measured

<!-- made by: cellsieve properties --markdown > docs/properties.md -->

`cellsieve measure --properties NAME,...` and `measure(..., properties=[...])` take the names of
families and of single columns, and `all`, which is every family but `compartments` and every column
but `power_spectrum_slope` (these take longer than everything else together). The columns of the
family `basic` are in every table.

In the formulas, `rows` and `cols` are where a cell's pixels lie, `pixels` their values, `outside`
the values of the pixels with label 0, and `cell` a mask of the image, True in the cell. Where
several channels are measured, each column that there is one of for each channel ends in `_` and the
channel's name. What is not defined is NaN (or missing, of whole numbers), never 0.

Whole numbers, quantiles, minimum and maximum, shares, `extent` and `solidity` equal the definition
to the last bit; all other numbers to nine digits.
"""


def handbook() -> str:
    """The page of the documentation on all measures."""
    pages = [HANDBOOK]
    for family in FAMILIES:
        rows = [row for row in MEASURES if row.family == family]
        where = " (in the image table)" if family == "image" else ""
        pages.append(f"## {family}{where}\n\n{markdown(rows)}")
    return "\n".join(pages)
