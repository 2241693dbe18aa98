"""Sentences of a page: what was measured, how it was cleaned, what to know before trusting it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cellsieve.look.report.command import command_of
from cellsieve.look.views import Look
from cellsieve.schema.images import measured_channels
from cellsieve.schema.measures import BY_NAME, channels_of, described
from cellsieve.schema.record import record_of, steps_of
from cellsieve.schema.verdicts import (
    Judgement,
    Verdicts,
    limits_note,
    own_columns,
    rule_in_words,
)


def measure_in_words(column: str, table: pd.DataFrame, images: pd.DataFrame | None) -> str:
    """What a column is: its formula, channel and threshold, in one sentence."""
    found = described(column, channels_of(map(str, table.columns)))
    if found is None:
        return f"{column} is a column of the table; cellsieve has no formula for it."
    measure, channel = found
    said = f"{column}: {measure.sentence} ({measure.formula})"
    if measure.needs == "mask":
        return f"{said}; from the mask alone."
    known = [channel] if channel else [] if images is None else measured_channels(images)
    said += f"; channel {' or '.join(known)}" if known else "; of which channel, nobody recorded"
    if measure.needs == "threshold":
        quantiles = _values(images, "quantile")
        if quantiles:
            said += f"; threshold: the {' or '.join(quantiles)} quantile of the pixels with label 0"
            said += " of the same image"
        else:
            said += f"; threshold: {BY_NAME['threshold'].sentence}"
    if _values(images, "convention") == ["notebook"]:
        said += "; in the notebook’s convention"
    return said + "."


def _values(images: pd.DataFrame | None, name: str) -> list[str]:
    """The values of a column of the image table, each once."""
    if images is None or name not in images.columns:
        return []
    return [
        f"{value:g}" if isinstance(value, float) else str(value)
        for value in images[name].dropna().unique()
    ]


def made_in_words(table: pd.DataFrame, judging: Sequence[Judgement], name: str) -> dict[str, Any]:
    """How a table was cleaned: its rules, the command that does the same, the version."""
    rules = [each.rule for each in judging]
    steps = (
        [each for each in steps_of(record_of(table)) if each["call"] == "clean"] if rules else []
    )
    version = steps[-1]["version"] if steps else None
    return {
        "rules": [rule_in_words(rule) for rule in rules],
        "command": command_of(rules, name, own_columns(table)) if rules else "",
        "version": version,
    }


def warnings_of(
    table: pd.DataFrame,
    column: str,
    images: pd.DataFrame | None,
    rows: Verdicts,
    cells: list[dict[str, Any]],
) -> list[str]:
    """What a reader should know before trusting the page."""
    words = []
    if table.empty:
        words.append(
            "The table holds no cells. Were any images measured? The image table says what became "
            "of each."
        )
    if "clean" not in table.columns:
        words.append(
            "The table has not been cleaned (it has no column “clean”): no limits are drawn and "
            "every cell counts as kept. Limits can be tried here all the same."
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
        lost = [cell["problem"] for cell in cells if not cell["picture"]]
        if lost:
            gone = any("No such file" in problem for problem in lost)
            words.append(
                f"{len(lost):,} of the {len(cells):,} cells shown have no picture; the first: "
                f"{lost[0]}."
                + (" If the files were moved, --moved OLD=NEW says where to." if gone else "")
            )
    return words


def look_in_words(look: Look, images: pd.DataFrame | None) -> str:
    """How to read the pictures."""
    if images is None:
        return ""
    outlined = "the line is the edge of the cell’s mask; " if look.outline else ""
    others = {"dim": "neighbours are dimmed; ", "blank": "neighbours are blanked; ", "show": ""}
    return (
        f"Pictures: {', '.join(look.channels or ())}; {outlined}{others[look.neighbours]}"
        "brightness is set once per image, so cells of one image can be compared with each other."
    )
