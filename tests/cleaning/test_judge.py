"""Percentile bands by group: limits, verdicts and reasons."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cellsieve as cs
from cellsieve.cleaning.passes import run_passes
from cellsieve.cleaning.quantiles import group_quantiles
from cellsieve.io.tables import read_batches
from cellsieve.schema.groups import Groups, Part

# Cells with ties, as real ones have: limits often equal an end, which is a test of its own below.
pytestmark = pytest.mark.filterwarnings("ignore:.* none can be cut:UserWarning")


def part_of(part, number):
    """A series of groups and one of values, as a computation sees them."""
    codes, names = pd.factorize(part[0].to_numpy(object))
    return Part(Groups(codes, names), part[1].to_numpy())


def quantiles(parts, probabilities):
    [found] = run_passes(parts, [group_quantiles(probabilities)], part_of)
    return found


def table(rng, n=400, classes=("0", "16", "7")):
    return pd.DataFrame(
        {
            "image_id": "a",
            "class_label": rng.choice(classes, n),
            "label": np.arange(n),
            "area": rng.integers(10, 99, n),
            "fraction": rng.integers(0, 60, n) / 60,  # ties, as real fractions have
        }
    ).astype({"image_id": "str", "class_label": "str"})


def test_limits_equal_numpy(rng):
    cells = table(rng)
    limits = cs.percentile_limits(cells, lower=0.05, upper=0.9)
    assert limits["class_label"].tolist() == ["0", "16", "7"]
    for row in limits.itertuples():
        values = cells.loc[cells["class_label"] == row.class_label, "fraction"]
        assert row.group_size == len(values)
        assert row.lower_limit == np.quantile(values, 0.05)
        assert row.upper_limit == np.quantile(values, 0.9)


@settings(max_examples=80, deadline=None)
@given(
    values=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", None]),
            st.floats(allow_nan=True, allow_infinity=False, width=64)
            | st.sampled_from([0.0, -0.0, 1.0]),
        ),
        max_size=60,
    ),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    q=st.floats(0, 1),
)
def test_quantiles_of_parts_equal_numpy(values, cuts, q):
    """However the table is cut, to the last bit."""
    groups = pd.Series([group for group, _ in values], dtype="str")
    numbers = pd.Series([number for _, number in values], dtype="float64")
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]

    def parts():
        return [(groups[start:end], numbers[start:end]) for start, end in itertools.pairwise(edges)]

    found = quantiles(parts, [q])
    for group in ("a", "b"):
        own = numbers[(groups == group) & numbers.notna()].to_numpy()
        if len(own) == 0:
            assert group not in found.index
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                expected = np.quantile(own, q)
            assert found.loc[group, "n"] == len(own)
            np.testing.assert_array_equal(found.loc[group, 0], expected)


def test_many_small_groups_in_parts_equal_numpy(rng):
    """As where each image is a group; with how many values equal a limit at the group's end."""
    groups = pd.Series(rng.integers(0, 300, 2000)).astype("str")
    values = pd.Series(rng.integers(0, 6, 2000) / 6)
    cuts = [slice(0, 900), slice(900, 900), slice(900, None)]
    found = quantiles(lambda: [(groups[cut], values[cut]) for cut in cuts], [0.2, 0.9])
    assert len(found) == groups.nunique()
    for group, own in values.groupby(groups):
        row = found.loc[group]
        assert row["n"] == len(own)
        for number, q in enumerate((0.2, 0.9)):
            assert row[number] == np.quantile(own, q)
            for end, limit in (("smallest", own.min()), ("largest", own.max())):
                expected = (own == limit).sum() if row[number] == limit else 0
                assert row[f"at_{end}_{number}"] == expected


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_parts_on_disk_are_judged_as_one_table(rng, tmp_path, extension):
    cells = table(rng)
    paths = []
    for number, rows in enumerate(np.array_split(np.arange(len(cells)), 3)):
        paths.append(tmp_path / f"part{number}{extension}")
        cs.write_table(cells.iloc[rows], paths[-1])
    pd.testing.assert_frame_equal(cs.percentile_limits(paths), cs.percentile_limits(cells))
    whole = cs.clean(cells, lower=0.1, upper=0.9)
    counts = cs.clean_to(paths, tmp_path / f"clean{extension}", [cs.Rule(lower=0.1, upper=0.9)])
    found = cs.read_table(tmp_path / f"clean{extension}")
    assert (found["reason"] == "").any()  # no reason is an empty text, whatever the format
    pd.testing.assert_frame_equal(found, whole, check_dtype=False)
    assert counts["cells"].sum() == len(cells)


