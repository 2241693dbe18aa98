"""Each measure by its definition: short, slow, obviously right."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist


@dataclass(frozen=True)
class Cell:
    """What is known about one cell: the pixels that count, and the images around it."""

    label: int
    box: tuple[int, int, int, int]
    where: NDArray[np.bool_]  # of the whole image
    mask: NDArray[Any]
    image: NDArray[Any]
    threshold: float
    background_area: int
    nuclei: NDArray[Any] | None = None
    max_value: float | None = None

    @property
    def pixels(self) -> NDArray[Any]:
        """The values that count."""
        pixels: NDArray[Any] = self.image[self.where]
        return pixels

    @property
    def exact(self) -> NDArray[np.float64]:
        """The same as float64."""
        return self.pixels.astype(np.float64)

    @property
    def outside(self) -> NDArray[Any]:
        """The values of the pixels with label 0."""
        outside: NDArray[Any] = self.image[self.mask == 0]
        return outside

    @property
    def centroid(self) -> tuple[float, float]:
        """Mean row and column."""
        rows, cols = np.nonzero(self.where)
        return float(rows.mean()), float(cols.mean())


NAN = float("nan")
CROSS = ndimage.generate_binary_structure(2, 1)
SQUARE = ndimage.generate_binary_structure(2, 2)


def _over(part: float, whole: float) -> float:
    return part / whole if whole else NAN


def _quantile(q: float) -> Callable[[Cell], float]:
    return lambda cell: float(np.quantile(cell.pixels, q))


def _mad(values: NDArray[Any]) -> float:
    if not values.size:
        return NAN
    return float(np.median(np.abs(values.astype(np.float64) - float(np.quantile(values, 0.5)))))


def _largest(cell: Cell) -> float:
    if cell.max_value is not None:
        return cell.max_value
    return NAN if cell.image.dtype.kind == "f" else float(np.iinfo(cell.image.dtype).max)


def _saturated(values: NDArray[Any], cell: Cell) -> float:
    limit = _largest(cell)
    return NAN if np.isnan(limit) else float((values >= limit).mean())


# The outline, and where whole stencils lie in the cell.


def _edge_mean(cell: Cell) -> float:
    inside = ndimage.binary_erosion(cell.where, CROSS, border_value=1)
    edge = cell.image[cell.where & ~inside].astype(np.float64)
    return float(edge.mean()) if edge.size else NAN


def _mass_displacement(cell: Cell) -> float:
    light = cell.exact
    if not light.sum():
        return NAN
    rows, cols = np.nonzero(cell.where)
    row, col = ((place * light).sum() / light.sum() for place in (rows, cols))
    return float(np.hypot(row - cell.centroid[0], col - cell.centroid[1]))


def _laplacian(cell: Cell) -> float:
    inside = ndimage.binary_erosion(cell.where, CROSS)
    values = ndimage.laplace(cell.image.astype(np.float64))[inside]
    return float(values.var()) if values.size else NAN


def _tenengrad(cell: Cell) -> float:
    deep = ndimage.binary_erosion(cell.where, SQUARE)
    image = cell.image.astype(np.float64)
    values = ndimage.sobel(image, 0)[deep] ** 2 + ndimage.sobel(image, 1)[deep] ** 2
    return float(values.mean()) if values.size else NAN


def _brenner(cell: Cell) -> float:
    here = cell.where[:, :-2] & cell.where[:, 1:-1] & cell.where[:, 2:]
    image = cell.image.astype(np.float64)
    values = (image[:, 2:] - image[:, :-2])[here] ** 2
    return float(values.mean()) if values.size else NAN


def _neighbour_correlation(cell: Cell) -> float:
    image, where = cell.image.astype(np.float64), cell.where
    right, down = where[:, :-1] & where[:, 1:], where[:-1] & where[1:]
    one = np.concatenate([image[:, :-1][right], image[:-1][down]])
    other = np.concatenate([image[:, 1:][right], image[1:][down]])
    both = np.array([np.concatenate([one, other]), np.concatenate([other, one])])
    if both.size == 0 or both.min() == both.max():
        return NAN
    return float(np.corrcoef(both)[0, 1])


def _entropy(cell: Cell) -> float:
    _, counts = np.unique(cell.pixels, return_counts=True)
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum())


# Shapes.


def _covariance(cell: Cell) -> NDArray[np.float64]:
    return np.atleast_2d(np.cov(np.nonzero(cell.where), ddof=0))


def _axes(cell: Cell) -> NDArray[np.float64]:
    """The longer and the shorter axis."""
    values = np.linalg.eigvalsh(_covariance(cell))[::-1]
    scale = values.max()
    axes: NDArray[np.float64] = 4 * np.sqrt(np.where(values > 1e-9 * scale, values, 0))
    return axes


def _eccentricity(cell: Cell) -> float:
    major, minor = _axes(cell)
    return float(np.sqrt(1 - (minor / major) ** 2)) if major else NAN


def _orientation(cell: Cell) -> float:
    (rows, both), (_, cols) = _covariance(cell)
    if abs(rows - cols) <= 1e-9 * rows and abs(both) <= 1e-9 * rows:
        return NAN
    if abs(both) <= 1e-9 * (rows + cols):
        both = 0.0  # of which a rounded sum may be the negative one
    return float(np.arctan2(2 * both, rows - cols) / 2)


def _perimeter(cell: Cell) -> float:
    where = np.pad(cell.where, 1)
    edge = (where & ~ndimage.binary_erosion(where, CROSS)).astype(int)
    codes = ndimage.convolve(edge, [[10, 2, 10], [2, 1, 2], [10, 2, 10]], mode="constant")
    root = np.sqrt(2)
    lengths = dict.fromkeys((5, 7, 15, 17, 25, 27), 1.0)
    lengths |= {21: root, 33: root, 13: (1 + root) / 2, 23: (1 + root) / 2}
    return float(sum(lengths.get(code, 0.0) for code in codes[edge == 1].tolist()))


def _middles(where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The middles of the four sides of each pixel."""
    places = np.argwhere(where)
    sides = [[-0.5, 0], [0.5, 0], [0, -0.5], [0, 0.5]]
    return np.concatenate([places + side for side in sides])


