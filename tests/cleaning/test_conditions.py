"""Rules with a name: several bands at once, some classes or channels, flags, optional columns."""

import itertools

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.schema.verdicts import in_words, limits, limits_note, rule_in_words, verdicts

CHANNELS = ("red", "green")


def table(rng, n=300, channels=()):
    """Sound cells, each class in two images."""
    cells = pd.DataFrame(
        {
            "image_id": np.tile(["007", "b", "c"], n)[:n],
            "class_label": rng.choice(["0", "16", "7"], n),
            "label": np.arange(1, n + 1),
            "area": rng.normal(1000, 100, n),
            "solidity": rng.normal(0.95, 0.01, n),
            "form_factor": rng.normal(0.7, 0.01, n),
            "nuclei": 1,
            "contact_share": rng.uniform(0, 0.2, n),
            "touches_border": False,
        }
    )
    for end in [f"_{channel}" for channel in channels] or [""]:
        cells[f"fraction{end}"] = rng.uniform(0.4, 0.6, n)
        cells[f"laplacian_variance{end}"] = rng.uniform(100, 900, n)
        cells[f"laplacian_variance_relative{end}"] = rng.uniform(0.9, 1.1, n)
        cells[f"contrast{end}"] = rng.uniform(20, 40, n)
        cells[f"saturated{end}"] = 0.0
        cells[f"intensity_mean{end}"] = rng.uniform(90, 110, n)
    return cells.astype({"image_id": "str", "class_label": "str"})


DEBRIS = cs.Rule(
    "area",
    lower=-1,
    by=None,
    kind="mad",
    name="debris",
    also=[cs.Rule("contrast", 0.3, by="image_id"), cs.Rule("nuclei", 1, kind="value")],
)


def debris(cells):
    """Which cells are, written out."""
    median = cells["area"].median()
    small = cells["area"] < median - 1.4826 * (cells["area"] - median).abs().median()
    dim = cells["contrast"] < cells.groupby("image_id")["contrast"].transform("quantile", 0.3)
    return small & dim & (cells["nuclei"] < 1)


# ---- names, and several bands ----


def test_the_reason_is_the_name(rng):
    cells = table(rng)
    blurred = cs.Rule("contrast", lower=0.1, by=None, name="out of focus")
    alone = cs.clean(cells, rules=[blurred])
    assert set(alone["reason"]) == {"", "out of focus"}
    assert (alone["reason"] == "").equals(alone["contrast"] >= np.quantile(cells["contrast"], 0.1))
    assert (alone["lower_limit"] == np.quantile(cells["contrast"], 0.1)).all()
    cells.loc[4, "contrast"] = np.nan
    both = cs.clean(cells, rules=[blurred, cs.Rule("area", upper=1100, kind="value")])
    assert both.loc[4, "reason"] == "out of focus unmeasured"
    assert in_words(both.loc[4, "reason"]) == "out of focus not measured"
    assert set(both["reason"]) == {
        *("", "out of focus", "area high", "out of focus; area high", "out of focus unmeasured")
    }
    assert "out_of_focus_contrast_lower_limit" in both
    assert rule_in_words(blurred).startswith("out of focus: contrast at least the 10 % percentile")


def test_a_cell_fails_only_if_it_lies_outside_all_bands(rng):
    cells = table(rng, 900)
    cells["nuclei"] = rng.integers(0, 3, len(cells))
    found = cs.clean(cells, rules=[DEBRIS])
    expected = debris(cells)
    assert 3 < expected.sum() < 60
    assert (found["reason"] == np.where(expected, "debris", "")).all()
    assert found["clean"].equals(~expected)
    for column in ("area", "contrast", "nuclei"):
        assert f"debris_{column}_lower_limit" in found
    assert (found["debris_nuclei_lower_limit"] == 1).all()
    assert rule_in_words(DEBRIS) == (
        "debris: area at least 1 scaled MAD below the median of all cells or contrast at least "
        "the 30 % percentile of each image_id or nuclei at least 1"
    )


