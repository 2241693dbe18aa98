"""Inference and decoding on planted screens: right, calibrated, and the same in every form."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linear_sum_assignment

import cellsieve as cs
import naive
from cellsieve.plates import ConvergenceWarning, marginals
from cellsieve.plates.dispersion import dispersion
from cellsieve.plates.votes import vote_weights
from cellsieve.trial import reference
from cellsieve.trial.planted import plant, probabilities


@pytest.fixture(scope="module")
def made():
    return plant(
        group_size=40, train_experiments=8, test_experiments=6, signal=2.5, missing=0.02, seed=4
    )


@pytest.fixture(scope="module")
def layout(made):
    return cs.PlateLayout.fit(made.train)


@pytest.fixture(scope="module")
def posterior(made, layout):
    return layout.infer(made.test, made.logits, "logit", jobs=1)


def accuracy(decoded, made):
    return (decoded["sirna"].to_numpy() == made.sirna).mean()


def test_assignments_are_found_even_those_never_seen(made, layout, posterior):
    np.testing.assert_array_equal(layout.assignments[posterior["best"]], made.group_on_plate)
    assert (layout.counts[posterior["best"]] == 0).any()
    assert posterior["certain"].all()
    columns = [f"posterior_{k}" for k in (0, 1, 2, 3, "none")]
    np.testing.assert_allclose(posterior[columns].sum(axis=1), 1)
    every = layout.infer(made.test, made.logits, "logit", candidates="all")
    np.testing.assert_array_equal(every["best"], posterior["best"])
    assert sum(column.startswith("posterior_") for column in every) == 24 + 1  # and "none"


@pytest.mark.parametrize("kind", ["probability", "log_probability", "logit", "similarity"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_kinds_and_dtypes_agree(made, layout, posterior, kind, dtype):
    scores = made.logits if kind in ("logit", "similarity") else probabilities(made.logits)
    scores = np.log(scores) if kind == "log_probability" else scores
    found = layout.infer(made.test, scores.astype(dtype), kind, jobs=2)
    np.testing.assert_array_equal(found["best"], posterior["best"])
    # Half precision moves scores by up to a thousandth of themselves.
    tolerance = 0.5 if dtype == np.float16 else 1e-2
    shares = [f"share_{k}" for k in range(4)]
    np.testing.assert_allclose(found["margin"], posterior["margin"], rtol=tolerance)
    np.testing.assert_allclose(found[shares], posterior[shares], atol=0.02)


def test_hard_votes_are_the_notebooks(made, layout):
    votes = made.logits.argmax(axis=1)
    found = layout.infer(made.test, votes, "hard")
    table = layout.group_table()[[f"plate_{k}" for k in range(4)]].to_numpy()
    expected = reference.vote_shares(made.test, votes, table)
    np.testing.assert_array_equal(found[[f"share_{k}" for k in range(4)]], expected)


def test_noise_is_not_taken_for_certainty(made, layout):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=made.logits.shape).astype(np.float32)
    found = layout.infer(made.test, noise, "logit")
    assert not found["certain"].any()
    assert found["posterior"].max() < 1 / 4 + 0.35


def test_training_counts_matter_only_on_request(made, layout):
    """Noise says nothing, so the prior is left."""
    noise = np.zeros_like(made.logits)
    columns = [f"posterior_{k}" for k in range(4)]
    flat = layout.infer(made.test, noise, "logit")
    np.testing.assert_allclose(flat[columns], 0.99 / 4, rtol=0.01)
    counted = layout.infer(made.test, noise, "logit", prior="counts")
    share = (layout.counts + 5) / (layout.counts + 5).sum()
    np.testing.assert_allclose(counted[columns], np.tile(0.99 * share, (len(flat), 1)), rtol=0.01)
    decoded = layout.decode(made.test, made.logits, kind="logit", prior="counts", candidates="all")
    assert accuracy(decoded, made) > 0.5


def test_an_order_that_does_not_follow_from_training_is_told():
    """Plates 1 and 2 of the first experiment are swapped: no rotation."""
    made = plant(group_size=60, train_experiments=8, test_experiments=4, signal=3, seed=3)
    layout = cs.PlateLayout.fit(made.train)
    test = made.test.copy()
    here = test["experiment"] == test["experiment"].iloc[0]
    test.loc[here, "plate"] = test.loc[here, "plate"].replace({1: 2, 2: 1})
    found = layout.infer(test, made.logits, "logit")
    assert found["posterior_none"].iloc[0] > 0.99
    assert found["posterior_none"].iloc[1:].max() < 0.01
    assert found["certain"].tolist() == [False] + [True] * (len(found) - 1)
    every = layout.infer(test, made.logits, "logit", candidates="all")
    swapped = made.group_on_plate.copy()
    swapped[0, [0, 1]] = swapped[0, [1, 0]]
    np.testing.assert_array_equal(layout.candidates("all")[every["best"]], swapped)
    assert every["certain"].all()
    with pytest.warns(cs.plates.UncertainAssignmentWarning, match=f"1 of 4.*{test.iloc[0, 1]}"):
        wrong = layout.decode(test, made.logits, found, kind="logit")
    right = layout.decode(test, made.logits, kind="logit", candidates="all")
    assert accuracy(right, made) > accuracy(wrong, made) + 0.05
    assert wrong["confidence"][here].max() < 0.01


@pytest.mark.parametrize("groups", [10, 14])
def test_plates_in_any_order(groups, tmp_path):
    made = plant(
        plates=groups,
        group_size=20,
        train_experiments=8,
        test_experiments=3,
        signal=2.5,
        missing=0.03,
        free=True,
    )
    layout = cs.PlateLayout.fit(made.train)
    assert layout.free
    found = layout.infer(made.test, made.logits, "logit")
    plates = [f"plate_{plate}" for plate in layout.plates]
    np.testing.assert_array_equal(found[plates], made.group_on_plate)
    assert found["certain"].all()
    assert (found["best"] == -1).all()
    decoded = layout.decode(made.test, made.logits, found, "marginal", "logit")
    plain = (made.logits.argmax(axis=1) == made.sirna).mean()
    assert accuracy(decoded, made) > plain + 0.2
    found.to_csv(tmp_path / "posterior.csv", index=False)
    again = layout.decode(made.test, made.logits, tmp_path / "posterior.csv", "marginal", "logit")
    pd.testing.assert_frame_equal(again, decoded)


def test_uncertain_plates_in_any_order_are_calibrated():
    claim, right, sure, wrong = [], [], 0, 0
    for seed in range(8):
        made = plant(
            plates=8,
            group_size=16,
            train_experiments=8,
            test_experiments=12,
            signal=0.9 + 0.15 * (seed % 4),
            class_bias=0.5,
            free=True,
            seed=seed,
        )
        layout = cs.PlateLayout.fit(made.train)
        found = layout.infer(made.test, made.logits, "logit")
        groups = found[[f"plate_{plate}" for plate in layout.plates]].to_numpy()
        hit = groups == made.group_on_plate
        for plate, name in enumerate(layout.plates):
            table = found[[f"group_{g}_on_{name}" for g in range(8)]].to_numpy()
            np.testing.assert_allclose(table.sum(axis=1), 1)
            claim.append(table[np.arange(len(found)), groups[:, plate]])
            right.append(hit[:, plate])
        sure += int(found["certain"].sum())
        wrong += int((found["certain"] & ~hit.all(axis=1)).sum())
    assert 0.2 < np.mean(right) < 0.95
    assert np.mean(claim) < np.mean(right) + 0.02  # never too much; less where models differ
    assert wrong <= 0.02 * sure


def test_plates_that_err_together_count_for_less():
    rng = np.random.default_rng(1)
    assignment = np.tile(np.arange(4), (200, 1))
    rate = np.full((4, 4), 50.0) + 40 * np.eye(4)
    votes = rng.poisson(rate, (200, 4, 4))
    assert 1 <= np.median(dispersion(votes, assignment)) < 1.3
    together = rng.poisson(rate * rng.gamma(4, 1 / 4, (200, 4, 4)))
    assert np.median(dispersion(together, assignment)) > 5
    # One plate each: what all of them say tells, and leaves more doubt about each.
    alone = np.where(np.arange(4)[:, None] == 0, votes, 0)
    assert 1 <= np.median(dispersion(alone, assignment)) < 1.5
    assert dispersion(alone, assignment).max() > 2 * dispersion(votes, assignment).max()
    together = np.where(np.arange(4)[:, None] == 0, together, 0)
    assert np.median(dispersion(together, assignment)) > 5


@pytest.mark.parametrize("kind", ["hard", "logit"])
@pytest.mark.parametrize("left", [1, 2, 3])
def test_missing_plates_do_not_make_it_claim_too_much(kind, left):
    sure, wrong, right_of_whole = 0, 0, 0
    for seed in range(4):
        made = plant(
            group_size=60,
            train_experiments=30,
            test_experiments=12,
            signal=(1.8, 2.4, 3, 4)[seed],
            class_bias=0.5,
            plate_bias=0.8,
            uneven=0.35,
            seed=seed,
        )
        layout = cs.PlateLayout.fit(made.train)
        first = made.test.groupby("experiment", sort=False).ngroup().to_numpy() % 4
        keep = (made.test["plate"].to_numpy() - 1 + first) % 4 < left
        scores = made.logits if kind == "logit" else made.logits.argmax(axis=1)
        found = layout.infer(made.test[keep].reset_index(drop=True), scores[keep], kind)
        right = (layout.assignments[found["best"]] == made.group_on_plate).all(axis=1)
        sure += int(found["certain"].sum())
        wrong += int((found["certain"] & ~right).sum())
        whole = layout.infer(made.test, scores, kind)
        right_of_whole += int(whole["certain"].sum())
    assert wrong == 0
    assert sure >= right_of_whole / 3 > 1


def test_a_vote_for_a_class_that_all_wells_vote_for_counts_less():
    plate, votes = np.repeat([0, 1], 60), np.concatenate([np.arange(60), np.repeat(7, 60)])
    weight = vote_weights(plate, votes, np.ones(240, np.int64))
    assert (weight[:60] == 1).all()
    assert (weight[60:] < 0.01).all()
    spread = np.random.default_rng(0).integers(0, 240, 120)
    assert vote_weights(plate, spread, np.ones(240, np.int64)).min() > 0.5


def test_argmax_is_the_masked_one(made, layout, posterior):
    decoded = layout.decode(made.test, made.logits, posterior, "argmax", "logit")
    plate = made.test["plate"].to_numpy() - 1
    experiment = pd.factorize(made.test["experiment"])[0]
    group = layout.assignments[posterior["best"]][experiment, plate]
    allowed = layout.group[None, :] == np.arange(4)[:, None]
    expected = naive.masked_argmax(made.logits, group, allowed, 2)
    np.testing.assert_array_equal(decoded["sirna"], expected[:, 0])
    np.testing.assert_array_equal(decoded["runner_up"], expected[:, 1])
    inside = np.where(allowed[group], np.exp(made.logits.astype(float)), 0)
    share = inside.max(axis=1) / inside.sum(axis=1)
    np.testing.assert_allclose(decoded["confidence"], share, rtol=1e-4)
    top = np.take_along_axis(made.logits, expected, axis=1)
    np.testing.assert_allclose(decoded["margin"], top[:, 0] - top[:, 1], rtol=1e-5)
    as_probabilities = layout.decode(made.test, probabilities(made.logits), posterior, "argmax")
    pd.testing.assert_frame_equal(as_probabilities, decoded, rtol=1e-3)
    hot = layout.decode(made.test, made.logits, posterior, "argmax", "logit", temperature=2)
    cold = layout.decode(made.test, probabilities(made.logits), posterior, "argmax", temperature=2)
    np.testing.assert_array_equal(hot["sirna"], decoded["sirna"])
    np.testing.assert_allclose(cold["confidence"], hot["confidence"], rtol=1e-3)
    np.testing.assert_allclose(hot["margin"], decoded["margin"] / 2, rtol=1e-5)


@pytest.mark.parametrize("jobs", [2, 7, None])
def test_the_number_of_threads_changes_no_bit(made, layout, posterior, jobs):
    found = layout.infer(made.test, made.logits, "logit", jobs=jobs)
    pd.testing.assert_frame_equal(found, posterior, check_exact=True)
    for method in ("argmax", "assignment", "marginal"):
        one = layout.decode(made.test, made.logits, posterior, method, "logit", jobs=1)
        many = layout.decode(made.test, made.logits, posterior, method, "logit", jobs=jobs)
        pd.testing.assert_frame_equal(many, one, check_exact=True)


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_first_of_several_mistakes_is_told_whatever_the_number_of_threads(
    made, layout, posterior, jobs
):
    wrong = made.logits.copy()
    rows = np.flatnonzero(~made.test.duplicated(["experiment", "plate"]))
    wrong[rows[1:]] = np.nan
    with pytest.raises(ValueError, match=f"well {made.test['id_code'].iloc[rows[1]]}, "):
        layout.decode(made.test, wrong, posterior, "marginal", "logit", jobs=jobs)


def plates(table):
    return table.groupby(["experiment", "plate"], sort=False).indices.values()


def test_assignment_is_scipys(made, layout, posterior):
    decoded = layout.decode(made.test, made.logits, posterior, "assignment", "logit")
    for rows in plates(made.test):
        chosen = decoded["sirna"].to_numpy()[rows]
        assert len(set(chosen)) == len(rows)
        group = layout.group[chosen[0]]
        columns = np.flatnonzero(layout.group == group)
        block = made.logits[np.ix_(rows, columns)].astype(float)
        best = block[linear_sum_assignment(block, maximize=True)].sum()
        assert made.logits[rows, chosen].astype(float).sum() == pytest.approx(best)
    tempered = layout.decode(
        made.test, made.logits, posterior, "assignment", "logit", temperature=3
    )
    np.testing.assert_array_equal(tempered["sirna"], decoded["sirna"])


def test_each_step_is_better_and_marginals_are_calibrated(made, layout, posterior):
    methods = ("argmax", "assignment", "marginal")
    found = [layout.decode(made.test, made.logits, posterior, m, "logit") for m in methods]
    right = [accuracy(decoded, made) for decoded in found]
    plain = (made.logits.argmax(axis=1) == made.sirna).mean()
    assert plain + 0.05 < right[0] < right[1] - 0.02
    assert right[2] > right[1] - 0.01
    # Of about 950 wells: three standard errors are 0.05.
    assert found[2]["confidence"].mean() == pytest.approx(right[2], abs=0.05)
    assert found[0]["confidence"].mean() == pytest.approx(right[0], abs=0.05)
    once = layout.decode(made.test, made.logits, posterior, "marginal", "logit", one_to_one=True)
    assert all(once["sirna"].iloc[rows].is_unique for rows in plates(made.test))
    assert accuracy(once, made) > right[1] - 0.02


def test_marginals_are_the_default(made, layout, posterior):
    found = layout.decode(made.test, made.logits, posterior, kind="logit")
    expected = layout.decode(made.test, made.logits, posterior, "marginal", "logit")
    pd.testing.assert_frame_equal(found, expected)


def test_one_class_per_well_has_the_highest_expected_number_right():
    """The sum of marginals, which the sum of their logarithms doesn't maximise."""
    made = plant(group_size=40, train_experiments=8, test_experiments=3, signal=1.5, seed=2)
    layout = cs.PlateLayout.fit(made.train)
    number = {tuple(row): k for k, row in enumerate(layout.assignments.tolist())}
    experiments = made.test["experiment"].unique()
    given = pd.Series([number[tuple(row)] for row in made.group_on_plate.tolist()], experiments)
    once = layout.decode(made.test, made.logits, given, kind="logit", one_to_one=True)
    by_logs = 0.0
    for rows in plates(made.test):
        columns = np.flatnonzero(layout.group == layout.group[once["sirna"].iloc[rows[0]]])
        share = marginals(made.logits[np.ix_(rows, columns)]).values
        best = share[linear_sum_assignment(share, maximize=True)].sum()
        assert once["confidence"].iloc[rows].sum() == pytest.approx(best)
        by_logs += best - share[linear_sum_assignment(np.log(share), maximize=True)].sum()
    assert by_logs > 0.1  # so that the two can be told apart here


