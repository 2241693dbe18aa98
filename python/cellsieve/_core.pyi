"""The Rust kernels; arrays must be C-contiguous and of native byte order."""

from os import PathLike
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__: list[str]
__version__: str

@final
class Measurement:
    """The numbers of one image: a column an attribute, a row a cell, by ascending label."""

    @property
    def label(self) -> NDArray[np.int64]: ...
    @property
    def min_row(self) -> NDArray[np.int64]: ...
    @property
    def min_col(self) -> NDArray[np.int64]: ...
    @property
    def max_row(self) -> NDArray[np.int64]: ...
    @property
    def max_col(self) -> NDArray[np.int64]: ...
    @property
    def area(self) -> NDArray[np.int64]: ...
    @property
    def area_above(self) -> NDArray[np.int64]: ...
    @property
    def threshold(self) -> float: ...
    @property
    def background_area(self) -> int: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def warning(self) -> str | None: ...

def measure(
    mask: NDArray[Any],
    image: NDArray[Any],
    quantile: float,
    threshold: float | None,
    convention: str,
) -> Measurement: ...
def measure_file(
    mask_path: str | PathLike[str],
    image_path: str | PathLike[str],
    channel: str | None,
    quantile: float,
    threshold: float | None,
    convention: str,
    max_pixels: int,
) -> Measurement: ...
def read_image(path: str | PathLike[str], channel: str | None, max_pixels: int) -> NDArray[Any]: ...
def read_mask(path: str | PathLike[str], max_pixels: int) -> NDArray[Any]: ...
def write_png(path: str | PathLike[str], image: NDArray[Any]) -> None: ...
