"""The report of a cleaned cell table: what was decided, and one section per class."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.look.colours import GRAY
from cellsieve.look.numbers import number, scale_bar
from cellsieve.look.report.against import moves_since, of_sections
from cellsieve.look.report.bins import BINS, Axis, axis_of, bars_path, histogram
from cellsieve.look.report.fields import (
    FIELD_BYTES,
    FIELDS,
    counted,
    field_verdicts,
    images_in_words,
)
from cellsieve.look.report.galleries import (
    BOX,
    CELLS_A_MEGABYTE,
    FULL_SHARE,
    PAGE_SHARE,
    chosen_cells,
    field_text,
    in_turn,
    sized,
    tiles,
    with_large,
    within_room,
)
from cellsieve.look.report.page import as_json, write_page
from cellsieve.look.report.pools import own_rules, pools_of, rules_shown
from cellsieve.look.report.scatter import chosen_columns, scatter_of, size_of
from cellsieve.look.report.sections import reasons_of, sections_of, totals
from cellsieve.look.report.words import (
    look_in_words,
    made_in_words,
    measure_in_words,
    warnings_of,
)
from cellsieve.look.views import Look
from cellsieve.schema.colours import COLOURS
from cellsieve.schema.images import MEASURED, measured_channels
from cellsieve.schema.measures import channels_of, described
from cellsieve.schema.record import Record
from cellsieve.schema.types import FilePath
from cellsieve.schema.verdicts import (
    BY_HAND,
    Judgement,
    Verdicts,
    in_words,
    meant_in_words,
    remembered,
    rule_in_words,
    verdicts,
)

FAILED = 200  # failed images that are listed
SECTION_BYTES = 5000  # of a section without its pictures, measured
FIRST = 24  # sections that are there when the page opens; others are built when they come near

#: The page's script, in the order of its parts.
SCRIPTS = (
    "page",
    "data",
    "exact",
    "limits",
    "histogram",
    "classes",
    "pictures",
    "cells",
    "marks",
    "view",
    "panel",
    "scatter",
    "images",
    "later",
    "main",
)

SECTION_DATA = (
    *("id", "label", "kind", "n", "kept", "cut", "unjudged", "by_hand", "low", "high"),
    *("lower", "upper", "several_lower", "several_upper", "fixed_cut", "fixed_unjudged"),
)
CELL_DATA = (
    *("image_id", "label", "value", "clean", "kind", "said", "row"),
    *("pool", "free", "problem", "place", "large", "reasons"),
)


def cells_report(
    table: pd.DataFrame,
    images: pd.DataFrame | None,
    output: FilePath,
    *,
    name: str,
    title: str,
    written: str,
    column: str,
    columns: Sequence[str] | None,
    n: int,
    seed: int,
    look: Look,
    against: tuple[str, pd.DataFrame] | None,
    pixel_size: float | None,
    megabytes: float,
    jobs: int | None,
    progress: bool | None,
    record: Record,
) -> int:
    """Writes the page; returns how many of its cells have no picture although there are images.

    Args:
        table, images: the cells and where their pixels are.
        output: the page.
        name: what a command calls the table.
        title: the page's title.
        written: when the table was written; empty if nobody knows.
        against: another cleaning of these cells, after its name.
        record: how the page is made.
        column, columns, n, seed, look, pixel_size, megabytes, jobs, progress: as for `report`.
    """
    rows = verdicts(table, column)
    judging = remembered(table) or []
    groups = sections_of(table, judging)
    axis = axis_of(rows.value, column)
    most = round(CELLS_A_MEGABYTE * megabytes)
    n = max(1, min(n, most // (3 * max(1, len(groups)))))
    pools = pools_of(table, rows, column, judging, groups)
    moves = against and moves_since(table, rows, column, against[1], against[0])
    chosen = chosen_cells(
        rows,
        [places for _, _, places in groups],
        n,
        seed,
        None if moves is None else moves.newly | moves.again,
        most,
    )
    sections: list[dict[str, Any]] = []
    shown: list[int] = []
    for (label, kind, places), of_section in zip(groups, chosen, strict=True):
        section = _section(rows.of(places), pools.free[places], axis, judging)
        section |= {"id": _anchor(label, kind), "label": label, "kind": kind, "galleries": []}
        for gallery in of_section:
            first, then = len(shown), len(shown) + len(gallery.places)
            shown += [*gallery.places.tolist(), *gallery.more.tolist()]
            section["galleries"].append(
                {
                    **gallery._asdict(),
                    "cells": range(first, then),
                    "rest": range(then, len(shown)),
                }
            )
        sections.append(section)
    places = np.array(shown, np.int64)
    measured, thresholds = _measured(table.iloc[places], column, images)
    channels = () if images is None else look.channels or ()
    names = chosen_columns(table, column, judging, columns)
    scatter = scatter_of(table, rows, names, judging) if len(names) > 1 else None
    rest = sum(len(pools.data[name]) for name in ("values", "free", "kept"))
    by_image, kinds = counted(table, images)
    worst = [] if images is None else by_image["image_id"].tolist()[:FIELDS]
    rest += size_of(scatter) + FIELD_BYTES * len(worst) + SECTION_BYTES * len(sections)
    planes = max(1, len(channels) + (not _channels_of(measured, images) <= set(channels)))
    look = sized(look, len(shown), planes, int(PAGE_SHARE * megabytes * 1e6) - rest)
    order = in_turn([[each["cells"] for each in section["galleries"]] for section in sections])
    full = int(FULL_SHARE * megabytes * 1e6)
    large = with_large(table.iloc[places], order, look, planes, full - rest)
    cells, fields = tiles(
        table.iloc[places],
        rows.of(places),
        judging,
        images,
        look,
        measured=measured,
        thresholds=thresholds,
        fields=field_verdicts(table, kinds, worst),
        large=large,
        jobs=jobs,
        progress=progress,
    )
    rest += len(as_json(_overviews(cells)))
    within_room(cells, large, full - rest)
    reasons = reasons_of(table)
    for cell, pool, free, own in zip(
        cells,
        pools.of_cells[places],
        pools.free[places],
        reasons.of_rows[places],
        strict=True,
    ):
        cell |= {"pool": int(pool), "free": bool(free), "reasons": own}
    for cell, place in zip(cells, places.tolist(), strict=True):
        if moves and moves.said[place]:
            cell["said"] += f"; {moves.said[place]} before"
    content = {
        "title": title,
        "column": column,
        "axis": axis,
        "moves": moves
        and {
            **moves.words,
            "newly": int(moves.newly.sum()),
            "again": int(moves.again.sum()),
            "sections": of_sections(
                moves, [label for label, _, _ in groups], [each for _, _, each in groups]
            ),
        },
        "sections": sections,
        "first": FIRST,
        "megabytes": megabytes,
        "undrawn": sum(each.undrawn for of_section in chosen for each in of_section),
        "totals": totals(rows, judging),
        "by_image": images_in_words(by_image),
        "fields": fields,
        "images": _images(images, table),
        "cells": cells,
        "channels": _channels(channels, measured, images, cells),
        "scale": _scale(cells, pixel_size),
        "outline": look.outline,
        "marks_above": thresholds is not None,
        "rule_cards": [
            {
                "of": f"each {' and '.join(rule.groups)}" if rule.groups else "all cells",
                "meant": meant_in_words(rule),
            }
            for rule in rules_shown(table, column, judging)
        ],
        # Of one rule without a name, the galleries tell the reasons apart.
        "reasons": [
            (name, in_words(name))
            for place, name in enumerate(reasons.names)
            if any(place in cell["reasons"] for cell in cells)
        ]
        if len(judging) > 1 or any(each.rule.name for each in judging)
        else [],
        "stay": [
            rule_in_words(each.rule)
            for place, each in enumerate(judging)
            if any(band.column == column for band in each.rule.bands)
            and place not in own_rules(column, judging)
        ],
        "measure": measure_in_words(column, table, images),
        "made": made_in_words(table, judging, name) | {"written": written},
        "words": warnings_of(table, column, images, rows, cells),
        "look_words": look_in_words(look, images),
        "in_words": in_words,
        "data": {
            "name": name,
            "title": title,
            "column": column,
            "key": _key(table, rows),
            "axis": [axis.low, axis.high],
            "bars": BINS,
            "cleaned": "clean" in table.columns,
            "sections": [{key: section[key] for key in SECTION_DATA} for section in sections],
            "columns": [str(name) for name in table.columns],
            "cells": [{key: cell[key] for key in CELL_DATA} for cell in cells],
            "images": _overviews(cells),
            "marks": _by_hand(table, column),
            "reasons": list(zip(reasons.names, reasons.cells, strict=True)),
            "scatter": scatter,
            **pools.data,
        },
    }
    write_page(output, "cells.html.j2", SCRIPTS, content, record)
    return 0 if images is None else sum(cell["picture"] is None for cell in cells)


def _measured(
    shown: pd.DataFrame, column: str, images: pd.DataFrame | None
) -> tuple[str | Literal[True], NDArray[np.float64] | None]:
    """The channel that a column was measured in, and the threshold of each cell, if it has one."""
    names = channels_of(map(str, shown.columns))
    measure, channel = described(column, names) or (None, None)
    name = f"threshold_{channel}" if channel else "threshold"
    # The notebook's own convention counts other pixels than those of the cell.
    notebook = images is not None and "notebook" in set(images.get("convention", []))
    if measure is None or measure.needs != "threshold" or notebook or name not in shown.columns:
        return channel or True, None
    return channel or True, shown[name].to_numpy(np.float64)


def _channels(
    channels: Sequence[str],
    measured: str | Literal[True],
    images: pd.DataFrame | None,
    cells: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """The channels of the page's pictures: name, colour, and whether it is the measured one."""
    if images is None:
        return []
    own = _channels_of(measured, images)
    made = [{"name": name, "measured": name in own, "extra": False} for name in channels]
    if any(cell["picture"] and cell["picture"].small.measured for cell in cells):
        made.append({"name": " or ".join(sorted(own)), "measured": True, "extra": True})
    for channel in made:
        colour = COLOURS.get(str(channel["name"]), GRAY)
        channel["colour"] = f"rgb({', '.join(str(255 * part) for part in colour)})"
    return made


