"""Limits by distance from the middle of a group: its median and MAD, its mean and deviation."""

import itertools
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import cellsieve as cs
from cellsieve.cleaning.passes import run_passes
from cellsieve.cleaning.spread import group_spread
from cellsieve.cli import main
from cellsieve.schema.groups import Groups, Part

KINDS = ["ratio", "mad", "zscore"]


def part_of(part, number):
    """A series of groups and one of values, as a computation sees them."""
    codes, names = pd.factorize(part[0].to_numpy(object))
    return Part(Groups(codes, names), part[1].to_numpy())


def spread_of(parts, kind):
    [found] = run_passes(parts, [group_spread(kind)], part_of)
    return found


def table(rng, n=400):
    cells = pd.DataFrame(
        {
            "image_id": rng.choice(["007", "b"], n),
            "class_label": rng.choice(["0", "16"], n),
            "label": np.arange(n),
            "area": rng.lognormal(6, 1, n),
            "plate": rng.choice(["p", "q"], n),
        }
    )
    return cells.astype(dict.fromkeys(("image_id", "class_label", "plate"), "str"))


def center_and_spread(kind, values):
    if kind == "ratio":
        return 0, np.median(values)
    if kind == "mad":
        return np.median(values), 1.4826 * stats.median_abs_deviation(values)
    return np.mean(values), np.std(values)


@pytest.mark.parametrize("kind", KINDS)
def test_limits_equal_scipy(kind, rng):
    cells = table(rng)
    cells.loc[3, "area"] = np.nan  # one missing value spoils nothing
    lower = 0.5 if kind == "ratio" else -1.5
    rule = cs.Rule("area", lower, 2, by=["plate", "class_label"], kind=kind)
    limits = cs.group_limits(cells, rule)
    found = cs.clean(cells, rules=[rule])
    assert len(limits) == 4
    for row in limits.itertuples():
        own = (cells["plate"] == row.plate) & (cells["class_label"] == row.class_label)
        values = cells.loc[own, "area"].dropna()
        center, spread = center_and_spread(kind, values)
        assert row.group_size == len(values)
        np.testing.assert_allclose([row.center, row.spread], [center, spread], rtol=1e-14)
        assert row.lower_limit == row.center + lower * row.spread
        assert row.upper_limit == row.center + 2 * row.spread
        scores = (values - center) / spread
        if kind == "zscore":
            np.testing.assert_allclose(scores, stats.zscore(values))
        expected = np.where(scores < lower, "low", np.where(scores > 2, "high", ""))
        assert found.loc[values.index, "reason"].tolist() == expected.tolist()
        assert (found.loc[values.index, "lower_limit"] == row.lower_limit).all()
    assert found.loc[3, "reason"] == "unmeasured"
    assert {"", "high", "unmeasured"} <= set(found["reason"])


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", None]),
            st.floats(-1e150, 1e150, width=64)
            | st.sampled_from([0.0, -0.0, 1.0, np.nan, 5e-324, 2.0**60, -(2.0**60)]),
        ),
        max_size=40,
    ),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 99),
)
def test_neither_parts_nor_order_leave_a_trace(values, cuts, kind, seed):
    whole = pd.DataFrame(values, columns=["group", "value"]).astype(
        {"group": "str", "value": "float64"}
    )
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    shuffled = whole.sample(frac=1, random_state=seed)

    def parts():
        for start, end in itertools.pairwise(edges):
            yield shuffled["group"][start:end], shuffled["value"][start:end]

    found = spread_of(parts, kind)
    pd.testing.assert_frame_equal(
        found, spread_of(lambda: [(whole["group"], whole["value"])], kind), check_exact=True
    )
    for group, own in whole.dropna().groupby("group")["value"]:
        assert found.loc[group, "n"] == len(own)
        if kind == "zscore":  # the nearest floats to the exact values
            exact = [Fraction(each) for each in own]
            mean = sum(exact) / len(exact)
            variance = sum((each - mean) ** 2 for each in exact) / len(exact)
            assert found.loc[group, "center"] == float(mean)
            spread = found.loc[group, "spread"]
            if variance > Fraction(5e-324) ** 2:
                nearest = abs(Fraction(spread) ** 2 / variance - 1)
                assert nearest < Fraction(2) ** -51 or spread < 1e-300
        elif kind == "ratio":
            assert found.loc[group, "center"] == 0
            assert found.loc[group, "spread"] == np.quantile(own, 0.5)
        else:
            median = np.quantile(own, 0.5)
            assert found.loc[group, "center"] == median
            assert found.loc[group, "spread"] == 1.4826 * np.quantile(np.abs(own - median), 0.5)


