"""What is known about a screen: which classes share a plate, and where each group can be."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.plates import permutations
from cellsieve.plates.wells import Columns
from cellsieve.schema.choices import Candidates, check_choice


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
    free: bool = False
    """Whether any group can be on any plate: so many orders follow from those seen."""

    @property
    def n_groups(self) -> int:
        """How many groups there are."""
        return int(self.group.max()) + 1

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
