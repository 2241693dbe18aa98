"""Plots of cells and plates with matplotlib; each returns what it drew on and needs no screen."""

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellsieve.io.extras import require
from cellsieve.io.image_set import ImageSet
from cellsieve.io.places import atomic, place
from cellsieve.io.readers import read_image, read_mask
from cellsieve.look.colours import Colours, compose, contrast
from cellsieve.look.picking import class_rows, pick
from cellsieve.look.views import Look, drawn, image_table, pictures
from cellsieve.schema.choices import Band, Evidence, Neighbours, Order
from cellsieve.schema.keys import check_cells
from cellsieve.schema.measures import SHARES
from cellsieve.schema.plates import assignment_columns
from cellsieve.schema.types import FilePath, Table, is_path
from cellsieve.schema.verdicts import column_values, limits, limits_note, remembered, verdicts
from cellsieve.schema.wellmap import plate_map, row_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEPT, CUT, INK = "#8fc9b8", "#a83f1c", "#1d2226"  # told apart in gray print too
DRAWN = 1024  # pixels at most along each side of a drawn image
DPI = 150  # of saved pictures
WRITTEN = 24  # experiments up to which every field of a heat map is labelled with its number


def plot_distribution(
    table: pd.DataFrame,
    column: str = "fraction",
    class_label: str | int | None = None,
    *,
    bins: int = 80,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws the histogram of a column: kept and dropped cells, the limits, how many lie beyond.

    Args:
        table: a cell table; where it is cleaned, and by `column`, limits are drawn if all cells
            shown share them.
        column: any numeric column. NaN is left out and counted below the axis.
        class_label: only the cells of this class.
        bins: number of bars.
        ax: the Axes to draw on; a new figure if not given.

    Returns:
        The Axes. If there is no value at all, it says so.

    Raises:
        ValueError: no such column or class; bins below 1.
        ImportError: the extra `plot` is not installed.
    """
    rows = class_rows(table, class_label).reset_index(drop=True)
    values = column_values(rows, column)
    ends = limits(rows, column)
    measured = values[np.isfinite(values)]
    missing = len(values) - len(measured)
    if bins < 1:
        raise ValueError(f"bins: found {bins}; expected at least 1")
    ax = _axes(ax, (7, 3.2))
    title = "all cells" if class_label is None else f"class {class_label}"
    clean = pd.Series(verdicts(rows, column).clean, rows.index)
    dropped = int((~clean).sum())
    title += f" ({_cells(len(rows))}{f', {dropped:,} dropped' if dropped else ''})"
    ax.set_title(title, loc="left", fontsize="medium", pad=18, parse_math=False)
    remarks = [f"{_cells(missing)} without a value"] if missing else []
    if remembered(table) is None and limits_note(table, column):
        remarks.append("the table does not say which rules it was cleaned by")
    ax.set_xlabel(column + (f"   ({'; '.join(remarks)})" if remarks else ""), parse_math=False)
    ax.set_ylabel("cells")
    ax.spines[["top", "right"]].set_visible(False)
    if measured.empty:
        ax.text(0.5, 0.5, f"no cell has a value for {column}", ha="center", transform=ax.transAxes)
        return ax
    span = (0.0, 1.0) if column in SHARES and measured.between(0, 1).all() else None
    ax.hist(
        [measured[clean[measured.index]], measured[~clean[measured.index]]],
        bins=bins,
        range=span or (measured.min(), measured.max()),
        stacked=True,
        color=[KEPT, CUT],
        label=["kept", "dropped"],
    )
    if dropped:
        ax.legend(frameon=False, fontsize="small")
    for side, end in (("lower", -1), ("upper", 1)):
        known = ends[side].dropna().unique()
        if len(known) != 1 or ends[side].isna().any():
            continue
        limit = float(known[0])
        beyond = int((measured < limit).sum() if end < 0 else (measured > limit).sum())
        ax.axvline(limit, color=INK, linestyle="--", linewidth=1)
        away = end if _room(ax, limit, end) else -end
        ax.annotate(
            f"{beyond:,} {'below' if end < 0 else 'above'} {limit:.4g}",
            (limit, 1),
            (4 * away, 10),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="left" if away > 0 else "right",
            va="top",
            fontsize="small",
            color=CUT if beyond else INK,
        )
    return ax


def _cells(number: int) -> str:
    return f"{number:,} {'cell' if number == 1 else 'cells'}"


def _room(ax: "Axes", limit: float, end: int) -> bool:
    """Whether there is room for text beyond a limit."""
    low, high = ax.get_xlim()
    place = (limit - low) / (high - low)
    return place > 0.25 if end < 0 else place < 0.75


def plot_gallery(
    table: pd.DataFrame,
    images: ImageSet | Table,
    which: Band = "middle",
    n: int = 12,
    *,
    class_label: str | int | None = None,
    column: str = "fraction",
    order: Order = "random",
    seed: int = 0,
    channels: Sequence[str] | None = None,
    neighbours: Neighbours = "dim",
    outline: bool = True,
    across: int = 6,
    side: int = 320,
    jobs: int | None = None,
    root: FilePath | None = None,
    moved: tuple[str, str] | None = None,
) -> "Figure":
    """Draws some cells, each with its value below.

    Args:
        table: a cell table; cleaned, where `which` is "low" or "high".
        images: where the pixels are: the data set, the image table, or its file.
        which: cells "low" (below the lower limit), "middle", "high", or "all".
        n: how many, at most.
        class_label: only the cells of this class.
        column: the column of the limits and of the values below the cells.
        order: "random", or the "lowest" or "highest" of them.
        seed: seed of the random choice.
        channels: each shown in the colour it is named after, otherwise gray; by default those of
            red, green and blue that exist, or else the measured one.
        neighbours: pixels of other cells: "dim", "blank" or "show".
        outline: whether the cell is outlined.
        across: cells per row.
        side: pictures are shrunk to this many pixels.
        jobs: number of threads; by default one per processor.
        root: the folder that relative paths of the image table's file start from, if not the one
            it lies in.
        moved: what the paths in the image table used to begin with, and what they begin with now.

    Returns:
        The Figure. If there are no such cells, it says so; if a file is gone, the reason stands in
        the cell's place.

    Raises:
        ValueError: no such column, class or channel, an argument that is none of the above, or
            duplicate cells or images.
        ImportError: the extra `plot` is not installed.
    """
    plt = require("matplotlib.pyplot", "plot", "drawing plots")
    check_cells(table, "table")
    rows = pick(class_rows(table, class_label), which, n, column=column, order=order, seed=seed)
    look = Look(tuple(channels) if channels else None, neighbours, outline, side)
    note = limits_note(table, column) if which != "all" else ""
    if across < 1:
        raise ValueError(f"across: found {across}; expected at least 1")
    if rows.empty:
        figure: Figure = plt.figure(figsize=(5, 1.5))
        words = f"no cell is {which}" + ("" if class_label is None else f" in class {class_label}")
        words += f"\n{note}" if note else ""
        figure.text(0.5, 0.5, words, ha="center", parse_math=False)
        return figure
    made = pictures(
        rows, image_table(images, root, moved), look, partial(drawn, look=look), jobs=jobs
    )
    wide, high = min(across, len(rows)), -(-len(rows) // across)
    figure = plt.figure(figsize=(1.7 * wide, 2.05 * high), layout="constrained")
    axes = figure.subplots(high, wide, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, picture, (_, row), value in zip(
        axes, made, rows.iterrows(), column_values(rows, column), strict=False
    ):  # the last row may have empty places
        if picture.made is None:
            ax.text(
                0.5, 0.5, picture.problem, ha="center", va="center", wrap=True, fontsize="x-small",
                parse_math=False,
            )  # fmt: skip
        else:
            ax.imshow(_squared(picture.made))
        dropped = "clean" in row and not row["clean"]
        ax.set_title(f"{value:.4g}", y=-0.14, fontsize="small", color=CUT if dropped else INK)
    if note:
        figure.supxlabel(note, fontsize="x-small", wrap=True, parse_math=False)
    return figure


def _squared(colours: Colours) -> Colours:
    """A picture centred in a black square."""
    rows, columns = colours.shape[:2]
    side = max(rows, columns)
    top, left = (side - rows) // 2, (side - columns) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + rows, left : left + columns] = colours
    return square


@overload
def plot_overlay(
    image: ArrayLike | FilePath, mask: ArrayLike | FilePath, *, ids: bool = ..., ax: None = ...
) -> "Figure": ...
@overload
def plot_overlay(
    image: ArrayLike | FilePath, mask: ArrayLike | FilePath, *, ids: bool = ..., ax: "Axes"
) -> "Axes": ...
def plot_overlay(
    image: ArrayLike | FilePath,
    mask: ArrayLike | FilePath,
    *,
    ids: bool = True,
    ax: "Axes | None" = None,
) -> "Figure | Axes":
    """Draws an image, its mask, and both with the cells' outlines and ids.

    Args:
        image: one channel, shape (rows, columns), or colours, shape (rows, columns, 3), or a file
            of either.
        mask: label image of the same (rows, columns), or its file.
        ids: whether each cell's id is written on it.
        ax: the Axes to draw on, only the last of the three.

    Returns:
        The Figure of three, or `ax`.

    Raises:
        ValueError, OSError: as `read_image` and `read_mask`; shapes that differ.
        ImportError: the extra `plot` is not installed.
    """
    pixels = read_image(image) if is_path(image) else np.asarray(image)
    labels = read_mask(mask) if is_path(mask) else np.asarray(mask)
    if labels.ndim != 2 or pixels.shape[:2] != labels.shape or pixels.ndim not in (2, 3):
        raise ValueError(
            f"image: found the shape {pixels.shape} and a mask of {labels.shape}; expected the "
            "same rows and columns"
        )
    step = max(1, -(-max(labels.shape) // DRAWN))
    pixels, labels = pixels[::step, ::step], labels[::step, ::step]
    if pixels.ndim == 3:
        pixels = pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, 0]
    colours = compose([("gray", pixels, contrast(pixels))])
    areas = _label_colours(labels)
    rim = _rims(labels)
    both = np.where(rim[:, :, None], areas, colours)
    names = cell_centres(labels) if ids else []
    if ax is None:
        plt = require("matplotlib.pyplot", "plot", "drawing plots")
        figure: Figure = plt.figure(figsize=(12, 4.3), layout="constrained")
        panels = zip(
            figure.subplots(1, 3), (colours, areas, both), ("image", "mask", "both"), strict=True
        )
    else:
        panels = zip([ax], [both], [""], strict=True)
    for panel, shown, title in panels:
        panel.imshow(shown, interpolation="nearest")
        panel.set_axis_off()
        panel.set_title(title, loc="left", fontsize="medium")
        for label, row, column in names if shown is not colours else []:
            panel.text(
                column, row, str(label), color="white", fontsize="x-small", ha="center",
                va="center", bbox={"facecolor": "black", "alpha": 0.55, "pad": 1, "linewidth": 0},
            )  # fmt: skip
    return figure if ax is None else ax


def _label_colours(labels: NDArray[Any]) -> Colours:
    """One colour per id, distinct for successive ids; black outside."""
    distinct, place = np.unique(labels, return_inverse=True)
    hue = np.mod(distinct.astype(np.float64) * 0.6180339887, 1.0)[:, None]
    wheel = np.abs(np.mod(hue * 6 + np.array([0, 4, 2]), 6) - 3) - 1
    palette = (np.clip(wheel, 0.15, 0.95) * 255).astype(np.uint8)
    palette[distinct == 0] = 0
    found: Colours = palette[place.reshape(labels.shape)]
    return found


def _rims(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """The pixels of cells that touch another label."""
    rim = np.zeros(labels.shape, bool)
    for near, far in (
        ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
    ):
        differ = labels[near] != labels[far]
        rim[near] |= differ
        rim[far] |= differ
    rim[:-1] |= rim[1:]  # two pixels wide: thinner lines are lost on a large image
    rim[:, :-1] |= rim[:, 1:]
    rim &= labels != 0
    return rim


def cell_centres(labels: NDArray[Any]) -> list[tuple[int, float, float]]:
    """Each id of a label image, and the row and column of the middle of its cell."""
    # scipy.ndimage.center_of_mass fails on an image without pixels, and takes 0.2 s to import.
    rows, columns = np.nonzero(labels)
    ids, cell = np.unique(labels[rows, columns], return_inverse=True)
    area = np.bincount(cell)
    centres = [np.bincount(cell, weights=axis) / area for axis in (rows, columns)]
    return [(int(i), float(row), float(col)) for i, row, col in zip(ids, *centres, strict=True)]


def plot_plate(
    table: pd.DataFrame,
    value: str,
    *,
    well: str = "well",
    shape: tuple[int, int] | None = None,
    limits: tuple[float, float] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws a value of every well as a map of the plate.

    Args:
        table: one row per well.
        value: a column of numbers or truth values; averaged over rows of the same well.
        well: the column of well names, such as "B02".
        shape: rows and columns of the plate; the smallest usual plate that holds the wells if not
            given.
        limits: the values at the two ends of the colour scale; by default the extremes.
        ax: the Axes to draw on; a new figure if not given.

    Returns:
        The Axes. Wells without a value stay gray.

    Raises:
        ValueError: a column is missing, an invalid well name, or a well outside the plate.
        ImportError: the extra `plot` is not installed.
    """
    if well not in table.columns:
        raise ValueError(
            f"column {well!r}: not in the table, which has {', '.join(map(str, table.columns))}"
        )
    plate = plate_map(table[well], column_values(table, value), shape)
    ax = _axes(ax, (6, 4))
    ax.set_facecolor("#d9dcdb")
    if np.isnan(plate).all():
        ax.text(0.5, 0.5, f"no well has a value for {value}", ha="center", transform=ax.transAxes)
    low, high = limits or (None, None)
    shown = ax.imshow(np.ma.masked_invalid(plate), vmin=low, vmax=high, aspect="equal")
    figure = ax.figure
    if not np.isnan(plate).all():
        figure.colorbar(shown, ax=ax, shrink=0.8).set_label(value, parse_math=False)
    ax.set_xticks(range(plate.shape[1]), [str(k + 1) for k in range(plate.shape[1])])
    ax.set_yticks(range(plate.shape[0]), [row_name(k) for k in range(plate.shape[0])])
    ax.tick_params(length=0, labelsize="x-small", top=True, labeltop=True, bottom=False,
                   labelbottom=False)  # fmt: skip
    ax.set_xticks(np.arange(-0.5, plate.shape[1]), minor=True)
    ax.set_yticks(np.arange(-0.5, plate.shape[0]), minor=True)
    ax.grid(which="minor", color="white", linewidth=0.5)
    ax.tick_params(which="minor", length=0)
    return ax


def plot_assignment(
    table: pd.DataFrame,
    kind: Evidence = "share",
    *,
    experiment: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws the evidence for each assignment of each experiment as a heat map.

    Args:
        table: one row per experiment, as from `PlateLayout.infer`: the columns `share_0`,
            `share_1` ... or `posterior_0` ..., and `best`.
        kind: "share": the share of wells whose prediction fits the assignment; "posterior": the
            probability of the assignment.
        experiment: the column that names the experiments; the first column if not given.
        ax: the Axes to draw on; a new figure if not given.

    Returns:
        The Axes; the best assignment of each experiment is framed.

    Raises:
        ValueError: a column is missing.
        ImportError: the extra `plot` is not installed.
    """
    columns = assignment_columns(table, kind)
    name = experiment or str(table.columns[0])
    if name not in table.columns:
        raise ValueError(
            f"column {name!r}: not in the table, which has {', '.join(map(str, table.columns))}"
        )
    values = table[columns].to_numpy(np.float64)
    ax = _axes(ax, (2.5 + 0.9 * len(columns), 0.8 + 0.3 * max(1, len(table))))
    ax.set_xlabel("assignment")
    if table.empty:
        ax.text(0.5, 0.5, "no experiments", ha="center", transform=ax.transAxes)
        return ax
    shown = ax.imshow(values, aspect="auto", vmin=0, vmax=1, cmap="Greens")
    ax.figure.colorbar(shown, ax=ax).set_label(kind)
    ax.set_xticks(range(len(columns)), [each.rpartition("_")[2] for each in columns])
    ax.set_yticks(range(len(table)), [str(each) for each in table[name]], parse_math=False)
    ax.tick_params(length=0, labelsize="small")
    for row in range(len(table)):
        for column in range(len(columns)) if len(table) <= WRITTEN else []:
            share = values[row, column]
            ax.text(column, row, f"{share:.3f}", ha="center", va="center", fontsize="small",
                    color="white" if share > 0.6 else INK)  # fmt: skip
        if "best" in table.columns and pd.notna(table["best"].iloc[row]):
            best = int(table["best"].iloc[row])
            rectangle = require("matplotlib.patches", "plot", "drawing plots").Rectangle
            ax.add_patch(
                rectangle((best - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=CUT, linewidth=1.5)
            )
    return ax


def save(plot: "Axes | Figure", output: FilePath) -> None:
    """Writes a plot as .png or .svg, whole or not at all, and closes it.

    The same plot gives the same bytes.

    Raises:
        ValueError: another extension.
        OSError: the file can't be written.
    """
    kind = place(output).suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise ValueError(f"{os.fspath(output)}: expected a picture: .png, .svg")
    plt = require("matplotlib.pyplot", "plot", "drawing plots")
    figure: Any = plot if hasattr(plot, "savefig") else plot.figure
    metadata = {"Date": None} if kind == "svg" else None
    try:
        with atomic(output) as temporary, plt.rc_context({"svg.hashsalt": "cellsieve"}):
            figure.savefig(temporary, format=kind, dpi=DPI, metadata=metadata, bbox_inches="tight")
    finally:
        plt.close(figure)


def _axes(ax: "Axes | None", size: tuple[float, float]) -> "Axes":
    if ax is not None:
        return ax
    plt = require("matplotlib.pyplot", "plot", "drawing plots")
    made: Axes = plt.figure(figsize=size, layout="constrained").subplots()
    return made