def test_the_band_includes_its_ends(rng):
    cells = pd.DataFrame({"class_label": "0", "fraction": [0.1, 0.2, 0.2, 0.2, 0.3] * 4})
    found = cs.clean(cells, lower=0.25, upper=0.75)
    assert (found["lower_limit"] == 0.2).all()
    assert (found["upper_limit"] == 0.2).all()
    assert found["clean"].tolist() == [False, True, True, True, False] * 4
    assert found["reason"].tolist() == ["low", "", "", "", "high"] * 4


def test_no_row_is_lost_or_changed(rng):
    cells = table(rng).sample(frac=1, random_state=3)
    found = cs.clean(cells)
    pd.testing.assert_frame_equal(found[cells.columns], cells)


def test_reasons():
    cells = pd.DataFrame(
        {
            "class_label": ["0"] * 12 + ["0|16", None, "", "5", "0"],
            "fraction": [*np.linspace(0.2, 0.8, 12), 0.5, 0.5, 0.5, 0.5, np.nan],
        }
    )
    found = cs.clean(cells, lower=0.05, upper=0.95)
    assert found["reason"].tolist() == [
        "low",
        *[""] * 10,
        "high",
        "multi_label",
        "no_label",
        "no_label",
        "small_group",
        "unmeasured",
    ]
    assert found["clean"].tolist() == [reason == "" for reason in found["reason"]]
    assert found["group_size"].tolist() == [12] * 12 + [0, 0, 0, 1, 12]
    assert found.loc[12, ["lower_limit", "upper_limit"]].isna().all()
    assert np.isnan(found["fraction"].iloc[-1])


def test_small_groups_can_be_allowed():
    cells = pd.DataFrame({"class_label": ["5", "5", "6"], "fraction": [0.1, 0.9, 0.5]})
    assert cs.clean(cells)["reason"].tolist() == ["small_group"] * 3
    assert cs.clean(cells, min_group=1)["reason"].tolist() == ["low", "high", ""]
    assert cs.clean(cells, min_group=2)["reason"].tolist() == ["low", "high", "small_group"]


def test_several_classes_at_once(rng):
    cells = table(rng, classes=("0", "16", "0|16"))
    several = cells["class_label"] == "0|16"

    skipped = cs.clean(cells)
    assert (skipped.loc[several, "reason"] == "multi_label").all()
    alone = cs.clean(cells[~several])
    pd.testing.assert_frame_equal(skipped[~several], alone)

    own = cs.clean(cells, multi="own")
    assert (own.loc[several, "group_size"] == several.sum()).all()

    exploded = cs.clean(cells, multi="explode")
    assert len(exploded) == len(cells) + several.sum()
    assert set(exploded["class_label"]) == {"0", "16"}
    assert (exploded["image_class_label"] == "0|16").sum() == 2 * several.sum()
    zeros = cells[cells["class_label"].isin(["0", "0|16"])]["fraction"]
    limits = exploded.loc[exploded["class_label"] == "0", "lower_limit"]
    assert (limits == np.quantile(zeros, 0.001)).all()


