"""Synthetic fields of cells, for the demo, the benchmarks and the tests."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FOREGROUND = 0.55  # share of the pixels that lie in cells

Floats = NDArray[np.floating[Any]]


def label_image(size: int, cells: int, *, seed: int = 0) -> NDArray[np.int32]:
    """A label image of about `cells` round cells side by side on a jittered grid.

    Args:
        size: rows and columns.
        cells: how many; ids are 1 to the next square number.
        seed: seed of the generator.

    Returns:
        int32, shape (size, size), 0 outside.
    """
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(cells)))
    step = size / side
    jitter = rng.uniform(-0.1, 0.1, (2, side, side)) * step
    radius = np.sqrt(FOREGROUND / np.pi) * step
    place = np.arange(size)
    box = np.minimum((place / step).astype(np.int64), side - 1)
    row, column = np.meshgrid(box, box, indexing="ij", copy=False)
    distance = ((row + 0.5) * step + jitter[0][row, column] - place[:, None]) ** 2
    distance += ((column + 0.5) * step + jitter[1][row, column] - place) ** 2
    return np.where(distance < radius**2, row * side + column + 1, 0).astype(np.int32)


def field(
    size: int, cells: int, protein: str, rng: np.random.Generator
) -> tuple[NDArray[np.int32], dict[str, Floats]]:
    """A field of cells as the Human Protein Atlas shows them.

    Args:
        size: rows and columns.
        cells: how many are tried; those without room are left out.
        protein: where the green protein lies: "nucleus", "membrane", "cytosol" or "vesicles".
        rng: the generator.

    Returns:
        The label image, shape (size, size), and the channels red (microtubules), green (the
        protein), blue (nucleus) and yellow (endoplasmic reticulum), each about 0 to 1 where
        nothing is overexposed. One cell in fifteen is dark in green and one in fifteen overexposed.
    """
    grid = np.mgrid[0:size, 0:size].astype(np.float32)
    # Bent coordinates make round things irregular.
    bent = grid + np.stack([_smooth(rng, size, size / 12) for _ in range(2)]) * size / 40
    spacing = size / np.sqrt(cells)
    centres = _spread(rng, size, cells, spacing)
    offsets = bent[:, None] - centres.T[:, :, None, None]
    distances = np.sqrt((offsets**2).sum(axis=0))
    nearest = distances.argmin(axis=0)
    near = np.take_along_axis(distances, nearest[None], axis=0)[0]
    second = np.partition(distances, 1, axis=0)[1] if len(centres) > 1 else near + size
    radii = spacing * rng.uniform(0.42, 0.56, len(centres)).astype(np.float32)
    # A cell ends at its radius, or where the next one is nearly as close.
    inside = (near < radii[nearest]) & (second - near > size / 150)
    mask = np.where(inside, nearest + 1, 0).astype(np.int32)

    depth = np.clip(1 - near / radii[nearest], 0, 1) * inside
    nucleus = np.clip((0.4 - near / radii[nearest]) * 8, 0, 1) * inside
    rim = np.exp(-(((near / radii[nearest]) - 0.38) ** 2) / 0.002) * inside
    grain = {scale: _smooth(rng, size, scale) for scale in (1.2, 2.5, 6)}
    fibres = np.clip(1 - 3 * np.abs(grain[2.5]), 0, 1)
    patterns = {
        "nucleus": nucleus * (0.7 + 0.25 * grain[6]),
        "membrane": rim * (0.8 + 0.2 * grain[2.5]),
        "cytosol": np.clip(depth * 2, 0, 1) * (1 - nucleus) * (0.55 + 0.2 * grain[2.5]),
        "vesicles": np.clip(grain[2.5] - 1.3, 0, 1) * 1.4 * inside * (1 - nucleus),
    }
    gain = rng.lognormal(0, 0.2, len(centres))
    chance = rng.uniform(size=len(centres))
    gain = np.where(chance < 1 / 15, 0.02, np.where(chance > 14 / 15, 9.0, gain))
    return mask, {
        "red": np.clip(depth * 2.5, 0, 1) * (1 - 0.8 * nucleus) * fibres * 0.8,
        "green": np.clip(patterns[protein], 0, None) * 0.6 * gain[nearest],
        "blue": nucleus * (0.65 + 0.12 * grain[6]),
        "yellow": np.clip(depth, 0, 1) * (1 - 0.7 * nucleus) * (0.7 + 0.2 * grain[1.2]),
    }


def photograph(light: Floats, bits: int, rng: np.random.Generator) -> NDArray[Any]:
    """What a camera makes of light from 0 to 1: a dim background, shot noise, saturation.

    Returns:
        uint8 for 8 bits, or uint16 for 16, of which the camera fills 12.
    """
    full = 255 if bits == 8 else 4095
    photons = rng.poisson(np.clip(light, 0, None) * 180 + 1.2) / 180
    image = np.clip(photons * full, 0, full)
    return image.astype(np.uint8) if bits == 8 else (image * 16).astype(np.uint16)


def _spread(rng: np.random.Generator, size: int, cells: int, spacing: float) -> Floats:
    """Points that keep their distance: each candidate too close to an earlier one is left out."""
    points: list[Floats] = []
    for candidate in rng.uniform(0.05 * size, 0.95 * size, (20 * cells, 2)).astype(np.float32):
        if all(np.hypot(*(candidate - point)) > 0.8 * spacing for point in points):
            points.append(candidate)
    return np.array(points[:cells])


def _smooth(rng: np.random.Generator, size: int, scale: float) -> Floats:
    """Noise without detail finer than `scale` pixels, of mean 0 and deviation 1."""
    frequency = np.fft.fftfreq(size)
    squared = frequency[:, None] ** 2 + np.fft.rfftfreq(size) ** 2
    damped = np.fft.rfft2(rng.standard_normal((size, size))) * np.exp(
        -2 * (np.pi * scale) ** 2 * squared
    )
    noise = np.fft.irfft2(damped, s=(size, size))
    smooth: Floats = ((noise - noise.mean()) / noise.std()).astype(np.float32)
    return smooth
