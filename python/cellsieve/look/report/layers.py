"""A cell's picture as layers that the page puts together: channels, outline, what is above."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cellsieve.look.report.page import data_uri
from cellsieve.look.views import DIM, Cut, Look, Plane, edge, enlarged, shrunk, webp

ABOVE = (255, 196, 0, 150)  # what marks the pixels above the threshold, see-through
OUTLINE = (255, 255, 255, 255)
OVERVIEW_QUALITY = 40
LARGE_SIDE = 512  # of a large picture, at most


class Layers(NamedTuple):
    """What the page holds of one cell; pictures are data URIs."""

    width: int
    height: int
    """Of the window, in pixels of the image."""
    place: tuple[int, int]
    """Where the window lies in the image: its left and top."""
    size: tuple[int, int]
    """Width and height of the image."""
    overview: str
    """The whole image, small, for the first of its cells."""
    small: "Stack"
    large: "Stack | None"
    """For the larger view; None where that has to do with the small one."""


class Stack(NamedTuple):
    """A picture of a cell: its layers, from the lowest."""

    scale: float
    """How many pixels of the picture there are for one of the image; at most 1."""
    planes: list[tuple[str, str]]
    """The name and the picture of each channel that is shown, in gray, or of a colour image."""
    measured: str
    """The picture of the measured channel, where it is not among them; else empty."""
    above: str
    """What marks the cell's pixels above the threshold; empty if that is not known."""
    outline: str

    @property
    def sources(self) -> list[str]:
        """All pictures that there are, in their order."""
        pictures = [*(picture for _, picture in self.planes), self.measured, self.above]
        return [picture for picture in (*pictures, self.outline) if picture]


def layers(
    cut: Cut,
    look: Look,
    thresholds: NDArray[np.float64] | None,
    overview_side: int,
    large: Collection[int] = (),
) -> Layers:
    """The layers of a cell.

    Args:
        cut: the cell.
        look: how it is shown.
        thresholds: of each cell asked for; None where the shown column has none.
        overview_side: of the picture of the whole image, in pixels; 0: none.
        large: the cells with a large picture too, where the small one lacks pixels.
    """
    height, width = cut.own.shape
    longest = max(cut.own.shape)
    side = largest_side(longest)
    whole = cut.whole
    return Layers(
        width,
        height,
        (cut.window[1].start, cut.window[0].start),
        (cut.shape[1], cut.shape[0]),
        "" if whole is None or not overview_side else _overview(whole, overview_side),
        _stack(cut, look, thresholds),
        _stack(cut, replace(look, side=side), thresholds)
        if cut.row in large and side > look.side
        else None,
    )


def largest_side(longest: int) -> int:
    """The side of a large picture of so many pixels: as it is, or one in two, one in three..."""
    return -(-longest // -(-longest // LARGE_SIDE))


def _stack(cut: Cut, look: Look, thresholds: NDArray[np.float64] | None) -> Stack:
    """The layers in one size."""
    names = [plane.name for plane in cut.planes]
    measured = cut.measured
    above = np.zeros_like(cut.own)
    if measured is not None and thresholds is not None:
        above = (measured.pixels > thresholds[cut.row]) & cut.own
    factor = max(1, look.side // max(cut.own.shape))
    own = shrunk(enlarged(cut.own, factor).astype(np.uint8) * 255, look.side) >= 128
    return Stack(
        min(1.0, look.side / max(cut.own.shape)),
        [(plane.name, _plane(plane, cut, look)) for plane in cut.planes],
        _plane(measured, cut, look) if measured and measured.name not in names else "",
        _marked(shrunk(above.astype(np.uint8) * 255, look.side) >= 128, ABOVE)
        if thresholds is not None and measured is not None
        else "",
        _marked(edge(own), OUTLINE),
    )


def _plane(plane: Plane, cut: Cut, look: Look) -> str:
    low, high = plane.ends
    scaled = np.clip((plane.pixels.astype(np.float32) - low) / (high - low), 0, 1)
    pixels = np.nan_to_num(scaled) * np.float32(255)
    if look.neighbours != "show":
        others = cut.others if pixels.ndim == 2 else cut.others[:, :, None]
        pixels = np.where(others, pixels * (DIM if look.neighbours == "dim" else 0), pixels)
    return data_uri(webp(shrunk(pixels.astype(np.uint8), look.side)))


def _marked(where: NDArray[np.bool_], colour: Sequence[int]) -> str:
    """A picture that is see-through but for some pixels."""
    picture = np.zeros((*where.shape, 4), np.uint8)
    picture[where] = colour
    return data_uri(webp(picture))


def _overview(whole: NDArray[np.generic], side: int) -> str:
    """A whole image, small."""
    step = max(1, max(whole.shape[:2]) // (4 * side))
    return data_uri(webp(shrunk(gray(whole[::step, ::step]), side), OVERVIEW_QUALITY))


def gray(whole: NDArray[np.generic]) -> NDArray[np.uint8]:
    """A whole image as it is shown small."""
    pixels = whole.astype(np.float32)
    if pixels.ndim == 3:
        pixels = pixels.mean(axis=2)
    finite = pixels[np.isfinite(pixels)]
    low, high = np.quantile(finite, [0.01, 0.998]) if finite.size else (0.0, 1.0)
    scaled = np.clip((np.nan_to_num(pixels) - low) / (high - low if high > low else 1), 0, 1)
    # The square root, since small pictures of cells are dark.
    shown: NDArray[np.uint8] = (np.sqrt(scaled) * 255).astype(np.uint8)
    return shown
