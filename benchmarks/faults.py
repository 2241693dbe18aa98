"""Which planted faults are found, and how many sound cells that costs.

    python benchmarks/faults.py --data ../shared/data                    # the half never tuned on
    python benchmarks/faults.py --data ../shared/data --half tuning      # the other one
    python benchmarks/faults.py --quick                                  # made-up images

In each trial one kind of fault is planted in a random tenth of the sound cells of every image, all
is measured again, and the cells of one half are counted. Sound cells are those that did not touch
the border, had at most 1 % of saturated pixels and (where nuclei are known) a nucleus before
anything was planted; the others stay in the images, and are not counted. An image is halved at the
median column of its cells: the limits of the presets were chosen on the left halves (tuning).
"""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import rankdata
from skimage.filters import threshold_otsu

import cellsieve as cs
from planting import FAULTS, Picture
from timing import heading, parser, show

FAMILIES = ["intensity", "focus", "shape", "place"]
NOT_MEASURES = (
    "label|image_id|class_label|m.._row|m.._col|threshold.*|background.*|centroid_.*|orientation"
    "|nucleus_label|faulty|sound|left"
)


def main() -> None:
    """Prints the tables of docs/faults.md."""
    options = parser("How many planted faults are found, and sound cells lost.")
    options.add_argument("--half", choices=("reported", "tuning"), default="reported")
    options.set_defaults(repeats=20)
    given = options.parse_args()
    heading("scipy", "scikit-image")
    for name, pictures in sets(given.data).items():
        preset = "nuclei" if pictures[0].nuclei is None else "faults"
        tables = planted(pictures, 1 if given.quick else given.repeats)
        whole = tables["dimmed to a quarter"][0]
        sound = (whole["sound"] | whole["faulty"]) & (whole["left"] == (given.half == "tuning"))
        print(
            f"\n{name}: {len(pictures)} images, {len(whole)} cells, {sound.sum()} sound ones here\n"
        )
        show(judged(tables, preset, given.half))


def sets(data: Path | None) -> dict[str, list[Picture]]:
    """The real images, or made-up ones."""
    if data is None:
        with tempfile.TemporaryDirectory() as folder:
            images = cs.make_demo_set(folder).table
            return {"made up": [atlas(row, "path_mask") for row in images.to_dict("records")[:3]]}
    hpa = cs.ImageSet.hpa(data / "hpa/train", data / "hpa/hpa_cell_mask").table
    masks = sorted((data / "masks/dsb2018").glob("*_label.png"))
    stardist = data / "masks/stardist"
    return {
        "Atlas": [atlas(row, "path_mask") for row in hpa.to_dict("records")],
        "dsb2018": [
            nuclear(path, path.with_name(path.name.replace("label", "gray"))) for path in masks
        ],
        # 8-bit values in 16 bits.
        "stardist": [nuclear(stardist / "mask2d.tif", stardist / "img2d.tif", 255)],
    }


def atlas(row: dict[str, Any], mask: str) -> Picture:
    """Cells in four channels; the nuclei are what is bright in blue, which no mask tells."""
    labels = cs.read_mask(row[mask]).astype(np.int32)
    names = ("green", "red", "blue", "yellow")
    channels = {name: np.array(cs.read_image(row[f"path_{name}"])) for name in names}
    smooth = ndimage.gaussian_filter(channels["blue"].astype(np.float32), len(labels) / 700)
    bright = (smooth > threshold_otsu(smooth)) & (labels > 0)
    nuclei = np.zeros_like(labels)
    number = 0
    for cell in np.unique(labels[labels > 0]):
        own = labels == cell
        pieces, _ = ndimage.label(bright & own)
        sizes = np.bincount(pieces.ravel())[1:]
        for piece in np.flatnonzero(sizes > 0.02 * own.sum()) + 1:
            number += 1
            nuclei[ndimage.binary_fill_holes(pieces == piece)] = number
    return Picture(row["image_id"], labels, channels, nuclei)


def nuclear(mask: Path, image: Path, max_value: float | None = None) -> Picture:
    """Nuclei in one channel."""
    channels = {"dna": np.array(cs.read_image(image))}
    return Picture(mask.stem, cs.read_mask(mask).astype(np.int32), channels, max_value=max_value)


def measured(picture: Picture) -> pd.DataFrame:
    """All that can be measured, as a table of a data set has it."""
    several = len(picture.channels) > 1
    families = FAMILIES + (["nuclei"] if picture.nuclei is not None else [])
    table = cs.measure(
        picture.mask,
        picture.channels if several else next(iter(picture.channels.values())),
        properties=families,
        nuclei=picture.nuclei,
        max_value=picture.max_value,
    )
    table.insert(0, "image_id", picture.image_id)
    table.insert(1, "class_label", "all")
    return table


def sound_cells(table: pd.DataFrame) -> pd.Series:
    """Cells of which nothing is obviously wrong."""
    saturated = table.filter(regex="^saturated").max(axis=1)
    sound = (table["touches_border"] == 0) & (saturated <= 0.01)
    return sound & (table["nuclei"] > 0) if "nuclei" in table else sound


