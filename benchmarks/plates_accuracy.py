"""How often inference and decoding are right, and how often they say they are.

    python benchmarks/plates_accuracy.py                                 # planted screens, minutes
    python benchmarks/plates_accuracy.py --data ../shared/data/rxrx1     # and HUVEC-18
    python benchmarks/plates_accuracy.py --quick

Planted screens have RxRx1's shape: four groups of 277, 0.2 % of the wells missing, and a rotation
in the test set that training never saw. HUVEC-18 reuses the layout of RPE-03 one plate on, so its
1,107 wells have known classes; its predictions are two public submissions (one class per well) and,
for one plate, the five nearest neighbours of each site.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

import cellsieve as cs
from cellsieve.trial.planted import Planted, plant
from timing import arguments, heading, show

METHODS = ("argmax", "assignment", "marginal")


def main() -> None:
    """Prints the tables of docs/plates.md."""
    options = arguments("Accuracy and calibration of the plates half.")
    heading("scipy")
    size = {"group_size": 24} if options.quick else {}
    print("\nAssignments of planted experiments\n")
    inference(size, 1 if options.quick else 4)
    print("\nDecoding of planted plates\n")
    decoding(size, 2 if options.quick else 3)
    if options.data:
        print("\nHUVEC-18\n")
        huvec18(options.data)


def inference(size: dict[str, int], repeats: int) -> None:
    """Right assignments against claimed posteriors, in hard conditions."""
    settings = {
        "signal 0.7": {"signal": 0.7},
        "signal 1.0": {"signal": 1.0},
        "signal 1.4": {"signal": 1.4},
        "signal 1.0, class bias 1": {"signal": 1.0, "class_bias": 1.0},
        "signal 1.4, class bias 1": {"signal": 1.4, "class_bias": 1.0},
        "signal 1.0, plate bias 0.5": {"signal": 1.0, "plate_bias": 0.5},
        "signal 1.0, three times too sure": {"signal": 1.0, "temperature": 1 / 3},
        "signal 1.0, three times too unsure": {"signal": 1.0, "temperature": 3.0},
        "signal 1.0, 20 % of wells missing": {"signal": 1.0, "missing": 0.2},
    }
    rows, claims, hits = [], [], []
    for name, setting in settings.items():
        found = []
        for kind in ("logit", "hard"):
            for seed in range(repeats):
                made = plant(**size, **setting, test_experiments=15, seed=seed)
                layout = cs.PlateLayout.fit(made.train)
                scores = made.logits if kind == "logit" else made.logits.argmax(axis=1)
                table = layout.infer(made.test, scores, kind)
                right = (layout.assignments[table["best"]] == made.group_on_plate).all(axis=1)
                found.append(table.assign(kind=kind, right=right)[COLUMNS])
        table = pd.concat(found)
        claims.append(table["posterior"].to_numpy())
        hits.append(table["right"].to_numpy())
        row: dict[str, object] = {"setting": name}
        for kind, part in table.groupby("kind", sort=False):
            sure = part["certain"]
            row |= {
                f"{kind}: wrong of {len(part)}": int((~part["right"]).sum()),
                f"{kind}: certain": int(sure.sum()),
                f"{kind}: certain and wrong": int((sure & ~part["right"]).sum()),
                f"{kind}: mean claim": float(part["posterior"].mean()),
                f"{kind}: right": float(part["right"].mean()),
            }
        rows.append(row)
    show(rows)
    print("\nAll of these, by what they claim\n")
    show(reliability(np.concatenate(claims), np.concatenate(hits)))


COLUMNS = ["kind", "posterior", "certain", "right"]


def reliability(claim: np.ndarray, right: np.ndarray) -> list[dict[str, object]]:
    """How often what was claimed was right, by claim."""
    edges = [0, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0 + 1e-9]
    rows = []
    for low, high in pairwise(edges):
        inside = (claim >= low) & (claim < high)
        if inside.any():
            rows.append(
                {
                    "claimed": f"{low:g} to {min(high, 1):g}",
                    "cases": int(inside.sum()),
                    "mean claim": float(claim[inside].mean()),
                    "right": float(right[inside].mean()),
                }
            )
    return rows


def decoding(size: dict[str, int], experiments: int) -> None:
    """Accuracy and claimed confidence of each method, by signal, class bias and temperature."""
    rows = []
    confidence, right = [], []
    for bias, signal, temperature in [
        (0, 1.5, 1),
        (0, 2.5, 1),
        (0, 3.5, 1),
        (0, 4.5, 1),
        (0.5, 3.5, 1),
        (1, 3.5, 1),
        (1, 4.5, 1),
        (0.5, 3.5, 1 / 3),
        (0.5, 3.5, 3),
    ]:
        made = plant(
            **size,
            signal=signal,
            class_bias=bias,
            temperature=temperature,
            test_experiments=experiments,
            seed=1,
        )
        layout = cs.PlateLayout.fit(made.train)
        truth = known_assignments(made, layout)
        row: dict[str, object] = {
            "class bias": bias,
            "signal": signal,
            "temperature": float(temperature),
            "argmax of all": float((made.logits.argmax(axis=1) == made.sirna).mean()),
        }
        for method in METHODS:
            decoded = layout.decode(made.test, made.logits, truth, method, "logit")
            row[method] = float((decoded["sirna"] == made.sirna).mean())
            if method != "assignment":
                row[f"{method} claims"] = float(decoded["confidence"].mean())
        fitted = layout.decode(
            made.test, made.logits, truth, "marginal", "logit", temperature="fit"
        )
        row["marginal, fitted T"] = float((fitted["sirna"] == made.sirna).mean())
        row["fitted T claims"] = float(fitted["confidence"].mean())
        confidence.append(fitted["confidence"].to_numpy())
        right.append((fitted["sirna"] == made.sirna).to_numpy())
        rows.append(row)
    show(rows)
    print("\nMarginals at the fitted temperature, by what they claim\n")
    show(reliability(np.concatenate(confidence), np.concatenate(right)))


def known_assignments(made: Planted, layout: cs.PlateLayout) -> pd.Series:
    """The number of each test experiment's true assignment."""
    numbers = {tuple(row): number for number, row in enumerate(layout.assignments.tolist())}
    experiments = made.test["experiment"].unique()
    return pd.Series([numbers[tuple(row)] for row in made.group_on_plate.tolist()], experiments)


