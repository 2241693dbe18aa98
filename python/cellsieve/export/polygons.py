"""A cell as one polygon, as formats have it that know neither holes nor several pieces.

The polygon goes through the middles of the cell's outermost pixels. Drawn as `cv2.fillPoly` draws,
with its edge, it covers the cell's pixels: those of a hole are not covered, since a line through
the cell leads to the hole's edge and back. Pieces are joined by lines there and back too, the
shortest that there are; these cover pixels that are not the cell's, and nothing else does.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Sides of a pixel, clockwise: the step over each, and along it.
_OVER = np.array([[-1, 0], [0, 1], [1, 0], [0, -1]])
_ALONG = np.roll(_OVER, -1, axis=0)
_RIGHT, _LEFT = 1, 3

_EIGHT = np.ones((3, 3), int)


def polygon(counts: Sequence[int], rows: int) -> NDArray[np.int64]:
    """The polygon of a run-length encoding.

    Args:
        counts: COCO's, not compressed; at least one pixel inside.
        rows: of the image.

    Returns:
        Row and column of each corner, shape (corners, 2); the last is joined with the first. At
        least three corners: those of a cell of one or two pixels are repeated.
    """
    ends = np.cumsum(counts, dtype=np.int64)
    lengths = np.array(counts[1::2], dtype=np.int64)
    starts = ends[0 : 2 * len(lengths) : 2]
    before = np.cumsum(lengths) - lengths
    pixels = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
    places = np.stack([pixels % rows, pixels // rows], axis=1)
    corner = places.min(axis=0) - 1  # a pixel of background all round
    inside = np.zeros(places.max(axis=0) - corner + 2, dtype=bool)
    inside[*(places - corner).T] = True
    found: NDArray[np.int64] = _corners(_walk(inside)) + corner
    return found


def _walk(inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The pixels, one after the other, on one way along all edges; row and column."""
    width = inside.shape[1]
    flat = inside.ravel()
    steps = _OVER @ (width, 1), _ALONG @ (width, 1)
    # An edge is a side of a pixel of the cell with none of the cell's behind it.
    edges = [np.flatnonzero(flat & ~np.roll(flat, -over)) for over in steps[0]]
    pixel = np.concatenate(edges)
    side = np.repeat(np.arange(4), [len(each) for each in edges])
    number = np.full((4, flat.size), -1)
    number[side, pixel] = np.arange(len(pixel))

    # Clockwise, the next edge is the one that leads furthest away from the cell.
    ahead = pixel + steps[1][side]
    across = ahead + steps[0][side]
    then = np.where(flat[across], across, np.where(flat[ahead], ahead, pixel))
    turn = np.where(flat[across], -1, np.where(flat[ahead], 0, 1))
    after = number[(side + turn) % 4, then].tolist()
    at = pixel.tolist()
    for one, other in [*_to_holes(inside, number), *_between_pieces(inside, number)]:
        # There and back: the two rings become one, in which both pixels stand twice.
        at += [at[one], at[other]]
        after += [after[one], after[other]]
        after[one], after[other] = len(at) - 1, len(at) - 2
    way, edge = [], 0
    for _ in at:
        way.append(at[edge])
        edge = after[edge]
    return np.stack(np.divmod(way, width), axis=1)


def _to_holes(inside: NDArray[np.bool_], number: NDArray[np.int64]) -> list[tuple[int, int]]:
    """For each hole, an edge to its left, and the one where its row enters the cell there."""
    from scipy import ndimage  # imported here, as below: it takes longer than the whole package

    outside, found = ndimage.label(~inside)
    if found == 1:
        return []
    names, first = np.unique(outside, return_index=True)
    holes = first[names > 1] - 1  # the pixel left of the first of each; 1 is what is all round
    starts = np.flatnonzero(number[_LEFT] >= 0)
    entered = starts[np.searchsorted(starts, holes, side="right") - 1]
    pairs = zip(number[_LEFT, entered].tolist(), number[_RIGHT, holes].tolist(), strict=True)
    return list(pairs)


def _between_pieces(inside: NDArray[np.bool_], number: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Edges that join all pieces by the shortest lines."""
    from scipy import ndimage

    pieces, found = ndimage.label(inside, _EIGHT)
    if found == 1:
        return []

    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    width = inside.shape[1]
    near = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    nearest = near[0].astype(np.int64) * width + near[1]
    # Where what is nearest to one piece meets what is nearest to another, a line may go.
    ends = np.concatenate(
        [
            np.stack([nearest[:, 1:].ravel(), nearest[:, :-1].ravel()]),
            np.stack([nearest[1:].ravel(), nearest[:-1].ravel()]),
        ],
        axis=1,
    )
    names = np.sort(pieces.ravel()[ends].astype(np.int64) - 1, axis=0)
    ends, names = ends[:, names[0] != names[1]], names[:, names[0] != names[1]]
    (top, bottom), (left, right) = np.divmod(ends, width)
    length = np.hypot(top - bottom, left - right)
    pair = names[0] * found + names[1]
    order = np.lexsort((length, pair))
    pair, first = np.unique(pair[order], return_index=True)
    shortest = order[first]
    places = np.stack(np.divmod(pair, found)).astype(np.int32)  # as scipy before 1.15 asks
    lines = coo_array((length[shortest], tuple(places)), shape=(found, found))
    tree = minimum_spanning_tree(lines.tocsr()).tocoo()
    kept = shortest[np.searchsorted(pair, tree.row * found + tree.col)]
    edges = number.max(axis=0)  # any of a pixel's: all lie on rings of its piece
    return list(zip(*edges[ends[:, kept]].tolist(), strict=True))


def _corners(way: NDArray[np.int64]) -> NDArray[np.int64]:
    """Without the points that the way goes straight through, but three at least."""
    moved = way[(way != np.roll(way, 1, axis=0)).any(axis=1)]
    step = np.roll(moved, -1, axis=0) - moved
    corners = moved[(step != np.roll(step, 1, axis=0)).any(axis=1)]
    return corners if len(corners) > 2 else np.resize(corners if len(corners) else way, (3, 2))