def test_the_temperature_is_found_without_labels(made, layout, posterior):
    wrong = made.logits * np.float32(3)
    right = layout.decode(made.test, made.logits, posterior, "marginal", "logit")
    sharp = layout.decode(made.test, wrong, posterior, "marginal", "logit")
    fitted = layout.decode(made.test, wrong, posterior, "marginal", "logit", temperature="fit")

    def gap(decoded):
        return abs(decoded["confidence"].mean() - accuracy(decoded, made))

    assert gap(fitted) < 0.06 < gap(sharp)
    assert accuracy(fitted, made) > accuracy(right, made) - 0.02
    again = layout.infer(made.test, wrong, "logit")
    np.testing.assert_array_equal(again["best"], posterior["best"])


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("temperature", [1 / 3, 1, 3])
def test_fitted_temperatures_claim_what_is_right(within, temperature):
    """Also where lists were searched within the group, so that the group says nothing."""
    claim, right = [], []
    for signal, bias in ((2, 1), (3, 0.5)):
        made = plant(
            group_size=80,
            signal=signal,
            class_bias=bias,
            temperature=temperature,
            train_experiments=12,
            test_experiments=3,
        )
        layout = cs.PlateLayout.fit(made.train)
        order = {tuple(row): number for number, row in enumerate(layout.assignments.tolist())}
        given = [order[tuple(row)] for row in made.group_on_plate.tolist()]
        given = pd.Series(given, made.test["experiment"].unique())
        own = made.group[made.sirna][:, None] == made.group
        logits = np.where(own, made.logits, np.float32(-1e4)) if within else made.logits
        found = layout.decode(made.test, logits, given, "marginal", "logit", temperature="fit")
        assert found.attrs["temperature"] == pytest.approx(1 / temperature, rel=0.2)
        claim.append(found["confidence"].to_numpy())
        right.append((found["sirna"] == made.sirna).to_numpy())
    claim, right = np.concatenate(claim), np.concatenate(right)
    bins = np.minimum((10 * claim).astype(int), 9)
    off = [abs((claim - right)[bins == one].sum()) for one in range(10)]
    assert sum(off) / len(claim) < 0.05


