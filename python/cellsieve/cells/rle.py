"""Run-length encodings: the forms of COCO and of the Human Protein Atlas, and back."""

import base64
import binascii
import reprlib
import zlib
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellsieve import _core
from cellsieve.io.arrays import native
from cellsieve.io.readers import MAX_PIXELS
from cellsieve.schema.choices import RleForm, check_choice


def encode_rle(mask: ArrayLike, *, form: RleForm = "compressed") -> list[dict[str, Any]]:
    """The COCO run-length encoding of every cell, in one scan of the mask.

    COCO counts pixels down the columns, from the first column to the last: a run outside the cell,
    a run inside, a run outside, ..., the first one outside (0 if the first pixel is inside). Its
    compressed string holds each count, from the fourth on minus the count before the previous one,
    in groups of 5 bits, as printable characters
    (https://github.com/cocodataset/cocoapi, common/maskApi.c). Equal to pycocotools byte for byte.

    Args:
        mask: label image, shape (rows, columns), as for `measure`.
        form: "compressed" (COCO's string), "uncompressed" (the counts as a list of integers), or
            "hpa": the string of the Human Protein Atlas competition, which is base64 of zlib (level
            9) of COCO's.

    Returns:
        For each cell, by ascending label, what a COCO annotation holds; JSON takes it as it is:

        - `label`: the id in the mask
        - `segmentation`: `size` ([rows, columns]) and `counts`
        - `area`: number of pixels
        - `bbox`: [x, y, width, height]: first column, first row, and how many of both

        A mask without cells gives an empty list.

    Raises:
        TypeError: an unsupported dtype; bool and floating-point masks are not label images.
        ValueError: not two dimensions, a negative id, an unknown form.

    Example:
        >>> encode_rle([[0, 7], [0, 7]])[0]["segmentation"]
        {'size': [2, 2], 'counts': '22'}
        >>> decode_rle(encode_rle([[0, 7], [0, 7]]))
        array([[0, 7],
               [0, 7]], dtype=uint8)
    """
    check_choice("form", form, RleForm)
    cells = _core.measure(native(mask), rle=True)
    counts: list[Any] = cells.rle or []
    if form == "uncompressed":
        counts = [uncompress(text) for text in counts]
    elif form == "hpa":
        counts = [to_hpa(text) for text in counts]
    size = list(cells.shape)
    return [
        {
            "label": label,
            "segmentation": {"size": list(size), "counts": count},
            "area": area,
            "bbox": [left, top, right - left, bottom - top],
        }
        for label, count, area, top, left, bottom, right in zip(
            cells.columns["label"].tolist(),
            counts,
            *(
                cells.columns[name].tolist()
                for name in ("area", "min_row", "min_col", "max_row", "max_col")
            ),
            strict=True,
        )
    ]


