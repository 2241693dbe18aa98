"""Marks by hand: the last word, recorded."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cleaning.overrides import read_marks, unknown_marks
from cellsieve.cli import main


@pytest.fixture
def cells() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "image_id": np.repeat(["007", "a,b"], 20),
            "class_label": np.repeat(["0", "0|16"], 20),
            "label": np.tile(np.arange(1, 21), 2),
            "fraction": rng.random(40),
        }
    )


def marks(*rows: tuple[str, int, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "label", "mark"])


def test_a_mark_decides_and_is_recorded(cells: pd.DataFrame) -> None:
    clean = cs.clean(cells, lower=0.1, upper=0.9)
    low = int(clean.loc[clean["reason"] == "low", "label"].iloc[0])
    kept = int(clean.loc[clean["clean"], "label"].iloc[0])
    result = cs.apply_overrides(clean, marks(("007", low, "keep"), ("007", kept, "drop")))
    rows = result.set_index(["image_id", "label"])
    assert rows.loc[("007", low), "clean"]
    assert not rows.loc[("007", kept), "clean"]
    changed = result[result["reason"] == "by hand"]
    assert sorted(changed["label"]) == sorted([low, kept])
    untouched = ~result["label"].isin([low, kept]) | (result["image_id"] != "007")
    pd.testing.assert_frame_equal(result[untouched], clean[untouched])
    assert (clean["reason"] != "by hand").all()  # the table given is left as it was


def test_a_cell_in_several_rows_gets_one_verdict(cells: pd.DataFrame) -> None:
    clean = cs.clean(cells, multi="explode", lower=0.1, upper=0.9)
    result = cs.apply_overrides(clean, marks(("a,b", 5, "drop")))
    rows = result[(result["image_id"] == "a,b") & (result["label"] == 5)]
    assert rows["class_label"].tolist() == ["0", "16"]
    assert rows["reason"].tolist() == ["by hand"] * 2
    assert not rows["clean"].any()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("007", 1, "maybe")], "row 1: found 'maybe'; expected 'keep' or 'drop'"),
        ([("007", 1, "keep"), ("007", 1, "drop")], "cell 1 of image 007 is marked keep and drop"),
        ([("007", 1.5, "keep")], "label in row 1: found .*1.5"),
        ([(None, 1, "keep")], "image_id in row 1"),
    ],
)
def test_marks_that_can_not_be_meant(rows: list[tuple[str, int, str]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_marks(marks(*rows))


def test_a_table_that_is_no_marks() -> None:
    with pytest.raises(ValueError, match="has the columns a; expected image_id, label and mark"):
        read_marks(pd.DataFrame({"a": [1]}))


def test_the_same_mark_twice_is_one() -> None:
    assert len(read_marks(marks(("007", 1, "Keep "), ("007", 1, "keep")))) == 1


def test_marks_of_other_cells_are_found(cells: pd.DataFrame) -> None:
    unknown = unknown_marks(cells, marks(("007", 1, "keep"), ("7", 1, "keep"), ("007", 99, "drop")))
    assert unknown["image_id"].tolist() == ["7", "007"]


def test_clean_on_the_command_line(
    cells: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, output, hand = (str(tmp_path / f"{name}.csv") for name in ("cells", "clean", "marks"))
    cs.write_table(cells, table)
    cs.write_table(marks(("007", 3, "drop"), ("a,b", 2, "keep")), hand)
    assert main(["clean", table, "-o", output, "--overrides", hand]) == 0
    rows = cs.read_table(output)
    by_hand = rows[rows["reason"] == "by hand"].set_index(["image_id", "label"])["clean"]
    assert by_hand.to_dict() == {("007", 3): False, ("a,b", 2): True}
    said = capsys.readouterr().out
    assert "dropped by hand" in said
    assert f"{rows['clean'].sum()} of {len(rows)} cells kept" in said


def test_a_mark_of_no_cell_is_refused_and_nothing_is_written(
    cells: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, output, hand = (str(tmp_path / f"{name}.csv") for name in ("cells", "clean", "marks"))
    cs.write_table(cells, table)
    cs.write_table(marks(("007", 3, "drop"), ("008", 1, "keep")), hand)
    assert main(["clean", table, "-o", output, "--overrides", hand]) == 2
    assert "1 mark names no cell of the tables; the first is cell 1 of image 008" in (
        capsys.readouterr().err
    )
    assert not Path(output).exists()


def test_marks_of_another_segmentation_are_refused() -> None:
    """The same ids, but other cells: the box that a mark carries tells them apart."""
    box = {"min_row": 0, "min_col": 0, "max_row": 4, "max_col": 4}
    table = pd.DataFrame({"image_id": "a", "label": [1, 2], "clean": True, "reason": "", **box})
    marks = pd.DataFrame({"image_id": "a", "label": [1], "mark": "drop", **box})
    assert cs.apply_overrides(table, marks)["clean"].tolist() == [False, True]
    with pytest.raises(ValueError, match=r"cell 1 of image a has the box \[0, 0, 9, 4\] there"):
        cs.apply_overrides(table, marks.assign(max_row=9))
    unsaid = marks.assign(max_row=None)  # written by hand
    assert cs.apply_overrides(table, unsaid)["clean"].tolist() == [False, True]