def test_a_band_that_cannot_be_judged_decides_only_where_the_others_do_not():
    rule = cs.Rule(
        "a", lower=1, kind="value", name="bad", also=[cs.Rule("b", upper=5, kind="value")]
    )
    rows = [(0, 9, "bad"), (0, 1, ""), (2, 9, ""), (0, np.nan, "unmeasured"), (2, np.nan, "")]
    rows += [(np.nan, 1, ""), (np.nan, 9, "unmeasured"), (np.nan, np.nan, "unmeasured")]
    cells = pd.DataFrame(rows, columns=["a", "b", "expected"])
    found = cs.clean(cells, rules=[rule])
    said = found["reason"].str.removeprefix("bad ").tolist()
    assert said == cells["expected"].tolist()


def test_two_rules_of_one_name_are_two_ways_to_fail(rng):
    cells = table(rng)
    rules = [
        cs.Rule("area", lower=900, kind="value", name="odd"),
        cs.Rule("area", upper=1100, kind="value", name="odd"),
        cs.Rule("contrast", lower=22, kind="value", name="odd"),
    ]
    found = cs.clean(cells, rules=rules)
    odd = ~cells["area"].between(900, 1100) | (cells["contrast"] < 22)
    assert (found["reason"] == np.where(odd, "odd", "")).all()
    added = [name for name in found if name not in cells]
    assert added == [
        *("odd_area_lower_limit", "odd_area_2_upper_limit", "odd_contrast_lower_limit"),
        *("reason", "clean"),
    ]


# ---- some classes, some channels ----


@pytest.mark.parametrize("kind", ["percentile", "ratio", "mad", "zscore"])
def test_where_limits_a_rule_to_some_cells(kind, rng):
    cells = table(rng)
    ends = {"percentile": (0.1, 0.9), "ratio": (0.9, 1.1)}.get(kind, (-1, 1))
    rule = cs.Rule("area", *ends, by=None, kind=kind, where={"class_label": [0, "16"]})
    found = cs.clean(cells, rules=[rule])
    inside = cells["class_label"].isin(["0", "16"])
    plain = cs.Rule("area", *ends, by=None, kind=kind)
    alone = cs.clean(cells[inside], rules=[plain])  # the others are in no group
    assert found.loc[inside, "reason"].equals(alone["reason"])
    assert set(alone["reason"]) == {"", "low", "high"}
    assert (found.loc[~inside, "reason"] == "").all()
    assert found.loc[~inside, ["lower_limit", "upper_limit"]].isna().all(axis=None)
    assert (found.loc[~inside, "group_size"] == 0).all()
    assert rule_in_words(rule).endswith(", where class_label is 0 or 16")


def test_where_asks_for_one_of_several_classes():
    cells = pd.DataFrame(
        {"class_label": ["0", "0|16", "3", None, "16"], "area": [1.0, 1, 1, 1, np.nan]}
    )
    rule = cs.Rule("area", lower=2, kind="value", where={"class_label": "16"})
    assert cs.clean(cells, rules=[rule])["reason"].tolist() == ["", "low", "", "", "unmeasured"]


@pytest.mark.parametrize("kind", ["percentile", "mad", "zscore", "value"])
def test_unless_leaves_to_another_rule_what_where_gives_it(kind, rng):
    """Some classes with limits of their own: each cell is judged by one of the two rules."""
    cells = table(rng)
    cells.loc[::10, "class_label"] = "0|16"
    cells.loc[5::10, "class_label"] = None
    some = {"class_label": ["16"]}
    wide = {"percentile": (0.1, 0.9), "value": (900, 1100)}.get(kind, (-1, 1))
    tight = {"percentile": (0.3, 0.6), "value": (970, 1030)}.get(kind, (-0.2, 0.2))
    others = cs.Rule("area", *wide, kind=kind, unless=some)
    own = cs.Rule("area", *tight, kind=kind, where=some)
    found = cs.clean(cells, rules=[others, own])
    is_16 = cells["class_label"] == "16"
    for rows, ends in ((is_16, tight), (~is_16 & (cells["class_label"] != "0|16"), wide)):
        plain = cs.clean(cells, rules=[cs.Rule("area", *ends, kind=kind)])
        assert found.loc[rows, "clean"].equals(plain.loc[rows, "clean"])
        assert {True, False} == set(plain.loc[rows, "clean"])
    assert found.loc[is_16, "area_lower_limit"].isna().all()
    # What is not exactly that class stays with the rule of the others.
    several = found[cells["class_label"] == "0|16"]
    if kind == "value":
        assert several["clean"].equals(several["area"].between(*tight))
    else:
        assert set(several["reason"]) == {"area multi_label"}
    assert rule_in_words(others).endswith(", unless class_label is 16")


