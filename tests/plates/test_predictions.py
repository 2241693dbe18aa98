"""Predictions in every form, joined to the wells by id."""

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.trial.planted import plant, probabilities


@pytest.fixture(scope="module")
def made():
    return plant(group_size=15, train_experiments=6, test_experiments=3, signal=3, seed=11)


@pytest.fixture(scope="module")
def layout(made):
    return cs.PlateLayout.fit(made.train)


@pytest.fixture(scope="module")
def scores(made):
    return probabilities(made.logits)


@pytest.fixture(scope="module")
def expected(made, layout, scores):
    return layout.decode(made.test, scores, method="argmax")


def shuffled(made, scores, seed=0):
    order = np.random.default_rng(seed).permutation(len(scores))
    return made.test["id_code"].to_numpy()[order], scores[order]


@pytest.mark.parametrize("form", ["npy", "npz", "csv", "csv.gz", "parquet", "frame", "index"])
def test_every_form_gives_the_same(made, layout, scores, expected, tmp_path, form):
    ids, values = shuffled(made, scores)
    table = pd.DataFrame(values, columns=range(60)).rename(columns=str)
    path = tmp_path / f"predictions.{form}"
    named = {}
    if form == "npy":
        np.save(path, values)
        named = {"ids": ids}
    elif form == "npz":
        np.savez(path, scores=values, ids=ids.astype(str), classes=np.arange(60))
    elif form == "frame":
        path = table.assign(id_code=ids)
    elif form == "index":
        path = table.set_index(pd.Index(ids))
    else:
        cs.write_table(table.assign(id_code=ids), path)
    decoded = layout.decode(made.test, path, **named, method="argmax")
    pd.testing.assert_frame_equal(decoded, expected)
    assert decoded["id_code"].tolist() == made.test["id_code"].tolist()


@pytest.mark.parametrize("form", ["npy", "npz", "csv"])
def test_predictions_behind_a_url(made, layout, scores, expected, tmp_path, form):
    fsspec = pytest.importorskip("fsspec", reason="needs the extra remote")
    ids, values = shuffled(made, scores)
    path, named = tmp_path / f"predictions.{form}", {}
    if form == "npy":
        np.save(path, values)
        (tmp_path / "ids.txt").write_text("\n".join(ids))
        named = {"ids": "memory://screen/ids.txt"}
    elif form == "npz":
        np.savez(path, scores=values, ids=ids.astype(str), classes=np.arange(60))
    else:
        table = pd.DataFrame(values, columns=range(60)).rename(columns=str)
        cs.write_table(table.assign(id_code=ids), path)
    memory = fsspec.filesystem("memory")
    memory.put(f"{tmp_path}/", "/screen/", recursive=True)
    try:
        url = f"memory://screen/{path.name}"
        decoded = layout.decode(made.test, url, **named, method="argmax")
        with pytest.raises(FileNotFoundError, match="memory://screen/none"):
            layout.decode(made.test, f"memory://screen/none.{form}", method="argmax")
    finally:
        memory.rm("/", recursive=True)
    pd.testing.assert_frame_equal(decoded, expected)


def test_class_order_is_by_name(made, layout, scores, expected, tmp_path):
    order = np.random.default_rng(3).permutation(60)
    names = tmp_path / "classes.txt"
    names.write_text("\n".join(map(str, order)))
    extra = np.hstack([scores[:, order], np.full((len(scores), 2), np.nan, np.float32)])
    pd.testing.assert_frame_equal(
        layout.decode(made.test, scores[:, order], classes=names, method="argmax"), expected
    )
    # Columns of classes that no plate holds are not looked at.
    more = [*order.tolist(), "control", "empty"]
    pd.testing.assert_frame_equal(
        layout.decode(made.test, extra, classes=more, method="argmax"), expected
    )
    for method in ("assignment", "marginal"):
        pd.testing.assert_frame_equal(
            layout.decode(made.test, extra, None, method, classes=more),
            layout.decode(made.test, scores, None, method),
        )


def test_text_classes_need_an_order(made, scores, expected):
    train = made.train.assign(sirna="s" + made.train["sirna"].astype(str))
    layout = cs.PlateLayout.fit(train)
    with pytest.raises(ValueError, match="expected `classes` in the order of the columns"):
        layout.decode(made.test, scores, method="argmax")
    decoded = layout.decode(
        made.test, scores, classes=[f"s{c}" for c in range(60)], method="argmax"
    )
    assert decoded["sirna"].tolist() == [f"s{c}" for c in expected["sirna"]]


