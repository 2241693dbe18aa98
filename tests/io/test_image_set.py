"""Which image, mask and label belong together."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.io.image_table import write_image_table
from cellsieve.schema.text import STRING


def touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")


@pytest.fixture
def folders(tmp_path):
    touch(tmp_path / "i", "a_1_green.png", "a_1_red.png", "b_green.png", "c_red.png", "notes.txt")
    touch(tmp_path / "m", "a_1.npz", "c.npz", "d.npz")
    return tmp_path


def test_hpa(folders):
    (folders / "train.csv").write_text("ID,Label\na_1,0|16\nb,7\nnowhere,3\n../../etc/passwd,1\n")
    images = cs.ImageSet.hpa(folders / "i", folders / "m", folders / "train.csv")
    table = images.table.set_index("image_id")
    assert table.index.tolist() == ["a_1", "b", "c", "d"]
    assert images.channels == ["green", "red"]
    assert table.loc["a_1", "class_label"] == "0|16"
    assert table.loc["a_1", "path_mask"] == str(folders / "m" / "a_1.npz")
    assert pd.isna(table.loc["b", "path_mask"])
    assert pd.isna(table.loc["c", "path_green"])
    assert pd.isna(table.loc["d", "path_green"])
    assert pd.isna(table.loc["c", "class_label"])
    # Ids in a table of labels are compared with what is there, never opened.
    assert images.labels_without_image == 2
    assert "etc" not in table.to_csv()
    said = repr(images)
    for part in ("4 images", "1 without a mask", "1 without an image", "2 labels without an image"):
        assert part in said


def test_patterns(tmp_path):
    touch(tmp_path / "p", "x_s1_w1.tif", "x_s1_w2.tif", "x_s2_w1.tif", "x_s1_w1_thumb.tif")
    touch(tmp_path / "m", "x_s1_cp_masks.png", "x_s2_cp_masks.png")
    images = cs.ImageSet.from_patterns(
        f"{tmp_path}/p/{{id}}_w{{channel}}.tif", f"{tmp_path}/m/{{id}}_cp_masks.png"
    )
    assert images.channels == ["1", "2"]
    assert images.table["image_id"].tolist() == ["x_s1", "x_s2"]
    images = cs.ImageSet.from_patterns(f"{tmp_path}/p/{{id}}_w1*.tif", f"{tmp_path}/m/{{id}}_cp*")
    assert images.channels == ["image"]
    (x_s1,) = images.table[images.table["image_id"] == "x_s1"].to_dict("records")
    assert "2 files fit one pattern" in x_s1["problem"]


def test_patterns_that_fit_nothing(folders):
    with pytest.raises(ValueError, match=r"no mask fits '\{id\}.tif'; the folder holds a_1.npz"):
        cs.ImageSet.from_patterns(f"{folders}/i/{{id}}_{{channel}}.png", f"{folders}/m/{{id}}.tif")
    with pytest.raises(ValueError, match=r"expected \{id\} in the file's name"):
        cs.ImageSet.from_patterns(f"{folders}/i/image.png", f"{folders}/m/{{id}}.npz")
    with pytest.raises(FileNotFoundError):
        cs.ImageSet.hpa(folders / "nowhere", folders / "m")


def test_labels_in_other_shapes(folders):
    """Numbers, text and their trip through CSV are the same labels."""
    for labels in (
        pd.DataFrame({"ID": ["a_1", "b"], "Label": [3, 16]}),
        pd.DataFrame({"ID": ["a_1", "b", "c"], "Label": [3.0, 16.0, np.nan]}),
        pd.DataFrame({"image_id": ["a_1", "b"], "class_label": ["3", "16"]}),
    ):
        images = cs.ImageSet.hpa(folders / "i", folders / "m", labels)
        assert images.table["class_label"].dropna().tolist() == ["3", "16"]
    with pytest.raises(ValueError, match="has the columns id, y; expected ID and Label"):
        cs.ImageSet.hpa(folders / "i", folders / "m", pd.DataFrame({"id": ["a"], "y": [1]}))


def test_contradicting_labels(folders):
    labels = pd.DataFrame({"ID": ["a_1", "a_1", "b", "b"], "Label": ["0", "3", "7", "7"]})
    table = cs.ImageSet.hpa(folders / "i", folders / "m", labels).table.set_index("image_id")
    assert "several labels" in table.loc["a_1", "problem"]
    assert pd.isna(table.loc["b", "problem"])


def test_from_table(tmp_path):
    frame = pd.DataFrame(
        {
            "image_id": [7, 5, 5],
            "class_label": [1.0, np.nan, 2.0],
            "path_mask": [tmp_path / "7.npz", "5.npz", "5.npz"],
            "path_dna": ["7.tif", None, "5.tif"],
        }
    )
    images = cs.ImageSet.from_table(frame)
    assert images.table["image_id"].tolist() == ["5", "5", "7"]
    assert images.table["class_label"].tolist()[1:] == ["2", "1"]
    assert images.table["problem"].tolist()[:2] == ["2 rows have this id"] * 2
    assert pd.isna(images.table["problem"][2])
    with pytest.raises(ValueError, match="expected image_id, path_mask and a path_<channel>"):
        cs.ImageSet.from_table(frame.drop(columns="path_dna"))
    kept = cs.ImageSet.from_table(frame.assign(plate=["01", "2", None], x=1), parts=["plate"])
    assert kept.parts == ("plate",)
    assert kept.table["plate"].tolist()[2] == "01"
    assert "x" not in kept.table
    with pytest.raises(ValueError, match="expected image_id, plate, path_mask and"):
        cs.ImageSet.from_table(frame, parts=["plate"])
    with pytest.raises(ValueError, match="1 rows have no image_id"):
        cs.ImageSet.from_table(frame.assign(image_id=["a", None, "b"]))


def test_a_channel_named_mask(folders):
    """Masks are those of the masks' pattern, whatever else lies around."""
    touch(folders / "i", "a_1_mask.png")
    with pytest.raises(ValueError, match=r"a_1_mask.png, as a channel named mask"):
        cs.ImageSet.hpa(folders / "i", folders / "m")


