"""What the report of a cleaned cell table shows: what was decided, and a section a class."""

import math
import os
from typing import Any

import numpy as np
import pandas as pd

from cellsieve.measuring import MEASURED
from cellsieve.picking import BANDS, band, column_values, limits, natural, pick
from cellsieve.reporting.bins import Axis, axis_of, histogram, in_short, number, percentile_of
from cellsieve.reporting.page import data_uri, write_page
from cellsieve.views import Look, Picture, default_channels, pictures, webp

#: A page holds about so many bytes of pictures, however many cells it shows.
PICTURE_BYTES = 4_000_000
MOST_PICTURES = 1500
SIDES = (96, 320)  # of pictures, in pixels
BYTES_A_PIXEL = 0.17  # of cells as WebP of quality 80, by measurement

VALUES = 30_000  # values in the page that limits can be moved along
FAILED = 200  # failed images that are listed

#: How the reasons of `clean` are said.
REASONS = {
    "": "kept",
    "low": "too low",
    "high": "too high",
    "multi_label": "several classes",
    "no_label": "no class",
    "small_group": "class too small",
    "unmeasured": "not measured",
    "by hand": "by hand",
}
TITLES = {"low": "Low", "middle": "Middle", "high": "High"}
COLUMNS_LAST = ("clean", "reason", "lower_limit", "upper_limit", "group_size")