@pytest.mark.filterwarnings("ignore::cellsieve.plates.UncertainAssignmentWarning")
def test_a_mapped_matrix_is_not_copied(made, layout, scores, expected, tmp_path, monkeypatch):
    np.save(tmp_path / "p.npy", scores)
    mapped = cs.read_predictions(tmp_path / "p.npy").scores
    assert isinstance(mapped, np.memmap)
    seen = []
    kernel = cs._core.masked_argmax
    monkeypatch.setattr(
        cs._core, "masked_argmax", lambda m, *rest: (seen.append(m), kernel(m, *rest))[1]
    )
    layout.decode(made.test, cs.Predictions(mapped), method="argmax")
    order = np.argsort(shuffled(made, scores)[0])
    ids = made.test["id_code"].to_numpy()[order]
    layout.decode(made.test, cs.Predictions(mapped, ids), method="argmax")
    assert [matrix is mapped for matrix in seen] == [True, True]


@pytest.mark.parametrize("layout_of", ["fortran", "columns", "big-endian", "strided", "unaligned"])
def test_awkward_arrays_give_the_same(made, layout, scores, expected, layout_of):
    if layout_of == "fortran":
        awkward = np.asfortranarray(scores)
    elif layout_of == "columns":
        awkward = np.repeat(scores, 2, axis=1)[:, ::2]
    elif layout_of == "big-endian":
        awkward = scores.astype(">f4")
    elif layout_of == "strided":
        awkward = np.repeat(scores, 2, axis=0)[::2]
    else:
        packed = np.zeros(len(scores), np.dtype([("flag", "i1"), ("scores", "f4", 60)]))
        packed["scores"] = scores
        awkward = packed["scores"]
    pd.testing.assert_frame_equal(layout.decode(made.test, awkward, method="argmax"), expected)


def test_sites_are_averaged(made, layout, scores):
    rng = np.random.default_rng(5)
    noise = rng.gamma(1, 1, (2, *scores.shape)).astype(np.float32)
    sites = scores[None] * noise
    sites /= sites.sum(axis=2, keepdims=True)
    ids = made.test["id_code"].to_numpy()
    both = cs.Predictions(np.concatenate(sites), [*(ids + "_s1"), *(ids + "_s2")])
    mean = layout.decode(made.test, sites.mean(axis=0), method="argmax")
    pd.testing.assert_frame_equal(layout.decode(made.test, both, method="argmax"), mean, rtol=1e-4)
    files = [cs.Predictions(site, ids) for site in sites]
    pd.testing.assert_frame_equal(layout.decode(made.test, files, method="argmax"), mean, rtol=1e-4)
    logs = layout.decode(
        made.test, np.log(sites).mean(axis=0), kind="log_probability", method="argmax"
    )
    found = layout.decode(made.test, both, average="log", method="argmax")
    pd.testing.assert_frame_equal(found, logs, rtol=1e-3, atol=1e-3)
    by_log = cs.Predictions(np.log(both.scores), both.ids)
    softmax = layout.decode(made.test, by_log, kind="logit", average="probability", method="argmax")
    pd.testing.assert_frame_equal(softmax, mean, rtol=1e-3)
    # A well with one site only counts as it is.
    some = cs.Predictions(both.scores[:-3], both.ids[:-3])
    assert len(layout.decode(made.test, some, method="argmax")) == len(made.test)
    with pytest.raises(ValueError, match="no predictions for"):
        layout.decode(made.test, cs.Predictions(sites[0][1:], ids[1:]), method="argmax")


def test_hard_predictions_of_several_models_are_votes(made, layout):
    votes = [
        pd.DataFrame({"id_code": made.test["id_code"], "sirna": wrong})
        for wrong in (made.sirna, made.sirna, (made.sirna + 1) % 60)
    ]
    for method in ("argmax", "assignment", "marginal"):
        decoded = layout.decode(made.test, votes, method=method)
        np.testing.assert_array_equal(decoded["sirna"], made.sirna)


