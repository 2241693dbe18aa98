"""Parallelism, in one place: a bounded number of chunks in flight on any executor."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import islice
from typing import Any, TypeVar
from uuid import uuid4

from cellsieve.schema.words import sentence

Chunk = TypeVar("Chunk", bound=Sequence[Any])
Item = TypeVar("Item")
Result = TypeVar("Result")

ASK = 1.0  # seconds between two looks at how many workers there are
CHUNK = 64  # images a task: about a second's work, so neither tables nor a kill cost much


def default_jobs() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers_of(jobs: int | None, executor: Executor | None = None) -> int:
    """How many workers there are: as many as asked for, as the executor has, or as processors.

    Dask's executors know how many threads their cluster has now, which may change at any time.

    Raises:
        ValueError: fewer than 1.
    """
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs: found {jobs}; expected at least 1")
    client: Any = getattr(executor, "_client", None)
    if jobs is None and hasattr(client, "nthreads"):
        jobs = sum(client.nthreads().values())
    return jobs or getattr(executor, "_max_workers", None) or default_jobs()


def chunks(items: Sequence[Any], jobs: int) -> list[Sequence[Any]]:
    """Parts of `items` in their order, at least a few for every worker where there are enough."""
    size = max(1, min(CHUNK, len(items) // (4 * jobs)))
    return [items[start : start + size] for start in range(0, len(items), size)]


def run(
    task: Callable[[Chunk], Result],
    work: Sequence[Chunk],
    *,
    jobs: int | None = None,
    executor: Executor | None = None,
    progress: bool | None = None,
    description: str = "",
) -> Iterator[tuple[int, Result]]:
    """Calls `task` on every chunk and gives back its place and result as they come.

    Args:
        task: a function of one chunk. On an executor of other processes or machines, it, its chunk
            and its result must be picklable.
        work: the chunks.
        jobs: how many threads; see `workers_of`.
        executor: any `concurrent.futures.Executor` (a Dask `Client.get_executor()` is one) in place
            of threads. It is not shut down.
        progress: a bar counting items; if not given, only on a terminal.
        description: what stands beside the bar.

    At most twice as many chunks as workers are in flight, so memory does not grow with the work.
    On an interrupt, what has not begun is cancelled.

    Raises:
        OSError: the executor has lost its workers, or given up.
    """
    called = uuid4().hex
    with ExitStack() as stack:
        pool = executor or stack.enter_context(ThreadPoolExecutor(workers_of(jobs)))
        bar = stack.enter_context(_bar(sum(map(len, work)), progress, description))
        waiting = iter(enumerate(work))
        flying: dict[Future[Result], int] = {}
        most, again = 0, 0.0
        try:
            while True:
                if time.monotonic() >= again:  # a cluster grows and shrinks; asking takes its time
                    most, again = 2 * workers_of(jobs, executor), time.monotonic() + ASK
                for place, chunk in islice(waiting, max(0, most - len(flying))):
                    flying[pool.submit(_only_now, called, task, chunk)] = place
                if not flying:
                    return
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    place = flying.pop(future)
                    yield place, _result(future)
                    if bar is not None:
                        bar.update(len(work[place]))
        finally:
            for future in flying:
                future.cancel()


def _only_now(_: str, task: Callable[[Chunk], Result], chunk: Chunk) -> Result:
    """Calls `task`, which another run may have called with the same chunk.

    What it says may have changed since, and so may the files that it writes. Dask takes calls of
    the same function with the same arguments for one, and keeps what it has in memory.
    """
    return task(chunk)


def _result(future: Future[Result]) -> Result:
    try:
        return future.result()
    except (OSError, ValueError, TypeError, ImportError):
        raise
    except Exception as error:  # what is wrong with an image is no error: it stands in the result
        raise OSError(
            f"the executor has given up: {sentence(error)}; what is finished is kept"
        ) from error


def in_order(
    task: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[Result]:
    """What `task` makes of each item, in the order of the items, by so many threads.

    Of several that fail, the first raises.
    """
    if workers == 1 or len(items) < 2:
        yield from map(task, items)
        return
    with ThreadPoolExecutor(min(workers, len(items))) as pool:
        yield from pool.map(task, items)


def _bar(total: int, progress: bool | None, description: str) -> AbstractContextManager[Any]:
    if progress is False:
        return nullcontext()
    from tqdm import tqdm  # imported here: a sixth of the package's time to import

    disable = None if progress is None else False  # None: off where stderr is not a terminal
    return tqdm(total=total, desc=description, unit="image", disable=disable)
