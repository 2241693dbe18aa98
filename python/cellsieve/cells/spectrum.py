"""How steeply the power of an image falls with the frequency: a blurred one has little left."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def power_spectrum_slope(image: NDArray[Any]) -> float:
    """The slope of the radial power spectrum of an image, as CellProfiler has it.

    Power is summed over rings of radius r, 2 <= r < min(height, width) / 8, in units of the lowest
    frequency; the slope is that of the line of least squares through log(power) over log(r).

    Args:
        image: shape (rows, columns), of finite numbers.

    Returns:
        NaN where there are fewer than two rings, or the image is of one value.

    Source:
        CellProfiler, MeasureImageQuality, PowerLogLogSlope; Bray et al., J. Biomol. Screen. 17, 266
        (2012).
    """
    rows, columns = image.shape
    radii = np.arange(2, np.floor(min(rows, columns) / 8))
    if len(radii) < 2 or image.min() == image.max():
        return float("nan")
    from scipy import fft  # here, since nothing else that measures needs scipy

    pixels = image.astype(np.float32)
    pixels -= pixels.mean(dtype=np.float64)
    power = np.abs(fft.fft2(pixels)) ** 2
    # The distance of a frequency from the nearest corner, rounded down, is its ring.
    down, across = (np.minimum(np.arange(n), np.arange(n)[::-1]) for n in (rows, columns))
    ring = np.sqrt(down[:, None] ** 2 + across**2).astype(np.intp) + 1
    sums = np.bincount(ring.ravel(), power.ravel().astype(np.float64))[radii.astype(int)]
    valid = sums > 0
    if valid.sum() < 2:
        return float("nan")
    return float(np.polyfit(np.log(radii[valid]), np.log(sums[valid]), 1)[0])