def test_ids_that_do_not_fit_are_named(made, layout, scores):
    ids = made.test["id_code"].tolist()
    cases = [
        (ids[:-1], scores[:-1], f"no predictions for {ids[-1]}"),
        ([*ids[:-1], ids[0]], scores, f"duplicate ids: {ids[0]}"),
        (["HeLa-01_1_B02", *ids[1:]], scores, "not in test: HeLa-01_1_B02"),
        ([f"{ids[0]}_s1", ids[0], *ids[2:]], scores, f"no predictions for {ids[1]}"),
    ]
    for some, values, text in cases:
        with pytest.raises(ValueError, match=text):
            layout.infer(made.test, cs.Predictions(values, some))
    with pytest.raises(ValueError, match="rows without ids, but test has"):
        layout.infer(made.test, scores[:-1])
    with pytest.raises(ValueError, match="ids for"):
        cs.Predictions(scores, ids[1:])


def test_matrices_that_do_not_fit_are_named(made, layout, scores, tmp_path):
    text = tmp_path / "p.csv"
    cases = [
        (scores[:, :-1], {}, ValueError, "59 columns, but the layout has 60 classes"),
        (scores, {"classes": range(1, 61)}, ValueError, "no column for 1 of .*: 0"),
        (scores, {"classes": [0, *range(59)]}, ValueError, "duplicate classes: 0"),
        (scores, {"classes": range(59)}, ValueError, "59 class names for 60 columns"),
        (scores.astype(int), {}, TypeError, "dtype int64"),
        (scores.astype(complex), {}, TypeError, "dtype complex128"),
        (scores[None], {}, ValueError, "shape"),
        (made.sirna, {"kind": "logit"}, ValueError, "holds one class per row"),
        (scores, {"kind": "hard"}, ValueError, "holds scores per row"),
        (made.sirna + 30, {}, ValueError, "none of the layout's classes"),
        (made.logits, {}, ValueError, "row 0, column .* is negative"),
        ("p.txt", {}, ValueError, "expected a table"),
        (tmp_path / "none.npy", {}, OSError, r"none\.npy"),
        (3.5, {}, TypeError, "found float"),
        ([], {}, ValueError, "none; expected at least one"),
        (scores, {"ids": 5}, TypeError, "ids: found int; expected names or a file"),
    ]
    for source, options, error, message in cases:
        with pytest.raises(error, match=message):
            layout.infer(made.test, source, **options)
    text.write_text("id_code,0,1\na,x,2\n")
    with pytest.raises(ValueError, match=r"p\.csv: columns that hold no numbers: 0"):
        layout.infer(made.test, text)
    text.write_text("name,sirna\na,2\n")
    with pytest.raises(ValueError, match=r"p\.csv: no column 'id_code'"):
        layout.infer(made.test, text)


def test_nan_and_infinity_are_named(made, layout, scores):
    for bad in (np.nan, np.inf):
        spoiled = scores.copy()
        spoiled[8, 3] = bad
        with pytest.raises(ValueError, match="row 8, column 3"):
            layout.infer(made.test, spoiled)
        given = pd.Series(0, index=made.test["experiment"].unique())
        at = made.test["id_code"][8]
        for method in ("assignment", "marginal"):
            with pytest.raises(ValueError, match=f"well {at}, column 3 is {bad}"):
                layout.decode(made.test, spoiled, given, method)
    spoiled = scores.copy()
    spoiled[8] = 0
    with pytest.raises(ValueError, match=f"well {at} are zero throughout"):
        layout.infer(made.test, spoiled)


def test_nan_among_votes_names_its_own_row(made, layout):
    votes = made.sirna.astype(float)
    votes[7] = np.nan
    for source in (votes, pd.DataFrame({"id_code": made.test["id_code"], "sirna": votes})):
        with pytest.raises(ValueError, match="row 7 predicts nan, which is none of"):
            layout.infer(made.test, source)


