"""Makes docs/export.png from the made-up demo set: annotations redrawn, and crops.

pip install '.[test]' && python docs/make_export_picture.py
"""

import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools.coco import COCO

import cellsieve as cs

KEEPS = ("cell", "cell_and_outside", "all")
LIGHTER = 1.6


def outlined(image, coco):
    """A picture with the outlines and boxes of its annotations, all from the COCO file."""
    picture = LIGHTER * np.asarray(Image.open(Path("rgb") / image["file_name"])).astype(float)
    for annotation in coco.loadAnns(coco.getAnnIds(image["id"])):
        cell = coco.annToMask(annotation).astype(bool)
        inner = cell.copy()
        inner[1:-1, 1:-1] &= cell[2:, 1:-1] & cell[:-2, 1:-1] & cell[1:-1, 2:] & cell[1:-1, :-2]
        border = cell ^ inner
        border[[0, -1]] = border[:, [0, -1]] = False
        picture[border] = 255
        x, y, width, height = map(int, annotation["bbox"])
        picture[y : y + height, [x, x + width - 1]] = [255, 160, 0]
        picture[[y, y + height - 1], x : x + width] = [255, 160, 0]
    return picture


def column(keep, image_id):
    """Three crops of an image, one below the other."""
    data = cs.CellCrops(f"crops_{keep}")
    places = np.flatnonzero(data.index["image_id"] == image_id)[3:6]
    crops = [np.moveaxis(data[place][0], 0, 2) * LIGHTER for place in places]
    framed = [np.pad(crop, ((2, 2), (8, 2), (0, 0)), constant_values=255) for crop in crops]
    return np.concatenate(framed)


def main() -> None:
    target = Path(__file__).resolve().with_name("export.png")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        cs.measure_to(cs.make_demo_set("demo"), "cells.csv", progress=False)
        cs.clean_to(["cells.csv"], "clean.csv", [cs.Rule("fraction", 0.05, 0.95)])
        cs.annotate("clean.csv", "a.json", composites="rgb", progress=False)
        for keep in KEEPS:
            cs.crops("clean.csv", f"crops_{keep}", size=148, keep=keep, progress=False)
        coco = COCO("a.json")
        image = coco.imgs[2]
        columns = [column(keep, image["cellsieve_id"]) for keep in KEEPS]
        left = outlined(image, coco)
        height = max(left.shape[0], columns[0].shape[0])
        parts = [
            np.pad(part, ((0, height - len(part)), (0, 0), (0, 0)), constant_values=255)
            for part in (left, *columns)
        ]
        os.chdir(target.parent)
    picture = Image.fromarray(np.minimum(np.concatenate(parts, axis=1), 255).astype(np.uint8))
    picture.thumbnail((740, 740), Image.Resampling.LANCZOS)
    picture.quantize(64, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
