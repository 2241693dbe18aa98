"""What `cellsieve clean` says, and what `clean_to` gives back for it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main


def cells(groups: int = 3, each: int = 20, **columns: object) -> pd.DataFrame:
    """The classes 0, 1, ... of `each` cells, no two with the same fraction."""
    n = groups * each
    table = pd.DataFrame(
        {
            "image_id": "a",
            "class_label": pd.Series(np.repeat(np.arange(groups), each)).astype("str"),
            "label": np.arange(1, n + 1),
            "fraction": np.random.default_rng(3).permutation(n) / n,
        }
    )
    return table.assign(**columns)


class Run:
    """A run of the command: its exit code, and what it said."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys

    def __call__(self, table: pd.DataFrame, *arguments: str) -> tuple[int, str, str]:
        cs.write_table(table, self.folder / "cells.csv")
        output = str(self.folder / "clean.csv")
        command = ["clean", str(self.folder / "cells.csv"), "-o", output, "--overwrite"]
        code = main([*command, *arguments])
        out, err = self.capsys.readouterr()
        return code, out, err


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(tmp_path, capsys)


def listed(said: str) -> dict[str, list[int]]:
    """The rows of the printed table: the numbers of each group."""
    head, _, *lines = said.splitlines()
    rows = {}
    for line in lines:
        if "cells kept" in line:
            break
        name, *numbers = line.rsplit(maxsplit=len(head.split()))
        rows[name.strip()] = [int(number) for number in numbers]
    return rows


# ---- the summary ----


def test_the_summary_is_grouped_as_judged(run: Run) -> None:
    table = cells(2, 20, plate=np.arange(40) % 4)
    code, said, _ = run(table, "--by", "plate", "--lower", "0.1", "--upper", "0.9")
    assert code == 0
    head, name, *_ = said.splitlines()
    assert head.split() == ["high", "kept", "low"]
    assert name.strip() == "plate"
    assert listed(said) == {str(plate): [1, 8, 1] for plate in range(4)}
    assert "32 of 40 cells kept" in said


def test_several_classes_are_spelled_as_in_the_table(run: Run) -> None:
    table = cells(3, 20)
    own = np.array(["7|1|2|0"] * 20 + ["0 | 16"] * 8 + ["16|0"] * 12 + ["3"] * 20)
    code, said, _ = run(table.assign(class_label=own), "--multi", "own", "--lower", "0.1")
    assert code == 0
    found = listed(said)
    assert list(found) == ["3", "16|0", "7|1|2|0"]  # one group, by its commonest spelling
    assert sum(found["16|0"]) == 20


def test_the_largest_dozen_and_the_rest(run: Run) -> None:
    table = cells(19, 20)
    table = table[~((table["class_label"] == "3") & (table["label"] % 2 == 0))]  # 3 is smallest
    table.loc[table.index[-5:], "class_label"] = "0|3"
    code, said, _ = run(table, "--lower", "0.1", "--upper", "0.9")
    rows = listed(said)
    names = list(rows)
    assert names[:3] == ["0", "1", "2"]
    assert "3" not in names
    assert len(names) == 14
    assert names[12:] == ["(7 others)", "(no group)"]
    assert rows["(no group)"] == [0, 0, 0, 5]
    assert sum(map(sum, rows.values())) == len(table)
    assert len(said.splitlines()) == 17
    assert code == 0


def test_one_group_and_values_take_one_line(run: Run) -> None:
    _, said, _ = run(cells(30), "--by", "none", "--lower", "0.1")
    assert said.splitlines()[1].startswith("all cells")
    assert len(said.splitlines()) == 3
    _, said, _ = run(cells(30), "--values", "--lower", "0.5")
    assert said.splitlines()[1].split() == ["all", "cells", "300", "300"]