@pytest.mark.parametrize("extension", [".csv", ".csv.gz", ".parquet"])
@pytest.mark.parametrize("with_gap", [False, True])
def test_a_trip_to_disk_changes_no_verdict(rng, tmp_path, extension, with_gap):
    """Labels may come back as numbers, or as floating-point ones beside a gap."""
    cells = table(rng)
    if with_gap:
        cells.loc[3, "class_label"] = None
    expected = cs.clean(cells)
    cs.write_table(cells, tmp_path / f"cells{extension}")
    for again in (
        cs.read_table(tmp_path / f"cells{extension}"),
        cells.assign(class_label=pd.to_numeric(cells["class_label"])),
        cells.assign(class_label=pd.to_numeric(cells["class_label"]).astype("Int64")),
        cells.assign(class_label=cells["class_label"].astype(object)),
        cells.assign(class_label=cells["class_label"].astype("category")),
    ):
        found = cs.clean(again)
        for column in ("clean", "reason", "lower_limit", "upper_limit", "group_size"):
            assert found[column].equals(expected[column])


def test_the_notebooks_flaws_are_absent(rng):
    """There, each label reset the flags of those before, and both ends met the lower limit."""
    cells = table(rng)
    found = cs.clean(cells, lower=0.05, upper=0.95)
    for label in ("0", "16", "7"):
        own = found[found["class_label"] == label]
        assert {"low", "high", ""} == set(own["reason"])
        assert 0.85 < own["clean"].mean() < 1


def test_other_columns_groups_and_open_sides(rng):
    cells = table(rng).assign(plate=lambda frame: frame["label"] % 3)
    found = cs.clean(cells, by="plate", column="area", lower=None, upper=0.9)
    assert set(found["reason"]) == {"", "high"}
    assert (found["lower_limit"] == -np.inf).all()
    for plate in range(3):
        own = found[found["plate"] == plate]
        assert (own["upper_limit"] == np.quantile(own["area"], 0.9)).all()
    everything = cs.clean(cells, by=None)
    assert (everything["group_size"] == len(cells)).all()
    assert (everything["upper_limit"] == np.quantile(cells["fraction"], 0.999)).all()


def test_several_rules(rng, tmp_path):
    (tmp_path / "rules.toml").write_text(
        """
        [[rule]]
        column = "fraction"
        lower = 0.05
        upper = 0.95

        [[rule]]
        column = "area"
        kind = "value"
        lower = 40
        """
    )
    rules = cs.read_rules(tmp_path / "rules.toml")
    assert rules == [cs.Rule("fraction", 0.05, 0.95), cs.Rule("area", 40, kind="value")]
    cells = table(rng)
    found = cs.clean(cells, rules=rules)
    alone = cs.clean(cells, lower=0.05, upper=0.95)
    small = cells["area"] < 40
    assert found["clean"].equals(alone["clean"] & ~small)
    assert (found["fraction_lower_limit"] == alone["lower_limit"]).all()
    assert (found["area_lower_limit"] == 40).all()
    both = small & (alone["reason"] == "low")
    assert (found.loc[both, "reason"] == "fraction low; area low").all()
    assert both.any()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rule]]\ncolunm = 'area'\nlower = 1", "found colunm in a rule; expected only also"),
        ("[[rule]]\ncolumn = 'area'", "neither lower nor upper"),
        ("[[rule]]\nlower = 5", "percentiles are numbers from 0 to 1"),
        ("[[rule]]\nlower = 0.9\nupper = 0.1", "expected lower <= upper"),
        ("[[rule]]\nlower = 'much'", "rules.toml"),
        (
            "[[rule]]\nkind = 'iqr'\nlower = 0.1",
            "'percentile', 'value', 'ratio', 'mad' or 'zscore'",
        ),
        ("lower = 0.1", "found lower; expected tables"),
        ("", "no rule"),
        ("[[rule", "rules.toml"),
    ],
)
def test_rules_that_are_none(text, said, tmp_path):
    (tmp_path / "rules.toml").write_text(text)
    with pytest.raises(ValueError, match=said):
        cs.read_rules(tmp_path / "rules.toml")


