"""Plates that are not what they are said to be, planted and found."""

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.plates.check import MOVES, chance_bound
from cellsieve.schema.wellmap import SHAPES, row_name
from cellsieve.trial.planted import plant


@pytest.fixture(scope="module")
def made():
    return plant(
        group_size=60, train_experiments=5, test_experiments=3, signal=1.5, missing=0, seed=8
    )


@pytest.fixture(scope="module")
def layout(made):
    return cs.PlateLayout.fit(made.train)


def claimed(made):
    return made.test.assign(sirna=made.sirna)


def moved(table, plate, change):
    """The table with the wells of one plate relabelled, as if the plate had been turned."""
    table = table.copy()
    rows = (table["experiment"] == "RPE-08") & (table["plate"] == plate)
    row = table.loc[rows, "well"].str[0].map(ord).to_numpy() - ord("A")
    column = table.loc[rows, "well"].str[1:].astype(int).to_numpy() - 1
    row, column = change(row, column)
    table.loc[rows, "well"] = [
        f"{chr(ord('A') + r)}{c + 1:02d}" for r, c in zip(row, column, strict=True)
    ]
    return table


def verdicts(found, experiment):
    return found.loc[found["experiment"] == experiment, "verdict"].tolist()


def test_right_plates_are_as_claimed(made, layout):
    found = layout.check(claimed(made), made.logits, "logit")
    assert set(found["verdict"]) == {"as claimed"}
    assert (found["log_odds_to_claim"] == 0).all()
    # The next best is this layout with one half mirrored.
    assert (found["log_odds_to_next"] > 15).all()
    assert (found["p"] < 1e-6).all()
    assert len(found) == 12


@pytest.mark.parametrize(
    ("move", "change"),
    [
        ("turned 180", lambda r, c: (15 - r, 23 - c)),
        ("mirrored left-right", lambda r, c: (r, 23 - c)),
        ("mirrored top-bottom", lambda r, c: (15 - r, c)),
        ("one row down", lambda r, c: (r + 1, c)),
        ("one row up", lambda r, c: (r - 1, c)),
        ("one column right", lambda r, c: (r, c + 1)),
        ("one column left", lambda r, c: (r, c - 1)),
        ("two rows down", lambda r, c: (r + 2, c)),
        ("two columns right", lambda r, c: (r, c + 2)),
    ],
)
def test_moved_plates_are_found(made, layout, move, change):
    """The claim names the wells of the plan; the plate was read moved."""
    plan = claimed(made)
    seen = moved(plan, 2, change)
    # Scores belong to the seen wells; the claim for a seen well is the plan's class there.
    place = ["experiment", "plate", "well"]
    said = seen[place].merge(plan[[*place, "sirna"]], on=place, how="left")["sirna"]
    table = seen.assign(sirna=said.fillna(-1).astype(int))
    full = table.copy()
    lost = plan.merge(table[place], on=place, how="left", indicator=True)["_merge"] == "left_only"
    scores = np.vstack([made.logits, np.zeros((int(lost.sum()), 240), np.float32)])
    extra = plan[lost.to_numpy()]
    full = pd.concat([table, extra.assign(id_code="x" + extra["id_code"])], ignore_index=True)
    found = layout.check(full, scores, "logit")
    assert verdicts(found, "RPE-08")[1] == move
    assert [verdicts(found, "RPE-08")[k] for k in (0, 2, 3)] == ["as claimed"] * 3
    assert set(verdicts(found, "HEPG2-06")) == {"as claimed"}
    assert found.loc[found["verdict"] == move, "log_odds_to_claim"].item() > 20


def test_swapped_plates_are_found(made, layout):
    table = claimed(made)
    rows = [
        np.flatnonzero((table["experiment"] == "RPE-08") & (table["plate"] == p)) for p in (1, 3)
    ]
    scores = made.logits.copy()
    scores[np.concatenate(rows)] = made.logits[np.concatenate(rows[::-1])]
    found = layout.check(table, scores, "logit")
    assert verdicts(found, "RPE-08") == ["plate 3", "as claimed", "plate 1", "as claimed"]


def test_reused_layouts_are_found_whatever_the_plates(made, layout):
    """A test experiment with the layout of a train experiment, on rotated plates."""
    old = made.train[made.train["experiment"] == "HUVEC-02"]
    again = old.assign(experiment="NEW-01", plate=old["plate"] % 4 + 1).reset_index(drop=True)
    again["id_code"] = "NEW-01_" + again["plate"].astype(str) + "_" + again["well"]
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(len(again), 240))
    logits[np.arange(len(again)), again["sirna"]] += 1.5
    found = layout.check(again.drop(columns="sirna"), logits, "logit")
    found = found.sort_values("plate")
    expected = [f"re-uses HUVEC-02 plate {p}" for p in (4, 1, 2, 3)]
    assert found["verdict"].tolist() == expected
    # The others are new.
    found = layout.check(made.test, made.logits, "logit")
    assert set(found["verdict"]) == {"no known layout"}


