"""A report that opens in any browser: a single page with everything in it."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cellsieve.io.image_set import ImageSet
from cellsieve.io.places import place
from cellsieve.io.tables import loaded, refuse_existing
from cellsieve.look.colours import shown_channels
from cellsieve.look.numbers import check_pixel_size
from cellsieve.look.report.cells import cells_report
from cellsieve.look.report.page import framed
from cellsieve.look.report.plates import plates_report
from cellsieve.look.views import Look, beside, image_table
from cellsieve.schema.choices import Neighbours
from cellsieve.schema.keys import check_cells
from cellsieve.schema.plates import is_assignment, is_wells
from cellsieve.schema.record import CELLS, extended, listing, record_of, step
from cellsieve.schema.types import FilePath, Table, is_path
from cellsieve.schema.verdicts import default_column

NEEDED = ("image_id", "label", "min_row", "min_col", "max_row", "max_col")


@dataclass(frozen=True)
class Report:
    """A page that was written, which a notebook shows as the last value of a cell.

    Attributes:
        path: the page.
        without_picture: how many of the cells shown have no picture because a file is gone or
            damaged.
    """

    path: Path
    without_picture: int

    def _repr_html_(self) -> str:
        return framed(self.path.read_text(encoding="utf-8"))


def report(
    table: Table,
    output: FilePath,
    *,
    images: ImageSet | Table | None = None,
    root: FilePath | None = None,
    moved: tuple[str, str] | None = None,
    wells: Table | None = None,
    truth: Table | None = None,
    against: Table | None = None,
    column: str | None = None,
    columns: Sequence[str] | None = None,
    n: int = 8,
    seed: int = 0,
    channels: tuple[str, ...] | list[str] | None = None,
    neighbours: Neighbours = "dim",
    outline: bool = True,
    pixel_size: float | None = None,
    title: str | None = None,
    megabytes: float = 10,
    jobs: int | None = None,
    progress: bool | None = False,
    overwrite: bool = False,
) -> Report:
    """Writes a report of a cleaned cell table: what was decided, and cells of each class to see.

    For a plates result, it shows the assignments and their margins, how confident the wells are and
    how reliable that is, and maps of the plates.

    Args:
        table: a cell table as `clean` leaves it, or its file; one that is not cleaned is shown
            without limits. Or a plates result: the table of `PlateLayout.infer` or `decode`.
        output: the page, .html. It is self-contained and loads nothing from elsewhere.
        images: the data set, the image table, or its file; the image table beside the file of
            `table` if not given. Without one there are no pictures.
        root: the folder that relative paths of the image table's file start from, if not the one
            it lies in.
        moved: what the paths in the image table used to begin with, and what they begin with now.
        wells: for a plates result, the table of `PlateLayout.decode`, or its file.
        truth: for a plates result, the true class of some wells, under the column names
            that `wells` has for the id and the class.
        against: another cleaning of the same cells, or its file: the page shows which of
            them moved.
        column: the column whose distribution and limits are shown; limits only if a rule judges it.
            By default the first whose limits a rule finds, or else `fraction` (of the first channel
            where there are several).
        columns: those that can be set against each other, at most 20; by default that column, those
            that rules judge, and the first others, up to 10.
        n: at most so many cells per gallery (three per class); fewer where there are many classes,
            so that the page stays small.
        seed: seed of the random choice of cells.
        channels: the channels shown, each in the colour it is named after, else gray; by default
            those of red, green and blue that there are, or else the measured one.
        neighbours: pixels of other cells: "dim", "blank" or "show".
        outline: whether cells are outlined at first.
        pixel_size: the side of a pixel in µm, for scale bars; without it they are in pixels.
        title: the page's title; the file's name if not given.
        megabytes: about how large the page may be. A larger one has more cells beyond the limits,
            and larger pictures; it takes longer to open.
        jobs: number of threads; by default one per processor.
        progress: whether to show a progress bar; None: only on a terminal.
        overwrite: replace an existing page.

    Returns:
        Where the page is, and how many of the cells shown have no picture because a file is gone or
        damaged. A notebook shows the page itself.

    The page says so if the table is empty, a class has no values, every cell was dropped, or files
    are gone.

    Raises:
        FileExistsError: the page exists, and `overwrite` is not set.
        ValueError: `output` is not .html; `megabytes` is not a number above 0; a column or channel
            is missing; there are duplicate cells or images.
        OSError: a table can't be read, or the page can't be written.
        ImportError: the extra `report` is not installed.
    """
    if place(output).suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{os.fspath(output)}: expected a page: .html")
    check_pixel_size(pixel_size)
    if not 0 < megabytes < math.inf:
        raise ValueError(f"megabytes: found {megabytes}; expected a number above 0")
    refuse_existing(output, overwrite=overwrite)
    shown = loaded(table, "table")[0]
    path = place(table) if is_path(table) else None
    if is_assignment(shown) or is_wells(shown):
        whole = is_assignment(shown)
        asked = {
            "wells": None if wells is None else _name(wells, "wells"),
            "truth": None if truth is None else _name(truth, "truth"),
        }
        inputs = listing("rows", shown, [shown.columns[0]])
        decoded = None if wells is None else loaded(wells, "table")[0]
        plates_report(
            shown if whole else None,
            decoded if whole else shown,
            None if truth is None else loaded(truth, "table")[0],
            output,
            title=title or (path.name if path else "Plates"),
            record=extended(record_of(shown), step("report", asked, inputs)),
        )
        return Report(place(output), 0)
    missing = [name for name in NEEDED if name not in shown.columns]
    if missing:
        raise ValueError(
            f"{path or 'table'}: has no column {', '.join(missing)}; expected a cell table as "
            "written by cellsieve measure or cellsieve clean, or a result of cellsieve plates"
        )
    check_cells(shown, str(path or "table"))
    images = beside(table, images)
    table_of_images = None if images is None else image_table(images, root, moved)
    column = default_column(shown) if column is None else column
    look = Look(
        None
        if table_of_images is None
        else shown_channels(channels, table_of_images, shown, column),
        neighbours,
        outline,
        side=320,
        optional=not channels,
    )
    shown_as: dict[str, Any] = {
        "column": column,
        "columns": columns,
        "n": n,
        "seed": seed,
        "channels": channels,
        "neighbours": neighbours,
        "outline": outline,
        "pixel_size": pixel_size,
        "megabytes": megabytes,
        "against": None if against is None else _name(against, "against"),
    }
    lost = cells_report(
        shown,
        table_of_images,
        output,
        name=path.name if path else "CLEAN",
        title=title or (path.name if path else "Cells"),
        written=f"{datetime.fromtimestamp(path.stat().st_mtime):%d %B %Y, %H:%M}" if path else "",
        column=column,
        columns=columns,
        n=n,
        seed=seed,
        against=None
        if against is None
        else (_name(against, "against"), loaded(against, "table")[0]),
        look=look,
        jobs=jobs,
        pixel_size=pixel_size,
        megabytes=megabytes,
        progress=progress,
        record=extended(record_of(shown), step("report", shown_as, listing("cells", shown, CELLS))),
    )
    return Report(place(output), lost)


def _name(table: Table, otherwise: str) -> str:
    return place(table).name if is_path(table) else otherwise
