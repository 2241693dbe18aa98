"""Learning plate groups and assignments from experiments with known classes."""

import json

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.plates import permutations
from cellsieve.trial.planted import plant

SMALL = {"group_size": 12, "train_experiments": 8, "test_experiments": 3}


@pytest.fixture
def made():
    return plant(**SMALL, seed=1)


def test_groups_and_rotations_are_found(made):
    layout = cs.PlateLayout.fit(made.train)
    np.testing.assert_array_equal(layout.group, made.group)
    assert layout.counts.sum() == 8
    assert (np.diff(layout.counts) <= 0).all()
    # Four rotations, also those not seen.
    shifts = {
        tuple((row - row[0]) % 4) for row in layout.assignments.tolist() for row in [np.array(row)]
    }
    assert len(layout.assignments) == 4
    assert len(shifts) == 1
    truth = made.train.drop_duplicates(["experiment", "plate"])
    groups = made.group[truth["sirna"]].reshape(8, 4)
    found = layout.experiment_groups().loc[truth["experiment"].unique()]
    np.testing.assert_array_equal(layout.assignments[found], groups)


def test_missing_wells_and_plates_are_no_trouble(made, rng):
    keep = rng.random(len(made.train)) < 0.7
    keep &= ~((made.train["experiment"] == "HEPG2-01") & (made.train["plate"] == 2))
    layout = cs.PlateLayout.fit(made.train[keep])
    full = cs.PlateLayout.fit(made.train)
    np.testing.assert_array_equal(layout.group, full.group)
    # Three plates leave one group for the fourth.
    pd.testing.assert_series_equal(layout.experiment_groups(), full.experiment_groups())


def test_an_experiment_that_could_be_either_is_left_open(made):
    first = (made.train["experiment"] == "HEPG2-01").to_numpy()
    one_plate = made.train[~first | (made.train["plate"] == 1)]
    layout = cs.PlateLayout.fit(one_plate)
    # In a set of rotations one plate tells the others.
    assert layout.experiment_groups()["HEPG2-01"] >= 0
    swapped = made.train.copy()
    other = swapped["experiment"] == "HUVEC-02"
    swapped.loc[other, "plate"] = swapped.loc[other, "plate"].map({1: 2, 2: 1, 3: 3, 4: 4})
    layout = cs.PlateLayout.fit(swapped[~first | (made.train["plate"] == 1)])
    assert layout.experiment_groups()["HEPG2-01"] == -1
    assert len(layout.assignments) == 24  # a swap and a rotation generate every order


@pytest.mark.parametrize("plates", [["A", "B", "C", "D"], [10, 2, 33, 4], [0.5, 1.5, 2.5, 3.5]])
def test_names_of_plates_and_classes_do_not_matter(made, plates):
    table = made.train.assign(
        plate=made.train["plate"].map(dict(zip([1, 2, 3, 4], plates, strict=True))),
        sirna="s_" + made.train["sirna"].astype(str),
    )
    layout = cs.PlateLayout.fit(table)
    assert layout.plates.tolist() == sorted(plates)
    plain = cs.PlateLayout.fit(made.train)
    groups = pd.Series(layout.group, layout.classes)
    again = groups["s_" + pd.Index(plain.classes.astype(str))].to_numpy()
    # The same partition, numbered by the first class in text order.
    pairs = set(zip(again.tolist(), plain.group.tolist(), strict=True))
    assert len(pairs) == 4


@pytest.mark.parametrize("plates", [1, 2, 3, 6])
def test_any_number_of_plates(plates):
    made = plant(plates=plates, group_size=5, train_experiments=9, test_experiments=1, seed=3)
    layout = cs.PlateLayout.fit(made.train)
    np.testing.assert_array_equal(layout.group, made.group)
    assert layout.n_groups == plates


def test_contradicting_groups_list_the_wells(made):
    table = made.train.copy()
    one = table.index[(table["experiment"] == "RPE-03") & (table["plate"] == 1)][4]
    other = table.index[(table["experiment"] == "RPE-03") & (table["plate"] == 2)][7]
    table.loc[[one, other], "sirna"] = table.loc[[other, one], "sirna"].to_numpy()
    with pytest.raises(ValueError, match="different plates in another") as error:
        cs.PlateLayout.fit(table)
    for row in (one, other):
        assert f"RPE-03 plate {table.plate[row]} well {table.well[row]}" in str(error.value)
    assert str(error.value).count("RPE-03 plate") == 2
    assert "HEPG2" not in str(error.value)


def test_a_few_wrong_wells_are_tolerated_on_request(made):
    wrong = made.train.copy()
    rows = [wrong.index[wrong["plate"] == 1][3], wrong.index[wrong["plate"] == 2][5]]
    sirna = wrong["sirna"].to_numpy().copy()
    sirna[rows] = sirna[rows[::-1]]
    wrong["sirna"] = sirna
    with pytest.raises(ValueError, match="to leave them out, tolerate 2"):
        cs.PlateLayout.fit(wrong, tolerate=1)
    with pytest.warns(cs.plates.WrongWellsWarning, match="2 wells contradict") as told:
        layout = cs.PlateLayout.fit(wrong, tolerate=2)
    for row in rows:
        assert f"plate {wrong['plate'][row]} well {wrong['well'][row]}" in str(told[0].message)
    right = cs.PlateLayout.fit(made.train)
    np.testing.assert_array_equal(layout.group, right.group)
    np.testing.assert_array_equal(layout.counts, right.counts)
    assert len(layout.wells) == len(right.wells) - 2


