"""Parallelism, in one place: a bounded number of chunks in flight on any executor."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, TypeVar

Chunk = TypeVar("Chunk", bound=Sequence[Any])
Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 64  # images a task: about a second's work, so neither tables nor a kill cost much


def default_jobs() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers_of(jobs: int | None) -> int:
    """How many workers that asks for: as many as processors if it is None.

    Raises:
        ValueError: fewer than 1.
    """
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs: found {jobs}; expected at least 1")
    return jobs or default_jobs()


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
        jobs: how many threads; as many as processors if not given.
        executor: any `concurrent.futures.Executor` (a Dask `Client.get_executor()` is one) in place
            of threads. It is not shut down.
        progress: a bar counting items; if not given, only on a terminal.
        description: what stands beside the bar.

    At most twice as many chunks as workers are in flight, so memory does not grow with the work.
    On an interrupt, what has not begun is cancelled.
    """
    workers = workers_of(jobs)
    with ExitStack() as stack:
        pool = executor or stack.enter_context(ThreadPoolExecutor(workers))
        bar = stack.enter_context(_bar(sum(map(len, work)), progress, description))
        waiting = iter(enumerate(work))
        flying: dict[Future[Result], int] = {}
        try:
            while True:
                for place, chunk in waiting:
                    flying[pool.submit(task, chunk)] = place
                    if len(flying) >= 2 * workers:
                        break
                if not flying:
                    return
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    place = flying.pop(future)
                    yield place, future.result()
                    if bar is not None:
                        bar.update(len(work[place]))
        finally:
            for future in flying:
                future.cancel()


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