def _convex(where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels whose middle lies in the hull of these points."""
    planes = ConvexHull(_middles(where)).equations
    places = np.argwhere(np.ones_like(where))
    inside: NDArray[np.bool_] = (places @ planes[:, :2].T + planes[:, 2] <= 1e-9).all(axis=1)
    return inside.reshape(where.shape)


def _window(cell: Cell) -> NDArray[np.bool_]:
    top, left, bottom, right = cell.box
    window: NDArray[np.bool_] = cell.where[top:bottom, left:right]
    return window


def _solidity(cell: Cell) -> float:
    window = _window(cell)
    return float(window.sum() / _convex(window).sum())


def _feret(cell: Cell) -> float:
    return float(pdist(_middles(_convex(_window(cell)))).max())


def _pieces(cell: Cell) -> int:
    return int(ndimage.label(cell.where, SQUARE)[1])


def _holes(cell: Cell) -> int:
    """Pieces of what is not the cell, without the one around it."""
    return int(ndimage.label(~np.pad(cell.where, 1), CROSS)[1]) - 1


# Places.


def _sides(cell: Cell) -> dict[str, int]:
    """Sides of the cell's pixels by what is on their other side."""
    counts = {"border": 0, "contact": 0, "outside": 0}
    rows, cols = cell.mask.shape
    for row, col in np.argwhere(cell.where):
        for r, c in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
            if not (0 <= r < rows and 0 <= c < cols):
                counts["border"] += 1
            elif cell.mask[r, c] != cell.label:
                counts["contact" if cell.mask[r, c] else "outside"] += 1
    return counts


def _touches_border(cell: Cell) -> int:
    rows, cols = cell.mask.shape
    top, left, bottom, right = cell.box
    return int(top == 0 or left == 0 or bottom == rows or right == cols)


def _neighbours(cell: Cell) -> int:
    around = cell.mask[ndimage.binary_dilation(cell.where, SQUARE)]
    return len(set(around.tolist()) - {0, cell.label})


def _nearest(cell: Cell) -> float:
    row, col = cell.centroid
    distances = [
        np.hypot(*(np.argwhere(cell.mask == other).mean(axis=0) - (row, col)))
        for other in np.unique(cell.mask)
        if other not in (0, cell.label)
    ]
    return float(min(distances, default=NAN))


# Nuclei.


def _own_nuclei(cell: Cell) -> dict[int, int]:
    """The nuclei with more pixels in this cell than in any other, and how many lie in it."""
    own = {}
    assert cell.nuclei is not None
    for nucleus in np.unique(cell.nuclei[cell.where & (cell.nuclei != 0)]):
        cells, counts = np.unique(cell.mask[cell.nuclei == nucleus], return_counts=True)
        counts = np.where(cells == 0, 0, counts)
        if cells[np.argmax(counts)] == cell.label:
            own[int(nucleus)] = int(counts.max())
    return own


def _nucleus_label(cell: Cell) -> float:
    own = _own_nuclei(cell)
    return min(own, key=lambda nucleus: (-own[nucleus], nucleus)) if own else NAN


def nucleus_pixels(cell: Cell) -> NDArray[np.bool_]:
    """Where the cell's nuclei lie in it."""
    assert cell.nuclei is not None
    inside: NDArray[np.bool_] = cell.where & np.isin(cell.nuclei, list(_own_nuclei(cell)))
    return inside


def _nucleus_offset(cell: Cell) -> float:
    inside = np.argwhere(nucleus_pixels(cell))
    return float(np.hypot(*(inside.mean(axis=0) - cell.centroid))) if len(inside) else NAN


def _variance(cell: Cell) -> float:
    return float(cell.exact.var())


#: Each measure of the registry but the slope of the power spectrum, by its definition.
NAIVE: dict[str, Callable[[Cell], float]] = {
    "label": lambda cell: cell.label,
    "min_row": lambda cell: cell.box[0],
    "min_col": lambda cell: cell.box[1],
    "max_row": lambda cell: cell.box[2],
    "max_col": lambda cell: cell.box[3],
    "area": lambda cell: cell.pixels.size,
    "area_above": lambda cell: int((cell.pixels > cell.threshold).sum()),
    "fraction": lambda cell: (
        int((cell.pixels > cell.threshold).sum()) / cell.pixels.size if cell.pixels.size else NAN
    ),
    "threshold": lambda cell: cell.threshold,
    "background_area": lambda cell: cell.background_area,
    "background_median": lambda cell: (
        float(np.quantile(cell.outside, 0.5)) if cell.outside.size else NAN
    ),
    "background_mad": lambda cell: _mad(cell.outside),
    "image_saturated": lambda cell: _saturated(cell.image, cell),
    "image_laplacian_variance": lambda cell: (
        float(ndimage.laplace(cell.image.astype(np.float64))[1:-1, 1:-1].var())
        if min(cell.image.shape) > 2
        else NAN
    ),
    "cells_at_border": lambda cell: len(
        {*cell.mask[0], *cell.mask[-1], *cell.mask[:, 0], *cell.mask[:, -1]} - {0}
    ),
    "intensity_min": lambda cell: float(cell.pixels.min()),
    "intensity_max": lambda cell: float(cell.pixels.max()),
    "intensity_mean": lambda cell: float(cell.exact.mean()),
    "intensity_std": lambda cell: float(cell.exact.std()),
    "intensity_median": _quantile(0.5),
    "intensity_p05": _quantile(0.05),
    "intensity_p25": _quantile(0.25),
    "intensity_p75": _quantile(0.75),
    "intensity_p95": _quantile(0.95),
    "intensity_mad": lambda cell: _mad(cell.pixels),
    "intensity_sum": lambda cell: float(cell.exact.sum()),
    "intensity_edge_mean": _edge_mean,
    "mass_displacement": _mass_displacement,
    "saturated": lambda cell: _saturated(cell.pixels, cell),
    "contrast": lambda cell: _over(
        float(cell.exact.mean()) - NAIVE["background_median"](cell), _mad(cell.outside)
    ),
    "entropy": _entropy,
    "normalized_variance": lambda cell: _over(_variance(cell), float(cell.exact.mean())),
    "brenner": _brenner,
    "laplacian_variance": _laplacian,
    "tenengrad": _tenengrad,
    "neighbour_correlation": _neighbour_correlation,
    "brenner_relative": lambda cell: _over(_brenner(cell), _variance(cell)),
    "laplacian_variance_relative": lambda cell: _over(_laplacian(cell), _variance(cell)),
    "tenengrad_relative": lambda cell: _over(_tenengrad(cell), _variance(cell)),
    "centroid_row": lambda cell: cell.centroid[0],
    "centroid_col": lambda cell: cell.centroid[1],
    "perimeter": _perimeter,
    "axis_major_length": lambda cell: float(_axes(cell)[0]),
    "axis_minor_length": lambda cell: float(_axes(cell)[1]),
    "eccentricity": _eccentricity,
    "orientation": _orientation,
    "extent": lambda cell: cell.pixels.size / _window(cell).size,
    "solidity": _solidity,
    "equivalent_diameter_area": lambda cell: float(np.sqrt(4 * cell.pixels.size / np.pi)),
    "euler_number": lambda cell: _pieces(cell) - _holes(cell),
    "feret_diameter_max": _feret,
    "form_factor": lambda cell: _over(4 * np.pi * cell.pixels.size, _perimeter(cell) ** 2),
    "pieces": _pieces,
    "holes": _holes,
    "touches_border": _touches_border,
    "border_share": lambda cell: _sides(cell)["border"] / sum(_sides(cell).values()),
    "neighbours": _neighbours,
    "contact_share": lambda cell: _sides(cell)["contact"] / sum(_sides(cell).values()),
    "nearest_distance": _nearest,
    "nuclei": lambda cell: len(_own_nuclei(cell)),
    "nucleus_label": _nucleus_label,
    "nucleus_area": lambda cell: int(nucleus_pixels(cell).sum()),
    "nucleus_share": lambda cell: float(nucleus_pixels(cell).sum() / cell.pixels.size),
    "nucleus_offset": _nucleus_offset,
}
