"""Threads against Dask, what a task costs, and tables of many rows: what one machine tells of many.

    python benchmarks/scale.py --images 200 --rows 10000000

Images are hard links of one made-up field of 2048 x 2048 pixels. Each row of the tables is measured
in a process of its own: wall seconds, and the peak memory of that process in MiB (of Dask: of the
client). Tables are 16 Parquet parts, 20 cells per image.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import cellsieve as cs
from timing import heading, parser

PARTS, CELLS = 16, 20

COMMON = """
import json, resource, sys, time
from pathlib import Path
import cellsieve as cs
from cellsieve.run.parallel import run
folder, work = Path(sys.argv[1]), sys.argv[2]
parts = sorted(folder.glob("part*.parquet"))
def cluster(workers):
    from distributed import Client
    return Client(n_workers=workers, threads_per_worker=1, dashboard_address=":0")
def same(chunk):
    return chunk
def measure(executor=None, jobs=None):
    images = cs.ImageSet.hpa(folder / "images", folder / "masks")
    return lambda: cs.measure_to(images, folder / "cells.csv", jobs=jobs, executor=executor,
                                 progress=False, overwrite=True)
def tasks(executor=None):
    return lambda: list(run(same, [[n] for n in range(int(sys.argv[3]))], executor=executor,
                            progress=False))
if __name__ == "__main__":
    kind, _, number = work.partition(" ")
    client = cluster(int(number)) if "dask" in kind else None
    executor = client.get_executor() if client else None
    do = {
        "threads": lambda: measure(jobs=int(number or 1)),
        "dask": lambda: measure(executor),
        "tasks": lambda: tasks(),
        "dask-tasks": lambda: tasks(executor),
        "percentile_limits": lambda: lambda: cs.percentile_limits(parts),
        "group_limits": lambda: lambda: cs.group_limits(
            parts, cs.Rule("fraction", -3, 3, kind="mad")),
        "clean": lambda: lambda: cs.clean_to(
            parts, folder / "clean.parquet", [cs.Rule("fraction", 0.001, 0.999)], overwrite=True),
        "merge": lambda: lambda: cs.merge_to(parts, folder / "merged.parquet", overwrite=True),
    }[kind]()
    start = time.perf_counter()
    do()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if client:
        client.close()
    print(json.dumps([seconds, peak]))
"""


def make_images(folder, number, side):
    """One field, linked as often as asked for."""
    rng = np.random.default_rng(1)
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    mask = np.kron(rng.permutation(36).reshape(6, 6), np.ones((side // 6, side // 6)))
    image = rng.poisson(5 + 3 * (mask > 0) * (mask % 5)).astype(np.uint8)
    cs.write_png(folder / "field_green.png", image)
    np.savez_compressed(folder / "field.npz", mask.astype(np.uint16))
    for place in range(number):
        os.link(folder / "field_green.png", folder / "images" / f"f{place:05}_green.png")
        os.link(folder / "field.npz", folder / "masks" / f"f{place:05}.npz")


def make_tables(folder, rows):
    """Cell tables as `measure` writes them, with their image tables."""
    images = rows // CELLS
    for part in range(PARTS):
        rng = np.random.default_rng(part)
        own = np.arange(part, images, PARTS)
        ids = pd.Series(np.char.add("f", np.char.zfill(own.astype(str), 9)), dtype="str")
        n = len(own) * CELLS
        area = rng.integers(500, 5000, n)
        above = rng.binomial(area, rng.beta(2, 5, n))
        classes = pd.Series((own % 28).astype(str), dtype="str")
        cells = pd.DataFrame(
            {
                "image_id": ids.repeat(CELLS).reset_index(drop=True),
                "class_label": classes.repeat(CELLS).reset_index(drop=True),
                "label": np.tile(np.arange(1, CELLS + 1), len(own)),
                **{name: rng.integers(0, 2048, n)
                   for name in ("min_row", "min_col", "max_row", "max_col")},
                "area": area,
                "area_above": above,
                "fraction": above / area,
                "threshold": 30.0,
                "background_area": 10**6,
            }
        )  # fmt: skip
        cs.write_table(cells, folder / f"part{part:02}.parquet")
        table = pd.DataFrame({"image_id": ids, "class_label": classes})
        for name in ("mask", "green"):
            table[f"path_{name}"] = f"{folder}/images/" + ids + f"_{name}.png"
        table = table.assign(
            channel="green", height=2048, width=2048, cells=CELLS, status="measured", error=None,
            settings='{"channel": "green"}',
        )  # fmt: skip
        cs.write_table(table, folder / f"part{part:02}.images.csv")


def run(folder, work, number=0):
    """Seconds and MiB of one piece of work, in a process of its own."""
    script = folder / "work.py"
    script.write_text(COMMON)
    found = subprocess.run(
        [sys.executable, str(script), str(folder), work, str(number)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(found.stdout.splitlines()[-1])


def main():
    """Prints two tables."""
    options = parser(__doc__.split("\n\n")[0])
    options.add_argument("--images", type=int, default=200)
    options.add_argument("--rows", type=int, default=10**7)
    options.add_argument("--tasks", type=int, default=2000)
    asked = options.parse_args()
    side = 2046
    if asked.quick:
        asked.images, asked.rows, asked.tasks, side = 8, 20_000, 20, 120
    heading("pandas", "pyarrow", "distributed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_images(folder, asked.images, side)
        print(f"\n| {asked.images} images of {side} x {side} | seconds | ms per image | MiB |")
        print("| --- | --- | --- | --- |")
        whole = None
        for work in ("threads 1", "threads 2", "dask 1", "dask 2"):
            seconds, mib = run(folder, work)
            print(f"| {work} | {seconds:.2f} | {1000 * seconds / asked.images:.1f} | {mib:.0f} |")
            written = (folder / "cells.csv").read_bytes()
            assert whole in (None, written), "the same bytes"
            whole = written
        for work in ("tasks", "dask-tasks 2"):
            seconds, mib = run(folder, work, asked.tasks)
            print(f"| {work}: {asked.tasks} that do nothing | {seconds:.2f} | "
                  f"{1000 * seconds / asked.tasks:.2f} per task | {mib:.0f} |")  # fmt: skip
        make_tables(folder, asked.rows)
        print(f"\n| {asked.rows} rows in {PARTS} parts | seconds | MiB |\n| --- | --- | --- |")
        for work in ("percentile_limits", "group_limits", "clean", "merge"):
            seconds, mib = run(folder, work)
            print(f"| {work} | {seconds:.1f} | {mib:.0f} |", flush=True)


if __name__ == "__main__":
    main()