def test_scores_that_no_temperature_mends_are_told(made, layout, posterior):
    """Every well of a plate has the same favourite among its few scores."""
    scores = np.full(made.logits.shape, -50, np.float32)
    scores[:, ::10] = np.random.default_rng(0).normal(size=scores[:, ::10].shape)
    scores[:, ::40] += 20
    with pytest.warns(cs.plates.TemperatureWarning, match="no temperature makes these logit"):
        layout.decode(made.test, scores, posterior, kind="logit", temperature="fit")


@pytest.mark.parametrize("turned", [False, True])
def test_layouts_used_again_are_evidence(turned):
    """The first test experiment has the wells of a train experiment, one plate on, or turned."""
    made = plant(group_size=60, train_experiments=6, test_experiments=3, signal=2, missing=0)
    first = made.train["experiment"].iloc[0]
    again = made.train[made.train["experiment"] == first].copy()
    name = made.test["experiment"].iloc[0]
    again["plate"] = again["plate"] % 4 + 1
    if turned:
        row = again["well"].str[0].map(ord).to_numpy()
        column = again["well"].str[1:].astype(int)
        again["well"] = [f"{chr(145 - r)}{25 - c:02d}" for r, c in zip(row, column, strict=True)]
    again["experiment"] = name
    again["id_code"] = again["experiment"] + "_" + again["plate"].astype(str) + "_" + again["well"]
    again = again.reset_index(drop=True)
    scores = np.random.default_rng(0).normal(size=(len(again), 240))
    scores[np.arange(len(again)), again["sirna"]] += 2
    rest = made.test["experiment"] != name
    test = pd.concat([again, made.test[rest].assign(sirna=made.sirna[rest])], ignore_index=True)
    scores = np.concatenate([2 * scores, made.logits[rest]])
    layout = cs.PlateLayout.fit(made.train)
    wells, truth = test.drop(columns="sirna"), test["sirna"]
    for method in ("argmax", "assignment", "marginal"):
        plain = layout.decode(wells, scores, None, method, "logit")
        known = layout.decode(wells, scores, None, method, "logit", use_known_layouts=True)
        here = (test["experiment"] == name).to_numpy()
        assert (plain["sirna"] == truth)[here].mean() < 0.8
        assert (known["sirna"] == truth)[here].all()
        assert known["confidence"][here].min() > 0.99
        pd.testing.assert_frame_equal(known[~here], plain[~here], check_like=True, rtol=1e-4)
        assert [row["plate"] for row in known.attrs["known_layouts"]] == [1, 2, 3, 4]
        assert all(row["best_experiment"] == first for row in known.attrs["known_layouts"])


