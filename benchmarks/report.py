"""How long a report takes, how much memory and how large the page is.

    pip install '.[test]' && python benchmarks/report.py --data FOLDER [--images 2000]

The images are hard links of the real ones under new ids (or made-up ones without --data), each in
one of --classes classes, or with the labels of --labels (a table ID,Label: then there are as many
images as rows). The three images are measured once and their rows stand for all; each fraction is
shifted a little at random, so that there are limits to draw. The report is made in a process of its
own, by two threads; every picture is cut from its own files.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import cellsieve as cs

REPORT = """
import sys, json, resource
import cellsieve as cs
cs.report(sys.argv[1], sys.argv[2], jobs=2)
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with train/ and hpa_cell_mask/")
    parser.add_argument("--images", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--classes", type=int, default=19)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--multi", default="skip", choices=("skip", "own"))
    parser.add_argument("--keep", type=Path, help="where the last page is kept")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    labels = pd.read_csv(options.labels, dtype=str) if options.labels else None
    numbers = [12] if options.quick else options.images if labels is None else [len(labels)]
    print("| images | cells | class labels | s | processor s | MiB | page, MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for number in numbers:
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            table = make(Path(folder), options, number, labels)
            page = Path(folder) / "report.html"
            start = time.perf_counter()
            found = subprocess.run(
                [sys.executable, "-c", REPORT, str(Path(folder) / "clean.parquet"), str(page)],
                capture_output=True,
                text=True,
                check=True,
            )
            wall = time.perf_counter() - start
            processor, memory = json.loads(found.stdout.splitlines()[-1])
            size = page.stat().st_size / 1e6
            classes = table["class_label"].nunique()
            print(
                f"| {number:,} | {len(table):,} | {classes} | {wall:.1f} | {processor:.1f} "
                f"| {memory:.0f} | {size:.1f} |"
            )
            if options.keep:
                shutil.copy(page, options.keep)


def make(folder, options, number, labels):
    """The images, and the cleaned table of their cells."""
    if options.data is None:
        base = cs.make_demo_set(folder / "made", size=256 if options.quick else 2048)
    else:
        base = cs.ImageSet.hpa(options.data / "train", options.data / "hpa_cell_mask")
    cells, images = cs.measure_images(base, "green", return_images=True)
    images = images[images["status"] == "measured"].reset_index(drop=True)
    rng = np.random.default_rng(0)
    if labels is None:
        names = rng.integers(0, options.classes, number).astype(str)
        labels = pd.DataFrame({"ID": [f"image-{k:06d}" for k in range(number)], "Label": names})
    source = rng.integers(0, len(images), number)
    (folder / "files").mkdir()
    ledger = images.iloc[source].reset_index(drop=True)
    ledger["image_id"], ledger["class_label"] = labels["ID"], labels["Label"]
    for column in [name for name in ledger if name.startswith("path_")]:
        ledger[column] = [
            link(path, folder / "files" / f"{image_id}_{column}{Path(path).suffix}")
            for image_id, path in zip(ledger["image_id"], ledger[column], strict=True)
        ]
    of_image = dict(list(cells.groupby("image_id")))
    parts = [
        of_image[images["image_id"][k]].assign(image_id=image_id, class_label=label)
        for image_id, label, k in zip(labels["ID"], labels["Label"], source, strict=True)
    ]
    table = pd.concat(parts, ignore_index=True)
    table["fraction"] = np.clip(table["fraction"] * rng.lognormal(0, 0.3, len(table)), 0, 1)
    table = cs.clean(table, multi=options.multi)
    cs.write_table(table, folder / "clean.parquet")
    cs.write_table(ledger, folder / "clean.images.csv")
    return table


def link(path, new):
    """A hard link, or a symbolic one to another disk."""
    try:
        os.link(path, new)
    except OSError:
        new.symlink_to(path)
    return str(new)


if __name__ == "__main__":
    main()
