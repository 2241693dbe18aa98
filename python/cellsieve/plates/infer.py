"""Which assignment of groups to plates each experiment has, and how sure that is."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve import _core
from cellsieve.plates.dispersion import dispersion, popularity
from cellsieve.plates.hypotheses import hypotheses
from cellsieve.plates.layout import Layout
from cellsieve.plates.logs import log_sum
from cellsieve.plates.made import made
from cellsieve.plates.predictions import BLOCK, Names, Source, WellScores, join
from cellsieve.plates.votes import vote_table, vote_weights
from cellsieve.plates.wells import Wells
from cellsieve.run.parallel import workers_of
from cellsieve.schema.choices import Average, Candidates, Prior, ScoreKind
from cellsieve.schema.types import Table

Floats = NDArray[np.float64]
Kernel = Callable[
    [NDArray[Any], NDArray[np.int64] | None, slice], tuple[NDArray[Any], NDArray[Any]]
]
"""Of a matrix, its rows that are wanted (all if `None`) and the wells that these are."""

SHARPNESS = np.exp2(np.arange(-5.0, 3.0))
"""Powers to which a model's group probabilities are raised; it is not known how far to trust it."""
HARD_SHARPNESS = 0.025 * np.exp2(np.arange(9.0))
"""The same for votes: the log-odds that a vote names the right group against another."""
FLOOR = -60.0
"""The least logarithm of a group's share of a row: no single well can rule a group out."""
CERTAIN = 0.99
"""The posterior from which an assignment counts as certain."""
CLOSE_CALL = 10.0
"""Nats of margin below which the evidence is computed again, by Sinkhorn's free energy."""
UNEVEN = 1.6
"""As above, where the vote of a well is shared by more than so many wells of its plate."""
DEPTH = 30.0
"""Scores further below a well's best, in nats, count as this far: zeros would drown the rest. Three
times the median takes its place where that is more."""
ZERO = -600.0
"""Logarithms below this stand for zeros."""
SINKHORN_ROUNDS = 100
SINKHORN_TOLERANCE = 1e-3
POPULARITY_ROUNDS = 2
"""Of finding how popular groups are, given the best assignments, and these anew."""
STEPS = 3
"""Powers per factor of 2."""
MIXTURE_ROUNDS = 50
"""Of expectation and maximisation, for how common each sharpness is."""
ROW = re.compile(r"\brow (\d+)")
"""Where a kernel's message names a row."""


