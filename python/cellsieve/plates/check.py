"""Plates that are not what they are claimed to be, and layouts that are re-used."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.plates.infer import log_scores
from cellsieve.plates.layout import Layout
from cellsieve.plates.made import made
from cellsieve.plates.parts import Contents, chance_drawn, find_part
from cellsieve.plates.predictions import (
    HARD_MISS,
    Names,
    Source,
    WellScores,
    covered,
    join,
    read_sources,
)
from cellsieve.plates.wells import Wells, first
from cellsieve.schema.choices import Average, ScoreKind
from cellsieve.schema.types import Table
from cellsieve.schema.wellmap import plate_shape, well_places

UNSEEN = -1
"""The class of a well that a layout says nothing about."""
CONVINCING = 1e-4
"""A match counts if the best of as many random layouts does as well with less than this chance."""
TILTS = np.geomspace(0.05, 4.0, 16)
"""Values of t among which Chernoff's bound is minimised."""

Grid = NDArray[np.int64]
"""The class of each well of a plate by row and column; `UNSEEN` where nothing is known."""


def _shift(rows: int, columns: int) -> Callable[[Grid], Grid]:
    def move(grid: Grid) -> Grid:
        moved = np.full_like(grid, UNSEEN)
        height, width = grid.shape
        target = (
            slice(max(rows, 0), height + min(rows, 0)),
            slice(max(columns, 0), width + min(columns, 0)),
        )
        source = (
            slice(max(-rows, 0), height + min(-rows, 0)),
            slice(max(-columns, 0), width + min(-columns, 0)),
        )
        moved[target] = grid[source]
        return moved

    return move


