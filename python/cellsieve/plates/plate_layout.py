"""`PlateLayout`: a layout, and the steps that learn and use it."""

from collections.abc import Sequence
from typing import Literal, Self

import pandas as pd

from cellsieve.plates import layout_file
from cellsieve.plates.agreement import of_models
from cellsieve.plates.beliefs import Posterior
from cellsieve.plates.check import check, shared_layouts
from cellsieve.plates.decode import decode
from cellsieve.plates.fit import fit, given
from cellsieve.plates.infer import infer
from cellsieve.plates.layout import Layout
from cellsieve.plates.predictions import Names, Source
from cellsieve.plates.score import score
from cellsieve.plates.wells import Columns, load
from cellsieve.schema.choices import Average, Candidates, Method, Prior, ScoreKind
from cellsieve.schema.record import extended, listing, step
from cellsieve.schema.types import FilePath, Table


class PlateLayout(Layout):
    """Groups of classes that share a plate, and the assignments of groups to plates.

    Made by `fit` or `load`. Assignments are numbered by their position in `assignments`: by
    descending count, then by the groups on the plates; those never seen come last.
    """

    @classmethod
    def fit(
        cls,
        train: Table,
        class_column: str = "sirna",
        experiment: str = "experiment",
        plate: str = "plate",
        well: str = "well",
        id_column: str = "id_code",
        *,
        tolerate: int = 0,
    ) -> Self:
        """Learns the groups and the assignments from experiments whose classes are known.

        Classes are in one group if they share a plate in any experiment. Missing wells do no
        harm as long as each class shares a plate with others of its group somewhere. An
        experiment that lacks plates counts where only one assignment agrees with it. A class may
        be in several wells of its plate (replicates). Classes on more than half of the plates are
        controls: they are set aside, in `controls`. Where no name of a plate is in two
        experiments, names are barcodes: plates are told apart by their classes alone, are numbered
        in each experiment by the order of their names, and can be in any order.

        Args:
            train: a DataFrame or a table file with one row per well; classes (integers or text) in
                `class_column`.
            class_column, experiment, plate, well, id_column: what the columns are called, here and
                in the test files; `id_column` need not be there.
            tolerate: leave out wells that contradict what most experiments say, if there are no
                more than so many; they are named in a warning.

        Raises:
            ValueError: columns or fields are missing; a class is on two plates of an experiment,
                or twice on one where most experiments have it once; a well holds two classes;
                classes share a plate in one experiment and not in another; or all classes are on
                every plate. The message lists the wells.
            TypeError: classes that are neither integers nor text.

        Warns:
            WrongWellsWarning: wells were left out.
        """
        columns = Columns(class_column, experiment, plate, well, id_column)
        table, name = load(train, "train")
        asked = {**columns.said(), "tolerate": tolerate}
        inputs = listing("wells", table, [experiment, plate, well, class_column])
        record = extended(None, step("plates fit", asked, inputs))
        return cls(**{**vars(fit(table, name, columns, tolerate)), "record": record})

    @classmethod
    def of_groups(
        cls,
        groups: Table,
        class_column: str = "sirna",
        experiment: str = "experiment",
        plate: str = "plate",
        well: str = "well",
        id_column: str = "id_code",
        *,
        group_column: str = "group",
    ) -> Self:
        """A layout whose groups are known, from no experiment at all.

        Any group can be on any plate, and plates can be called what they like: they are numbered in
        each experiment by the order of their names.

        Args:
            groups: a DataFrame or a table file that gives the group of each class, in
                `group_column`. A class that stands there several times is in as many wells of its
                plate.
            class_column, experiment, plate, well, id_column: what the columns of the test files are
                called.

        Raises:
            ValueError: columns or fields are missing; a class in two groups.
            TypeError: classes that are neither integers nor text.
        """
        columns = Columns(class_column, experiment, plate, well, id_column)
        table, name = load(groups, "groups")
        asked = {**columns.said(), "group_column": group_column}
        inputs = listing("classes", table, [class_column, group_column])
        record = extended(None, step("plates fit", asked, inputs))
        return cls(**{**vars(given(table, name, columns, group_column)), "record": record})

    def infer(
        self,
        test: Table,
        predictions: Source | Sequence[Source],
        kind: ScoreKind | None = None,
        *,
        candidates: Candidates | None = None,
        prior: Prior = "flat",
        ids: Names | None = None,
        classes: Names | None = None,
        average: Average | None = None,
        weights: Sequence[float] | None = None,
        jobs: int | None = None,
    ) -> pd.DataFrame:
        """Which assignment of groups to plates each test experiment has, and how sure that is.

        The model is Bayes' rule. Prior: all assignments of the closed set alike, or by how often
        each was seen, plus 5; 1 % is shared by all orders outside it ("none of these"). Evidence:
        the share of each well's score that lies in the group that the assignment puts on its plate
        (the row bound of the permanent), averaged over how far such shares can be trusted (powers
        0.03 to 4), since models are over- or underconfident. Where the margin is below 10 nats, or
        the votes crowd on few classes, Sinkhorn's free energy, which knows that each class is used
        once, takes the place of the row bound; likewise where plates are missing. Wells of a
        plate are not independent witnesses: the evidence is divided by the dispersion of the votes
        between plates, which is estimated from all experiments together.

        Args:
            test: a DataFrame or a table file with one row per well: experiment, plate, well, and
                an id (without one, ids are `<experiment>_<plate>_<well>`). Wells whose class it
                gives and that is one of `controls` are left out.
            predictions: see `cellsieve.read_predictions`; several are averaged. Rows are joined to
                the wells by id; rows whose id is that of a well and `_s1`, `_s2`, ... are sites of
                it and are averaged. Without ids, rows stand in the order of `test`. A matrix
                with one row per well is read where it lies, in any order of rows, and never copied.
            kind: what the scores are. "probability" (the default, unless rows sum to more than 1):
                at least 0, summing to 1 or not. "log_probability", "logit": exponentiated.
                "similarity": cosines and the like, as logits, whose scale is arbitrary (see
                `decode`'s temperature). "hard": one class per row (the default if `predictions` is
                that).
            candidates: "closed": assignments seen and those that follow from them; "all": every
                order. By default "closed", unless more than 1,000 follow from those seen: then
                any group can be on any plate.
            prior: "flat", or "counts": how often each assignment was seen.
            ids, classes: names of rows and columns that `predictions` itself lacks.
            average: how sites and sources are averaged. "probability": the mean of probabilities
                (the default for them); "log": the mean of logarithms (the default for others).
            weights: how much each source counts in averages, one number each; by default alike.
            jobs: number of threads that share the rows; by default one per processor. The result
                is the same to the last bit.

        Returns:
            One row per experiment, in order of appearance: the experiment; `wells`; `best`, the
            number of the best candidate (the lowest of equals); its `posterior`; `margin`, nats of
            log posterior to the second; `certain`, posterior at least 0.99; `evidence`, "row bound"
            or "sinkhorn"; `dispersion` (median); and for each candidate k `share_k` (of wells whose
            top class is on the plate where k puts it; the lowest class of equals), `score_k` (log
            evidence in nats, the best is 0) and `posterior_k`; and `posterior_none`, that it is
            any other order. Where there are more than 1,000 candidates, none of these, but for
            each plate `plate_<plate>`, the group that the best order puts there (-1 on plates
            without wells), and `group_<g>_on_<plate>`, probabilities; `best` is -1 if the order
            was never seen. Likewise where names of plates are barcodes: `plate_1` is the first by
            name.

        Raises:
            OSError: a file can't be read.
            ValueError: unknown plates; missing or duplicate ids; ids that are not in `test`; a
                wrong number of classes; NaN, infinite or negative scores; a plate with more wells
                than any group has classes; scores that can't be probabilities without a `kind`.
            TypeError: scores of another dtype than float16, float32 or float64, in a file too.
        """
        return infer(
            self,
            test,
            predictions,
            kind,
            candidates=candidates,
            prior=prior,
            ids=ids,
            classes=classes,
            average=average,
            weights=weights,
            jobs=jobs,
        )

    def decode(
        self,
        test: Table,
        predictions: Source | Sequence[Source],
        posterior: Posterior | None = None,
        method: Method = "marginal",
        kind: ScoreKind | None = None,
        *,
        candidates: Candidates | None = None,
        prior: Prior | None = None,
        ids: Names | None = None,
        classes: Names | None = None,
        average: Average | None = None,
        weights: Sequence[float] | None = None,
        temperature: float | Literal["fit"] = 1.0,
        one_to_one: bool = False,
        use_known_layouts: bool = False,
        jobs: int | None = None,
    ) -> pd.DataFrame:
        """The class of every test well among those of the group on its plate.

        Methods:
            "marginal" (the default): the class with the highest marginal probability, given that
                each class is used at most once per plate, or as often as it has wells there
                (replicates; from a seeded sample of matchings); where
                the assignment of groups is uncertain, a mixture over those with posterior 0.001 or
                more. With `one_to_one`, each class at most once, such that the sum of marginals,
                the expected number of wells that are right, is highest.
            "argmax": the best allowed class of the most probable assignment; the lowest of equal
                scores. A class of another group never wins, whatever the signs of the scores. Ten
                times faster.
            "assignment": each class at most once per plate, such that the sum of log scores is
                highest (`scipy.optimize.linear_sum_assignment`). The temperature does not matter.
                Of one vote per well it is often worse than "argmax": second choices are unknown,
                and it makes them up.

        Args:
            test, predictions, kind, ids, classes, average, weights, jobs: as for `infer`. Hard
                predictions count as 90 % on the class and 10 % spread over all classes.
            posterior: the table that `infer` returned or its file; or a Series (or two columns
                `experiment` and `best`) of assignment numbers to take as certain; or `None` to
                infer it first.
            method: see above.
            candidates, prior: as for `infer`, where the posterior is inferred first.
            temperature: log scores are divided by it before they are taken for probabilities. Or
                "fit": the higher of two, at which the wells' own groups are most probable, and
                classes have no more unequal shares of the plate than one well each allows. It
                needs no labels; recommended for similarities and for models of unknown sharpness.
                What was taken is in `.attrs["temperature"]` of the result.
            one_to_one: see "marginal".
            use_known_layouts: where `check` finds that a plate re-uses an earlier layout, that
                layout's classes are evidence, with its probability; the rows of `check`'s table
                are in `.attrs["known_layouts"]` of the result.

        Returns:
            One row per well in the order of `test`, controls as they are: the id; the class;
            experiment, plate and well as they stand in `test`, under the layout's names;
            `confidence`, the probability that the class is right (for "argmax" and "assignment":
            of the softmax over the group, times the posterior of the group; for "marginal" the
            marginal itself, calibrated if the scores are); `runner_up`, the best other allowed
            class (missing if there is none); `margin`, nats of log probability to it, below 0 where
            an assignment passed over the better class.

        Raises:
            OSError, ValueError, TypeError: as for `infer`; also a posterior that does not fit the
                layout or lacks an experiment, plates with more wells than classes, and wells
                without any finite score among the classes of their group.

        Warns:
            UncertainAssignmentWarning: the assignments of the experiments named are uncertain.
            TemperatureWarning: no temperature could be fitted.
            ConvergenceWarning: the marginals of the plates named are rough.
        """
        return decode(
            self,
            test,
            predictions,
            posterior,
            method,
            kind,
            candidates=candidates,
            prior=prior,
            ids=ids,
            classes=classes,
            average=average,
            weights=weights,
            temperature=temperature,
            one_to_one=one_to_one,
            use_known_layouts=use_known_layouts,
            jobs=jobs,
        )

    def check(
        self,
        test: Table,
        predictions: Source | Sequence[Source],
        kind: ScoreKind | None = None,
        *,
        ids: Names | None = None,
        classes: Names | None = None,
        average: Average | None = None,
        weights: Sequence[float] | None = None,
        temperature: float = 1.0,
        permutations: int = 1000,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Compares each test plate with known layouts: is it swapped, turned, used before?

        If `test` itself has the class column, each plate is compared with the claimed layouts of
        all plates of all experiments; and always with every layout of the other experiments that
        this layout was fitted on: as they are, turned by 180 degrees, mirrored (two ways), with one
        half mirrored in itself (eight ways), shifted by one or two rows or columns (eight ways).
        The support of a layout is the sum over wells of the log of the score of the class it has
        there, relative to the mean over the plate, so that a class that the model favours
        everywhere supports nothing. Wells that a layout says nothing about count 0. The plate is
        the smallest of 6, 12, 24, 48, 96, 384 and 1,536 wells that holds all wells of the layout
        and of `test`.

        Then parts of the plate, rectangles of at most two thirds of its wells, are compared with
        what the plate as a whole matches (its group, where that is nothing): with every known
        layout as it is, with the plate's own layout moved, with other groups, and with the part's
        own wells in another order.

        Args:
            test, predictions, kind, ids, classes, average, weights: as for `infer`, but
                `predictions` need not have every well of `test`.
            temperature: as for `decode`; a number.
            permutations: random orders of the wells that the best match is compared with, at most.
            seed: seed of the generator of these.

        Returns:
            One row per plate that has predictions: experiment; plate; `wells` with predictions and
            how many are `missing`; `verdict` ("as claimed", "plate 2", "HUVEC-05 plate 2", "turned
            180", "re-uses HUVEC-07 plate 3", ...; "unclear" or "no known layout" where nothing
            beats chance); the best match (`best_experiment`, `best_plate`, `best_move`); `log_odds`
            in nats against a guess, `log_odds_to_claim` against the claim (NaN without one) and
            `log_odds_to_next` against the second best that differs from it on these wells; `z`,
            standard deviations above random layouts of the same classes; `p`, the chance that the
            best of all these layouts does as well on a plate whose wells are in random order: a
            Chernoff bound where that is below 0.0001, which is what counts as a match, else the
            share of random orders, which is uniform between 0 and 1 where nothing matches; `part`,
            from the first to the last well of a part that holds something else ("B02 to H12";
            empty if none does), of which the verdict says what it is ("as claimed, but B02 to H12
            hold plate 3", "... are in another order", "... re-use HUVEC-07 plate 3", "... hold
            group 2"); and `part_p`, the chance that some part looks as much like something else on
            a plate without such parts: a bound where that is below 0.0001, which is what counts,
            else the share of random places of the classes, which is uniform between 0 and 1.

        Raises:
            OSError, ValueError, TypeError: as for `infer`; also wells whose names are not letters
                and a number, as B03; wells that a plate of 1,536 wells doesn't have; one well of a
                plate under two names; no well with a prediction.
        """
        return check(
            self,
            test,
            predictions,
            kind,
            ids=ids,
            classes=classes,
            average=average,
            weights=weights,
            temperature=temperature,
            permutations=permutations,
            seed=seed,
        )

    def score(
        self,
        test: Table,
        predictions: Source | Sequence[Source],
        truth: Table,
        kind: ScoreKind | None = None,
        *,
        ids: Names | None = None,
        classes: Names | None = None,
        average: Average | None = None,
        weights: Sequence[float] | None = None,
    ) -> pd.DataFrame:
        """What each step gains on wells whose classes are known.

        Args:
            test, predictions, kind, ids, classes, average, weights: as for `infer`.
            truth: a table with the id and the class of some of the wells of `test`.

        Returns:
            One row per step, each with what the earlier ones do: one site of the first model, all
            of its sites, all models (each by the best of all classes; where there are several), the
            best of the classes of the plate's group, marginals, known layouts. `step`, `wells` with
            known classes, the share `right`, and `gain`, the difference to the row before.

        Raises:
            OSError, ValueError, TypeError: as for `decode`; also duplicate ids in `truth`, no
                well of `test`, or classes that the layout does not have.
        """
        return score(
            self,
            test,
            predictions,
            truth,
            kind,
            ids=ids,
            classes=classes,
            average=average,
            weights=weights,
        )

    def agreement(
        self,
        test: Table,
        predictions: Sequence[Source],
        kind: ScoreKind | None = None,
        *,
        ids: Names | None = None,
        classes: Names | None = None,
    ) -> pd.DataFrame:
        """The share of wells on which models agree: those that err alike gain little together.

        Args:
            test, kind, ids, classes: as for `infer`.
            predictions: two sources or more.

        Returns:
            One row and one column per model, in the order given: `model`, its file (or
            `predictions` and a number), and under each model's name the share of wells whose best
            of all classes is the same.

        Raises:
            OSError, ValueError, TypeError: as for `infer`.
        """
        return of_models(self, test, predictions, kind, ids=ids, classes=classes)

    def shared_layouts(self, at_least: float = 0.5) -> pd.DataFrame:
        """Plates of different experiments on which at least this share of the wells agree.

        Every pair of plates is compared as it is, turned by 180 degrees, mirrored, and shifted by
        one or two rows or columns. Returns one row per pair: both experiments and plates, the move,
        the share.
        """
        return shared_layouts(self, at_least)

    def save(self, path: FilePath) -> None:
        """Writes the layout as JSON, whole or not at all; a person can read and edit it."""
        layout_file.save(self, path)

    @classmethod
    def load(cls, path: FilePath) -> Self:
        """A layout as `save` wrote it.

        Raises:
            OSError: the file can't be read.
            ValueError: it is not such a layout.
        """
        return cls(**vars(layout_file.load(path)))
