"""Plots of cells and plates with matplotlib; each returns what it drew on and needs no screen."""

import os
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellsieve.io.extras import require
from cellsieve.io.image_set import ImageSet
from cellsieve.io.places import atomic, place
from cellsieve.io.readers import read_image, read_mask
from cellsieve.io.tables import loaded
from cellsieve.look.colours import GRAY, Colours, compose, contrast, shown_channels
from cellsieve.look.numbers import check_pixel_size, number, scale_bar
from cellsieve.look.picking import class_rows, first_failed, pick, reason_columns, reason_rows
from cellsieve.look.views import Cut, Look, drawn, image_table, largest, pictures, rims, shrunk
from cellsieve.schema.choices import AxisScale, Band, Evidence, Neighbours, Order, check_choice
from cellsieve.schema.colours import COLOURS
from cellsieve.schema.keys import check_cells
from cellsieve.schema.measures import channels_of, described, is_share
from cellsieve.schema.plates import assignment_columns
from cellsieve.schema.types import FilePath, Table, is_path
from cellsieve.schema.verdicts import (
    band,
    column_values,
    default_column,
    limits,
    limits_note,
    remembered,
    verdicts,
)
from cellsieve.schema.wellmap import plate_map, row_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDES = {"lower": -1, "upper": 1}  # where what is beyond a limit lies
KEPT, CUT, INK = "#8fc9b8", "#a83f1c", "#1d2226"  # told apart in gray print too
DRAWN = 640  # pixels at most along each side of a drawn image
DPI = 150  # of saved pictures
WRITTEN = 24  # experiments up to which every field of a heat map is labelled with its number


