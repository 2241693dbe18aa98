"""Plates that re-use an earlier layout: what it says of their wells, taken as evidence."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.plates.beliefs import Beliefs
from cellsieve.plates.check import MOVES, UNSEEN
from cellsieve.plates.infer import in_group, log_scores
from cellsieve.plates.layout import Layout
from cellsieve.plates.parts import within
from cellsieve.plates.predictions import WellScores
from cellsieve.plates.wells import Wells, by_plate
from cellsieve.schema.wellmap import plate_shape, well_places

CHANGED = 0.001
"""How probable it is that a well of a layout that is used again holds another class after all."""
RE_USES = "re-uses"


def reused(checked: pd.DataFrame) -> pd.DataFrame:
    """The rows of `check`'s table whose plates re-use an earlier layout."""
    return checked[checked["verdict"].str.startswith(RE_USES)]


def known_classes(
    layout: Layout, wells: Wells, found: pd.DataFrame
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The class of each well by the layouts found, -1 where there is none, and how probable."""
    columns = layout.columns
    earlier = well_places(layout.wells["well"].to_numpy(), "layout: wells")
    here = well_places(wells.well, f"{wells.name}: column {columns.well!r}")
    shape = plate_shape(np.concatenate([earlier, here]), "wells")
    classes, sure = np.full(len(wells), UNSEEN), np.zeros(len(wells))
    place = found.set_index([columns.experiment, columns.plate])
    for experiment, plate, rows in by_plate(wells):
        key = (wells.experiments[experiment], wells.plate_names[experiment, plate])
        if key not in place.index:
            continue
        match = place.loc[key]
        earlier_experiment = layout.experiments.tolist().index(match["best_experiment"])
        names = [layout.plate_name(earlier_experiment, q) for q in range(len(layout.plates))]
        source = layout.wells["experiment"] == earlier_experiment
        source &= layout.wells["plate"] == names.index(match["best_plate"])
        grid = np.full(shape, UNSEEN, np.int64)
        grid[tuple(earlier[source].T)] = layout.wells.loc[source, "class"]
        held = MOVES[match["best_move"]](grid)[tuple(here[rows].T)]
        if match["part"]:
            (top, left), (bottom, right) = well_places(match["part"].split(" to "), "part")
            held[within(here[rows], np.array([top, bottom + 1, left, right + 1]))] = UNSEEN
        classes[rows] = held
        sure[rows] = (1 - match["p"]) * (1 - CHANGED)
    return classes, np.where(classes == UNSEEN, 0.0, sure)


def with_known(
    layout: Layout,
    wells: Wells,
    scores: WellScores,
    beliefs: Beliefs,
    found: pd.DataFrame,
    temperature: float,
) -> tuple[WellScores, Beliefs]:
    """Probabilities, at this temperature, that the classes known are part of; and the groups.

    With the probability that a well's class is known it is that class; otherwise what the scores
    say within the plate's group holds.
    """
    classes, sure = known_classes(layout, wells, found)
    best, on_plate = beliefs.best.copy(), beliefs.on_plate.copy()
    for experiment, plate, rows in by_plate(wells):
        held = classes[rows][classes[rows] != UNSEEN]
        if len(held):
            group = int(np.bincount(layout.group[held]).argmax())
            share = float(sure[rows].max())
            best[experiment, plate] = group
            on_plate[experiment, plate] *= 1 - share
            on_plate[experiment, plate, group] += share
    column = np.full(len(layout.classes), -1)
    named = np.flatnonzero(scores.columns >= 0)
    column[scores.columns[named]] = named
    matrix = np.empty((len(wells), len(scores.columns)), np.float64)
    for experiment, plate, rows in by_plate(wells):
        logs = log_scores(scores, rows) / temperature
        inside = in_group(layout, scores, int(best[experiment, plate]))
        inside_best = logs[:, inside].max(axis=1, keepdims=True)
        part = np.exp(np.minimum(logs - np.where(np.isfinite(inside_best), inside_best, 0), 50))
        part /= np.maximum(part[:, inside].sum(axis=1, keepdims=True), 1e-300)
        part *= 1 - sure[rows, None]
        known = np.flatnonzero(classes[rows] != UNSEEN)
        part[known, column[classes[rows[known]]]] += sure[rows[known]]
        matrix[rows] = part
    probabilities = replace(scores, scores=matrix, rows=None, kind="probability", votes=None)
    return probabilities, replace(beliefs, best=best, on_plate=on_plate)
