"""Numbers as people write them, and round steps for axes and scale bars."""

import math
from collections.abc import Sequence


def number(value: float | None, digits: int = 4) -> str:
    """A number for readers: so many significant digits, thousands separators."""
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 1000 or value == round(value):
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:.{digits}g}".replace("-", "−")


def nice_step(least: float) -> float:
    """The least of 1, 2, 2.5, 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(
        factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * (1 - 1e-9)
    )


def scale_bar(widths: Sequence[int], pixel_size: float | None) -> tuple[float, str]:
    """A round length of about a quarter of the widest window: in pixels, and in words."""
    widest = max(widths, default=100)
    unit = pixel_size or 1.0
    most = widest * unit / 4
    power = 10.0 ** math.floor(math.log10(most))
    length = max(factor * power for factor in (1, 2, 5) if factor * power <= most)
    return length / unit, f"{length:g} {'µm' if pixel_size else 'pixels'}"


def check_pixel_size(pixel_size: float | None) -> None:
    """Refuses what is no length.

    Raises:
        ValueError: it is not above 0, or not finite.
    """
    if pixel_size is not None and not 0 < pixel_size < math.inf:
        raise ValueError(f"pixel_size: found {pixel_size}; expected the µm of a pixel's side")
