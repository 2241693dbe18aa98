"""Which class each well holds, given which group is on its plate.

Functions that need scipy import it themselves: that takes longer than all of argmax decoding.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve import _core
from cellsieve.plates.beliefs import Beliefs, Posterior, beliefs_of
from cellsieve.plates.check import check
from cellsieve.plates.infer import CERTAIN, in_group, in_place, log_scores
from cellsieve.plates.infer import posterior as infer_posterior
from cellsieve.plates.known import reused, with_known
from cellsieve.plates.layout import Layout
from cellsieve.plates.logs import log_sum
from cellsieve.plates.made import made, name_of, record_in
from cellsieve.plates.predictions import HARD_MISS, Names, Source, WellScores, join
from cellsieve.plates.temperature import HIGHEST, LOWEST, fit_temperature
from cellsieve.plates.wells import Wells, by_plate, first
from cellsieve.run.parallel import in_order, workers_of
from cellsieve.schema.choices import Average, Candidates, Method, Prior, ScoreKind, check_choice
from cellsieve.schema.text import STRING
from cellsieve.schema.types import Table

"""How a class is chosen for each well: see `PlateLayout.decode`."""

ROUGH = 0.1
"""The standard error of sampled marginals from which they are reported."""
NEGLIGIBLE = 1e-3
"""Assignments less probable than this are left out of a mixture of marginals."""


class UncertainAssignmentWarning(UserWarning):
    """It is not certain which groups are on the plates of some experiments."""


class TemperatureWarning(UserWarning):
    """No temperature makes the scores claim as much as they know."""


class ConvergenceWarning(UserWarning):
    """Sampling stopped before the marginals of a plate were settled."""


def decode(
    layout: Layout,
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
    """The class of every well of a test file."""
    check_choice("method", method, Method)
    if temperature != "fit" and not (
        isinstance(temperature, int | float) and 0 < temperature < np.inf
    ):
        raise ValueError(f"temperature: found {temperature!r}; expected a positive number or 'fit'")
    if posterior is not None and (candidates or prior):
        raise ValueError(
            "candidates, prior: given with a posterior, which has been inferred already; expected "
            "these or that"
        )
    settings = {
        "posterior": name_of(posterior) if posterior is not None else None,
        "method": method,
        "kind": kind,
        "candidates": candidates,
        "prior": prior,
        "average": average,
        "weights": weights,
        "temperature": temperature,
        "one_to_one": one_to_one,
        "use_known_layouts": use_known_layouts,
    }
    inferred = record_in(posterior)
    workers = workers_of(jobs)
    wells = layout.wells_of(test)
    scores = join(layout, wells, predictions, kind, average, ids, classes, weights)
    if posterior is None:
        posterior = infer_posterior(layout, wells, scores, candidates, prior or "flat", workers)
    beliefs = beliefs_of(layout, wells, posterior)
    again = pd.DataFrame()
    if use_known_layouts:
        # What the file itself says is no evidence, but for which wells are controls.
        plain = wells.file
        if layout.columns.class_column in plain.columns:
            held = plain[layout.columns.class_column]
            plain = plain.assign(
                **{layout.columns.class_column: held.where(held.isin(layout.controls))}
            )
        again = reused(
            check(
                layout,
                plain,
                predictions,
                kind,
                ids=ids,
                classes=classes,
                average=average,
                weights=weights,
            )
        )
        found_plates = again[layout.columns.experiment].astype(STRING).value_counts()
        plates = pd.Series([str(wells.experiments[e]) for e, _, _ in by_plate(wells)])
        open_still = plates.value_counts() > found_plates.reindex(plates.unique(), fill_value=0)
        still = [name for name in beliefs.doubtful if open_still[name]]
        beliefs = replace(beliefs, doubtful=still)
    if len(beliefs.doubtful):
        warnings.warn(
            f"{len(beliefs.doubtful)} of {len(wells.experiments)} experiments have an uncertain "
            f"assignment (posterior below {CERTAIN}): {first(beliefs.doubtful)}",
            UncertainAssignmentWarning,
            stacklevel=3,
        )
    if scores.votes is not None:
        scores = _spread(scores, len(layout.classes))
    if temperature == "fit":
        temperature, told = fit_temperature(layout, wells, scores, beliefs)
        if not (told and 2 * LOWEST < temperature < HIGHEST / 2):
            warnings.warn(
                f"{scores.name}: no temperature makes these {scores.kind} scores claim as much as "
                f"they know (took {temperature:.3g}); the confidences are rough",
                TemperatureWarning,
                stacklevel=3,
            )
    fitted = temperature
    if len(again):
        scores, beliefs = with_known(layout, wells, scores, beliefs, again, temperature)
        temperature = 1.0
    if method == "argmax":
        found = _argmax(layout, wells, scores, beliefs, temperature, workers)
    else:
        found = _by_plate(layout, wells, scores, beliefs, temperature, method, one_to_one, workers)
    names, columns = layout.classes, layout.columns
    result = pd.DataFrame({columns.id: wells.ids})
    result[columns.class_column] = names.take(found["class"])
    for column in (columns.experiment, columns.plate, columns.well):
        result[column] = wells.table[column].array
    result["confidence"] = found["confidence"]
    runner_up = found["runner_up"]
    if (runner_up >= 0).all():
        result["runner_up"] = names.take(runner_up)
    else:
        result["runner_up"] = names.take(np.maximum(runner_up, 0)).where(runner_up >= 0)
    result["margin"] = found["margin"]
    if len(wells) < len(wells.file):
        result = _with_controls(layout, wells, result)
    result.attrs["temperature"] = float(fitted)
    if use_known_layouts:
        result.attrs["known_layouts"] = again.to_dict("records")
    return made(result, "plates decode", layout, wells, predictions, settings, inferred)


def _with_controls(layout: Layout, wells: Wells, decoded: pd.DataFrame) -> pd.DataFrame:
    """Control wells as the file has them, among the decoded ones, in its order."""
    columns = layout.columns
    place = wells.place()
    file = wells.file.iloc[np.flatnonzero(place < 0)]
    fixed = pd.DataFrame({columns.id: wells.everyone[place < 0]})
    control = pd.Index(file[columns.class_column])
    fixed[columns.class_column] = layout.controls.take(layout.controls.get_indexer(control))
    for column in (columns.experiment, columns.plate, columns.well):
        fixed[column] = file[column].array
    fixed["confidence"], fixed["margin"] = 1.0, np.inf
    together = pd.concat([decoded, fixed], ignore_index=True)
    order = np.argsort(np.concatenate([wells.rows, np.flatnonzero(place < 0)]))
    return together.iloc[order].reset_index(drop=True)


def _spread(scores: WellScores, n_classes: int) -> WellScores:
    """Votes as probabilities: most on the vote, the rest on all classes alike."""
    assert scores.votes is not None
    spread = np.full((len(scores.votes), n_classes), HARD_MISS / n_classes, np.float32)
    spread[np.arange(len(spread)), scores.votes] += 1 - HARD_MISS
    return WellScores(scores.name, spread, None, "probability", scores.columns)


def _argmax(
    layout: Layout,
    wells: Wells,
    scores: WellScores,
    beliefs: Beliefs,
    temperature: float,
    workers: int,
) -> dict[str, NDArray[Any]]:
    """The best class of each well in the group that is most probably on its plate."""
    group = beliefs.best[wells.experiment, wells.plate]
    # How probable it is that this group is on this plate, whatever is on the others.
    certain = beliefs.on_plate[wells.experiment, wells.plate, group]
    allowed = np.stack([in_group(layout, scores, number) for number in range(layout.n_groups)])
    linear = scores.kind == "probability" and temperature == 1.0
    # Of probabilities at another temperature, powers are summed; that is left to numpy.
    powers = scores.kind == "probability" and not linear
    total: bool | float = True if scores.kind == "probability" else 1 / temperature
    column, value = in_place(
        scores,
        lambda matrix, rows, part: _core.masked_argmax(
            matrix, group[part], allowed, rows, 2, total, workers
        ),
    )
    value, log_total = value[:, :2], value[:, 2]
    _refuse_hopeless(np.isneginf(value[:, 0]), scores, wells, np.arange(len(wells)))
    if powers:
        value = np.log(np.maximum(value, np.finfo(np.float64).tiny))
        log_total = _log_totals(layout, scores, group, temperature)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(value) if linear else value / temperature
        confidence = np.exp(logs[:, 0] - log_total)
        margin = logs[:, 0] - logs[:, 1]
    size = np.bincount(layout.group)[group]
    # Nothing but zeros says that all classes are equally likely.
    confidence = np.where(np.isnan(confidence), 1 / size, np.minimum(confidence, 1.0))
    margin = np.where(np.isneginf(logs[:, 0]), 0.0, margin)
    margin = np.where(column[:, 1] < 0, np.inf, margin)
    return {
        "class": scores.columns[column[:, 0]],
        "confidence": confidence * certain,
        "runner_up": np.where(column[:, 1] >= 0, scores.columns[column[:, 1]], -1),
        "margin": margin,
    }


def _log_totals(
    layout: Layout, scores: WellScores, group: NDArray[np.int64], temperature: float
) -> NDArray[np.float64]:
    """The logarithm of the sum of a group's tempered probabilities, block by block."""
    total = np.empty(len(group))
    for start in range(0, len(group), 1024):
        rows = np.arange(start, min(start + 1024, len(group)))
        logs = log_scores(scores, rows) / temperature
        for number in np.unique(group[rows]):
            these = group[rows] == number
            part = logs[np.ix_(these, in_group(layout, scores, number))]
            total[rows[these]] = log_sum(part, axis=1)
    return total


