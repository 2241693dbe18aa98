"""Makers of small data, and where the real data would be."""

import signal
from pathlib import Path

import numpy as np
import pytest

import cellsieve as cs

# What runs in the background may ignore interrupts, and so would the runs that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def real_data():
    """The folder of real data that some machines have beside the repository."""
    if not REAL.is_dir():
        pytest.skip(f"no real data at {REAL}")
    return REAL


@pytest.fixture
def rng():
    return np.random.default_rng(20261122)


def blobs(rng, shape, ids, size=6):
    """A label image of square patches of the given ids, overlapping at random."""
    mask = np.zeros(shape, dtype=np.int64)
    for label in ids:
        if 0 in shape:
            break
        row, column = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        mask[row : row + size, column : column + size] = label
    return mask


@pytest.fixture
def small_set(tmp_path, rng):
    """Six 8-bit images of 40 x 50 pixels in two channels, with masks and labels, HPA's layout."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    labels = ["0", "0", "16", "16", "0|16", "16"]
    for number in range(6):
        mask = blobs(rng, (40, 50), range(1, 8))
        for channel in ("green", "red"):
            image = rng.poisson(4 + 20 * (mask > 0)).astype(np.uint8)
            cs.write_png(images / f"im{number}_{channel}.png", image)
        np.savez_compressed(
            masks / f"im{number}.npz", mask.astype([np.uint16, np.int32][number % 2])
        )
    lines = ["ID,Label", *(f"im{number},{label}" for number, label in enumerate(labels))]
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def small_images(small_set):
    """The same as an `ImageSet`."""
    return cs.ImageSet.hpa(small_set / "images", small_set / "masks", small_set / "train.csv")


@pytest.fixture
def clean_table(small_set, small_images):
    """The cell table of that set, measured and cleaned: about every other cell is clean."""
    cells = small_set / "cells.csv"
    cs.measure_to(small_images, cells, "green", progress=False)
    cs.clean_to([cells], small_set / "clean.csv", [cs.Rule("area", 0.2, 0.8)], "own", min_group=2)
    return small_set / "clean.csv"