def infer(
    layout: Layout,
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
    """The posterior over assignments of every experiment of a test file."""
    workers = workers_of(jobs)
    wells = layout.wells_of(test)
    scores = join(layout, wells, predictions, kind, average, ids, classes, weights)
    table = posterior(layout, wells, scores, candidates, prior, workers)
    settings = {
        "kind": kind,
        "candidates": candidates,
        "prior": prior,
        "average": average,
        "weights": weights,
    }
    return made(table, "plates infer", layout, wells, predictions, settings)


def posterior(
    layout: Layout,
    wells: Wells,
    scores: WellScores,
    candidates: Candidates | None = None,
    prior: Prior = "flat",
    workers: int = 1,
) -> pd.DataFrame:
    """As `infer`, for wells and scores that are already joined."""
    tried = hypotheses(layout, candidates, prior)
    n_experiments, n_plates = len(wells.experiments), len(layout.plates)
    log_density, votes = densities(layout, wells, scores, workers)
    weight = np.ones(len(wells))
    if scores.votes is not None:
        weight = vote_weights(wells.experiment * n_plates + wells.plate, votes, layout.slots)
        log_density *= weight[:, None]
    group_size = np.bincount(layout.group).astype(float)
    room = layout.room
    sharpness = HARD_SHARPNESS if scores.votes is not None else SHARPNESS

    # What each plate's wells say about each group, and what all wells say about each sharpness.
    place = wells.experiment * n_plates + wells.plate
    support = _sum_by(place, log_density, n_experiments * n_plates)
    support = support.reshape(n_experiments, n_plates, -1)
    power = np.exp(sharpness[0] * log_density)
    normalisers = []
    for _ in sharpness:  # each is twice the one before
        normalisers.append(np.log(power @ group_size))
        power *= power
    normaliser = _sum_by(wells.experiment, np.stack(normalisers, axis=1), n_experiments)

    n_wells = np.bincount(place, minlength=n_experiments * n_plates).reshape(n_experiments, -1)
    support = np.where(n_wells[:, :, None] <= room, support, -np.inf)
    present = n_wells > 0
    partial = ~present.all(axis=1)

    def trusted(support: Floats) -> Floats:
        """The log weights of each sharpness in each experiment."""
        evidence = tried.log_mean(support, sharpness) - normaliser
        hopeless = np.flatnonzero(~np.isfinite(evidence).all(axis=1))
        if len(hopeless):
            unlucky = int(hopeless[0])
            raise ValueError(
                f"{wells.name}: experiment {wells.experiments[unlucky]} has plates of "
                f"{n_wells[unlucky].tolist()} wells, more than the groups of "
                f"{room.tolist()} can fill"
            )
        evidence = evidence + _shared_weights(evidence)
        return np.asarray(evidence - log_sum(evidence, axis=1)[:, None])

    trust = trusted(support)
    best = tried.best(support, sharpness, trust)
    for _ in range(POPULARITY_ROUNDS * bool(partial.any())):
        support = support - n_wells[:, :, None] * popularity(support, n_wells, best)
        trust = trusted(support)
        best = tried.best(support, sharpness, trust)
    method = np.full(n_experiments, "row bound", dtype=object)
    counts = vote_table(layout, wells, votes, weight)
    spread = dispersion(counts, tried.best_of_all(support, sharpness, trust))
    found = tried.found(support, *_mixture(sharpness, trust, spread), present)

    if scores.votes is None:
        close = (found.margin < CLOSE_CALL) | (_crowding(layout, wells, votes) > UNEVEN) | partial
        if close.any():
            energy, fair = _free_energies(layout, wells, scores, close)
            if partial.any():
                liked = popularity(energy[partial], n_wells[partial], best[partial])
                energy[partial] -= n_wells[partial][:, :, None] * liked
            # How far to trust the scores, the row bound has found.
            support = np.where(close[:, None, None] & np.isfinite(support), energy, support)
            best = tried.best_of_all(support, sharpness, trust)
            counts = vote_table(layout, wells, np.where(fair < 0, votes, fair), weight)
            spread[close] = dispersion(counts[close], best[close])
            method[close] = "sinkhorn"
            found = tried.found(support, *_mixture(sharpness, trust, spread), present)

    shares = _vote_shares(layout, wells, votes, tried.listed)
    return pd.DataFrame(
        {
            layout.columns.experiment: wells.experiments,
            "wells": np.bincount(wells.experiment, minlength=n_experiments),
            "best": found.number,
            "posterior": found.posterior,
            "margin": found.margin,
            "certain": found.posterior >= CERTAIN,
            "evidence": method,
            "dispersion": np.median(spread, axis=1),
        }
        | {f"share_{k}": share for k, share in enumerate(shares.T)}
        | found.columns
    )


def densities(
    layout: Layout, wells: Wells, scores: WellScores, workers: int
) -> tuple[Floats, NDArray[np.int64]]:
    """The logarithm of the mean score in each group, and the vote, of each well.

    Relative to each well's best group, which is 0. Of hard predictions, the mean of the voted
    group is e and the others' is 1.
    """
    n_groups = layout.n_groups
    if scores.votes is not None:
        votes = scores.votes
        density = np.where(layout.group[votes][:, None] == np.arange(n_groups), 0.0, -1.0)
        return density, votes
    group_of_column = np.where(scores.columns >= 0, layout.group[scores.columns], -1)
    sharpness = None if scores.kind == "probability" else 1.0
    sums, column = in_place(
        scores,
        lambda matrix, rows, _: _core.log_sums(
            matrix, group_of_column, n_groups, sharpness, rows, workers
        ),
    )
    best = sums.max(axis=1, keepdims=True)
    if not np.isfinite(best).all():
        row = int((~np.isfinite(best[:, 0])).argmax())
        raise ValueError(
            f"{scores.name}: the scores of well {wells.at(row)} are zero throughout (or negative "
            f"infinity); expected {scores.kind}"
        )
    density = sums - np.log(np.bincount(layout.group))
    density -= density.max(axis=1, keepdims=True)
    return np.maximum(density, FLOOR), scores.columns[column]


def in_place(scores: WellScores, kernel: Kernel) -> tuple[NDArray[Any], NDArray[Any]]:
    """Runs a kernel on a matrix in place; on converted blocks of rows if it can't be read there.

    The kernel returns two arrays with one row per well.
    """
    matrix = scores.scores
    step = matrix.dtype.itemsize
    readable = (
        matrix.dtype.isnative
        and matrix.flags.aligned
        and (matrix.shape[1] <= 1 or matrix.strides[1] == step)
        and matrix.strides[0] % step == 0
    )
    if readable:
        with _named(scores.name):
            return kernel(matrix, scores.rows, slice(None))
    rows = np.arange(len(matrix)) if scores.rows is None else scores.rows
    native = matrix.dtype.newbyteorder("=")
    parts = []
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        block = np.ascontiguousarray(matrix[rows[part]], dtype=native)
        with _named(scores.name, rows[part]):
            parts.append(kernel(block, None, part))
    firsts, seconds = zip(*parts, strict=True)
    return np.concatenate(firsts), np.concatenate(seconds)


@contextmanager
def _named(name: str, rows: NDArray[np.int64] | None = None) -> Iterator[None]:
    """Errors of a kernel, with the file's name; in a block, with the row of the whole matrix."""
    try:
        yield
    except ValueError as error:
        text = str(error).removeprefix("scores: ")
        if rows is not None:
            text = ROW.sub(lambda match: f"row {rows[int(match[1])]}", text, count=1)
        raise ValueError(f"{name}: {text}") from error


def _free_energies(
    layout: Layout, wells: Wells, scores: WellScores, wanted: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.int64]]:
    """Sinkhorn's free energy of each plate with each group, `(experiments, plates, groups)`.

    0 for plates without wells, and in experiments that are not wanted. And each well's vote, once
    what each class gets from all wells of the plate is removed; -1 where not wanted.
    """
    votes = np.full(len(wells), -1)
    named = np.flatnonzero(scores.columns >= 0)
    energy = np.zeros((len(wells.experiments), len(layout.plates), layout.n_groups))
    of_class = layout.slots[scores.columns[named]]
    columns = [  # each class as often as it has wells
        np.repeat(np.arange(len(named)), of_class * in_group(layout, scores, g)[named])
        for g in range(layout.n_groups)
    ]
    for experiment in np.flatnonzero(wanted):
        here = np.flatnonzero(wells.experiment == experiment)
        plates = np.unique(wells.plate[here])
        of_plate = [here[wells.plate[here] == plate] for plate in plates]
        logs = [log_scores(scores, rows)[:, named] for rows in of_plate]
        fair = [unbiased(each) for each in logs]
        for rows, each in zip(of_plate, fair, strict=True):
            votes[rows] = scores.columns[named[each.argmax(axis=1)]]
        # With all plates there, what a plate gives to its whole group is evidence.
        whole = len(plates) == len(layout.plates)
        for plate, plate_logs in zip(
            plates, without_plate_bias(logs) if whole else fair, strict=True
        ):
            for group, inside in enumerate(columns):
                if len(inside) < len(plate_logs):
                    energy[experiment, plate, group] = -np.inf
                    continue
                energy[experiment, plate, group] = _core.free_energy(
                    np.ascontiguousarray(plate_logs[:, inside]),
                    SINKHORN_ROUNDS,
                    SINKHORN_TOLERANCE,
                )[0]
    return energy, votes


