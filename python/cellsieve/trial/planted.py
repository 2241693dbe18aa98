"""Synthetic screens whose truth is known, for the demo, the tests and the benchmarks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.schema.text import STRING

CELL_TYPES = ("HEPG2", "HUVEC", "RPE", "U2OS")
ONES = np.ones((2, 1))


@dataclass(frozen=True)
class Planted:
    """A screen like RxRx1, with a classifier's scores for its test wells."""

    train: pd.DataFrame
    """`id_code, experiment, plate, well, sirna`."""
    test: pd.DataFrame
    """`id_code, experiment, plate, well`; with controls, `sirna` of their wells."""
    logits: NDArray[np.float32]
    """`(wells, classes)`, one row per row of `test`."""
    sirna: NDArray[np.int64]
    """The class of each test well, controls included."""
    group_on_plate: NDArray[np.int64]
    """The group on each plate, by the plates' names, one row per test experiment."""
    group: NDArray[np.int64]
    """The group of each class, numbered by first class as `PlateLayout` does."""


def plant(
    *,
    plates: int = 4,
    group_size: int | tuple[int, ...] = 277,
    replicates: int = 1,
    controls: int = 0,
    barcodes: bool = False,
    train_experiments: int = 33,
    test_experiments: int = 18,
    signal: float = 3.5,
    class_bias: float = 0.0,
    plate_bias: float = 0.0,
    uneven: float = 0.0,
    free: bool = False,
    temperature: float = 1.0,
    missing: float = 0.002,
    train_rotations: tuple[float, ...] = (0.65, 0.2, 0.15, 0.0),
    test_rotations: tuple[float, ...] = (0.5, 0.15, 0.15, 0.2),
    seed: int = 0,
) -> Planted:
    """Plants plate groups, rotations and classes, and scores that show them through noise.

    The evidence for class c in a well is normal with standard deviation 1, around `signal` for the
    true class and 0 for the others, plus a bias of the class (`class_bias`, a standard deviation)
    and one of the class on the plate (`plate_bias`). Experiments differ in signal and in plate
    bias by factors whose logarithms have the standard deviation `uneven`. With none of these, and
    at temperature 1, the logits are calibrated. A share `missing` of the wells is left out.
    Rotations are drawn with the given weights: by default, some test experiments have one that no
    train experiment has. With `free`, each experiment has an order of its own instead.

    Groups are of one size or, in a tuple, of several. Each class is in `replicates` wells of its
    plate. So many `controls`, classes numbered after the others, are in the last wells of each
    plate, and `test` says which they are in a column of classes. With `barcodes`, each plate has a
    name of its own.
    """
    rng = np.random.default_rng(seed)
    sizes = (group_size,) * plates if isinstance(group_size, int) else group_size
    classes = sum(sizes)
    by_group = np.arange(classes) % plates
    group = rng.permutation(
        by_group if isinstance(group_size, int) else np.repeat(np.arange(plates), sizes)
    )
    group = np.unique(group, return_index=True)[1].argsort().argsort()[group]
    wells = _well_names(max(sizes) * replicates + controls)
    plain_names = np.random.default_rng([seed, 1]).permutation(10_000)

    def experiments(count: int, first: int, weights: tuple[float, ...]) -> list[pd.DataFrame]:
        parts = []
        p = np.resize(np.asarray(weights, float), plates)
        for number in range(count):
            name = f"{CELL_TYPES[number % len(CELL_TYPES)]}-{first + number:02d}"
            shift = rng.choice(plates, p=p / p.sum())
            order = (np.arange(plates) + shift) % plates
            if free:
                order = rng.permutation(plates)
            for plate, held in enumerate(order.tolist()):
                sirna = rng.permutation(np.repeat(np.flatnonzero(group == held), replicates))
                used = wells[: len(sirna)] + wells[len(wells) - controls :]
                called: object = plate + 1
                if barcodes:
                    called = f"BR{plain_names[(first + number) * plates + plate]:05d}"
                part = pd.DataFrame({"experiment": name, "plate": called, "well": used})
                part["sirna"] = np.concatenate([sirna, classes + np.arange(controls)])
                part["group"] = held
                parts.append(part[rng.random(len(part)) >= missing])
        return parts

    train = pd.concat(experiments(train_experiments, 1, train_rotations), ignore_index=True)
    test = pd.concat(
        experiments(test_experiments, train_experiments + 1, test_rotations), ignore_index=True
    )
    for table in (train, test):
        place = table["experiment"] + "_" + table["plate"].astype(STRING) + "_" + table["well"]
        table.insert(0, "id_code", place)
    sirna = test["sirna"].to_numpy()
    evidence = rng.standard_normal((len(test), classes), dtype=np.float32)
    of_well = pd.factorize(test["experiment"])[0]
    factors = np.exp(uneven * rng.standard_normal((2, test_experiments))) if uneven else ONES
    clear, crooked = factors[:, of_well if uneven else 0 * of_well].astype(np.float32)
    treated = np.flatnonzero(sirna < classes)
    evidence[treated, sirna[treated]] += (np.float32(signal) * clear)[treated]
    if class_bias:
        evidence += (class_bias * rng.standard_normal(classes)).astype(np.float32)
    bag = test.groupby(["experiment", "plate"], sort=False).ngroup().to_numpy()
    if plate_bias:
        bias = plate_bias * rng.standard_normal((bag.max() + 1, classes))
        evidence += bias.astype(np.float32)[bag] * crooked[:, None]
    evidence *= np.float32(signal / temperature)
    firsts = test.assign(of=of_well).drop_duplicates(["of", "plate"])
    on_plate = firsts.sort_values(["of", "plate"])["group"].to_numpy()
    shown = test.drop(columns=["sirna", "group"])
    if controls:
        shown["sirna"] = test["sirna"].where(test["sirna"] >= classes).astype("Int64")
    return Planted(
        train=train.drop(columns="group"),
        test=shown,
        logits=evidence,
        sirna=sirna,
        group_on_plate=on_plate.reshape(test_experiments, plates),
        group=group,
    )


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The softmax of each row."""
    result: NDArray[np.float32] = np.exp(logits - logits.max(axis=1, keepdims=True))
    result /= result.sum(axis=1, keepdims=True)
    return result


def _well_names(count: int) -> list[str]:
    """Inner wells of a 384-well plate, row by row; or of a larger one if there are too few."""
    columns = 22 if count <= 308 else 46
    names = []
    for number in range(count):
        row, column = divmod(number, columns)
        letters = chr(ord("B") + row) if row < 25 else "A" + chr(ord("A") + row - 25)
        names.append(f"{letters}{column + 2:02d}")
    return names