def test_unless_with_several_columns_is_the_opposite_of_where(rng):
    cells = table(rng)
    choice = {"class_label": ["0"], "image_id": [cells["image_id"].iloc[0]]}
    rules = [cs.Rule("area", 1e9, kind="value", **{name: choice}) for name in ("where", "unless")]
    where, unless = (cs.clean(cells, rules=[rule])["clean"] for rule in rules)
    assert where.equals(~unless)
    assert set(where) == {True, False}
    with pytest.raises(ValueError, match="column plate: not in the table"):
        cs.clean(cells, rules=[cs.Rule("area", 1, kind="value", unless={"plate": "3"})])


def test_a_column_without_suffix_holds_for_every_channel(rng):
    cells = table(rng, channels=CHANNELS)
    cells.loc[0, "laplacian_variance_green"] = 1
    cells.loc[1, "laplacian_variance_red"] = 2
    cells.loc[2, "laplacian_variance_relative_red"] = 0  # begins with the name, but is another
    rule = cs.Rule("laplacian_variance", lower=50, kind="value", name="blurred")
    found = cs.clean(cells, rules=[rule])
    assert found["reason"].tolist() == ["blurred"] * 2 + [""] * (len(cells) - 2)
    assert [each.column for each in cs.rules_of(found)] == [
        "laplacian_variance_red",
        "laplacian_variance_green",
    ]
    green = cs.Rule("laplacian_variance", 50, kind="value", where={"channel": ["green"]})
    found = cs.clean(cells, rules=[green])
    assert found["reason"].tolist() == ["low"] + [""] * (len(cells) - 1)
    with pytest.raises(ValueError, match="column laplacian_variance_blue: not in the table"):
        cs.clean(cells, rules=[cs.Rule("laplacian_variance", 1, where={"channel": "blue"})])


def test_bands_of_one_channel_belong_together(rng):
    """Dim in red and saturated in green is neither."""
    cells = table(rng, channels=CHANNELS)
    rule = cs.Rule(
        *("contrast", 25, None, None, "value"),
        name="odd",
        also=[cs.Rule("saturated", upper=0.1, kind="value")],
    )
    cells[["contrast_red", "contrast_green"]] = 30.0
    cells.loc[[0, 1], "contrast_red"] = 1.0
    cells.loc[0, "saturated_red"] = cells.loc[1, "saturated_green"] = 0.9
    assert cs.clean(cells, rules=[rule])["reason"].tolist()[:3] == ["odd", "", ""]


def test_cleaning_again_sees_the_channels_and_not_the_limits(rng):
    rules = [cs.Rule("contrast", lower=25, kind="value", name="dim")]
    once = cs.clean(table(rng, channels=CHANNELS), rules=rules)
    again = cs.clean(once, rules=rules)
    pd.testing.assert_frame_equal(once, again)
    assert again.attrs == once.attrs


# ---- flags, columns that are not there, cells that can't be judged ----


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_a_flagged_cell_is_kept(rng, tmp_path, extension):
    cells = table(rng)
    rules = [
        cs.Rule("area", upper=1100, kind="value", name="large", flag=True),
        cs.Rule("contrast", lower=25, kind="value", name="dim"),
        cs.Rule("solidity", lower=0.95, kind="value", name="mitotic", flag=True),
    ]
    found = cs.clean(cells, rules=rules)
    large, rough = cells["area"] > 1100, cells["solidity"] < 0.95
    assert found["clean"].equals(cells["contrast"] >= 25)
    assert set(found["reason"]) == {"", "dim"}
    expected = np.select([large & rough, large, rough], ["large; mitotic", "large", "mitotic"], "")
    assert (found["flagged"] == expected).all()
    assert set(expected) == {"", "large", "mitotic", "large; mitotic"}
    cs.write_table(cells, tmp_path / f"cells{extension}")
    counts = cs.clean_to([tmp_path / f"cells{extension}"], tmp_path / f"clean{extension}", rules)
    on_disk = cs.read_table(tmp_path / f"clean{extension}").fillna({"reason": "", "flagged": ""})
    pd.testing.assert_frame_equal(on_disk, found, check_dtype=False)
    assert counts.loc[counts["flagged"].str.contains("large"), "cells"].sum() == large.sum()
    assert "flagged" not in cs.clean(on_disk, rules=rules[1:2])
    only = cs.clean(cells, rules=rules[:1])
    assert only["clean"].all()
    renamed = cs.rename_columns(found, "cellprofiler")
    assert [name for name in renamed if "outlier" in name] == [
        "Metadata_cqc_cellsieve_dim_is_outlier"
    ]
    assert not cs.rename_columns(only, "cellprofiler")["Metadata_cqc_cellsieve_is_outlier"].any()


