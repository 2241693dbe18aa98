"""The Python side of the door for arrays: layout and byte order; kernels see plain slices."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def native(array: ArrayLike) -> NDArray[Any]:
    """The array, C-contiguous and of native byte order; copied only where it is not already so."""
    if np.ma.isMaskedArray(array):
        raise TypeError("found a masked array; fill what is masked first (array.filled(...))")
    array = np.asarray(array)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
