"""Cellpose's record of a segmentation, `_seg.npy`: a pickled dictionary."""

import pickle
from typing import IO, Any

import numpy as np

from cellsieve.io.planes import Planes
from cellsieve.schema.words import sentence

# What numpy's arrays and numbers are pickled as. Whatever else a pickle names is not called.
_NAMES = {
    *(
        (f"numpy.{core}.multiarray", name)
        for core in ("core", "_core")
        for name in ("_reconstruct",)
    ),
    *((f"numpy.{core}.multiarray", "scalar") for core in ("core", "_core")),
    *(("numpy", name) for name in ("ndarray", "dtype")),
    ("_codecs", "encode"),
    ("collections", "OrderedDict"),
}


class _Arrays(pickle.Unpickler):
    """Unpickles arrays, numbers, text and what holds them, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Refuses to call anything but numpy's own."""
        if (module, name) not in _NAMES:
            raise ValueError(f"it names {module}.{name}; only arrays, numbers and text are taken")
        return super().find_class(module, name)


def read_seg(file: IO[bytes]) -> Planes:
    """The label image of a `_seg.npy` file.

    Raises:
        ValueError: it is no such file, or its pickle names anything but arrays, numbers and text.
    """
    try:
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        read_header(file)
        masks = np.asarray(_Arrays(file).load().item()["masks"])
    except Exception as error:  # a damaged pickle raises nearly anything
        raise ValueError(f"not a readable _seg.npy of cellpose: {sentence(error)}") from error
    return Planes(masks, "ZYX"[-masks.ndim :] if masks.ndim in (2, 3) else "?" * masks.ndim, [])
