"""OME-Zarr images and labels (NGFF 0.4 and 0.5), through zarr."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cellsieve.io.planes import Planes
from cellsieve.schema.words import sentence


@dataclass(frozen=True)
class _Stored:
    """An array in its store, of which only what is asked for is read."""

    array: Any
    index: tuple[int | slice, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        sides = zip(self.array.shape, self.index, strict=True)
        return tuple(side for side, index in sides if isinstance(index, slice))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    def take(self, number: int, axis: int) -> "_Stored":
        """One of the planes along an axis."""
        kept = [place for place, index in enumerate(self.index) if isinstance(index, slice)]
        index = list(self.index)
        index[kept[axis]] = number
        return replace(self, index=tuple(index))

    def max(self, axis: int) -> NDArray[Any]:
        """The largest value along an axis, a plane in memory at a time."""
        planes = (np.asarray(self.take(number, axis)) for number in range(self.shape[axis]))
        return reduce(np.maximum, planes)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        try:
            return np.asarray(self.array[self.index], dtype=dtype)
        except Exception as error:  # as below
            raise ValueError(f"not a readable OME-Zarr image: {sentence(error)}") from error


def read_ome_zarr(path: str, max_pixels: int) -> Planes:
    """The image at full resolution, whose pixels are read once it is known which.

    Args:
        path: an image (`a.zarr`) or a label image in it (`a.zarr/labels/cells`), or its URL.
        max_pixels: of a plane; and of four planes, what a chunk may hold.

    Raises:
        OSError: there is none.
        ValueError: it is no such image, or larger.
    """
    import zarr

    try:
        group = zarr.open_group(path, mode="r")
        attributes: Mapping[str, Any] = group.attrs.asdict()
        attributes = attributes.get("ome", attributes)
        if not attributes.get("multiscales"):
            raise ValueError("it has no multiscales, so it is no image of NGFF 0.4 or 0.5")
        image = attributes["multiscales"][0]
        array = group[image["datasets"][0]["path"]]
        if not isinstance(array, zarr.Array):
            raise ValueError(f"its multiscales name {array.name}, which is no array")
        axes = "".join(axis["name"][0].upper() for axis in image["axes"])
        if len(axes) != array.ndim or len(set(axes)) != len(axes) or axes[-2:] != "YX":
            raise ValueError(f"it has the axes {axes} and the shape {array.shape}")
        names = [each.get("label", "") for each in attributes.get("omero", {}).get("channels", ())]
    except FileNotFoundError as error:
        raise FileNotFoundError(2, "No such file or directory", path) from error
    except Exception as error:  # zarr and its stores raise many errors on damaged data
        raise ValueError(f"not a readable OME-Zarr image: {sentence(error)}") from error
    sides = " x ".join(map(str, array.shape))
    if prod(array.shape[-2:]) > max_pixels or prod(array.chunks) > 4 * max_pixels:
        raise ValueError(
            f"declares {sides} pixels in chunks of {' x '.join(map(str, array.chunks))}; at most "
            f"{max_pixels} pixels are read unless max_pixels is raised"
        )
    lone = [side == 1 and axis not in "YX" for side, axis in zip(array.shape, axes, strict=True)]
    stored = _Stored(array, tuple(0 if drop else slice(None) for drop in lone))
    kept = "".join(axis for axis, drop in zip(axes, lone, strict=True) if not drop)
    return Planes(stored, kept, names)