@overload
def decode_rle(
    rle: Mapping[str, Any], *, form: RleForm | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[np.bool_]: ...
@overload
def decode_rle(
    rle: Sequence[Mapping[str, Any]], *, form: RleForm | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[Any]: ...
def decode_rle(
    rle: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    form: RleForm | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[Any]:
    """The pixels of an encoding.

    Args:
        rle: one segmentation (`size` and `counts`), or a list as from `encode_rle`.
        form: of the counts; by default, a list is uncompressed, and text or bytes are compressed.
            HPA's text has to be asked for by name.
        max_pixels: larger sizes are refused.

    Returns:
        For one segmentation, a bool array of shape (rows, columns), True inside. For a list, the
        label image, in the narrowest of uint8, uint16, uint32 and uint64; where cells overlap, the
        later one is on top.

    Raises:
        TypeError: `rle` is neither.
        ValueError: `size`, `counts`, `label` or `segmentation` is missing or of the wrong type;
            the counts are not such an encoding or do not add up to the size; sizes differ; an
            empty list (it has no size); a label that is not 1 to 2^63 - 1; an unknown form.
    """
    if form is not None:
        check_choice("form", form, RleForm)
    if isinstance(rle, Mapping):
        return _paint([_text(rle, form)], [1], _size(rle, max_pixels)).view(np.bool_)
    if isinstance(rle, str | bytes) or not isinstance(rle, Iterable):
        raise TypeError(
            f"rle: found {reprlib.repr(rle)}; expected one segmentation (size and counts), or a "
            "list of cells"
        )
    cells = list(rle)
    if not cells:
        raise ValueError("rle: found an empty list, which has no size; expected at least one cell")
    segmentations = [_entry(cell, "segmentation") for cell in cells]
    sizes = {_size(segmentation, max_pixels) for segmentation in segmentations}
    if len(sizes) > 1:
        raise ValueError(f"rle: found the sizes {sorted(sizes)}; expected one mask's cells")
    labels = [_whole(_entry(cell, "label")) for cell in cells]
    for cell, label in zip(cells, labels, strict=True):
        if label is None or not 1 <= label < 2**63:
            found = reprlib.repr(cell["label"])
            raise ValueError(f"rle: found the label {found}; labels are 1 to 2^63 - 1")
    texts = [_text(segmentation, form) for segmentation in segmentations]
    return _paint(texts, [label for label in labels if label is not None], sizes.pop())


def compress(counts: Sequence[int]) -> str:
    """COCO's compressed string of counts.

    Raises:
        OverflowError, TypeError: a count is negative, above 2^32 - 1, or no integer.
    """
    return _core.rle_text(list(counts))


def uncompress(text: str) -> list[int]:
    """The counts of a compressed string.

    Raises:
        ValueError: it is not such a string.
    """
    return _core.rle_counts(text)


def to_hpa(text: str) -> str:
    """HPA's form of a compressed string."""
    return base64.b64encode(zlib.compress(text.encode("ascii"), 9)).decode("ascii")


def from_hpa(text: str) -> str:
    """The compressed string of HPA's form.

    Raises:
        ValueError: the text is not base64 of a zlib stream, or holds more than 64 MiB.
    """
    try:
        packed = base64.b64decode(text, validate=True)
        unpacker = zlib.decompressobj()
        counts = unpacker.decompress(packed, 2**26)
        if not unpacker.eof:
            raise ValueError("cut short or too long")
        return counts.decode("ascii")
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ValueError(
            f"counts: not base64 of a zlib stream of COCO counts ({error}); is it HPA's form?"
        ) from error


def _paint(texts: list[str], labels: list[int], size: tuple[int, int]) -> NDArray[Any]:
    return _core.paint(texts, labels, *size)


def _entry(holder: Any, name: str) -> Any:
    if not isinstance(holder, Mapping) or name not in holder:
        raise ValueError(f"rle: has no {name} in {reprlib.repr(holder)}")
    return holder[name]


def _whole(value: Any) -> int | None:
    """A whole number, also one that JSON has made 3.0; None for anything else."""
    with suppress(TypeError, ValueError, OverflowError):
        if int(value) == value:
            return int(value)
    return None


def _size(segmentation: Any, max_pixels: int) -> tuple[int, int]:
    size = _entry(segmentation, "size")
    sides = [_whole(side) for side in size] if isinstance(size, Iterable) else []
    rows, columns = sides if len(sides) == 2 else (None, None)
    if rows is None or columns is None or rows < 0 or columns < 0:
        raise ValueError(f"size: found {reprlib.repr(size)}; expected [rows, columns]")
    if max(rows, columns, rows * columns) > min(max_pixels, 2**32 - 1):
        raise ValueError(
            f"size: found {rows} x {columns} pixels; at most {max_pixels} pixels are decoded "
            "unless max_pixels is raised"
        )
    return rows, columns


def _text(segmentation: Any, form: RleForm | None) -> str:
    """The counts as COCO's string."""
    counts = _entry(segmentation, "counts")
    if isinstance(counts, bytes):
        counts = counts.decode("latin-1")
    if isinstance(counts, str):
        if form == "uncompressed":
            raise ValueError("counts: found text; the uncompressed form is a list of integers")
        if form == "hpa":
            return from_hpa(counts)
        if strange := next((sign for sign in counts if not sign.isascii()), None):
            raise ValueError(
                f"counts: found the character {strange!r}; expected a COCO compressed string"
            )
        return counts
    if form not in (None, "uncompressed"):
        raise ValueError(f"counts: found a {type(counts).__name__}; the form {form} is text")
    if isinstance(counts, Mapping | Set) or not isinstance(counts, Iterable):
        raise ValueError(f"counts: found {reprlib.repr(counts)}; expected a list of integers")
    try:
        return compress(list(counts))
    except (OverflowError, TypeError) as error:
        raise ValueError(f"counts: expected integers from 0 to 2^32 - 1 ({error})") from error