def test_from_a_file(folders):
    images = cs.ImageSet.hpa(folders / "i", folders / "m")
    cs.write_table(images.table, folders / "images.csv")
    again = cs.ImageSet.from_table(folders / "images.csv")
    pd.testing.assert_frame_equal(again.table, images.table)


def plates(folder, suffix="png"):
    """Two plates of two wells of two fields in two channels, with masks beside the images."""
    for plate in ("P1", "P2"):
        for well in ("A01", "b02"):
            names = [f"f{field}_{end}" for field in ("01", "02") for end in ("dna", "er", "mask")]
            (folder / plate / well).mkdir(parents=True)
            touch(folder / plate / well, *(f"{name}.{suffix}" for name in names))


def test_patterns_reach_into_folders_and_name_what_they_find(tmp_path):
    plates(tmp_path)
    touch(tmp_path / "P1", "notes.txt")
    touch(tmp_path / ".hidden", "x.png")
    (tmp_path / "P2" / "C03").mkdir()
    images = cs.ImageSet.from_patterns(
        f"{tmp_path}/{{plate}}/{{well}}/f{{field}}_{{channel}}.png",
        f"{tmp_path}/{{plate}}/{{well}}/f{{field}}_mask.png",
    )
    table = images.table
    assert images.parts == ("plate", "well", "field")
    assert images.channels == ["dna", "er"]
    assert table["image_id"].tolist() == [
        f"{plate}+{well}+{field}"
        for plate in ("P1", "P2")
        for well in ("A01", "b02")
        for field in ("01", "02")
    ]
    assert table.iloc[7][["plate", "well", "field"]].tolist() == ["P2", "b02", "02"]
    assert table.iloc[7]["path_er"] == f"{tmp_path}/P2/b02/f02_er.png"
    assert table["problem"].isna().all()
    assert images.ignored == (f"{tmp_path}/P1/notes.txt",)
    assert images.take([3]).parts == images.parts


