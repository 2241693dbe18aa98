"""What is believed of the groups on plates, read from a posterior."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.plates.hypotheses import on_column
from cellsieve.plates.layout import Layout
from cellsieve.plates.wells import Wells, first, load, need
from cellsieve.schema.text import STRING
from cellsieve.schema.types import Table, is_path

Posterior = Table | pd.Series
"""The table that `infer` gives, or the number of each experiment's assignment."""


@dataclass(frozen=True)
class Beliefs:
    """Which group is on each plate of each experiment of a test file, and how sure that is."""

    best: NDArray[np.int64]
    """The group, by the most probable assignment: `(experiments, plates)`."""
    on_plate: NDArray[np.float64]
    """`(experiments, plates, groups)`; may sum to less than 1: none of the candidates."""
    doubtful: list[str]
    """The experiments whose assignment is uncertain."""


def beliefs_of(layout: Layout, wells: Wells, given: Posterior) -> Beliefs:
    """The beliefs of a posterior about the experiments of `wells`.

    Raises:
        ValueError: a table that lacks an experiment or doesn't fit the layout.
    """
    table, name = _table(layout, wells, given)
    n_plates, n_closed = len(layout.plates), len(layout.assignments)
    certain = table["certain"].to_numpy(bool) if "certain" in table.columns else True
    doubtful = wells.experiments[~np.broadcast_to(certain, len(table))].map(str).tolist()
    free = [on_column(plate, g) for plate in layout.plates for g in range(layout.n_groups)]
    if free[0] in table.columns:
        groups = [f"{layout.columns.plate}_{plate}" for plate in layout.plates]
        need(table, name, [*groups, *free])
        on_plate = np.reshape(table[free].to_numpy(np.float64), (len(table), n_plates, -1))
        return Beliefs(table[groups].to_numpy(np.int64), on_plate, doubtful)
    columns = [c for c in table.columns if str(c).startswith("posterior_")]
    none = "posterior_none"
    columns = [c for c in columns if c != none]
    if not columns:
        need(table, name, ["best"])
        best = table["best"].to_numpy()
        if not np.isin(best, np.arange(n_closed)).all():
            raise ValueError(
                f"{name}: column 'best' holds {sorted(set(best.tolist()))}; "
                f"expected assignments 0 to {n_closed - 1}"
            )
        return _of_listed(layout, layout.assignments, np.eye(n_closed)[best.astype(np.int64)], [])
    assignments = layout.candidates("closed" if len(columns) == n_closed else "all")
    if len(columns) != len(assignments):
        raise ValueError(
            f"{name}: {len(columns)} posterior columns, but the layout has {n_closed} assignments "
            "in its closed set; was it inferred with another layout?"
        )
    columns = [f"posterior_{k}" for k in range(len(columns))]
    need(table, name, columns)
    probabilities = table[columns].to_numpy(np.float64)
    total = probabilities.sum(axis=1)
    if none in table.columns:
        total += table[none].to_numpy(np.float64)
    if (probabilities < 0).any() or not np.allclose(total, 1, atol=1e-6):
        raise ValueError(f"{name}: posterior columns that are not probabilities summing to 1")
    return _of_listed(layout, assignments, probabilities, doubtful)


def _of_listed(
    layout: Layout,
    assignments: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    doubtful: list[str],
) -> Beliefs:
    there = assignments[:, :, None] == np.arange(layout.n_groups)
    on_plate = np.einsum("ek,kqg->eqg", probabilities, there.astype(np.float64))
    return Beliefs(assignments[probabilities.argmax(axis=1)], on_plate, doubtful)


def _table(layout: Layout, wells: Wells, given: Posterior) -> tuple[pd.DataFrame, str]:
    """One row per experiment of `wells`, in their order."""
    if isinstance(given, pd.Series):
        given = given.rename("best").rename_axis(layout.columns.experiment).reset_index()
    table, name = load(given, "posterior")
    key = layout.columns.experiment
    if key not in table.columns and table.shape[1] == 2 and is_path(given):
        # The notebook's form: experiment and assignment, with no header or with a bare one.
        table = pd.read_csv(given, header=None, names=[key, "best"], dtype={key: STRING})
        table = table[table[key].notna()]
        table[key] = table[key].astype(wells.experiments.dtype)
    need(table, name, [key])
    if "best" not in table.columns and "assignment" in table.columns:
        table = table.rename(columns={"assignment": "best"})
    rows = pd.Index(table[key])
    missing = wells.experiments[~wells.experiments.isin(rows)].map(str).tolist()
    if missing:
        raise ValueError(f"{name}: no row for experiments {first(missing)}")
    if not rows.is_unique:
        twice = rows[rows.duplicated()].unique().map(str).tolist()
        raise ValueError(
            f"{name}: duplicate experiments: {first(twice)}; expected one row per experiment"
        )
    return table.iloc[rows.get_indexer(wells.experiments)], name