def test_a_screen_without_groups_is_told(made, rng):
    at_random = made.train.copy()
    for _, rows in at_random.groupby("experiment").indices.items():
        at_random.loc[rows, "sirna"] = rng.permutation(at_random.loc[rows, "sirna"])
    with pytest.raises(ValueError, match="at random: there are no plate groups"):
        cs.PlateLayout.fit(at_random, tolerate=100)


def test_a_class_that_stands_twice_is_named(made):
    table = made.train.copy()
    rows = table.index[table["experiment"] == "RPE-03"]
    table.loc[rows[0], "sirna"] = table.loc[rows[-1], "sirna"]
    with pytest.raises(ValueError, match="occur twice") as error:
        cs.PlateLayout.fit(table)
    for row in rows[[0, -1]]:
        assert f"RPE-03 plate {table.plate[row]} well {table.well[row]}" in str(error.value)
    table = made.train.copy()
    table.loc[rows[1], "well"] = table.loc[rows[0], "well"]
    with pytest.raises(ValueError, match="hold two classes"):
        cs.PlateLayout.fit(table)


def test_what_is_refused_is_named(made, tmp_path):
    with pytest.raises(ValueError, match="no column 'gene'; found 'id_code'"):
        cs.PlateLayout.fit(made.train, class_column="gene")
    with pytest.raises(ValueError, match="no rows"):
        cs.PlateLayout.fit(made.train.iloc[:0])
    with pytest.raises(ValueError, match="column 'well' is empty in row 3"):
        cs.PlateLayout.fit(made.train.assign(well=made.train["well"].where(made.train.index != 3)))
    with pytest.raises(TypeError, match="integers or text"):
        cs.PlateLayout.fit(made.train.assign(sirna=made.train["sirna"] + 0.5))
    with pytest.raises(TypeError, match="expected a DataFrame"):
        cs.PlateLayout.fit([1, 2])
    with pytest.raises(OSError, match=r"nowhere\.csv"):
        cs.PlateLayout.fit(tmp_path / "nowhere.csv")
    upper = made.train["plate"] <= 2
    apart = made.train[upper == (made.train["experiment"] == "RPE-03")]
    with pytest.raises(ValueError, match="no experiment has all 4 plates"):
        cs.PlateLayout.fit(apart)


@pytest.mark.parametrize("text", [False, True])
def test_saved_and_loaded_is_the_same(made, tmp_path, text):
    table = made.train
    if text:
        table = table.assign(
            sirna="s" + table["sirna"].astype(str), plate="P" + table["plate"].astype(str)
        )
    layout = cs.PlateLayout.fit(table)
    layout.save(tmp_path / "layout.json")
    again = cs.PlateLayout.load(tmp_path / "layout.json")
    pd.testing.assert_frame_equal(again.group_table(), layout.group_table())
    pd.testing.assert_frame_equal(again.assignment_table(), layout.assignment_table())
    pd.testing.assert_series_equal(again.experiment_groups(), layout.experiment_groups())
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "layout.json").read_bytes()
    stored = json.loads((tmp_path / "layout.json").read_text())
    assert stored["groups"][0][0] == layout.classes[0]
    assert sum(len(one["wells"]) for one in stored["layouts"]) == len(table)


def test_a_damaged_layout_is_refused(made, tmp_path):
    path = tmp_path / "layout.json"
    layout = cs.PlateLayout.fit(made.train)
    layout.save(path)
    good = path.read_text()
    for bad, text in [
        (good[:-100], "not JSON"),
        ('{"a": 1}', "expected a file written by"),
        (good.replace('"version": 2', '"version": 1'), "version 1"),
        (good.replace('"count": ', '"count": 1'), "do not follow"),
        (good.replace('"wells"', '"holes"'), "damaged"),
    ]:
        path.write_text(bad)
        with pytest.raises(ValueError, match=text) as error:
            cs.PlateLayout.load(path)
        assert "layout.json" in str(error.value)


def test_closure_of_permutations():
    rotation, swap = (1, 2, 3, 0), (1, 0, 2, 3)
    identity = (0, 1, 2, 3)
    assert permutations.close([identity]) == [identity]
    assert len(permutations.close([identity, rotation])) == 4
    assert len(permutations.close([identity, swap])) == 2
    assert len(permutations.close([identity, rotation, swap])) == 24
    # Two libraries on the same plates: what one shows, the other can do.
    other = tuple(group + 4 for group in identity)
    closed = permutations.close([identity, rotation, other])
    assert len(closed) == 8
    assert (5, 6, 7, 4) in closed


def test_every_order_has_the_closed_set_first(made):
    layout = cs.PlateLayout.fit(made.train)
    every = layout.candidates("all")
    assert len({tuple(row) for row in every.tolist()}) == len(every) == 24
    np.testing.assert_array_equal(every[:4], layout.assignments)
    with pytest.raises(ValueError, match="'closed' or 'all'"):
        layout.candidates("some")
