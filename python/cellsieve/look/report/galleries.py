"""The cells that a page shows: some below, within and above the limits of each section."""

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.look.colours import Colours
from cellsieve.look.picking import BANDS, choose
from cellsieve.look.report.page import data_uri
from cellsieve.look.report.sections import said
from cellsieve.look.views import Look, Picture, pictures, webp
from cellsieve.schema.choices import Order
from cellsieve.schema.verdicts import Verdicts

#: About how many bytes of pictures a page holds, however many cells it shows.
PICTURE_BYTES = 4_000_000
MOST_PICTURES = 1500
SIDES = (96, 320)  # of pictures, in pixels
BYTES_A_PIXEL = 0.17  # of cells as WebP of quality 80, measured


class Gallery(NamedTuple):
    """The cells of one gallery, by ascending value."""

    which: str
    title: str
    places: NDArray[np.int64]
    n: int
    """How many cells there are in this band."""
    beyond: int
    """How many of those shown are in it; the others are the kept cells nearest the limit."""


def galleries(rows: Verdicts, places: NDArray[np.int64], n: int, seed: int) -> list[Gallery]:
    """Chooses the cells of a section's galleries, at most `n` each; no cell is in two of them.

    Args:
        rows: the section's cells.
        places: where they stand in the table.
        n: cells per gallery.
        seed: of the random choice.
    """
    free = np.ones(len(places), bool)
    made = {}
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
        many = int(np.count_nonzero(rows.band == which))
        made[which] = Gallery(which, which.capitalize(), places[chosen], many, beyond)
    return [made[which] for which in BANDS]


def _choose(
    rows: Verdicts, among: NDArray[np.bool_], n: int, order: Order, seed: int
) -> NDArray[np.int64]:
    candidates = np.flatnonzero(among)
    return candidates[choose(rows.value[candidates], n, order, seed)] if n else candidates[:0]


def sized(look: Look, count: int) -> Look:
    """The look of pictures small enough for so many of them."""
    pixels = PICTURE_BYTES / max(1, count) / BYTES_A_PIXEL
    side = int(min(SIDES[1], max(SIDES[0], math.sqrt(pixels))))
    return replace(look, side=min(side, look.side))


def tiles(
    shown: pd.DataFrame,
    rows: Verdicts,
    images: pd.DataFrame | None,
    look: Look,
    *,
    jobs: int | None,
    progress: bool | None,
) -> list[dict[str, Any]]:
    """What the page holds about each cell that it shows."""
    if images is None:
        made: list[Picture[str]] = [Picture(None, "no picture")] * len(shown)
    else:
        made = pictures(shown, images, look, _address, jobs=jobs, progress=progress)
    return [
        {
            "image_id": str(image_id),
            "label": int(label),
            "value": float(f"{value:.7g}"),
            "clean": bool(clean),
            "judged": judged != "other",
            "said": said(clean, reason),
            "row": [field_text(field) for field in row],
            "picture": picture.made,
            "problem": picture.problem,
        }
        for image_id, label, value, clean, reason, judged, row, picture in zip(
            shown["image_id"],
            shown["label"],
            rows.value,
            rows.clean,
            rows.reason,
            rows.judged,
            shown.itertuples(index=False, name=None),
            made,
            strict=True,
        )
    ]


def _address(colours: Colours) -> str:
    return data_uri(webp(colours))


def field_text(value: Any) -> str:
    """A field of a row as text; empty where it is missing."""
    if pd.isna(value):
        return ""
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)
