"""The plates part of the demo: a synthetic screen, and how much of it each step recovers."""

from pathlib import Path

import numpy as np
import pandas as pd

from cellsieve.io.tables import write_table
from cellsieve.plates.plate_layout import PlateLayout
from cellsieve.schema.choices import Method
from cellsieve.schema.types import FilePath
from cellsieve.trial.planted import plant, probabilities


def run_plates_demo(folder: FilePath) -> pd.DataFrame:
    """Makes a small screen like RxRx1 in `folder`, runs fit, infer and decode, prints the accuracy.

    Writes `train.csv`, `test.csv`, `predictions.npy` (probabilities of a synthetic classifier),
    `layout.json`, `test_plate_groups.csv`, `submission.csv`, `wells.csv` (the same with
    confidences) and `truth.csv` (the planted classes). One test experiment has a rotation of the
    plates that no train experiment has. Takes about a second and 5 MB.

    Returns one row per step (`step`, `wells`, `accuracy`).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    made = plant(
        group_size=60,
        train_experiments=9,
        test_experiments=5,
        signal=2.5,
        class_bias=0.3,
        missing=0.01,
        test_rotations=(0.3, 0.2, 0.2, 0.3),
        seed=2,
    )
    scores = probabilities(made.logits)
    made.train.to_csv(folder / "train.csv", index=False)
    made.test.to_csv(folder / "test.csv", index=False)
    np.save(folder / "predictions.npy", scores)

    layout = PlateLayout.fit(folder / "train.csv")
    layout.save(folder / "layout.json")
    test, predictions = folder / "test.csv", folder / "predictions.npy"
    posterior = layout.infer(test, predictions)
    write_table(posterior, folder / "test_plate_groups.csv")
    right = layout.assignments[posterior["best"]] == made.group_on_plate
    recovered = int(right.all(axis=1).sum())
    unseen = int((layout.counts[posterior["best"]] == 0).sum())
    print(
        f"plates: {layout.n_groups} groups of {len(layout.classes) // layout.n_groups} classes "
        f"found in {len(layout.experiments)} experiments"
    )
    print(
        f"plates: {recovered} of {len(posterior)} test experiments assigned correctly, "
        f"{unseen} of them to a rotation never seen in training"
    )
    rows = [("argmax of all classes", len(scores), float((scores.argmax(1) == made.sirna).mean()))]
    methods: list[tuple[Method, str]] = [
        ("argmax", "argmax of the plate's group"),
        ("assignment", "assignment, each class once"),
        ("marginal", "marginals"),
    ]
    for method, step in methods:
        decoded = layout.decode(test, predictions, posterior, method)
        rows.append((step, len(decoded), float((decoded["sirna"] == made.sirna).mean())))
    write_table(decoded[["id_code", "sirna"]], folder / "submission.csv")
    write_table(decoded, folder / "wells.csv")
    decoded[["id_code"]].assign(sirna=made.sirna).to_csv(folder / "truth.csv", index=False)
    steps = pd.DataFrame(rows, columns=["step", "wells", "accuracy"])
    for name, _, accuracy in rows:
        print(f"plates: {accuracy:6.1%} of wells correct by {name}")
    print(f"plates: the marginals claim {decoded['confidence'].mean():.1%} on average")
    return steps