def _by_plate(
    layout: Layout,
    wells: Wells,
    scores: WellScores,
    beliefs: Beliefs,
    temperature: float,
    method: Method,
    one_to_one: bool,
    workers: int,
) -> dict[str, NDArray[Any]]:
    """Plate by plate, in threads: assignment or marginals."""
    n = len(wells)
    found: dict[str, NDArray[Any]] = {
        "class": np.full(n, -1),
        "confidence": np.zeros(n),
        "runner_up": np.full(n, -1),
        "margin": np.zeros(n),
    }
    # In the order of the classes, so that the order of the file's columns changes nothing.
    ordered = np.argsort(scores.columns, kind="stable")
    columns = [ordered[in_group(layout, scores, g)[ordered]] for g in range(layout.n_groups)]
    # Matched are wells and slots: a class has as many as it is in wells.
    slots = [np.repeat(np.arange(len(c)), layout.slots[scores.columns[c]]) for c in columns]

    def decoded(key: tuple[int, int, NDArray[np.int64]]) -> tuple[dict[str, NDArray[Any]], str]:
        """What is found on one plate, and what did not converge."""
        experiment, plate, rows = key
        likely = int(beliefs.best[experiment, plate])
        here = beliefs.on_plate[experiment, plate]
        groups = {
            int(group): float(here[group])
            for group in np.flatnonzero((here >= NEGLIGIBLE) | (np.arange(len(here)) == likely))
            if method != "assignment" or group == likely
        }
        name = f"{wells.experiments[experiment]} plate {wells.plate_names[experiment, plate]}"
        for group in groups:
            if len(slots[group]) < len(rows):
                raise ValueError(
                    f"{wells.name}: {name} has {len(rows)} wells, but the group on it has "
                    f"{len(columns[group])} classes for {len(slots[group])} wells; expected no "
                    "more"
                )
        used = ordered[np.isin(ordered, np.concatenate([columns[group] for group in groups]))]
        logs = log_scores(scores, rows, used) / temperature
        _refuse_bad(scores, wells, rows)
        place = np.full(len(scores.columns), -1)
        place[used] = np.arange(len(used))
        inside = {group: place[columns[group]] for group in groups}
        hopeless = np.asarray(np.isneginf(logs[:, inside[likely]]).all(axis=1))
        _refuse_hopeless(hopeless, scores, wells, rows)
        if method == "assignment":
            block = logs[:, inside[likely]]
            chosen = slots[likely][assign(block[:, slots[likely]])]
            result = _rows_of(_softmax(block), chosen)
            result["confidence"] *= groups[likely]
            return _named(result, columns[likely], scores), ""
        share = sum(groups.values()) / float(here.sum())
        mixed = np.zeros((len(rows), logs.shape[1]))
        rough = ""
        for group, probability in groups.items():
            block = np.ascontiguousarray(logs[:, inside[group][slots[group]]])
            # Of a group that is not the likeliest, a well may know nothing at all.
            block[np.isneginf(block).all(axis=1)] = 0.0
            values, _, error = _core.marginals(block)
            if error > ROUGH:
                rough = f"{name} (standard error {error:.2g})"
            if len(slots[group]) > len(columns[group]):
                firsts = np.flatnonzero(np.diff(slots[group], prepend=-1))
                values = np.add.reduceat(values, firsts, axis=1)
            mixed[:, inside[group]] += probability / share * values
        chosen = mixed.argmax(axis=1)
        if one_to_one:
            slot = np.repeat(np.arange(len(used)), layout.slots[scores.columns[used]])
            chosen = slot[assign(mixed[:, slot])]
        return _named(_rows_of(mixed, chosen), used, scores), rough

    plates = list(by_plate(wells))
    unconverged = []
    for (_, _, rows), (result, rough) in zip(
        plates, in_order(decoded, plates, workers), strict=True
    ):
        for name, values in result.items():
            found[name][rows] = values
        if rough:
            unconverged.append(rough)
    if unconverged:
        warnings.warn(
            f"the marginals of {first(unconverged)} did not converge; the confidences there are "
            "rough",
            ConvergenceWarning,
            stacklevel=4,
        )
    return found


