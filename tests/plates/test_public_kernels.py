"""`masked_argmax`, `log_sums` and `marginals` as a pipeline would call them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cellsieve as cs
import naive
from cellsieve.plates import log_sums, marginals, masked_argmax

VALUES = [0.0, -0.0, 1.0, -1.0, 0.5, -np.inf, np.inf]

LAYOUTS = {
    "as it is": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "every other row": lambda matrix: np.repeat(matrix, 2, 0)[::2],
    "every other column": lambda matrix: np.repeat(matrix, 2, 1)[:, ::2],
    "reversed": lambda matrix: matrix[::-1, ::-1].copy()[::-1, ::-1],
    "big-endian": lambda matrix: matrix.astype(matrix.dtype.newbyteorder(">")),
    "lists": lambda matrix: matrix.astype(np.float64).tolist(),
    "a field": lambda matrix: _field(matrix),
}


def _field(matrix):
    """Not aligned."""
    kind = np.dtype([("flag", "i1"), ("scores", matrix.dtype)])
    packed = np.zeros(matrix.shape, kind)
    packed["scores"] = matrix
    return packed["scores"]


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 80)),
    kind=st.sampled_from([np.float16, np.float32, np.float64]),
    layout=st.sampled_from(list(LAYOUTS)),
    k=st.integers(1, 6),
    threads=st.integers(1, 3),
    ties=st.sampled_from([0, 0.2, 0.9]),
)
def test_masked_argmax_equals_the_reference(seed, shape, kind, layout, k, threads, ties):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=shape).astype(kind)
    special = rng.random(shape) < ties
    scores[special] = rng.choice(VALUES, special.sum())
    allowed = rng.random((3, shape[1])) < 0.5
    allowed[np.arange(3), rng.integers(0, shape[1], 3)] = True
    group = rng.integers(0, 3, shape[0]).astype(rng.choice(["i1", "u2", "i8", ">i4"]))
    # NaN stands only where it is not allowed.
    scores[~allowed[group.astype(int)] & (rng.random(shape) < 0.3)] = np.nan
    classes, values = masked_argmax(LAYOUTS[layout](scores), group, allowed, k, jobs=threads)
    expected = naive.masked_argmax(scores, group, allowed, k)
    assert (classes.dtype, values.dtype) == (np.int64, np.float64)
    np.testing.assert_array_equal(classes, expected)
    there = expected >= 0
    of_class = np.take_along_axis(scores.astype(np.float64), np.maximum(expected, 0), axis=1)
    np.testing.assert_array_equal(values[there], of_class[there])
    assert np.isnan(values[~there]).all()


def test_it_is_what_the_docstring_says_numpy_means(rng):
    scores = rng.normal(size=(50, 30))
    allowed = rng.random((4, 30)) < 0.5
    group = rng.integers(0, 4, 50)
    classes, _ = cs.masked_argmax(scores, group, allowed)
    expected = np.where(allowed[group], scores, -np.inf).argmax(axis=1)
    np.testing.assert_array_equal(classes[:, 0], expected)


def test_a_mapped_file_is_read_where_it_is(tmp_path, rng, monkeypatch):
    np.save(tmp_path / "scores.npy", rng.normal(size=(20, 9)).astype(np.float32))
    mapped = np.load(tmp_path / "scores.npy", mmap_mode="r")
    group, allowed = np.zeros(20, int), np.ones((1, 9), bool)
    classes, _ = masked_argmax(mapped, group, allowed)
    np.testing.assert_array_equal(classes[:, 0], np.asarray(mapped).argmax(axis=1))
    given_to_kernel = []
    kernel = cs._core.masked_argmax
    monkeypatch.setattr(
        cs._core,
        "masked_argmax",
        lambda scores, *rest, **options: (
            given_to_kernel.append(scores),
            kernel(scores, *rest, **options),
        )[1],
    )
    masked_argmax(mapped, group, allowed)
    assert np.shares_memory(given_to_kernel[0], mapped)


def test_no_rows():
    classes, values = masked_argmax(np.zeros((0, 4)), [], np.ones((1, 4), bool), k=2)
    assert classes.shape == values.shape == (0, 2)
    sums, best = log_sums(np.zeros((0, 4)), [0, 0, 1, 1])
    assert (sums.shape, best.shape) == ((0, 2), (0,))
    assert marginals(np.zeros((0, 4))).values.shape == (0, 4)


def test_refusals_name_the_argument():
    scores, group, allowed = np.zeros((2, 3)), [0, 0], np.ones((1, 3), bool)
    nan = np.array([[0, np.nan, 0], [0, 0, 0]])
    for arguments, error, text in [
        ((np.zeros((2, 3), int), group, allowed), TypeError, "scores: dtype int64"),
        ((np.zeros((3, 2), int).T, group, allowed), TypeError, "scores: dtype int64"),
        ((np.zeros(3), group, allowed), ValueError, r"scores: shape \(3,\)"),
        ((np.ma.masked_array(scores), group, allowed), TypeError, "scores: found a masked array"),
        ((scores, [0.0, 0.0], allowed), TypeError, "group: dtype float64"),
        ((scores, [[0, 0]], allowed), ValueError, r"group: shape \(1, 2\)"),
        ((scores, [0], allowed), ValueError, "group: length 1; expected 2"),
        ((scores, [0, 1], allowed), ValueError, "group: row 1 is in group 1"),
        ((scores, [0, -1], allowed), ValueError, "group: row 1 is in group -1"),
        ((scores, group, allowed.astype(int)), TypeError, "allowed: dtype int64"),
        ((scores, group, allowed[0]), ValueError, r"allowed: shape \(3,\)"),
        ((scores, group, allowed[:, :2]), ValueError, "allowed: found 2 columns; expected 3"),
        ((scores, group, ~allowed), ValueError, "group 0 of row 0 allows no class"),
        ((nan, group, allowed), ValueError, "scores: row 0, column 1 is NaN"),
        ((scores, group, allowed, 0), ValueError, "k: found 0"),
    ]:
        with pytest.raises(error, match=text):
            masked_argmax(*arguments)
    with pytest.raises(ValueError, match="jobs: found 0"):
        masked_argmax(scores, group, allowed, jobs=0)
    with pytest.raises(TypeError, match="column_group: dtype float64"):
        log_sums(scores, [0.5, 1, 2])
    with pytest.raises(ValueError, match="column_group: length 2; expected 3"):
        log_sums(scores, [0, 1])
    with pytest.raises(ValueError, match="sharpness: found -1"):
        log_sums(scores, [0, 1, 1], sharpness=-1.0)
    with pytest.raises(ValueError, match="groups: found -2"):
        log_sums(scores, [0, 1, 1], groups=-2)
    with pytest.raises(ValueError, match=r"log_scores: shape \(3,\)"):
        marginals(np.zeros(3))
    with pytest.raises(ValueError, match="3 wells but only 2 classes"):
        marginals(np.zeros((3, 2)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sharpness", [None, 0.5])
def test_log_sums_equal_the_reference(layout, sharpness, rng):
    scores = rng.random((12, 40)).astype(np.float32)
    group = rng.integers(-1, 3, 40)
    sums, best = log_sums(LAYOUTS[layout](scores), group, sharpness=sharpness, jobs=2)
    np.testing.assert_allclose(sums, naive.log_sums(scores, group, 3, sharpness), atol=2e-5)
    known = np.where(group >= 0, scores, -np.inf)
    np.testing.assert_array_equal(best, known.argmax(axis=1))


def test_marginals_are_near_the_exact_ones(rng):
    logs = rng.normal(size=(5, 6))
    logs[np.arange(5), np.arange(5)] += 4
    total, exact = naive.matchings(logs)
    found = marginals(logs)
    assert found.error == 0
    np.testing.assert_allclose(found.values, exact, atol=1e-9)
    assert found.log_permanent == pytest.approx(total)