def test_votes_will_do(layout, made):
    votes = np.where(np.arange(len(made.sirna)) % 3 == 0, made.sirna, made.sirna[::-1])
    found = layout.check(claimed(made), votes, "hard")
    assert set(found["verdict"]) == {"as claimed"}


def test_noise_supports_nothing(made, layout):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=made.logits.shape).astype(np.float32)
    # A class that is favoured everywhere supports no layout.
    noise += 5 * rng.normal(size=noise.shape[1]).astype(np.float32)
    found = layout.check(claimed(made), noise, "logit")
    assert set(found["verdict"]) == {"unclear"}
    assert (found["p"] > 0.001).all()
    assert (found["missing"] == 0).all()


def test_the_same_seed_gives_the_same_table(made, layout):
    once = layout.check(made.test, made.logits, "logit", permutations=50, seed=4)
    again = layout.check(made.test, made.logits, "logit", permutations=50, seed=4)
    pd.testing.assert_frame_equal(once, again)


def test_chance_bounds_the_true_tail():
    """Rare, large terms: the bound stays above the exact binomial tail."""
    evidence = np.full((40, 41), -0.1)
    evidence[np.arange(40), np.arange(40)] = 4.0
    seen = np.arange(40)
    # Each of 40 wells hits with chance 1/40: 8 or more hits have chance 1e-5.
    score = 8 * 4.0 - 32 * 0.1
    assert 1e-5 < chance_bound(evidence, seen, score, 1) < 1e-2
    assert chance_bound(evidence, seen, score, 1000) > 1e-2


def elsewhere(made, part, *, source_plate=None, seed=0):
    """Scores where a part of RPE-08's plate 2 shows other wells: its own, or another plate's."""
    table = made.test
    place = table.reset_index().set_index(["experiment", "plate", "well"])["index"].to_dict()
    wells = [(f"{chr(66 + r)}{c + 2:02d}") for r in range(5) for c in range(22)]
    inside = np.zeros((5, 22), bool)
    inside[part] = True
    there = [w for w, yes in zip(wells, inside.ravel(), strict=True) if yes]
    here = np.array([place["RPE-08", 2, w] for w in there])
    source = np.random.default_rng(seed).permutation(here)
    if source_plate:
        source = np.array([place["RPE-08", source_plate, w] for w in there])
    scores = made.logits.copy()
    scores[here] = scores[source]
    return scores


@pytest.fixture(scope="module")
def clear():
    made = plant(
        group_size=110, train_experiments=5, test_experiments=3, signal=5, missing=0, seed=8
    )
    return made, cs.PlateLayout.fit(made.train)


@pytest.mark.parametrize(
    ("part", "source_plate", "verdict"),
    [
        (np.s_[:, 2:9], None, "as claimed, but B04 to F10 are in another order"),
        (np.s_[2:, 11:], None, "as claimed, but D13 to F23 are in another order"),
        (np.s_[:, 3:6], 3, "as claimed, but B05 to F07 hold plate 3"),
        (np.s_[1:, :], 4, "plate 4, but B02 to B23 hold plate 2"),
    ],
)
def test_a_part_that_holds_something_else_is_found(clear, part, source_plate, verdict):
    made, layout = clear
    scores = elsewhere(made, part, source_plate=source_plate)
    found = layout.check(claimed(made), scores, "logit", permutations=20)
    seen = verdicts(found, "RPE-08")
    assert seen[1] == verdict
    assert set(seen[:1] + seen[2:] + verdicts(found, "HEPG2-06")) == {"as claimed"}
    row = found.loc[found["verdict"] == verdict].squeeze()
    assert row["part_p"] < 1e-4
    assert row["part"] in verdict
    assert (found.loc[found["verdict"] == "as claimed", "part"] == "").all()
    assert (found.loc[found["verdict"] == "as claimed", "part_p"] > 1e-3).all()


def test_another_groups_wells_are_found_where_no_classes_are_given(clear):
    made, layout = clear
    scores = elsewhere(made, np.s_[:, :9], source_plate=3)
    found = layout.check(made.test, scores, "logit", permutations=20)
    group = made.group_on_plate[2, 2]
    assert made.test["experiment"].unique()[2] == "RPE-08"
    seen = verdicts(found, "RPE-08")
    assert seen[1].startswith("no known layout, but B02 to ")
    assert seen[1].endswith(f"hold group {group}")
    assert set(seen[:1] + seen[2:] + verdicts(found, "HEPG2-06")) == {"no known layout"}