def test_a_rule_that_lacks_its_columns_is_left_out_and_that_is_said(rng, tmp_path):
    cells = table(rng).drop(columns=["nuclei", "touches_border"])
    optional = {"kind": "value", "optional": True}
    rules = [
        cs.Rule("touches_border", upper=0, name="at the border", **optional),
        cs.Rule("area", lower=2000, name="debris", also=DEBRIS.also, **optional),
        cs.Rule("contrast", lower=25, name="dim", **optional),
        cs.Rule("solidity", lower=0.1, by="plate", optional=True),
    ]
    with pytest.warns(UserWarning, match="not applied") as said:
        found = cs.clean(cells, rules=rules)
    notes = [str(each.message) for each in said]
    assert notes == [
        "at the border: not applied, since the table has no column touches_border",
        "debris: not applied, since the table has no column nuclei",
        "solidity: not applied, since the table has no column plate",
    ]
    assert found["clean"].equals(cells["contrast"] >= 25)
    missing = found.attrs["cellsieve"]["not_applied"]
    assert missing[:2] == [
        {"rule": "at the border", "missing": ["touches_border"]},
        {"rule": "debris", "missing": ["nuclei"]},
    ]
    cs.write_table(cells, tmp_path / "cells.csv")
    counts = cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", rules)
    assert counts.attrs["notes"][:3] == notes
    assert cs.read_table(tmp_path / "clean.csv").attrs == found.attrs
    assert "not_applied" not in cs.clean(found, rules=rules[2:3]).attrs["cellsieve"]
    with pytest.raises(ValueError, match=r"none can be applied to the table\. at the border: not"):
        cs.clean(cells, rules=rules[:2])
    with pytest.raises(ValueError, match="column touches_border: not in the table"):
        cs.clean(cells, rules=[cs.Rule("touches_border", upper=0, kind="value")])


def test_cells_that_cannot_be_judged_may_be_kept(rng):
    cells = table(rng)
    cells.loc[:4, "area"] = np.nan
    cells.loc[5:8, "class_label"] = "rare"
    cells.loc[9, "class_label"] = None
    rule = {"column": "area", "lower": 0.1, "name": "small"}
    dropped = cs.clean(cells, rules=[cs.Rule(**rule), cs.Rule("contrast", 1, kind="value")])
    assert (dropped.loc[:9, "reason"].str.startswith("small ")).all()
    with pytest.warns(UserWarning, match="small: 10 cells kept that it could not judge"):
        kept = cs.clean(
            cells, rules=[cs.Rule(**rule, unjudged="keep"), cs.Rule("contrast", 1, kind="value")]
        )
    assert kept.loc[:9, "clean"].all()
    assert kept["reason"][10:].equals(dropped["reason"][10:])
    assert kept["reason"].eq("small").any()


@pytest.mark.parametrize("kind", ["value", "mad"])
def test_a_rule_that_is_meant_for_no_cell_says_so(kind, rng, tmp_path):
    cells = table(rng)
    rule = cs.Rule("area", 0, kind=kind, name="small", where={"class_label": ["17"]})
    said = "small: judges no cell, since none fits: where class_label is 17"
    with pytest.warns(UserWarning, match=f"^{said}$"):
        assert cs.clean(cells, rules=[rule])["clean"].all()
    cs.write_table(cells, tmp_path / "cells.parquet")
    found = cs.clean_to([tmp_path / "cells.parquet"], tmp_path / "clean.parquet", [rule])
    assert said in found.attrs["notes"]


# ---- on disk, in files, for other programs ----