def test_favoured_classes_do_not_mislead_the_assignment():
    made = plant(
        group_size=40, train_experiments=8, test_experiments=8, signal=2.2, class_bias=1.2, seed=9
    )
    layout = cs.PlateLayout.fit(made.train)
    found = layout.infer(made.test, made.logits, "logit")
    assert (found["evidence"] == "sinkhorn").any()
    right = (layout.assignments[found["best"]] == made.group_on_plate).all(axis=1)
    assert found["certain"].sum() >= 5
    assert right[found["certain"]].all()


def test_marginals_mix_over_uncertain_assignments(made, layout):
    experiments = made.test["experiment"].unique()
    unsure = pd.DataFrame({"experiment": experiments, "posterior_0": 0.5, "posterior_1": 0.5})
    unsure = unsure.assign(posterior_2=0.0, posterior_3=0.0)
    sure = [pd.Series(k, index=experiments) for k in (0, 1)]
    mixed = layout.decode(made.test, made.logits, unsure, "marginal", "logit")
    each = [layout.decode(made.test, made.logits, one, "marginal", "logit") for one in sure]
    best = np.maximum(each[0]["confidence"], each[1]["confidence"])
    np.testing.assert_allclose(mixed["confidence"], best / 2, rtol=1e-3)
    first = (each[0]["confidence"] > each[1]["confidence"]).to_numpy()
    expected = np.where(first, each[0]["sirna"], each[1]["sirna"])
    apart = np.abs(each[0]["confidence"] - each[1]["confidence"]).to_numpy() > 1e-3
    np.testing.assert_array_equal(mixed["sirna"][apart], expected[apart])


