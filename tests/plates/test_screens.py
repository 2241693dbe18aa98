"""Screens of other designs than RxRx1's: replicates, controls, barcodes, given groups."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.plates.kernels import marginals
from cellsieve.trial.planted import plant

SMALL = {"train_experiments": 8, "test_experiments": 4, "signal": 3.0, "missing": 0.01}


def right(made, posterior):
    """Which experiments have the planted groups, by the table for plates in any order."""
    plates = made.group_on_plate.shape[1]
    found = posterior[[f"plate_{q + 1}" for q in range(plates)]].to_numpy()
    return (found == made.group_on_plate).all(axis=1)


def decoded_well(made, layout, at_least, **options):
    """Decodes by all methods; marginals are right as often as they say and beat plain argmax."""
    share = {}
    for method in ("argmax", "assignment", "marginal"):
        wells = layout.decode(made.test, made.logits, None, method, "logit", **options)
        assert wells["id_code"].tolist() == made.test["id_code"].tolist()
        share[method] = (wells["sirna"] == made.sirna).mean()
    plain = (made.logits.argmax(axis=1) == made.sirna).mean()
    assert share["argmax"] > plain
    assert share["marginal"] >= max(share["argmax"], at_least)
    assert abs(wells["confidence"].mean() - share["marginal"]) < 0.03
    return wells


@pytest.mark.parametrize("replicates", [2, 4])
def test_classes_in_several_wells(replicates, tmp_path):
    made = plant(group_size=40, replicates=replicates, seed=4, **SMALL)
    layout = cs.PlateLayout.fit(made.train)
    assert (layout.slots == replicates).all()
    posterior = layout.infer(made.test, made.logits, "logit")
    assert posterior["certain"].all()
    found = layout.assignments[posterior["best"]]
    np.testing.assert_array_equal(found, made.group_on_plate)
    wells = decoded_well(made, layout, 0.8)
    most = wells.groupby(["experiment", "plate"])["sirna"].value_counts().max()
    once = layout.decode(made.test, made.logits, posterior, "assignment", "logit")
    assert once.groupby(["experiment", "plate"])["sirna"].value_counts().max() == replicates <= most
    each = layout.decode(made.test, made.logits, posterior, "marginal", "logit", one_to_one=True)
    assert each.groupby(["experiment", "plate"])["sirna"].value_counts().max() == replicates
    layout.save(tmp_path / "layout.json")
    np.testing.assert_array_equal(cs.PlateLayout.load(tmp_path / "layout.json").slots, layout.slots)


@pytest.mark.parametrize("replicates", [2, 4])
def test_marginals_of_replicates_are_as_often_right_as_they_say(replicates):
    right, claimed = [], []
    always = {"train_rotations": (1.0, 0.0), "test_rotations": (1.0, 0.0)}
    for seed in range(4):
        made = plant(plates=2, group_size=40, replicates=replicates, seed=seed, **always, **SMALL)
        layout = cs.PlateLayout.fit(made.train)
        wells = layout.decode(made.test, made.logits, None, "marginal", "logit")
        right.append(wells["sirna"].to_numpy() == made.sirna)
        claimed.append(wells["confidence"])
    right, claimed = np.concatenate(right), np.concatenate(claimed)
    for low, high in ((0, 0.5), (0.5, 0.8), (0.8, 1.01)):
        inside = (claimed >= low) & (claimed < high)
        noise = 3 * np.sqrt(0.25 / inside.sum())
        assert abs(claimed[inside].mean() - right[inside].mean()) < 0.02 + noise / 2
    assert abs(claimed.mean() - right.mean()) < 0.015


def test_a_few_classes_in_several_wells():
    """Reference compounds, say; and a class that stands twice by mistake is named all the same."""
    made = plant(group_size=20, seed=2, **SMALL)
    again = made.train[made.train["sirna"].isin([3, 5])]
    more = pd.concat([made.train, again.assign(well="P" + again["well"].str[1:])])
    layout = cs.PlateLayout.fit(more)
    assert layout.slots[[3, 5]].tolist() == [2, 2]
    assert layout.slots.sum() == len(layout.classes) + 2
    wrong = pd.concat([made.train, again.iloc[:1].assign(well="P01")])
    with pytest.raises(ValueError, match=r"occur twice in one experiment: .*well P01"):
        cs.PlateLayout.fit(wrong)


def test_marginals_of_replicates_are_those_of_all_matchings(rng):
    """Of a plate of three classes in two wells each, summed over all orders."""
    logs = rng.normal(size=(6, 3)) * 1.5
    exact = np.zeros((6, 3))
    for order in set(permutations([0, 0, 1, 1, 2, 2])):
        exact[np.arange(6), order] += np.exp(logs[np.arange(6), order].sum())
    exact /= exact.sum(axis=1, keepdims=True).max()
    exact /= exact.sum(axis=1, keepdims=True)
    wells = [f"B{n:02d}" for n in range(2, 8)]
    train = pd.DataFrame(
        {"experiment": "a", "plate": 1, "well": wells, "sirna": [0, 0, 1, 1, 2, 2]}
    )
    test = train.drop(columns="sirna").assign(experiment="b")
    layout = cs.PlateLayout.fit(train)
    found = layout.decode(test, logs, pd.Series({"b": 0}), "marginal", "logit")
    np.testing.assert_allclose(found["confidence"], exact.max(axis=1), atol=1e-9)
    np.testing.assert_array_equal(found["sirna"], exact.argmax(axis=1))
    assert marginals(logs[:, [0, 0, 1, 1, 2, 2]]).error == 0


def test_controls_are_set_aside_and_stay_as_they_are(tmp_path):
    made = plant(group_size=40, controls=3, seed=3, **SMALL)
    layout = cs.PlateLayout.fit(made.train)
    assert layout.controls.tolist() == [160, 161, 162]
    assert layout.classes.tolist() == list(range(160))
    np.testing.assert_array_equal(layout.group, made.group)
    control = made.test["sirna"].notna().to_numpy()
    wells = decoded_well(made, layout, 0.8)
    assert wells["sirna"][control].tolist() == made.sirna[control].tolist()
    assert (wells["confidence"][control] == 1).all()
    assert wells["runner_up"][control].isna().all()
    # Without the controls all else is the same, whatever rows the scores have.
    plain = layout.decode(
        made.test[~control].drop(columns="sirna"), made.logits[~control], None, "marginal", "logit"
    )
    pd.testing.assert_frame_equal(
        wells[~control].reset_index(drop=True), plain, check_dtype=False, check_exact=True
    )
    nothing = made.logits.copy()
    nothing[control] = np.nan
    columns = np.concatenate([nothing, np.zeros((len(nothing), 3), np.float32)], axis=1)
    again = layout.decode(made.test, columns, None, "marginal", "logit")
    pd.testing.assert_frame_equal(again, wells)
    by_id = cs.Predictions(
        made.logits[~control][::-1], made.test["id_code"][~control][::-1].tolist()
    )
    pd.testing.assert_frame_equal(layout.decode(made.test, by_id, None, "marginal", "logit"), wells)
    votes = pd.DataFrame({"id_code": made.test["id_code"], "sirna": made.logits.argmax(axis=1)})
    votes.loc[control, "sirna"] = 162
    assert layout.infer(made.test, votes)["wells"].sum() == (~control).sum()
    layout.save(tmp_path / "layout.json")
    assert cs.PlateLayout.load(tmp_path / "layout.json").controls.equals(layout.controls)
    checked = layout.check(made.test, made.logits, "logit", permutations=20)
    assert (checked["verdict"] == "no known layout").all()
    truth = made.test[["id_code"]].assign(sirna=made.sirna)[~control]
    assert layout.score(made.test, made.logits, truth, "logit")["right"].iloc[-1] > 0.8


def test_a_test_file_of_controls_alone_is_refused():
    made = plant(group_size=12, controls=2, seed=3, **SMALL)
    layout = cs.PlateLayout.fit(made.train)
    control = made.test["sirna"].notna().to_numpy()
    with pytest.raises(ValueError, match="every well holds a control"):
        layout.infer(made.test[control], made.logits[control], "logit")


def test_every_class_on_every_plate_is_told():
    made = plant(group_size=12, seed=3, **SMALL)
    one = made.train[made.train["plate"] == 1]
    same = pd.concat([one.assign(plate=plate, sirna=one["sirna"] % 12) for plate in (1, 2, 3)])
    with pytest.raises(ValueError, match="every class is on every plate"):
        cs.PlateLayout.fit(same.drop_duplicates(["experiment", "plate", "sirna"]))


@pytest.mark.parametrize("plates", [3, 9])
def test_barcodes_are_matched_by_what_is_on_the_plates(plates, tmp_path):
    made = plant(plates=plates, group_size=30, barcodes=True, free=True, seed=4, **SMALL)
    layout = cs.PlateLayout.fit(made.train)
    np.testing.assert_array_equal(layout.group, made.group)
    posterior = layout.infer(made.test, made.logits, "logit")
    assert posterior["certain"].all()
    assert right(made, posterior).all()
    wells = decoded_well(made, layout, 0.7)
    assert wells["plate"].tolist() == made.test["plate"].tolist()
    file = tmp_path / "layout.json"
    layout.save(file)
    assert made.train["plate"].iloc[0] in file.read_text()
    again = cs.PlateLayout.load(file).infer(made.test, made.logits, "logit")
    pd.testing.assert_frame_equal(again, posterior)


def test_a_layout_that_is_used_again_is_named_by_its_barcode():
    made = plant(group_size=30, barcodes=True, free=True, seed=5, **SMALL)
    layout = cs.PlateLayout.fit(made.train)
    name = made.train["plate"].unique()[5]
    old = made.train[made.train["plate"] == name]
    where = made.test["plate"] == made.test["plate"].iloc[0]
    rng = np.random.default_rng(5)
    test = old.drop(columns=["sirna", "id_code"]).assign(experiment="new", plate="BRnew")
    logits = rng.standard_normal((len(old), 120)).astype(np.float32)
    logits[np.arange(len(old)), old["sirna"]] += 3
    test = pd.concat([made.test[where].drop(columns="id_code"), test], ignore_index=True)
    logits = np.concatenate([made.logits[where], 3 * logits])
    checked = layout.check(test, logits, "logit").set_index("plate")["verdict"]
    assert f"re-uses {old['experiment'].iloc[0]} plate {name}" in checked["BRnew"]
    assert checked.drop("BRnew").tolist() == ["no known layout"]
    decoded = layout.decode(test, logits, None, "marginal", "logit", use_known_layouts=True)
    assert (decoded["sirna"][-len(old) :].to_numpy() == old["sirna"].to_numpy()).all()


def test_too_many_plates_are_named():
    made = plant(plates=3, group_size=12, barcodes=True, seed=4, **SMALL)
    layout = cs.PlateLayout.fit(made.train)
    one = made.test.assign(experiment="all in one")
    with pytest.raises(ValueError, match="all in one has 12 plates or more; expected 3"):
        layout.infer(one, made.logits, "logit")


def test_plates_missing_among_barcodes():
    made = plant(group_size=30, barcodes=True, free=True, seed=6, **SMALL)
    layout = cs.PlateLayout.fit(made.train)
    gone = made.test.groupby("experiment")["plate"].transform("min")
    left = (made.test["plate"] != gone).to_numpy()
    posterior = layout.infer(made.test[left], made.logits[left], "logit")
    found = posterior[["plate_1", "plate_2", "plate_3", "plate_4"]].to_numpy()
    np.testing.assert_array_equal(found[:, :3], made.group_on_plate[:, 1:])
    assert (found[:, 3] == -1).all()
    assert posterior["certain"].all()


def test_groups_that_are_given(tmp_path):
    made = plant(group_size=30, free=True, seed=7, **SMALL)
    table = pd.DataFrame({"sirna": np.arange(120), "group": [f"library {g}" for g in made.group]})
    layout = cs.PlateLayout.of_groups(table.sample(frac=1, random_state=0))
    np.testing.assert_array_equal(layout.group, made.group)
    posterior = layout.infer(made.test, made.logits, "logit")
    assert right(made, posterior).all()
    decoded_well(made, layout, 0.8)
    with pytest.raises(ValueError, match="no plates to check"):
        layout.check(made.test, made.logits, "logit")
    file = tmp_path / "layout.json"
    layout.save(file)
    pd.testing.assert_frame_equal(
        cs.PlateLayout.load(file).infer(made.test, made.logits, "logit"), posterior
    )
    with pytest.raises(ValueError, match="classes in two groups: 7; expected one group"):
        cs.PlateLayout.of_groups(
            pd.concat([table, pd.DataFrame({"sirna": [7], "group": ["another"]})])
        )
    twice = cs.PlateLayout.of_groups(pd.concat([table, table[:5]]))
    assert twice.slots[:6].tolist() == [2, 2, 2, 2, 2, 1]


def test_unequal_groups():
    made = plant(group_size=(50, 33, 20, 12), seed=8, **SMALL)
    layout = cs.PlateLayout.fit(made.train)
    np.testing.assert_array_equal(layout.group, made.group)
    posterior = layout.infer(made.test, made.logits, "logit")
    found = layout.assignments[posterior["best"]]
    np.testing.assert_array_equal(found, made.group_on_plate)
    assert posterior["certain"].all()
    decoded_well(made, layout, 0.8)
    # With few wells left, sizes tell nothing, and scores must.
    few = made.test.groupby(["experiment", "plate"]).cumcount().to_numpy() < 8
    some = layout.infer(made.test[few], made.logits[few], "logit")
    assert (some["certain"] <= (some["best"] == posterior["best"])).all()


def test_one_fixed_map():
    """The same group on the same plate in every experiment."""
    always = (1.0, 0.0, 0.0, 0.0)
    made = plant(group_size=30, train_rotations=always, test_rotations=always, seed=9, **SMALL)
    layout = cs.PlateLayout.fit(made.train)
    assert layout.assignments.shape == (1, 4)
    posterior = layout.infer(made.test, made.logits, "logit")
    assert posterior["certain"].all()
    decoded_well(made, layout, 0.8)


@pytest.mark.parametrize("wells", [60, 308, 1100])
def test_plates_of_96_to_1536_wells(wells):
    made = plant(
        plates=2, group_size=wells, train_experiments=4, test_experiments=1, signal=4.5, seed=10
    )
    layout = cs.PlateLayout.fit(made.train)
    posterior = layout.infer(made.test, made.logits, "logit")
    assert posterior["certain"].all()
    found = layout.decode(made.test, made.logits, posterior, "marginal", "logit")
    share = (found["sirna"] == made.sirna).mean()
    assert share > 0.95
    assert abs(found["confidence"].mean() - share) < 0.02
    checked = layout.check(made.test, made.logits, "logit", permutations=5)
    assert (checked["verdict"] == "no known layout").all()
