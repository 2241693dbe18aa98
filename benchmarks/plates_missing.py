"""What inference claims, and how often it is right, where plates of the experiments are missing.

    python benchmarks/plates_missing.py            # some minutes
    python benchmarks/plates_missing.py --quick

Two kinds of made-up classifiers: scores with biases of classes and of plates (`plant`), and cosines
of embeddings in which classes form families and plates and experiments have shifts of their own.
Experiments differ in how clear they are. Of each, 1 to 4 of the four plates are left, by chance.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

import cellsieve as cs
from cellsieve.trial.planted import Planted, plant
from timing import arguments, heading, show


def main() -> None:
    """Prints the table of docs/plates.md."""
    options = arguments("Inference with missing plates.")
    heading("scipy")
    size = {"group_size": 24} if options.quick else {"group_size": 120}
    parts = []
    for source, made, rng in screens(size, 1 if options.quick else 3):
        layout = cs.PlateLayout.fit(made.train)
        for plates in (1, 2, 3, 4):
            left = some_plates(made.test, plates, rng)
            test = made.test[left].reset_index(drop=True)
            for kind in ("hard", "logit"):
                scores = made.logits[left]
                found = layout.infer(test, scores.argmax(1) if kind == "hard" else scores, kind)
                right = layout.assignments[found["best"]] == made.group_on_plate
                found = found[["posterior", "certain"]].assign(right=right.all(axis=1))
                parts.append(found.assign(source=source, plates=plates, kind=kind))
    rows = []
    for key, part in pd.concat(parts).groupby(["source", "kind", "plates"], sort=False):
        row: dict[str, object] = dict(zip(["scores", "kind", "plates left"], key, strict=True))
        row |= {
            "experiments": len(part),
            "right": float(part["right"].mean()),
            "mean claim": float(part["posterior"].mean()),
            "certain and right": int((part["certain"] & part["right"]).sum()),
            "certain and wrong": int((part["certain"] & ~part["right"]).sum()),
        }
        rows.append(row)
    show(sorted(rows, key=lambda row: (row["scores"], row["kind"], row["plates left"])))


def screens(
    size: dict[str, Any], repeats: int
) -> Iterator[tuple[str, Planted, np.random.Generator]]:
    """Made-up screens of many strengths and biases."""
    common = {"train_experiments": 30, "test_experiments": 12, **size}
    for signal in (1.5, 2.0, 2.5, 3.0, 4.0):
        for class_bias, plate_bias in ((0.3, 0.3), (0.8, 0.8), (0.3, 1.2)):
            for seed in range(repeats):
                made = plant(
                    signal=signal,
                    class_bias=class_bias,
                    plate_bias=plate_bias,
                    uneven=0.35,
                    seed=seed,
                    **common,
                )
                yield "biased", made, np.random.default_rng(seed)
    for noise in (2.0, 3.0, 4.0):
        for shifts in ((0.5, 0.5), (1.0, 1.0), (2.0, 2.0), (1.0, 3.0)):
            for seed in range(repeats):
                made = plant(seed=seed, **common)
                rng = np.random.default_rng(seed)
                made.logits[:] = embedded(made, rng, noise, *shifts)
                yield "embedded", made, rng


def embedded(
    made: Planted,
    rng: np.random.Generator,
    noise: float,
    experiment_shift: float,
    plate_shift: float,
    depth: int = 48,
) -> np.ndarray:
    """Cosines (times 15) between each well and each class."""
    count = len(made.group)
    looks = rng.standard_normal((count, depth))
    looks += rng.standard_normal((count // 8, depth))[rng.integers(count // 8, size=count)]
    experiment = pd.factorize(made.test["experiment"])[0]
    plate = made.test.groupby(["experiment", "plate"], sort=False).ngroup().to_numpy()
    clear = noise * np.exp(0.3 * rng.standard_normal(experiment.max() + 1))
    wells = looks[made.sirna]
    wells = wells + clear[experiment, None] * rng.standard_normal(wells.shape)
    for level, shift in ((experiment, experiment_shift), (plate, plate_shift)):
        wells += shift * rng.standard_normal((level.max() + 1, depth))[level]
    wells /= np.linalg.norm(wells, axis=1, keepdims=True)
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    return np.asarray(15 * wells @ looks.T)


def some_plates(test: pd.DataFrame, count: int, rng: np.random.Generator) -> np.ndarray:
    """Which wells are left if each experiment keeps so many of its plates."""
    plates = test.drop_duplicates(["experiment", "plate"])[["experiment", "plate"]]
    order = rng.permutation(len(plates))
    kept = plates.iloc[order].groupby("experiment").head(count)
    place = pd.MultiIndex.from_frame(test[["experiment", "plate"]])
    return np.asarray(place.isin(pd.MultiIndex.from_frame(kept)))


if __name__ == "__main__":
    main()