def test_given_assignments_are_obeyed(made, layout, tmp_path):
    experiments = made.test["experiment"].unique()
    given = pd.Series(2, index=experiments)
    decoded = layout.decode(made.test, made.logits, given, kind="logit")
    plate = made.test["plate"].to_numpy() - 1
    np.testing.assert_array_equal(layout.group[decoded["sirna"]], layout.assignments[2][plate])
    given.to_csv(tmp_path / "groups.csv", header=False)
    bare = layout.decode(made.test, made.logits, tmp_path / "groups.csv", kind="logit")
    pd.testing.assert_frame_equal(bare, decoded)
    with pytest.raises(ValueError, match="no row for experiments"):
        layout.decode(made.test, made.logits, given.iloc[1:], kind="logit")
    with pytest.raises(ValueError, match="expected assignments 0 to 3"):
        layout.decode(made.test, made.logits, given + 2, kind="logit")


def test_zero_probabilities_rule_nothing_out_for_good(made, layout, posterior):
    scores = probabilities(made.logits)
    scores[scores < 1e-3] = 0
    scores[5] = 0
    scores[5, np.flatnonzero(layout.group != layout.group[made.sirna[5]])[0]] = 1
    for method in ("argmax", "assignment", "marginal"):
        decoded = layout.decode(made.test, scores, posterior, method)
        assert np.isfinite(decoded["confidence"]).all()
        assert decoded["confidence"].between(0, 1 + 1e-9).all()
        assert layout.group[decoded["sirna"][5]] == layout.group[made.sirna[5]]
    assert decoded["margin"].notna().all()