def _channels_of(measured: str | Literal[True], images: pd.DataFrame | None) -> set[str]:
    """The measured channel, if it is known."""
    known = [] if images is None else measured_channels(images)[:1]
    return {measured} if isinstance(measured, str) else set(known)


def _overviews(cells: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The picture, width and height of each image that cells are shown of."""
    found: dict[str, list[Any]] = {}
    for cell in cells:
        if cell["picture"] and (cell["picture"].overview or cell["image_id"] not in found):
            found[cell["image_id"]] = [cell["picture"].overview, *cell["picture"].size]
    return found


def _scale(cells: Sequence[Mapping[str, Any]], pixel_size: float | None) -> dict[str, Any]:
    """The widest window of the cells shown, and a length to compare them with."""
    sides = [
        max(cell["picture"].width, cell["picture"].height) for cell in cells if cell["picture"]
    ]
    length, words = scale_bar(sides, pixel_size)
    return {"widest": max(sides, default=1), "length": length, "words": words}


def _anchor(label: str, kind: str) -> str:
    """What links to a section end in: the same for the same class, whatever else is on the page."""
    return f"class-{quote(label, safe='')}" if kind == "class" else f"cells-{kind}"


def _by_hand(table: pd.DataFrame, column: str) -> list[list[Any]]:
    """The cells that were marked by hand before: image, label, mark, box and value."""
    if "reason" not in table.columns:
        return []
    marked = table[table["reason"] == BY_HAND].drop_duplicates(["image_id", "label"])
    return [
        [str(row["image_id"]), int(row["label"]), "keep" if row["clean"] else "drop"]
        + [field_text(row[name]) for name in (*BOX, column)]
        for _, row in marked.iterrows()
    ]


def _key(table: pd.DataFrame, rows: Verdicts) -> str:
    """Identifies the table, so that marks stored in a browser stay with their cells."""
    cells = table[["image_id", "label"]].assign(value=rows.value)
    return f"{int(pd.util.hash_pandas_object(cells, index=False).sum()) & 0xFFFFFFFF:08x}"


def _section(
    rows: Verdicts, free: NDArray[np.bool_], axis: Axis, judging: Sequence[Judgement]
) -> dict[str, Any]:
    """The numbers of a class."""
    fixed = totals(rows.of(np.flatnonzero(~free)), judging)
    finite = np.isfinite(rows.value)
    measured = rows.value[finite]
    bars = histogram(measured, axis)
    top = max(1, *bars)
    lower, upper = _distinct(rows.lower), _distinct(rows.upper)
    quantiles = np.quantile(measured, [0.25, 0.5, 0.75]) if len(measured) else [np.nan] * 3
    return {
        **totals(rows, judging),
        "fixed_cut": fixed["cut"],
        "fixed_unjudged": fixed["unjudged"],
        "measured": len(measured),
        "lower": lower[0] if len(lower) == 1 else None,
        "upper": upper[0] if len(upper) == 1 else None,
        "several_lower": len(lower) > 1,
        "several_upper": len(upper) > 1,
        "low": int((rows.judged == "low").sum()),
        "high": int((rows.judged == "high").sum()),
        "bars": bars,
        "top": max(bars),
        "bars_path": bars_path(bars, top),
        "kept_path": bars_path(histogram(rows.value[finite & rows.clean], axis), top),
        "quantiles": [number(float(each)) for each in quantiles],
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