def test_refusals(rng, tmp_path):
    cells = table(rng)
    with pytest.raises(ValueError, match="column speed: not in the table, which has image_id"):
        cs.clean(cells, column="speed")
    with pytest.raises(ValueError, match="column plate: not in the table"):
        cs.clean(cells, by="plate")
    with pytest.raises(ValueError, match=r"column image_id: holds (str|object); expected numbers"):
        cs.clean(cells, column="image_id")
    with pytest.raises(ValueError, match="multi"):
        cs.clean(cells, multi="first")
    cs.write_table(cells, tmp_path / "cells.csv")
    with pytest.raises(ValueError, match="is an input"):
        cs.clean_to([tmp_path / "cells.csv"], tmp_path / "cells.csv", [cs.Rule(lower=0.1)])
    cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", [cs.Rule(lower=0.1)])
    with pytest.raises(FileExistsError, match="overwrite"):
        cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", [cs.Rule(lower=0.1)])


def test_cleaning_again_replaces(rng):
    cells = table(rng)
    once = cs.clean(cells)
    pd.testing.assert_frame_equal(cs.clean(cs.clean(cells, lower=0.3)), once, check_like=True)


def test_empty():
    cells = pd.DataFrame({"class_label": [], "fraction": []}).astype({"fraction": float})
    found = cs.clean(cells)
    assert found.empty
    assert list(found) == [
        *("class_label", "fraction"),
        *("lower_limit", "upper_limit", "group_size", "reason", "clean"),
    ]


def test_the_image_table_goes_along(small_images, tmp_path):
    cs.measure_to(small_images, tmp_path / "cells.csv", "green")
    cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", [cs.Rule(lower=0.1)])
    images = cs.read_table(tmp_path / "clean.images.csv")
    pd.testing.assert_frame_equal(images, cs.read_table(tmp_path / "cells.images.csv"))


def test_exploded_limits_are_the_same_on_disk(rng, tmp_path):
    cells = table(rng, classes=("0", "16", "0|16", "16|0|0|"))
    expected = cs.clean(cells, multi="explode")
    cs.write_table(cells, tmp_path / "cells.csv")
    cs.clean_to(
        [tmp_path / "cells.csv"],
        tmp_path / "clean.csv",
        [cs.Rule(lower=0.001, upper=0.999)],
        "explode",
    )
    found = cs.read_table(tmp_path / "clean.csv").fillna({"reason": ""})
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert cs.percentile_limits(cells, multi="explode")["class_label"].tolist() == ["0", "16"]
    assert len(expected) == len(cells) + cells["class_label"].str.contains("|", regex=False).sum()


def test_own_groups_have_no_order():
    labels = ["0|16", "16|0", "0| 16"] * 4
    cells = pd.DataFrame({"class_label": labels, "fraction": np.linspace(0, 1, 12)})
    assert (cs.clean(cells, multi="own")["group_size"] == 12).all()


@pytest.mark.parametrize(
    "labels",
    [["3", "3.0", "3 "], [3, 3.0, "3"], ["3|5", "3.0|5.0", " 3 | 5"], ["a\nb", "a b", "a  b"]],
)
def test_spellings_of_one_label_are_one_group(labels, tmp_path):
    cells = pd.DataFrame({"class_label": labels * 4, "fraction": np.linspace(0, 1, 12)})
    assert (cs.clean(cells, multi="own")["group_size"] == 12).all()
    cells.to_csv(tmp_path / "cells.csv", index=False)
    assert (cs.clean(tmp_path / "cells.csv", multi="own")["group_size"] == 12).all()


