"""Annotations: pycocotools and mmdetection's readers get the clean cells and nothing else."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.export import annotate
from cellsieve.export.composites import composite

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def clean_cells(table):
    cells = cs.read_table(table)
    return cells[cells["clean"]]


def masks_of(table):
    images = cs.read_image_table(table.with_name("clean.images.csv")).set_index("image_id")
    return {image: cs.read_mask(path) for image, path in images["path_mask"].items()}


def redrawn(coco, image):
    """The label image that an image's annotations make."""
    annotations = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
    drawn = np.zeros((image["height"], image["width"]), int)
    for annotation in annotations:
        drawn[coco.annToMask(annotation) > 0] = annotation["label"]
    return drawn


def expected_mask(mask, labels):
    return np.where(np.isin(mask, labels), mask, 0)


@pytest.mark.parametrize("rle", [False, True])
def test_pycocotools_redraws_the_clean_cells(small_set, small_images, clean_table, rle):
    if rle:  # a table with encodings is all that is needed
        cells = small_set / "cells.csv"
        cs.measure_to(small_images, cells, "green", rle=True, overwrite=True, progress=False)
        cs.clean_to(
            [cells], clean_table, [cs.Rule("area", 0.2, 0.8)], "own", min_group=2,
            overwrite=True,
        )  # fmt: skip
    masks = masks_of(clean_table)
    if rle:
        for path in (small_set / "masks").iterdir():
            path.unlink()
    cs.annotate(clean_table, small_set / "a.json", progress=False)
    coco = COCO(small_set / "a.json")
    cells = clean_cells(clean_table)
    assert {image["cellsieve_id"] for image in coco.imgs.values()} == set(cells["image_id"])
    for image in coco.imgs.values():
        rows = cells[cells["image_id"] == image["cellsieve_id"]]
        mask = masks[image["cellsieve_id"]]
        np.testing.assert_array_equal(redrawn(coco, image), expected_mask(mask, rows["label"]))
        assert (image["height"], image["width"]) == mask.shape
        assert image["file_name"] == f"{image['cellsieve_id']}_green.png"
    for annotation in coco.anns.values():
        assert annotation["iscrowd"] == 0
        assert annotation["area"] == coco_mask.area(annotation["segmentation"])
        assert annotation["bbox"] == coco_mask.toBbox(annotation["segmentation"]).tolist()


def test_a_table_with_encodings_gives_the_same_bytes(small_set, small_images, clean_table):
    cs.annotate(clean_table, small_set / "from_masks.json", progress=False)
    cells = small_set / "encoded.parquet"
    cs.measure_to(small_images, cells, "green", rle=True, progress=False)
    again = small_set / "encoded_clean.parquet"
    cs.clean_to([cells], again, [cs.Rule("area", 0.2, 0.8)], "own", min_group=2)
    cs.annotate(again, small_set / "from_table.json", progress=False)
    masks, found = (
        (small_set / name).read_text().split("\n")
        for name in ("from_masks.json", "from_table.json")
    )
    assert found[1:] == masks[1:]  # the first line says how it was made: with encodings, or without
    assert masks[0].startswith('{"info": ')


def test_several_classes_give_several_annotations_or_one(small_set, clean_table):
    cells = clean_cells(clean_table)
    per_cell = cells["class_label"].str.count(r"\|") + 1
    assert per_cell.max() == 2
    cs.annotate(clean_table, small_set / "each.json", progress=False)
    cs.annotate(clean_table, small_set / "one.json", multi="one", progress=False)
    each, one = (COCO(small_set / name) for name in ("each.json", "one.json"))
    assert len(each.anns) == per_cell.sum()
    assert [category["name"] for category in each.cats.values()] == ["0", "16"]
    assert [category["id"] for category in each.cats.values()] == [1, 2]
    assert len(one.anns) == len(cells)
    assert [category["name"] for category in one.cats.values()] == ["cell"]
    names = {category["id"]: category["name"] for category in each.cats.values()}
    ids = {image["id"]: image["cellsieve_id"] for image in each.imgs.values()}
    found = [(ids[a["image_id"]], a["label"], names[a["category_id"]]) for a in each.anns.values()]
    wanted = [
        (row.image_id, row.label, name)
        for row in cells.itertuples()
        for name in row.class_label.split("|")
    ]
    assert sorted(found) == sorted(wanted)