def _refuse_bad(scores: WellScores, wells: Wells, rows: NDArray[np.int64]) -> None:
    taken = scores.take(rows)
    bad = ~(taken < np.inf)
    if scores.kind == "probability":
        bad |= taken < 0
    bad[:, scores.columns < 0] = False
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{scores.name}: well {wells.at(int(rows[row]))}, column {column} is "
            f"{taken[row, column]}; expected {scores.kind} scores below infinity"
        )


def _refuse_hopeless(
    hopeless: NDArray[np.bool_], scores: WellScores, wells: Wells, rows: NDArray[np.int64]
) -> None:
    """Refuses wells all of whose allowed classes are impossible."""
    if hopeless.any():
        raise ValueError(
            f"{scores.name}: well {wells.at(int(rows[hopeless.argmax()]))} has no finite score "
            "among the classes of the group on its plate; expected at least one"
        )


def assign(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The column of each row that together have the highest sum, each column at most once.

    `scores` is `(wells, classes)` with at least as many classes. Negative infinities are
    chosen only where nothing else is left. Among equal sums the choice is scipy's.

    `scipy.optimize.linear_sum_assignment`: Jonker and Volgenant as modified by Crouse (2016).
    """
    from scipy.optimize import linear_sum_assignment

    finite = np.isfinite(scores)
    if not finite.all():
        inside = scores[finite]
        low, high = (inside.min(), inside.max()) if len(inside) else (0.0, 0.0)
        scores = np.where(finite, scores, low - (high - low + 1) * len(scores))
    return np.asarray(linear_sum_assignment(scores, maximize=True)[1], dtype=np.int64)


def _softmax(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import softmax

    return np.asarray(softmax(logs, axis=1))


def _rows_of(
    probabilities: NDArray[np.float64], chosen: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Confidence of the chosen columns, the best other column and how far it is behind."""
    every = np.arange(len(chosen))
    confidence = probabilities[every, chosen]
    if probabilities.shape[1] < 2:
        nothing = np.full(len(chosen), -1)
        return {
            "class": chosen,
            "confidence": confidence,
            "runner_up": nothing,
            "margin": np.full(len(chosen), np.inf),
        }
    others = probabilities.copy()
    others[every, chosen] = -1
    runner_up = others.argmax(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        margin = np.log(confidence) - np.log(others[every, runner_up])
    margin = np.where(np.isnan(margin), 0.0, margin)
    return {"class": chosen, "confidence": confidence, "runner_up": runner_up, "margin": margin}


def _named(
    result: dict[str, NDArray[Any]], columns: NDArray[np.int64], scores: WellScores
) -> dict[str, NDArray[Any]]:
    """With the layout's classes in place of columns."""
    runner_up = result["runner_up"]
    return result | {
        "class": scores.columns[columns[result["class"]]],
        "runner_up": np.where(runner_up >= 0, scores.columns[columns[runner_up]], -1),
    }
