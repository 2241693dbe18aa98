"""Parts of a plate that hold something else than the rest of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellsieve.schema.wellmap import row_name

Floats = NDArray[np.floating]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

SIDE = 6
"""Rectangles are tried whose edges are multiples of a sixth of the rows and columns used."""
LARGEST = 2 / 3
"""A part has at most this share of the wells: the rest is what the plate is."""
ASTRAY = 0.25
"""How probable it is that the scores of a well in a part say nothing of it."""
AS_TOLD = 0.1
"""How probable it is that a well in a part holds what it is taken for all the same."""
REACHED = 8
"""Random plates stop being drawn when so many have reached the score (Besag and Clifford 1991)."""


def chance_drawn(draw: Callable[[], float], score: float, most: int) -> float:
    """How probable it is that what is drawn reaches the score: a p value.

    It is drawn until some have reached the score, at most `most` times.
    """
    reached = 0
    # Single precision is not to tell apart what is equal.
    enough = score - 1e-4 * max(1.0, abs(score))
    for drawn in range(1, most + 1):
        reached += draw() >= enough
        if reached == REACHED:
            return reached / drawn
    return (1 + reached) / (1 + most)


@dataclass(frozen=True)
class Part:
    """The part of a plate that most looks like something else."""

    wells: str
    """From its first to its last, as "B02 to H12"; empty where no part convinces."""
    holds: int
    """The number of what it looks like: of layouts, then of groups; at last, another order."""
    chance: float
    """How probable it is to find such a part on a plate that is what it is taken for throughout."""


class Rectangles:
    """Parts of a plate: rectangles between some rows and columns, the cuts."""

    def __init__(self, places: Numbers, cuts: tuple[Numbers, Numbers], edges: Numbers) -> None:
        """`edges` is `(rectangles, 4)`: the numbers of the cuts above, below, left and right."""
        row, column = (
            np.searchsorted(each, places[:, axis], "right") for axis, each in enumerate(cuts)
        )
        self.shape = (len(cuts[0]), len(cuts[1]))
        cell = row * self.shape[1] - self.shape[1] + column - 1
        self.order = np.argsort(cell, kind="stable")
        self.cells, self.starts = np.unique(cell[self.order], return_index=True)
        top, bottom, left, right = edges.T
        self.corners = [
            y * self.shape[1] + x
            for y, x in ((bottom, right), (top, left), (top, right), (bottom, left))
        ]
        self.edges = np.stack(
            [cuts[0][top], cuts[0][bottom], cuts[1][left], cuts[1][right]], axis=1
        )
        self.inside = np.array([within(places, each) for each in self.edges]).T

    @staticmethod
    def of(places: Numbers) -> "Rectangles":
        """Those of the rows and columns between the first and the last that are used."""
        low, high = places.min(axis=0), places.max(axis=0) + 1
        cuts = tuple(
            np.unique(np.linspace(low[axis], high[axis], SIDE + 1).round().astype(np.int64))
            for axis in (0, 1)
        )
        spans = [np.stack(np.triu_indices(len(each), 1), axis=1) for each in cuts]
        pairs = [np.repeat(spans[0], len(spans[1]), axis=0), np.tile(spans[1], (len(spans[0]), 1))]
        every = Rectangles(places, (cuts[0], cuts[1]), np.concatenate(pairs, axis=1))
        size = every.inside.sum(axis=0)
        use = (size > 0) & (size <= LARGEST * len(places))
        return Rectangles(places, (cuts[0], cuts[1]), np.concatenate(pairs, axis=1)[use])

    def __len__(self) -> int:
        return len(self.edges)

    def sums(self, values: Floats) -> Floats:
        """The sum of each row's values over the wells of each rectangle: `(rows, rectangles)`.

        From sums over everything above and to the left of each corner, without BLAS, whose threads
        cost more than they are worth here.
        """
        table = np.zeros((len(values), *self.shape))
        flat = table.reshape(len(values), self.shape[0] * self.shape[1])
        if len(self.starts):
            inner = np.zeros((len(values), self.shape[0] * self.shape[1]))
            inner[:, self.cells] = np.add.reduceat(values[:, self.order], self.starts, axis=1)
            inner = inner.reshape(table.shape)[:, :-1, :-1]
            np.cumsum(np.cumsum(inner, axis=1), axis=2, out=table[:, 1:, 1:])
        ends, begins, above, before = (flat.take(corner, axis=1) for corner in self.corners)
        found: Floats = ends + begins - above - before
        return found


class Contents:
    """What the wells of a plate may hold, other than they are taken for, and what speaks for it.

    A well in such a part holds a class that the alternative allows, and its score (the mean, if
    there are several) is compared with the mean over all classes that could as well be there:
    where the plate is what it is taken for, which of these the scores favour is chance.
    """

    def __init__(
        self,
        evidence: Floats,
        own: Numbers,
        here: Flags,
        layouts: Numbers,
        groups: Floats,
        held: Floats,
    ) -> None:
        """`own` is the class of each well, -1 if unknown; `here` flags the classes of the plate.

        `evidence` is `(wells, classes + 1)`, 0 in the last column; `layouts` is `(layouts, wells)`,
        -1 where one says nothing. `groups` are the mean shares of each other group's classes,
        `(groups, wells)`, and `held` those of the plate's own group.
        """
        every, known = np.arange(len(own)), own >= 0
        self.own, self.evidence = own, evidence
        self.as_taken = evidence[every, own]
        value = np.exp(evidence[:, :-1])
        value[known, own[known]] = 0.0
        self.gain: Floats = np.empty(value.shape, np.float32)
        """By how much a well is likelier to hold a class than what it is taken for, less 1."""
        self.pools = [np.flatnonzero(here), np.flatnonzero(~here)]
        for pool in self.pools:
            count = np.maximum(len(pool) - np.isin(own, pool), 1)
            mean = np.maximum(value[:, pool].sum(axis=1) / count, 1e-30)
            doubt = _doubt(mean, np.exp(self.as_taken))[:, None]
            self.gain[:, pool] = doubt * (value[:, pool] / mean[:, None] - 1)
        self.layouts = np.where(layouts == own, -1, layouts)
        self.others = np.where(known & (own != own[:, None]), own, -1)
        self.ordered = bool(known.any())
        every_group = np.stack([*groups, held, np.zeros_like(held)])
        second, top = np.sort(every_group, axis=0)[-2:]
        ahead = np.where(groups == top, top - second, 0.0) / every_group.sum(axis=0)
        mean = np.maximum(ahead.mean(axis=1, keepdims=True), 1e-30)
        # A group's wells are compared with all wells.
        self.group_gain = (1 - ASTRAY) * (ahead / mean - 1)
        self.group_lead = np.log(groups) - np.log(held)
        kinds = np.array([len(layouts), len(groups), int(self.ordered)])
        # Layouts, groups and another order are as probable; each layout as any other.
        self.prior = -np.log(np.repeat(kinds * (kinds > 0).sum(), kinds))

    def __len__(self) -> int:
        return len(self.prior)

    def shuffled(self, rng: np.random.Generator) -> tuple[Numbers, Numbers]:
        """Classes in random places, each among those that could as well be there; and wells."""
        order = np.arange(self.gain.shape[1])
        for pool in self.pools:
            order[pool] = rng.permutation(pool)
        return order, rng.permutation(len(self.own))

    def _gains(self, classes: Numbers, order: Numbers | None, wells: Numbers) -> Floats:
        """Of some classes of some wells; 0 where there is none."""
        taken = classes
        if order is not None:
            # No well's own class is another's: it stays where it is.
            own = self.own[wells]
            taken = order[classes]
            taken = np.where((taken == own) & (own >= 0), order[own], taken)
        return np.where(classes >= 0, self.gain[wells, taken], 0.0)

    def odds(self, parts: Rectangles, shuffled: tuple[Numbers, Numbers] | None = None) -> Floats:
        """By how many nats each alternative explains each part better: `(alternatives, parts)`.

        If the plate is what it is taken for, the sum of exponentials over the alternatives is 1 on
        average over the places that classes could have, and wells.
        """
        order, wells = shuffled or (None, slice(None))
        found = np.zeros((len(self), len(parts)))
        every, split = np.arange(len(self.own)), len(self.layouts)
        if split:
            found[:split] = parts.sums(np.log1p(self._gains(self.layouts, order, every)))
        found[split : split + len(self.group_gain)] = parts.sums(
            np.log1p(self.group_gain[:, wells])
        )
        if self.ordered:
            total = parts.sums(self._gains(self.others, order, every[:, None]))
            count = parts.sums((self.others >= 0).astype(np.float32))
            logs = np.log1p(total / np.maximum(count, 1))
            found[-1] = np.where(parts.inside, logs, 0.0).sum(axis=0)
        found += self.prior[:, None]
        return found

    def lead(self, holds: int, parts: Rectangles) -> Floats:
        """By how many nats an alternative explains each part better than what it is taken for."""
        number = holds - len(self.layouts)
        every = np.arange(len(self.own))
        if number < 0:
            held = self.layouts[holds]
            ahead = np.where(held >= 0, self.evidence[every, held] - self.as_taken, 0.0)
            return parts.sums(ahead[None]).ravel()
        if number < len(self.group_lead):
            return parts.sums(self.group_lead[number][None]).ravel()
        value = np.where(self.own >= 0, np.exp(self.evidence[:, self.own]), 0.0)
        known = parts.sums((self.own >= 0).astype(float)[None])
        mean = parts.sums(value) / np.maximum(known, 1)
        logs = np.log(np.maximum(mean, 1e-30)) - self.as_taken[:, None]
        found: Floats = np.where(parts.inside, logs, 0.0).sum(axis=0)
        return found


def _doubt(others: Floats, own: Floats) -> Floats:
    """How far a well in a part may hold what others do, rather than what it is taken for."""
    found: Floats = (1 - ASTRAY) * others / (others + AS_TOLD / (1 - AS_TOLD) * own)
    return found


def find_part(
    contents: Contents,
    places: Numbers,
    convincing: float,
    permutations: int,
    rng: np.random.Generator,
) -> Part:
    """The part of a plate that an alternative explains best, and how probable that is by chance.

    By Markov's inequality, their odds, averaged over the parts, reach x with a chance below 1/x.
    Where that does not convince, classes are put in random places, the same for all alternatives,
    and the best of these is compared.
    """
    parts = Rectangles.of(places)
    odds = contents.odds(parts)
    if not odds.size:
        return Part("", 0, np.nan)
    highest = float(odds.max())
    holds, best = (int(k) for k in np.unravel_index(odds.argmax(), odds.shape))
    mean = np.exp(odds - highest).sum(axis=0).mean()
    chance = float(np.exp(min(0.0, -highest - np.log(mean))))
    if chance < convincing:
        edges, lead = _sharpened(contents, places, holds, parts.edges[best])
        if lead > 0:
            top, bottom, left, right = edges.tolist()
            named = f"{row_name(top)}{left + 1:02d} to {row_name(bottom - 1)}{right:02d}"
            return Part(named, holds, chance)
    # Of a well's own odds nothing is drawn anew: how good its scores are may depend on its place.
    drawn = chance_drawn(
        lambda: float(contents.odds(parts, contents.shuffled(rng)).max()), highest, permutations
    )
    return Part("", holds, drawn)


def within(places: Numbers, edges: Numbers) -> Flags:
    """Whether places are in a rectangle."""
    row, column = places.T
    top, bottom, left, right = edges
    inside: Flags = (row >= top) & (row < bottom) & (column >= left) & (column < right)
    return inside


def _sharpened(
    contents: Contents, places: Numbers, holds: int, edges: Numbers
) -> tuple[Numbers, float]:
    """Edges where an alternative leads most: columns, then rows, until neither gains."""
    low, high = places.min(axis=0), places.max(axis=0) + 1
    cuts = np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1)
    lead = -np.inf
    while True:
        before = lead
        for axis in (1, 0):
            pairs = np.stack(np.triu_indices(len(cuts[axis]), 1), axis=1)
            tried = np.tile(edges - np.repeat(low, 2), (len(pairs), 1))
            tried[:, 2 * axis : 2 * axis + 2] = pairs
            every = Rectangles(places, cuts, tried)
            leads = contents.lead(holds, every)
            edges, lead = every.edges[int(leads.argmax())], float(leads.max())
        if lead <= before + 1e-9:
            return edges, lead
