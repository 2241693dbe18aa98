"""Masked argmax at the size of RxRx1's test set, against the other ways to do it.

    python benchmarks/plates_argmax.py             # about two minutes, 0.6 GB
    python benchmarks/plates_argmax.py --quick     # small: do the values agree?
    python benchmarks/plates_argmax.py --instructions  # some minutes; needs valgrind

Every way gets the same matrix, groups and masks, and must give the same classes. Memory is the
highest resident size during a run minus that before it (Linux). "one read" is numpy's maximum or
sum of the matrix, the faster of the two: not much can be faster. numba is skipped where it is not
installed. Instructions per score are counted by callgrind, as the difference between few runs and
many, and disturbed by nothing else on the machine.
"""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellsieve import _core
from timing import heading, interleaved, parser, show

STATUS = Path("/proc/self/status")
Way = Callable[[], NDArray[np.int64] | None]


def main() -> None:
    """Prints one table per dtype."""
    command = parser("Times the masked argmax.")
    command.add_argument("--instructions", action="store_true", help="count them, by valgrind")
    command.add_argument("--only", nargs=3, help=argparse.SUPPRESS)  # way, dtype, how often
    options = command.parse_args()
    if options.only:
        repeat(*options.only)
        return
    if options.instructions:
        show([instructions(dtype) for dtype in ("float32", "float64", "float16")])
        return
    options.repeats = 2 if options.quick else options.repeats
    rows, per_group = (600, 20) if options.quick else (19_897, 277)
    heading("numba")
    rng = np.random.default_rng(0)
    group_of_class = rng.permutation(np.arange(4 * per_group) % 4)
    row_group = np.arange(rows) // per_group % 4
    numbers = rng.standard_normal((rows, 4 * per_group), dtype=np.float32)
    for dtype in (np.float32, np.float64, np.float16):
        scores = numbers.astype(dtype)
        print(f"\n{scores.dtype}, {rows:,} x {4 * per_group:,}, {scores.nbytes / 1e6:.0f} MB\n")
        compare(ways(scores, row_group, group_of_class, options.quick), options.repeats)


def ways(
    scores: NDArray[np.floating],
    row_group: NDArray[np.int64],
    group_of_class: NDArray[np.int64],
    quick: bool,
) -> dict[str, Way]:
    """Each way by name; those that return nothing only read."""
    allowed = group_of_class[None, :] == np.arange(4)[:, None]
    plates = np.split(np.arange(len(scores)), np.flatnonzero(np.diff(row_group)) + 1)
    bits = scores.view(np.int16) if scores.dtype == np.float16 else scores

    def kernel(**options: object) -> Way:
        return lambda: _core.masked_argmax(scores, row_group, allowed, **options)[0][:, 0]

    found: dict[str, Way] = {
        "one read: max": lambda: [None, bits.max()][0],
        "cellsieve": kernel(),
        "cellsieve, 2 threads": kernel(threads=2),
        "cellsieve, with runner-up": kernel(k=2),
        "cellsieve, without AVX2": kernel(level="baseline"),
    }
    if scores.dtype != np.float16:
        found["one read: sum"] = lambda: [None, scores.sum()][0]

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
            wanted = np.repeat(group_of_class[np.newaxis, :], len(part), axis=0)
            held = np.repeat(row_group[start : start + step, np.newaxis], part.shape[1], axis=1)
            part[wanted != held] = -np.inf
            best[start : start + step] = part.argmax(axis=1)
        return best

    found["numpy, plate by plate"] = per_plate
    found["the notebook's way"] = notebook
    if not quick and scores.dtype != np.float16 and importlib.util.find_spec("numba"):
        gather = numba_gather()
        columns = np.stack([np.flatnonzero(mask) for mask in allowed])
        found["numba gather"] = lambda: gather(scores, row_group, columns)
    return found


def numba_gather() -> Callable[..., NDArray[np.int64]]:
    """A loop over the allowed columns of each row, compiled."""
    import numba

    @numba.njit
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


FEW, MANY = 2, 102


def instructions(dtype: str) -> dict[str, object]:
    """How many a score takes, in one row of a table."""
    row: dict[str, object] = {"scores": dtype}
    for way in ("one read: max", "cellsieve"):
        few, many = (counted(way, dtype, times) for times in (FEW, MANY))
        row[way] = (many - few) / ((MANY - FEW) * 400 * 1108)
    return row


def counted(way: str, dtype: str, times: int) -> int:
    """The instructions of a process that goes one way so many times."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable]
    command += [__file__, "--only", way, dtype, str(times)]
    same = os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=same)
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found, done.stderr
    return int(found[1])


def repeat(way: str, dtype: str, times: str) -> None:
    """One way, so many times, over 400 rows."""
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((400, 1108), dtype=np.float32).astype(dtype)
    wanted = ways(scores, np.arange(400) // 277, rng.permutation(np.arange(1108) % 4), True)[way]
    for _ in range(int(times)):
        wanted()


def compare(ways: dict[str, Way], repeats: int) -> None:
    """Checks that all agree; prints medians and extra memory."""
    results = {name: result for name, way in ways.items() if (result := way()) is not None}
    for name, result in results.items():
        if not np.array_equal(result, results["cellsieve"]):
            raise SystemExit(f"{name}: other classes than cellsieve's")
    times = interleaved(ways, repeats)
    read = min(taken for name, taken in times.items() if name not in results)
    show(
        [
            {
                "way": name,
                "median ms": taken,
                "x one read": taken / read,
                "x cellsieve": taken / times["cellsieve"],
                "extra MiB": extra_memory(ways[name]),
            }
            for name, taken in times.items()
        ]
    )


def extra_memory(way: Way) -> float:
    """The highest resident size during a run minus that before it, in MiB; NaN if not Linux."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        before = resident("VmRSS")
        way()
        return max(resident("VmHWM") - before, 0) / 1024
    except OSError:
        return float("nan")


def resident(name: str) -> int:
    """A line of the process's status, in KiB."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])


if __name__ == "__main__":
    main()
