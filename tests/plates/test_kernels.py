"""The kernels on score matrices against numpy, scipy and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
from cellsieve import _core

DTYPES = [np.float16, np.float32, np.float64]
LEVELS = _core.instruction_sets()
VALUES = [0.0, -0.0, 1.0, -1.0, 0.5, 3.0, -np.inf, np.inf]


@st.composite
def matrices(draw):
    """A score matrix with ties and infinities, a group for each row, and masks that allow some."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, columns = draw(st.integers(0, 12)), draw(st.integers(1, 150))
    scores = rng.normal(size=(rows, columns)).round(draw(st.integers(0, 3)))
    special = rng.random(scores.shape) < draw(st.sampled_from([0, 0.1, 0.9]))
    scores[special] = rng.choice(VALUES, special.sum())
    groups = draw(st.integers(1, 4))
    allowed = rng.random((groups, columns)) < draw(st.sampled_from([0.05, 0.3, 1.0]))
    allowed[np.arange(groups), rng.integers(0, columns, groups)] = True
    return scores.astype(draw(st.sampled_from(DTYPES))), rng.integers(0, groups, rows), allowed


def lay_out(scores, layout):
    """The same numbers as rows further apart, in reverse, or not writeable."""
    if layout == "strided":
        wide = np.full((2 * len(scores) + 1, scores.shape[1] + 3), np.nan, scores.dtype)
        wide[1::2, 1:-2] = scores
        return wide[1::2, 1:-2]
    if layout == "reversed":
        return np.ascontiguousarray(scores[::-1])[::-1]
    scores = scores.copy()
    scores.flags.writeable = False
    return scores


