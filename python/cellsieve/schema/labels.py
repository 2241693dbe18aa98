"""Class labels as text: one class, or several joined by "|"."""

from typing import Any

import pandas as pd

from cellsieve.schema.text import STRING

SEPARATOR = "|"  # between the classes of a label
EXPLODED = "image_class_label"  # the classes of a cell that has a row for each of them


def class_text(labels: "pd.Series[Any]") -> "pd.Series[Any]":
    """Class labels as text, the same whether they come as 3, 3.0, "3" or "3.0".

    A column of ints with a gap becomes floating-point on its way through a CSV file; a verdict must
    not change by that. Several classes stay joined by "|", each without spaces around it; a line
    break within becomes a space; missing stays missing.
    """
    text = labels.astype(STRING).str.replace(r"\s+", " ", regex=True).str.strip()
    text = text.str.replace(r" ?\| ?", "|", regex=True)
    text = text.str.replace(r"(^|(?<=\|))(-?\d+)\.0+(?=\||$)", r"\2", regex=True)
    return text.mask(labels.isna() | (text == ""))


def classes_of(text: str) -> list[str]:
    """The classes of a label such as "0|16", each once, in the order of their names."""
    return sorted({name for name in text.split(SEPARATOR) if name})


def natural(label: str) -> tuple[bool, int, str]:
    """Sorts whole numbers in their order, then the rest in theirs."""
    whole = label.isascii() and label.isdigit()
    return not whole, int(label) if whole else 0, label
