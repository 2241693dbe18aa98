"""Real pictures with faults planted in some of their cells, for faults.py."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Plane = NDArray[Any]
Box = tuple[slice, slice]


@dataclass
class Picture:
    """One image: its cells, its channels, and the nuclei where they are known."""

    image_id: str
    mask: Plane
    channels: dict[str, Plane]
    nuclei: Plane | None = None
    max_value: float | None = None
    left: frozenset[int] = frozenset()  # cells of the half that the presets were tuned on

    def copy(self) -> "Picture":
        """One that can be changed."""
        return replace(
            self,
            mask=self.mask.copy(),
            channels={name: plane.copy() for name, plane in self.channels.items()},
            nuclei=None if self.nuclei is None else self.nuclei.copy(),
        )

    def top(self, name: str) -> float:
        """The largest value that a pixel can have."""
        return self.max_value or float(np.iinfo(self.channels[name].dtype).max)


Plant = Callable[[Picture, list[int], int, np.random.Generator], set[int]]
"""Changes the picture: given its sound cells in random order and how many to spoil; the faulty."""


def each(change: Callable[[Picture, int, np.random.Generator], Collection[int]]) -> Plant:
    """Spoils as many cells, one by one; what could not be done to a cell is done to the next."""

    def plant(
        picture: Picture, cells: list[int], number: int, rng: np.random.Generator
    ) -> set[int]:
        faulty: set[int] = set()
        done = 0
        for cell in cells:
            if done == number:
                break
            if cell not in faulty and (picture.mask == cell).any():
                made = change(picture, cell, rng)
                faulty |= set(made)
                done += bool(made)
        return faulty

    return plant


def box_of(picture: Picture, cell: int, margin: int) -> Box:
    """The box of a cell and `margin` pixels around it."""
    rows, cols = np.nonzero(picture.mask == cell)
    return (
        slice(max(rows.min() - margin, 0), rows.max() + margin + 1),
        slice(max(cols.min() - margin, 0), cols.max() + margin + 1),
    )


def zone(picture: Picture, cell: int, reach: int) -> tuple[Box, Plane]:
    """Where light of a cell falls: it and what is near it, but no other cell."""
    box = box_of(picture, cell, 4 * reach)
    mask = picture.mask[box]
    near = ndimage.distance_transform_edt(mask != cell) <= reach
    return box, near & ((mask == 0) | (mask == cell))


def put(picture: Picture, name: str, box: Box, where: Plane, light: Plane) -> None:
    """Light becomes pixels of the channel's type, at most as bright as they can be."""
    plane = picture.channels[name][box]
    plane[where] = np.clip(np.rint(light), 0, picture.top(name))[where].astype(plane.dtype)


def filtered(filtering: Callable[[Plane], Plane], reach: int, *, noisy: bool = False) -> Plant:
    """All channels of a cell seen through a filter.

    A filter takes the camera's noise away as well, which bad focus does not. With `noisy` as much
    noise is added as could be in the cell's finest detail, so more than there was.
    """

    def change(picture: Picture, cell: int, rng: np.random.Generator) -> list[int]:
        box, where = zone(picture, cell, reach)
        for name, plane in picture.channels.items():
            sharp = plane[box].astype(float)
            light = filtering(sharp)
            if noisy:
                light += rng.normal(0, finest(sharp, picture.mask[box] == cell), light.shape)
            put(picture, name, box, where, light)
        return [cell]

    return each(change)


def finest(light: Plane, inside: Plane) -> float:
    """Standard deviation of white noise with as much fine detail as this (Immerkaer 1996)."""
    detail = ndimage.convolve(light, np.outer([1, -2, 1], [1, -2, 1]))[inside]
    return float(np.median(np.abs(detail)) / 0.6745 / 6)


def blur(sigma: float, *, noisy: bool = False) -> Plant:
    """Seen through a Gaussian filter."""
    gaussian = partial(ndimage.gaussian_filter, sigma=sigma)
    return filtered(gaussian, round(3 * sigma), noisy=noisy)