@settings(max_examples=150, deadline=None)
@given(
    matrices(),
    st.sampled_from([1, 2, 3, 7]),
    st.sampled_from(["strided", "reversed", "read-only"]),
    st.integers(1, 3),
)
def test_masked_argmax(made, k, layout, threads):
    scores, group, allowed = made
    expected = naive.masked_argmax(scores, group, allowed, k)
    for level in LEVELS:
        found, value = _core.masked_argmax(
            lay_out(scores, layout), group, allowed, k=k, threads=threads, level=level
        )
        np.testing.assert_array_equal(found, expected)
        there = expected >= 0
        rows = np.broadcast_to(np.arange(len(scores))[:, None], expected.shape)
        np.testing.assert_array_equal(value[there], scores[rows[there], expected[there]])
        assert np.isnan(value[~there]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_in_another_order(rng, dtype):
    scores = rng.normal(size=(9, 40)).astype(dtype)
    order = rng.integers(0, 9, 25)
    group = rng.integers(0, 2, 25)
    allowed = rng.random((2, 40)) < 0.5
    found, _ = _core.masked_argmax(scores, group, allowed, rows=order)
    np.testing.assert_array_equal(found, naive.masked_argmax(scores[order], group, allowed))


def test_disallowed_classes_never_win_and_ties_go_to_the_lowest():
    scores = np.array([[9.0, -5.0, -5.0, -7.0], [9.0, -np.inf, -np.inf, -np.inf]])
    found, value = _core.masked_argmax(
        scores, np.array([0, 0]), np.array([[False, True, True, True]]), k=2
    )
    assert found.tolist() == [[1, 2], [1, 2]]
    assert value.tolist() == [[-5.0, -5.0], [-np.inf, -np.inf]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", LEVELS)
def test_nan_counts_only_where_it_is_allowed(dtype, level):
    scores = np.zeros((3, 70), dtype)
    scores[1, 5] = np.nan
    group = np.zeros(3, np.int64)
    allowed = np.ones((1, 70), bool)
    for k in (1, 2, 4):
        with pytest.raises(ValueError, match="row 1, column 5 is NaN"):
            _core.masked_argmax(scores, group, allowed, k=k, level=level)
    with pytest.raises(ValueError, match="row 1, column 5 is NaN"):
        _core.log_sums(scores, np.zeros(70, np.int64), 1, level=level)
    allowed[0, 5] = False
    assert _core.masked_argmax(scores, group, allowed, level=level)[0].tolist() == [[0]] * 3


def test_what_is_refused_is_named():
    scores = np.zeros((4, 6))
    group, allowed = np.zeros(4, np.int64), np.ones((2, 6), bool)
    cases = [
        ((scores.T, group, allowed), ValueError, "do not lie side by side"),
        ((scores[:, ::2], group, allowed[:, ::2]), ValueError, "do not lie side by side"),
        ((scores[0], group, allowed), ValueError, "shape"),
        ((scores.astype(">f8"), group, allowed), TypeError, "float16, float32 or float64"),
        ((scores.astype(int), group, allowed), TypeError, "int64"),
        ((scores, group[:3], allowed), ValueError, "group: length 3; expected 4"),
        ((scores, group + 2, allowed), ValueError, "row 0 is in group 2"),
        ((scores, group - 1, allowed), ValueError, "row 0 is in group -1"),
        ((scores, group, allowed[:, :5]), ValueError, "found 5 columns; expected 6"),
        ((scores, group, ~allowed), ValueError, "allows no class"),
        ((scores, group, allowed, np.array([0, 1, 2, 4])), ValueError, "4 rows"),
    ]
    for arguments, error, text in cases:
        with pytest.raises(error, match=text):
            _core.masked_argmax(*arguments)
    packed = np.zeros(4, np.dtype([("flag", "i1"), ("scores", "f8", 6)]))
    with pytest.raises(ValueError, match="not aligned"):
        _core.masked_argmax(packed["scores"], group, allowed)
    with pytest.raises(ValueError, match="this processor has"):
        _core.masked_argmax(scores, group, allowed, level="quantum")


@settings(max_examples=100, deadline=None)
@given(matrices(), st.sampled_from([None, 0.3, 1.0, 2.0]), st.integers(1, 3))
def test_log_sums(made, sharpness, threads):
    scores, _, _ = made
    scores = np.where(np.isposinf(scores), 2, scores).astype(scores.dtype)
    if sharpness is None:
        scores = np.abs(np.where(np.isneginf(scores), 0, scores)).astype(scores.dtype)
    rng = np.random.default_rng(len(scores))
    group = rng.integers(-1, 3, scores.shape[1])
    group[rng.integers(0, len(group))] = 0
    expected = naive.log_sums(scores, group, 3, sharpness)
    first = None
    for level in LEVELS:
        sums, votes = _core.log_sums(
            lay_out(scores, "strided"), group, 3, sharpness, threads=threads, level=level
        )
        # Single precision, relative to the highest of the row.
        np.testing.assert_allclose(sums, expected, atol=2e-5)
        known = np.broadcast_to(group >= 0, (1, len(group)))
        top = naive.masked_argmax(scores, np.zeros(len(scores), int), known)
        np.testing.assert_array_equal(votes, top[:, 0])
        first = sums if first is None else first
        np.testing.assert_array_equal(sums, first)
    present = np.flatnonzero(np.bincount(group[group >= 0], minlength=3))
    of_row = rng.choice(present, len(scores))
    _, values = _core.masked_argmax(
        scores,
        of_row,
        group[None, :] == np.arange(3)[:, None],
        k=2,
        total=True if sharpness is None else sharpness,
        threads=threads,
    )
    own = expected[np.arange(len(scores)), of_row]
    np.testing.assert_allclose(values[:, 2], own, atol=2e-5)


def test_log_sums_refuses_what_are_no_probabilities():
    group = np.zeros(3, np.int64)
    for bad, text in [(-0.1, "negative or infinite"), (np.inf, "negative or infinite")]:
        scores = np.array([[0.2, 0.3, 0.5], [0.2, bad, 0.5]])
        with pytest.raises(ValueError, match=f"row 1, column 1 is {text}"):
            _core.log_sums(scores, group, 1)
    with pytest.raises(ValueError, match="sharpness"):
        _core.log_sums(scores, group, 1, 0.0)
    with pytest.raises(ValueError, match="k: found 0"):
        _core.masked_argmax(scores, np.zeros(2, int), np.ones((1, 3), bool), k=0)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (4, 4), (7, 7), (3, 6), (5, 7), (7, 8), (8, 8)])
def test_marginals_of_small_plates_are_the_exact_ones(rng, shape, level):
    logs = rng.normal(size=shape)
    total, exact = naive.matchings(logs)
    found, log_permanent, error = _core.marginals(logs, level=level)
    assert error == 0
    np.testing.assert_allclose(found, exact, atol=1e-9)
    assert log_permanent == pytest.approx(total)