def test_parts_with_columns_in_another_order_or_others(rng, tmp_path):
    cells = table(rng)
    cs.write_table(cells[:200], tmp_path / "a.csv")
    cs.write_table(cells[200:][cells.columns[::-1]], tmp_path / "b.csv")
    cs.clean_to(
        [tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "clean.csv", [cs.Rule(lower=0.1)]
    )
    found = cs.read_table(tmp_path / "clean.csv")
    pd.testing.assert_frame_equal(found[cells.columns], cells, check_dtype=False)
    cs.write_table(cells[200:].drop(columns="area"), tmp_path / "c.csv")
    with pytest.raises(ValueError, match=r"c\.csv: differs from .*a\.csv in the columns area"):
        cs.clean_to(
            [tmp_path / "a.csv", tmp_path / "c.csv"], tmp_path / "x.csv", [cs.Rule(lower=0.1)]
        )
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_a_column_may_change_its_looks_far_down(extension, tmp_path, monkeypatch):
    """Types are those of the whole file, not of its first rows."""
    monkeypatch.setattr("cellsieve.io.tables.ROWS", 50)
    cells = pd.DataFrame(
        {"class_label": "0", "fraction": np.linspace(0, 1, 200), "n": 1, "note": ""}
    )
    cells.loc[150, "note"] = "dead"
    cells["n"] = cells["n"].astype("Int64").where(cells.index != 190)
    cells.to_csv(tmp_path / "cells.csv", index=False)
    cs.clean_to([tmp_path / "cells.csv"], tmp_path / f"clean{extension}", [cs.Rule(lower=0.1)])
    found = cs.read_table(tmp_path / f"clean{extension}")
    assert found["note"][150] == "dead"
    assert found["n"].isna().sum() == 1
    assert (found["n"].dropna() == 1).all()


def test_a_file_that_has_changed_is_read_anew(tmp_path):
    """Though it is as long as before: the types that were found for it are not those of today."""
    path = tmp_path / "cells.csv"
    for values in (["11", "22"], ["1.", ".2"], ["ab", "cd"]):
        cs.write_table(pd.DataFrame({"n": pd.Series(values, dtype="str")}), path)
        for _ in range(2):
            pd.testing.assert_frame_equal(pd.concat(read_batches(path)), cs.read_table(path))
    assert cs.read_table(path)["n"].tolist() == ["ab", "cd"]


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_a_table_without_cells(extension, tmp_path):
    empty = pd.DataFrame({"image_id": [], "class_label": [], "fraction": []})
    empty = empty.astype({"image_id": "str", "class_label": "str", "fraction": float})
    cs.write_table(empty, tmp_path / f"cells{extension}")
    counts = cs.clean_to(
        [tmp_path / f"cells{extension}"], tmp_path / f"clean{extension}", [cs.Rule(lower=0.1)]
    )
    assert counts["cells"].sum() == 0
    assert "reason" in cs.read_table(tmp_path / f"clean{extension}")


def test_infinite_values_are_not_measured(rng):
    cells = table(rng)
    expected = cs.clean(cells.drop(index=5))
    cells.loc[5, "fraction"] = np.inf
    found = cs.clean(cells)
    assert found.loc[5, "reason"] == "unmeasured"
    assert found.drop(index=5)["reason"].tolist() == expected["reason"].tolist()


def test_two_rules_for_one_column(rng):
    cells = table(rng)
    rules = [cs.Rule("fraction", 0.05, 0.95), cs.Rule("fraction", lower=0.5, kind="value")]
    found = cs.clean(cells, rules=rules)
    alone = cs.clean(cells, lower=0.05, upper=0.95)
    assert found["clean"].equals(alone["clean"] & (cells["fraction"] >= 0.5))
    assert (found["fraction_2_lower_limit"] == 0.5).all()
    again = cs.clean(found)
    assert not any(name.startswith("fraction_") for name in again), "stale columns are replaced"


def test_more_refusals(rng, tmp_path):
    cells = table(rng)
    with pytest.raises(ValueError, match="rules: found none"):
        cs.clean(cells, rules=[])
    with pytest.raises(ValueError, match="min_group: found -5"):
        cs.clean(cells, min_group=-5)
    with pytest.raises(ValueError, match="expected numbers"):
        cs.Rule("area", lower=True)
    (tmp_path / "cells.csv").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(ValueError, match=r"cells\.csv: not a CSV table"):
        cs.clean(tmp_path / "cells.csv")
    (tmp_path / "cells.parquet").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(ValueError, match=r"cells\.parquet: not a Parquet table"):
        cs.percentile_limits(tmp_path / "cells.parquet")


def test_an_image_table_is_not_replaced_unasked(small_images, tmp_path):
    cs.measure_to(small_images, tmp_path / "cells.csv", "green")
    before = (tmp_path / "cells.images.csv").read_bytes()
    cs.clean_to([tmp_path / "cells.csv"], tmp_path / "cells.parquet", [cs.Rule(lower=0.1)])
    assert (tmp_path / "cells.images.csv").read_bytes() == before
    (tmp_path / "clean.images.csv").write_text("precious")
    with pytest.raises(FileExistsError, match=r"clean\.images\.csv exists"):
        cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", [cs.Rule(lower=0.1)])
    assert (tmp_path / "clean.images.csv").read_text() == "precious"
    cs.clean_to(
        [tmp_path / "cells.csv"], tmp_path / "clean.csv", [cs.Rule(lower=0.1)], overwrite=True
    )
    assert (tmp_path / "clean.images.csv").read_bytes() == before


OWN = {
    "cell_group_size": 5,  # these end as our columns do
    "my_lower_limit": 0.5,
    "passes_upper_limit": True,
    "note": 'dead, "perhaps"',
    "when": pd.Timestamp("2026-11-22"),
    "plate": "007",
}


@pytest.mark.parametrize("extension", [".csv", ".csv.gz", ".parquet"])
@pytest.mark.parametrize("multi", ["skip", "explode"])
def test_columns_of_the_caller_survive(rng, tmp_path, extension, multi, monkeypatch):
    """In one part or several, exploded or not, cleaned once or twice."""
    monkeypatch.setattr("cellsieve.io.tables.ROWS", 70)
    cells = table(rng, classes=("0", "16", "0|16")).assign(**OWN)
    cells["rank"] = np.arange(len(cells))[::-1]
    for part in range(2):
        cs.write_table(cells[200 * part : 200 * part + 200], tmp_path / f"{part}{extension}")
    inputs = [tmp_path / f"{part}{extension}" for part in range(2)]
    cs.clean_to(inputs, tmp_path / f"once{extension}", [cs.Rule(lower=0.1)], multi)
    cs.clean_to(
        [tmp_path / f"once{extension}"],
        tmp_path / f"twice{extension}",
        [cs.Rule(lower=0.2), cs.Rule("area", upper=0.9)],
        multi,
    )
    expected = cs.clean(cells, rules=[cs.Rule(lower=0.2), cs.Rule("area", upper=0.9)], multi=multi)
    text = ("image_id", "class_label", "reason", "plate")
    found = cs.read_table(tmp_path / f"twice{extension}", text=text)
    assert set(found.columns) == set(expected.columns) >= {*OWN, "rank"}
    own = [name for name in cells if name != "class_label"]
    pd.testing.assert_frame_equal(
        found[own].astype({"when": "str"}), expected[own].astype({"when": "str"}), check_dtype=False
    )
    if multi == "explode":
        assert found["image_class_label"].tolist() == expected["image_class_label"].tolist()
        assert (found["image_class_label"] == "0|16").any()
    # Limits are those of the rows that the second cleaning was given.
    assert not {"lower_limit", "upper_limit", "group_size"} & set(found.columns)


@pytest.mark.parametrize("name", ["clean", "reason", "group_size", "lower_limit"])
def test_a_column_of_the_caller_is_not_replaced(rng, name):
    cells = table(rng).assign(**{name: 1})
    with pytest.raises(ValueError, match=f"column {name}: the table has one of its own"):
        cs.clean(cells)
    exploding = table(rng).assign(image_class_label="mine", class_label="0|16")
    with pytest.raises(ValueError, match="column image_class_label: the table has one of its own"):
        cs.clean(exploding, multi="explode")


def test_exploded_rows_count_once_where_classes_make_no_group(rng, tmp_path):
    """In memory and on disk: a cell of two classes is one cell of its plate."""
    cells = table(rng, classes=("0", "16", "0|16")).assign(plate=lambda rows: rows["label"] % 2)
    rules = [cs.Rule(lower=0.1, by="plate"), cs.Rule("area", lower=0.1)]
    found = cs.clean(cells, rules=rules, multi="explode")
    assert set(found["class_label"]) == {"0", "16"}
    for plate, own in cells.groupby("plate"):
        judged = found[found["plate"] == plate]
        assert (judged["fraction_lower_limit"] == np.quantile(own["fraction"], 0.1)).all()
        assert (judged["fraction_group_size"] == len(own)).all()
    cs.write_table(cells, tmp_path / "cells.csv")
    cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", rules, "explode")
    on_disk = cs.read_table(tmp_path / "clean.csv").fillna({"reason": ""})
    pd.testing.assert_frame_equal(on_disk, found, check_dtype=False)


def test_rules_with_their_own_multi_and_min_group(rng, tmp_path):
    cells = table(rng, classes=("0", "16", "0|16", "3")).assign(plate="p")
    cells.loc[cells.index[5:], "class_label"] = cells["class_label"][5:].replace("3", "0")
    (tmp_path / "rules.toml").write_text(
        '[[rule]]\nlower = 0.1\nmulti = "own"\nmin_group = 1\n'
        '[[rule]]\ncolumn = "area"\nlower = 0.1\nby = ["plate", "class_label"]\n'
    )
    rules = cs.read_rules(tmp_path / "rules.toml")
    assert rules[1] == cs.Rule("area", 0.1, by=("plate", "class_label"))
    found = cs.clean(cells, rules=rules)
    several = found["class_label"] == "0|16"
    assert (found.loc[several, "fraction_group_size"] == several.sum()).all()
    assert found.loc[several, "reason"].str.contains("area multi_label").all()
    assert not found["reason"].str.contains("fraction small_group").any()
    exploding = [cs.Rule(lower=0.1, multi="explode"), cs.Rule(lower=0.1, multi="own")]
    with pytest.raises(ValueError, match="found multi 'explode' and 'own' for the groups of"):
        cs.clean(cells, rules=exploding)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda cells: cs.clean(cells, by={"class_label": 1}), "by: found {'class_label': 1}"),
        (lambda cells: cs.clean(cells, by=["a", "a"]), "by: found a, a; expected each column once"),
        (lambda cells: cs.clean(cells, by=["class_label", 3]), "by: found .*; expected a column"),
        (lambda cells: cs.clean(cells, by=["class_label", "x"]), "column x: not in the table"),
        (lambda cells: cs.clean({}), "table: found dict; expected a cell table or its file"),
        (lambda cells: cs.clean(cells, rules={}), "rules: found {}; expected a list of Rule"),
        (lambda cells: cs.clean(cells, rules="rules.toml"), "rules: found 'rules.toml'; expected"),
        (lambda cells: cs.clean_to("a.csv", "b.csv", []), "inputs: found 'a.csv'; expected a list"),
        (lambda cells: cs.clean_to([], "b.csv", []), "inputs: found none"),
        (lambda cells: cs.percentile_limits({}), "table: found {}; expected a cell table"),
        (lambda cells: cs.apply_overrides(cs.clean(cells), {}), "marks: found dict; expected"),
        (lambda cells: cs.report({}, "x.html"), "table: found dict; expected a table or its file"),
        (lambda cells: cs.ImageSet.hpa(".", ".", {}), "labels: found dict; expected a table"),
        (lambda cells: cs.Rule("area", lower=1, multi="all"), "multi: found 'all'"),
        (lambda cells: cs.Rule("area", lower=1, min_group=0), "min_group: found 0"),
        (lambda cells: cs.Rule(column=3, lower=1), "column: found 3; expected the name"),
    ],
)
def test_arguments_of_other_types_are_refused_in_a_sentence(call, said, rng, tmp_path, monkeypatch):
    (tmp_path / "a_green.png").touch()
    (tmp_path / "a.npz").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises((TypeError, ValueError), match=said):
        call(table(rng))