def cells_report(
    table: pd.DataFrame,
    images: pd.DataFrame | None,
    output: str | os.PathLike[str],
    *,
    title: str,
    column: str,
    n: int,
    seed: int,
    look: Look,
    jobs: int | None,
    progress: bool | None,
) -> None:
    """Writes the page."""
    values = column_values(table, column)
    table = table.reset_index(drop=True)
    values = values.reset_index(drop=True)
    groups = sections_of(table)
    axis = axis_of(values, column)
    n = max(1, min(n, MOST_PICTURES // (3 * max(1, len(groups)))))
    shown = [_shown(rows, column, n, seed) for _, _, rows in groups]
    look = _sized(look, sum(map(len, shown)))
    drawn = _draw(pd.concat(shown) if shown else table.head(0), images, look, jobs, progress)
    most = max(48, min(600, VALUES // max(1, len(groups))))

    cells: list[dict[str, Any]] = []
    sections = []
    for place, ((label, kind, rows), chosen) in enumerate(zip(groups, shown, strict=True)):
        section = _section(rows, values[rows.index], column, axis, most)
        section |= {"id": f"c{place}", "label": label, "kind": kind}
        section["galleries"] = _galleries(chosen, rows, column, drawn, cells)
        sections.append(section)
    totals = _totals(table)
    content = {
        "title": title,
        "column": column,
        "axis": axis,
        "sections": sections,
        "totals": totals,
        "images": _images(images, table),
        "cells": cells,
        "words": _words(table, images, values, cells),
        "look_words": _look_words(look, images),
        "percentiles": _percentiles(sections),
        "n": n,
        "reasons": REASONS,
    }
    content["data"] = {
        "name": title,
        "key": _key(table, values),
        "axis": [axis.low, axis.high],
        "percentiles": content["percentiles"],
        "sections": [
            {
                key: section[key]
                for key in ("id", "values", "counts", "bars", "lower", "upper", "fixed")
            }
            for section in sections
        ],
        "columns": [str(name) for name in table.columns],
        "cells": [
            {
                key: cell[key]
                for key in ("image_id", "label", "value", "clean", "judged", "said", "row")
            }
            for cell in cells
        ],
    }
    write_page(output, "cells.html.j2", content)


def _key(table: pd.DataFrame, values: "pd.Series[float]") -> str:
    """Tells this table from others, so that marks kept in a browser meet the cells they are of."""
    rows = table[["image_id", "label"]].assign(value=values)
    return f"{int(pd.util.hash_pandas_object(rows, index=False).sum()) & 0xFFFFFFFF:08x}"


def sections_of(table: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """A name, a kind and the rows of each section: the classes, then cells of several or none.

    Combinations of classes ("0|16") are one section where none of their cells was judged as a
    class of its own.
    """
    if "class_label" not in table.columns:
        return [("All cells", "all", table)] if len(table) else []
    labels = table["class_label"]
    reasons = table.get("reason", pd.Series("", index=table.index))
    several = reasons == "multi_label"
    several |= labels.str.contains("|", regex=False, na=False) & labels.isin(labels[several])
    without = labels.isna()
    classes = table[~several & ~without].groupby("class_label", sort=False)
    found = [
        (str(label), "class", rows)
        for label, rows in sorted(classes, key=lambda pair: natural(str(pair[0])))
    ]
    for name, kind, those in (
        ("Several classes", "several", several & ~without),
        ("No class", "none", without),
    ):
        if those.any():
            found.append((name, kind, table[those]))
    return found


def _shown(rows: pd.DataFrame, column: str, n: int, seed: int) -> pd.DataFrame:
    """The cells of a section that are shown, with their gallery in the column `_band`.

    Where fewer than `n` lie beyond a limit, the kept ones next to it fill the row.
    """
    bands = band(rows, column)
    parts = []
    taken: set[Any] = set()
    for which, order in (("low", "lowest"), ("high", "highest"), ("middle", "random")):
        beyond = rows[(bands == which) & ~rows.index.isin(taken)]
        chosen = pick(beyond, "all", n, column=column, seed=seed) if len(beyond) else beyond
        if len(chosen) < n and which != "middle":
            rest = rows[(bands == "middle") & ~rows.index.isin(taken)]
            # In a small class, each gallery gets its third.
            room = min(n - len(chosen), max(0, math.ceil(len(rest) / 3)))
            if room:
                near = pick(rest, "all", room, column=column, order=order)  # type: ignore[arg-type]
                chosen = pd.concat([chosen, near])
        taken |= set(chosen.index)
        parts.append(chosen.assign(_band=which))
    low, high, middle = parts
    return pd.concat([low, middle, high])


def _sized(look: Look, count: int) -> Look:
    """The more pictures, the smaller."""
    pixels = PICTURE_BYTES / max(1, count) / BYTES_A_PIXEL
    side = int(min(SIDES[1], max(SIDES[0], math.sqrt(pixels))))
    return Look(look.channels, look.neighbours, look.outline, min(side, look.side), look.margin)


def _draw(
    shown: pd.DataFrame,
    images: pd.DataFrame | None,
    look: Look,
    jobs: int | None,
    progress: bool | None,
) -> dict[Any, Picture[str]]:
    """The picture of each shown cell, as the address of itself."""
    if images is None:
        return {index: Picture(None, "") for index in shown.index}
    made = pictures(shown, images, look, _as_uri, jobs=jobs, progress=progress)
    return dict(zip(shown.index, made, strict=True))


def _as_uri(colours: Any) -> str:
    return data_uri(webp(colours))


def _section(
    rows: pd.DataFrame, values: "pd.Series[float]", column: str, axis: Axis, most: int
) -> dict[str, Any]:
    """The numbers of a class."""
    finite = np.isfinite(values)
    measured = np.asarray(values[finite], np.float64)
    judged = _judged(rows, column)
    ends = limits(rows, column)
    lower, upper = _only(ends["lower"]), _only(ends["upper"])
    totals = _totals(rows)
    bars = histogram(measured, axis)
    kept_bars = histogram(np.asarray(values[finite & _clean(rows)], np.float64), axis)
    top = max(1, *bars)
    # Limits can be moved for the cells that nothing else decides about.
    movable = np.asarray(values[finite & (judged != "other")], np.float64)
    distinct, counts = in_short(movable, most)
    return {
        **totals,
        "measured": len(measured),
        "missing": int(len(values) - len(measured)),
        "lower": lower,
        "upper": upper,
        "several_limits": any(len(ends[side].dropna().unique()) > 1 for side in ends),
        "low": int((judged == "low").sum()),
        "high": int((judged == "high").sum()),
        "fixed": int(((judged == "other") & ~_clean(rows)).sum()),
        "values": distinct,
        "counts": counts,
        "bars": bars,
        "bars_path": bars_path(bars, top),
        "kept_path": bars_path(kept_bars, top),
        "quantiles": [number(q) for q in np.quantile(measured, [0.25, 0.5, 0.75])]
        if len(measured)
        else ["–"] * 3,
        "from_percentiles": (
            None if lower is None else percentile_of(movable, lower),
            None if upper is None else percentile_of(movable, upper),
        ),
    }


def _only(values: "pd.Series[float]") -> float | None:
    """The one value of a column; None where there is none, or several."""
    found = values.dropna().unique()
    return float(found[0]) if len(found) == 1 else None


def _judged(rows: pd.DataFrame, column: str) -> "pd.Series[Any]":
    """What the limits of a column alone decided: "", "low" or "high"; "other" where more did."""
    says = {"": "", "low": "low", "high": "high"}
    says |= {f"{column} low": "low", f"{column} high": "high"}
    return _verdicts(rows).map(lambda reason: says.get(reason, "other")).astype("str")


def _verdicts(rows: pd.DataFrame) -> "pd.Series[Any]":
    empty = pd.Series("", index=rows.index, dtype="str")
    return rows["reason"].fillna("") if "reason" in rows.columns else empty


def _clean(rows: pd.DataFrame) -> "pd.Series[bool]":
    if "clean" not in rows.columns:
        return pd.Series(True, index=rows.index)
    return rows["clean"].fillna(False).astype(bool)


def _totals(rows: pd.DataFrame) -> dict[str, Any]:
    kept = _clean(rows)
    reasons = _verdicts(rows)[~kept].value_counts()
    by_hand = int((kept & (_verdicts(rows) == "by hand")).sum())
    return {
        "n": len(rows),
        "kept": int(kept.sum()),
        "kept_by_hand": by_hand,
        "dropped": int((~kept).sum()),
        "reasons": [(str(reason), int(many)) for reason, many in reasons.items()],
    }


def bars_path(bars: list[int], top: int) -> str:
    """The bars of a histogram in a box of 1000 x 100; what is not empty is at least a hair high."""
    width = 1000 / len(bars)
    path = []
    for place, many in enumerate(bars):
        if many:
            height = max(1.5, 100 * many / top)
            path.append(f"M{place * width:.5g} 100v-{height:.4g}h{width:.5g}V100z")
    return "".join(path)


def _galleries(
    chosen: pd.DataFrame,
    rows: pd.DataFrame,
    column: str,
    drawn: dict[Any, Picture[str]],
    cells: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """The cells shown of a class; each is also appended to those of the page."""
    bands = band(rows, column).value_counts()
    galleries = []
    for which in BANDS:
        here = chosen[chosen["_band"] == which].drop(columns="_band")
        kept, verdicts, values = _clean(here), _verdicts(here), column_values(here, column)
        judged = _judged(here, column)
        beyond = band(here, column)
        first = len(cells)
        for place, (index, row) in enumerate(
            zip(here.index, here.itertuples(index=False, name=None), strict=True)
        ):
            fields = dict(zip(here.columns, row, strict=True))
            clean, reason = bool(kept.iloc[place]), str(verdicts.iloc[place])
            said = ("kept" if clean else "dropped") + (
                f" ({REASONS.get(reason, reason)})" if reason else ""
            )
            cells.append(
                {
                    "image_id": str(fields["image_id"]) if "image_id" in fields else "",
                    "label": int(fields["label"]),
                    "value": float(f"{values.iloc[place]:.7g}"),
                    "clean": clean,
                    "judged": judged.iloc[place] != "other",
                    "said": said,
                    "row": [_text(value) for value in row],
                    "picture": drawn[index].made,
                    "problem": drawn[index].problem,
                }
            )
        galleries.append(
            {
                "which": which,
                "title": TITLES[which],
                "n": int(bands.get(which, 0)),
                "beyond": int((beyond == which).sum()),
                "cells": list(range(first, len(cells))),
            }
        )
    return galleries


def _text(value: Any) -> str:
    """A field of a row as text; empty where it is missing."""
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    return str(value)


def _images(images: pd.DataFrame | None, table: pd.DataFrame) -> dict[str, Any]:
    """How many images there were, and those that failed."""
    with_cells = table["image_id"].nunique() if "image_id" in table.columns else 0
    if images is None or "status" not in images.columns:
        return {"n": with_cells, "failed": 0, "listed": [], "warned": [], "n_warned": 0}
    images = images[images["status"] != "no_image"]  # a mask alone is no image that failed
    failed = images[~images["status"].isin(MEASURED)]
    warned = images[images["warning"].notna()] if "warning" in images.columns else images.head(0)
    return {
        "n": len(images),
        "failed": len(failed),
        "listed": [
            (str(row["image_id"]), str(row["status"]), _text(row.get("error")))
            for _, row in failed.head(FAILED).iterrows()
        ],
        "warned": [
            (str(row["image_id"]), _text(row["warning"]))
            for _, row in warned.head(FAILED).iterrows()
        ],
        "n_warned": len(warned),
    }


def _words(
    table: pd.DataFrame,
    images: pd.DataFrame | None,
    values: "pd.Series[float]",
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
    elif len(table) and not _clean(table).any():
        words.append("Every cell was dropped: nothing is left to train on.")
    missing = int((~np.isfinite(values)).sum())
    if missing:
        words.append(
            f"{missing:,} of {len(table):,} cells have no value; they are in no histogram and in "
            "no gallery."
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
    outlined = "the line is the edge of the cell in its mask; " if look.outline else ""
    others = {"dim": "neighbours are dimmed; ", "blank": "neighbours are blanked; ", "show": ""}
    return (
        f"Pictures: {', '.join(channels)}; {outlined}{others[look.neighbours]}"
        "brightness is set once an image, so cells of one image can be compared with each other."
    )


def _percentiles(sections: list[dict[str, Any]]) -> list[str]:
    """The percentiles that made the limits, in percent, where the classes agree; else 0.1, 99.9."""
    found = []
    for side, otherwise in enumerate((0.1, 99.9)):
        pairs = [section["from_percentiles"][side] for section in sections]
        known = [100 * share for share in pairs if share is not None]
        middle = float(np.median(known)) if known else otherwise
        found.append(float(f"{middle:.4g}") if side == 0 else 100 - float(f"{100 - middle:.4g}"))
    return [f"{share:.6g}" for share in found]