def test_plates_of_another_layout_are_refused_not_misread(rng):
    for kernel in (_core.marginals, lambda logs: _core.free_energy(logs, 10, 1e-3)):
        with pytest.raises(ValueError, match="log_scores"):
            kernel(np.asfortranarray(rng.normal(size=(3, 4))))


def test_two_classes_that_look_alike():
    """Belief propagation is sure here: in a pair, it has nothing to weigh the better order with."""
    found = _core.marginals(np.array([[0.3, 0.0], [0.0, 0.0]]))[0]
    assert found[0, 0] == pytest.approx(np.exp(0.3) / (1 + np.exp(0.3)))


def look_alikes(rng, wells, family, apart, spare=0, clear=8.0):
    """Calibrated scores of classes in families, and the truth.

    Families are `clear` standard deviations apart, the classes of one by `apart`.
    """
    of_class = np.arange(wells + spare) // family
    truth = rng.permutation(wells + spare)[:wells]
    between = rng.normal(size=(wells, of_class.max() + 1))
    between[np.arange(wells), of_class[truth]] += clear
    within = rng.normal(size=(wells, wells + spare))
    within[np.arange(wells), truth] += apart
    return np.ascontiguousarray(clear * between[:, of_class] + apart * within), truth


@pytest.mark.parametrize("family", [2, 4])
@pytest.mark.parametrize("apart", [0.5, 1.0, 2.0])
def test_marginals_of_look_alikes_are_as_often_right_as_they_say(family, apart):
    rng = np.random.default_rng(family)
    claims, right = [], []
    for _ in range(40):
        logs, truth = look_alikes(rng, 276, family, apart, spare=4)
        found, _, error = _core.marginals(logs)
        assert error < 0.1
        claims.append(found.max(axis=1))
        right.append(found.argmax(axis=1) == truth)
    claims, right = np.concatenate(claims), np.concatenate(right)
    assert right.mean() == pytest.approx(claims.mean(), abs=0.02)
    # And so are the sure ones among themselves.
    for low, high in [(0.5, 0.8), (0.8, 0.95), (0.95, 1.01)]:
        these = (claims >= low) & (claims < high)
        if these.sum() > 1000:
            assert right[these].mean() == pytest.approx(claims[these].mean(), abs=0.04)


def test_marginals_of_many_wells_are_the_same_every_time(rng):
    logs, _ = look_alikes(rng, 60, 3, 1.0, spare=2)
    once = _core.marginals(logs)
    for level in LEVELS:
        again = _core.marginals(logs, level=level)
        np.testing.assert_array_equal(again[0], once[0])
        assert again[1:] == once[1:]


def test_wells_that_contradict_each_other_have_marginals_all_the_same(rng):
    """Every well for one class; votes at random; and zeros everywhere else."""
    everyone = np.full((40, 40), 0.1 / 40)
    everyone[:, 5] += 0.9
    votes = np.full((40, 40), 1e-300)
    votes[np.arange(40), rng.integers(0, 40, 40)] = 1
    with np.errstate(divide="ignore"):
        only = np.log(votes * (votes > 1e-9))
    for logs in (np.log(everyone), np.log(votes), only):
        found, _, error = _core.marginals(logs)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert (found >= 0).all()
        assert error >= 0
    np.testing.assert_allclose(_core.marginals(np.log(everyone))[0], 1 / 40, atol=0.02)


def test_free_energy_does_not_care_which_classes_are_favoured(rng):
    """A class that is favoured in every well changes the energy by that much, and no comparison."""
    logs = rng.normal(size=(40, 40))
    favoured = 4 * rng.normal(size=40)
    plain, biased = (_core.free_energy(each, 5000, 1e-9)[0] for each in (logs, logs + favoured))
    assert biased - plain == pytest.approx(favoured.sum(), abs=1e-5)
    row_bound = [np.log(np.exp(each).mean(axis=1)).sum() for each in (logs, logs + favoured)]
    assert row_bound[1] - row_bound[0] > favoured.sum() + 10


def test_free_energy_of_equal_scores_is_their_sum():
    for shape in [(1, 1), (3, 3), (2, 5)]:
        logs = np.full(shape, -1.5)
        energy, _, converged = _core.free_energy(logs, 100, 1e-9)
        assert converged
        assert energy == pytest.approx(-1.5 * shape[0])