def test_rules_by_different_columns_have_a_table_each(run: Run) -> None:
    (run.folder / "rules.toml").write_text(
        '[[rule]]\nlower = 0.1\n[[rule]]\ncolumn = "area"\nby = ["plate", "class_label"]\n'
        "upper = 0.9\n"
    )
    table = cells(2, 24, plate=np.arange(48) % 2, area=np.arange(48))
    code, said, _ = run(table, "--rules", str(run.folder / "rules.toml"))
    assert code == 0
    first, second = said.split("plate, class_label")
    assert [line.split()[0] for line in first.splitlines() if line[:1].isdecimal()] == ["0", "1"]
    assert [line[:4] for line in second.splitlines()[1:5]] == ["0, 0", "0, 1", "1, 0", "1, 1"]


def test_no_cells_is_a_sentence(run: Run) -> None:
    code, said, _ = run(cells().head(0))
    assert code == 0
    assert said.startswith("No cells: ")
    assert said.count("\n") == 1


def test_what_clean_to_returns(tmp_path: Path) -> None:
    table = cells(2, 20, plate=np.repeat(["x", "y"], 20))
    table.loc[0, "class_label"] = "0|1"
    table.loc[1, "class_label"] = None
    cs.write_table(table, tmp_path / "cells.csv")
    rules = [cs.Rule(lower=0.1), cs.Rule("label", upper=0.9, by=["plate", "class_label"])]
    counts = cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", rules)
    assert list(counts) == ["class_label", "plate", "reason", "clean", "cells"]
    assert counts["cells"].sum() == 40
    without = counts[counts["class_label"].isna()].set_index("reason")["cells"]
    assert without.to_dict() == {
        "fraction multi_label; label multi_label": 1,
        "fraction no_label; label no_label": 1,
    }
    clean = cs.clean(table, rules=rules)
    expected = clean[clean["clean"]].groupby(["class_label", "plate"]).size()
    found = counts[counts["clean"]].set_index(["class_label", "plate"])["cells"]
    assert found.to_dict() == expected.to_dict()


# ---- limits that cut nothing ----

ZEROS = pd.Series([0.0] * 8 + list(np.linspace(0.1, 0.9, 12)))


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_limit_that_can_cut_nothing_says_so(
    run: Run, tmp_path: Path, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellsieve.io.tables.ROWS", 60 // pieces)
    table = cells(3, 20)
    table.loc[:19, "fraction"] = ZEROS.sample(frac=1, random_state=1).to_numpy()
    code, _, said = run(table, "--lower", "0.05", "--upper", "0.95")
    assert code == 0
    assert (
        "note: fraction: the lower limit equals the smallest value in 1 of 3 groups (0): 8 cells "
        "are equal to it, none can be cut\n"
    ) in said
    assert "upper limit" not in said
    by_zero = ["--by", "none", "--lower", "0.05", "--upper", "none"]
    _, _, said = run(table.head(20), *by_zero)
    assert "fraction: the lower limit equals the smallest value: 8 cells are equal to it" in said
    _, _, said = run(table.head(20), *by_zero, "-q")
    assert said == ""
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=r"lower limit .* in 1 of 3 groups \(0\): 8 cells are"):
        cs.clean(table, lower=0.05)
    limits = cs.percentile_limits([table[:7], table[7:]], lower=0.05, upper=0.95)
    assert limits["at_lower"].tolist() == [8, 0, 0]
    assert limits["at_upper"].tolist() == [0, 0, 0]
    highest = table.assign(fraction=1 - table["fraction"])
    assert cs.percentile_limits(highest, upper=0.95)["at_upper"].tolist() == [8, 0, 0]


def test_groups_that_are_not_judged_and_percentiles_that_ask_for_it_are_no_news(run: Run) -> None:
    table = cells(2, 20)
    table.loc[:19, "fraction"] = 0.5
    _, _, said = run(table, "--min-group", "1")
    assert "lower limit equals the smallest value in 1 of 2 groups (0): 20 cells" in said
    assert "upper limit equals the largest value in 1 of 2 groups (0): 20 cells" in said
    _, _, said = run(table, "--lower", "0", "--upper", "1")
    assert " limit " not in said
    table.loc[0, "class_label"] = "1"  # now class 0 is too small to be judged
    _, _, said = run(table, "--min-group", "20")
    assert " limit " not in said


