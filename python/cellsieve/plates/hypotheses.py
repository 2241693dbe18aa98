"""Which assignments of groups to plates are possible, and how probable evidence makes them."""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cellsieve.plates import orders, permutations
from cellsieve.plates.layout import Layout
from cellsieve.plates.logs import log_sum
from cellsieve.schema.choices import Candidates, Prior, check_choice

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PSEUDOCOUNT = 5.0
"""Added to how often each assignment was seen, where counts are the prior."""
OTHERS = 0.01
"""The prior of all assignments outside the closed set together."""
ABSENT = -1
"""Stands for the group of a plate without wells where every order is possible."""


@dataclass(frozen=True)
class Found:
    """What is known of each experiment's assignment."""

    groups: Integers
    """The group on each plate, by the best assignment: `(experiments, plates)`."""
    number: Integers
    """The best assignment's number; -1 if it is not in the closed set."""
    posterior: Floats
    margin: Floats
    """Nats of log posterior to the second best."""
    columns: dict[str, NDArray[Any]]
    """For the table: probabilities of assignments, or of groups on plates."""


class Hypotheses(Protocol):
    """Assignments that are compared.

    Evidence is `(experiments, plates, groups)`, 0 on plates without wells and -inf where a group
    can't be. An assignment is as probable as its prior times the exponential of its evidence times
    a power; log weights of powers are `(experiments, powers)`.
    """

    listed: Integers
    """Those whose shares of votes stand in the table."""

    def log_mean(self, evidence: Floats, powers: Floats) -> Floats:
        """The logarithm of the mean over assignments for each power, `(experiments, powers)`."""

    def best(self, evidence: Floats, powers: Floats, log_weights: Floats) -> Integers:
        """The group on each plate by the most probable assignment, `(experiments, plates)`."""

    def best_of_all(self, evidence: Floats, powers: Floats, log_weights: Floats) -> Integers:
        """As `best`, among all orders if they can be listed."""

    def found(
        self, evidence: Floats, powers: Floats, weights: Floats, present: NDArray[np.bool_]
    ) -> Found:
        """The posterior, averaged over powers; `present` says which plates have wells."""


def hypotheses(layout: Layout, candidates: Candidates | None, prior: Prior) -> "Hypotheses":
    """Those that are asked for; by default the closed set, or every order where plates are free."""
    check_choice("prior", prior, Prior)
    candidates = candidates or ("all" if layout.free else "closed")
    check_choice("candidates", candidates, Candidates)
    if layout.barcodes is not None:
        return Orders(layout)
    if candidates == "all" and permutations.orders(layout.assignments) > permutations.LIMIT:
        return Orders(layout)
    return Listed(layout, layout.candidates(candidates), prior)