def test_a_star_in_folders_and_a_part_named_twice(tmp_path):
    plates(tmp_path)
    touch(tmp_path / "P1" / "A01", "P1_A01_seg.png", "P2_A01_seg.png")
    pattern = f"{tmp_path}/*/{{well}}/f01_{{channel}}.png"
    images = cs.ImageSet.from_patterns(pattern, f"{tmp_path}/*/{{well}}/f01_mask.png")
    assert images.table["image_id"].tolist() == ["A01", "b02"]
    assert "2 files fit one pattern" in images.table["problem"][0]
    images = cs.ImageSet.from_patterns(
        f"{tmp_path}/{{plate}}/{{id}}/f01_dna.png",
        f"{tmp_path}/{{plate}}/{{id}}/{{plate}}_{{id}}_seg.png",
    )
    assert images.parts == ("plate",)
    assert images.table["path_mask"].dropna().to_dict() == {
        0: f"{tmp_path}/P1/A01/P1_A01_seg.png"
    }, "of P1 alone: P2_A01 lies in the folder of P1"


def test_the_channel_in_a_folder(tmp_path):
    touch(tmp_path / "dna", "a.tif", "b.tif")
    touch(tmp_path / "er", "a.tif")
    touch(tmp_path / "cells", "a.tif")
    images = cs.ImageSet.from_patterns(
        f"{tmp_path}/{{channel}}/{{id}}.tif", f"{tmp_path}/cells/{{id}}.tif"
    )
    assert images.channels == ["dna", "er"]
    assert images.parts == ()
    assert images.table["image_id"].tolist() == ["a", "b"]
    assert images.table["path_mask"].tolist()[0] == f"{tmp_path}/cells/a.tif"
    assert images.ignored == ()


def test_names_that_make_no_id_or_not_the_same(tmp_path):
    plates(tmp_path)
    for pattern, said in (
        ("{plate}/A01/f01_mask.png", r"mask pattern .*names \{plate\}; .*names \{plate\}, \{well"),
        ("{plate}/{well}/f01_mask.tif", "no mask fits .*; the folder holds P1/A01/f01_dna.png, "),
        ("{plate}/x{well}/f01_mask.png", "no mask fits .*; the folder holds P1/A01/, P1/b02/"),
    ):
        with pytest.raises(ValueError, match=said):
            cs.ImageSet.from_patterns(
                f"{tmp_path}/{{plate}}/{{well}}/f01_{{channel}}.png", f"{tmp_path}/{pattern}"
            )
    for part in ("label", "area", "path_x", "status", "image_id"):
        pattern = f"{tmp_path}/{{{part}}}/A01/f01_{{channel}}.png"
        with pytest.raises(ValueError, match=rf"\{{{part}\}}: is the name of another column"):
            cs.ImageSet.from_patterns(pattern, f"{tmp_path}/{{{part}}}/A01/f01_mask.png")


def test_parts_that_make_the_same_id_are_no_pair(tmp_path):
    """An image of (a+b, c) and a mask of (a, b+c) have one id and are not one field."""
    for name in ("i/a+b", "m/a"):
        (tmp_path / name).mkdir(parents=True)
    touch(tmp_path / "i" / "a+b", "c.png")
    touch(tmp_path / "m" / "a", "b+c.png")
    images = cs.ImageSet.from_patterns(
        f"{tmp_path}/i/{{plate}}/{{well}}.png", f"{tmp_path}/m/{{plate}}/{{well}}.png"
    )
    assert images.table["problem"].tolist() == ["different parts make this id: a, b+c and a+b, c"]


@pytest.mark.parametrize(
    "names", [("a01", "A01"), ("caf\u00e9", "cafe\u0301"), ("\u03a3", "\u03c3")]
)
def test_case_and_unicode_of_names_stay_as_they_are(tmp_path, names):
    for well in names:
        for plate in ("p", "P"):
            (tmp_path / plate / well).mkdir(parents=True, exist_ok=True)
            touch(tmp_path / plate / well, "f1_dna.png", "f1_mask.png")
    images = cs.ImageSet.from_patterns(
        f"{tmp_path}/{{plate}}/{{well}}/f1_{{channel}}.png",
        f"{tmp_path}/{{plate}}/{{well}}/f1_mask.png",
    )
    ids = sorted(f"{plate}+{well}" for plate in ("p", "P") for well in names)
    assert images.table["image_id"].tolist() == ids
    assert images.table["problem"].isna().all()