def test_a_limit_given_as_a_value_says_so_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cellsieve.io.tables.ROWS", 25)
    table = cells(3, 20, area=np.arange(60) // 2)
    code, _, said = run(table, "--column", "area", "--values", "--lower", "0", "--upper", "29")
    assert code == 0
    assert "area: the lower limit equals the smallest value: 2 cells are equal to it" in said
    assert "area: the upper limit equals the largest value: 2 cells are equal to it" in said
    _, _, said = run(table, "--column", "area", "--values", "--lower", "1")
    assert " limit " not in said


# ---- arguments ----


def test_groups_of_several_columns(run: Run) -> None:
    table = cells(2, 40, plate=np.arange(80) % 2, **{"a|b": 1})
    for arguments in (["--by", "plate,class_label"], ["--by", "plate", "--by", "class_label"]):
        code, said, _ = run(table, *arguments, "--lower", "0.1", "--upper", "0.9")
        assert code == 0
        assert listed(said) == {f"{plate}, {label}": [2, 16, 2] for plate in "01" for label in "01"}
    found = cs.read_table(run.folder / "clean.csv")
    for (_, _), own in found.groupby(["plate", "class_label"]):
        assert (own["lower_limit"] == np.quantile(own["fraction"], 0.1)).all()
        assert (own["group_size"] == 20).all()
    expected = cs.clean(table, ["plate", "class_label"], lower=0.1, upper=0.9)
    assert found["reason"].fillna("").tolist() == expected["reason"].tolist()
    limits = cs.percentile_limits(table, ["plate", "class_label"], lower=0.1)
    assert limits[["plate", "class_label"]].values.tolist() == [
        [plate, label] for plate in "01" for label in "01"
    ]


@pytest.mark.parametrize(("kind", "lower"), [("ratio", 0.9), ("mad", -1), ("zscore", -1)])
def test_limits_counted_from_the_middle(run: Run, kind: str, lower: float) -> None:
    table = cells(2, 40)
    code, _, _ = run(table, f"--{kind}", "--lower", str(lower))
    assert code == 0
    found = cs.read_table(run.folder / "clean.csv").fillna({"reason": ""})
    rule = cs.Rule(lower=lower, kind=kind)  # type: ignore[arg-type]
    assert cs.rules_of(found) == [cs.Rule(lower=lower, kind=rule.kind, multi="skip", min_group=10)]
    assert found["reason"].tolist() == cs.clean(table, rules=[rule])["reason"].tolist()
    assert set(found["reason"]) == {"", "low"}
    code, _, said = run(table, f"--{kind}")
    assert code == 2
    assert "rule for fraction: neither lower nor upper is given" in said


def test_rules_and_the_arguments_they_replace(run: Run) -> None:
    (run.folder / "rules.toml").write_text("[[rule]]\nlower = 0.1\nby = []\n")
    rules = ["--rules", str(run.folder / "rules.toml")]
    assert run(cells(), *rules)[0] == 0
    for argument in (
        ["--lower", "0.1"],
        ["--by", "plate"],
        ["--values"],
        ["--mad"],
        ["--column", "area"],
    ):
        code, _, said = run(cells(), *rules, *argument)
        assert code == 2
        assert f"--rules and {argument[0]}: found both" in said
    code, _, said = run(cells(), "--by", "none,class_label")
    assert code == 2
    assert "'none' stands alone" in said


def test_a_missing_image_table_is_said(
    clean_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = clean_table.parent
    arguments = [str(folder / "cells.csv"), "--by", "none", "--lower", "0.1", "-o"]
    assert main(["clean", *arguments, str(folder / "a.csv")]) == 0
    assert "image table" not in capsys.readouterr().err
    assert main(["clean", *arguments, str(folder / "cells.parquet")]) == 0  # it serves both
    assert "image table" not in capsys.readouterr().err
    (folder / "cells.images.csv").unlink()
    assert main(["clean", *arguments, str(folder / "b.csv")]) == 0
    said = capsys.readouterr().err
    assert "note: " in said
    assert "cells.images.csv: not found, so" in said
    assert "annotate" in said
    assert not (folder / "b.images.csv").exists()