EVERYTHING = [
    DEBRIS,
    cs.Rule("area", -2, 2.5, by=["image_id", "class_label"], kind="zscore", min_group=5),
    cs.Rule("contrast", lower=0.2, name='dim "é"', where={"class_label": ["0", "16"]}),
    cs.Rule("solidity", lower=-1, kind="mad", name="rough", flag=True, unjudged="keep"),
    cs.Rule("area", upper=0.9, name="large", unless={"class_label": ["0"]}),
    cs.Rule("nuclei", upper=1, kind="value", name="double", optional=True, multi="own"),
]


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_rules_survive_files_and_parts_change_no_verdict(rng, tmp_path, extension, monkeypatch):
    monkeypatch.setattr("cellsieve.io.tables.ROWS", 70)
    cells = table(rng)
    cells["nuclei"] = rng.integers(0, 3, len(cells))
    cs.write_rules(EVERYTHING, tmp_path / "rules.toml")
    assert cs.read_rules(tmp_path / "rules.toml") == EVERYTHING
    paths = [tmp_path / f"{number}{extension}" for number in range(2)]
    for path, start in zip(paths, (0, 110), strict=True):
        cs.write_table(cells[start : 110 if start == 0 else None], path)
    cs.clean_to(paths, tmp_path / f"clean{extension}", cs.read_rules(tmp_path / "rules.toml"))
    found = cs.read_table(tmp_path / f"clean{extension}").fillna({"reason": "", "flagged": ""})
    expected = cs.clean(cells, rules=EVERYTHING)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_exact=True)
    assert found.attrs == expected.attrs
    assert {"debris", 'dim "é"', "double"} <= set(cs.count_reasons(found).index)
    again = cs.clean(found, rules=cs.rules_of(found))
    pd.testing.assert_frame_equal(again, found, check_dtype=False, check_like=True)


def test_many_rules_share_their_passes(rng, tmp_path, monkeypatch):
    """A file is read as often for a dozen rules as for the one that needs most passes."""
    cs.write_table(table(rng), tmp_path / "cells.csv")
    reads = []
    real = cs.io.parts.read_batches
    monkeypatch.setattr(
        "cellsieve.io.parts.read_batches",
        lambda path, **options: reads.append(path) or real(path, **options),
    )

    def passes(rules):
        reads.clear()
        cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", rules, overwrite=True)
        return len(reads)

    one = [cs.Rule("area", -3, kind="mad")]
    many = [
        cs.Rule(column, -number, by=by, kind=kind)
        for number, (column, by, kind) in enumerate(
            itertools.product(["area", "contrast"], ["image_id", None], ["mad", "zscore"])
        )
    ]
    assert passes(many) == passes(one) < 8


def test_verdicts_for_other_programs_are_those_of_the_names(rng):
    cells = table(rng)
    cells["nuclei"] = rng.integers(0, 3, len(cells))
    rules = [*EVERYTHING, cs.Rule("nuclei", 1, kind="value", where={"class_label": ["7"]})]
    found = cs.clean(cells, rules=rules)
    renamed = cs.rename_columns(found, "cellprofiler")
    outliers = renamed.filter(like="_is_outlier")
    assert found["clean"].equals(~outliers.any(axis="columns"))
    assert outliers["Metadata_cqc_cellsieve_debris_is_outlier"].equals(debris(cells))
    assert not any("rough" in name for name in outliers)


def test_limits_are_those_of_rules_that_decide_alone(rng, tmp_path):
    cells = table(rng)
    cells["nuclei"] = 0
    rules = [DEBRIS, cs.Rule("area", 850, 1150, kind="value", name="odd size"), EVERYTHING[3]]
    found = cs.clean(cells, rules=rules)
    ends = limits(found, "area")
    assert ((ends["lower"] == 850) & (ends["upper"] == 1150)).all()
    rows = verdicts(found, "area")
    odd = found["reason"] == "odd size"
    assert (rows.judged[odd] == np.where(cells["area"][odd] < 850, "low", "high")).all()
    assert odd.any()
    assert (rows.judged[found["reason"].str.contains("debris")] == "other").all()
    assert (rows.judged[found["clean"]] == "").all()
    assert limits(found, "contrast").isna().all(axis=None)
    assert limits(found, "solidity").isna().all(axis=None)
    assert limits_note(found, "contrast") == (
        "No rule drops a cell for contrast alone, so it has no limits here; it is judged in: "
        "debris."
    )
    assert limits_note(found, "area") == ""
    boxes = dict.fromkeys(("min_row", "min_col", "max_row", "max_col"), 0)
    cs.report(found.assign(**boxes), tmp_path / "page.html", column="contrast")
    assert "it is judged in: debris." in (tmp_path / "page.html").read_text()


