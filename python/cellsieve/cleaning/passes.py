"""Many computations over a table in parts that share their passes over it.

A computation is a generator that is sent the parts one after the other, and None at the end of each
pass. It returns its result when it has seen enough passes. However many there are, the table is
read as often as the one that needs most passes.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TypeVar

import pandas as pd

from cellsieve.schema.groups import Part

Passes = Generator[None, Part | None, pd.DataFrame]
"""A computation over parts."""

Piece = TypeVar("Piece")


def run_passes(
    pieces: Callable[[], Iterable[Piece]],
    computations: Sequence[Passes],
    part_of: Callable[[Piece, int], Part],
) -> list[pd.DataFrame]:
    """The result of each computation.

    Args:
        pieces: called once per pass; gives the same each time.
        computations: not started yet.
        part_of: the part that a piece is to the computation of this number.
    """
    results: dict[int, pd.DataFrame] = {}
    for each in computations:
        next(each)
    while len(results) < len(computations):
        active = [number for number in range(len(computations)) if number not in results]
        for piece in pieces():
            for number in active:
                computations[number].send(part_of(piece, number))
        for number in active:
            try:
                computations[number].send(None)
            except StopIteration as end:
                results[number] = end.value
    return [results[number] for number in range(len(computations))]


def changed(passes: Passes, change: Callable[[Part], Part]) -> Passes:
    """A computation that sees every part changed."""
    next(passes)
    while True:
        part = yield
        try:
            passes.send(None if part is None else change(part))
        except StopIteration as end:
            result: pd.DataFrame = end.value
            return result