def test_a_mean_that_rounding_would_lose():
    values = pd.Series([2.0**60, 1.0, -(2.0**60), 1.0])
    found = spread_of(lambda: [(pd.Series(["a"] * 4), values)], "zscore")
    assert found.loc["a", "center"] == 0.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_parts_on_disk_are_judged_as_one_table(kind, extension, rng, tmp_path, monkeypatch):
    monkeypatch.setattr("cellsieve.io.tables.ROWS", 70)
    cells = table(rng)
    paths = [tmp_path / f"part{number}{extension}" for number in range(3)]
    for path, rows in zip(paths, np.array_split(np.arange(len(cells)), 3), strict=True):
        cs.write_table(cells.iloc[rows], path)
    lower, upper = (0.5, 2) if kind == "ratio" else (-1, 1)
    rule = cs.Rule("area", lower, upper, by="plate", kind=kind)
    pd.testing.assert_frame_equal(cs.group_limits(paths, rule), cs.group_limits(cells, rule))
    cs.clean_to(paths, tmp_path / f"clean{extension}", [rule])
    found = cs.read_table(tmp_path / f"clean{extension}").fillna({"reason": ""})
    expected = cs.clean(cells, rules=[rule])
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_exact=True)
    assert 0 < expected["clean"].sum() < len(expected)


def test_small_groups_and_open_sides(rng):
    cells = table(rng, 100)
    cells["class_label"] = ["0"] * 95 + ["1"] * 5
    found = cs.clean(cells, rules=[cs.Rule("area", upper=2, kind="zscore")])
    assert set(found["reason"]) == {"", "high", "small_group"}
    assert (found["lower_limit"] == -np.inf).all()
    assert (found.loc[found["class_label"] == "1", "group_size"] == 5).all()


@pytest.mark.filterwarnings("error")
def test_a_group_without_spread_says_so(rng):
    cells = table(rng).assign(nuclei=1)
    cells.loc[cells["class_label"] == "16", "nuclei"] = np.arange(
        (cells["class_label"] == "16").sum()
    )
    cells.loc[np.flatnonzero(cells["class_label"] == "0")[:7], "nuclei"] = 2
    rule = cs.Rule("nuclei", upper=3, kind="mad")
    with pytest.warns(
        UserWarning, match=r"at least half of the values are equal in 1 of 2 groups \(0\)"
    ):
        found = cs.clean(cells, rules=[rule])
    cut = cells.index[(cells["class_label"] == "0") & (cells["nuclei"] == 2)]
    assert (found.loc[cut, "reason"] == "high").all()
    assert (found["reason"] == "high").sum() == 7
    cs.clean(cells, rules=[cs.Rule("nuclei", upper=3, kind="zscore")])  # no warning


@pytest.mark.filterwarnings("error")
def test_a_median_that_has_no_multiples_says_so(rng):
    cells = table(rng).assign(nuclei=1.0)
    cells.loc[cells["class_label"] == "16", "nuclei"] = 0
    rule = cs.Rule("nuclei", upper=3, kind="ratio")
    with pytest.warns(
        UserWarning, match=r"the median is not above 0 in 1 of 2 groups \(16\), so no"
    ):
        assert cs.clean(cells, rules=[rule])["clean"].all()
    assert cs.clean(cells[cells["class_label"] == "0"], rules=[rule])["clean"].all()  # no warning


def test_rules_of_a_file_by_the_command(rng, tmp_path):
    cells = table(rng)
    cs.write_table(cells, tmp_path / "cells.csv")
    (tmp_path / "rules.toml").write_text(
        '[[rule]]\ncolumn = "area"\nkind = "mad"\nupper = 3\nby = []\n'
        '[[rule]]\ncolumn = "area"\nkind = "zscore"\nlower = -1.0\nby = "plate"\n'
    )
    output = str(tmp_path / "clean.csv")
    arguments = ["--rules", str(tmp_path / "rules.toml"), "-o", output]
    assert main(["clean", str(tmp_path / "cells.csv"), *arguments]) == 0
    center, spread = center_and_spread("mad", cells["area"])
    found = cs.read_table(output)
    assert ((found["area_upper_limit"] - center - 3 * spread).abs() < 1e-9).all()
    assert found["reason"].eq("area high").equals(cells["area"] > center + 3 * spread)
    assert [rule.kind for rule in cs.rules_of(output)] == ["mad", "zscore"]


def test_a_rule_of_values_has_no_groups(rng):
    with pytest.raises(ValueError, match="rule for area: found kind 'value', which has no groups"):
        cs.group_limits(table(rng), cs.Rule("area", 3, kind="value"))
