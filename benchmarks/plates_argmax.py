"""Masked argmax at the size of RxRx1's test set, against the other ways to do it.

    python benchmarks/plates_argmax.py             # about two minutes, 0.6 GB
    python benchmarks/plates_argmax.py --quick     # a few seconds, small: do the values agree?

Every way gets the same matrix, groups and masks, and must give the same classes. Times are medians
of interleaved runs; memory is the highest resident size during a run less that before it. "one read"
is `scores.max()`, and `scores.sum()` where numpy's maximum is slow: nothing can be much faster.
numba is left out where it is not installed.
"""

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellsieve import _core

STATUS = Path("/proc/self/status")


def main() -> None:
    """Prints a table a dtype."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a small matrix, few runs")
    parser.add_argument("--runs", type=int, default=15, help="runs of each way (default: 15)")
    options = parser.parse_args()
    rows, per_group, runs = (600, 20, 2) if options.quick else (19_897, 277, options.runs)
    rng = np.random.default_rng(0)
    columns = 4 * per_group
    group_of_class = rng.permutation(np.arange(columns) % 4)
    allowed = group_of_class[None, :] == np.arange(4)[:, None]
    row_group = np.arange(rows) // per_group % 4
    numbers = rng.standard_normal((rows, columns), dtype=np.float32)
    for dtype in (np.float32, np.float64, np.float16):
        scores = numbers.astype(dtype)
        print(f"\n{np.dtype(dtype).name}, {rows:,} x {columns:,}, {scores.nbytes / 1e6:.0f} MB")
        compare(ways(scores, row_group, allowed, options.quick), runs, scores)


Way = Callable[[], NDArray[np.int64] | None]


def ways(
    scores: NDArray[np.floating],
    row_group: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    quick: bool,
) -> dict[str, Way]:
    """Each way by name; those that return nothing only read."""
    plates = np.split(np.arange(len(scores)), np.flatnonzero(np.diff(row_group)) + 1)
    found: dict[str, Way] = {}
    if scores.dtype == np.float16:
        bits = scores.view(np.int16)
        found["one read (bits)"] = lambda: [bits.max()][:0] or None
    else:
        found["one read (max)"] = lambda: [scores.max()][:0] or None
        found["one read (sum)"] = lambda: [scores.sum()][:0] or None
    for threads in (1, 2):
        found[f"cellsieve, {threads} thread{'s'[: threads - 1]}"] = lambda threads=threads: (
            _core.masked_argmax(scores, row_group, allowed, threads=threads)[0][:, 0]
        )
    found["cellsieve with runner-up"] = lambda: _core.masked_argmax(
        scores, row_group, allowed, k=2
    )[0][:, 0]
    found["cellsieve, no AVX2"] = lambda: _core.masked_argmax(
        scores, row_group, allowed, level="baseline"
    )[0][:, 0]

    def per_plate() -> NDArray[np.int64]:
        best = np.empty(len(scores), np.int64)
        for rows in plates:
            classes = np.flatnonzero(allowed[row_group[rows[0]]])
            part = scores[rows[0] : rows[-1] + 1].take(classes, axis=1)
            best[rows] = classes[part.argmax(axis=1)]
        return best

    def notebook() -> NDArray[np.int64]:
        best = np.empty(len(scores), np.int64)
        step = 4 * len(plates[0])
        for start in range(0, len(scores), step):
            part = scores[start : start + step].copy()
            wrong = ~allowed[row_group[start : start + step]]
            part[wrong] = -np.inf
            best[start : start + step] = part.argmax(axis=1)
        return best

    found["numpy, columns of each plate"] = per_plate
    found["the notebook's way (with -inf)"] = notebook
    if not quick and scores.dtype != np.float16 and importlib.util.find_spec("numba"):
        gather = numba_gather()
        columns = np.stack([np.flatnonzero(mask) for mask in allowed])
        found["numba gather"] = lambda: gather(scores, row_group, columns)
    return found


def numba_gather() -> Callable[..., NDArray[np.int64]]:
    """A loop over the allowed columns of each row, compiled."""
    import numba

    @numba.njit(cache=False)
    def gather(scores, row_group, columns):  # type: ignore[no-untyped-def]
        best = np.empty(len(scores), np.int64)
        for row in range(len(scores)):
            own = columns[row_group[row]]
            top = own[0]
            value = scores[row, top]
            for column in own:
                if scores[row, column] > value:
                    top, value = column, scores[row, column]
            best[row] = top
        return best

    return gather


def compare(ways: dict[str, Way], runs: int, scores: NDArray[np.floating]) -> None:
    """Runs all ways in turn, checks that they agree, prints medians and extra memory."""
    expected = None
    for name, way in ways.items():
        result = way()
        if result is not None:
            expected = result if expected is None else expected
            if not np.array_equal(result, expected):
                raise SystemExit(f"{name}: other classes than the first way")
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    read = min(statistics.median(t) for name, t in times.items() if name.startswith("one read"))
    print(f"{'':32} {'median ms':>9} {'best ms':>8} {'x read':>7} {'extra MiB':>9}")
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(
            f"{name:32} {1e3 * middle:9.2f} {1e3 * min(taken):8.2f} {middle / read:7.2f} "
            f"{extra_memory(ways[name]):9.2f}"
        )


def extra_memory(way: Way) -> float:
    """The highest resident size during a run less that before it, in MiB; NaN if not Linux."""
    if not STATUS.exists():
        return float("nan")
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return float("nan")
    before = resident("VmRSS")
    way()
    return max(resident("VmHWM") - before, 0) / 1024


def resident(name: str) -> int:
    """A line of the process's status, in KiB."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])


if __name__ == "__main__":
    main()