@pytest.mark.filterwarnings("ignore::cellsieve.plates.UncertainAssignmentWarning")
def test_classes_that_are_not_in_the_layout_change_nothing():
    """A control that every well looks like, and one that is no number at all."""
    made = plant(
        group_size=15, train_experiments=4, test_experiments=4, signal=1.5, class_bias=1, seed=0
    )
    layout = cs.PlateLayout.fit(made.train)
    expected = layout.infer(made.test, made.logits, "logit")
    assert (expected["evidence"] == "sinkhorn").any()
    for strange in (60.0, np.nan):
        column = np.full((len(made.logits), 1), strange, np.float32)
        more = np.hstack([made.logits, column])
        names = [*range(60), "control"]
        found = layout.infer(made.test, more, "logit", classes=names)
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
        for method in ("argmax", "assignment", "marginal"):
            pd.testing.assert_frame_equal(
                layout.decode(made.test, more, expected, method, "logit", classes=names),
                layout.decode(made.test, made.logits, expected, method, "logit"),
            )


def test_a_well_without_a_finite_score_is_the_same_error_in_every_method(made, layout):
    given = pd.Series(0, index=made.test["experiment"].unique())
    group = layout.assignments[0][made.test["plate"].to_numpy() - 1]
    logits = made.logits.copy()
    logits[8, layout.group == group[8]] = -np.inf
    at = made.test["id_code"][8]
    for method in ("argmax", "assignment", "marginal"):
        with pytest.raises(ValueError, match=f"predictions: well {at} has no finite score among"):
            layout.decode(made.test, logits, given, method, "logit")


def test_similarities_are_not_taken_for_probabilities(made, layout):
    """Cosines, all of them positive, look like probabilities but for their sum."""
    cosines = 0.5 + 0.4 * np.tanh(made.logits / 4)
    for step in (layout.infer, layout.decode, layout.check):
        with pytest.raises(ValueError, match=r"row 0 sums to .* expected kind .* similarity for"):
            step(made.test, cosines)
    said = layout.infer(made.test, cosines, "similarity")
    assert len(said) == 3
    # Probabilities of some of a model's classes, and scores that are said to be in proportion.
    layout.infer(made.test, probabilities(made.logits) * np.float32(0.4))
    layout.infer(made.test, probabilities(made.logits) * np.float32(7), "probability")