def huvec18(data: Path) -> None:
    """Accuracy on wells whose classes are known from the layout that is used again."""
    train = pd.read_csv(data / "kaggle2019" / "train.csv")
    test = pd.read_csv(data / "kaggle2019" / "test.csv")
    test = test[test["experiment"] == "HUVEC-18"].reset_index(drop=True)
    known = train[train["experiment"] == "RPE-03"].set_index(["plate", "well"])["sirna"]
    places = pd.MultiIndex.from_arrays([(test["plate"] - 2) % 4 + 1, test["well"]])
    truth = known.reindex(places).to_numpy()
    layout = cs.PlateLayout.fit(train)
    given = pd.Series(0, index=["HUVEC-18"])
    votes = []
    for path in sorted((data / "submissions").glob("*.csv.gz")):
        table = pd.read_csv(path)
        votes.append(table[table["id_code"].isin(test["id_code"])])
    neighbours = nearest(data / "knn", test)
    plate = test["plate"] == 1
    cases = {
        "stronger submission": (test, votes[:1], "hard", truth),
        "weaker submission": (test, votes[1:], "hard", truth),
        "both submissions": (test, votes, None, truth),
        "neighbours, plate 1": (test[plate], neighbours[plate], "probability", truth[plate]),
        "neighbours and stronger, plate 1": (
            test[plate],
            (neighbours + onehot(votes[0], test))[plate],
            "probability",
            truth[plate],
        ),
    }
    rows = []
    for name, (wells, scores, kind, right) in cases.items():
        wells = wells.reset_index(drop=True)
        if kind == "hard" or kind is None:
            plain = votes[0] if name != "weaker submission" else votes[1]
            picked = plain.set_index("id_code")["sirna"].loc[wells["id_code"]].to_numpy()
        else:
            picked = scores.argmax(axis=1)
        labelled = ~np.isnan(right)
        row: dict[str, object] = {
            "predictions": name,
            "wells": int(labelled.sum()),
            "argmax of all": float((picked == right)[labelled].mean()),
        }
        for method in METHODS:
            decoded = layout.decode(wells, scores, given, method, kind)
            row[method] = float((decoded["sirna"] == right)[labelled].mean())
        row["marginal claims"] = float(decoded["confidence"].mean())
        fitted = layout.decode(wells, scores, given, "marginal", kind, temperature="fit")
        row["fitted T claims"] = float(fitted["confidence"].mean())
        rows.append(row)
    show(rows)


def onehot(votes: pd.DataFrame, test: pd.DataFrame, share: float = 0.9) -> np.ndarray:
    """A submission as probabilities."""
    picked = votes.set_index("id_code")["sirna"].loc[test["id_code"]].to_numpy()
    scores = np.full((len(test), 1108), (1 - share) / 1108, np.float32)
    scores[np.arange(len(test)), picked] += share
    return scores


def nearest(folder: Path, test: pd.DataFrame, sharpness: float = 10.0) -> np.ndarray:
    """The neighbours' classes weighted by the exponential of their cosines, one row per well."""
    names = pd.Series((folder / "names_test_pg0.txt").read_text().split())
    classes = np.load(folder / "preds_test_pg0_full.npy")
    cosine = np.load(folder / "dist_test_pg0_full.npy")
    row = pd.Index(test["id_code"]).get_indexer(names.str.replace(r"_s\d$", "", regex=True))
    use = (row[:, None] >= 0) & (classes >= 0)
    weights = np.exp(sharpness * (np.where(use, cosine, 0) - 1))
    scores = np.full((len(test), 1108), 1e-4)
    place = np.broadcast_to(row[:, None], classes.shape)
    np.add.at(scores, (place[use], classes[use]), weights[use])
    result: np.ndarray = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


if __name__ == "__main__":
    main()
