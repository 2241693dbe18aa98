"""The Rust kernels; arrays must be C-contiguous and of native byte order."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Cells",
    "OfChannel",
    "__version__",
    "crop_pngs",
    "crops",
    "decode_image",
    "decode_mask",
    "encode_png",
    "free_energy",
    "instruction_sets",
    "log_sums",
    "marginals",
    "masked_argmax",
    "measure",
    "measure_file",
    "paint",
    "read_image",
    "read_mask",
    "rle_counts",
    "rle_text",
    "write_png",
]
__version__: str

@final
class Cells:
    """The cells of one image: an array per column, with one value per cell, by ascending label."""

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """`label`, the box, `area`, and what was asked for of the masks."""
    @property
    def channels(self) -> list[OfChannel]:
        """What was measured in each channel."""
    @property
    def background_area(self) -> int:
        """The number of pixels with label 0."""
    @property
    def cells_at_border(self) -> int:
        """The number of cells with a pixel in the first or last row or column."""
    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the mask."""
    @property
    def warning(self) -> str | None:
        """What looks wrong about the mask."""
    @property
    def rle(self) -> list[str] | None:
        """Each cell's compressed encoding, if asked for."""
    def __len__(self) -> int: ...

@final
class OfChannel:
    """What was measured in one channel."""

    @property
    def threshold(self) -> float:
        """NaN without background, or where no measure needs it."""
    @property
    def image(self) -> dict[str, float]:
        """What was asked for of the channel as a whole."""
    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """What was asked for of its cells."""
    @property
    def compartments(self) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]] | None:
        """The same of the cells' pixels in nuclei, and of the others, if asked for."""

def measure(
    mask: NDArray[Any],
    channels: Sequence[NDArray[Any]] = (),
    measures: Sequence[str] = (),
    *,
    nuclei: NDArray[Any] | None = None,
    compartments: Sequence[str] = (),
    quantile: float = 0.99,
    threshold: float | None = None,
    saturation: float | None = None,
    convention: str = "cellsieve",
    rle: bool = False,
    clip: int | None = None,
) -> Cells:
    """Finds every cell of a mask, and measures it in some channels.

    `measures` are names of kernels (`cellsieve.schema.measures`); those of masks need no channel.
    `nuclei` is a second label image; `compartments` are the kernels that are wanted of the cells'
    pixels in nuclei, and of the others. Pixels are saturated from `saturation` on, if not from the
    largest of their dtype. `clip` is the largest id that the mask's file could hold, if not by its
    dtype.
    """

def measure_file(
    mask_path: str | PathLike[str],
    channels: Sequence[tuple[str, str | None]] = (),
    measures: Sequence[str] = (),
    *,
    max_pixels: int,
    nuclei_path: str | PathLike[str] | None = None,
    compartments: Sequence[str] = (),
    quantile: float = 0.99,
    threshold: float | None = None,
    saturation: float | None = None,
    convention: str = "cellsieve",
    rle: bool = False,
    exact: bool = False,
) -> Cells:
    """The same of files; errors begin with the file.

    Each channel is a path and the channel's name in that file; those that lie in one file, side by
    side in the list, are decoded once. A gray image gives its only channel under any name, unless
    `exact` asks for one that the file itself gives.
    """

def rle_counts(text: str) -> list[int]: ...
def rle_text(counts: list[int]) -> str: ...
def paint(texts: list[str], labels: list[int], rows: int, columns: int) -> NDArray[Any]: ...
def crops(
    mask: NDArray[Any],
    channels: list[NDArray[Any]],
    labels: list[int],
    windows: list[tuple[int, int, int, int]],
    keep: str,
    size: tuple[int, int] | None = None,
) -> list[NDArray[Any]]: ...
def decode_image(data: bytes, suffix: str, channel: str | None, max_pixels: int) -> NDArray[Any]:
    """An image from the bytes of a file, wherever they come from.

    `suffix` says the format: "png", ".npy", ".NPZ". One channel by name, or all (`None`) as a third
    dimension. What is wrong is a ValueError that names no file.
    """

def read_image(
    path: str | PathLike[str], channel: str | None, max_pixels: int, exact: bool = False
) -> NDArray[Any]:
    """`decode_image` of a file; errors begin with its path. For `exact` see `measure_file`."""

def decode_mask(data: bytes, suffix: str, max_pixels: int) -> tuple[NDArray[Any], int]:
    """A label image from the bytes of a file, and the largest id that the file's type can hold.

    Ids come in the narrowest unsigned type that holds them all.
    """

def read_mask(path: str | PathLike[str], max_pixels: int) -> tuple[NDArray[Any], int]:
    """`decode_mask` of a file; errors begin with its path."""

def write_png(path: str | PathLike[str], image: NDArray[Any]) -> None: ...
def instruction_sets() -> list[str]: ...
def masked_argmax(
    scores: NDArray[Any],
    group: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    rows: NDArray[np.int64] | None = None,
    k: int = 1,
    total: bool | float = False,
    threads: int = 1,
    level: str | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The best `k` classes of each row among those allowed to its group, and their scores.

    `scores` is `(m, classes)` of float16, float32 or float64 with any row stride, `group` `(n,)` a
    row of `allowed` `(groups, classes)`, `rows` `(n,)` the row of `scores` of each (all in order if
    `None`). Returns `(n, k)` classes and scores, the best first; -1 and NaN where fewer
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
    log_scores: NDArray[np.float64], level: str | None = None
) -> tuple[NDArray[np.float64], float, float]:
    """Of one-to-one matchings of one plate: marginals, log permanent, standard error."""

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
    size: tuple[int, int] | None = None,
) -> list[bytes]: ...
def encode_png(image: NDArray[Any]) -> bytes: ...
