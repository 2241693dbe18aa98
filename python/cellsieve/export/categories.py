"""The categories of annotations: their names, and which of them each class label is."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cellsieve.export.source import Cleaned
from cellsieve.io.places import place
from cellsieve.io.tables import FORMATS, read_table
from cellsieve.schema.labels import SEPARATOR, class_text, natural
from cellsieve.schema.types import is_path

ONE_CLASS = "cell"


class Categories(NamedTuple):
    """The categories: their names, and the place of each class label."""

    names: list[str]
    places: dict[str, int]
    one: bool


def read_categories(cleaned: Cleaned, given: Any, multi: str, table: str) -> Categories:
    """The categories, each class label of the table among them.

    Raises:
        ValueError: a cell has no class label, or one that has no category.
    """
    if multi == "one":
        return Categories([ONE_CLASS], {}, one=True)
    used: dict[str, str] = {}
    for task in cleaned.tasks:
        for text in set(task.classes.tolist()):
            if text is None:
                raise ValueError(
                    f"{table}: clean cells of {task.image_id} have no class label; label them, or "
                    "take all cells as one category (--multi one)"
                )
            for label in text.split(SEPARATOR):
                used.setdefault(label, task.image_id)
    if given is None:
        labels = sorted(used, key=natural)
        names = labels
    else:
        pairs = _given(given)
        labels, names = list(pairs), list(pairs.values())
    places = {label: place for place, label in enumerate(labels)}
    for label, image_id in used.items():
        if label not in places:
            raise ValueError(
                f"{table}: the class label {label!r} of {image_id} has no category; the categories "
                f"are {', '.join(places) or 'none'}"
            )
    return Categories(names, places, one=False)


def _given(given: Any) -> dict[str, str]:
    """Class label to name, from whatever holds that."""
    if is_path(given):
        name = os.fspath(given)
        if name.lower().endswith(FORMATS):
            rows = read_table(given, text=("class_label", "name"))
            if "class_label" not in rows:
                raise ValueError(
                    f"{name}: has the columns {', '.join(map(str, rows.columns))}; expected "
                    "class_label, and name if the categories have names"
                )
            labels = class_text(rows["class_label"])
            given = dict(zip(labels, rows.get("name", labels), strict=True))
        else:
            try:
                given = json.loads(place(given).read_text(encoding="utf-8"))
            except ValueError as error:
                raise ValueError(f"{name}: not JSON: {error}") from error
    if isinstance(given, Mapping):
        return {str(label): str(name) for label, name in given.items()}
    if isinstance(given, Sequence) and not isinstance(given, str):
        return {str(label): str(label) for label in given}
    raise ValueError(f"categories: found {given!r}; expected class labels, or class label to name")
