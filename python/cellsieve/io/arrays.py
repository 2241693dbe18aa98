"""How arrays reach the kernels: contiguous and in native byte order, which they see as slices."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def native(array: ArrayLike) -> NDArray[Any]:
    """The array, C-contiguous and in native byte order; copied only if it is not already so."""
    if np.ma.isMaskedArray(array):
        raise TypeError("found a masked array; fill what is masked first (array.filled(...))")
    array = np.asarray(array)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
