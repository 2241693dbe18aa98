"""YOLO segmentation text: whoever draws it as YOLO does gets the clean cells."""

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.draw import line, polygon2mask

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.export.polygons import polygon

PIECES = np.ones((3, 3), int)


def drawn(corners, shape):
    """What lies in a polygon and on its edge, as cv2.fillPoly has it."""
    inside = polygon2mask(shape, corners)
    for one, other in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside[line(*one, *other)] = True
    return inside


def counts(mask):
    """COCO's run lengths."""
    return cs.encode_rle(mask.astype(np.uint8), form="uncompressed")[0]["segmentation"]["counts"]


def check(mask):
    corners = polygon(counts(mask), len(mask))
    assert len(corners) >= 3
    assert mask[*corners.T].all()
    found = drawn(corners, mask.shape)
    pieces, number = ndimage.label(mask, PIECES)
    assert found[mask].all()
    if number == 1:
        np.testing.assert_array_equal(found, mask)
    else:  # nothing but lines, so less than what joins the pieces in any order
        middles = np.array(ndimage.center_of_mass(mask, pieces, range(1, number + 1)))
        assert (found & ~mask).sum() <= np.abs(np.diff(middles, axis=0)).sum()


sides = st.integers(1, 14)


@settings(max_examples=300, deadline=None)
@given(arrays(bool, st.tuples(sides, sides)).filter(np.any))
def test_any_cell_is_drawn_again(mask):
    check(mask)


def test_cells_with_holes_and_pieces(rng):
    for number in range(200):
        shape = rng.integers(1, 30, 2)
        mask = rng.random(shape) < rng.choice([0.6, 0.8, 0.95])
        mask = ndimage.binary_closing(mask) | mask if number % 2 else mask
        if mask.any():
            check(mask)


def test_pieces_are_joined_by_the_shortest_line():
    mask = np.zeros((9, 20), bool)
    mask[1:4, 1:4] = mask[5:8, 9:12] = mask[2:4, 17:19] = True
    mask[6, 10] = False
    found = drawn(polygon(counts(mask), 9), mask.shape)
    assert not found[6, 10]
    _, number = ndimage.label(found & ~mask, PIECES)
    assert number == 2
    assert (
        found & ~mask
    ).sum() == 5 + 5  # between row 3, column 3 and row 5, column 9, and on to row 3, column 17


def test_a_cell_of_noise_is_one_polygon(rng):
    """Thousands of pieces, or of holes: joined in one go, none compared with all others."""
    for share in (0.1, 0.6):
        mask = rng.random((300, 300)) < share
        corners = polygon(counts(mask), 300)
        assert mask[*corners.T].all()
        edge = np.zeros_like(mask)
        for one, other in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            edge[line(*one, *other)] = True
        pieces, _ = ndimage.label(mask, PIECES)
        assert set(pieces[edge & mask]) == set(range(1, pieces.max() + 1))


@pytest.fixture
def labelled(small_set, clean_table):
    """The folder, and what the command says."""
    assert main(["annotate", str(clean_table), "-o", str(small_set / "y"), "--format", "yolo"]) == 0
    return small_set / "y"


def lines_of(path):
    """Category and polygon of each line, as YOLO takes them: whole pixels of a 40 x 50 image."""
    for text in path.read_text().splitlines():
        category, *numbers = text.split()
        places = np.array(numbers, np.float32).reshape(-1, 2)
        assert ((places > 0) & (places < 1)).all()
        assert len(places) >= 3
        yield int(category), (places * (50, 40)).astype(int)[:, ::-1]


def test_yolo_redraws_the_clean_cells(labelled, clean_table):
    cells = cs.read_table(clean_table)
    cells = cells[cells["clean"]].reset_index(drop=True)
    images = cs.read_image_table(clean_table.with_name("clean.images.csv")).set_index("image_id")
    names = [f"{image}_green" for image in cells["image_id"].unique()]
    assert len(names) >= 5
    data = yaml.safe_load((labelled / "data.yaml").read_text())
    assert data == {"train": "train.txt", "names": {0: "0", 1: "16"}}
    listed = (labelled / "train.txt").read_text().splitlines()
    assert listed == [f"./images/{name}.png" for name in names]
    texts = {path.name for path in (labelled / "labels").iterdir()}
    assert texts == {f"{name}.txt" for name in names}
    index = cs.read_table(labelled / "index.csv")
    of_cells = ["image_id", "label", "class_label"]
    assert index[of_cells].equals(cells[of_cells])
    several = whole = 0
    for path, rows in index.groupby("path"):
        mask = cs.read_mask(images["path_mask"][rows["image_id"].iloc[0]])
        rows = rows.assign(of=rows["class_label"].str.split("|")).explode("of")
        several += rows["label"].duplicated().sum()
        lines = lines_of(labelled / path)
        for row, (category, corners) in zip(rows.itertuples(), lines, strict=True):
            assert category == {"0": 0, "16": 1}[row.of]
            cell = mask == row.label
            again = drawn(corners, mask.shape)
            if ndimage.label(cell, PIECES)[1] == 1:
                np.testing.assert_array_equal(again, cell)
                whole += 1
            else:
                assert again[cell].all()
    assert several
    assert whole > 10