def without_plate_bias(plates: list[Floats]) -> list[Floats]:
    """The log scores of an experiment's plates without what one plate gives to classes.

    A class is in one well of an experiment at most, so its mean over a plate hardly tells where it
    is. It rather shows how much the model favours the class: in the experiment, which says nothing
    about assignments, and on the plate, which misleads. The plates' deviations are removed as far
    as they vary more than by chance (empirical Bayes): fully where they are large, not at all where
    they are noise.
    """
    plates = [_relative(logs) for logs in plates]
    means = np.stack([logs.mean(axis=0) for logs in plates])
    deviation = means - means.mean(axis=0)
    noise = np.mean([logs.var(axis=0).mean() / len(logs) for logs in plates])
    noise *= 1 - 1 / len(plates)
    found = float((deviation**2).mean())
    share = max(0.0, 1.0 - noise / found) if found > 0 else 0.0
    return [logs - share * off for logs, off in zip(plates, deviation, strict=True)]


def in_group(layout: Layout, scores: WellScores, group: int) -> NDArray[np.bool_]:
    """Which columns are classes of the group."""
    inside: NDArray[np.bool_] = (scores.columns >= 0) & (layout.group[scores.columns] == group)
    return inside


def log_scores(
    scores: WellScores, rows: NDArray[np.int64], columns: NDArray[np.int64] | None = None
) -> Floats:
    """The logarithms of a few wells' scores; zero probabilities are far below the rest."""
    taken = scores.take(rows)
    if columns is not None:
        taken = taken[:, columns]
    taken = taken.astype(np.float64)
    if scores.kind != "probability":
        return taken
    least = np.finfo(np.float64).tiny
    logs: Floats = np.log(np.maximum(taken, least))
    return logs