def test_a_part_that_differs_from_the_layout_used_again_is_decoded_from_its_scores(clear):
    made, layout = clear
    old = made.train[made.train["experiment"] == "HUVEC-02"]
    again = old.assign(experiment="NEW-01", id_code="NEW" + old["id_code"]).reset_index(drop=True)
    part = (again["plate"] == 2) & (again["well"].str[1:].astype(int) > 12)
    truth = again["sirna"].to_numpy().copy()
    rng = np.random.default_rng(3)
    truth[part] = rng.permutation(truth[part])
    logits = rng.normal(size=(len(again), 440))
    logits[np.arange(len(again)), truth] += 6
    test = again.drop(columns="sirna")
    verdict = layout.check(test, 3 * logits, "logit", permutations=20)["verdict"]
    changed = "re-uses HUVEC-02 plate 2, but B13 to F23 are in another order"
    assert verdict.tolist() == [
        changed if plate == 2 else f"re-uses HUVEC-02 plate {plate}" for plate in (1, 2, 3, 4)
    ]
    found = layout.decode(test, 3 * logits, kind="logit", use_known_layouts=True)
    assert (found["sirna"].to_numpy() == truth)[part].mean() > 0.95
    assert (found["sirna"].to_numpy() == truth)[~part].mean() > 0.99


def test_p_values_of_parts_are_p_values():
    """Where no part of a plate is wrong, as well where each well's class is given."""
    made = plant(group_size=24, train_experiments=6, test_experiments=50, signal=2.5, seed=3)
    layout = cs.PlateLayout.fit(made.train)
    for table in (made.test, claimed(made)):
        found = layout.check(table, made.logits, "logit", permutations=99)
        p = found["part_p"].to_numpy()
        assert (found["part"] == "").all()
        assert len(p) == 200
        for level in (0.1, 0.25, 0.5):
            error = 3 * (level * (1 - level) / 200) ** 0.5
            assert (p <= level).mean() == pytest.approx(level, abs=error)
        # Where nothing else is favoured anywhere, every draw is as good: 1, not less.
        assert (p <= 0.75).mean() < 0.75 + 0.09


def test_p_values_of_noise_are_p_values():
    """Of plates that match nothing, one in ten has a p below 0.1, and half have one below 0.5."""
    made = plant(group_size=24, train_experiments=6, test_experiments=50, signal=2.5, seed=3)
    layout = cs.PlateLayout.fit(made.train)
    p = layout.check(made.test, made.logits, "logit", permutations=99)["p"].to_numpy()
    assert len(p) == 200
    # Three standard errors.
    for level in (0.1, 0.25, 0.5, 0.75):
        assert (p <= level).mean() == pytest.approx(
            level, abs=3 * (level * (1 - level) / 200) ** 0.5
        )


def test_wells_swapped_between_experiments_are_found(made, layout):
    """Two plates of different experiments that hold the same group, exchanged."""
    table = claimed(made)
    content = table.groupby(["experiment", "plate"])["sirna"].first()
    first, second = table["experiment"].unique()[:2]
    group = pd.Series(layout.group[content], content.index)
    one = (first, 2)
    other = (second, int((group[second] == group[one]).idxmax()))
    rows = [
        np.flatnonzero((table["experiment"] == e) & (table["plate"] == p)) for e, p in (one, other)
    ]
    scores = made.logits.copy()
    scores[np.concatenate(rows)] = made.logits[np.concatenate(rows[::-1])]
    found = layout.check(table, scores, "logit").set_index(["experiment", "plate"])["verdict"]
    assert found[one] == f"{other[0]} plate {other[1]}"
    assert found[other] == f"{one[0]} plate {one[1]}"
    assert (found.drop([one, other]) == "as claimed").all()


@pytest.mark.parametrize(
    ("half", "part"),
    [
        ("left half mirrored top-bottom", np.s_[:, :12]),
        ("right half mirrored left-right", np.s_[:, 12:]),
        ("bottom half mirrored left-right", np.s_[8:]),
    ],
)
def test_a_mirrored_half_is_found(half, part):
    train, test, logits = small_screen((16, 24))
    layout = cs.PlateLayout.fit(train)
    source = np.arange(384).reshape(16, 24)
    axis = 1 if half.endswith("left-right") else 0
    source[part] = np.flip(source[part], axis)
    rng = np.random.default_rng(1)
    faint = logits + rng.normal(size=logits.shape) * 4
    found = layout.check(test, faint[source.ravel()], "logit", permutations=100)
    assert found["verdict"].item() == half


