"""The Rust kernels; arrays must be C-contiguous and of native byte order."""

from os import PathLike
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Measurement",
    "Outline",
    "__version__",
    "crop_pngs",
    "crops",
    "encode_png",
    "free_energy",
    "instruction_sets",
    "log_sums",
    "marginals",
    "masked_argmax",
    "measure",
    "measure_file",
    "outline",
    "outline_file",
    "paint",
    "read_image",
    "read_mask",
    "rle_counts",
    "rle_text",
    "write_png",
]
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
    @property
    def rle(self) -> list[str] | None: ...

@final
class Outline:
    """The cells of one mask: a column an attribute, a row a cell, by ascending label."""

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
    def rle(self) -> list[str] | None: ...
    @property
    def brightest(self) -> NDArray[np.float64] | None: ...
    @property
    def shape(self) -> tuple[int, int]: ...

def measure(
    mask: NDArray[Any],
    image: NDArray[Any],
    quantile: float,
    threshold: float | None,
    convention: str,
    rle: bool = False,
    clip: int | None = None,
) -> Measurement: ...
def measure_file(
    mask_path: str | PathLike[str],
    image_path: str | PathLike[str],
    channel: str | None,
    quantile: float,
    threshold: float | None,
    convention: str,
    max_pixels: int,
    rle: bool = False,
) -> Measurement: ...
def outline(mask: NDArray[Any], image: NDArray[Any] | None, rle: bool) -> Outline: ...
def outline_file(
    mask_path: str | PathLike[str],
    image_path: str | PathLike[str] | None,
    channel: str | None,
    rle: bool,
    max_pixels: int,
) -> Outline: ...
def rle_counts(text: str) -> list[int]: ...
def rle_text(counts: list[int]) -> str: ...
def paint(texts: list[str], labels: list[int], rows: int, columns: int) -> NDArray[Any]: ...
def crops(
    mask: NDArray[Any],
    channels: list[NDArray[Any]],
    labels: list[int],
    windows: list[tuple[int, int, int, int]],
    keep: str,
) -> list[NDArray[Any]]: ...
def read_image(path: str | PathLike[str], channel: str | None, max_pixels: int) -> NDArray[Any]: ...
def read_mask(path: str | PathLike[str], max_pixels: int) -> tuple[NDArray[Any], int]: ...
def write_png(path: str | PathLike[str], image: NDArray[Any]) -> None: ...
def instruction_sets() -> list[str]: ...
def masked_argmax(
    scores: NDArray[Any],
    row_group: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    rows: NDArray[np.int64] | None = None,
    k: int = 1,
    total: bool | float = False,
    threads: int = 1,
    level: str | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The best `k` classes of each row among those allowed to its group, and their scores.

    `scores` is `(m, classes)` of float16, float32 or float64 with any row stride, `row_group`
    `(n,)` a row of `allowed` `(groups, classes)`, `rows` `(n,)` the row of `scores` of each (all in
    order if `None`). Returns `(n, k)` classes and scores, the best first; -1 and NaN where fewer
    are allowed. Equal scores go to the lowest class; negative infinity may win. A NaN among
    allowed scores, or a row with no allowed class, is a ValueError.

    With `total`, one more column of values: the logarithm of the sum of the allowed scores (True),
    or of the exponentials of `total * score` (a number).
    """

def log_sums(
    scores: NDArray[Any],
    column_group: NDArray[np.int64],
    groups: int,
    sharpness: float | None = None,
    rows: NDArray[np.int64] | None = None,
    threads: int = 1,
    level: str | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The logarithm of the sum of each row's scores in each group of columns, and its argmax.

    Sums the scores, or `exp(sharpness * score)` if that is given. Returns `(n, groups)` and `(n,)`.
    Columns whose group is -1 are not looked at. NaN, positive infinity and, where scores are
    summed, negative scores are ValueErrors.
    """

def marginals(
    log_scores: NDArray[np.float64],
    iterations: int,
    tolerance: float,
    damping: float = 0.0,
    level: str | None = None,
) -> tuple[NDArray[np.float64], float, int, float, bool]:
    """Belief propagation on one plate: marginals, log permanent, rounds, residual, converged."""

def free_energy(
    log_scores: NDArray[np.float64],
    iterations: int,
    tolerance: float,
    level: str | None = None,
) -> tuple[float, int, bool]:
    """Sinkhorn's free energy of one plate less that of equal scores, rounds, converged."""

def crop_pngs(
    mask: NDArray[Any],
    channels: list[NDArray[Any]],
    labels: list[int],
    windows: list[tuple[int, int, int, int]],
    keep: str,
) -> list[bytes]: ...
def encode_png(image: NDArray[Any]) -> bytes: ...
