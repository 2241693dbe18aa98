"""Which channels images have, also where only their files say it."""

from collections.abc import Iterable, Sequence

from cellsieve.io.readers import MAX_PIXELS, file_channels
from cellsieve.schema.images import is_whole


def check_known(
    asked: Sequence[str],
    known: Sequence[str],
    files: Iterable[str],
    max_pixels: int = MAX_PIXELS,
) -> None:
    """Refuses channels that no image has.

    Args:
        asked: the channels that are wanted.
        known: those that the image table has columns for.
        files: where one file holds all channels of an image: these. They are read until each
            channel was found in one of them, as a rule the first.
        max_pixels: larger files are passed over, as is what can't be read: that is said of each
            image where it is used.

    Raises:
        ValueError: there is one.
    """
    names: dict[tuple[str, ...], None] = {(name,): None for name in known}
    if is_whole(known):
        names = {}
        for path in files:
            try:
                names |= dict.fromkeys(file_channels(path, max_pixels))
            except (OSError, ValueError):
                continue
            if not _missing(asked, names):
                return
        if not names:
            return
    if unknown := _missing(asked, names):
        have = ", ".join(" or ".join(each) for each in names) or "none"
        raise ValueError(f"channels: found {', '.join(unknown)}; the images have {have}")


def _missing(asked: Sequence[str], names: Iterable[tuple[str, ...]]) -> list[str]:
    known = {name for each in names for name in each}
    return [name for name in asked if name not in known]