def planted(pictures: list[Picture], trials: int) -> dict[str, list[pd.DataFrame]]:
    """For each fault the tables of the trials, with `faulty`, `sound` and `left`."""
    sound = []
    for picture in pictures:
        table = measured(picture)
        left = table["centroid_col"] < table["centroid_col"].median()
        picture.left = frozenset(table.loc[left, "label"])
        sound.append(table.loc[sound_cells(table), "label"].to_numpy())
    tables: dict[str, list[pd.DataFrame]] = {}
    for number, fault in enumerate(FAULTS):
        for trial in range(trials):
            rng = np.random.default_rng([number, trial])
            made = [spoilt(*each, fault, rng) for each in zip(pictures, sound, strict=True)]
            tables.setdefault(fault, []).append(pd.concat(made, ignore_index=True))
    return tables


def spoilt(
    picture: Picture, sound: NDArray[np.int64], fault: str, rng: np.random.Generator
) -> pd.DataFrame:
    """One image with this fault in a tenth of its sound cells."""
    changed = picture.copy()
    cells = rng.permutation(sound).tolist()
    faulty = FAULTS[fault](changed, cells, max(1, round(len(cells) / 10)), rng) if cells else set()
    table = measured(changed)
    table["faulty"] = table["label"].isin(faulty)
    table["sound"] = table["label"].isin(cells) & ~table["faulty"]
    if fault == "cut by a new border":  # those that only just touch it are neither
        table["sound"] &= table["touches_border"] == 0
    new = ~table["label"].isin(np.unique(picture.mask))
    table["left"] = table["label"].isin(picture.left)
    table["left"] |= new & (table["centroid_col"] < picture.mask.shape[1] / 2)
    return table


def judged(
    tables: dict[str, list[pd.DataFrame]], preset: str, half: str
) -> list[dict[str, object]]:
    """A row for each fault: what each method finds and loses in this half."""
    rows: list[dict[str, object]] = []
    for fault, trials in tables.items():
        here = [table["left"] == (half == "tuning") for table in trials]
        faulty = pd.concat([t["faulty"] & own for t, own in zip(trials, here, strict=True)])
        sound = pd.concat([t["sound"] & own for t, own in zip(trials, here, strict=True)])
        if not faulty.any():
            continue
        row: dict[str, object] = {"fault": fault, "planted": int(faulty.sum())}
        channel = "" if "fraction" in trials[0] else "_green"
        methods: dict[str, Any] = {
            f"`{preset}`": preset,
            "fraction": [cs.Rule(f"fraction{channel}", 0.001, 0.999)],
            "area z-score": [cs.Rule("area", -2, 2, by=None, kind="zscore")],
        }
        for name, rules in methods.items():
            dropped = pd.concat([dropped_by(rules, table) for table in trials])
            row[f"{name}: found"] = float(dropped[faulty].mean())
            row[f"{name}: lost"] = float(dropped[sound].mean())
        everything = pd.concat([compared(table) for table in trials], ignore_index=True)
        rows.append(row | best_column(everything, half))
    return rows


def dropped_by(rules: Any, table: pd.DataFrame) -> pd.Series:
    """Which cells of the table are not clean."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # groups that are too small, columns that are lacking
        return ~cs.clean(table.drop(columns=["faulty", "sound", "left"]), rules=rules)["clean"]


def best_column(table: pd.DataFrame, half: str) -> dict[str, object]:
    """The column that tells best in the half for tuning, and how well it does in the other."""
    tuning = table[table["left"]]
    if not tuning["faulty"].any():
        return {"best column": "-", "its ROC area": float("nan")}
    chosen = roc_areas(tuning)
    best = str(chosen.sub(0.5).abs().idxmax())
    area = float(roc_areas(table[table["left"] == (half == "tuning")])[best])
    return {"best column": f"`{best}`", "its ROC area": area if chosen[best] >= 0.5 else 1 - area}


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """Each column as the distance from its image's median, in robust standard deviations."""
    kept = table[["faulty", "sound", "left"]]
    columns = [c for c in table if not pd.Series([c]).str.fullmatch(NOT_MEASURES)[0]]
    values = table[columns].astype(float)
    images = table["image_id"]
    distance = values - values.groupby(images).transform("median")
    spread = distance.abs().groupby(images).transform("median")
    return distance.div(spread.where(spread > 0, 1)).join(kept)


def roc_areas(table: pd.DataFrame) -> pd.Series:
    """For each column the chance that a faulty cell's value is above a sound one's."""
    faulty, sound = table[table["faulty"]], table[table["sound"]]
    both = pd.concat([faulty, sound]).drop(columns=["faulty", "sound", "left"])
    # What is not defined for a cell tells nothing.
    ranks = both.fillna(both.median()).fillna(0).apply(rankdata)
    above = ranks[: len(faulty)].sum() - len(faulty) * (len(faulty) + 1) / 2
    return above / max(1, len(faulty) * len(sound))


if __name__ == "__main__":
    main()
