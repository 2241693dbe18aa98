"""Which group can be on which plate: assignments seen, and those that follow from them."""

from itertools import permutations
from math import factorial

import numpy as np
from numpy.typing import NDArray

LIMIT = 1_000
"""More assignments than this are not listed."""

MISSING = -1
"""Stands for the group of a plate that an experiment does not have."""

Assignment = tuple[int, ...]
"""The group on each plate, in the order of the plates."""


def complete(observed: list[Assignment], groups: int) -> list[Assignment | None]:
    """Each assignment with the groups of missing plates filled in, where there is one way only.

    One missing plate holds the one group that is left; more are filled in from the complete
    assignments of other experiments, if just one agrees. `None` where it stays open.
    """
    filled = [_by_elimination(assignment, groups) for assignment in observed]
    whole = {assignment for assignment in filled if MISSING not in assignment}
    known = close(sorted(whole))
    result: list[Assignment | None] = []
    for assignment in filled:
        if assignment in whole:
            result.append(assignment)
            continue
        agreeing = [other for other in known if _agree(assignment, other)]
        result.append(agreeing[0] if len(agreeing) == 1 else None)
    return result


def _by_elimination(assignment: Assignment, groups: int) -> Assignment:
    left = set(range(groups)) - set(assignment)
    if assignment.count(MISSING) == 1 == len(left):
        return tuple(left.pop() if group == MISSING else group for group in assignment)
    return assignment


def _agree(partial: Assignment, whole: Assignment) -> bool:
    return all(a in (MISSING, b) for a, b in zip(partial, whole, strict=True))


def close(observed: list[Assignment]) -> list[Assignment]:
    """The observed assignments and all that follow from them, closed under composition.

    Two assignments of the same groups differ by a permutation of the plates. What these
    permutations generate (in RxRx1: rotations), applied to each observed assignment, gives the
    closed set; so a rotation that was never seen is there if it combines those that were.
    Where the closed set would exceed `LIMIT`, only the observed ones are returned.
    """
    reference = _references(observed)
    moves = _moves(observed)
    if moves is None:
        return list(dict.fromkeys(observed))
    return sorted({tuple(a[place] for place in move) for a in reference.values() for move in moves})


def free(observed: list[Assignment]) -> bool:
    """Whether so many assignments follow from the observed ones that any is to be expected."""
    return _moves(observed) is None


def _references(observed: list[Assignment]) -> dict[frozenset[int], Assignment]:
    """One assignment of each set of groups."""
    reference: dict[frozenset[int], Assignment] = {}
    for assignment in observed:
        reference.setdefault(frozenset(assignment), assignment)
    return reference


def _moves(observed: list[Assignment]) -> set[Assignment] | None:
    """What the permutations between observed assignments generate; `None` if it is too much."""
    reference = _references(observed)
    moves = {
        tuple(reference[frozenset(assignment)].index(group) for group in assignment)
        for assignment in observed
    }
    size = len(observed[0]) if observed else 0
    reached = {tuple(range(size))}
    frontier = list(reached)
    while frontier:
        new = {
            tuple(move[place] for place in each) for each in frontier for move in moves
        } - reached
        reached |= new
        frontier = list(new)
        if len(reached) * len(reference) > LIMIT:
            return None
    return reached


def _libraries(closed: NDArray[np.int64]) -> list[Assignment]:
    """The sets of groups that are in one experiment together."""
    return sorted({tuple(sorted(assignment)) for assignment in closed.tolist()})


def orders(closed: NDArray[np.int64]) -> int:
    """How many orders of these groups there are."""
    return len(_libraries(closed)) * factorial(closed.shape[1])


def every(closed: NDArray[np.int64]) -> NDArray[np.int64]:
    """The closed set first, then every other order of the same groups.

    Raises:
        ValueError: there are more than `LIMIT`.
    """
    if orders(closed) > LIMIT:
        raise ValueError(f"candidates: {closed.shape[1]} plates have too many orders to list")
    libraries = _libraries(closed)
    known = {tuple(assignment) for assignment in closed.tolist()}
    others = [order for groups in libraries for order in permutations(groups) if order not in known]
    return np.array([*closed.tolist(), *sorted(others)], dtype=np.int64)
