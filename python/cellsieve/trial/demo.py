"""Small synthetic data sets, and both halves of the package run on them."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from cellsieve.cells.dataset import measure_to
from cellsieve.cleaning.dataset import clean_to
from cellsieve.io.image_set import ImageSet
from cellsieve.io.readers import write_png
from cellsieve.io.tables import read_csv, write_table
from cellsieve.look.report import report
from cellsieve.schema.rules import Rule
from cellsieve.schema.text import text_typed
from cellsieve.schema.types import FilePath
from cellsieve.schema.words import count
from cellsieve.trial.demo_plates import run_plates_demo
from cellsieve.trial.synthetic import field, photograph

#: Class label and location of the protein, image by image; "0|16" is two classes at once.
FIELDS = [
    ("0", "nucleus"),
    ("0", "nucleus"),
    ("0", "nucleus"),
    ("1", "membrane"),
    ("1", "membrane"),
    ("1", "membrane"),
    ("16", "cytosol"),
    ("16", "cytosol"),
    ("16", "cytosol"),
    ("0|16", "cytosol"),
    ("10|16", "vesicles"),
    ("10", "vesicles"),
]

#: A file that marks a folder as one that may be removed.
MARK = ".cellsieve-demo"

#: Real segmentations come in all of these.
MASK_TYPES = [np.uint16, np.int32, np.int64]


def make_demo_set(folder: FilePath, *, size: int = 512, seed: int = 7) -> ImageSet:
    """Writes a dozen images in the layout of the Human Protein Atlas.

    8- and 16-bit images in four channels, masks of three types as `.npz`, `train.csv` with
    multi-label rows; the last image has no mask.

    Args:
        folder: where `images/`, `masks/` and `train.csv` are written.
        size: rows and columns of an image.
        seed: seed of the generator; the same seed gives the same files.

    Returns:
        The images.

    Raises:
        FileExistsError: the folder has another `train.csv`.
        OSError: a file can't be written.
    """
    folder = Path(folder)
    ids = [f"demo-{number:02d}" for number in range(len(FIELDS))]
    rows = pd.DataFrame({"ID": ids, "Label": [label for label, _ in FIELDS]})
    labels = folder / "train.csv"
    if labels.exists() and not read_csv(labels, text=("ID", "Label")).equals(text_typed(rows)):
        raise FileExistsError(f"{labels} exists, and is not of the demo set; choose another folder")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    for number, (image_id, (_, protein)) in enumerate(zip(ids, FIELDS, strict=True)):
        rng = np.random.default_rng([seed, number])
        mask, channels = field(size, 16, protein, rng)
        for name, light in channels.items():
            bits = 16 if number % 4 == 3 else 8
            write_png(folder / "images" / f"{image_id}_{name}.png", photograph(light, bits, rng))
        if number < len(FIELDS) - 1:
            kind = MASK_TYPES[number % len(MASK_TYPES)]
            np.savez_compressed(folder / "masks" / f"{image_id}.npz", mask.astype(kind))
    write_table(rows, labels)
    return ImageSet.hpa(folder / "images", folder / "masks", labels)


def demo(folder: FilePath = "cellsieve-demo", *, overwrite: bool = False) -> None:
    """Makes the demo sets, does the main job of both halves, and ends with a report.

    Args:
        folder: where everything is written.
        overwrite: remove a folder of that name first.

    Raises:
        FileExistsError: the folder is not empty, and `overwrite` is not set, or the demo has not
            made it.
        OSError: a file can't be written.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        if not overwrite:
            raise FileExistsError(f"{folder} exists; overwrite (--overwrite) to replace it")
        if not (folder / MARK).exists():
            raise FileExistsError(f"{folder} was not made by the demo, so it is not removed")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    print(f"Making a small data set in {folder} ...")
    images = make_demo_set(folder)
    print(f"  {images}")

    table = measure_to(images, folder / "cells.csv", "green", progress=False)
    measured = table[table["status"] == "measured"]
    cells, fields = count(measured["cells"].sum(), "cell"), count(len(measured), "image")
    print(f"Measured {cells} of {fields}")
    for row in table[table["status"] != "measured"].itertuples():
        print(f"  {row.image_id}: {row.error}")

    # With so few cells, 5 % cuts what 0.1 % cuts in a real data set.
    counts = clean_to([folder / "cells.csv"], folder / "clean.csv", [Rule("fraction", 0.05, 0.95)])
    total = counts.groupby("reason")["cells"].sum()
    listed = ", ".join(f"{number} {reason or 'kept'}" for reason, number in total.items())
    print(f"Cleaned by a 5 % band per class: {listed}")

    listed_files = [
        ("images, masks, train.csv", "the data set"),
        ("cells.csv", "one row per cell"),
        ("cells.images.csv", "one row per image: files, threshold, status"),
        ("clean.csv", "the cells with the verdict on each, and why"),
        ("*.record.json", "how each table was made; cellsieve info prints it"),
    ]
    print(f"Making a small screen with planted classes in {folder / 'plates'} ...")
    run_plates_demo(folder / "plates")
    listed_files.append(("plates/", "the screen, its layout, assignments and submission"))

    try:
        report(folder / "clean.csv", folder / "report.html", title="The cellsieve demo")
        screen = folder / "plates"
        report(
            screen / "test_plate_groups.csv",
            screen / "report.html",
            wells=screen / "wells.csv",
            truth=screen / "truth.csv",
            title="The cellsieve demo: plates",
        )
        listed_files.append(("plates/report.html", "assignments, confidences, maps of the plates"))
        listed_files.append(("report.html", "open this one in a browser: the cells themselves"))
    except ImportError as error:
        print(f"No report: {error}")

    print("Files:")
    for name, what in listed_files:
        print(f"  {folder / name!s:<40} {what}")