def _half(side: str, mirror: Callable[[Grid], Grid]) -> Callable[[Grid], Grid]:
    """One half of the plate mirrored in itself; the other half as it is."""

    def move(grid: Grid) -> Grid:
        moved = grid.copy()
        rows, columns = (size // 2 for size in grid.shape)
        every = slice(None)
        part = {
            "left": (every, slice(columns)),
            "right": (every, slice(-columns, None)),
            "top": (slice(rows), every),
            "bottom": (slice(-rows, None), every),
        }[side]
        moved[part] = mirror(grid[part])
        return moved

    return move


MIRRORS: dict[str, Callable[[Grid], Grid]] = {
    "mirrored left-right": lambda grid: grid[:, ::-1],
    "mirrored top-bottom": lambda grid: grid[::-1, :],
}
WHOLE: dict[str, Callable[[Grid], Grid]] = {
    "as is": lambda grid: grid,
    "turned 180": lambda grid: grid[::-1, ::-1],
    **MIRRORS,
    "one row down": _shift(1, 0),
    "one row up": _shift(-1, 0),
    "one column right": _shift(0, 1),
    "one column left": _shift(0, -1),
    "two rows down": _shift(2, 0),
    "two rows up": _shift(-2, 0),
    "two columns right": _shift(0, 2),
    "two columns left": _shift(0, -2),
}
"""What can have happened to a whole plate."""
MOVES: dict[str, Callable[[Grid], Grid]] = {
    **WHOLE,
    **{
        f"{side} half {how}": _half(side, mirror)
        for side in ("left", "right", "top", "bottom")
        for how, mirror in MIRRORS.items()
    },
}
"""What can have happened to a plate: each turns a layout into the one that would be seen."""


def check(
    layout: Layout,
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
    """What each plate of a test file looks like, among known layouts."""
    if permutations < 1:
        raise ValueError(f"permutations: found {permutations}; expected at least 1")
    everyone = layout.wells_of(test)
    read = read_sources(layout, predictions, ids, classes)
    there = covered(everyone, read)
    wells = everyone.only(there)
    scores = join(layout, wells, read, kind, average, weights=weights)
    everywhere = _test_places(everyone, layout)
    places = everywhere[there]
    earlier_places = _layout_places(layout)
    shape = plate_shape(np.concatenate([everywhere, earlier_places]), "wells")
    known = _hypotheses(_known_layouts(layout, earlier_places, shape))
    claimed = _hypotheses(_claimed_layouts(layout, everyone, everywhere, shape))
    rng, part_rng = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    n_plates = len(layout.plates)
    everyone_place = everyone.experiment * n_plates + everyone.plate
    rows = []
    for key, these in _split(wells.experiment * n_plates + wells.plate):
        experiment, plate = divmod(key, n_plates)
        name = wells.experiments[experiment]
        evidence, log_mean = _evidence(layout, scores, these, temperature)
        here = places[these]
        chosen = claimed.of(name) + claimed.not_of(name) + known.not_of(name)
        if not chosen:
            continue
        seen = np.concatenate([group.grids[:, here[:, 0], here[:, 1]] for group in chosen])
        hypotheses = [hypothesis for group in chosen for hypothesis in group.each]
        score = _support(evidence, seen)
        best = int(score.argmax())
        null = _null(evidence, seen[best], permutations, rng)
        chance = chance_bound(evidence, seen[best], float(score[best]), len(score))
        if chance >= CONVINCING:
            draw = _random_plates(evidence, seen, rng)
            chance = chance_drawn(draw, float(score[best]), permutations)
        if chance < CONVINCING and hypotheses[best][1] not in WHOLE:
            best = _without_guesses(evidence, seen, hypotheses, score)
            chance = chance_bound(evidence, seen[best], float(score[best]), len(score))
        called = wells.plate_names[experiment, plate]
        row = {layout.columns.experiment: name, layout.columns.plate: called}
        row["wells"] = len(these)
        row["missing"] = int((~there & (everyone_place == key)).sum())
        claim = (name, called)
        differ = (seen != seen[best]).any(axis=1)
        second = score[differ].max() if differ.any() else -np.inf
        row |= _described(hypotheses, score, best, float(second), null, chance, claim)
        match = best if chance < CONVINCING else None
        contents, named = _contents(layout, evidence, log_mean, seen, hypotheses, match, name)
        part = find_part(contents, here, CONVINCING, permutations, part_rng)
        if part.wells:
            row["verdict"] += f", but {part.wells} {named[part.holds]}"
        rows.append(row | {"part": part.wells, "part_p": part.chance})
    if not rows:
        raise ValueError(f"{wells.name}: no plates to check")
    settings = {
        "kind": kind,
        "average": average,
        "weights": weights,
        "temperature": temperature,
        "permutations": permutations,
        "seed": seed,
    }
    return made(pd.DataFrame(rows), "plates check", layout, everyone, predictions, settings)


@dataclass(frozen=True)
class Known:
    """One plate whose classes are known, or claimed by the test file."""

    experiment: Hashable
    plate: Hashable
    grid: Grid
    claimed: bool


@dataclass(frozen=True)
class Hypotheses:
    """Every known plate with everything that can have happened to it."""

    each: list[tuple[Known, str]]
    grids: NDArray[np.int64]
    """`(hypotheses, rows, columns)`."""

    def of(self, experiment: Hashable) -> list["Hypotheses"]:
        """Those of one experiment."""
        return self._where([known.experiment == experiment for known, _ in self.each])

    def not_of(self, experiment: Hashable) -> list["Hypotheses"]:
        """Those of the other experiments."""
        return self._where([known.experiment != experiment for known, _ in self.each])

    def _where(self, wanted: list[bool]) -> list["Hypotheses"]:
        if not any(wanted):
            return []
        if all(wanted):
            return [self]
        each = [hypothesis for hypothesis, yes in zip(self.each, wanted, strict=True) if yes]
        return [Hypotheses(each, self.grids[np.array(wanted, bool)])]


def _hypotheses(plates: list[Known]) -> Hypotheses:
    each = [(known, move) for known in plates for move in MOVES]
    grids = [MOVES[move](known.grid) for known, move in each]
    return Hypotheses(each, np.stack(grids) if grids else np.empty((0, 0, 0), np.int64))


def chance_bound(
    evidence: NDArray[np.float64], seen: NDArray[np.int64], score: float, tries: int
) -> float:
    """At most how probable it is that the best of so many random layouts reaches the score.

    Chernoff's bound for wells that draw one of the layout's classes each, the least over t of
    exp(K(t) - t score), where K is the sum over wells of the logarithm of the mean of
    exp(t evidence); drawing without replacement only makes the tail thinner (Hoeffding 1963). No
    guess is needed at a tail made of rare, large terms.
    """
    drawn = evidence[:, seen]
    highest = drawn.max(axis=1, keepdims=True)
    bounds = [
        np.log(np.exp(t * (drawn - highest)).mean(axis=1)).sum() + t * (highest.sum() - score)
        for t in TILTS
    ]
    single = float(np.exp(min(0.0, *bounds)))
    return float(-np.expm1(tries * np.log1p(-min(single, 1 - 1e-12))))


def _random_plates(
    evidence: NDArray[np.float64], seen: NDArray[np.int64], rng: np.random.Generator
) -> Callable[[], float]:
    """Draws the best support of these layouts on a random plate.

    A random plate is this one with its wells in another order, the same for all layouts, so that
    layouts that resemble each other count once (Westfall and Young's maximum).
    """
    table = evidence.astype(np.float32)
    by_well = np.ascontiguousarray(seen.T % evidence.shape[1])

    def draw() -> float:
        total = np.zeros(len(seen), np.float32)
        for well, row in zip(by_well, rng.permutation(len(table)), strict=True):
            total += table[row].take(well)
        return float(total.max())

    return draw


def _contents(
    layout: Layout,
    evidence: NDArray[np.float64],
    log_mean: NDArray[np.float64],
    seen: NDArray[np.int64],
    hypotheses: list[tuple[Known, str]],
    match: int | None,
    experiment: Hashable,
) -> tuple[Contents, list[str]]:
    """What parts of a plate may hold, other than the layout that it matches, or else its group.

    And what to say of each.
    """
    shares = np.exp(evidence[:, :-1] + log_mean)
    by_group = np.stack(
        [shares[:, layout.group == group].mean(axis=1) for group in range(layout.n_groups)]
    )
    if match is None:
        own = np.full(len(evidence), UNSEEN)
        group = int(np.log(by_group).sum(axis=1).argmax())
    else:
        own = seen[match]
        group = int(np.bincount(layout.group[own[own != UNSEEN]]).argmax())
    numbers, named = [], []
    for number, (known, move) in enumerate(hypotheses):
        of_match = match is not None and known is hypotheses[match][0]
        if move == "as is" and not of_match:
            numbers.append(number)
            where = "" if known.claimed and known.experiment == experiment else known.experiment
            verb = "hold" if known.claimed else "re-use"
            named.append(" ".join(f"{verb} {where} plate {known.plate}".split()))
        elif of_match and number != match and move in WHOLE:
            numbers.append(number)
            named.append(f"are {move}")
    others = [other for other in range(layout.n_groups) if other != group]
    named += [f"hold group {other}" for other in others]
    # As if one well more held each class: what is low in all wells is no evidence in some of them.
    wary = log_mean - np.log(np.exp(log_mean) + 1 / len(evidence))
    contents = Contents(
        evidence + np.append(wary, 0.0),
        own,
        layout.group == group,
        seen[numbers],
        by_group[others],
        by_group[group],
    )
    return contents, [*named, "are in another order"]


def _described(
    hypotheses: list[tuple[Known, str]],
    score: NDArray[np.float64],
    best: int,
    second: float,
    null: NDArray[np.float64],
    chance: float,
    here: tuple[Hashable, Hashable],
) -> dict[str, Any]:
    """One row of the table: the best explanation against the claim and against chance."""
    match, move = hypotheses[best]
    twins = [
        f"{known.experiment} plate {known.plate}"
        for number, (known, how) in enumerate(hypotheses)
        if number != best and how == move and not known.claimed and score[number] == score[best]
    ]
    expected = [
        number
        for number, (known, how) in enumerate(hypotheses)
        if known.claimed and (known.experiment, known.plate) == here and how == "as is"
    ]
    claim = score[expected[0]] if expected else np.nan
    spread = null.std()
    if chance >= CONVINCING:
        verdict = "unclear" if expected else "no known layout"
    else:
        moved = "" if move == "as is" else move
        if not match.claimed:
            source = f"re-uses {match.experiment} plate {match.plate}"
            source += f" (as does {first(twins, 3)})" if twins else ""
        elif match.experiment != here[0]:
            source = f"{match.experiment} plate {match.plate}"
        elif match.plate != here[1]:
            source = f"plate {match.plate}"
        else:
            source = "" if moved else "as claimed"
        verdict = ", ".join(part for part in (source, moved) if part)
    return {
        "verdict": verdict,
        "best_experiment": match.experiment,
        "best_plate": match.plate,
        "best_move": move,
        "log_odds": score[best],
        "log_odds_to_claim": score[best] - claim,
        "log_odds_to_next": score[best] - second,
        "z": (score[best] - null.mean()) / spread if spread > 0 else 0.0,
        "p": chance,
    }


def _places(wells: NDArray[Any], plate: NDArray[np.int64], source: str) -> NDArray[np.int64]:
    """Row and column of each well; two names of one well of a plate are refused."""
    places = well_places(wells, source)
    twice = pd.DataFrame(places).assign(plate=plate).duplicated().to_numpy()
    if twice.any():
        raise ValueError(
            f"{source}: {first(wells[twice].tolist())}: on a plate that has this well under "
            "another name too (as B2 and B02); expected one row per well"
        )
    return places


def _test_places(wells: Wells, layout: Layout) -> NDArray[np.int64]:
    plate = wells.experiment * len(layout.plates) + wells.plate
    return _places(wells.well, plate, f"{wells.name}: column {layout.columns.well!r}")


def _layout_places(layout: Layout) -> NDArray[np.int64]:
    return _places(layout.wells["well"].to_numpy(), _layout_plate(layout), "layout: wells")


def _layout_plate(layout: Layout) -> NDArray[np.int64]:
    """Which plate of which experiment each of the layout's wells is on, as one number."""
    experiment, plate = (layout.wells[name].to_numpy() for name in ("experiment", "plate"))
    return np.asarray(experiment * len(layout.plates) + plate)


def _known_layouts(
    layout: Layout, places: NDArray[np.int64], shape: tuple[int, int]
) -> list[Known]:
    key = _layout_plate(layout)
    held = layout.wells["class"].to_numpy()
    return [
        Known(
            layout.experiments[int(one) // len(layout.plates)],
            layout.plate_name(*divmod(int(one), len(layout.plates))),
            _grid(places[rows], held[rows], shape),
            claimed=False,
        )
        for one, rows in _split(key)
    ]


def _claimed_layouts(
    layout: Layout, wells: Wells, places: NDArray[np.int64], shape: tuple[int, int]
) -> list[Known]:
    """The layouts that the test file itself gives, if it has a column of classes."""
    column = layout.columns.class_column
    if column not in wells.table.columns:
        return []
    held = layout.classes.get_indexer(pd.Index(wells.table[column]))  # others, too, are UNSEEN
    key = wells.experiment * len(layout.plates) + wells.plate
    return [
        Known(
            wells.experiments[int(one) // len(layout.plates)],
            wells.plate_names[divmod(int(one), len(layout.plates))],
            _grid(places[rows], held[rows], shape),
            claimed=True,
        )
        for one, rows in _split(key)
        if (held[rows] != UNSEEN).any()
    ]


def _split(key: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
    order = np.argsort(key, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(key[order])) + 1)
    return [(int(key[part[0]]), part) for part in parts if len(part)]


def _grid(places: NDArray[np.int64], held: NDArray[np.int64], shape: tuple[int, int]) -> Grid:
    grid = np.full(shape, UNSEEN, np.int64)
    grid[places[:, 0], places[:, 1]] = held
    return grid


def _evidence(
    layout: Layout, scores: WellScores, rows: NDArray[np.int64], temperature: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By how many nats each class explains each well better than a guess; 0 for what is unknown.

    `(wells, classes + 1)`: the last column is for `UNSEEN`. A class that the model favours all over
    the plate explains none of its wells: the mean of each class over the plate is taken out.

    And the logarithms of these means.
    """
    n_classes = len(layout.classes)
    if scores.votes is not None:
        logs = np.full((len(rows), n_classes), np.log(HARD_MISS / n_classes))
        logs[np.arange(len(rows)), scores.votes[rows]] = np.log1p(-HARD_MISS)
    else:
        logs = np.empty((len(rows), n_classes))
        named = scores.columns >= 0
        taken = log_scores(scores, rows)[:, named] / temperature
        if not np.isfinite(taken).any(axis=1).all() or np.isnan(taken).any():
            raise ValueError(
                f"{scores.name}: NaN, or rows without any finite score; expected numbers"
            )
        logs[:, scores.columns[named]] = taken
    logs -= logs.max(axis=1, keepdims=True)
    share = np.exp(logs)
    share /= share.sum(axis=1, keepdims=True)
    # A prediction is never quite sure, so that one wrong well cannot outweigh the plate.
    share = (1 - HARD_MISS) * share + HARD_MISS / n_classes
    log_mean = np.log(share.mean(axis=0))
    evidence = np.log(share) - log_mean
    return np.concatenate([evidence, np.zeros((len(rows), 1))], axis=1), log_mean


def _support(evidence: NDArray[np.float64], seen: NDArray[np.int64]) -> NDArray[np.float64]:
    """The evidence for each layout, summed over wells: the log-odds against a guess."""
    flat = evidence.ravel()
    start = np.arange(evidence.shape[0]) * evidence.shape[1]
    width = evidence.shape[1]
    result: NDArray[np.float64] = flat[start + seen % width].sum(axis=1)
    return result


def _without_guesses(
    evidence: NDArray[np.float64],
    seen: NDArray[np.int64],
    hypotheses: list[tuple[Known, str]],
    score: NDArray[np.float64],
) -> int:
    """The best layout, without those that owe it to a mirrored half no better than a guess.

    In a half whose wells are in some other order, every layout does badly, and one of them does
    least badly.
    """
    as_is = 0
    fit = score.copy()
    for number, (_, move) in enumerate(hypotheses):
        if move == "as is":
            as_is = number
        elif move not in WHOLE:
            wells = np.flatnonzero(seen[number] != seen[as_is])
            if evidence[wells, seen[number, wells]].sum() <= 0:
                fit[number] = -np.inf
    return int(fit.argmax())


def _null(
    evidence: NDArray[np.float64],
    seen: NDArray[np.int64],
    permutations: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """The support for layouts of the same classes in random wells."""
    shuffled = rng.permuted(np.broadcast_to(seen, (permutations, len(seen))), axis=1)
    return _support(evidence, shuffled)


def shared_layouts(layout: Layout, at_least: float = 0.5) -> pd.DataFrame:
    """Plates of different experiments whose layouts agree."""
    places = _layout_places(layout)
    shape = plate_shape(places, "layout: wells")
    known = _known_layouts(layout, places, shape)
    rows: list[tuple[Hashable, ...]] = []
    for number, plate in enumerate(known):
        inside = plate.grid != UNSEEN
        moved = {move: how(plate.grid) for move, how in WHOLE.items()}
        for other in known[number + 1 :]:
            if other.experiment == plate.experiment:
                continue
            both = min(int(inside.sum()), int((other.grid != UNSEEN).sum()))
            for move, grid in moved.items():
                share = int(((grid == other.grid) & (grid != UNSEEN)).sum()) / max(both, 1)
                if share >= at_least:
                    pair = (plate.experiment, plate.plate, other.experiment, other.plate)
                    rows.append((*pair, move, share))
    columns = layout.columns
    names = [columns.experiment, columns.plate]
    names += [f"other_{columns.experiment}", f"other_{columns.plate}", "move", "share"]
    return pd.DataFrame(rows, columns=names)
