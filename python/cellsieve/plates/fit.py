"""Learning which classes share a plate from experiments whose classes are known."""

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.plates import groups as grouping
from cellsieve.plates import permutations
from cellsieve.plates.layout import Layout
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
    class_code, classes = _sorted_codes(table[columns.class_column])
    if classes.inferred_type not in ("integer", "string"):
        raise TypeError(
            f"{name}: column {columns.class_column!r} holds {classes.inferred_type} values; "
            "expected classes that are integers or text"
        )
    plate_code, plates = _sorted_codes(table[columns.plate])
    experiment_code, experiments = pd.factorize(table[columns.experiment])
    experiment_code = experiment_code.astype(np.int64)
    well_code, well_names = pd.factorize(table[columns.well])
    well = np.asarray(well_names).astype(str).astype(object)[well_code]
    wells = pd.DataFrame(
        {"experiment": experiment_code, "plate": plate_code, "well": well, "class": class_code}
    )

    def named(rows: NDArray[np.int64]) -> str:
        found = [
            f"{experiments[wells['experiment'][row]]} plate {plates[wells['plate'][row]]} "
            f"well {wells['well'][row]} ({classes[wells['class'][row]]})"
            for row in rows
        ]
        return first(found)

    bag = experiment_code * len(plates) + plate_code
    by_class = experiment_code * len(classes) + class_code
    by_well = bag * len(well_names) + well_code
    if len(pd.unique(by_class)) < len(wells):
        rows = np.flatnonzero(pd.Series(by_class).duplicated(keep=False))
        rows = rows[np.argsort(by_class[rows], kind="stable")]
        raise ValueError(
            f"{name}: classes that occur twice in one experiment: {named(rows)}; expected each "
            "class in one well of one plate (are control wells among them?)"
        )
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
    closed = permutations.close(sorted(counts))
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
        free=permutations.free(sorted(counts)),
    )


def _sorted_codes(values: pd.Series) -> tuple[NDArray[np.int64], pd.Index]:
    """Codes and the distinct values in ascending order; by text where they do not compare."""
    codes, distinct = pd.factorize(values)
    index = pd.Index(distinct)
    try:
        order = index.argsort()
    except TypeError:
        order = index.map(str).argsort()
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes], index.take(order)
