"""Duplicate cells and images: refused by name, or told apart by a prefix."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.export.source import read_cleaned
from cellsieve.look.views import Look, drawn, image_table, pictures

SQUARES = {"plate1": (5, 5), "plate2": (20, 25)}  # where the cells begin; the plates differ
WIDE = {"plate1": 8, "plate2": 5}  # columns of a cell


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    """Two folders, each with an image f1 of its own, measured."""
    for plate, (row, column) in SQUARES.items():
        folder = tmp_path / plate
        folder.mkdir()
        mask = np.zeros((50, 70), np.uint8)
        for label in range(1, 4):
            mask[row : row + 8, column + 10 * label :][:, : WIDE[plate]] = label
        green = np.full(mask.shape, 10, np.uint8)
        green[mask > 0] = 100 if plate == "plate1" else 200
        cs.write_png(folder / "f1_green.png", green)
        np.savez(folder / "f1.npz", mask)
        images = cs.ImageSet.hpa(folder, folder)
        cs.measure_to(images, tmp_path / f"{plate}.csv", "green", progress=False)
    return tmp_path


def cells(image_id: str, labels: list[int], **columns: object) -> pd.DataFrame:
    table = pd.DataFrame({"image_id": image_id, "class_label": "0", "label": labels})
    return table.assign(fraction=np.linspace(0, 1, len(labels)), **columns)


RULE = [cs.Rule(lower=0.1, by=None)]


def test_two_tables_with_the_same_ids_are_refused(
    plates: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = [str(plates / f"{plate}.csv") for plate in SQUARES]
    output = plates / "clean.csv"
    for path in plates.glob("*.images.csv"):
        path.rename(path.with_suffix(".aside"))
    assert main(["clean", *inputs, "-o", str(output), "--by", "none"]) == 2
    said = capsys.readouterr().err
    assert "plate1.csv and" in said
    assert "plate2.csv: 3 cells appear in both, in image f1; the first is cell 1 of" in said
    assert "--prefix-ids" in said
    assert not output.exists()
    with pytest.raises(ValueError, match=r"plate1\.csv and .*plate2\.csv: 3 cells"):
        cs.percentile_limits(inputs, by=None)
    value = [cs.Rule("area", lower=3, kind="value")]  # a rule that needs no pass of its own
    with pytest.raises(ValueError, match=r"plate1\.csv and .*plate2\.csv: 3 cells"):
        cs.clean_to(inputs, output, value)
    assert not output.exists()


def test_two_image_tables_with_the_same_ids_are_refused(plates: Path) -> None:
    inputs = [plates / f"{plate}.csv" for plate in SQUARES]
    two = cs.read_table(inputs[1])
    cs.write_table(two.assign(label=two["label"] + 10), inputs[1])  # no duplicate cells now
    with pytest.raises(
        ValueError,
        match=r"plate1\.images\.csv and .*plate2\.images\.csv: duplicate image ids: f1",
    ):
        cs.clean_to(inputs, plates / "clean.csv", RULE)
    assert not (plates / "clean.csv").exists()


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_prefixed_ids_go_the_whole_way(plates: Path, extension: str) -> None:
    inputs = [str(plates / f"{plate}.csv") for plate in SQUARES]
    clean = plates / f"clean{extension}"
    arguments = ["--by", "none", "--lower", "none", "--upper", "1", "--min-group", "1"]
    assert main(["clean", *inputs, "-o", str(clean), *arguments, "--prefix-ids", "-q"]) == 0
    table, images = cs.read_table(clean), image_table(plates / "clean.images.csv")
    assert table["image_id"].tolist() == ["plate1+f1"] * 3 + ["plate2+f1"] * 3
    assert images["image_id"].tolist() == ["plate1+f1", "plate2+f1"]
    assert table["clean"].all()
    whole = pd.concat([cs.read_table(path) for path in inputs], ignore_index=True)
    others = [name for name in whole if name != "image_id"]
    pd.testing.assert_frame_equal(table[others], whole[others], check_dtype=False)

    look = Look(outline=False, neighbours="show")
    shown = pictures(table, images, look, lambda cut: drawn(cut, look))
    for row, picture in zip(table.itertuples(), shown, strict=True):
        assert picture.made is not None, picture.problem
        assert (picture.made.shape[0] == picture.made.shape[1]) == (row.image_id == "plate1+f1")
        assert picture.made[tuple(side // 2 for side in picture.made.shape[:2])].max() == 255
    assert cs.report(clean, plates / "report.html").without_picture == 0
    assert main(["gallery", str(clean), "-o", str(plates / "gallery.png")]) == 0

    cs.annotate(clean, plates / "coco.json", progress=False, multi="one")
    coco = json.loads((plates / "coco.json").read_text())
    boxes = {
        image["cellsieve_id"]: [
            cell["bbox"] for cell in coco["annotations"] if cell["image_id"] == image["id"]
        ]
        for image in coco["images"]
    }
    assert boxes == {
        f"{plate}+f1": [[column + 10 * label, row, WIDE[plate], 8] for label in range(1, 4)]
        for plate, (row, column) in SQUARES.items()
    }

    cs.masks(clean, plates / "masks", progress=False)
    cs.crops(clean, plates / "crops", channels=["green"], progress=False)
    for plate, level in (("plate1", 100), ("plate2", 200)):
        written = cs.read_mask(plates / "masks" / f"{plate}+f1.npz")
        np.testing.assert_array_equal(written, cs.read_mask(plates / plate / "f1.npz"))
        crop = cs.read_image(plates / "crops" / f"{plate}+f1_1.png")
        assert crop.shape == (8, WIDE[plate])
        assert (crop == level).all()


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    paths = [tmp_path / plate / "cells.csv" for plate in ("a", "b")]
    for path in paths:
        cs.write_table(cells("f1", [1, 2]), path)
    cs.clean_to(paths, tmp_path / "clean.csv", RULE, prefix_ids=True)
    ids = cs.read_table(tmp_path / "clean.csv")["image_id"]
    assert ids.tolist() == ["a+f1", "a+f1", "b+f1", "b+f1"]
    limits = cs.percentile_limits(paths, "image_id", prefix_ids=True)
    assert limits["image_id"].tolist() == ["a+f1", "b+f1"]
    deep = [tmp_path / "a" / "x" / "cells.csv", tmp_path / "b" / "x" / "cells.csv"]
    for path in deep:
        cs.write_table(cells("f1", [1, 2]), path)
    with pytest.raises(ValueError, match="prefix_ids: neither the names"):
        cs.clean_to(deep, tmp_path / "x.csv", RULE, prefix_ids=True)
    with pytest.raises(ValueError, match="prefix_ids: found a table in memory"):
        cs.percentile_limits([cells("f1", [1])], by=None, prefix_ids=True)


def test_marks_name_prefixed_ids(plates: Path) -> None:
    inputs = [plates / f"{plate}.csv" for plate in SQUARES]
    marks = pd.DataFrame({"image_id": ["plate2+f1"], "label": [2], "mark": ["drop"]})
    cs.clean_to(inputs, plates / "clean.csv", RULE, overrides=marks, prefix_ids=True)
    table = cs.read_table(plates / "clean.csv")
    by_hand = table[table["reason"] == "by hand"]
    assert by_hand[["image_id", "label"]].values.tolist() == [["plate2+f1", 2]]


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_an_image_may_be_spread_over_parts_but_no_cell(
    tmp_path: Path, extension: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellsieve.io.tables.ROWS", 4)
    paths = [tmp_path / f"{name}{extension}" for name in "abc"]
    for path, labels in zip(paths, (range(1, 10), range(10, 20), range(19, 25)), strict=True):
        cs.write_table(cells("f1", list(labels)), path)
    counts = cs.clean_to(paths[:2], tmp_path / f"clean{extension}", RULE)
    assert counts["cells"].sum() == 19
    with pytest.raises(ValueError, match=r"b\..* and .*c\..*: 1 cell appears in both, in image f1"):
        cs.clean_to(paths, tmp_path / f"x{extension}", RULE)
    with pytest.raises(ValueError, match="given twice"):
        cs.clean_to([paths[0], paths[0]], tmp_path / f"x{extension}", RULE)


def test_a_cell_that_comes_twice_in_one_table_is_refused_everywhere(
    plates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellsieve.io.tables.ROWS", 2)  # the two rows are in different pieces
    cs.clean_to([plates / "plate1.csv"], plates / "one.csv", RULE)
    table = cs.read_table(plates / "one.csv")
    twice = pd.concat([table, table.head(1)], ignore_index=True)
    cs.write_table(twice, plates / "one.csv")
    said = "1 cell appears more than once, in image f1; the first is cell 1 of image f1"
    images = cs.read_table(plates / "one.images.csv")
    for refuse in (
        lambda: cs.clean(twice, by=None),
        lambda: cs.clean(plates / "one.csv", by=None),
        lambda: cs.clean_to([plates / "one.csv"], plates / "x.csv", RULE),
        lambda: cs.percentile_limits(twice, by=None),
        lambda: cs.apply_overrides(twice, pd.DataFrame(columns=["image_id", "label", "mark"])),
        lambda: read_cleaned(plates / "one.csv"),
        lambda: cs.annotate(plates / "one.csv", plates / "x.json", multi="one"),
        lambda: cs.masks(plates / "one.csv", plates / "masks"),
        lambda: cs.crops(plates / "one.csv", plates / "crops"),
        lambda: cs.report(twice, plates / "x.html"),
        lambda: cs.plot_gallery(twice, images),
    ):
        with pytest.raises(ValueError, match=said):
            refuse()


def test_an_image_that_comes_twice_is_refused_by_every_reader(plates: Path) -> None:
    cs.clean_to([plates / "plate1.csv"], plates / "one.csv", RULE, min_group=1)
    images = cs.read_table(plates / "one.images.csv")
    twice = pd.concat([images, images.assign(path_green="elsewhere.png")], ignore_index=True)
    cs.write_table(twice, plates / "one.images.csv")
    for refuse in (
        lambda: read_cleaned(plates / "one.csv"),
        lambda: cs.report(plates / "one.csv", plates / "x.html"),
        lambda: cs.plot_gallery(cs.read_table(plates / "one.csv"), plates / "one.images.csv"),
    ):
        with pytest.raises(ValueError, match=r"one\.images\.csv: duplicate image ids: f1"):
            refuse()
    failed = twice.assign(status=["failed", "measured"])  # which of both is meant is plain
    cs.write_table(failed, plates / "one.images.csv")
    assert len(read_cleaned(plates / "one.csv").tasks) == 1


@pytest.mark.parametrize("size", [3, 100])
def test_a_cell_has_a_row_for_each_of_its_classes(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellsieve.io.tables.ROWS", size)
    several = cells("f1", list(range(20))).assign(class_label="0|16")
    cs.write_table(cs.clean(several, multi="explode"), tmp_path / "clean.csv")
    counts = cs.clean_to([tmp_path / "clean.csv"], tmp_path / "again.csv", RULE)
    assert counts["cells"].sum() == 40
    exploded = cs.read_table(tmp_path / "again.csv")
    cs.write_table(pd.concat([exploded, exploded.tail(1)]), tmp_path / "clean.csv")
    with pytest.raises(ValueError, match="1 cell appears more than once"):
        cs.clean_to([tmp_path / "clean.csv"], tmp_path / "x.csv", RULE)
    cs.write_table(exploded, tmp_path / "clean.csv")
    with pytest.raises(ValueError, match=r"again\.csv: 20 cells appear in both"):
        cs.clean_to([tmp_path / "clean.csv", tmp_path / "again.csv"], tmp_path / "x.csv", RULE)


def test_an_image_table_of_an_input_is_never_replaced(plates: Path) -> None:
    before = (plates / "plate1.images.csv").read_bytes()
    inputs = [plates / "plate1.csv", plates / "plate2.csv"]
    for given in (inputs, inputs[:1]):
        with pytest.raises(ValueError, match=r"would replace .*plate1\.images\.csv"):
            cs.clean_to(given, plates / "plate1.parquet", RULE, prefix_ids=True, overwrite=True)
    (plates / "plate2.images.csv").unlink()
    with pytest.raises(ValueError, match=r"would replace .*plate1\.images\.csv"):
        cs.clean_to(inputs, plates / "plate1.parquet", RULE, overwrite=True)
    assert (plates / "plate1.images.csv").read_bytes() == before
    assert not (plates / "plate1.parquet").exists()


def test_an_image_table_of_other_cells_does_not_stay_beside_the_output(plates: Path) -> None:
    (plates / "clean.images.csv").write_bytes((plates / "plate2.images.csv").read_bytes())
    (plates / "plate1.images.csv").unlink()
    with pytest.raises(FileExistsError, match=r"clean\.images\.csv exists"):
        cs.clean_to([plates / "plate1.csv"], plates / "clean.csv", RULE)
    cs.clean_to([plates / "plate1.csv"], plates / "clean.csv", RULE, overwrite=True)
    assert not (plates / "clean.images.csv").exists()