def unbiased(logs: Floats) -> Floats:
    """The log scores of a plate without what each class gets from all of its wells.

    A class is in one well of a plate at most, so its mean over the plate mostly shows how much the
    model favours it.
    """
    logs = _relative(logs)
    centred: Floats = logs - logs.mean(axis=0)
    return centred


def _relative(logs: Floats) -> Floats:
    """Log scores relative to each well's best, cut off far below it."""
    relative = logs - logs.max(axis=1, keepdims=True)
    some = relative[::3, ::5]  # enough to see the scale
    some = some[some > ZERO]
    depth = max(DEPTH, -3 * float(np.median(some)) if some.size else 0.0)
    deepest: Floats = np.maximum(relative, -depth)
    return deepest


def _crowding(layout: Layout, wells: Wells, votes: NDArray[np.int64]) -> Floats:
    """By how many wells of its plate the vote of a well is shared, on average; at best 1.

    Relative to the number of wells that its class is in.
    """
    plates = int(wells.plate.max()) + 1
    n_classes = int(votes.max()) + 1
    key = (wells.experiment * plates + wells.plate) * n_classes + votes
    shared = np.maximum(np.bincount(key)[key] / layout.slots[votes], 1)
    size = np.bincount(wells.experiment)
    crowding: Floats = np.bincount(wells.experiment, shared) / size
    return crowding


def _vote_shares(
    layout: Layout,
    wells: Wells,
    votes: NDArray[np.int64],
    assignments: NDArray[np.int64],
) -> Floats:
    """The share of wells whose vote is on the plate where each candidate puts it."""
    count = vote_table(layout, wells, votes, np.ones(len(wells)))
    right = count[:, np.arange(count.shape[1])[None, :], assignments].sum(axis=2)
    shares: Floats = right / count.sum(axis=(1, 2))[:, None]
    return shares


def _sum_by(key: NDArray[np.int64], values: Floats, size: int) -> Floats:
    """The sum of the rows with each key."""
    columns = [np.bincount(key, column, size) for column in values.T]
    return np.stack(columns, axis=1)


def _mixture(sharpness: Floats, log_weights: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Powers that evidence is raised to, and how probable each is in each experiment.

    Sharpness, with log weights `(experiments, sharpnesses)`, divided by any value of `spread`. The
    powers are the same for all experiments; a share of each goes to its two neighbours.
    """
    low, high = np.log2(sharpness[0] / spread.max()), np.log2(sharpness[-1])
    count = 2 + int(np.ceil(STEPS * (high - low)))
    power = np.log2(sharpness)[None, :, None] - np.log2(spread)[:, None, :]
    place = (power - low) / (high - low) * (count - 1)
    below = np.clip(np.floor(place).astype(np.int64), 0, count - 2)
    each = np.exp(log_weights)[:, :, None] / spread.shape[1]
    weights = np.zeros((len(spread), count))
    row = np.broadcast_to(np.arange(len(spread))[:, None, None], place.shape)
    np.add.at(weights, (row, below), each * (below + 1 - place))
    np.add.at(weights, (row, below + 1), each * (place - below))
    return 2 ** np.linspace(low, high, count), weights


def _shared_weights(log_evidence: Floats) -> Floats:
    """Logarithms of how common each sharpness is among the experiments of one model.

    `log_evidence` is `(experiments, sharpnesses)`. Maximum likelihood of the weights of a mixture
    by expectation and maximisation, with one experiment's worth of equal weights added.
    """
    count = log_evidence.shape[1]
    log_weights: Floats = np.full(count, -np.log(count))
    for _ in range(MIXTURE_ROUNDS):
        joint = log_evidence + log_weights
        share = np.exp(joint - log_sum(joint, axis=1)[:, None])
        log_weights = np.log((share.sum(axis=0) + 1 / count) / (len(share) + 1))
    return log_weights