def test_wells_without_predictions_are_counted_and_left_out(made, layout):
    table = claimed(made)
    few = np.flatnonzero((np.arange(len(table)) % 3 == 0) & (table["plate"] != 4).to_numpy())
    part = cs.Predictions(made.logits[few], table["id_code"].to_numpy()[few])
    found = layout.check(table, part, "logit")
    assert set(found["verdict"]) == {"as claimed"}
    assert len(found) == 9
    full = table.groupby(["experiment", "plate"]).size()
    here = found.set_index(["experiment", "plate"])
    assert (here["wells"] + here["missing"] == full[here.index]).all()
    assert here["wells"].between(18, 22).all()
    with pytest.raises(ValueError, match="expected every well"):
        layout.infer(made.test, part, "logit")
    none = cs.Predictions(made.logits[:0], [])
    with pytest.raises(ValueError, match="no plates to check"):
        layout.check(table, none, "logit")


def test_moves_undo_each_other():
    grid = np.arange(384).reshape(16, 24)
    for move in ("turned 180", "mirrored left-right", "mirrored top-bottom"):
        np.testing.assert_array_equal(MOVES[move](MOVES[move](grid)), grid)
    down = MOVES["one row down"](grid)
    assert (down[0] == -1).all()
    assert (down[1:] == grid[:-1]).all()
    assert (MOVES["one row up"](down)[:-1] == grid[:-1]).all()


def test_shared_layouts_of_the_training_set(made):
    train = made.train
    old = train[train["experiment"] == "RPE-03"]
    twin = old.assign(experiment="RPE-99", plate=old["plate"] % 4 + 1)
    layout = cs.PlateLayout.fit(pd.concat([train, twin], ignore_index=True))
    found = layout.shared_layouts()
    assert found["experiment"].tolist() == ["RPE-03"] * 4
    assert found["other_experiment"].tolist() == ["RPE-99"] * 4
    assert found["other_plate"].tolist() == [2, 3, 4, 1]
    assert (found["share"] == 1).all()


def small_screen(shape, experiments=6, seed=0):
    """One plate per experiment, full, with each class of a group once: train, test, truth, scores.

    A test well's scores show the class that is really in it.
    """
    rows, columns = shape
    wells = [f"{row_name(row)}{column + 1}" for row in range(rows) for column in range(columns)]
    rng = np.random.default_rng(seed)
    parts = [
        pd.DataFrame(
            {
                "id_code": [f"E{e}_1_{well}" for well in wells],
                "experiment": f"E{e}",
                "plate": 1,
                "well": wells,
                "sirna": rng.permutation(len(wells)),
            }
        )
        for e in range(experiments)
    ]
    train, test = pd.concat(parts[:-1], ignore_index=True), parts[-1]
    logits = rng.normal(size=(len(wells), len(wells)))
    logits[np.arange(len(wells)), test["sirna"]] += 8
    return train, test, logits


@pytest.mark.parametrize("shape", SHAPES[1:])
@pytest.mark.parametrize("move", MOVES)
def test_plates_of_every_size_can_be_turned(shape, move):
    """The scores are those of the plan's wells, read where the move has put them."""
    train, test, logits = small_screen(shape)
    layout = cs.PlateLayout.fit(train)
    source = MOVES[move](np.arange(logits.shape[0]).reshape(shape)).ravel()
    seen = np.where(source[:, None] >= 0, logits[source], 0.0)
    found = layout.check(test, seen, "logit", permutations=100)
    if (source == np.arange(len(source))).all():  # half of three rows is one row
        assert found["verdict"].item() == "as claimed"
    elif (source >= 0).sum() < 5:  # too few wells to convince
        assert found["verdict"].item() == "unclear"
    else:
        assert found["verdict"].item() == move


def test_a_plate_of_6_wells_is_too_small_to_convince_but_its_best_match_is_right():
    """6 wells have 720 orders: one of them fits by chance more often than once in 10,000 times."""
    train, test, logits = small_screen((2, 3))
    found = cs.PlateLayout.fit(train).check(test, logits[::-1], "logit", permutations=100)
    assert found["best_move"].item() == "turned 180"
    assert found["verdict"].item() == "unclear"


def test_a_well_that_no_plate_has_is_refused(made, layout):
    for well in ("AG1", "A49", "ZZ999"):
        table = made.test.assign(well=made.test["well"].where(made.test.index != 3, well))
        with pytest.raises(ValueError, match="wells of a plate of 32 rows and 48 columns"):
            layout.check(table, made.logits, "logit")


def test_two_names_of_one_well_are_refused(made, layout):
    table = made.test.assign(well=made.test["well"].where(made.test.index != 1, "B2"))
    assert table["well"][0] == "B02"
    with pytest.raises(ValueError, match="column 'well': B2: on a plate that has this well"):
        layout.check(table, made.logits, "logit")


def test_strange_wells_are_named(made, layout):
    table = made.test.copy()
    table.loc[3, "well"] = "3B"
    with pytest.raises(ValueError, match="test: column 'well': found 3B; expected letters and"):
        layout.check(table, made.logits, "logit")
    with pytest.raises(ValueError, match="permutations: found 0"):
        layout.check(made.test, made.logits, "logit", permutations=0)
