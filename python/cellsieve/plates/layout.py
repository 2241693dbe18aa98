"""What is known about a screen: which classes share a plate, and where each group can be."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.plates import permutations
from cellsieve.plates.wells import Columns, Wells, read_wells
from cellsieve.schema.choices import Candidates, check_choice
from cellsieve.schema.record import Record
from cellsieve.schema.types import Table


@dataclass(frozen=True, eq=False)
class Layout:
    """Groups of classes that share a plate, and the assignments of groups to plates.

    Assignments are numbered by their position in `assignments`: by descending count, then by the
    groups on the plates; those never seen come last.
    """

    classes: pd.Index
    """Every class, ascending."""
    group: NDArray[np.int64]
    """The group of each class; groups are numbered by their first class."""
    plates: pd.Index
    """Every plate, ascending."""
    assignments: NDArray[np.int64]
    """The group on each plate, one row per assignment: the closed set."""
    counts: NDArray[np.int64]
    """In how many experiments each assignment was seen."""
    experiments: pd.Index
    """The experiments, in the order of the file."""
    assignment_of_experiment: NDArray[np.int64]
    """The number of each experiment's assignment; -1 where missing plates leave it open."""
    wells: pd.DataFrame
    """Which class was where: `experiment`, `plate` and `class` as indices, `well` as text."""
    columns: Columns
    """What the columns of the files are called."""
    slots: NDArray[np.int64]
    """In how many wells of its plate each class is, at most."""
    free: bool = False
    """Whether any group can be on any plate: so many orders follow from those seen."""
    controls: pd.Index = field(default_factory=lambda: pd.Index([]))
    """The classes that are on every plate; they were set aside."""
    barcodes: NDArray[Any] | None = None
    """Where experiments have names of their own for their plates: these, `(experiments, plates)`,
    in ascending order. What is in `plates` then are numbers, 1, 2, ..."""
    record: Record | None = None
    """How the layout was made."""

    @property
    def n_groups(self) -> int:
        """How many groups there are."""
        return int(self.group.max()) + 1

    @property
    def room(self) -> NDArray[np.int64]:
        """How many wells the plate of each group has, at most."""
        return np.bincount(self.group, self.slots).astype(np.int64)

    def plate_name(self, experiment: int, plate: int) -> Any:
        """What a plate of one of `experiments` is called."""
        return self.plates[plate] if self.barcodes is None else self.barcodes[experiment, plate]

    def wells_of(self, test: Table) -> Wells:
        """The wells of a test file, without controls."""
        own_names = self.barcodes is not None
        return read_wells(test, self.columns, self.plates, self.controls, own_names)

    def candidates(self, which: Candidates = "closed") -> NDArray[np.int64]:
        """The group on each plate, one row per candidate: the closed set, then the others if "all".

        Raises:
            ValueError: all orders of so many plates cannot be tried.
        """
        check_choice("candidates", which, Candidates)
        return self.assignments if which == "closed" else permutations.every(self.assignments)

    def assignment_table(self) -> pd.DataFrame:
        """One row per assignment: its number, how often it was seen, the group on each plate."""
        table = pd.DataFrame({"assignment": range(len(self.counts)), "count": self.counts})
        for place, plate in enumerate(self.plates.tolist()):
            table[f"{self.columns.plate}_{plate}"] = self.assignments[:, place]
        return table

    def group_table(self) -> pd.DataFrame:
        """One row per class: its group, and its plate under each assignment, as in the notebook."""
        table = pd.DataFrame({self.columns.class_column: self.classes, "group": self.group})
        for number, assignment in enumerate(self.assignments):
            plate_of_group = np.full(self.n_groups, -1)
            plate_of_group[assignment] = np.arange(len(assignment))
            places = plate_of_group[self.group]
            plates = self.plates.take(np.maximum(places, 0))
            table[f"plate_{number}"] = plates if (places >= 0).all() else plates.where(places >= 0)
        return table

    def experiment_groups(self) -> pd.Series:
        """The number of the assignment of each experiment it was fitted on."""
        index = self.experiments.rename(self.columns.experiment)
        return pd.Series(self.assignment_of_experiment, index=index, name="assignment")
