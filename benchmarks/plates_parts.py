"""Which wrong parts of plates `check` finds, and how often it finds one where there is none.

    python benchmarks/plates_parts.py            # some minutes
    python benchmarks/plates_parts.py --quick

Planted screens of RxRx1's size (4 groups of 277, so 14 rows and 22 columns of wells) with models of
three strengths. In one plate of each experiment, some wells have the scores of others.
"""

import numpy as np
import pandas as pd

import cellsieve as cs
from cellsieve.trial.planted import plant
from timing import arguments, heading, show

SIZES = ((2, 4), (3, 5), (4, 6), (6, 8), (7, 11), (14, 1), (14, 2), (14, 4), (14, 11), (7, 22))
"""Rows and columns of a part."""
LEVELS = (0.01, 0.1, 0.5)


def main() -> None:
    """Prints the tables of docs/plates.md."""
    options = arguments("Wrong parts of plates.")
    heading("scipy")
    screens = 1 if options.quick else 2
    strong = {"usable, signal 3.5": 3.5, "usable, signal 2.5": 2.5, "weak, signal 1.5": 1.5}
    if options.quick:
        strong = {"usable, signal 3.5": 3.5}
    found: dict[tuple[int, int], dict[str, object]] = {
        s: {"part": f"{s[0]} x {s[1]}"} for s in SIZES
    }
    for signal in strong.values():
        for (size, what), share in detected(signal, screens).items():
            found[size][f"{what}, {signal}"] = share
    show(list(found.values()))
    rows = []
    for name, signal in strong.items():
        for claims in (True, False):
            p, parts = unharmed(signal, claims, screens)
            row: dict[str, object] = {"model": name, "classes given": "yes" if claims else "no"}
            row |= {"plates": len(p), "parts named": parts}
            row |= {f"p up to {level}": float((p <= level).mean()) for level in LEVELS}
            rows.append(row)
    show(rows)


def screen(signal: float, seed: int):  # type: ignore[no-untyped-def]
    """A planted screen whose wells are all there, its layout, and which row each well is."""
    made = plant(
        signal=signal, train_experiments=8, test_experiments=8, missing=0, class_bias=0.5, seed=seed
    )
    keys = ["experiment", "plate", "well"]
    place = made.test.reset_index().set_index(keys)["index"].unstack()  # noqa: PD010
    return made, cs.PlateLayout.fit(made.train), place


def detected(signal: float, screens: int) -> dict[tuple[tuple[int, int], str], float]:
    """The share of parts that were found, by size and by what was in them."""
    hits: dict[tuple[tuple[int, int], str], list[bool]] = {}
    for seed in range(screens):
        made, layout, place = screen(signal, 100 + seed)
        rng = np.random.default_rng(seed)
        wells = place.columns
        row = np.array([ord(well[0]) for well in wells])
        column = np.array([int(well[1:]) for well in wells])
        for size in SIZES:
            top, left = (
                int(rng.integers(0, n - s + 1)) for n, s in zip((14, 22), size, strict=True)
            )
            inside = (row - 66 >= top) & (row - 66 < top + size[0])
            inside &= (column - 2 >= left) & (column - 2 < left + size[1])
            for what in ("in another order", "another plate's", "another group's, not given"):
                logits = made.logits.copy()
                for experiment in made.test["experiment"].unique():
                    one, other = place.loc[experiment, 1], place.loc[experiment, 3]
                    there = inside & one.notna().to_numpy() & other.notna().to_numpy()
                    here = one[there].to_numpy(int)
                    source = (
                        rng.permutation(here) if "order" in what else other[there].to_numpy(int)
                    )
                    logits[here] = made.logits[source]
                given = made.test.assign(sirna=made.sirna)
                if "not given" in what:
                    given = made.test
                only = (given["plate"] == 1).to_numpy()
                kept = cs.Predictions(logits[only], made.test["id_code"].to_numpy()[only])
                table = layout.check(given, kept, "logit", permutations=1)
                right = {"in another order": "in another order", "another plate's": "hold plate"}
                right["another group's, not given"] = "hold group"
                hits.setdefault((size, what), []).extend(
                    (table["verdict"].str.contains(right[what])).tolist()
                )
    return {key: float(np.mean(each)) for key, each in hits.items()}


def unharmed(signal: float, claims: bool, screens: int) -> tuple[np.ndarray, int]:
    """The p values of plates that are what they are said to be, and how many parts were named."""
    tables = []
    for seed in range(screens):
        made, layout, _ = screen(signal, 200 + seed)
        given = made.test.assign(sirna=made.sirna) if claims else made.test
        tables.append(layout.check(given, made.logits, "logit", permutations=199))
    table = pd.concat(tables)
    return table["part_p"].to_numpy(), int((table["part"] != "").sum())


if __name__ == "__main__":
    main()