def test_braces_in_a_folder(folders):
    (folders / "i").rename(folders / "{x}")
    assert len(cs.ImageSet.hpa(folders / "{x}", folders / "m")) == 4


def test_extensions_in_any_case_and_what_is_left_over(tmp_path):
    touch(tmp_path / "i", "a.tif", "b.TIF", "c.Tiff", "thumbs.db", ".DS_Store")
    touch(tmp_path / "m", "a.png", "b.PNG", "notes.txt")
    (tmp_path / "i" / "d.tif").mkdir()
    images = cs.ImageSet.from_patterns(f"{tmp_path}/i/{{id}}.tif", f"{tmp_path}/m/{{id}}.png")
    assert images.table["image_id"].tolist() == ["a", "b"]
    assert images.table["path_mask"].notna().all()
    left = ["i/c.Tiff", "i/d.tif/", "i/thumbs.db", "m/notes.txt"]
    assert list(images.ignored) == [f"{tmp_path}/{name}" for name in left]
    assert "4 other files or folders ignored" in repr(images)
    # One name in two cases is one id with two files, not a choice between them.
    touch(tmp_path / "i", "a.TIF")
    images = cs.ImageSet.from_patterns(f"{tmp_path}/i/{{id}}.tif", f"{tmp_path}/m/{{id}}.png")
    assert "2 files fit one pattern" in images.table["problem"][0]


def test_the_folder_of_the_masks_is_not_left_over(tmp_path):
    touch(tmp_path, "a.tif")
    (tmp_path / "masks").mkdir()
    touch(tmp_path / "masks" / "cells", "a.png")
    (tmp_path / "plate2").mkdir()
    images = cs.ImageSet.from_patterns(
        f"{tmp_path}/{{id}}.tif", f"{tmp_path}/masks/cells/{{id}}.png"
    )
    assert images.ignored == (f"{tmp_path}/plate2/",)
    assert "1 other file or folder ignored" in repr(images)


def test_labels_in_the_folder_are_not_left_over(folders):
    (folders / "i" / "train.csv").write_text("ID,Label\nb,7\n")
    images = cs.ImageSet.hpa(folders / "i", folders / "m", folders / "i" / "train.csv")
    assert list(images.ignored) == [f"{folders}/i/notes.txt"]


@pytest.mark.parametrize(
    ("names", "image_pattern", "mask_pattern", "channels"),
    [
        (["f0.tif", "f0_cp_masks.tif"], "{id}.tif", "{id}_cp_masks.tif", ["image"]),
        (["f0_green.png", "f0_mask.png"], "{id}_{channel}.png", "{id}_mask.png", ["green"]),
        (
            ["f0_green.png", "f0_predictedmask.png"],
            "{id}_{channel}.png",
            "{id}_predictedmask.png",
            ["green"],
        ),
        (["f0_green.png", "f0.png"], "{id}_{channel}.png", "{id}.png", ["green"]),
        (["f0.png", "f0_m.png"], "{id}.png", "{id}_*.png", ["image"]),
    ],
)
def test_images_and_masks_in_one_folder(tmp_path, names, image_pattern, mask_pattern, channels):
    """Each file is either an image or a mask, whatever else fits its name."""
    touch(tmp_path / "x", *names)
    images = cs.ImageSet.from_patterns(
        f"{tmp_path}/x/{image_pattern}", f"{tmp_path}/x/../x/{mask_pattern}"
    )
    assert images.table["image_id"].tolist() == ["f0"]
    assert images.channels == channels
    assert images.table.notna()[["path_mask", f"path_{channels[0]}"]].all(axis=None)
    assert images.ignored == ()


def test_a_folder_of_masks_alone(tmp_path):
    touch(tmp_path / "x", "f0_cp_masks.tif")
    with pytest.raises(ValueError, match=r"no image fits '\{id\}.tif'"):
        cs.ImageSet.from_patterns(f"{tmp_path}/x/{{id}}.tif", f"{tmp_path}/x/{{id}}_cp_masks.tif")


