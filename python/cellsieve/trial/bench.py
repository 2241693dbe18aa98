"""A benchmark on this machine: the kernels against the numpy reference, values checked equal."""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.cells.dataset import tasks
from cellsieve.cells.image import measure
from cellsieve.cells.settings import Settings
from cellsieve.io.image_set import ImageSet
from cellsieve.io.readers import read_image, read_mask
from cellsieve.schema.images import is_whole
from cellsieve.trial import reference
from cellsieve.trial.synthetic import label_image

REPEATS = 5
GIVEN = 5  # images of a given set that are timed


def bench(
    images: ImageSet | None = None, channel: str | None = None, *, size: int = 1024
) -> pd.DataFrame:
    """Times `measure` and its numpy reference on the same arrays, alternately.

    Args:
        images: the first few images of this set; synthetic ones if not given.
        channel: the channel to measure; see `ImageSet.measured_channels`.
        size: rows and columns of the synthetic images.

    Returns:
        One row per case: `case`, `cells`, `reference_ms` and `cellsieve_ms` (medians of interleaved
        runs), `ratio`, `equal` (whether all values are equal).
    """
    cases = _given(images, channel) if images is not None else _made(size)
    rows = []
    for name, mask, image in cases:
        for convention in ("cellsieve", "notebook"):
            if convention == "notebook" and image.dtype == np.float32:
                continue

            def fast(mask: Any = mask, image: Any = image, rule: Any = convention) -> pd.DataFrame:
                return measure(mask, image, convention=rule)

            def slow(mask: Any = mask, image: Any = image, rule: Any = convention) -> pd.DataFrame:
                return reference.measure(mask, image, convention=rule)

            expected, found = slow(), fast()
            slow_ms, fast_ms = _interleaved(slow, fast)
            rows.append(
                {
                    "case": f"{name}, {convention}",
                    "cells": len(found),
                    "reference_ms": slow_ms,
                    "cellsieve_ms": fast_ms,
                    "ratio": slow_ms / fast_ms,
                    "equal": found.equals(expected),
                }
            )
    return pd.DataFrame(rows)


def _interleaved(*functions: Callable[[], Any]) -> list[float]:
    """Median milliseconds of each, alternately, so that a slow spell of the machine affects all."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(REPEATS):
        for function, own in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            own.append(1000 * (time.perf_counter() - start))
    return [statistics.median(own) for own in times]


Case = tuple[str, NDArray[Any], NDArray[Any]]


def _made(size: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    dim = rng.poisson(3, (size, size))
    for number, mask_type, image_type in [
        (20, np.uint16, np.uint8),
        (20, np.int32, np.uint8),
        (20, np.int64, np.uint16),
        (20, np.int32, np.float32),
        (200, np.int32, np.uint8),
    ]:
        mask = label_image(size, number).astype(mask_type)
        image = (dim + 20 * (mask > 0) * (dim > 2)).astype(image_type)
        kinds = f"{np.dtype(mask_type)} mask, {np.dtype(image_type)} image"
        yield f"{size} x {size}, {kinds}", mask, image


def _given(images: ImageSet, channel: str | None) -> Iterator[Case]:
    settings = Settings(tuple(images.measured_channels(channel)))
    name = channel if is_whole(images.channels) else None
    for task in tasks(images, settings)[:GIVEN]:
        yield task.image_id, read_mask(task.mask), read_image(task.images[0], name)
