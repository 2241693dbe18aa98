"""The real RxRx1 files: what the notebook printed, what is known, what was never labelled."""

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.trial import reference

STRONG = "metriclearn_efficientnet_b3_e080CM112_190805_cossim"
WEAK = "xresnet50c_valid-split-ex-v1_256px_tfms_ca_fp16_mu_e140-290_20190715_best"
TRUE = [3, 1, 0, 0, 0, 0, 2, 2, 3, 0, 0, 3, 1, 0, 0, 0, 2, 3]
PRINTED = """
0.18247516 0.16260163 0.18789521 0.467028   0.23555957 0.35649819 0.22924188 0.17870036
0.54241877 0.13447653 0.15433213 0.16877256 0.55786618 0.14466546 0.16003617 0.13743219
0.71750903 0.06137184 0.13628159 0.08483755 0.63414634 0.08130081 0.08581752 0.19873532
0.07581227 0.08935018 0.72472924 0.1101083  0.04151625 0.04061372 0.89079422 0.02707581
0.15613718 0.1398917  0.16155235 0.54241877 0.80234657 0.07581227 0.06949458 0.05234657
0.72975432 0.08462238 0.10828025 0.07734304 0.09909091 0.09181818 0.10818182 0.70090909
0.0866426  0.56407942 0.12635379 0.22292419 0.58446251 0.16169828 0.1129178  0.14092141
0.64711191 0.13718412 0.08844765 0.12725632 0.60511883 0.07952468 0.1809872  0.13436929
0.19404332 0.25451264 0.2933213  0.25812274
"""
SHARES = [f"share_{k}" for k in range(4)]


@pytest.fixture
def rxrx1(real_data):
    return real_data / "rxrx1"


@pytest.fixture
def layout(rxrx1):
    return cs.PlateLayout.fit(rxrx1 / "kaggle2019" / "train.csv")


@pytest.fixture
def test_csv(rxrx1):
    return rxrx1 / "kaggle2019" / "test.csv"


def submission(rxrx1, name):
    return rxrx1 / "submissions" / f"{name}.csv.gz"


@pytest.mark.parametrize("release", ["kaggle2019", "kaggle_current"])
def test_groups_of_both_releases(rxrx1, release):
    layout = cs.PlateLayout.fit(rxrx1 / release / "train.csv")
    assert np.bincount(layout.group).tolist() == [277] * 4
    assert layout.counts.tolist() == [22, 7, 4, 0]
    truth = pd.read_csv(rxrx1 / "rotation_truth_train.csv").set_index("experiment")["rotation"]
    groups = layout.experiment_groups()
    assert groups.loc[truth.index].tolist() == truth.tolist()
    # Each training experiment is wholly on its own assignment.
    train = pd.read_csv(rxrx1 / release / "train.csv")
    own = layout.infer(train, train[["id_code", "sirna"]], "hard")
    assert own["best"].tolist() == groups.tolist()
    np.testing.assert_array_equal(own[SHARES], np.eye(4)[groups])


def test_the_notebooks_table(rxrx1, layout):
    train = pd.read_csv(rxrx1 / "kaggle2019" / "train.csv")
    table = layout.group_table()[[f"plate_{k}" for k in range(4)]].to_numpy()
    np.testing.assert_array_equal(table, reference.plate_groups(train))


def test_the_notebooks_votes(rxrx1, layout, test_csv):
    found = layout.infer(test_csv, submission(rxrx1, STRONG))
    printed = np.array(PRINTED.split(), float).reshape(-1, 4)
    np.testing.assert_array_equal(found[SHARES].to_numpy()[:17].round(8), printed)
    assert found["best"].tolist() == TRUE
    test = pd.read_csv(test_csv)
    votes = pd.read_csv(submission(rxrx1, STRONG)).set_index("id_code")["sirna"]
    table = layout.group_table()[[f"plate_{k}" for k in range(4)]].to_numpy()
    shares = reference.vote_shares(test, votes.loc[test["id_code"]].to_numpy(), table)
    np.testing.assert_array_equal(found[SHARES], shares)


@pytest.mark.parametrize("name", [STRONG, WEAK])
def test_what_is_certain_is_right(rxrx1, layout, test_csv, name):
    found = layout.infer(test_csv, submission(rxrx1, name))
    wrong = found["best"] != TRUE
    assert not (wrong & found["certain"]).any()
    assert found["certain"].sum() >= 10
    if name == WEAK:
        assert wrong.any()
        assert found.loc[wrong, "margin"].max() < 4


@pytest.mark.parametrize("name", [STRONG, WEAK])
def test_the_layout_that_is_used_three_times(rxrx1, layout, test_csv, name):
    pairs = layout.shared_layouts()
    assert set(zip(pairs["experiment"], pairs["other_experiment"], strict=True)) == {
        ("HUVEC-07", "RPE-03")
    }
    assert (pairs["share"] == 1).all()
    found = layout.check(test_csv, submission(rxrx1, name)).set_index(["experiment", "plate"])
    again = found[found["verdict"].str.startswith("re-uses")]
    assert again.index.tolist() == [("HUVEC-18", plate) for plate in (1, 2, 3, 4)]
    assert again["verdict"].str.contains("HUVEC-07 plate . .as does RPE-03 plate .").all()
    assert set(found["verdict"].drop("HUVEC-18")) == {"no known layout"}


def huvec18(rxrx1, test):
    """The classes of HUVEC-18: its layout is that of RPE-03, one plate on."""
    train = pd.read_csv(rxrx1 / "kaggle2019" / "train.csv")
    known = train[train["experiment"] == "RPE-03"].set_index(["plate", "well"])["sirna"]
    rows = test[test["experiment"] == "HUVEC-18"]
    places = pd.MultiIndex.from_arrays([(rows["plate"] - 2) % 4 + 1, rows["well"]])
    return rows.index, known.reindex(places).to_numpy()


@pytest.mark.filterwarnings("ignore::cellsieve.plates.UncertainAssignmentWarning")
def test_decoding_two_real_submissions(rxrx1, layout, test_csv):
    """On 1,107 wells whose classes are known, each step helps."""
    test = pd.read_csv(test_csv)
    rows, truth = huvec18(rxrx1, test)
    assert len(rows) == 1107
    known = ~pd.isna(truth)
    sources = [submission(rxrx1, name) for name in (STRONG, WEAK)]
    right = {}
    for method in ("argmax", "assignment", "marginal"):
        decoded = layout.decode(test, sources, method=method)
        right[method] = (decoded["sirna"].loc[rows].to_numpy() == truth)[known].mean()
    alone = pd.read_csv(sources[0]).set_index("id_code")["sirna"]
    plain = (alone.loc[test["id_code"].loc[rows]].to_numpy() == truth)[known].mean()
    assert plain < right["argmax"] <= right["assignment"] + 0.02
    assert right["marginal"] >= right["argmax"]
