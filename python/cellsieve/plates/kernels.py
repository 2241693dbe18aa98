"""The kernels on score matrices, for pipelines that keep tables of their own."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellsieve import _core


def masked_argmax(
    scores: ArrayLike, group: ArrayLike, allowed: ArrayLike, k: int = 1, *, jobs: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The best `k` classes of each row among those allowed to its group.

    What `numpy.where(allowed[group], scores, -inf).argmax(axis=1)` means, except that a class that
    is not allowed never wins, and without a matrix of that size. Python's lock is released.

    Args:
        scores: shape (rows, classes), the larger the better: float16, float32 or float64. Rows
            whose numbers lie side by side are read where they are, whatever the distance between
            rows (memory-mapped files too); any other memory layout or byte order is copied first.
        group: shape (rows,), integers: the row of `allowed` that holds for each row of scores.
        allowed: shape (groups, classes), bool.
        k: how many classes of each row are wanted, 1 or more.
        jobs: the number of threads that share the rows; it changes no result.

    Returns:
        The classes (column numbers, int64) and their scores (float64, exactly as in `scores`),
        both of shape (rows, k), the best first. Equal scores go to the lowest class, and 0.0 and
        -0.0 are equal. Negative infinity is a score like any other. Where fewer than `k` classes
        are allowed, -1 and NaN fill up the row.

    Raises:
        TypeError: scores that are not floating-point, groups that are not integers, or flags that
            are not bool.
        ValueError: shapes that do not fit each other; a group that `allowed` has no row for; a row
            with no allowed class; NaN among a row's allowed scores (elsewhere it does not matter);
            `k` or `jobs` below 1.

    Example:
        >>> import numpy as np
        >>> scores = np.array([[0.9, 0.2, 0.7], [0.9, 0.2, 0.7]], dtype=np.float32)
        >>> allowed = np.array([[True, True, True], [False, True, True]])
        >>> classes, values = masked_argmax(scores, [0, 1], allowed, k=2)
        >>> classes
        array([[0, 2],
               [2, 1]])
    """
    return _core.masked_argmax(
        _scores(scores),
        _integers("group", group),
        _flags(allowed),
        k=_at_least_1("k", k),
        threads=_at_least_1("jobs", jobs),
    )


def log_sums(
    scores: ArrayLike,
    column_group: ArrayLike,
    *,
    groups: int | None = None,
    sharpness: float | None = None,
    jobs: int = 1,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The logarithm of the sum of each row's scores in each group of columns, and its argmax.

    Args:
        scores: as for `masked_argmax`: probabilities, or anything proportional to them; with
            `sharpness`, logarithms.
        column_group: shape (classes,), integers: the group of each column. Columns whose group is
            negative are not looked at.
        groups: the number of groups; if not given, one more than the highest of `column_group`.
        sharpness: sum `exp(sharpness * scores)` in place of the scores; a positive number, that is
            1 / temperature.
        jobs: the number of threads that share the rows; it changes no result.

    Returns:
        The logarithms, float64 of shape (rows, groups), and the column of the highest score in any
        group, int64 of shape (rows,); the lowest column of equals. The sum of a group without
        columns, or of nothing but zeros, has the logarithm -inf. Sums are of single precision,
        relative to the highest score of the row.

    Raises:
        TypeError: scores that are not floating-point, or groups that are not integers.
        ValueError: not one group per column; NaN, infinity or, without `sharpness`, a negative
            number among the scores of a group; `sharpness` that is not positive; `jobs` below 1.

    Example:
        >>> import numpy as np
        >>> sums, best = log_sums(np.array([[0.5, 0.25, 0.25]]), [0, 1, 1])
        >>> np.exp(sums)
        array([[0.5, 0.5]])
        >>> best
        array([0])
    """
    of_column = _integers("column_group", column_group)
    if groups is None:
        groups = int(of_column.max(initial=-1)) + 1
    if groups < 0:
        raise ValueError(f"groups: found {groups}; expected 0 or more")
    jobs = _at_least_1("jobs", jobs)
    return _core.log_sums(_scores(scores), of_column, groups, sharpness, threads=jobs)


class Marginals(NamedTuple):
    """What one-to-one matching makes of the scores of one plate."""

    #: The probability of each class in each well, shape (wells, classes); every row sums to 1.
    values: NDArray[np.float64]
    #: The logarithm of the sum over all matchings of the product of their weights: exactly for up
    #: to 8 wells, else Bethe's approximation, which is too low.
    log_permanent: float
    #: The standard error of a sampled probability of one half; 0 where nothing was sampled. Above
    #: 0.1, the values are rough.
    error: float


def marginals(log_scores: ArrayLike) -> Marginals:
    """The probability of each class in each well of one plate, if no class is in two wells.

    The exact numbers are sums over all one-to-one matchings. Of up to 8 wells they are computed. Of
    more, the guess of belief propagation is drawn towards a sample of matchings where the two
    differ by more than noise: probabilities are right to within a few hundredths. Sampling is
    seeded, so the same scores give the same numbers.

    Args:
        log_scores: shape (wells, classes): the logarithm of each class's weight in each well,
            rows up to a constant of their own. No more wells than classes.

    Raises:
        ValueError: not two dimensions, more wells than classes, NaN or positive infinity, a well
            whose scores are all -inf.

    Example:
        >>> import numpy as np
        >>> marginals(np.log([[0.9, 0.1], [0.6, 0.4]])).values.round(3)
        array([[0.857, 0.143],
               [0.143, 0.857]])
    """
    logs = np.ascontiguousarray(log_scores, dtype=np.float64)
    if logs.ndim != 2:
        raise ValueError(
            f"log_scores: shape {logs.shape}; expected two dimensions (wells, classes)"
        )
    return Marginals(*_core.marginals(logs))


def _scores(scores: ArrayLike) -> NDArray[Any]:
    """The matrix as it is if its rows can be read where they lie, else a copy."""
    if np.ma.isMaskedArray(scores):
        raise TypeError("scores: found a masked array; fill what is masked (array.filled(...))")
    matrix = np.asarray(scores)
    if matrix.ndim != 2:
        raise ValueError(
            f"scores: shape {matrix.shape}; expected two dimensions, one row per well and one "
            "column per class"
        )
    step = matrix.dtype.itemsize
    readable = (
        matrix.dtype.isnative
        and matrix.flags.aligned
        and (matrix.shape[1] <= 1 or matrix.strides[1] == step)
        and all(stride % step == 0 for stride in matrix.strides)
    )
    if readable or matrix.dtype.kind != "f":  # the kernel refuses other kinds by name
        return matrix
    return matrix.astype(matrix.dtype.newbyteorder("="), order="C")


def _integers(argument: str, values: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{argument}: shape {array.shape}; expected one dimension")
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{argument}: dtype {array.dtype} is not supported; expected integers")
    return np.ascontiguousarray(array, dtype=np.int64)


def _flags(allowed: ArrayLike) -> NDArray[np.bool_]:
    array = np.asarray(allowed)
    if array.ndim != 2:
        raise ValueError(f"allowed: shape {array.shape}; expected two dimensions (groups, classes)")
    if array.dtype != np.bool_:
        raise TypeError(f"allowed: dtype {array.dtype} is not supported; expected bool")
    return array


def _at_least_1(argument: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{argument}: found {value}; expected 1 or more")
    return value