@pytest.mark.parametrize(
    ("image_pattern", "mask_pattern", "said"),
    [
        ("{id}_{channel}.png", "{id}.npz", r"2 files fit --mask-pattern '\{id\}_cp_masks.png'"),
        ("{id}_{channel}.tif", "{id}.npz", r"2 files fit --image-pattern '\{id\}_\{channel\}.png'"),
        ("{id}.tif", "{id}.npz", r"2 files fit --image-pattern '\{id\}.png'"),
    ],
)
def test_the_pattern_that_would_fit(tmp_path, image_pattern, mask_pattern, said):
    touch(tmp_path / "i", "f0_green.png", "f1_green.png")
    touch(tmp_path / "m", "f0_cp_masks.png", "f1_cp_masks.png", "notes.txt")
    with pytest.raises(ValueError, match=said):
        cs.ImageSet.from_patterns(f"{tmp_path}/i/{image_pattern}", f"{tmp_path}/m/{mask_pattern}")


@pytest.mark.parametrize(
    ("names", "image_pattern", "said"),
    [
        (["f0_gray.png", "f0_label.png"], "{id}_gray.png", r"1 file fits .* '\{id\}_label.png'"),
        (["f0.tif", "f0_cp_masks.tif"], "{id}.tif", r"1 file fits .* '\{id\}_cp_masks.tif'"),
    ],
)
def test_an_image_is_not_suggested_as_its_own_mask(tmp_path, names, image_pattern, said):
    touch(tmp_path / "x", *names)
    with pytest.raises(ValueError, match=said):
        cs.ImageSet.from_patterns(f"{tmp_path}/x/{image_pattern}", f"{tmp_path}/x/{{id}}.npz")


def test_no_pattern_would_fit(tmp_path):
    touch(tmp_path / "i", "f0_green.png")
    touch(tmp_path / "m", "labels")
    with pytest.raises(ValueError, match="--mask-pattern says how its masks are named"):
        cs.ImageSet.hpa(tmp_path / "i", tmp_path / "m")


def test_the_measured_channels(folders):
    hpa = cs.ImageSet.hpa(folders / "i", folders / "m")
    assert hpa.measured_channels("red") == ["red"]
    assert hpa.measured_channels(["red", "green"]) == ["red", "green"]
    with pytest.raises(ValueError, match=r"none is named .*; the images have the channels gr"):
        hpa.measured_channels()
    with pytest.raises(ValueError, match="found 'blue'; the images have the channels green, red"):
        hpa.measured_channels(["red", "blue"])
    only = hpa.table.rename(columns={"path_green": "path_RFP"}).drop(columns="path_red")
    assert cs.ImageSet.from_table(only).measured_channels() == ["RFP"]


def test_masks_of_nuclei(folders):
    """They belong to the images of the same ids; alone they add none."""
    (folders / "n").mkdir()
    for name in ("a", "x"):
        np.save(folders / "n" / f"{name}.npy", np.ones((2, 2), np.uint8))
    patterns = (f"{folders}/i/{{id}}_{{channel}}.png", f"{folders}/m/{{id}}.npz")
    plain = cs.ImageSet.from_patterns(*patterns)
    images = cs.ImageSet.from_patterns(*patterns, nuclei=f"{folders}/n/{{id}}.npy")
    assert images.has_nuclei
    assert not plain.has_nuclei
    assert images.channels == plain.channels
    assert images.table["image_id"].tolist() == plain.table["image_id"].tolist()
    both = cs.ImageSet.from_patterns(*patterns, nuclei=patterns[1])
    assert both.table["path_nuclei"].equals(both.table["path_mask"].rename("path_nuclei"))
    with pytest.raises(ValueError, match="no nuclei fits"):
        cs.ImageSet.from_patterns(*patterns, nuclei=f"{folders}/n/{{id}}.tif")


def test_paths_on_disk_are_relative_to_the_image_table(small_images, small_set):
    """So the bytes don't depend on where the data lie, and a folder can be moved as a whole."""
    (small_set / "out").mkdir()
    cs.measure_to(small_images, small_set / "out" / "cells.csv", "green", progress=False)
    raw = (small_set / "out" / "cells.images.csv").read_text()
    assert "../images/im0_green.png" in raw
    assert str(small_set) not in raw
    moved = small_set.with_name("moved")
    small_set.rename(moved)
    table = cs.read_image_table(moved / "out" / "cells.images.csv")
    assert table["path_green"][0] == str(moved / "images" / "im0_green.png")
    again = cs.ImageSet.from_table(moved / "out" / "cells.images.csv")
    images = cs.ImageSet.hpa(moved / "images", moved / "masks", moved / "train.csv")
    pd.testing.assert_frame_equal(again.table, images.table)
    # A finished run is known again where it lies now.
    before = (moved / "out" / "cells.csv").read_bytes()
    cs.measure_to(images, moved / "out" / "cells.csv", "green", progress=False, resume=True)
    assert (moved / "out" / "cells.csv").read_bytes() == before