def test_pictures_lie_where_yolo_finds_their_labels(small_set, clean_table):
    folder = small_set / "y"
    options = {"format": "yolo", "colours": {"green": "green"}, "progress": False}
    with pytest.raises(ValueError, match=r"rgb; expected .*y/images"):
        cs.annotate(clean_table, folder, composites=small_set / "rgb", **options)
    assert not folder.exists()
    cs.annotate(clean_table, folder, composites=folder / "images", **options)
    pictures = (folder / "train.txt").read_text().splitlines()
    assert len(pictures) >= 5
    for picture in pictures:
        assert cs.read_image(folder / picture).shape == (40, 50, 3)
        label = folder / picture.replace("/images/", "/labels/").replace(".png", ".txt")
        assert list(lines_of(label))
    assert len(list((folder / "images").iterdir())) == len(pictures)


def test_what_an_earlier_run_has_written_goes(labelled, small_set, clean_table, capsys):
    """A file left behind would teach cells that are not clean any more."""
    again = ["annotate", str(clean_table), "-o", str(labelled), "--format", "yolo"]
    before = (labelled / "labels" / "im1_green.txt").read_bytes()
    assert main(again) == 2
    cells = cs.read_table(clean_table)
    cs.write_table(cells.assign(clean=cells["clean"] & (cells["image_id"] != "im0")), clean_table)
    (labelled / "labels" / "im1_green.txt").unlink()
    (labelled / "labels" / "mine.txt").touch()
    for how in ("--resume", "--overwrite"):
        assert main([*again, how]) == 0
        texts = {path.name for path in (labelled / "labels").iterdir()}
        assert "im0_green.txt" not in texts
        assert "mine.txt" in texts
        assert "im0" not in (labelled / "train.txt").read_text()
    assert (labelled / "labels" / "im1_green.txt").read_bytes() == before
    assert "index.csv exists" in capsys.readouterr().err


def test_images_of_one_name_are_told_apart_or_refused(small_set, clean_table):
    """Plates in folders of their own often have files of one name."""
    table = cs.read_image_table(clean_table.with_name("clean.images.csv"))
    for place in (0, 1):
        folder = small_set / f"plate{place}"
        folder.mkdir()
        (small_set / "images" / f"im{place}_green.png").rename(folder / "a.png")
        table.loc[place, "path_green"] = str(folder / "a.png")
    table.to_csv(small_set / "clean.images.csv", index=False)
    folder = small_set / "y"
    options = {"format": "yolo", "progress": False}
    with pytest.raises(ValueError, match=r"2 images .* im0 \(a\.png\).*--composites .*y/images"):
        cs.annotate(clean_table, folder, **options)
    options |= {"composites": folder / "images", "colours": {"green": "green"}}
    assert (cs.annotate(clean_table, folder, **options)["status"] == "done").all()
    assert (folder / "labels" / "im0.txt").exists()


def test_names_are_yaml_whatever_they_hold(small_set, clean_table):
    names = {"0": 'a "b": #c\\', "16": "ä\n😀\x85"}
    options = {"format": "yolo", "categories": names, "progress": False}
    cs.annotate(clean_table, small_set / "y", **options)
    data = yaml.safe_load((small_set / "y" / "data.yaml").read_text(encoding="utf-8"))
    assert list(data["names"].values()) == list(names.values())


def test_a_file_is_no_folder(small_set, clean_table):
    for name in ("a.json", "a.pkl"):
        with pytest.raises(ValueError, match="many files; expected a folder"):
            cs.annotate(clean_table, small_set / name, format="yolo", progress=False)


def test_real_cells_are_drawn_again(real_data, tmp_path):
    """All but those of several pieces; these gain a line."""
    whole = other = 0
    for path in sorted((real_data / "hpa" / "hpa_cell_mask").iterdir())[:3]:
        mask = cs.read_mask(path)
        for label in np.unique(mask[mask > 0]):
            cell = mask == label
            again = drawn(polygon(counts(cell), len(cell)), cell.shape)
            if ndimage.label(cell, PIECES)[1] == 1:
                np.testing.assert_array_equal(again, cell)
                whole += 1
            else:
                other += 1
                assert (again & cell).sum() / (again | cell).sum() > 0.97
    assert whole > 20