def test_an_exploded_table_has_its_own_classes_for_a_cell(small_set, clean_table):
    exploded = small_set / "exploded.csv"
    rules = [cs.Rule("area", 0.2, 0.8)]
    cs.clean_to([small_set / "cells.csv"], exploded, rules, "explode", min_group=2)
    cells = clean_cells(exploded)
    twice = cells.duplicated(["image_id", "label"])
    assert twice.any()
    cs.annotate(exploded, small_set / "each.json", progress=False)
    cs.annotate(exploded, small_set / "one.json", multi="one", progress=False)
    assert len(COCO(small_set / "each.json").anns) == len(cells)
    assert len(COCO(small_set / "one.json").anns) == (~twice).sum()


def test_categories_have_the_given_order_and_names(small_set, clean_table):
    as_json, as_table = small_set / "names.json", small_set / "names.csv"
    as_json.write_text(json.dumps({"16": "Cytosol", "7": "Golgi", "0": "Nucleoplasm"}))
    as_table.write_text("class_label,name\n16,Cytosol\n7,Golgi\n0,Nucleoplasm\n")
    given = {"16": "Cytosol", "7": "Golgi", "0": "Nucleoplasm"}
    found = []
    for place, categories in enumerate((as_json, as_table, given)):
        output = small_set / f"{place}.json"
        cs.annotate(clean_table, output, categories=categories, progress=False)
        found.append(output.read_bytes())
    assert found[0] == found[1] == found[2]
    names = [category["name"] for category in json.loads(found[0])["categories"]]
    assert names == ["Cytosol", "Golgi", "Nucleoplasm"]
    with pytest.raises(ValueError, match="the class label '0' of im0 has no category"):
        cs.annotate(clean_table, small_set / "few.json", categories=["16"], progress=False)
    assert not list(small_set.glob("few*"))


def test_whole_numbers_are_in_their_order(small_set, clean_table):
    cells = cs.read_table(clean_table)
    cells["class_label"] = np.resize(["10", "9", "b", "a"], len(cells))
    cs.write_table(cells.sort_values(["image_id", "label"]), clean_table)
    cs.annotate(clean_table, small_set / "a.json", progress=False)
    categories = json.loads((small_set / "a.json").read_text())["categories"]
    assert [category["name"] for category in categories] == ["9", "10", "a", "b"]


def test_cells_without_a_class(small_set, clean_table):
    cells = cs.read_table(clean_table)
    cells["class_label"] = cells["class_label"].mask(cells["image_id"] == "im1")
    cs.write_table(cells, clean_table)
    with pytest.raises(ValueError, match="im1 have no class label"):
        cs.annotate(clean_table, small_set / "a.json", progress=False)
    cs.annotate(clean_table, small_set / "a.json", multi="one", progress=False)
    assert len(COCO(small_set / "a.json").anns) == len(clean_cells(clean_table))


