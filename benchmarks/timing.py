"""Medians of interleaved runs, with the machine and the versions they were taken on."""

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd


def parser(description: str) -> argparse.ArgumentParser:
    """What every benchmark takes."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--quick", action="store_true", help="small and few: does it run at all")
    made.add_argument("--repeats", type=int, default=15, help="interleaved runs (default 15)")
    made.add_argument("--data", type=Path, help="folder of real HPA images (see the README)")
    return made


def arguments(description: str) -> argparse.Namespace:
    """What every benchmark of times takes."""
    own = parser(description)
    own.add_argument(
        "--fastest", action="store_true", help="show the fastest run instead of the median"
    )
    options = own.parse_args()
    if options.quick:
        options.repeats = 2
    return options


def interleaved(
    functions: Mapping[str, Callable[[], object]],
    repeats: int,
    summary: Callable[[list[float]], float] = statistics.median,
) -> dict[str, float]:
    """The median of each in milliseconds, in turns: a slow spell of the machine hits all.

    With `summary=min` the fastest run of each, which other work on the machine disturbs least.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(1000 * (time.perf_counter() - start))
    # The first round warms up.
    return {name: summary(own[1:]) for name, own in times.items()}


def heading(*packages: str) -> None:
    """Prints the date, the machine and the versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "?")
    found = {}
    for package in ("cellsieve", "numpy", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    print(time.strftime("%Y-%m-%d"), model, f"Python {platform.python_version()}", sep=", ")
    print(", ".join(f"{name} {number}" for name, number in found.items()))


def show(rows: list[dict[str, object]]) -> None:
    """Prints a table that a README takes as it is."""
    table = pd.DataFrame(rows)
    text = table.map(lambda value: f"{value:.2f}" if isinstance(value, float) else str(value))
    text = text.replace("nan", "-")
    print("| " + " | ".join(text.columns) + " |")
    print("|" + " --- |" * len(text.columns))
    for row in text.itertuples(index=False):
        print("| " + " | ".join(row) + " |")