def test_no_pickle_is_ever_loaded(made, layout, tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was loaded",))

    trap = np.array([Trap()], dtype=object)
    np.save(tmp_path / "p.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "p.npz", scores=np.zeros((1, 1)), ids=trap)
    for name in ("p.npy", "p.npz"):
        with pytest.raises(ValueError, match="safely"):
            layout.infer(made.test, tmp_path / name)


def test_npz_of_unknown_arrays_is_refused(made, layout, scores, tmp_path):
    np.savez(tmp_path / "p.npz", a=scores, b=scores)
    with pytest.raises(ValueError, match="holds a, b; expected 'scores'"):
        layout.infer(made.test, tmp_path / "p.npz")
    np.savez(tmp_path / "p.npz", a=scores)
    assert len(layout.infer(made.test, tmp_path / "p.npz")) == 3


def test_test_files_that_do_not_fit_are_named(made, layout, scores):
    test = made.test
    cases = [
        (test.drop(columns="plate"), "no column 'plate'"),
        (test.assign(plate=7), "plate 7 in row 0 is not in the layout"),
        (test.assign(id_code="x"), "duplicate ids: x"),
        (test.assign(well=test["well"].where(test.index != 4)), "'well' is empty in row 4"),
        (
            test.assign(well=test["well"].where(test.index != 1, test["well"][0])),
            f"{test['id_code'][1]}: a well that an earlier row has",
        ),
    ]
    for table, text in cases:
        with pytest.raises(ValueError, match=text):
            layout.infer(table, scores)
    without = test.drop(columns="id_code")
    found = layout.decode(without, scores, method="argmax")
    assert found["id_code"].tolist() == test["id_code"].tolist()


def test_agreement():
    a = pd.DataFrame({"id_code": ["X-1_1_B02", "X-1_1_B03", "Y-2_1_B02"], "sirna": [1, 2, 3]})
    b = pd.DataFrame({"id_code": ["Y-2_1_B02", "X-1_1_B03", "X-1_1_B02"], "sirna": [3, 5, 1]})
    found = cs.agreement(a, b)
    assert found["experiment"].tolist() == ["all", "X-1", "Y-2"]
    assert found["wells"].tolist() == [3, 2, 1]
    assert found["agree"].tolist() == [2 / 3, 0.5, 1.0]
    with pytest.raises(ValueError, match="b: no rows for X-1_1_B02"):
        cs.agreement(a, b.iloc[:2])
    with pytest.raises(ValueError, match="a: duplicate ids: X-1_1_B02"):
        cs.agreement(pd.concat([a, a.iloc[:1]]), b)


@pytest.mark.filterwarnings("ignore::cellsieve.plates.UncertainAssignmentWarning")
def test_score_shows_what_each_step_gains(made, layout, tmp_path):
    ids = made.test["id_code"].to_numpy()
    rng = np.random.default_rng(0)

    def model():
        """Two sites per well, each noisier than the planted scores."""
        sites = np.concatenate([made.logits, made.logits])
        names = [f"{name}_s{site}" for site in (1, 2) for name in ids]
        return cs.Predictions(sites + 4 * rng.normal(size=sites.shape), names)

    models = [model(), model()]
    truth = made.test[["id_code"]].assign(sirna=made.sirna).iloc[::2]
    found = layout.score(made.test, models, truth, "logit")
    assert found["step"].tolist() == [
        "one site",
        "all sites",
        "2 models",
        "mask: the plate's group",
        "one-to-one: marginals",
        "known layouts",
    ]
    assert (found["wells"] == len(truth)).all()
    assert (found["gain"].iloc[1:4] > 0).all()
    np.testing.assert_allclose(found["gain"].iloc[1:], np.diff(found["right"]))
    best = layout.decode(made.test, models, None, "argmax", "logit")["sirna"].iloc[::2]
    assert found["right"].iloc[3] == (best.to_numpy() == truth["sirna"].to_numpy()).mean()
    plain = layout.score(made.test, made.logits, truth, "logit")
    assert plain["step"].iloc[0] == "best of all classes"
    assert plain["right"].iloc[0] == (made.logits.argmax(1) == made.sirna)[::2].mean()
    with pytest.raises(ValueError, match="none of its ids is a well"):
        layout.score(made.test, made.logits, truth.assign(id_code="x" + truth["id_code"]), "logit")
    with pytest.raises(ValueError, match="does not have: 999"):
        layout.score(made.test, made.logits, truth.assign(sirna=999), "logit")


def test_sources_count_by_their_weights(made, layout, scores):
    rng = np.random.default_rng(1)
    ids = made.test["id_code"].tolist()
    other = rng.dirichlet(np.ones(scores.shape[1]), len(scores)).astype(np.float32)
    mean = (3 * scores.astype(np.float64) + other) / 4
    found = layout.decode(made.test, [scores, other], None, "argmax", weights=[3, 1])
    expected = layout.decode(made.test, mean, None, "argmax")
    assert found["sirna"].tolist() == expected["sirna"].tolist()
    np.testing.assert_allclose(found["confidence"], expected["confidence"], rtol=1e-4)
    alike = layout.infer(made.test, [scores, other])
    pd.testing.assert_frame_equal(layout.infer(made.test, [scores, other], weights=[5, 5]), alike)
    logs = layout.decode(
        made.test, [scores, other], None, "argmax", average="log", weights=(0.5, 1.5)
    )
    mean = np.log(np.maximum(scores, 1e-12)) / 4 + 3 / 4 * np.log(np.maximum(other, 1e-12))
    expected = layout.decode(made.test, mean, None, "argmax", "log_probability")
    assert logs["sirna"].tolist() == expected["sirna"].tolist()
    votes = [pd.DataFrame({"id_code": ids, "sirna": m.argmax(axis=1)}) for m in (scores, other)]
    both = layout.infer(made.test, votes, weights=[99, 1])
    assert both["share_0"].tolist() == layout.infer(made.test, votes[0])["share_0"].tolist()
    for weights, text in (
        ([1], "expected 2 numbers"),
        ([1, 0], "expected positive numbers"),
        ([1, np.nan], "expected positive numbers"),
        (["a", "b"], "expected 2 numbers"),
    ):
        with pytest.raises(ValueError, match=text):
            layout.infer(made.test, [scores, other], weights=weights)


def test_models_are_compared(made, layout, scores):
    half = scores.copy()
    half[::2] = half[::2, ::-1]
    found = layout.agreement(made.test, [scores, half])
    assert found["model"].tolist() == ["predictions 0", "predictions 1"]
    agree = (scores.argmax(axis=1) == half.argmax(axis=1)).mean()
    np.testing.assert_allclose(found.to_numpy()[:, 1:].astype(float), [[1, agree], [agree, 1]])