def test_wells_that_outnumber_classes_are_refused(made, layout, posterior):
    rows = made.test[(made.test["experiment"] == made.test["experiment"].iloc[0])]
    many = rows[rows["plate"] == 1].assign(plate=2)
    many["well"] = "P" + (many.reset_index().index + 1).astype(str)
    many["id_code"] = "x" + many["well"]
    table = pd.concat([made.test, many], ignore_index=True)
    scores = np.vstack([made.logits, made.logits[: len(many)]])
    with pytest.raises(ValueError, match="more than the groups"):
        layout.infer(table, scores, "logit")
    with pytest.raises(ValueError, match=r"plate 2 has .* wells, but the group on it has 40"):
        layout.decode(table, scores, posterior, "assignment", "logit")


def test_one_well_and_one_plate(made, layout, posterior):
    one = made.test.iloc[[7]].reset_index(drop=True)
    found = layout.infer(one, made.logits[7:8], "logit")
    assert found["wells"].tolist() == [1]
    for method in ("argmax", "assignment", "marginal"):
        decoded = layout.decode(one, made.logits[7:8], posterior, method, "logit")
        assert len(decoded) == 1


def test_a_group_of_one_class_has_no_runner_up():
    made = plant(plates=3, group_size=1, train_experiments=5, test_experiments=2, missing=0, seed=1)
    layout = cs.PlateLayout.fit(made.train)
    given = pd.Series(0, index=made.test["experiment"].unique())
    for method in ("argmax", "assignment", "marginal"):
        decoded = layout.decode(made.test, made.logits, given, method, "logit")
        assert decoded["runner_up"].isna().all()
        assert (decoded["margin"] == np.inf).all()
        assert (decoded["confidence"] == 1).all()


def test_convergence_is_reported(made, layout, posterior, monkeypatch):
    monkeypatch.setattr("cellsieve.plates.decode.ROUGH", 0.0)
    with pytest.warns(ConvergenceWarning, match="plate 1 \\(standard error 0.*did not converge"):
        layout.decode(made.test, made.logits, posterior, "marginal", "logit")
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layout.decode(made.test, made.logits, posterior, "marginal", "logit")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"method": "best"}, "method: found 'best'"),
        ({"kind": "percent"}, "kind: found 'percent'"),
        ({"temperature": 0}, "temperature: found 0"),
        ({"temperature": "warm"}, "temperature: found 'warm'"),
        ({"average": "median"}, "average: found 'median'"),
        ({"jobs": 0}, "jobs: found 0; expected at least 1"),
    ],
)
def test_options_that_do_not_exist(made, layout, options, text):
    with pytest.raises(ValueError, match=text):
        layout.decode(made.test, made.logits, **options)
