"""One image, its mask and the verdicts on its cells as layers of napari."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.io.extras import require
from cellsieve.io.image_set import ImageSet
from cellsieve.io.tables import loaded
from cellsieve.look.colours import VERDICTS, default_channels
from cellsieve.look.picking import class_rows
from cellsieve.look.report.sections import flagged, kinds_of
from cellsieve.look.views import beside, image_table, opened
from cellsieve.schema.colours import COLOURS
from cellsieve.schema.keys import check_cells
from cellsieve.schema.text import STRING
from cellsieve.schema.types import FilePath, Table

Layer = tuple[NDArray[Any], dict[str, Any], str]
"""What napari calls a LayerDataTuple: the data, their settings, and the kind of layer."""

#: What became of a cell, in words.
SAID = {
    "kept": "kept",
    "flagged": "flagged",
    "cut": "dropped",
    "by_hand": "dropped",
    "unjudged": "not judged",
}


def layers(
    table: Table,
    image_id: str,
    images: ImageSet | Table | None = None,
    *,
    class_label: str | int | None = None,
    channels: Sequence[str] | None = None,
    root: FilePath | None = None,
    moved: tuple[str, str] | None = None,
) -> list[Layer]:
    """One image as layers for napari, which is not needed to make them.

    Args:
        table: a cell table, or its file; one that is not cleaned keeps all its cells.
        image_id: the image.
        images: where the pixels are: the data set, the image table, or its file; the image table
            beside the file of `table` if not given.
        class_label: only the rows of this class, for a table that has several rows of a cell.
        channels: the channels that become layers; all if not given, of which those are visible
            that the report shows.
        root: the folder that relative paths of the image table's file start from, if not the one
            it lies in.
        moved: what the paths in the image table used to begin with, and what they begin with now.

    Returns:
        A tuple (data, settings, kind) for each layer, as `napari.layers.Layer.create(*layer)` and
        napari's plugins take it:

        - an "image" for each channel, shape (rows, columns), with the dtype of its file, in the
          colour that it is named after, otherwise gray. napari chooses the contrast
        - "cells", a "labels" layer: the mask, integers of shape (rows, columns). Its `features` are
          the rows of the image: `index` (the label), `verdict` ("kept", "flagged", "dropped" or
          "not judged") and all columns of the table but those two. Cells have the colour of their
          verdict; labels without a row in the table are transparent

        An image without cells has no features.

    Raises:
        ValueError: no image table is given or found; it has no such image, or names no mask or
            no channel of it; an image has no such channel, or another size than its mask; no cell
            is of this class; a cell has several rows; there are duplicate cells or images.
        TypeError: `table` is neither a table nor a file.
        OSError: a file can't be read.
        ImportError: the library that reads the files is not installed.
    """
    cells, name = loaded(table, "table")
    missing = [column for column in ("image_id", "label") if column not in cells.columns]
    if missing:
        raise ValueError(f"{name}: has no column {', '.join(missing)}; expected a cell table")
    check_cells(cells, name)
    found = beside(table, images)
    if found is None:
        raise ValueError(
            "images: found none; expected the data set or its image table, since none lies beside "
            f"{name}"
        )
    of_images = image_table(found, root, moved)
    rows = class_rows(cells, class_label)
    rows = rows[rows["image_id"].astype(STRING) == str(image_id)].reset_index(drop=True)
    if rows["label"].duplicated().any():
        label = rows["label"][rows["label"].duplicated()].iloc[0]
        raise ValueError(
            f"{name}: cell {label} of image {image_id} has a row for each of its classes; choose "
            "one by class_label"
        )
    mask, planes = opened(str(image_id), of_images, channels)
    names = [plane.name for plane in planes]
    shown = set(names if channels else default_channels(of_images)) & set(names) or {names[0]}
    made: list[Layer] = []
    for plane in planes:
        colour = plane.name if plane.name in COLOURS and plane.name != "white" else "gray"
        look = {"colormap": colour, "blending": "additive", "visible": plane.name in shown}
        made.append((plane.pixels, {"name": plane.name, **look}, "image"))
    kinds = _kinds(rows)
    labels = rows["label"].astype("int64")
    features = rows.drop(columns=["index", "verdict"], errors="ignore")
    features.insert(0, "index", labels)
    features.insert(1, "verdict", [SAID[kind] for kind in kinds])
    colours = {None: (0.0, 0.0, 0.0, 0.0), 0: (0.0, 0.0, 0.0, 0.0)}
    for label, kind in zip(labels.tolist(), kinds, strict=True):
        red, green, blue = VERDICTS[kind]
        colours[label] = (red / 255, green / 255, blue / 255, 1.0)
    made.append((mask, {"name": "cells", "features": features, "colormap": colours}, "labels"))
    return made


def show(
    table: Table, image_id: str, images: ImageSet | Table | None = None, **options: Any
) -> Any:
    """Opens one image in napari: its channels, and its cells coloured by verdict.

    Args:
        table, image_id, images, options: as for `layers`.

    Returns:
        The `napari.Viewer`. In a script, `napari.run()` keeps it open.

    Raises:
        ImportError: the extra `napari` is not installed.
        ValueError, TypeError, OSError: as `layers`.
    """
    napari = require("napari", "napari", "showing images")
    viewer = napari.Viewer(title=str(image_id))
    for data, settings, kind in layers(table, image_id, images, **options):
        getattr(viewer, f"add_{kind}")(data, **settings)
    return viewer


def _kinds(rows: pd.DataFrame) -> NDArray[np.object_]:
    """What became of each cell: "flagged", or as `kinds_of`."""
    kinds = kinds_of(rows)
    kinds[flagged(rows, kinds)] = "flagged"
    return kinds
