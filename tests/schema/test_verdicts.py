"""What a cleaned table remembers of its rules, where that is kept, and who reads it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.io.tables import read_batches
from cellsieve.look.picking import pick
from cellsieve.schema.verdicts import in_words, limits, rule_in_words, verdicts

mpl.use("agg")

ONE = [cs.Rule(lower=0.1, upper=0.9)]
SEVERAL = [
    cs.Rule(lower=0.1, by=["plate", "class_label"], multi="own", min_group=5),
    cs.Rule("area", lower=20, kind="value"),
    cs.Rule("area", upper=0.95, by=None),
    cs.Rule(upper=0.9, min_group=1),
    cs.Rule("area", lower=-2.5, upper=3, by="plate", kind="mad"),
    cs.Rule("area", upper=1, by=None, kind="zscore"),
    cs.Rule("area", lower=0.5, by=None, kind="ratio"),
]


def cells(n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    return pd.DataFrame(
        {
            "image_id": np.repeat(["007", "b"], n // 2),
            "class_label": pd.Series(rng.choice(["0", "16", "0|16"], n), dtype="str"),
            "label": np.tile(np.arange(1, n // 2 + 1), 2),
            **dict.fromkeys(("min_row", "min_col"), 0),
            **dict.fromkeys(("max_row", "max_col"), 4),
            "area": rng.permutation(n) + 10,
            "fraction": rng.permutation(n) / n,
            "plate": pd.Series(rng.choice(["p1", "p2"], n), dtype="str"),
        }
    )


def marks(*rows: tuple[str, int, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "label", "mark"])


def whole(rules: list[cs.Rule], multi: Any = "skip", min_group: int = 10) -> list[cs.Rule]:
    """The rules with what the call adds."""
    return [
        cs.Rule(
            rule.column, rule.lower, rule.upper, rule.by, rule.kind,
            rule.multi or multi, rule.min_group or min_group,
        )
        for rule in rules
    ]  # fmt: skip


# ---- where rules are kept ----


@pytest.mark.parametrize("extension", [".csv", ".csv.gz", ".parquet"])
@pytest.mark.parametrize("rules", [ONE, SEVERAL], ids=["one", "several"])
def test_a_table_remembers_its_rules(tmp_path: Path, extension: str, rules: list[cs.Rule]) -> None:
    table = cells()
    for part in range(2):
        cs.write_table(table[60 * part : 60 * part + 60], tmp_path / f"{part}{extension}")
    inputs = [tmp_path / f"{part}{extension}" for part in range(2)]
    output = tmp_path / f"clean{extension}"
    cs.clean_to(inputs, output, rules, "skip", min_group=7)
    assert cs.rules_of(output) == whole(rules, min_group=7)
    in_memory = cs.clean(table, rules=rules, min_group=7)
    assert cs.rules_of(in_memory) == whole(rules, min_group=7)
    assert cs.read_table(output).attrs == in_memory.attrs
    [step] = in_memory.attrs["cellsieve"]["made"]
    assert (step["call"], step["version"]) == ("clean", cs.__version__)
    # Written in one go, the same bytes; and pandas passes the rules on.
    cs.write_table(in_memory, tmp_path / f"again{extension}")
    assert output.read_bytes() == (tmp_path / f"again{extension}").read_bytes()
    assert cs.rules_of(in_memory.head(3).sort_values("area").reset_index(drop=True))
    assert not list(tmp_path.glob("[01].record.json"))  # the inputs have none


def test_parquet_holds_rules_in_its_metadata_and_csv_beside_it(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = cs.clean(cells(), rules=SEVERAL)
    cs.write_table(table, tmp_path / "clean.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["clean.parquet"]
    metadata = parquet.read_schema(tmp_path / "clean.parquet").metadata
    assert json.loads(metadata[b"cellsieve"]) == table.attrs["cellsieve"]
    assert b"reasons" not in metadata[b"pandas"]  # once is enough
    cs.write_table(table, tmp_path / "clean.csv")
    beside = json.loads((tmp_path / "clean.record.json").read_text())
    assert beside == table.attrs["cellsieve"]
    rule = beside["rules"][2]
    assert rule["column"] == "area"
    assert rule["by"] == []
    assert rule["upper"] == 0.95
    assert rule["columns"]["upper_limit"] == "area_2_upper_limit"
    assert rule["reasons"]["high"] == "area high"
    table.to_parquet(tmp_path / "pandas.parquet")  # not by us
    assert cs.rules_of(tmp_path / "pandas.parquet") == whole(SEVERAL)


def test_rules_do_not_outlive_their_table(tmp_path: Path) -> None:
    cs.write_table(cells(), tmp_path / "cells.csv")
    cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", ONE)
    with pytest.raises(FileExistsError, match=r"clean\.csv exists"):
        cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", ONE)
    (tmp_path / "clean.csv").unlink()
    with pytest.raises(FileExistsError, match=r"clean\.record\.json exists"):
        cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", ONE)
    other = [cs.Rule(lower=0.2)]
    cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", other, overwrite=True)
    assert cs.rules_of(tmp_path / "clean.csv") == whole(other)
    cs.write_table(cells(), tmp_path / "clean.csv")  # of a table that is not cleaned there are none
    assert not (tmp_path / "clean.record.json").exists()
    with pytest.raises(ValueError, match=r"clean\.csv: says no rules that it was cleaned by"):
        cs.rules_of(tmp_path / "clean.csv")


def test_a_file_of_that_name_may_be_something_else(tmp_path: Path) -> None:
    (tmp_path / "cells.record.json").write_text('{"mine": 1}')
    cs.write_table(cells(), tmp_path / "cells.csv")
    assert cs.read_table(tmp_path / "cells.csv").attrs == {}
    assert (tmp_path / "cells.record.json").read_text() == '{"mine": 1}'
    (tmp_path / "cells.record.json").write_text('{"rules": [')
    with pytest.raises(ValueError, match=r"cells\.record\.json: not a record"):
        cs.read_table(tmp_path / "cells.csv")


def test_a_failed_run_leaves_no_rules(tmp_path: Path) -> None:
    cs.write_table(cells(), tmp_path / "cells.csv")
    with pytest.raises(ValueError, match="1 mark names no cell"):
        cs.clean_to(
            [tmp_path / "cells.csv"], tmp_path / "clean.csv", ONE, overrides=marks(("x", 1, "drop"))
        )
    assert [path.name for path in tmp_path.iterdir()] == ["cells.csv"]


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_marks_by_hand_are_counted(tmp_path: Path, extension: str) -> None:
    hand = marks(("007", 3, "drop"), ("b", 3, "keep"), ("b", 60, "drop"))
    cs.write_table(cells(), tmp_path / f"cells{extension}")
    output = tmp_path / f"clean{extension}"
    cs.clean_to([tmp_path / f"cells{extension}"], output, ONE, "explode", overrides=hand)
    expected = cs.apply_overrides(cs.clean(cells(), rules=ONE, multi="explode"), hand)
    assert expected.attrs["cellsieve"]["by_hand"] == {"kept": 1, "dropped": 2}
    assert cs.read_table(output).attrs == expected.attrs
    assert "by_hand" not in cs.clean(cells(), rules=ONE).attrs["cellsieve"]
    again = cs.clean(cs.read_table(output), rules=SEVERAL[1:2])
    assert "by_hand" not in again.attrs["cellsieve"]
    assert cs.rules_of(again) == whole(SEVERAL[1:2])


def test_cleaning_again_replaces_just_what_the_first_wrote() -> None:
    mine = {"area_lower_limit": 1.0, "area_upper_limit": 2.0, "area_group_size": 3}
    once = cs.clean(cells().assign(**mine), rules=ONE)
    assert cs.clean(once, by=None)[list(mine)].drop_duplicates().to_dict("records") == [mine]
    with pytest.raises(ValueError, match="column area_lower_limit: the table has one of its own"):
        cs.clean(once, rules=SEVERAL)
    several = cs.clean(cells(), rules=SEVERAL)
    assert not set(cs.clean(several, rules=ONE)) - set(cs.clean(cells(), rules=ONE))


# ---- rules come back ----


@pytest.mark.parametrize("multi", ["skip", "explode", "own"])
@pytest.mark.parametrize(
    "rules",
    [
        ONE,
        [cs.Rule("area", 0.013, None, None), cs.Rule(upper=1 / 3, by=["plate"])],
        [cs.Rule("area", -3, 1e16, kind="value"), cs.Rule(lower=0.05, by=["class_label", "plate"])],
    ],
)
def test_remembered_rules_give_the_same_verdicts(
    tmp_path: Path, rules: list[cs.Rule], multi: Any
) -> None:
    """From table to TOML to the command: nothing but the marks by hand is lost."""
    cs.write_table(cells(), tmp_path / "cells.csv")
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    cs.clean_to([tmp_path / "cells.csv"], first, rules, multi, min_group=4)
    cs.write_rules(cs.rules_of(first), tmp_path / "rules.toml")
    assert cs.read_rules(tmp_path / "rules.toml") == whole(rules, multi, 4)
    arguments = ["--rules", str(tmp_path / "rules.toml"), "-q", "-o", str(second)]
    assert main(["clean", str(tmp_path / "cells.csv"), *arguments]) == 0
    assert first.read_bytes() == second.read_bytes()
    assert cs.rules_of(second) == cs.rules_of(first)


def test_any_name_survives_a_toml_file(tmp_path: Path) -> None:
    name = 'a"b\\c\n\t\x7f\x01é😀'
    rules = [cs.Rule(name, 1e-5, by=[name, "x"]), cs.Rule(lower=np.float32(0.5), upper=np.int64(1))]
    cs.write_rules(rules, tmp_path / "rules.toml")
    assert cs.read_rules(tmp_path / "rules.toml") == rules


def test_limits_without_an_end_are_open(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected finite numbers; without a limit, a side is"):
        cs.Rule("area", lower=float("-inf"), kind="value")
    (tmp_path / "rules.toml").write_text("[[rule]]\nkind = 'value'\nupper = nan\n")
    with pytest.raises(ValueError, match="expected finite numbers"):
        cs.read_rules(tmp_path / "rules.toml")


# ---- who reads them ----


def test_limits_are_those_of_the_column_alone() -> None:
    table = cs.clean(cells(), rules=ONE)
    assert limits(table, "fraction").notna().any(axis=None)
    assert limits(table, "area").isna().all(axis=None)
    assert set(verdicts(table, "area").band) == {"middle"}
    assert pick(table, "low", column="area").empty
    assert len(cs.plot_distribution(table, class_label="0").lines) == 2
    ax = cs.plot_distribution(table, "area", class_label="0")
    assert not ax.lines
    assert ax.get_xlabel() == "area"
    figure = cs.plot_gallery(table, pd.DataFrame({"image_id": []}), "low", column="area")
    assert "No rule judges area, so it has no limits; judged: fraction." in (
        figure.texts[0].get_text()
    )


def test_of_two_rules_for_a_column_the_narrower_limits_count() -> None:
    rules = [
        cs.Rule(lower=0.1, upper=0.9, by=None),
        cs.Rule(lower=0.3, kind="value"),
        cs.Rule(upper=0.99, by=None),
    ]
    table = cs.clean(cells(), rules=rules)
    found = limits(table, "fraction")
    assert (found["lower"] == 0.3).all()
    assert (found["upper"] == np.quantile(table["fraction"], 0.9)).all()
    rows = verdicts(table, "fraction")
    assert ((rows.band == "middle") == table["clean"]).all()
    assert ((rows.judged == "low") == (table["reason"] == "fraction low")).all()
    assert (rows.judged == "low").sum() == 36
    assert not (rows.judged == "other").any()


@pytest.mark.parametrize(
    "forget",
    [
        lambda record: {},
        lambda record: {"rules": [{**record["rules"][0], "kind": "iqr"}]},  # of a later version
        lambda record: {"rules": [{"column": "fraction"}]},
        lambda record: {"rules": "fraction"},
        lambda record: {"rules": []},
        lambda record: ["fraction"],
    ],
)
def test_a_table_without_readable_rules_falls_back_and_says_so(forget: Any, tmp_path: Path) -> None:
    table = cs.clean(cells(), rules=ONE)
    expected = limits(table, "fraction")
    table.attrs["cellsieve"] = forget(table.attrs["cellsieve"])
    pd.testing.assert_frame_equal(limits(table, "fraction"), expected)
    cs.report(table, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    said = "does not say which rules it was cleaned by; lower_limit and upper_limit are taken for"
    assert said in page
    ax = cs.plot_distribution(table, class_label="0")
    assert len(ax.lines) == 2
    assert "the table does not say which rules it was cleaned by" in ax.get_xlabel()
    figure = cs.plot_gallery(table, pd.DataFrame({"image_id": [], "path_mask": []}), "low", 2)
    assert said in figure.legends[0].get_title().get_text().replace("\n", " ")
    with pytest.raises(ValueError, match="table: says no rules"):
        cs.rules_of(table)
    assert cs.rules_of(cs.clean(table, rules=SEVERAL[1:2])) == whole(SEVERAL[1:2])


def test_a_table_that_lost_its_verdicts_is_not_cleaned(tmp_path: Path) -> None:
    table = cs.clean(cells(), rules=ONE)[list(cells())]  # pandas keeps attrs
    with pytest.raises(ValueError, match="says no rules"):
        cs.rules_of(table)
    cs.report(table, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "The table has not been cleaned" in page
    assert "which rules" not in page
    assert set(cs.clean(table, rules=ONE)) == set(cs.clean(cells(), rules=ONE))


def page_of(table: pd.DataFrame, tmp_path: Path, column: str = "fraction") -> tuple[str, Any]:
    (tmp_path / "page.html").unlink(missing_ok=True)
    cs.report(table, tmp_path / "page.html", column=column)
    page = (tmp_path / "page.html").read_text()
    start = page.index('id="data">') + len('id="data">')
    return page, json.loads(page[start : page.index("</script>", start)])


def ends(data: Any) -> list[tuple[float | None, float | None]]:
    return [(rule.get("lower"), rule.get("upper")) for rule in data["rules"]]


def test_the_report_shows_the_percentiles_asked_for(tmp_path: Path) -> None:
    tied = cells().assign(fraction=0.5)  # from which nobody could tell them
    table = cs.clean(tied, rules=[cs.Rule(lower=0.025, upper=0.9999, multi="own")], limits=[None])
    page, data = page_of(table, tmp_path)
    assert ends(data) == [(0.025, 0.9999)]
    assert (
        "Kept: fraction from the 2.5 % to the 99.99 % percentile of each class_label (cells of "
        "several classes are groups of their own, groups of fewer than 10 are marked)"
    ) in page
    _, data = page_of(cs.clean(cells(), rules=[cs.Rule(upper=0.9)]), tmp_path)
    assert ends(data) == [(None, 0.9)]
    _, data = page_of(cs.clean(cells(), rules=[cs.Rule(lower=0.07)]), tmp_path)
    assert ends(data) == [(0.07, None)]
    page, data = page_of(cs.clean(cells(), rules=ONE), tmp_path, "area")
    assert "No rule judges area, so it has no limits; judged: fraction." in page
    assert [section["lower"] for section in data["sections"]] == [None] * 3


def test_reasons_and_rules_in_words(tmp_path: Path) -> None:
    assert in_words("fraction low; area high") == "fraction too low; area too high"
    assert in_words("high") == "too high"
    assert in_words("by hand") == "by hand"
    assert in_words("") == ""
    assert in_words("perimeter small_group") == "perimeter group too small"
    table = cs.clean(cells(), rules=SEVERAL)
    page, _ = page_of(table, tmp_path)
    assert "area too low" in page
    assert [rule_in_words(rule) for rule in cs.rules_of(table)] == [
        "fraction at least the 10 % percentile of each plate and class_label (cells of several "
        "classes are groups of their own, groups of fewer than 5 are marked)",
        "area at least 20",
        "area at most the 95 % percentile of all cells",
        "fraction at most the 90 % percentile of each class_label (cells of several classes are "
        "marked)",
        "area from 2.5 scaled MADs below to 3 scaled MADs above the median of each plate (groups "
        "of fewer than 10 are marked)",
        "area at most 1 standard deviation above the mean of all cells",
        "area at least 0.5 times the median of all cells",
    ]


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        (-3, None, "at most 3 scaled MADs below the median"),
        (-1, None, "at most 1 scaled MAD below the median"),
        (1, None, "at least 1 scaled MAD above the median"),
        (None, 3, "at most 3 scaled MADs above the median"),
        (None, -1, "at least 1 scaled MAD below the median"),
        (0, None, "not below the median"),
        (None, 0, "not above the median"),
        (-2, 3, "from 2 scaled MADs below to 3 scaled MADs above the median"),
        (-3, -1, "from 3 scaled MADs below to 1 scaled MAD below the median"),
        (0, 3, "not below and at most 3 scaled MADs above the median"),
        (-2.5, 0, "at most 2.5 scaled MADs below and not above the median"),
        (0, 0, "not below and not above the median"),
    ],
)
def test_a_distance_from_the_middle_can_not_be_read_as_its_opposite(
    lower: float | None, upper: float | None, expected: str
) -> None:
    rule = cs.Rule("area", lower, upper, by=None, kind="mad")
    assert rule_in_words(rule) == f"area {expected} of all cells"
    mean = expected.replace("scaled MAD", "standard deviation").replace("median", "mean")
    assert rule_in_words(replace(rule, kind="zscore")) == f"area {mean} of all cells"


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_every_piece_of_a_table_knows_the_rules(tmp_path: Path, extension: str) -> None:
    cs.write_table(cs.clean(cells(), rules=SEVERAL), tmp_path / f"clean{extension}")
    pieces = list(read_batches(tmp_path / f"clean{extension}", rows=50))
    assert len(pieces) == 3
    for piece in pieces:
        assert cs.rules_of(piece) == whole(SEVERAL)
