"""The whole command on many images, against the best pipeline written by hand, with peak memory.

    pip install '.[bench]' && python benchmarks/end_to_end.py --data FOLDER [--images 200]

The images are hard links of the real ones under new ids (or made-up ones without --data). By hand
is cv2 + np.load + skimage's table + np.quantile in a pool of two processes. `decode only` is what
cellsieve's own readers take for the same files on two threads: the floor of any run. Each runs in a
process of its own, in turns; wall seconds, and the peak memory of the process (of the pool: the sum
over its processes) in MiB.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BY_HAND = """
import sys, json, resource
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
import cv2, numpy as np, pandas as pd
from skimage.measure import regionprops_table
folder = Path(sys.argv[1])
def one(path):
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    name = path.name.removesuffix("_green.png")
    mask = np.load(folder / "masks" / (name + ".npz"))["arr_0"]
    threshold = np.quantile(image[mask == 0], 0.99)
    def above(region, pixels):
        return np.count_nonzero(pixels[region] > threshold)
    table = pd.DataFrame(regionprops_table(
        mask, image, properties=("label", "bbox", "area"), extra_properties=[above]))
    table.insert(0, "image_id", name)
    return table
if __name__ == "__main__":
    cv2.setNumThreads(1)
    with ProcessPoolExecutor(2) as pool:
        tables = list(pool.map(one, sorted(folder.glob("images/*_green.png")), chunksize=8))
    table = pd.concat(tables, ignore_index=True)
    table["fraction"] = table["above"] / table["area"]
    table.to_csv(folder / "by_hand.csv", index=False)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps((own + 2 * children) / 1024))
"""

CELLSIEVE = """
import sys, json, resource
from cellsieve.cli import main
folder = sys.argv[1]
code = main(["measure", folder + "/images", "--masks", folder + "/masks",
             "-o", folder + "/cells.csv", "--overwrite", "--quiet", "--jobs", "2"])
assert code == 0
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
"""

DECODE = """
import sys, json, resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import cellsieve as cs
folder = Path(sys.argv[1])
def one(path):
    cs.read_image(path)
    cs.read_mask(folder / "masks" / (path.name.removesuffix("_green.png") + ".npz"))
with ThreadPoolExecutor(2) as pool:
    list(pool.map(one, sorted(folder.glob("images/*_green.png"))))
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with train/ and hpa_cell_mask/")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.images, options.repeats = 6, 1
    base = options.data if options.data else None
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as temporary:
        folder = Path(temporary)
        make(folder, base, options.images, 128 if options.quick else 2048)
        runs = {"cellsieve measure": CELLSIEVE, "decode only": DECODE, "by hand": BY_HAND}
        seconds = {name: [] for name in runs}
        memory = {}
        for _ in range(options.repeats):
            for name, code in runs.items():
                script = folder / "run.py"
                script.write_text(code)
                start = time.perf_counter()
                found = subprocess.run(
                    [sys.executable, str(script), str(folder)],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if found.returncode != 0:
                    print(f"{name}: does not run here: {found.stderr.splitlines()[-1]}")
                    continue
                seconds[name].append(time.perf_counter() - start)
                memory[name] = json.loads(found.stdout.splitlines()[-1])
        same(folder)
        print(f"{options.images} images")
        print("| what | s | ms an image and core | MiB |")
        print("| --- | --- | --- | --- |")
        for name, times in seconds.items():
            if times:
                wall = float(np.median(times))
                each = 2000 * wall / options.images
                print(f"| {name} | {wall:.2f} | {each:.1f} | {memory[name]:.0f} |")


def make(folder, base, images, size):
    """The data set: hard links, or copies where the disk does not support them."""
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    if base is None:
        from cellsieve import write_png
        from cellsieve.trial.synthetic import label_image

        base = folder / "made"
        (base / "train").mkdir(parents=True)
        (base / "hpa_cell_mask").mkdir()
        rng = np.random.default_rng(3)
        for number, kind in enumerate((np.uint16, np.int32, np.int64)):
            mask = label_image(size, 20, seed=number)
            image = rng.poisson(2 + 20 * (mask > 0)).astype(np.uint8)
            write_png(base / "train" / f"m{number}_green.png", image)
            np.savez_compressed(base / "hpa_cell_mask" / f"m{number}.npz", mask.astype(kind))
    sources = sorted(base.glob("train/*_green.png"))
    local = folder / "sources"
    local.mkdir()
    for source in sources:
        name = source.name.removesuffix("_green.png")
        for path in (source, base / "hpa_cell_mask" / f"{name}.npz"):
            (local / path.name).write_bytes(path.read_bytes())
    for number in range(images):
        name = sources[number % len(sources)].name.removesuffix("_green.png")
        os.link(local / f"{name}_green.png", folder / "images" / f"id{number:06d}_green.png")
        os.link(local / f"{name}.npz", folder / "masks" / f"id{number:06d}.npz")


def same(folder):
    """Both tables hold the same numbers."""
    import pandas as pd

    if not (folder / "by_hand.csv").exists():
        return
    ours, theirs = (pd.read_csv(folder / name) for name in ("cells.csv", "by_hand.csv"))
    theirs = theirs.rename(columns={"above": "area_above"})
    for column in ("image_id", "label", "area", "area_above", "fraction"):
        assert (ours[column] == theirs[column]).all(), column


if __name__ == "__main__":
    main()