@pytest.mark.parametrize("extension", ["pkl", "json"])
def test_the_middle_format_of_mmdetection(small_set, clean_table, extension):
    output = small_set / f"train.{extension}"
    cs.annotate(clean_table, output, format="mmdet", progress=False)
    if extension == "pkl":
        entries = pickle.loads(output.read_bytes())
    else:
        entries = json.loads(output.read_text())
    assert type(entries) is list
    cells = clean_cells(clean_table)
    assert [entry["filename"] for entry in entries] == [
        f"{image}_green.png" for image in cells["image_id"].unique()
    ]
    masks = masks_of(clean_table)
    for entry, (image, rows) in zip(entries, cells.groupby("image_id"), strict=True):
        assert (entry["width"], entry["height"]) == (50, 40)
        ann = entry["ann"]
        assert set(ann) == {"bboxes", "labels", "masks"}
        if extension == "pkl":
            assert ann["bboxes"].dtype == np.float32
            assert ann["labels"].dtype == np.int64
            assert isinstance(ann["masks"][0]["counts"], bytes)
        rows = rows.assign(of=rows["class_label"].str.split("|")).explode("of")
        assert np.shape(ann["bboxes"]) == (len(rows), 4)
        np.testing.assert_array_equal(
            ann["bboxes"], rows[["min_col", "min_row", "max_col", "max_row"]]
        )
        np.testing.assert_array_equal(ann["labels"], rows["of"].map({"0": 0, "16": 1}))
        for rle, label in zip(ann["masks"], rows["label"], strict=True):
            drawn = coco_mask.decode(rle)
            np.testing.assert_array_equal(drawn, masks[image] == label)


def test_dim_cells_are_dropped_except_of_some_classes(small_set, clean_table):
    cells = clean_cells(clean_table)
    images = cs.read_image_table(clean_table.with_name("clean.images.csv")).set_index("image_id")
    brightest = []
    for row in cells.itertuples():
        mask = cs.read_mask(images["path_mask"][row.image_id])
        channel = cs.read_image(images["path_red"][row.image_id])
        brightest.append(channel[mask == row.label].max())
    limit = int(np.median(brightest))
    bright = np.array(brightest) >= limit
    # Of the cells of several classes, none is exempt because one of the classes is.
    exempt = (cells["class_label"] == "0").to_numpy()
    assert (~bright & exempt).any()
    assert (~bright & ~exempt).any()
    for exempted, kept in (((), bright), (("0",), bright | exempt)):
        output = small_set / f"{len(exempted)}.json"
        cs.annotate(
            clean_table, output, multi="one", min_intensity=limit, channel="red",
            except_class=exempted, progress=False,
        )  # fmt: skip
        coco = COCO(output)
        ids = {image["id"]: image["cellsieve_id"] for image in coco.imgs.values()}
        found = {(ids[a["image_id"]], a["label"]) for a in coco.anns.values()}
        assert found == set(zip(cells["image_id"][kept], cells["label"][kept], strict=True))


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_composites_show_channels_in_their_colours(small_set, clean_table, kind):
    folder = small_set / "rgb"
    cs.annotate(
        clean_table, small_set / "a.json", composites=folder, picture=kind,
        colours={"green": "green", "red": "yellow"}, progress=False,
    )  # fmt: skip
    images = cs.read_image_table(clean_table.with_name("clean.images.csv")).set_index("image_id")
    coco = COCO(small_set / "a.json")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        image["file_name"] for image in coco.imgs.values()
    )
    for image in coco.imgs.values():
        row = images.loc[image["cellsieve_id"]]
        green, red = (cs.read_image(row[f"path_{name}"]).astype(int) for name in ("green", "red"))
        picture = np.asarray(Image.open(folder / image["file_name"])).astype(int)
        expected = np.stack([red, np.minimum(red + green, 255), 0 * red], axis=-1)
        if kind == "png":
            np.testing.assert_array_equal(picture, expected)
        else:
            assert np.abs(picture - expected).mean() < 6


def test_16_bits_are_shown_in_8(tmp_path):
    values = np.array([[0, 128, 129, 257, 65535]], np.uint16)
    picture = composite([values, values], ["white", "red"])
    assert picture[0, :, 1].tolist() == [0, 0, 1, 1, 255]
    assert picture[0, :, 0].tolist() == [0, 0, 2, 2, 255]


