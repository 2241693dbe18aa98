"""The cells that a page shows: some below, within and above the limits of each section."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.look.picking import BANDS, choose
from cellsieve.look.report.fields import drawn_field
from cellsieve.look.report.layers import largest_side, layers
from cellsieve.look.report.sections import kind_of, said
from cellsieve.look.views import MARGIN, Look, Picture, pictures
from cellsieve.schema.choices import Band, Order
from cellsieve.schema.verdicts import Judgement, Verdicts, in_words

#: Of each byte that a page may have, what it has without the large pictures, and with them.
PAGE_SHARE, FULL_SHARE = 0.85, 0.97
CELLS_A_MEGABYTE = 90
SIDES = (48, 320)  # of pictures, in pixels
BYTES_A_PIXEL = 0.14  # of a channel as WebP of quality 80, measured
BYTES_A_CELL = 1300  # of its text, its outline and what is above the threshold, measured
LARGE_BYTES_A_PIXEL = 0.08  # of a channel of a large picture, measured
TEXT_BYTES = 1300  # of a cell's text, measured
#: The side of the pictures of whole images, for up to so many; of more, there are none.
OVERVIEWS = ((200, 160), (600, 64))


BOX = ("min_row", "min_col", "max_row", "max_col")


class Gallery(NamedTuple):
    """The cells of one gallery, by ascending value."""

    which: str
    title: str
    places: NDArray[np.int64]
    """Where those shown at first stand in the table."""
    more: NDArray[np.int64]
    """Those shown when asked for."""
    n: int
    """How many cells there are in this band, but for those that moved."""
    beyond: int
    """How many of those shown at first are in it; the others are the kept cells nearest it."""
    undrawn: int = 0
    """How many cells beyond a limit the page has no room for."""


def chosen_cells(
    rows: Verdicts,
    sections: Sequence[NDArray[np.int64]],
    n: int,
    seed: int,
    moved: NDArray[np.bool_] | None,
    most_cells: int,
) -> list[list[Gallery]]:
    """The galleries of each section.

    At most `n` cells are shown at first; then, as far as there is room for pictures on the page,
    every other cell beyond the limits and as many kept ones next to them, `most_cells` in all.
    Cells that `moved` have a gallery of their own.
    """
    made = [
        galleries(rows.of(places), n, seed, None if moved is None else moved[places])
        for places in sections
    ]
    room = most_cells - sum(len(each.places) for one in made for each in one)
    wanted = [len(each.more) for one in made for each in one]
    most = _share(wanted, room)
    return [
        [
            each._replace(
                places=places[each.places],
                more=places[each.more[:most]],
                undrawn=0 if each.which == "middle" else max(0, each.n - each.beyond - most),
            )
            for each in one
        ]
        for places, one in zip(sections, made, strict=True)
    ]


def _share(wanted: Sequence[int], room: int) -> int:
    """The largest number that each can have of what it wants, so that all have room."""
    most, left = 0, [each for each in wanted if each]
    while left and room >= len(left):
        step = max(1, min(room // len(left), min(left) - most))
        most += step
        room -= step * len(left)
        left = [each for each in wanted if each > most]
    return most


def galleries(
    rows: Verdicts, n: int, seed: int, moved: NDArray[np.bool_] | None = None
) -> list[Gallery]:
    """Chooses the cells of a section's galleries; no cell is in two of them.

    Args:
        rows: the section's cells.
        n: cells per gallery that are shown at first.
        seed: of the random choice.
        moved: the cells that another cleaning judged otherwise.
    """
    free = np.ones(len(rows.value), bool)
    made: dict[str, Gallery] = {}
    if moved is not None and moved.any():
        chosen = _choose(rows, moved, n, "random", seed)
        free[moved] = False
        rest = np.setdiff1d(np.flatnonzero(moved), chosen)
        many = int(np.count_nonzero(moved))
        made["moved"] = Gallery("moved", "Moved", chosen, rest, many, len(chosen))
    unmoved = free.copy()
    for which in ("low", "high", "middle"):
        chosen = _choose(rows, free & (rows.band == which), n, "random", seed)
        beyond = len(chosen)
        free[chosen] = False
        if which != "middle":
            rest = free & (rows.band == "middle")
            # In a small class, each gallery gets its third.
            room = min(n - beyond, math.ceil(np.count_nonzero(rest) / 3))
            near = _choose(rows, rest, room, "lowest" if which == "low" else "highest", seed)
            free[near] = False
            chosen = np.concatenate([chosen, near] if which == "low" else [near, chosen])
        many = int(np.count_nonzero(unmoved & (rows.band == which)))
        made[which] = Gallery(which, which.capitalize(), chosen, chosen[:0], many, beyond)
    ends: tuple[tuple[Band, Order], ...] = (("low", "lowest"), ("high", "highest"))
    for which, order in ends:
        far = _choose(rows, free & (rows.band == which), len(free), "lowest", seed)
        within = free & (rows.band == "middle")
        room = min(n + len(far), int(np.count_nonzero(within)) // 3) if len(far) else 0
        near = _choose(rows, within, room, order, seed)
        free[near] = False
        # From the limit outwards, and from the limit inwards.
        more = [far[::-1], near] if which == "low" else [far, near[::-1]]
        made[which] = made[which]._replace(more=np.concatenate(more))
    return [made[which] for which in ("moved", *BANDS) if which in made]


def _choose(
    rows: Verdicts, among: NDArray[np.bool_], n: int, order: Order, seed: int
) -> NDArray[np.int64]:
    candidates = np.flatnonzero(among)
    return candidates[choose(rows.value[candidates], n, order, seed)] if n else candidates[:0]


def sized(look: Look, count: int, channels: int, room: int) -> Look:
    """The look of pictures small enough for so many cells with so many channels.

    Args:
        look: its `side` is the largest.
        count: cells.
        channels: pictures per cell.
        room: bytes of the page.
    """
    # As text, bytes take a third more.
    pixels = (room * 0.75 / max(1, count) - BYTES_A_CELL) / BYTES_A_PIXEL / channels
    side = int(min(SIDES[1], max(SIDES[0], math.sqrt(max(0, pixels)))))
    return replace(look, side=min(side, look.side))


def with_large(
    cells: pd.DataFrame, order: Sequence[int], look: Look, channels: int, room: int
) -> list[int]:
    """The cells that also have a large picture: in this order, as many as there is room for.

    Args:
        cells: those of the page.
        order: their rows, the most important first.
        look, channels: of the small pictures, which have their part of the room.
        room: bytes of the page.
    """
    small = len(cells) * (TEXT_BYTES + LARGE_BYTES_A_PIXEL * 4 / 3 * channels * look.side**2)
    boxes = cells[[*BOX]].to_numpy(np.int64)
    sides = (1 + 2 * MARGIN) * (boxes[:, 2:] - boxes[:, :2])
    left, found = room - small, []
    for row in order:
        longest = max(1, int(sides[row].max()))
        scale = largest_side(longest) / longest
        left -= int(sides[row].prod() * scale**2 * channels * LARGE_BYTES_A_PIXEL * 4 / 3)
        if left < 0:
            break
        found.append(row)
    return found


def in_turn(sections: Sequence[Sequence[range]]) -> list[int]:
    """The first of each gallery, then the second of each, and so on."""
    every = [cells for galleries in sections for cells in galleries]
    longest = max(map(len, every), default=0)
    return [cells[k] for k in range(longest) for cells in every if k < len(cells)]


def within_room(cells: Sequence[dict[str, Any]], order: Sequence[int], room: int) -> None:
    """Takes large pictures away, the last first, until all fit into so many bytes."""
    made = [cell["picture"] for cell in cells if cell["picture"]]
    room -= sum(TEXT_BYTES + sum(map(len, each.small.sources)) for each in made)
    for row in order:
        if cells[row]["large"]:
            room -= sum(map(len, cells[row]["large"][1]))
            if room < 0:
                cells[row]["large"] = None


def tiles(
    shown: pd.DataFrame,
    rows: Verdicts,
    judging: Sequence[Judgement],
    images: pd.DataFrame | None,
    look: Look,
    *,
    measured: str | Literal[True],
    thresholds: NDArray[np.float64] | None,
    fields: Mapping[str, Mapping[int, str]],
    large: Sequence[int],
    jobs: int | None,
    progress: bool | None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the page holds about each cell that it shows, and about each image shown as a whole.

    Args:
        shown, rows: the cells.
        judging: the rules they were judged by.
        images: where their pixels are.
        look: how they are drawn.
        measured, thresholds: as for `pictures` and `layers`.
        fields: the images shown as a whole, and what became of their cells.
        large: the rows of cells with a large picture.
        jobs, progress: as for `report`.
    """
    if images is None:
        made: list[Picture[Any]] = [Picture(None, "no picture")] * (len(shown) + len(fields))
    else:
        many = shown["image_id"].nunique()
        side = next((side for most, side in OVERVIEWS if many <= most), 0)
        finish = partial(
            layers,
            look=look,
            thresholds=thresholds,
            overview_side=side,
            large=frozenset(large),
        )
        made = pictures(
            shown,
            images,
            look,
            finish,
            measured=measured,
            fields=list(fields),
            finish_field=partial(drawn_field, verdicts=fields),
            jobs=jobs,
            progress=progress,
        )
    whole = [
        {
            "image_id": image_id,
            "picture": picture.made,
            "problem": picture.problem.rpartition(": ")[2],
        }
        for image_id, picture in zip(fields, made[len(shown) :], strict=True)
    ]
    cells = [
        {
            "image_id": str(image_id),
            "label": int(label),
            "value": float(value) if math.isfinite(value) else None,
            "clean": bool(clean),
            "kind": "kept" if clean else kind_of(reason, judging),
            "said": said(clean, reason),
            "because": in_words(reason),
            "row": [field_text(field) for field in row],
            "picture": picture.made,
            "place": [*picture.made.place, picture.made.small.scale] if picture.made else [],
            "large": [picture.made.large.scale, picture.made.large.sources]
            if picture.made and picture.made.large
            else None,
            "problem": picture.problem,
            # Paths are long and differ at their end; the larger view has them whole.
            "problem_in_short": picture.problem.rpartition(": ")[2],
        }
        for image_id, label, value, clean, reason, row, picture in zip(
            shown["image_id"],
            shown["label"],
            rows.value,
            rows.clean,
            rows.reason,
            shown.itertuples(index=False, name=None),
            made[: len(shown)],
            strict=True,
        )
    ]
    return cells, whole


def field_text(value: Any) -> str:
    """A field of a row as text; empty where it is missing."""
    if pd.isna(value):
        return ""
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)
