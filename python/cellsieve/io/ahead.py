"""Reading ahead from remote stores: the next images come while one is decoded and measured.

A store takes milliseconds to answer, whatever is asked, but it answers many questions at a time.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import TypeVar

from cellsieve.io.places import Remote, is_url
from cellsieve.io.reading import in_zarr, reading
from cellsieve.schema.types import FilePath

Item = TypeVar("Item")

AHEAD = 8  # files of later images that are under way or wait, for each thread that measures
HELD = 2**26  # bytes that these may take, if none is larger than the largest before

_here = threading.local()  # what is under way for the item at hand of this thread


def read_ahead(
    items: Sequence[Item], files: Callable[[Item], Iterable[FilePath]]
) -> Iterator[Item]:
    """The items one after the other, while files of those that follow are fetched.

    `fetch`, called in the same thread before the next item, gives what was fetched for this one.
    That is so of stores which fsspec asks for several things at a time (S3, Google, HTTP). Others,
    archives and OME-Zarr images are read when they are asked for.

    Args:
        items: what is to be done.
        files: the files that are read for one, where it is known beforehand.
    """
    waiting = deque((place, url) for place, item in enumerate(items) for url in _urls(files(item)))
    fetching: dict[tuple[int, str], Future[bytes]] = {}
    largest = 0
    try:
        for place, item in enumerate(items):
            largest = max([largest, *map(_size, fetching.values())])
            for key in [key for key in fetching if key[0] < place]:
                fetching.pop(key).cancel()
            while waiting and (waiting[0][0] <= place or _room(fetching, place, largest)):
                key = waiting.popleft()
                if (begun := Remote(key[1]).begun()) is not None:
                    fetching[key] = begun
            _here.fetching = {url: each for (at, url), each in fetching.items() if at == place}
            yield item
    finally:
        _here.fetching = {}
        for each in fetching.values():
            each.cancel()


def fetch(url: str) -> bytes:
    """The content of a remote file, which may be under way already.

    Raises:
        OSError: it can't be reached.
    """
    begun = getattr(_here, "fetching", {}).get(url)
    if begun is not None:
        try:
            content: bytes = begun.result()
            return content
        except Exception:  # asked for again, as often as is right, it says what is wrong
            del _here.fetching[url]
    return Remote(url).read_bytes()


def _urls(files: Iterable[FilePath]) -> list[str]:
    """Those that may be fetched as a whole, each once."""
    paths = dict.fromkeys(reading(file).path for file in files if is_url(file))
    return [path for path in paths if not in_zarr(path)]


def _room(fetching: dict[tuple[int, str], Future[bytes]], place: int, largest: int) -> bool:
    """Whether a further file may be asked for; how large it is nobody knows."""
    later = sum(at > place for at, _ in fetching)
    expected = largest or HELD // 2  # two at first, so that large ones are not piled up
    return later == 0 or (later < AHEAD and (later + 1) * expected <= HELD)


def _size(fetched: Future[bytes]) -> int:
    come = fetched.done() and not fetched.cancelled() and fetched.exception() is None
    return len(fetched.result()) if come else 0