def plot_distribution(
    table: Table,
    column: str | None = None,
    class_label: str | int | None = None,
    *,
    bins: int = 80,
    axis: AxisScale = "auto",
    title: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws the histogram of a column: kept and dropped cells, the limits, how many lie beyond.

    Args:
        table: a cell table, or its file; where it is cleaned, and by `column`, limits are drawn if
            all cells shown share them.
        column: any numeric column, by default as in `report`. NaN is left out and counted below the
            axis.
        class_label: only the cells of this class.
        bins: number of bars.
        axis: "linear"; "log", which is linear around 0 where there are values up to 0; or "auto":
            logarithmic where the middle half of the values would fill less than a twelfth of a
            linear axis.
        title: above the plot; the class and how many cells there are if not given.
        ax: the Axes to draw on; a new figure if not given.

    Returns:
        The Axes. If there is no value at all, it says so.

    Raises:
        ValueError: no such column or class; bins below 1; an unknown `axis`.
        ImportError: the extra `plot` is not installed.
    """
    table = loaded(table, "table")[0]
    rows = class_rows(table, class_label).reset_index(drop=True)
    column = default_column(table) if column is None else column
    values = column_values(rows, column)
    ends = limits(rows, column)
    measured = values[np.isfinite(values)]
    missing = len(values) - len(measured)
    if bins < 1:
        raise ValueError(f"bins: found {bins}; expected at least 1")
    check_choice("axis", axis, AxisScale)
    ax = _axes(ax, (7, 3.2))
    clean = pd.Series(verdicts(rows, column).clean, rows.index)
    dropped = int((~clean).sum())
    if title is None:
        title = "all cells" if class_label is None else f"class {class_label}"
        title += f" ({_cells(len(rows))}{f', {dropped:,} dropped' if dropped else ''})"
    ax.set_title(title, loc="left", fontsize="medium", pad=18, parse_math=False)
    remarks = [f"{_cells(missing)} without a value"] if missing else []
    if remembered(table) is None and limits_note(table, column):
        remarks.append("the table does not say which rules it was cleaned by")
    logarithmic = axis == "log" or (axis == "auto" and _skewed(measured))
    if logarithmic and not measured.empty:
        remarks.append("logarithmic axis")
    ax.set_xlabel(column + (f"   ({'; '.join(remarks)})" if remarks else ""), parse_math=False)
    ax.set_ylabel("cells")
    ax.spines[["top", "right"]].set_visible(False)
    if measured.empty:
        ax.text(0.5, 0.5, f"no cell has a value for {column}", ha="center", transform=ax.transAxes)
        return ax
    if logarithmic:
        edges = _logarithmic(ax, measured, bins)
    else:
        whole = is_share(column) and measured.between(0, 1).all()
        span = (0.0, 1.0) if whole else (measured.min(), measured.max())
        edges = np.histogram_bin_edges(measured, bins, span)
        ax.xaxis.set_major_formatter(lambda value, _: number(value))
    ax.hist(
        [measured[clean[measured.index]], measured[~clean[measured.index]]],
        bins=edges.tolist(),
        stacked=True,
        color=[KEPT, CUT],
        label=["kept", "dropped"],
    )
    known = {side: some[0] for side in SIDES if len(some := ends[side].unique()) == 1}
    known = {side: float(limit) for side, limit in known.items() if np.isfinite(limit)}
    # The words stand beside their limits: to the outside, or else to the other side. Where both
    # go to the same side they may meet, so the second has a line of its own.
    away = {
        side: SIDES[side] * (1 if _room(ax, limit, SIDES[side]) else -1)
        for side, limit in known.items()
    }
    stacked = len(away) == 2 and away["lower"] == away["upper"]
    if stacked:
        ax.set_title(title, loc="left", fontsize="medium", pad=30, parse_math=False)
    if dropped:
        ax.legend(
            frameon=False, fontsize="small", ncols=2, loc="lower right", bbox_to_anchor=(1, 1),
            borderaxespad=3.3 if stacked else 1.8,
        )  # fmt: skip
    for side, limit in known.items():
        end = SIDES[side]
        beyond = int((measured < limit).sum() if end < 0 else (measured > limit).sum())
        ax.axvline(limit, color=INK, linestyle="--", linewidth=1)
        ax.annotate(
            f"{beyond:,} {'below' if end < 0 else 'above'} {number(limit)}",
            (limit, 1),
            (4 * away[side], 22 if stacked and end > 0 else 10),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="left" if away[side] > 0 else "right",
            va="top",
            fontsize="small",
            color=CUT if beyond else INK,
        )
    return ax


def _cells(many: int) -> str:
    return f"{many:,} {'cell' if many == 1 else 'cells'}"


def _skewed(values: "pd.Series[float]") -> bool:
    """Whether the middle half of the values would be squeezed together on a linear axis."""
    if values.empty:
        return False
    half = values.quantile(0.75) - values.quantile(0.25)
    return bool(0 < half < (values.max() - values.min()) / 12)


def _logarithmic(ax: "Axes", values: "pd.Series[float]", bins: int) -> NDArray[np.float64]:
    """Makes the axis logarithmic; the edges of bars that are equally wide on it."""
    low, high = float(values.min()), float(values.max())
    if low > 0:
        ax.set_xscale("log")
        edges = np.geomspace(low, high, bins + 1)
        formatter: Any = lambda value, _: number(value)  # noqa: E731
        ax.xaxis.set_major_formatter(formatter)
        # Without a power of ten or two, the numbers between them are needed.
        ax.xaxis.set_minor_formatter(formatter if high < 30 * low else "")
    else:
        width = float(values.abs()[values != 0].median()) if (values != 0).any() else 1.0
        ax.set_xscale("asinh", linear_width=width)
        edges = width * np.sinh(
            np.linspace(np.arcsinh(low / width), np.arcsinh(high / width), bins + 1)
        )
        ax.xaxis.set_major_formatter(lambda value, _: number(value))
    edges[[0, -1]] = low, high  # as they are, whatever rounding did
    return edges


def _room(ax: "Axes", limit: float, end: int) -> bool:
    """Whether there is room for text beyond a limit."""
    place = float(ax.transAxes.inverted().transform(ax.transData.transform((limit, 0)))[0])
    return place > 0.25 if end < 0 else place < 0.75


def plot_gallery(
    table: Table,
    images: ImageSet | Table,
    which: Band | None = None,
    n: int = 12,
    *,
    class_label: str | int | None = None,
    reason: str | None = None,
    column: str | None = None,
    order: Order = "random",
    seed: int = 0,
    channels: Sequence[str] | None = None,
    neighbours: Neighbours = "dim",
    outline: bool = True,
    same_scale: bool = True,
    pixel_size: float | None = None,
    title: str | None = None,
    across: int = 6,
    side: int = 320,
    jobs: int | None = None,
    root: FilePath | None = None,
    moved: tuple[str, str] | None = None,
) -> "Figure":
    """Draws some cells, each with its value below, a scale bar and a legend.

    Args:
        table: a cell table, or its file; cleaned, where `which` is "low" or "high".
        images: where the pixels are: the data set, the image table, or its file.
        which: cells "low" (below the lower limit), "middle", "high", or "all"; "middle" if not
            given, with `reason` "all".
        n: how many, at most.
        class_label: only the cells of this class.
        reason: only the cells that a rule dropped or flagged with this reason ("out of focus"),
            maybe with others.
        column: the column of the limits and of the values below the cells; by default that of the
            rule with this `reason` (of several columns, for each cell those that it failed by,
            named below it; it is ranked by the first), or else as in `report`.
        order: "random", or the "lowest" or "highest" of them.
        seed: seed of the random choice.
        channels: each shown in the colour it is named after, otherwise gray; by default those of
            red, green and blue that exist, or else the measured one.
        neighbours: pixels of other cells: "dim", "blank" or "show".
        outline: whether the cell is outlined.
        same_scale: whether all cells are drawn at one scale; otherwise each fills its place, with
            a scale bar of its own.
        pixel_size: the side of a pixel in µm; without it the scale bar is in pixels.
        title: above the cells; which they are and how many there are if not given.
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
        ValueError: no such column, class, reason or channel, an argument that is none of the
            above, or duplicate cells or images.
        ImportError: the extra `plot` is not installed.
    """
    plt = require("matplotlib.pyplot", "plot", "drawing plots")
    cells, name = loaded(table, "table")
    check_cells(cells, name)
    table = cells.reset_index(drop=True)
    failed = reason_columns(table, reason) if column is None and reason is not None else {}
    if column is None:
        [column, *_] = next(iter(failed), [default_column(table)])
    judged = list(failed) or [(column,)]
    failing = first_failed(failed) if failed else np.zeros(len(table), np.int64)
    values = pd.concat(
        [column_values(table[failing == k], names[0]) for k, names in enumerate(judged)]
    )
    which = which or ("middle" if reason is None else "all")
    among = class_rows(reason_rows(table, reason), class_label)
    rows = pick(among, which, n, column=column, order=order, seed=seed, by=values)
    table_of_images = image_table(images, root, moved)
    shown = shown_channels(channels, table_of_images, table, column)
    look = Look(shown, neighbours, outline, side, optional=not channels)
    note = limits_note(table, column) if which != "all" else ""
    if across < 1:
        raise ValueError(f"across: found {across}; expected at least 1")
    check_pixel_size(pixel_size)
    if rows.empty:
        figure: Figure = plt.figure(figsize=(5, 1.5))
        words = f"no cell is {which}" + ("" if class_label is None else f" in class {class_label}")
        words += f"\n{note}" if note else ""
        figure.text(0.5, 0.5, words, ha="center", parse_math=False)
        return figure

    def finish(cut: Cut) -> tuple[Colours, tuple[int, ...]]:
        return drawn(cut, look), cut.own.shape

    made = pictures(rows, table_of_images, look, finish, jobs=jobs)
    sizes = [max(picture.made[1]) for picture in made if picture.made]
    # A bar that stands in every picture fits in the smallest.
    bar, said = scale_bar(sizes if same_scale or not sizes else [2 * min(sizes)], pixel_size)
    wide, high = min(across, len(rows)), -(-len(rows) // across)
    figure = plt.figure(figsize=(max(4.5, 1.7 * wide), 1.9 * high + 0.8), layout="constrained")
    axes = figure.subplots(high, wide, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    barred = False
    columns = list(dict.fromkeys(name for each in judged for name in each))
    measures, names = _short_names(columns, table)
    shown_cells = zip(rows.iterrows(), failing[rows.index].tolist(), strict=True)
    for ax, picture, ((_, row), number_of) in zip(
        axes, made, shown_cells, strict=False
    ):  # the last row may have empty places
        if picture.made is None:
            ax.text(
                0.5, 0.5, picture.problem, ha="center", va="center", wrap=True, fontsize="x-small",
                parse_math=False,
            )  # fmt: skip
        else:
            colours, shape = picture.made
            side_shown = max(sizes) if same_scale else max(shape)
            _centred(ax, colours, shape, side_shown)
            if not (barred and same_scale):
                _bar(ax, bar, side_shown, shape)
            barred = True
        dropped = "clean" in row and not row["clean"]
        said_of = [f"{names[name]} " if len(columns) > 1 else "" for name in judged[number_of]]
        lines = [
            text + number(float(row[name]))
            for text, name in zip(said_of, judged[number_of], strict=True)
        ]
        below, colour = "\n".join(lines), CUT if dropped else INK
        ax.set_title(below, y=0, pad=-4, va="top", fontsize="small", color=colour, parse_math=False)
    if title is None:
        title = _gallery_title(among, rows, which, class_label, column)
        title += "" if reason is None else f": {reason}"
    if len(columns) > 1:
        note += f"{' ' if note else ''}Each cell has the values below it by which it is “{reason}”."
    figure.suptitle(title, fontsize="medium", x=0.02, ha="left", parse_math=False)
    scale = f"Scale bar{'' if same_scale else 's'}: {said}. " if sizes else ""
    what = measures if len(columns) > 1 else column
    _legend(figure, rows, shown, what, textwrap.fill(scale + note, 22 * max(3, wide)))
    return figure


def _centred(ax: "Axes", colours: Colours, shape: tuple[int, ...], side: int) -> None:
    """Draws a picture of so many of its image's pixels in the middle of a black square."""
    rows, columns = shape
    ax.imshow(colours, extent=(0, columns, rows, 0))
    ax.set_xlim((columns - side) / 2, (columns + side) / 2)
    ax.set_ylim((rows + side) / 2, (rows - side) / 2)
    ax.add_patch(_rectangle((0, 0), 1, 1, transform=ax.transAxes, color="black", zorder=-1))


def _bar(ax: "Axes", length: float, side: int, shape: tuple[int, ...]) -> None:
    """Draws a scale bar in the lower left corner of a square around a picture."""
    rows, columns = shape
    left, bottom = (columns - side) / 2, (rows + side) / 2
    place = (left + 0.06 * side, bottom - 0.09 * side)
    ax.add_patch(_rectangle(place, length, 0.03 * side, facecolor="white", edgecolor="black",
                            linewidth=0.5))  # fmt: skip


def _rectangle(*place: Any, **style: Any) -> Any:
    return require("matplotlib.patches", "plot", "drawing plots").Rectangle(*place, **style)


def _gallery_title(
    table: pd.DataFrame,
    rows: pd.DataFrame,
    which: Band,
    class_label: str | int | None,
    column: str,
) -> str:
    """Which cells of how many a gallery shows."""
    of = class_rows(table, class_label)
    every = len(of) if which == "all" else int((band(of, column) == which).sum())
    whose = "" if class_label is None else f"class {class_label}: "
    words = {
        "low": f"below the limit of {column}",
        "middle": f"within the limits of {column}",
        "high": f"above the limit of {column}",
        "all": "",
    }
    where = f" {words[which]}" if words[which] else ""
    few = f"{len(rows):,} of " if len(rows) < every else ""
    return f"{whose}{few}{_cells(every)}{where}"


def _short_names(columns: Iterable[str], table: pd.DataFrame) -> tuple[str, dict[str, str]]:
    """What these columns are in one word, and what tells each from the others.

    Those of one measure are told apart by their channels, others by their names.
    """
    channels = channels_of(map(str, table.columns))
    known = {name: described(name, channels) for name in columns}
    measures = {each and each[0].name for each in known.values()}
    if len(measures) == 1 and all(each and each[1] for each in known.values()):
        return str(measures.pop()), {name: str(each and each[1]) for name, each in known.items()}
    return "value", {name: name for name in known}


def _legend(
    figure: "Figure", rows: pd.DataFrame, channels: Sequence[str], column: str, note: str
) -> None:
    """What colours mean: of the pictures, and of the numbers below them."""
    marks = [
        _rectangle((0, 0), 1, 1, facecolor=COLOURS.get(name, GRAY), edgecolor=INK, linewidth=0.5,
                   label=name)
        for name in channels
    ]  # fmt: skip
    texts = [(column, INK)]
    if "clean" in rows:
        clean = rows["clean"].astype(bool)
        texts = [(f"{column} of kept cells", INK)] if clean.any() else []
        texts += [(f"{column} of dropped cells", CUT)] if not clean.all() else []
    marks += [_rectangle((0, 0), 0, 0, alpha=0, label=text) for text, _ in texts]
    legend = figure.legend(
        handles=marks, loc="outside lower center", ncols=6, frameon=False, fontsize="small",
        handlelength=1, handleheight=1, title=note, title_fontsize="small",
    )  # fmt: skip
    for text in (legend.get_title(), *legend.get_texts()):
        text.set_parse_math(False)
    for text, (_, colour) in zip(legend.get_texts()[len(channels) :], texts, strict=True):
        text.set_color(colour)


@overload
def plot_overlay(
    image: ArrayLike | FilePath,
    mask: ArrayLike | FilePath,
    *,
    ids: bool = ...,
    title: str | None = ...,
    ax: None = ...,
) -> "Figure": ...
@overload
def plot_overlay(
    image: ArrayLike | FilePath,
    mask: ArrayLike | FilePath,
    *,
    ids: bool = ...,
    title: str | None = ...,
    ax: "Axes",
) -> "Axes": ...
def plot_overlay(
    image: ArrayLike | FilePath,
    mask: ArrayLike | FilePath,
    *,
    ids: bool = True,
    title: str | None = None,
    ax: "Axes | None" = None,
) -> "Figure | Axes":
    """Draws an image, its mask, and both with the cells' outlines and ids.

    Args:
        image: one channel, shape (rows, columns), or colours, shape (rows, columns, 3), or a file
            of either.
        mask: label image of the same (rows, columns), or its file.
        ids: whether cells' ids are written on them, but for those that would cover more than their
            cell; where two would overlap, on the larger cell alone.
        title: above the panels; how many cells there are, and how many ids are left out, if not
            given.
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
    if pixels.ndim == 3:
        pixels = pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, 0]
    colours = shrunk(compose([("gray", pixels, contrast(pixels))]), DRAWN)
    # Each outline in the size that is drawn: those of the whole image would be lost between pixels.
    small = labels[::step, ::step]
    areas = _label_colours(small)
    lines = largest(np.where(rims(labels), labels, 0), step)
    both = np.where(
        (lines != 0)[:, :, None], _label_colours(lines), _to_shape(colours, lines.shape)
    )
    names = cell_centres(labels) if ids else []
    many = int(np.count_nonzero(np.unique(labels)))
    if ax is None:
        plt = require("matplotlib.pyplot", "plot", "drawing plots")
        figure: Figure = plt.figure(
            figsize=(13, 0.9 + 4.2 * min(3, labels.shape[0] / max(1, labels.shape[1]))),
            layout="constrained",
        )
        panels = list(
            zip(
                figure.subplots(1, 3), (colours, areas, both), ("image", "mask", "both"),
                strict=True,
            )
        )  # fmt: skip
    else:
        panels = [(ax, both, "")]
    for panel, shown, name in panels:
        panel.imshow(shown, extent=(0, labels.shape[1], labels.shape[0], 0))
        panel.set_axis_off()
        panel.set_title(name, loc="left", fontsize="medium")
    left_out = 0
    for panel, shown, _ in panels:
        if shown is not colours:
            left_out = max(left_out, _write_ids(panel, names))
    said = _cells(many) + (f"; {left_out:,} ids left out" if left_out else "")
    if ax is None:
        figure.suptitle(title or said, x=0.01, ha="left", fontsize="medium", parse_math=False)
        return figure
    ax.set_title(title or "", loc="left", fontsize="medium", parse_math=False)
    return ax


def _write_ids(ax: "Axes", names: Sequence[tuple[int, float, float, int]]) -> int:
    """Writes ids on their cells, the largest first; returns how many had no room.

    Args:
        names: label, row and column of the middle, and number of pixels of each cell.
    """
    effects = require("matplotlib.patheffects", "plot", "drawing plots")
    ax.figure.get_figure(root=True).draw_without_rendering()  # so that the texts' places are known
    texts = [
        ax.text(
            column, row, str(label), color="white", fontsize="x-small", ha="center", va="center",
            path_effects=[effects.withStroke(linewidth=1.6, foreground="black")],
        )
        for label, row, column, _ in names
    ]  # fmt: skip
    pixel = abs(np.linalg.det(ax.transData.get_affine().get_matrix()))  # in those of the drawing
    taken: list[Any] = []
    for k in sorted(range(len(names)), key=lambda each: -names[each][3]):
        box = texts[k].get_window_extent()
        if box.width * box.height > names[k][3] * pixel or box.count_overlaps(taken):
            texts[k].remove()
        else:
            taken.append(box)
    return len(names) - len(taken)


def _to_shape(colours: Colours, shape: tuple[int, ...]) -> Colours:
    """A picture in another size, each pixel the nearest."""
    rows, columns = (
        (np.arange(new) * old) // new for new, old in zip(shape, colours.shape[:2], strict=True)
    )
    found: Colours = colours[rows[:, None], columns]
    return found


def _label_colours(labels: NDArray[Any]) -> Colours:
    """One colour per id, distinct for successive ids; black outside."""
    distinct, place = np.unique(labels, return_inverse=True)
    hue = np.mod(distinct.astype(np.float64) * 0.6180339887, 1.0)[:, None]
    wheel = np.abs(np.mod(hue * 6 + np.array([0, 4, 2]), 6) - 3) - 1
    palette = (np.clip(wheel, 0.15, 0.95) * 255).astype(np.uint8)
    palette[distinct == 0] = 0
    found: Colours = palette[place.reshape(labels.shape)]
    return found


def cell_centres(labels: NDArray[Any]) -> list[tuple[int, float, float, int]]:
    """Each id of a label image, the row and column of the middle of its cell, and its area."""
    # scipy.ndimage.center_of_mass fails on an image without pixels, and takes 0.2 s to import.
    rows, columns = np.nonzero(labels)
    ids, cell = np.unique(labels[rows, columns], return_inverse=True)
    area = np.bincount(cell)
    centres = [np.bincount(cell, weights=axis) / area for axis in (rows, columns)]
    return [
        (int(i), float(row), float(col), int(many))
        for i, row, col, many in zip(ids, *centres, area, strict=True)
    ]


def plot_plate(
    table: Table,
    value: str,
    *,
    well: str = "well",
    shape: tuple[int, int] | None = None,
    limits: tuple[float, float] | None = None,
    title: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws a value of every well as a map of the plate.

    Args:
        table: one row per well; or its file.
        value: a column of numbers or truth values; averaged over rows of the same well.
        well: the column of well names, such as "B02".
        shape: rows and columns of the plate; the smallest usual plate that holds the wells if not
            given.
        limits: the values at the two ends of the colour scale, so that plates can be compared; by
            default the extremes. What lies beyond has the colour of the end.
        title: above the map.
        ax: the Axes to draw on; a new figure if not given.

    Returns:
        The Axes. Wells without a value stay gray, and those without a row in the table are crossed.

    Raises:
        ValueError: a column is missing, an invalid well name, a well outside the plate, or limits
            out of order.
        ImportError: the extra `plot` is not installed.
    """
    table = loaded(table, "table")[0]
    if well not in table.columns:
        raise ValueError(
            f"column {well!r}: not in the table, which has {', '.join(map(str, table.columns))}"
        )
    if limits is not None and not -np.inf < limits[0] < limits[1] < np.inf:
        raise ValueError(f"limits: found {limits}; expected two numbers, the lower first")
    plate = plate_map(table[well], column_values(table, value), shape)
    there = plate_map(table[well], pd.Series(1.0, table.index), plate.shape)
    ax = _axes(ax, (6.4, 4))
    ax.set_facecolor("#d9dcdb")
    if np.isnan(plate).all():
        ax.text(0.5, 0.5, f"no well has a value for {value}", ha="center", transform=ax.transAxes)
    low, high = limits or (None, None)
    shown = ax.imshow(np.ma.masked_invalid(plate), vmin=low, vmax=high, aspect="equal")
    figure = ax.figure
    if not np.isnan(plate).all():
        low, high = limits or (np.nanmin(plate), np.nanmax(plate))
        beyond = (bool(np.nanmin(plate) < low), bool(np.nanmax(plate) > high))
        extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get(beyond)
        legend = figure.colorbar(
            shown,
            ax=ax,
            shrink=0.8,
            extend=extend or "neither",
            format=lambda each, _: number(each),
        )
        legend.set_label(value, parse_math=False)
    rows, columns = np.nonzero(np.isnan(there))
    ax.scatter(columns, rows, marker="x", s=6, linewidths=0.6, color="#8d9593")
    notes = ["gray: no value"] if np.isnan(plate[~np.isnan(there)]).any() else []
    notes += ["crossed: no well"] if len(rows) else []
    if notes:
        ax.set_xlabel("; ".join(notes), fontsize="x-small")
    if title:
        ax.set_title(title, loc="left", fontsize="medium", pad=18, parse_math=False)
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
    table: Table,
    kind: Evidence = "share",
    *,
    experiment: str | None = None,
    title: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws the evidence for each assignment of each experiment as a heat map.

    Args:
        table: one row per experiment, as from `PlateLayout.infer`, or its file: the columns
            `share_0`, `share_1` ... or `posterior_0` ..., and `best`.
        kind: "share": the share of wells whose prediction fits the assignment; "posterior": the
            probability of the assignment.
        experiment: the column that names the experiments; the first column if not given.
        title: above the map.
        ax: the Axes to draw on; a new figure if not given.

    Returns:
        The Axes; the best assignment of each experiment is framed.

    Raises:
        ValueError: a column is missing.
        ImportError: the extra `plot` is not installed.
    """
    table = loaded(table, "table")[0]
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
    legend = ax.figure.colorbar(shown, ax=ax)
    legend.set_label("share of wells whose vote fits" if kind == "share" else "posterior")
    ax.set_title(title or "framed: the best of each experiment", loc="left", fontsize="medium",
                 parse_math=False)  # fmt: skip
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
            frame = _rectangle(
                (best - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=CUT, linewidth=1.5,
                clip_on=False, zorder=3,
            )  # fmt: skip
            ax.add_patch(frame)
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
