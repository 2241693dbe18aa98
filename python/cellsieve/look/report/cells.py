"""The report of a cleaned cell table: what was decided, and one section per class."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.look.colours import default_channels
from cellsieve.look.report.bins import (
    Axis,
    axis_of,
    bars_path,
    histogram,
    in_short,
    number,
    percentile_of,
)
from cellsieve.look.report.galleries import MOST_PICTURES, field_text, galleries, sized, tiles
from cellsieve.look.report.page import write_page
from cellsieve.look.report.sections import sections_of, totals
from cellsieve.look.views import Look
from cellsieve.schema.images import MEASURED
from cellsieve.schema.rules import Rule
from cellsieve.schema.types import FilePath
from cellsieve.schema.verdicts import (
    Verdicts,
    in_words,
    limits_note,
    remembered,
    rule_in_words,
    verdicts,
)

VALUES = 30_000  # values in the page that limits can be moved along
FAILED = 200  # failed images that are listed

SECTION_DATA = ("id", "values", "counts", "bars", "lower", "upper", "fixed")
CELL_DATA = ("image_id", "label", "value", "clean", "judged", "said", "row")


def cells_report(
    table: pd.DataFrame,
    images: pd.DataFrame | None,
    output: FilePath,
    *,
    title: str,
    column: str,
    n: int,
    seed: int,
    look: Look,
    jobs: int | None,
    progress: bool | None,
) -> int:
    """Writes the page; returns how many of its cells have no picture although there are images."""
    rows = verdicts(table, column)
    groups = sections_of(table)
    axis = axis_of(rows.value, column)
    n = max(1, min(n, MOST_PICTURES // (3 * max(1, len(groups)))))
    most = max(48, min(600, VALUES // max(1, len(groups))))
    sections: list[dict[str, Any]] = []
    shown: list[int] = []
    for place, (label, kind, places) in enumerate(groups):
        own = rows.of(places)
        section = _section(own, axis, most)
        section |= {"id": f"c{place}", "label": label, "kind": kind, "galleries": []}
        for gallery in galleries(own, places, n, seed):
            first = len(shown)
            shown += gallery.places.tolist()
            section["galleries"].append(
                {**gallery._asdict(), "cells": list(range(first, len(shown)))}
            )
        sections.append(section)
    places = np.array(shown, np.int64)
    cells = tiles(
        table.iloc[places],
        rows.of(places),
        images,
        sized(look, len(shown)),
        jobs=jobs,
        progress=progress,
    )
    judging = remembered(table) or []
    percentiles = _percentiles(sections, [one.rule for one in judging if one.rule.column == column])
    content = {
        "title": title,
        "column": column,
        "axis": axis,
        "sections": sections,
        "totals": totals(rows),
        "images": _images(images, table),
        "cells": cells,
        "rules": [rule_in_words(one.rule) for one in judging],
        "words": _words(table, column, images, rows, cells),
        "look_words": _look_words(look, images),
        "percentiles": percentiles,
        "in_words": in_words,
        "data": {
            "name": title,
            "column": column,
            "key": _key(table, rows),
            "axis": [axis.low, axis.high],
            "percentiles": percentiles,
            "sections": [{key: section[key] for key in SECTION_DATA} for section in sections],
            "columns": [str(name) for name in table.columns],
            "cells": [{key: cell[key] for key in CELL_DATA} for cell in cells],
        },
    }
    write_page(output, "cells.html.j2", content)
    return 0 if images is None else sum(cell["picture"] is None for cell in cells)


def _key(table: pd.DataFrame, rows: Verdicts) -> str:
    """Identifies the table, so that marks stored in a browser stay with their cells."""
    cells = table[["image_id", "label"]].assign(value=rows.value)
    return f"{int(pd.util.hash_pandas_object(cells, index=False).sum()) & 0xFFFFFFFF:08x}"


def _section(rows: Verdicts, axis: Axis, most: int) -> dict[str, Any]:
    """The numbers of a class."""
    finite = np.isfinite(rows.value)
    measured = rows.value[finite]
    bars = histogram(measured, axis)
    top = max(1, *bars)
    # Limits can be moved for the cells whose verdict depends on nothing else.
    movable = rows.value[finite & (rows.judged != "other")]
    distinct, counts = in_short(movable, most)
    lower, upper = _distinct(rows.lower), _distinct(rows.upper)
    quantiles = np.quantile(measured, [0.25, 0.5, 0.75]) if len(measured) else [np.nan] * 3
    return {
        **totals(rows),
        "measured": len(measured),
        "lower": lower[0] if len(lower) == 1 else None,
        "upper": upper[0] if len(upper) == 1 else None,
        "several_limits": len(lower) > 1 or len(upper) > 1,
        "low": int((rows.judged == "low").sum()),
        "high": int((rows.judged == "high").sum()),
        "fixed": int(((rows.judged == "other") & ~rows.clean).sum()),
        "values": distinct,
        "counts": counts,
        "bars": bars,
        "bars_path": bars_path(bars, top),
        "kept_path": bars_path(histogram(rows.value[finite & rows.clean], axis), top),
        "quantiles": [number(float(each)) for each in quantiles],
        "from_percentiles": [
            percentile_of(movable, ends[0]) if len(ends) == 1 else None for ends in (lower, upper)
        ],
    }


def _distinct(values: NDArray[np.float64]) -> list[float]:
    found: list[float] = np.unique(values[~np.isnan(values)]).tolist()
    return found


def _images(images: pd.DataFrame | None, table: pd.DataFrame) -> dict[str, Any]:
    """How many images there were, which failed, and which drew a warning."""
    with_cells = table["image_id"].nunique() if "image_id" in table.columns else 0
    if images is None or "status" not in images.columns:
        return {"n": with_cells, "failed": 0, "listed": [], "warned": [], "n_warned": 0}
    images = images[images["status"] != "no_image"]  # a mask without an image has not failed
    failed = images[~images["status"].isin(MEASURED)]
    warned = images[images["warning"].notna()] if "warning" in images.columns else images.head(0)
    return {
        "n": len(images),
        "failed": len(failed),
        "listed": [
            (str(row["image_id"]), str(row["status"]), field_text(row.get("error")))
            for _, row in failed.head(FAILED).iterrows()
        ],
        "warned": [
            (str(row["image_id"]), field_text(row["warning"]))
            for _, row in warned.head(FAILED).iterrows()
        ],
        "n_warned": len(warned),
    }


def _words(
    table: pd.DataFrame,
    column: str,
    images: pd.DataFrame | None,
    rows: Verdicts,
    cells: list[dict[str, Any]],
) -> list[str]:
    """What a reader should know before trusting the page."""
    words = []
    if table.empty:
        words.append("The table holds no cells.")
    if "clean" not in table.columns:
        words.append(
            "The table has not been cleaned (it has no column “clean”): no limits are drawn and "
            "every cell counts as kept. Run cellsieve clean first."
        )
    elif len(table) and not rows.clean.any():
        words.append("Every cell was dropped: nothing is left to train on.")
    if note := limits_note(table, column):
        words.append(note)
    missing = int((~np.isfinite(rows.value)).sum())
    if missing:
        words.append(
            f"{missing:,} of {len(table):,} cells have no value; they appear in no histogram or "
            "gallery."
        )
    if images is None:
        words.append(
            "There is no image table beside the cell table, so the cells’ pixels can’t be found: "
            "the galleries show no pictures."
        )
    else:
        lost = sum(cell["picture"] is None for cell in cells)
        if lost:
            words.append(
                f"{lost:,} of the {len(cells):,} cells shown have no picture; each says why."
            )
    return words


def _look_words(look: Look, images: pd.DataFrame | None) -> str:
    """How to read the pictures."""
    if images is None:
        return ""
    channels = look.channels or default_channels(images)
    outlined = "the line is the edge of the cell’s mask; " if look.outline else ""
    others = {"dim": "neighbours are dimmed; ", "blank": "neighbours are blanked; ", "show": ""}
    return (
        f"Pictures: {', '.join(channels)}; {outlined}{others[look.neighbours]}"
        "brightness is set once per image, so cells of one image can be compared with each other."
    )


def _percentiles(sections: list[dict[str, Any]], rules: list[Rule]) -> list[str]:
    """The percentiles that made the limits of the column, in percent.

    For limits given as values, and for a table that remembers no rules: the percentiles of the
    values that they amount to, the median over classes; else 0.1 and 99.9.
    """
    for rule in rules:
        if rule.kind == "percentile":
            ends = (
                0 if rule.lower is None else rule.lower,
                1 if rule.upper is None else rule.upper,
            )
            return [f"{100 * end:.6g}" for end in ends]
    found = []
    for side, otherwise in enumerate((0.1, 99.9)):
        pairs = [section["from_percentiles"][side] for section in sections]
        known = [100 * share for share in pairs if share is not None]
        middle = float(np.median(known)) if known else otherwise
        found.append(float(f"{middle:.4g}") if side == 0 else 100 - float(f"{100 - middle:.4g}"))
    return [f"{share:.6g}" for share in found]
