"""Learning which classes share a plate from experiments whose classes are known."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.plates import groups as grouping
from cellsieve.plates import permutations
from cellsieve.plates.layout import Layout
from cellsieve.plates.plate_names import plate_codes, sorted_codes
from cellsieve.plates.wells import Columns, first, need

AT_RANDOM = 0.25
"""Where more wells than this share contradict the others, there are no groups to contradict."""


class WrongWellsWarning(UserWarning):
    """Training wells that contradict the plate groups were left out."""


def fit(table: pd.DataFrame, name: str, columns: Columns, tolerate: int = 0) -> Layout:
    """As `PlateLayout.fit`, of a table that is called `name` in messages."""
    need(table, name, [columns.experiment, columns.plate, columns.well, columns.class_column])
    if not len(table):
        raise ValueError(f"{name}: no rows; expected one row per well")
    class_code, classes = class_codes(table[columns.class_column], name, columns)
    experiment_code, experiments = pd.factorize(table[columns.experiment])
    experiment_code = experiment_code.astype(np.int64)
    plate_code, plates, barcodes = plate_codes(experiment_code, table[columns.plate])
    bag = experiment_code * len(plates) + plate_code
    several = len(pd.unique(experiment_code * len(classes) + class_code)) < len(table)
    control = np.zeros(len(classes), bool)
    if several:
        control = grouping.on_every_plate(experiment_code, bag, class_code, len(classes))
    if control.all():
        raise ValueError(
            f"{name}: every class is on every plate, so there are no plate groups; if a plate "
            "holds all classes, take each plate for an experiment of its own"
        )
    if control.any():
        found = fit(table[~control[class_code]], name, columns, tolerate)
        return replace(found, controls=classes[control])
    well_code, well_names = pd.factorize(table[columns.well])
    well = np.asarray(well_names).astype(str).astype(object)[well_code]
    wells = pd.DataFrame(
        {"experiment": experiment_code, "plate": plate_code, "well": well, "class": class_code}
    )
    plate_of_row = table[columns.plate].to_numpy()

    def named(rows: NDArray[np.int64]) -> str:
        found = [
            f"{experiments[wells['experiment'][row]]} plate {plate_of_row[row]} "
            f"well {wells['well'][row]} ({classes[wells['class'][row]]})"
            for row in rows
        ]
        return first(found)

    slots, twice = np.ones(len(classes), np.int64), np.empty(0, np.int64)
    if several:
        slots, twice = grouping.slots(experiment_code, bag, class_code, len(classes))
    if len(twice):
        raise ValueError(
            f"{name}: classes that occur twice in one experiment: {named(twice)}; expected each "
            "class on one plate of an experiment, in as many wells as in the others, or on all "
            "plates (controls)"
        )
    by_well = bag * len(well_names) + well_code
    if len(pd.unique(by_well)) < len(wells):
        rows = np.flatnonzero(pd.Series(by_well).duplicated(keep=False))
        raise ValueError(
            f"{name}: wells that hold two classes: {named(rows)}; expected one class per well"
        )
    group = grouping.connected(bag, class_code, len(classes))
    n_groups = int(group.max()) + 1
    on_plate = np.full((len(experiments), len(plates)), permutations.MISSING)
    on_plate[experiment_code, plate_code] = group[class_code]
    repeated = np.sort(on_plate, axis=1)
    if ((repeated[:, 1:] == repeated[:, :-1]) & (repeated[:, 1:] >= 0)).any():
        _, wrong = grouping.majority(experiment_code, plate_code, class_code, len(classes))
        if not len(wrong) or len(wrong) > AT_RANDOM * len(wells):
            raise ValueError(
                f"{name}: classes share plates at random: there are no plate groups, and nothing "
                "to be gained from plates"
            )
        if len(wrong) > tolerate:
            raise ValueError(
                f"{name}: classes that share a plate in one experiment are on different plates in "
                f"another, so there are no plate groups. Wells against the majority: "
                f"{named(wrong)}; to leave them out, tolerate {len(wrong)}"
            )
        warnings.warn(
            f"{name}: {len(wrong)} wells contradict the plate groups and are left out: "
            f"{named(wrong)}",
            WrongWellsWarning,
            stacklevel=3,
        )
        rest = np.delete(np.arange(len(table)), wrong)
        return fit(table.iloc[rest], name, columns)
    observed = [tuple(row) for row in on_plate.tolist()]
    whole = permutations.complete(observed, n_groups)
    seen = [assignment for assignment in whole if assignment is not None]
    if not seen:
        raise ValueError(
            f"{name}: no experiment has all {len(plates)} plates "
            f"({first([str(p) for p in plates])}), so it is not known which group is on which"
        )
    counts = {assignment: seen.count(assignment) for assignment in set(seen)}
    closed = permutations.close(sorted(counts)) if barcodes is None else list(counts)
    closed.sort(key=lambda assignment: (-counts.get(assignment, 0), assignment))
    number = {assignment: place for place, assignment in enumerate(closed)}
    return Layout(
        classes=classes,
        group=group,
        plates=plates,
        assignments=np.array(closed, dtype=np.int64),
        counts=np.array([counts.get(assignment, 0) for assignment in closed], dtype=np.int64),
        experiments=pd.Index(experiments),
        assignment_of_experiment=np.array([-1 if a is None else number[a] for a in whole]),
        wells=wells,
        columns=columns,
        slots=slots,
        free=barcodes is not None or permutations.free(sorted(counts)),
        barcodes=barcodes,
    )


def given(table: pd.DataFrame, name: str, columns: Columns, group_column: str) -> Layout:
    """As `PlateLayout.of_groups`, of a table that is called `name` in messages."""
    need(table, name, [columns.class_column, group_column])
    if not len(table):
        raise ValueError(f"{name}: no rows; expected one row per class")
    class_code, classes = class_codes(table[columns.class_column], name, columns)
    label, _ = sorted_codes(table[group_column])
    group = np.zeros(len(classes), np.int64)
    group[class_code] = label
    torn = np.flatnonzero(group[class_code] != label)
    if len(torn):
        torn_classes = classes[np.unique(class_code[torn])].map(str).tolist()
        raise ValueError(
            f"{name}: classes in two groups: {first(torn_classes)}; expected one group per class"
        )
    _, first_class, of_label = np.unique(group, return_index=True, return_inverse=True)
    group = np.argsort(np.argsort(first_class))[of_label].astype(np.int64)
    n_groups = int(group.max()) + 1
    nothing = np.empty(0, np.int64)
    return Layout(
        classes=classes,
        group=group,
        plates=pd.Index(range(1, n_groups + 1)),
        assignments=np.empty((0, n_groups), np.int64),
        counts=nothing,
        experiments=pd.Index([]),
        assignment_of_experiment=nothing,
        wells=pd.DataFrame(
            {
                "experiment": nothing,
                "plate": nothing,
                "well": nothing.astype(str),
                "class": nothing,
            }
        ),
        columns=columns,
        slots=np.bincount(class_code).astype(np.int64),
        free=True,
        barcodes=np.empty((0, n_groups), object),
    )


def class_codes(
    values: pd.Series, name: str, columns: Columns
) -> tuple[NDArray[np.int64], pd.Index]:
    """Codes and classes, in ascending order.

    Raises:
        TypeError: neither integers nor text.
    """
    codes, classes = sorted_codes(values)
    if classes.inferred_type not in ("integer", "string"):
        raise TypeError(
            f"{name}: column {columns.class_column!r} holds {classes.inferred_type} values; "
            "expected classes that are integers or text"
        )
    return codes, classes
