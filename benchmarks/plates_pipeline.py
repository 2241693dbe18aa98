"""All of RxRx1, from CSV and .npy to a submission, step by step and against the notebook's way.

    python benchmarks/plates_pipeline.py           # a planted screen of RxRx1's size
    python benchmarks/plates_pipeline.py --quick

Scores are planted (there are no public ones of all classes), as float32 probabilities in a .npy.
The notebook's way is its loops over classes, experiments and masks with numpy and pandas. The
groups it finds, the votes it counts and the classes it picks must be the same.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import cellsieve as cs
from cellsieve import _core
from cellsieve.trial import reference
from cellsieve.trial.planted import plant, probabilities
from timing import arguments, heading, interleaved, show


def main() -> None:
    """Prints the steps, then the whole beyond reading and writing the files."""
    options = arguments("Times the plates half, end to end.")
    heading("pandas", "scipy")
    size = {"group_size": 20, "train_experiments": 9, "test_experiments": 4}
    made = plant(**(size if options.quick else {}), signal=2.5, missing=0, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), made, options)


def run(folder: Path, made, options) -> None:  # type: ignore[no-untyped-def]
    """The benchmark in a folder of its own."""
    train_csv, test_csv, npy = folder / "train.csv", folder / "test.csv", folder / "p.npy"
    made.train.to_csv(train_csv, index=False)
    made.test.to_csv(test_csv, index=False)
    scores = probabilities(made.logits)
    np.save(npy, scores)
    train, test = pd.read_csv(train_csv), pd.read_csv(test_csv)
    votes = scores.argmax(axis=1)
    layout = cs.PlateLayout.fit(train)
    posterior = layout.infer(test, scores)
    best = pd.Series(posterior["best"].to_numpy(), index=posterior["experiment"])
    out = folder / "submission.csv"
    decoded = layout.decode(test, scores, posterior, "argmax")

    def files() -> None:
        cs.read_table(train_csv, text=())
        cs.read_table(test_csv, text=())
        np.load(npy, mmap_mode="r").max()
        cs.write_table(decoded[["id_code", "sirna"]], out)

    def whole(method: str, jobs: int = 1) -> None:
        layout = cs.PlateLayout.fit(train_csv)
        source = np.load(npy, mmap_mode="r")
        posterior = layout.infer(test_csv, source, jobs=jobs)
        found = layout.decode(test_csv, source, posterior, method, jobs=jobs)
        cs.write_table(found[["id_code", "sirna"]], out)

    def notebook_votes() -> np.ndarray:
        return reference.vote_shares(test, votes, reference_table)

    def notebook_decode() -> np.ndarray:
        found = np.empty(len(test), np.int64)
        for experiment, number in best.items():
            here = (test["experiment"] == experiment).to_numpy()
            part = scores[here].copy()
            wanted = np.repeat(reference_table[np.newaxis, :, number], len(part), axis=0)
            plates = test["plate"].to_numpy()[here, np.newaxis]
            part[wanted != np.repeat(plates, part.shape[1], axis=1)] = 0
            found[here] = part.argmax(axis=1)
        return found

    reference_table = layout.group_table().filter(like="plate_").to_numpy()
    if (layout.counts[:3] > 0).all() and len(set(layout.counts)) == 4:
        assert np.array_equal(reference_table, reference.plate_groups(train))
    shares = posterior.filter(like="share_").to_numpy()
    assert np.allclose(notebook_votes(), shares, atol=0, rtol=0)
    assert np.array_equal(notebook_decode(), decoded["sirna"])

    steps = {
        "read and write the files": files,
        "fit": lambda: cs.PlateLayout.fit(train),
        "fit, the notebook's way": lambda: reference.plate_groups(train),
        "infer from probabilities": lambda: layout.infer(test, scores, jobs=1),
        "infer, 2 threads": lambda: layout.infer(test, scores, jobs=2),
        "infer from logits": lambda: layout.infer(test, np.log(scores), "logit", jobs=1),
        "infer from votes": lambda: layout.infer(test, votes, "hard", jobs=1),
        "votes, the notebook's way": notebook_votes,
        "decode by argmax": lambda: layout.decode(test, scores, best, "argmax", jobs=1),
        "decode, the notebook's way": notebook_decode,
        "decode by assignment": lambda: layout.decode(test, scores, best, "assignment"),
        "decode by marginals": lambda: layout.decode(test, scores, best, "marginal"),
        "whole, argmax": lambda: whole("argmax"),
        "whole, argmax, 2 threads": lambda: whole("argmax", 2),
        "whole, assignment": lambda: whole("assignment"),
        "whole, marginals": lambda: whole("marginal"),
    }
    if not (layout.counts[:3] > 0).all():
        del steps["fit, the notebook's way"]
    times = interleaved(steps, min(options.repeats, 7))
    read = times["read and write the files"]
    show(
        [
            {
                "step": name,
                "median ms": taken,
                "beyond the files, ms": taken - read if name.startswith("whole") else float("nan"),
            }
            for name, taken in times.items()
        ]
    )
    plates(made, layout)


def plates(made, layout) -> None:  # type: ignore[no-untyped-def]
    """Marginals and free energy of single plates."""
    size = len(layout.classes) // layout.n_groups
    rng = np.random.default_rng(1)
    taken = []
    for missing in [0, 0, 0, 1, 3]:
        logs = rng.normal(size=(size, size))
        logs[np.arange(size), rng.permutation(size)] += 2.5
        logs = np.ascontiguousarray(2.5 * logs[: size - missing])
        start = time.perf_counter()
        _core.marginals(logs)
        middle = time.perf_counter()
        _core.free_energy(logs, 100, 1e-3)
        end = time.perf_counter()
        taken.append((1e3 * (middle - start), 1e3 * (end - middle)))
    print(f"\none plate of {size} x {size}, (ms marginals, ms free energy):")
    print(*(f"({m:.2f}, {f:.2f})" for m, f in taken))


if __name__ == "__main__":
    main()
