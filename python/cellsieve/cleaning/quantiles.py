"""Exact quantiles by group over a table in parts, of which one is in memory at a time.

Two passes. The first counts, by group, the values that share their leading bits; the counts say in
which buckets the wanted order statistics lie. The second gathers the values of these buckets alone.
Counts add up, so parts can be read in any order, or on different machines.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.cleaning.passes import Passes
from cellsieve.schema.groups import Part

#: Leading bits that make a bucket: sign, exponent and 8 bits of the fraction.
BITS = 20


def group_quantiles(probabilities: Sequence[float]) -> Passes:
    """The quantiles of each group, equal to `numpy.quantile` (method "linear") to the last bit.

    Two passes; rows without a group or with a NaN value count for nothing.

    Args:
        probabilities: numbers from 0 to 1.

    Returns:
        One row per group, by ascending group, which is the index: `n` (values) and for each
        probability, by its index k in `probabilities`, the quantile (a column named by the number
        k), and `at_smallest_k` and `at_largest_k`: how many values equal the quantile where it is
        the group's smallest (largest) value, else 0.

    Raises:
        ValueError: a probability outside 0 to 1.
    """
    for probability in probabilities:
        if not 0 <= probability <= 1:
            raise ValueError(f"quantile: found {probability}; expected a number from 0 to 1")
    codes: dict[Any, int] = {}
    keys, counts = np.array([], np.int64), np.array([], np.int64)
    while (part := (yield)) is not None:
        part_keys, part_counts = np.unique(_keys(part, codes)[0], return_counts=True)
        keys, index = np.unique(np.concatenate([keys, part_keys]), return_inverse=True)
        counts = np.bincount(index, np.concatenate([counts, part_counts])).astype(np.int64)

    # The values in the order of their keys: where each bucket ends, where each group does.
    ends = np.cumsum(counts)
    edges = np.searchsorted(keys >> BITS, np.arange(len(codes) + 1))
    first, last = edges[:-1], edges[1:] - 1  # the buckets of each group
    starts = ends[first] - counts[first]
    sizes = ends[last] - starts
    names = sorted(codes)
    table = pd.DataFrame(index=names)
    rows = np.array([codes[name] for name in names], np.int64)
    table["n"] = sizes[rows]

    # In which bucket each wanted order statistic lies, and how far into it.
    ranks, buckets = [], []
    for probability in probabilities:
        previous = np.minimum(((sizes - 1) * probability).astype(np.int64), sizes - 1)
        ranks.append(starts + np.stack([previous, np.minimum(previous + 1, sizes - 1)]))
        buckets.append(np.searchsorted(ends, ranks[-1], side="right"))
    hits = np.unique(np.concatenate([np.array([], np.int64), *map(np.ravel, buckets)]))
    hit_keys, numbers = np.array([], np.int64), np.array([], np.float64)
    gathered = [(hit_keys, numbers)]
    while (part := (yield)) is not None:
        part_keys, values = _keys(part, codes)
        hit = np.isin(part_keys, keys[hits])
        gathered.append((part_keys[hit], values[hit]))
    hit_keys, numbers = (np.concatenate(arrays) for arrays in zip(*gathered, strict=True))
    order = np.lexsort((numbers, hit_keys))
    hit_keys, numbers = hit_keys[order], numbers[order]
    before = np.cumsum(counts[hits]) - counts[hits]  # values in earlier buckets of these
    # How many values of its bucket equal each of them.
    new = np.append(True, (hit_keys[1:] != hit_keys[:-1]) | (numbers[1:] != numbers[:-1]))
    run = np.cumsum(new[: len(numbers)]) - 1
    equal = np.bincount(run)[run]

    for number, probability in enumerate(probabilities):
        at = np.searchsorted(hits, buckets[number])
        within = ranks[number] - (ends - counts)[buckets[number]]
        places = before[at] + within
        pairs = numbers[places]
        value = np.empty(len(sizes))
        # Two neighbours and the way between them: numpy's own interpolation does the rest.
        way = (sizes - 1) * probability % 1
        for share in np.unique(way):
            alike = way == share
            value[alike] = np.quantile(pairs[:, alike], share, axis=0)
        table[number] = value[rows]
        for end, bucket, side, step in (("smallest", first, 0, 0), ("largest", last, 1, -1)):
            # Where the quantile is an end of the group, so is its bucket.
            found = buckets[number][side] == bucket
            place = np.where(found, before[at[side]] + step % counts[bucket], 0)
            found &= numbers[place] == value
            table[f"at_{end}_{number}"] = np.where(found, equal[place], 0)[rows]
    return table


def _keys(part: Part, codes: dict[Any, int]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """A number for the group and the bucket of each value; rows without either are left out."""
    groups, values = part.whole()
    values = values + 0.0  # -0.0 and 0.0 are one value
    here = np.unique(groups.codes)  # a name without a value is no group
    own = np.zeros(len(groups.names), np.int64)
    own[here] = [codes.setdefault(name, len(codes)) for name in groups.names[here]]
    return own[groups.codes] << BITS | _buckets(values), values


def _buckets(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The leading bits of the values, in the order of the values."""
    bits = np.ascontiguousarray(values).view(np.uint64)
    # Negative numbers grow backwards: turn all their bits; lift the others above them.
    sign = np.uint64(1 << 63)
    ordered = np.where(bits & sign, ~bits, bits | sign)
    return (ordered >> np.uint64(64 - BITS)).astype(np.int64)
