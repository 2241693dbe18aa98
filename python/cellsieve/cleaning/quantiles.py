"""Exact quantiles by group over a table in parts, of which one is in memory at a time.

Two passes. The first counts, by group, the values that share their leading bits; the counts say in
which buckets the wanted order statistics lie. The second gathers the values of these buckets alone.
Counts add up, so parts can be read in any order, or on different machines.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Leading bits that make a bucket: sign, exponent and 8 bits of the fraction.
BITS = 20

Part = tuple["pd.Series[Any]", "pd.Series[Any]"]


def group_quantiles(
    parts: Callable[[], Iterable[Part]], probabilities: Sequence[float]
) -> pd.DataFrame:
    """The quantiles of each group, equal to `numpy.quantile` (method "linear") to the last bit.

    Args:
        parts: called twice; each time it gives the same parts: a series of groups and one of
            values, of the same length. Rows without a group or with a NaN value take no part.
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
    for groups, values in parts():
        part_keys, part_counts = np.unique(_keys(groups, values, codes)[0], return_counts=True)
        keys, index = np.unique(np.concatenate([keys, part_keys]), return_inverse=True)
        counts = np.bincount(index, np.concatenate([counts, part_counts])).astype(np.int64)

    # Where each wanted order statistic lies: in which bucket, and how far into it.
    wanted: dict[int, list[tuple[int, int]]] = {}
    ends_of: dict[int, tuple[int, int]] = {}  # the first and the last bucket
    sizes: dict[Any, int] = {}
    for group, code in codes.items():
        own = keys >> BITS == code
        ends = np.cumsum(counts[own])
        sizes[group] = size = int(ends[-1])
        ends_of[code] = int(keys[own][0]), int(keys[own][-1])
        for probability in probabilities:
            previous = min(int((size - 1) * probability), size - 1)
            for rank in (previous, min(previous + 1, size - 1)):
                at = int(np.searchsorted(ends, rank, side="right"))
                wanted.setdefault(code, []).append(
                    (int(keys[own][at]), rank - int(ends[at - 1] if at else 0))
                )

    hits = sorted({key for pairs in wanted.values() for key, _ in pairs})
    gathered: dict[int, list[NDArray[np.float64]]] = {key: [] for key in hits}
    for groups, values in parts():
        part_keys, numbers = _keys(groups, values, codes)
        hit = np.isin(part_keys, hits)
        part_keys, numbers = part_keys[hit], numbers[hit]
        for key in np.unique(part_keys):
            gathered[int(key)].append(numbers[part_keys == key])
    ordered = {key: np.sort(np.concatenate(some)) for key, some in gathered.items()}

    def quantile(group: Any, number: int) -> tuple[float, int, int]:
        pair = wanted[codes[group]][2 * number : 2 * number + 2]
        position = (sizes[group] - 1) * probabilities[number]
        # Two neighbours and the way between them: numpy's own interpolation does the rest.
        value = float(np.quantile([ordered[key][at] for key, at in pair], position % 1))
        equal = []
        for key, end, (bucket, _) in zip(ends_of[codes[group]], (0, -1), pair, strict=True):
            # Where the quantile is an end of the group, so is its bucket.
            values = ordered[key] if bucket == key else np.array([np.nan])
            equal.append(int((values == value).sum()) if values[end] == value else 0)
        return value, equal[0], equal[1]

    names = sorted(codes)
    table = pd.DataFrame({"n": [sizes[name] for name in names]}, index=names, dtype="int64")
    for number in range(len(probabilities)):
        rows = [quantile(name, number) for name in names]
        table[number] = np.array([row[0] for row in rows], np.float64)
        table[f"at_smallest_{number}"] = np.array([row[1] for row in rows], np.int64)
        table[f"at_largest_{number}"] = np.array([row[2] for row in rows], np.int64)
    return table


def _keys(
    groups: "pd.Series[Any]", values: "pd.Series[Any]", codes: dict[Any, int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """A number for the group and the bucket of each value; rows without either are left out."""
    numbers = values.to_numpy(dtype="float64", na_value=np.nan)
    keep = ~np.isnan(numbers) & groups.notna().to_numpy()
    numbers = numbers[keep] + 0.0  # -0.0 and 0.0 are one value
    own_codes, names = pd.factorize(groups.to_numpy()[keep])
    own = [codes.setdefault(name, len(codes)) for name in names]
    return np.array(own, np.int64)[own_codes] << BITS | _buckets(numbers), numbers


def _buckets(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The leading bits of the values, in the order of the values."""
    bits = np.ascontiguousarray(values).view(np.uint64)
    # Negative numbers grow backwards: turn all their bits; lift the others above them.
    sign = np.uint64(1 << 63)
    ordered = np.where(bits & sign, ~bits, bits | sign)
    return (ordered >> np.uint64(64 - BITS)).astype(np.int64)
