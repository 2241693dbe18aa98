"""Some cells of a table with their pictures, for a notebook."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import pandas as pd

from cellsieve.io.image_set import ImageSet
from cellsieve.io.tables import loaded
from cellsieve.look.colours import shown_channels
from cellsieve.look.numbers import number
from cellsieve.look.picking import class_rows, pick
from cellsieve.look.report.page import data_uri
from cellsieve.look.report.sections import said
from cellsieve.look.views import Cut, Look, drawn, image_table, pictures, webp
from cellsieve.schema.choices import Band, Neighbours, Order
from cellsieve.schema.keys import check_cells
from cellsieve.schema.types import FilePath, Table
from cellsieve.schema.verdicts import column_values, default_column

PICTURE = 96  # side, in pixels, of what is shown


@dataclass(frozen=True)
class CellView:
    """Some cells of a table, which a notebook shows with their pictures.

    Attributes:
        cells: their rows.
    """

    cells: pd.DataFrame
    _html: str = field(repr=False)

    def _repr_html_(self) -> str:
        return self._html


def show_cells(
    table: Table,
    images: "ImageSet | Table",
    which: Band = "all",
    n: int = 12,
    *,
    class_label: str | int | None = None,
    column: str | None = None,
    columns: Sequence[str] = (),
    order: Order = "random",
    seed: int = 0,
    channels: Sequence[str] | None = None,
    neighbours: Neighbours = "dim",
    outline: bool = True,
    jobs: int | None = None,
    root: FilePath | None = None,
    moved: tuple[str, str] | None = None,
) -> CellView:
    """Some cells of a table with their pictures, for a notebook: one row per cell.

    Args:
        table, images, which, n, class_label, column, order: as for `plot_gallery`.
        seed, channels, neighbours, outline, jobs, root, moved: as for `plot_gallery`.
        columns: further columns that are shown.

    Returns:
        What a notebook shows as a table; `cells` are its rows. Where a file is gone, the reason
        stands in the place of the picture.

    Raises:
        ValueError: as `plot_gallery`.
        ImportError: the extra `report` is not installed.
    """
    table, name = loaded(table, "table")
    check_cells(table, name)
    column = default_column(table) if column is None else column
    rows = pick(class_rows(table, class_label), which, n, column=column, order=order, seed=seed)
    table_of_images = image_table(images, root, moved)
    shown = shown_channels(channels, table_of_images, table, column)
    look = Look(shown, neighbours, outline, 2 * PICTURE, optional=not channels)

    def finish(cut: Cut) -> str:
        return data_uri(webp(drawn(cut, look)))

    made = pictures(rows, table_of_images, look, finish, jobs=jobs)
    named = ["image_id", "label", *(["class_label"] if "class_label" in rows else [])]
    numbers = [column, *(name for name in columns if name != column)]
    heads = ["", *named, *numbers, *(["verdict"] if "clean" in rows else [])]
    values = {name: column_values(rows, name) for name in numbers}
    lines = []
    for place, (picture, (_, row)) in enumerate(zip(made, rows.iterrows(), strict=True)):
        fields = [_text(row[name]) for name in named]
        fields += [number(values[name].iloc[place]) for name in numbers]
        if "clean" in rows:
            reason = row.get("reason")
            fields.append(said(bool(row["clean"]), "" if pd.isna(reason) else str(reason)))
        image = (
            f'<img src="{picture.made}" alt="" style="height:{PICTURE}px">'
            if picture.made
            else escape(picture.problem)
        )
        cells = "".join(f"<td>{escape(text)}</td>" for text in fields)
        lines.append(f"<tr><td>{image}</td>{cells}</tr>")
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    html = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return CellView(rows, html if lines else "<p>There are no such cells.</p>")


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)