# ---- counts ----


def test_cells_are_counted_by_reason_and_by_how_many_rules_they_failed(tmp_path):
    cells = pd.DataFrame(
        {
            "image_id": "a",
            "label": range(8),
            "a": [0, 0, 0, 1, 1, 1, 1, 1],
            "b": [0, 0, 1, 0, 1, 1, 1, 1],
            "c": [0, 1, 1, 1, 1, 1, 1, np.nan],
        }
    )
    rules = [cs.Rule(name, 1, kind="value", name=f"no {name}") for name in "abc"]
    found = cs.count_reasons(cs.clean(cells, rules=rules))
    assert found.index.tolist() == ["no a", "no b", "no c", "no c unmeasured", "any reason"]
    assert found.columns.tolist() == ["cells", "failed_1", "failed_2", "failed_3"]
    assert found.values.tolist() == [
        [3, 1, 1, 1],
        [3, 1, 1, 1],
        [1, 0, 0, 1],
        [1, 1, 0, 0],
        [5, 3, 1, 1],
    ]
    cs.write_table(cells, tmp_path / "cells.csv")
    counts = cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", rules)
    pd.testing.assert_frame_equal(cs.count_reasons(counts), found)
    pd.testing.assert_frame_equal(cs.count_reasons(tmp_path / "clean.csv"), found)
    none = cs.count_reasons(cs.clean(cells[4:7], rules=rules))
    assert none.index.tolist() == ["any reason"]
    assert none["cells"].tolist() == [0]
    with pytest.raises(ValueError, match="expected a cleaned table"):
        cs.count_reasons(cells)


# ---- refusals ----


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("also = [{ column = 'nuclei', lower = 0 }]", "has also and no name; expected a name"),
        ("flag = true", "has flag and no name"),
        ("name = 'a; b'", "name: found 'a; b'; expected a text of one line"),
        ("name = ''", "name: found ''"),
        ("name = 3", "name: found 3"),
        ("flag = 1", "flag: found 1; expected true or false"),
        ("optional = 'yes'", "optional: found 'yes'"),
        ("unjudged = 'skip'", "unjudged: found 'skip'; expected 'drop' or 'keep'"),
        ("where = ['0']", r"where: found \['0'\]; expected columns and their values"),
        ("where = { class_label = [] }", r"where: found \[\] for 'class_label'; expected a list"),
        ("where = { class_label = 0.5 }", "where: found 0.5 for 'class_label'"),
        ("unless = ['0']", r"unless: found \['0'\]; expected columns and their values"),
        ("name = 'a'\nalso = 'nuclei'", "also: found 'nuclei'; expected a list of rules"),
        ("name = 'a'\nalso = ['nuclei']", "rule: found 'nuclei'; expected names and values"),
        ("name = 'a'\nalso = [{ column = 'b' }]", "rule for b: neither lower nor upper is given"),
        (
            "name = 'a'\nalso = [{ lower = 0, nam = 'b' }]",
            "found nam in a rule; expected only also, by",
        ),
        ("name = 'a'\nalso = [{ lower = 0, name = 'b' }]", "also, rule for fraction: has name"),
        (
            "name = 'a'\nalso = [{ lower = 0, where = { a = ['b'] } }]",
            "has where; expected that of",
        ),
    ],
)
def test_rules_that_make_no_sense(text, said, tmp_path):
    (tmp_path / "rules.toml").write_text(f"[[rule]]\ncolumn = 'area'\nlower = 0.1\n{text}\n")
    with pytest.raises(ValueError, match=f"rules.toml: .*{said}"):
        cs.read_rules(tmp_path / "rules.toml")


def test_names_with_a_meaning_of_their_own_are_refused(rng):
    for name in ("by hand", "unmeasured"):
        with pytest.raises(ValueError, match=f"name: found '{name}', which has a meaning"):
            cs.clean(table(rng), rules=[cs.Rule("area", 1, kind="value", name=name)])
    flag = cs.Rule("area", 1, kind="value", name="small", flag=True)
    with pytest.raises(ValueError, match="column flagged: the table has one of its own"):
        cs.clean(table(rng).assign(flagged=1), rules=[flag])