class Listed:
    """Some assignments, and "none of these": any other order of the same groups."""

    def __init__(self, layout: Layout, assignments: Integers, prior: Prior) -> None:
        self.assignments = self.listed = assignments
        closed = len(layout.counts)
        count = np.zeros(closed) if prior == "flat" else layout.counts.astype(float)
        share = (count + PSEUDOCOUNT) / (count + PSEUDOCOUNT).sum()
        others = len(assignments) - closed
        if others:
            share = np.concatenate([(1 - OTHERS) * share, np.full(others, OTHERS / others)])
        self.log_prior: Floats = np.log(share)

    def total(self, evidence: Floats, assignments: Integers) -> Floats:
        """The evidence for each assignment."""
        plates = np.arange(evidence.shape[1])
        return np.asarray(evidence[:, plates[None, :], assignments].sum(axis=2))

    def log_mean(self, evidence: Floats, powers: Floats) -> Floats:
        """As promised."""
        joint = self.total(evidence, self.assignments)[:, :, None] * powers
        return log_sum(joint + self.log_prior[:, None], axis=1)

    def best(self, evidence: Floats, powers: Floats, log_weights: Floats) -> Integers:
        """As promised; the first of equals."""
        return self._best(self.assignments, self.log_prior, evidence, powers, log_weights)

    def best_of_all(self, evidence: Floats, powers: Floats, log_weights: Floats) -> Integers:
        """As promised."""
        if permutations.orders(self.assignments) > permutations.LIMIT:
            return self.best(evidence, powers, log_weights)
        every = permutations.every(self.assignments)
        return self._best(every, np.zeros(len(every)), evidence, powers, log_weights)

    def _best(
        self,
        assignments: Integers,
        log_prior: Floats,
        evidence: Floats,
        powers: Floats,
        log_weights: Floats,
    ) -> Integers:
        score = self.total(evidence, assignments)[:, :, None] * powers
        score = log_sum(score + log_weights[:, None, :], axis=2) + log_prior
        return np.asarray(assignments[score.argmax(axis=1)])

    def found(
        self, evidence: Floats, powers: Floats, weights: Floats, present: NDArray[np.bool_]
    ) -> Found:
        """As promised; the first of equals."""
        total = self.total(evidence, self.assignments)
        joint = total[:, :, None] * powers + self.log_prior[:, None]
        listed = log_sum(joint, axis=1)
        none = np.full_like(listed, -np.inf)
        for pattern in np.unique(present, axis=0):
            these = (present == pattern).all(axis=1)
            none[these] = self._none(evidence[these][:, pattern], powers, pattern)
        whole = np.logaddexp(listed, none)
        posterior = (np.exp(joint - whole[:, None, :]) * weights[:, None, :]).sum(axis=2)
        posterior = np.minimum(posterior, 1)  # rounded, their sum may be a little more
        no_more = (np.exp(none - whole) * weights).sum(axis=1)
        best = posterior.argmax(axis=1)
        ordered = np.sort(posterior, axis=1)
        with np.errstate(divide="ignore"):
            margin = np.log(ordered[:, -1])
            if ordered.shape[1] > 1:
                margin = margin - np.log(ordered[:, -2])
            else:
                margin = margin - np.log(no_more)
        every = np.arange(len(best))
        score = log_sum(
            total[:, :, None] * powers + np.log(np.maximum(weights, 1e-300))[:, None, :], axis=2
        )
        wide = {"score": score - score.max(axis=1, keepdims=True), "posterior": posterior}
        columns: dict[str, NDArray[Any]] = {
            f"{name}_{k}": values[:, k]
            for name, values in wide.items()
            for k in range(len(total.T))
        }
        columns["posterior_none"] = no_more
        return Found(self.assignments[best], best, posterior[every, best], margin, columns)

    def _none(self, evidence: Floats, powers: Floats, pattern: NDArray[np.bool_]) -> Floats:
        """The logarithm of prior times evidence of all other orders together."""
        here = np.unique(self.assignments[:, pattern], axis=0)
        plates, groups = evidence.shape[1:]
        others = math.perm(groups, plates) - len(here)
        if others <= 0:
            return np.full((len(evidence), len(powers)), -np.inf)
        powered = evidence[:, None] * powers[:, None, None]
        every = orders.sums(powered.reshape(-1, plates, groups))[0].reshape(powered.shape[:2])
        listed = log_sum(self.total(evidence, here)[:, :, None] * powers, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            rest = every + np.log1p(-np.minimum(np.exp(listed - every), 1))
        rest = np.where(np.isnan(rest), -np.inf, rest)
        return np.asarray(rest + np.log(OTHERS) - math.log(others))


class Orders:
    """Every order of the groups alike: more than can be listed."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.listed = layout.assignments[:0]
        self.number = {tuple(row): n for n, row in enumerate(layout.assignments.tolist())}

    def log_mean(self, evidence: Floats, powers: Floats) -> Floats:
        """As promised."""
        powered = evidence[:, None] * powers[:, None, None]
        total = orders.sums(powered.reshape(-1, *evidence.shape[1:]))[0]
        return total.reshape(powered.shape[:2])

    def best(self, evidence: Floats, powers: Floats, log_weights: Floats) -> Integers:
        """As promised; it is the same for every power."""
        return np.stack([orders.two_best(each)[0] for each in evidence])

    best_of_all = best

    def found(
        self, evidence: Floats, powers: Floats, weights: Floats, present: NDArray[np.bool_]
    ) -> Found:
        """As promised."""
        groups = np.full(present.shape, ABSENT)
        on_plate = np.zeros(evidence.shape)
        posterior, margin = np.zeros((2, len(evidence)))
        for e, here in enumerate(present):
            table = evidence[e, here]
            groups[e, here], behind = orders.two_best(table)
            total, marginals = orders.sums(table * powers[:, None, None])
            best = table[np.arange(len(table)), groups[e, here]].sum()
            share = np.exp(np.minimum(best * powers - total, 0.0))
            posterior[e] = (weights[e] * share).sum()
            second = (weights[e] * share * np.exp(-behind * powers)).sum()
            with np.errstate(divide="ignore"):
                margin[e] = np.log(posterior[e]) - np.log(second)
            on_plate[e, here] = np.einsum("b,bqg->qg", weights[e], marginals)
        number = np.array([self.number.get(tuple(row), -1) for row in groups.tolist()])
        columns: dict[str, NDArray[Any]] = {}
        for q, plate in enumerate(self.layout.plates):
            columns[f"{self.layout.columns.plate}_{plate}"] = groups[:, q]
        for q, plate in enumerate(self.layout.plates):
            for g in range(evidence.shape[2]):
                columns[on_column(plate, g)] = on_plate[:, q, g]
        return Found(groups, number, posterior, margin, columns)


def on_column(plate: object, group: int) -> str:
    """The column of the probability that a group is on a plate."""
    return f"group_{group}_on_{plate}"