def test_paths_from_another_root(tmp_path):
    frame = pd.DataFrame(
        {"image_id": ["a", "b"], "path_mask": ["m/a.npz", "/m/b.npz"], "path_1": ["a.tif", "b.tif"]}
    )
    (tmp_path / "sub").mkdir()
    frame.to_csv(tmp_path / "sub" / "files.csv", index=False)
    for source in (tmp_path / "sub" / "files.csv", frame):
        table = cs.ImageSet.from_table(source, root=tmp_path).table
        assert table["path_mask"].tolist() == [f"{tmp_path}/m/a.npz", "/m/b.npz"]
    table = cs.ImageSet.from_table(tmp_path / "sub" / "files.csv").table
    assert table["path_1"][1] == str(tmp_path / "sub" / "b.tif")
    assert cs.ImageSet.from_table(frame).table["path_1"][1] == str(Path.cwd() / "b.tif")


def test_relative_paths_of_a_table_in_memory(small_set, monkeypatch):
    """They start from the working directory, wherever the output lies and whoever reads them."""
    monkeypatch.chdir(small_set)
    frame = pd.DataFrame(
        {
            "image_id": ["im0", "im1"],
            "path_mask": ["masks/im0.npz", "masks/im1.npz"],
            "path_green": ["images/im0_green.png", "images/im1_green.png"],
        }
    )
    images = cs.ImageSet.from_table(frame)
    cs.measure_to(images, "out/cells.csv", progress=False)
    listed = cs.read_image_table("out/cells.images.csv")
    assert listed["path_mask"].tolist() == [str(small_set / path) for path in frame["path_mask"]]
    before = (small_set / "out" / "cells.csv").read_bytes()
    (small_set / "masks" / "im0.npz").unlink()  # it is not read again
    cs.measure_to(images, "out/cells.csv", progress=False, resume=True)
    assert (small_set / "out" / "cells.csv").read_bytes() == before


def test_paths_that_share_nothing_with_the_table_stay_absolute(tmp_path):
    files = pd.DataFrame({"image_id": ["a"], "path_mask": ["/m/a.npz"], "path_x": ["s3://b/a.tif"]})
    files = files.astype(STRING)
    write_image_table(files, tmp_path / "t.csv")
    assert cs.read_table(tmp_path / "t.csv").equals(files)
    assert cs.read_image_table(tmp_path / "t.csv").equals(files)


def test_every_command_finds_the_files_under_another_root(clean_table, small_set):
    """The tables moved alone: --root says where their paths started from."""
    moved = small_set / "results"
    moved.mkdir()
    for name in ("clean.csv", "clean.images.csv"):
        (small_set / name).rename(moved / name)
    clean = str(moved / "clean.csv")
    commands = {
        "annotate": ["-o", str(moved / "a.json")],
        "masks": ["-o", str(moved / "clean_masks")],
        "crops": ["-o", str(moved / "crops")],
        "report": ["-o", str(moved / "report.html")],
    }
    for command, arguments in commands.items():
        assert main([command, clean, *arguments]) == 1, "every file is gone"
        assert main([command, clean, *arguments, "--overwrite", "--root", str(small_set)]) == 0


def test_a_table_cleaned_in_another_folder_names_the_same_files(clean_table, small_set):
    (small_set / "x" / "y").mkdir(parents=True)
    cs.clean_to([small_set / "cells.csv"], small_set / "x" / "y" / "c.csv", [cs.Rule("area", 0)])
    moved, beside = small_set / "x" / "y" / "c.images.csv", small_set / "cells.images.csv"
    assert "../../masks/im0.npz" in moved.read_text()
    pd.testing.assert_frame_equal(cs.read_image_table(moved), cs.read_image_table(beside))