def test_a_mask_that_has_changed_is_refused_by_name(small_set, clean_table, capsys):
    for image, change in (("im0", "gone"), ("im1", "size"), ("im2", "moved"), ("im3", "file")):
        path = small_set / "masks" / f"{image}.npz"
        with np.load(path) as file:
            mask = file["arr_0"]
        label = clean_cells(clean_table).query("image_id == @image")["label"].iloc[0]
        if change == "file":
            path.unlink()
            continue
        if change == "gone":
            mask[mask == label] = 99
        elif change == "size":
            mask = mask[:-1]
        else:
            mask = np.roll(mask, 1, axis=0)
        np.savez_compressed(path, mask)
    output = small_set / "a.json"
    assert main(["annotate", str(clean_table), "-o", str(output), "-q"]) == 1
    printed = capsys.readouterr().err
    listed = cs.read_table(small_set / "a.json.images.csv").set_index("image_id")
    assert listed["status"].tolist() == ["failed"] * 4 + ["done"] * 2
    for image, text in (
        ("im0", "1 cell of the table is not in it; the first has the label"),
        ("im1", "has 39 x 50 pixels, the image table says 40 x 50"),
        ("im2", "lie elsewhere in it"),
        ("im3", "No such file"),
    ):
        error = listed["error"][image]
        assert f"{image}.npz" in error
        assert text in error
        assert error in printed
    assert {image["cellsieve_id"] for image in COCO(output).imgs.values()} == {"im4", "im5"}


def test_a_run_goes_on_where_it_stopped(small_set, clean_table, monkeypatch):
    cs.annotate(clean_table, small_set / "whole.json", progress=False)
    output = small_set / "a.json"
    read = []
    outline = annotate.outline

    def counted(task, **options):
        read.append(task.image_id)
        return outline(task, **options)

    def three(task, **options):
        # Every later image too: another one may be under way when the first is interrupted.
        if len(read) == 3:
            raise KeyboardInterrupt
        return counted(task, **options)

    monkeypatch.setattr(annotate, "outline", three)
    with pytest.raises(KeyboardInterrupt):
        cs.annotate(clean_table, output, jobs=1, progress=False)
    monkeypatch.setattr(annotate, "outline", counted)
    assert not output.exists()
    with pytest.raises(FileExistsError, match="--resume"):
        cs.annotate(clean_table, output, progress=False)
    read.clear()
    cs.annotate(clean_table, output, resume=True, jobs=1, progress=False)
    assert 3 <= len(read) < 6
    assert output.read_bytes() == (small_set / "whole.json").read_bytes()
    # Finished, it reads nothing more.
    read.clear()
    cs.annotate(clean_table, output, resume=True, progress=False)
    assert not read


def test_the_way_it_is_run_leaves_no_trace(small_set, clean_table):
    found = set()
    for jobs in (1, 2, 5):
        output = small_set / f"{jobs}.json"
        cs.annotate(clean_table, output, jobs=jobs, progress=False)
        found.add(output.read_bytes())
    assert len(found) == 1
    assert not list(small_set.glob("*.parts"))


def test_a_full_disk_leaves_no_half_file(small_set, clean_table):
    """A limit on the size of files stands for the disk."""
    resource = pytest.importorskip("resource", reason="Unix limits its processes")
    output = small_set / "a.json"
    code = "import sys; from cellsieve.cli import main; sys.exit(main(['annotate', "
    code += f"{str(clean_table)!r}, '-o', {str(output)!r}, '-q']))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)),
    )
    assert found.returncode == 2
    assert "File too large" in found.stderr
    assert "Traceback" not in found.stderr
    assert not output.exists()
    assert not list(small_set.glob(".*"))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"multi": "all"}, "multi: found 'all'"),
        ({"format": "voc"}, "format: found 'voc'"),
        ({"colours": {"green": "pink"}}, "colours: found 'pink'; expected red"),
        ({"picture": "gif"}, "picture: found 'gif'"),
        ({"min_intensity": -1}, "min_intensity: found -1"),
        ({"resume": True, "overwrite": True}, "choose one"),
    ],
)
def test_choices_that_are_none(small_set, clean_table, options, text):
    with pytest.raises(ValueError, match=text):
        cs.annotate(clean_table, small_set / "a.json", progress=False, **options)
    assert not (small_set / "a.json").exists()


