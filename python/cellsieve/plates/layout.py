"""The plate layout of a screen: which classes share a plate, and where each group can be."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.plates import groups as grouping
from cellsieve.plates import permutations
from cellsieve.plates.predictions import Average, Kind, Source
from cellsieve.plates.wells import Columns, Table, first, load, need
from cellsieve.tables import atomic

Candidates = Literal["closed", "all"]
Method = Literal["argmax", "assignment", "marginal"]
FORMAT = "cellsieve plate layout"


@dataclass(frozen=True, eq=False)
class PlateLayout:
    """Groups of classes that share a plate, and the assignments of groups to plates.

    Made by `fit` or `load`. An assignment is numbered by its place in `assignments`: by descending
    count, then by the groups on the plates; those never seen come last.
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

    @classmethod
    def fit(
        cls,
        train: Table,
        class_column: str = "sirna",
        experiment: str = "experiment",
        plate: str = "plate",
        well: str = "well",
        id_column: str = "id_code",
    ) -> "PlateLayout":
        """Learns the groups and the assignments from experiments whose classes are known.

        Classes are in one group if they share a plate in any experiment. Missing wells are no
        trouble as long as each class shares a plate with others of its group somewhere. An
        experiment that lacks plates counts where only one assignment agrees with it.

        Args:
            train: a DataFrame or a table file with one row per treated well; classes (integers or
                text) in `class_column`. Leave control wells out: they are on every plate.
            class_column, experiment, plate, well, id_column: what the columns are called, here and
                in the test files; `id_column` need not be there.

        Raises:
            ValueError: columns or fields are missing; a class occurs twice in one experiment; a
                well holds two classes; or classes share a plate in one experiment and not in
                another. The message lists the wells.
            TypeError: classes that are neither integers nor text.
        """
        columns = Columns(class_column, experiment, plate, well, id_column)
        table, name = load(train, "train")
        return _fit(table, name, columns)

    @property
    def n_groups(self) -> int:
        """How many groups there are."""
        return int(self.group.max()) + 1

    def candidates(self, which: Candidates = "closed") -> NDArray[np.int64]:
        """The group on each plate, one row per candidate: the closed set, then the others if "all".

        Raises:
            ValueError: all orders of so many plates cannot be tried.
        """
        if which not in ("closed", "all"):
            raise ValueError(f"candidates: found {which!r}; expected 'closed' or 'all'")
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

    def infer(
        self,
        test: Table,
        predictions: Source | Sequence[Source],
        kind: Kind | None = None,
        *,
        candidates: Candidates = "closed",
        ids: Any = None,
        classes: Any = None,
        average: Average | None = None,
        jobs: int | None = None,
    ) -> pd.DataFrame:
        """Which assignment of groups to plates each test experiment has, and how sure that is.

        The model is Bayes' rule. Prior: how often each assignment was seen, plus 5; with
        `candidates="all"`, 1 % is shared by all orders outside the closed set. Evidence: the share
        of each well's score that lies in the group that the assignment puts on its plate (the row
        bound of the permanent), averaged over how far such shares can be trusted (powers 0.03 to
        4), since models are over- or underconfident. Where the margin is below 10 nats, or the
        votes crowd on few classes, Sinkhorn's free energy, which knows that each class is used
        once, takes the place of the row bound. Wells of a plate are not independent witnesses:
        the evidence is divided by the dispersion of the votes between plates.

        Args:
            test: a DataFrame or a table file with one row per well: experiment, plate, well, and
                an id (without one, ids are `<experiment>_<plate>_<well>`).
            predictions: see `cellsieve.read_predictions`; several are averaged. Rows are joined to
                the wells by id; rows whose id is that of a well and `_s1`, `_s2`, ... are sites of
                it and are averaged. Without ids, rows stand in the order of `test`. A matrix
                with one row per well is read where it lies, in any order of rows, and never copied.
            kind: what the scores are. "probability" (the default): at least 0, summing to 1 or
                not. "log_probability", "logit": exponentiated. "similarity": cosines and the like,
                as logits, whose scale is arbitrary (see `decode`'s temperature). "hard": one class
                per row (the default if `predictions` is that).
            candidates: "closed": assignments seen and those that follow from them; "all": every
                order.
            ids, classes: names of rows and columns that `predictions` itself lacks.
            average: how sites and sources are averaged. "probability": the mean of probabilities
                (the default for them); "log": the mean of logarithms (the default for others).
            jobs: number of threads that rows are shared out among; as many as processors if not
                given. The result is the same to the last bit.

        Returns:
            One row per experiment, in order of appearance: the experiment; `wells`; `best`, the
            number of the best candidate (the lowest of equals); its `posterior`; `margin`, nats of
            log posterior to the second; `certain`, posterior at least 0.99; `evidence`, "row bound"
            or "sinkhorn"; `dispersion`; and for each candidate k `share_k` (of wells whose top
            class is on the plate where k puts it; the lowest class of equals), `score_k` (log
            evidence in nats, the best is 0, before it is divided by the dispersion) and
            `posterior_k`.

        Raises:
            OSError: a file can't be read.
            ValueError: unknown plates; missing or duplicate ids; ids that are not in `test`; a
                wrong number of classes; NaN, infinite or negative scores; a plate with more wells
                than any group has classes.
            TypeError: scores of another dtype than float16, float32 or float64.
        """
        from cellsieve.plates.inference import infer

        return infer(
            self,
            test,
            predictions,
            kind,
            candidates=candidates,
            ids=ids,
            classes=classes,
            average=average,
            jobs=jobs,
        )

    def decode(
        self,
        test: Table,
        predictions: Source | Sequence[Source],
        posterior: Any = None,
        method: Method = "argmax",
        kind: Kind | None = None,
        *,
        ids: Any = None,
        classes: Any = None,
        average: Average | None = None,
        temperature: float | Literal["fit"] = 1.0,
        one_to_one: bool = False,
        jobs: int | None = None,
    ) -> pd.DataFrame:
        """The class of every test well among those of the group on its plate.

        Methods:
            "argmax": the best allowed class of the most probable assignment; the lowest of equal
                scores. A class of another group never wins, whatever the signs of the scores.
            "assignment": each class at most once per plate, such that the sum of log scores is
                highest (`scipy.optimize.linear_sum_assignment`). The temperature does not matter.
            "marginal": the class with the highest marginal probability, given that each class is
                used at most once per plate (belief propagation on the Bethe free energy); where the
                assignment of groups is uncertain, a mixture over those with posterior 0.001 or
                more. With `one_to_one`, the assignment with the highest sum of log marginals.

        Args:
            test, predictions, kind, ids, classes, average, jobs: as for `infer`. Hard
                predictions count as 90 % on the class and 10 % spread over all classes.
            posterior: the table that `infer` returned or its file; or a Series (or two columns
                `experiment` and `best`) of assignment numbers to take as certain; or `None` to
                infer it first.
            method: see above.
            temperature: log scores are divided by it before they are taken for probabilities. Or
                "fit": the one at which the wells' own groups are most probable, which needs no
                labels; recommended for similarities and for models of unknown sharpness.
            one_to_one: see "marginal".

        Returns:
            One row per well in the order of `test`: the id; the class; experiment, plate and well
            as they stand in `test`, under the layout's names; `confidence`, the probability
            that the class is right (for "argmax" and "assignment": of the softmax over the group,
            times the posterior of the group; for "marginal" the marginal itself, calibrated if the
            scores are); `runner_up`, the best other allowed class (missing if there is none);
            `margin`, nats of log probability to it, below 0 where an assignment passed over the
            better class.

        Raises:
            OSError, ValueError, TypeError: as for `infer`; also a posterior that does not fit the
                layout or lacks an experiment, and plates with more wells than classes.

        Warns:
            ConvergenceWarning: belief propagation stopped early on the plates named.
        """
        from cellsieve.plates.decoding import decode

        return decode(
            self,
            test,
            predictions,
            posterior,
            method,
            kind,
            ids=ids,
            classes=classes,
            average=average,
            temperature=temperature,
            one_to_one=one_to_one,
            jobs=jobs,
        )

    def check(
        self,
        test: Table,
        predictions: Source | Sequence[Source],
        kind: Kind | None = None,
        *,
        ids: Any = None,
        classes: Any = None,
        average: Average | None = None,
        temperature: float = 1.0,
        permutations: int = 1000,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Compares each test plate with known layouts: is it swapped, turned, used before?

        If `test` itself has the class column, each plate is compared with the claimed layouts of
        all plates of its experiment; and always with every layout of the experiments that this
        layout was fitted on: as they are, turned by 180 degrees, mirrored (two ways), shifted by
        a row or a column (four ways). The support of a layout is the sum over wells of the log of
        the score of the class it has there, relative to the mean over the plate, so that a
        class that the model favours everywhere supports nothing. Wells that a layout says nothing
        about count 0. The plate is the smallest of 6, 12, 24, 48, 96, 384 and 1,536 wells that
        holds all wells of the layout and of `test`.

        Args:
            test, predictions, kind, ids, classes, average: as for `infer`.
            temperature: as for `decode`; a number.
            permutations: random layouts that the best match is compared with.
            seed: of the generator of these.

        Returns:
            One row per plate: experiment; plate; `wells`; `verdict` ("as claimed", "plate 2",
            "turned 180", "re-uses HUVEC-07 plate 3", ...; "unclear" or "no known layout" where
            nothing does better than chance); the best match (`best_experiment`, `best_plate`,
            `best_move`); `log_odds` in nats against a guess, `log_odds_to_claim` against the claim
            (NaN without one) and `log_odds_to_next` against the second best; `z`, standard
            deviations above random layouts of the same classes; `p`, the chance that the best of
            as many random layouts does as well (a Chernoff bound beyond the permutations; counts
            below 0.0001).

        Raises:
            OSError, ValueError, TypeError: as for `infer`; also wells whose names are not letters
                and a number, as B03; wells that a plate of 1,536 wells doesn't have; one well of a
                plate under two names.
        """
        from cellsieve.plates.check import check

        return check(
            self,
            test,
            predictions,
            kind,
            ids=ids,
            classes=classes,
            average=average,
            temperature=temperature,
            permutations=permutations,
            seed=seed,
        )

    def shared_layouts(self, at_least: float = 0.5) -> pd.DataFrame:
        """Plates of different experiments on which at least this share of the wells agree.

        Every pair of plates is compared as it is, turned by 180 degrees, mirrored, and shifted by
        a row or column. Returns one row per pair: both experiments and plates, the move, the share.
        """
        from cellsieve.plates.check import shared_layouts

        return shared_layouts(self, at_least)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the layout as JSON, whole or not at all; a person can read and edit it."""
        with atomic(path) as temporary:
            temporary.write_text(_to_json(self), encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "PlateLayout":
        """A layout as `save` wrote it.

        Raises:
            OSError: the file can't be read.
            ValueError: it is not such a layout.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
            stored = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{os.fspath(path)}: not JSON: {error}") from error
        return _from_json(stored, os.fspath(path))


def _fit(table: pd.DataFrame, name: str, columns: Columns) -> PlateLayout:
    """The fit itself, of a table that is called `name` in messages."""
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
        raise ValueError(
            f"{name}: classes that share a plate in one experiment are on different plates in "
            f"another, so there are no plate groups. Wells against the majority: {named(wrong)}"
            if len(wrong)
            else f"{name}: classes share plates at random: there are no plate groups"
        )
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
    return PlateLayout(
        classes=classes,
        group=group,
        plates=plates,
        assignments=np.array(closed, dtype=np.int64),
        counts=np.array([counts.get(assignment, 0) for assignment in closed], dtype=np.int64),
        experiments=pd.Index(experiments),
        assignment_of_experiment=np.array([-1 if a is None else number[a] for a in whole]),
        wells=wells,
        columns=columns,
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


def _summary(layout: PlateLayout) -> dict[str, Any]:
    """What a file says beside the wells of each plate."""
    return {
        "columns": vars(layout.columns),
        "plates": layout.plates.tolist(),
        "groups": [
            layout.classes[layout.group == number].tolist() for number in range(layout.n_groups)
        ],
        "assignments": [
            {"count": count, "groups": assignment}
            for count, assignment in zip(
                layout.counts.tolist(), layout.assignments.tolist(), strict=True
            )
        ],
        "experiments": layout.experiments.tolist(),
    }


def _to_json(layout: PlateLayout) -> str:
    """JSON with one line per group, assignment and plate, so that it reads as a table."""

    def line(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    def lines(values: list[Any]) -> str:
        return "[\n    " + ",\n    ".join(map(line, values)) + "\n  ]"

    summary = _summary(layout)
    classes = layout.classes.tolist()
    by_plate: Any = layout.wells.groupby(["experiment", "plate"], sort=True)
    known = [
        {
            "experiment": summary["experiments"][experiment],
            "plate": summary["plates"][plate],
            "wells": {w: classes[c] for w, c in zip(part["well"], part["class"], strict=True)},
        }
        for (experiment, plate), part in by_plate
    ]
    fields = {"format": line(FORMAT), "version": "1"}
    for key, value in summary.items():
        fields[key] = lines(value) if key in ("groups", "assignments") else line(value)
    fields["layouts"] = lines(known)
    return "{\n" + ",\n".join(f"  {line(key)}: {value}" for key, value in fields.items()) + "\n}\n"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"found {name}; expected numbers, text and lists")


def _from_json(stored: Any, path: str) -> PlateLayout:
    """The layout of a parsed file: fitted again to its plates, and compared with all that it says.

    So whoever edits a file by hand can't leave it saying two things.
    """
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise ValueError(f"{path}: expected a file written by PlateLayout.save ({FORMAT!r})")
    if stored.get("version") != 1:
        raise ValueError(f"{path}: version {stored.get('version')!r}; this cellsieve reads 1")
    try:
        columns = Columns(**stored["columns"])
        rows = [
            (known["experiment"], known["plate"], well, found)
            for known in stored["layouts"]
            for well, found in known["wells"].items()
        ]
        names = [columns.experiment, columns.plate, columns.well, columns.class_column]
        order = {experiment: place for place, experiment in enumerate(stored["experiments"])}
        rows.sort(key=lambda row: order[row[0]])
        layout = _fit(pd.DataFrame(rows, columns=names), path, columns)
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError, UnicodeError) as error:
        raise ValueError(f"{path}: a damaged layout: {type(error).__name__}: {error}") from error
    wrong = [key for key, value in _summary(layout).items() if stored.get(key) != value]
    if wrong:
        raise ValueError(
            f"{path}: {', '.join(map(repr, wrong))} do not follow from the wells in 'layouts'; fit "
            "the layout again"
        )
    return layout
