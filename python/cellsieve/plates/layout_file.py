"""A layout as a file: JSON that a person can read and edit."""

import json
import os
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from cellsieve.io.places import atomic, place
from cellsieve.plates.fit import fit, given
from cellsieve.plates.layout import Layout
from cellsieve.plates.wells import Columns
from cellsieve.schema.record import KEY
from cellsieve.schema.types import FilePath
from cellsieve.schema.words import sentence

FORMAT = "cellsieve plate layout"
VERSION = 2


def save(layout: Layout, path: FilePath) -> None:
    """As `PlateLayout.save`."""
    with atomic(path) as temporary:
        temporary.write_text(_to_json(layout), encoding="utf-8")


def load(path: FilePath) -> Layout:
    """As `PlateLayout.load`."""
    try:
        text = place(path).read_text(encoding="utf-8")
        stored = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{os.fspath(path)}: not JSON: {sentence(error)}") from error
    layout = _from_json(stored, os.fspath(path))
    return replace(layout, record=stored[KEY] if isinstance(stored.get(KEY), dict) else None)


def _summary(layout: Layout) -> dict[str, Any]:
    """What a file says beside the wells of each plate."""
    return {
        "columns": vars(layout.columns),
        "plates": layout.plates.tolist(),
        "groups": [
            np.repeat(layout.classes[here], layout.slots[here]).tolist()
            for here in (layout.group == number for number in range(layout.n_groups))
        ],
        "controls": layout.controls.tolist(),
        "assignments": [
            {"count": count, "groups": assignment}
            for count, assignment in zip(
                layout.counts.tolist(), layout.assignments.tolist(), strict=True
            )
        ],
        "experiments": layout.experiments.tolist(),
    }


def _plain(value: Any) -> Any:
    """A number of numpy's as Python's."""
    return value.item() if isinstance(value, np.generic) else value


def _to_json(layout: Layout) -> str:
    """JSON with one line per group, assignment and plate, so that it reads as a table."""

    def line(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    def lines(values: list[Any]) -> str:
        return "[\n    " + ",\n    ".join(map(line, values)) + "\n  ]"

    summary = _summary(layout)
    classes = layout.classes.tolist()
    by_plate: Any = layout.wells.groupby(["experiment", "plate"], sort=True)
    known = [
        {
            "experiment": summary["experiments"][experiment],
            "plate": _plain(layout.plate_name(experiment, plate)),
            "wells": {w: classes[c] for w, c in zip(part["well"], part["class"], strict=True)},
        }
        for (experiment, plate), part in by_plate
    ]
    fields = {"format": line(FORMAT), "version": line(VERSION)}
    if layout.record is not None:
        fields[KEY] = line(layout.record)
    for key, value in summary.items():
        fields[key] = lines(value) if key in ("groups", "assignments") else line(value)
    fields["layouts"] = lines(known)
    return "{\n" + ",\n".join(f"  {line(key)}: {value}" for key, value in fields.items()) + "\n}\n"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"found {name}; expected numbers, text and lists")


def _from_json(stored: Any, path: str) -> Layout:
    """The layout of a parsed file: fitted again to its plates, and compared with all that it says.

    So whoever edits a file by hand can't leave it saying two things.
    """
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise ValueError(f"{path}: expected a file written by PlateLayout.save ({FORMAT!r})")
    if stored.get("version") != VERSION:
        raise ValueError(
            f"{path}: version {stored.get('version')!r}; this cellsieve reads {VERSION}; fit the "
            "layout again"
        )
    try:
        columns = _columns(stored["columns"], path)
        rows = [
            (known["experiment"], known["plate"], well, found)
            for known in stored["layouts"]
            for well, found in known["wells"].items()
        ]
        if not rows:
            groups = [(held, k) for k, one in enumerate(stored["groups"]) for held in one]
            table = pd.DataFrame(groups, columns=[columns.class_column, "group"])
            return _agreeing(given(table, path, columns, "group"), stored, path)
        names = [columns.experiment, columns.plate, columns.well, columns.class_column]
        order = {experiment: place for place, experiment in enumerate(stored["experiments"])}
        rows.sort(key=lambda row: order[row[0]])
        layout = fit(pd.DataFrame(rows, columns=names), path, columns)
        layout = replace(layout, controls=pd.Index(stored["controls"]))
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError, UnicodeError) as error:
        raise ValueError(f"{path}: a damaged layout: {sentence(error)}") from error
    return _agreeing(layout, stored, path)


def _columns(stored: Any, path: str) -> Columns:
    try:
        return Columns(**stored)
    except ValueError as error:
        raise ValueError(f"{path}: {sentence(error)}") from error


def _agreeing(layout: Layout, stored: Any, path: str) -> Layout:
    """The layout, if the file says the same."""
    wrong = [key for key, value in _summary(layout).items() if stored.get(key) != value]
    if wrong:
        raise ValueError(
            f"{path}: {', '.join(map(repr, wrong))} do not follow from the wells in 'layouts'; fit "
            "the layout again"
        )
    return layout