def test_mistakes_get_one_line(small_set, clean_table, capsys):
    cells = small_set / "cells.csv"
    for arguments, text in (
        ([cells, "-o", "a.json"], "has no column clean; run 'cellsieve clean'"),
        ([clean_table, "-o", "a.txt"], "a.txt: expected a .json file, or .pkl"),
        ([clean_table, "-o", "a.pkl", "--format", "coco"], "COCO annotations are JSON"),
        ([small_set / "none.csv", "-o", "a.json"], "none.csv: No such file"),
        (
            [clean_table, "-o", "a.json", "--channel", "blue", "--min-intensity", "3"],
            "found blue; the",
        ),
    ):
        arguments = [str(argument) for argument in arguments]
        arguments[2] = str(small_set / arguments[2])
        assert main(["annotate", *arguments, "-q"]) == 2
        assert text in capsys.readouterr().err
    (small_set / "clean.images.csv").unlink()
    assert main(["annotate", str(clean_table), "-o", str(small_set / "b.json")]) == 2
    assert "clean.images.csv: not found; it stands beside the cell table" in capsys.readouterr().err


def test_nothing_clean_is_no_output(small_set, clean_table):
    cells = cs.read_table(clean_table)
    cs.write_table(cells.assign(clean=False), clean_table)
    with pytest.raises(ValueError, match="has no clean cell"):
        cs.annotate(clean_table, small_set / "a.json", progress=False)
    cs.annotate(clean_table, small_set / "a.json", all_cells=True, multi="one", progress=False)
    assert len(COCO(small_set / "a.json").anns) == len(cells)


def test_the_notebooks_boxes_are_understood(small_set, small_images):
    cells, clean = small_set / "cells.csv", small_set / "clean.csv"
    cs.measure_to(small_images, cells, "green", convention="notebook", rle=True, progress=False)
    cs.clean_to([cells], clean, [cs.Rule("fraction", 0, 1)], "own", min_group=1)
    listed = cs.annotate(clean, small_set / "a.json", progress=False)
    assert (listed["status"] == "done").all()
    for annotation in COCO(small_set / "a.json").anns.values():
        assert annotation["area"] == coco_mask.area(annotation["segmentation"])
        assert annotation["bbox"] == coco_mask.toBbox(annotation["segmentation"]).tolist()


def test_real_images_redrawn(real_data, tmp_path):
    hpa = real_data / "hpa"
    images = cs.ImageSet.hpa(hpa / "train", hpa / "hpa_cell_mask", hpa / "train.csv")
    cs.measure_to(images, tmp_path / "cells.csv", "green", progress=False)
    rules = [cs.Rule("fraction", 0.1, 0.9)]
    cs.clean_to([tmp_path / "cells.csv"], tmp_path / "clean.csv", rules, "own", min_group=5)
    cs.annotate(tmp_path / "clean.csv", tmp_path / "a.json", multi="one", progress=False)
    coco = COCO(tmp_path / "a.json")
    cells = clean_cells(tmp_path / "clean.csv")
    assert len(coco.anns) == len(cells) > 20
    masks = masks_of(tmp_path / "clean.csv")
    for image in coco.imgs.values():
        rows = cells[cells["image_id"] == image["cellsieve_id"]]
        expected = expected_mask(masks[image["cellsieve_id"]], rows["label"])
        np.testing.assert_array_equal(redrawn(coco, image), expected)


def test_an_empty_category_file_says_so(small_set, clean_table):
    (small_set / "names.json").write_text("[")
    with pytest.raises(ValueError, match="not JSON"):
        cs.annotate(
            clean_table, small_set / "a.json", categories=small_set / "names.json", progress=False
        )
    pd.DataFrame({"id": ["0"]}).to_csv(small_set / "names.csv", index=False)
    with pytest.raises(ValueError, match="expected class_label"):
        cs.annotate(
            clean_table, small_set / "a.json", categories=small_set / "names.csv", progress=False
        )