def defocus(radius: int) -> Plant:
    """Every point becomes a disc, as it does out of focus."""
    rows, cols = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = (rows**2 + cols**2 <= radius**2).astype(float)
    return filtered(lambda light: ndimage.convolve(light, disc / disc.sum()), radius)


def overexpose(picture: Picture, cell: int, _: np.random.Generator) -> list[int]:
    """The first channel so bright that a tenth of the cell is at the largest value."""
    name = next(iter(picture.channels))
    box, where = zone(picture, cell, 2)
    light = picture.channels[name][box].astype(float)
    bright = np.quantile(light[picture.mask[box] == cell], 0.9)
    if bright == 0:
        return []
    put(picture, name, box, where, light * picture.top(name) / bright)
    return [cell]


def dim(picture: Picture, cell: int, _: np.random.Generator) -> list[int]:
    """A quarter of the light above the background, in all channels."""
    box, where = zone(picture, cell, 2)
    for name, plane in picture.channels.items():
        dark = np.median(plane[picture.mask == 0])
        light = plane[box].astype(float)
        put(picture, name, box, where, np.minimum(light, dark + (light - dark) / 4))
    return [cell]


def cut(picture: Picture, cells: list[int], _: int, __: np.random.Generator) -> set[int]:
    """The image ends in the middle of a cell, at the side where that takes the least away."""
    height, width = picture.mask.shape
    before = {cell: (picture.mask == cell).sum() for cell in cells}
    row, col = (round(axis.mean()) for axis in np.nonzero(picture.mask == cells[0]))
    windows = {
        row / height: np.s_[row:, :],
        1 - row / height: np.s_[:row, :],
        col / width: np.s_[:, col:],
        1 - col / width: np.s_[:, :col],
    }
    window = windows[min(windows)]
    picture.mask = picture.mask[window].copy()
    picture.channels = {name: plane[window].copy() for name, plane in picture.channels.items()}
    if picture.nuclei is not None:
        picture.nuclei = picture.nuclei[window].copy()
    return {cell for cell in cells if 0 < (picture.mask == cell).sum() < before[cell]}


def merge(picture: Picture, cells: list[int], number: int, rng: np.random.Generator) -> set[int]:
    """A sound neighbour in the same half, at most two pixels away, becomes part of the cell."""
    free = set(cells)

    def change(picture: Picture, cell: int, _: np.random.Generator) -> list[int]:
        box = box_of(picture, cell, 3)
        near = ndimage.distance_transform_edt(picture.mask[box] != cell) <= 3
        found = set(np.unique(picture.mask[box][near]).tolist()) & free - {cell}
        others = [
            other for other in sorted(found) if (other in picture.left) == (cell in picture.left)
        ]
        if not others:
            return []
        picture.mask[picture.mask == others[0]] = cell
        box = box_of(picture, cell, 4)
        closed = ndimage.binary_closing(picture.mask[box] == cell, iterations=3)
        picture.mask[box][closed & (picture.mask[box] == 0)] = cell
        free.difference_update((cell, others[0]))
        return [cell]

    return each(change)(picture, cells, number, rng)


def split(picture: Picture, cell: int, _: np.random.Generator) -> list[int]:
    """Cut through the middle, across its longer axis: two labels, both faulty."""
    rows, cols = np.nonzero(picture.mask == cell)
    places = np.stack([rows - rows.mean(), cols - cols.mean()])
    axis = np.linalg.eigh(np.cov(places))[1][:, -1]
    half = axis @ places > 0
    new = int(picture.mask.max()) + 1
    picture.mask[rows[half], cols[half]] = new
    return [cell, new]


