"""Images as a whole: which of them lost most cells, and how the verdicts lie in them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.look.colours import VERDICTS
from cellsieve.look.report.layers import gray
from cellsieve.look.report.page import data_uri
from cellsieve.look.report.sections import kinds_of
from cellsieve.look.views import Field, largest, rims, shrunk, webp
from cellsieve.schema.measures import channels_of, described
from cellsieve.schema.text import STRING

FIELDS = 8  # images that are drawn
SIDE = 560  # of their pictures, in pixels
FIELD_BYTES = 95_000  # of one, measured
LISTED = 200  # images in the table by share cut, and a tenth as many at each end of each measure
MEASURES = 6  # columns of the image table
KINDS = ("kept", "cut", "unjudged", "by_hand")


def counted(
    table: pd.DataFrame, images: pd.DataFrame | None
) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """How many cells of each image were kept and not, with what the image table measured.

    Returns:
        A row for each image with cells, by falling share of cells cut; and what became of each
        cell of the table.
    """
    kinds = kinds_of(table)
    found = pd.crosstab(table["image_id"].astype(STRING).to_numpy(), kinds)
    found = found.reindex(columns=list(KINDS), fill_value=0)
    found.index.name, found.columns.name = "image_id", None
    found["n"] = found.sum(axis=1)
    found["share"] = found["cut"] / found["n"]
    found = found.reset_index()
    if images is not None:
        measured = _measured(images, table)
        there = images.assign(image_id=images["image_id"].astype(STRING))
        found = found.merge(there[["image_id", *measured]], on="image_id", how="left")
    return found.sort_values(["share", "cut"], ascending=False, kind="stable"), kinds


def _measured(images: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """The columns of an image table that tell of its focus and its background."""
    channels = channels_of(map(str, table.columns))
    found = []
    for name in map(str, images.columns):
        known = described(name, channels)
        numbers = pd.api.types.is_numeric_dtype(images[name])
        if known and known[0].of_image and numbers and images[name].notna().any():
            found.append(name)
    first = ("image_laplacian", "power_spectrum", "background_m", "threshold", "image_saturated")
    found.sort(key=lambda name: next((k for k, s in enumerate(first) if name.startswith(s)), 9))
    return found[:MEASURES]


def images_in_words(found: pd.DataFrame) -> dict[str, Any]:
    """The table of images of a page: those that lost most, and those at the ends of a measure."""
    measures = [name for name in found.columns if name not in ("image_id", *KINDS, "n", "share")]
    chosen = [found.index[:LISTED]]
    for name in measures if len(found) > LISTED else []:
        order = found[name].dropna().sort_values().index
        chosen += [order[: LISTED // 10], order[-LISTED // 10 :]]
    listed = found.loc[found.index.isin(np.concatenate(chosen))]
    return {
        "n": len(found),
        "measures": measures,
        "rows": listed.astype(object).where(listed.notna(), None).to_dict("records"),
    }


def field_verdicts(
    table: pd.DataFrame, kinds: NDArray[np.object_], ids: Sequence[str]
) -> dict[str, dict[int, str]]:
    """What became of each cell of some images, by its label."""
    names = table["image_id"].astype(STRING).to_numpy()
    found = {}
    for image_id in ids:
        own = names == image_id
        labels = table["label"].to_numpy(np.int64)[own].tolist()
        found[image_id] = dict(zip(labels, kinds[own].tolist(), strict=True))
    return found


def drawn_field(field: Field, verdicts: Mapping[str, Mapping[int, str]]) -> dict[str, Any]:
    """A whole image: a channel in gray, and the outlines of its cells by verdict."""
    mask = field.mask
    step = max(1, -(-max(mask.shape) // SIDE))
    lines = largest(np.where(rims(mask), mask, 0), step)
    picture = np.zeros((*lines.shape, 4), np.uint8)
    of_labels = verdicts[field.image_id]
    for label in np.unique(lines[lines != 0]).tolist():
        picture[lines == label] = (*VERDICTS[of_labels.get(label, "unjudged")], 255)
    return {
        "image": data_uri(webp(shrunk(gray(field.plane.pixels), SIDE))),
        "lines": data_uri(webp(picture)),
        "width": mask.shape[1],
        "height": mask.shape[0],
        "channel": field.plane.name,
    }