def shift(distance: float) -> Plant:
    """The mask of a cell lies this far off, over the background but not over another cell."""

    def change(picture: Picture, cell: int, rng: np.random.Generator) -> list[int]:
        rows, cols = np.nonzero(picture.mask == cell)
        height, width = picture.mask.shape
        for _ in range(20):
            angle = rng.uniform(0, 2 * np.pi)
            there = rows + round(distance * np.sin(angle)), cols + round(distance * np.cos(angle))
            inside = min(map(np.min, there)) > 0
            if inside and there[0].max() < height - 1 and there[1].max() < width - 1:
                break
        else:
            return []
        free = np.isin(picture.mask[there], (0, cell))
        picture.mask[rows, cols] = 0
        picture.mask[there[0][free], there[1][free]] = cell
        return [cell]

    return each(change)


def debris(picture: Picture, cell: int, rng: np.random.Generator) -> list[int]:
    """Thirty pixels of the background are labelled as well; nothing happens to `cell`."""
    rows, cols = np.mgrid[-4:5, -4:5]
    order = np.argsort((rows**2 + cols**2).ravel(), kind="stable")[:30]
    rows, cols = rows.ravel()[order], cols.ravel()[order]
    height, width = picture.mask.shape
    for _ in range(1000):
        row, col = rng.integers(5, height - 5), rng.integers(5, width - 5)
        if not picture.mask[row + rows, col + cols].any():
            new = int(picture.mask.max()) + 1
            picture.mask[row + rows, col + cols] = new
            return [new]
    return []


def erase_nucleus(picture: Picture, cell: int, rng: np.random.Generator) -> list[int]:
    """Of a cell, its nuclei and their light in blue; of a nucleus, all of its light."""
    if picture.nuclei is None:
        box, where = zone(picture, cell, 3)
        names, elsewhere = list(picture.channels), picture.mask == 0
    else:
        inside = picture.mask == cell
        box = box_of(picture, cell, 0)
        where = (inside & (picture.nuclei > 0))[box]
        names, elsewhere = ["blue"], inside & (picture.nuclei == 0)
        picture.nuclei[box][where] = 0
    for name in names:
        plane = picture.channels[name]
        light = np.zeros(where.shape)
        light[where] = rng.choice(plane[elsewhere], where.sum())
        put(picture, name, box, where, light)
    return [cell]


def second_nucleus(picture: Picture, cell: int, rng: np.random.Generator) -> list[int]:
    """A copy of the cell's nucleus, label and light in blue, half the size, beside it."""
    if picture.nuclei is None:
        return []
    inside = picture.mask == cell
    rows, cols = np.nonzero(inside & (picture.nuclei > 0))
    if not len(rows):
        return []
    middle = round(rows.mean()), round(cols.mean())
    near = np.hypot(rows - middle[0], cols - middle[1]) <= np.sqrt(len(rows) / np.pi) / 2
    rows, cols = rows[near], cols[near]
    free = inside & (picture.nuclei == 0)
    places = np.argwhere(free)
    for row, col in places[rng.permutation(len(places))[:500]]:
        there = rows + row - middle[0], cols + col - middle[1]
        if min(map(np.min, there)) < 0 or (np.max(there, axis=1) >= inside.shape).any():
            continue
        if free[there].all():
            blue = picture.channels["blue"]
            blue[there] = blue[rows, cols]
            picture.nuclei[there] = picture.nuclei.max() + 1
            return [cell]
    return []


#: What can be wrong with a cell.
FAULTS: dict[str, Plant] = {
    "blur, sigma 2": blur(2),
    "blur, sigma 4": blur(4),
    "blur, sigma 4, with noise": blur(4, noisy=True),
    "defocus, disc of radius 5": defocus(5),
    "saturated": each(overexpose),
    "dimmed to a quarter": each(dim),
    "cut by a new border": cut,
    "two merged": merge,
    "split": each(split),
    "mask shifted by 5": shift(5),
    "mask shifted by 20": shift(20),
    "debris": each(debris),
    "nucleus erased": each(erase_nucleus),
    "second nucleus": each(second_nucleus),
}
