"""Crops: every pixel where it belongs, names that stay in their folder, a data set to train on."""

import io
import json
import pickle
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.export.crops.writer import Cropper
from cellsieve.export.names import safe_names


def index_of(folder):
    return cs.read_table(folder / "index.csv", text=("path", "image_id", "class_label"))


def files_of(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def naive(mask, channels, row, keep):
    """A crop at the scale of the image, pixel by pixel."""
    crop = np.zeros((row.rows, row.cols, len(channels)), channels[0].dtype)
    for y in range(row.rows):
        for x in range(row.cols):
            at = row.row + y, row.col + x
            if not (0 <= at[0] < mask.shape[0] and 0 <= at[1] < mask.shape[1]):
                continue
            kept = {"cell": (row.label,), "cell_and_outside": (row.label, 0)}.get(keep, (mask[at],))
            if mask[at] in kept:
                crop[y, x] = [channel[at] for channel in channels]
    return crop


@pytest.mark.parametrize("kind", ["png", "tar"])
def test_cells_that_are_cut_off_are_counted(tmp_path, capsys, kind):
    for name, sides in (("a", (4, 5, 8)), ("b", (9, 3, 6))):
        mask = np.zeros((10, 40), np.uint8)
        for label, side in enumerate(sides, 1):
            mask[:side, 12 * label - 10 :][:, :side] = label
        np.savez(tmp_path / f"{name}.npz", mask)
        cs.write_png(tmp_path / f"{name}_green.png", mask)
    cells, folder = tmp_path / "cells.csv", tmp_path / "crops"
    cs.measure_to(cs.ImageSet.hpa(tmp_path, tmp_path), cells, "green", progress=False)
    command = ["crops", str(cells), "--all-cells", "--kind", kind, "-o", str(folder)]
    assert main([*command, "--size", "5"]) == 0
    index, images = index_of(folder), cs.read_table(folder / "index.images.csv")
    assert index["cut"].tolist() == [False, False, True, True, False, True]
    assert images["cut"].tolist() == [1, 2]
    said = (
        "3 cells are larger than their crops and cut off at the edge (column cut of "
        "index.csv); --fit shrink scales down such cells, a larger --size shows them whole\n"
    )
    assert said in capsys.readouterr().out
    assert main([*command, "--size", "5", "--resume"]) == 0
    assert said in capsys.readouterr().out
    for whole in (["--size", "5", "--fit", "shrink"], ["--size", "50"], []):
        assert main([*command, *whole, "--overwrite"]) == 0
        assert "cut off" not in capsys.readouterr().out


@pytest.mark.parametrize("keep", ["cell", "cell_and_outside", "all"])
@pytest.mark.parametrize(("size", "fit"), [(None, "cut"), (5, "cut"), ((24, 31), "cut")])
def test_every_pixel_is_where_it_belongs(small_set, clean_table, keep, size, fit):
    folder = small_set / "crops"
    cs.crops(
        clean_table, folder, channels=["red", "green"], size=size, keep=keep, kind="npz",
        progress=False,
    )  # fmt: skip
    index = index_of(folder)
    cells = cs.read_table(clean_table).query("clean").reset_index(drop=True)
    box = ["min_row", "min_col", "max_row", "max_col"]
    columns = ["image_id", "label", "class_label", *box]
    pd.testing.assert_frame_equal(index[columns], cells[columns], check_dtype=False)
    assert sorted(index["path"]) == sorted(name for name in files_of(folder) if "index" not in name)
    images = cs.read_image_table(clean_table.with_name("clean.images.csv")).set_index("image_id")
    for row in index.itertuples():
        mask = cs.read_mask(images["path_mask"][row.image_id])
        names = ("path_red", "path_green")
        channels = [cs.read_image(images[name][row.image_id]) for name in names]
        with np.load(folder / row.path) as file:
            crop = file["image"]
        np.testing.assert_array_equal(crop, naive(mask, channels, row, keep))
        if size is None:
            assert (row.row, row.col) == (row.min_row, row.min_col)
            assert not row.cut
        else:
            # The middle of the box is the middle of the crop, to half a pixel.
            assert -1 <= 2 * row.row + row.rows - row.min_row - row.max_row <= 0
            assert -1 <= 2 * row.col + row.cols - row.min_col - row.max_col <= 0
            height, width = row.max_row - row.min_row, row.max_col - row.min_col
            assert row.cut == (height > row.rows or width > row.cols)
    assert (index[["scale_y", "scale_x"]] == 1).all(axis=None)


def test_8_and_16_bits_stay(small_set, small_images, clean_table):
    for path in (small_set / "images").iterdir():
        image = cs.read_image(path)
        cs.write_png(path, image.astype(np.uint16) * 200)
    folder = small_set / "crops"
    cs.crops(clean_table, folder, channels=["green"], keep="all", progress=False)
    row = next(index_of(folder).itertuples())
    found = cs.read_image(folder / row.path)
    image = cs.read_image(small_set / "images" / f"{row.image_id}_green.png")
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(
        found, image[row.min_row : row.max_row, row.min_col : row.max_col]
    )


@pytest.mark.parametrize(("channels", "mode"), [("green", "L"), ("green,red,green", "RGB")])
def test_png_crops_are_what_other_readers_see(small_set, clean_table, channels, mode):
    folder = small_set / "crops"
    arguments = ["crops", str(clean_table), "-o", str(folder), "--channels", channels, "-q"]
    assert main(arguments) == 0
    for path in folder.glob("*.png"):
        with Image.open(path) as image:
            assert image.mode == mode
            np.testing.assert_array_equal(np.asarray(image), cs.read_image(path))


def test_cells_that_are_too_large_are_shrunk_or_stretched_when_asked(small_set, clean_table):
    cut, shrunk, stretched = (small_set / fit for fit in ("cut", "shrink", "stretch"))
    for folder in (cut, shrunk, stretched):
        cs.crops(
            clean_table, folder, channels=["green"], size=(4, 9), fit=folder.name, keep="all",
            progress=False,
        )  # fmt: skip
    for folder in (cut, shrunk, stretched):
        index = index_of(folder)
        assert {cs.read_image(folder / path).shape for path in index["path"]} == {(4, 9)}
        height, width = index["max_row"] - index["min_row"], index["max_col"] - index["min_col"]
        if folder == stretched:
            np.testing.assert_allclose(index["scale_y"], 4 / height)
            np.testing.assert_allclose(index["scale_x"], 9 / width)
        if folder == shrunk:
            assert ((index["scale_y"] < 1) == (height > 4)).all()
            assert (abs(index["scale_y"] / index["scale_x"] - 1) < 0.2).all()
        if folder != cut:
            assert not index["cut"].any()
    assert index_of(cut)["cut"].any()
    images = cs.read_image_table(clean_table.with_name("clean.images.csv")).set_index("image_id")
    row = next(index_of(stretched).itertuples())
    image = cs.read_image(images["path_green"][row.image_id])
    box = image[row.min_row : row.max_row, row.min_col : row.max_col].astype(np.float32)
    by_pillow = np.asarray(Image.fromarray(box).resize((9, 4), Image.Resampling.BILINEAR))
    found = cs.read_image(stretched / row.path)
    assert np.abs(found - by_pillow).max() <= 0.5 + 1e-3


def resize(image, rows, columns):
    """An image at another size: one cell that fills it, stretched."""
    mask = np.ones(image.shape[:2], np.uint8)
    channels = np.moveaxis(image, 2, 0)
    cells = cs.measure(mask, channels[0], threshold=0)
    (crop,) = cs.cut_cells(mask, channels, cells, size=(rows, columns), fit="stretch")
    return crop


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.integers(1, 30)] * 4), st.sampled_from(["u1", "u2", "f4"]))
def test_scaling_equals_pillows(sides, dtype):
    rows, columns, new_rows, new_columns = sides
    rng = np.random.default_rng(sides)
    image = rng.integers(0, 256, (rows, columns, 2)).astype(dtype)
    found = resize(image, new_rows, new_columns)
    assert found.dtype == image.dtype
    for channel in range(2):
        plane = Image.fromarray(image[..., channel].astype(np.float32))
        expected = np.asarray(plane.resize((new_columns, new_rows), Image.Resampling.BILINEAR))
        assert np.abs(found[..., channel] - expected).max() <= (0.501 if dtype != "f4" else 1e-3)


def test_constant_images_stay_constant_at_any_size():
    image = np.full((7, 5, 1), 65535, np.uint16)
    for rows, columns in ((1, 1), (3, 11), (50, 2)):
        assert (resize(image, rows, columns) == 65535).all()


@pytest.mark.parametrize("channels", [["green", "red", "green"], ["green", "red"]])
def test_shards_hold_the_same_crops(small_set, clean_table, channels):
    folder, shards = small_set / "npz", small_set / "tar"
    cs.crops(clean_table, folder, channels=channels, kind="npz", progress=False)
    cs.crops(clean_table, shards, channels=channels, kind="tar", shard_cells=4, progress=False)
    index, sharded = index_of(folder), index_of(shards)
    pd.testing.assert_frame_equal(index.drop(columns="path"), sharded.drop(columns="path"))
    tars = sorted(shards.glob("*.tar"))
    assert len(tars) > 2
    extension = "png" if len(channels) == 3 else "npy"
    found = []
    for path in tars:
        with tarfile.open(path) as tar:
            members = tar.getmembers()
            for image, about in zip(members[::2], members[1::2], strict=True):
                key = image.name.removesuffix(f".{extension}")
                assert "." not in key
                assert about.name == f"{key}.json"
                assert (image.mtime, image.uid) == (0, 0)
                content = json.load(tar.extractfile(about))
                assert content["channels"] == channels
                found.append((f"{path.name}/{image.name}", content))
                if extension == "npy":
                    array = np.load(io.BytesIO(tar.extractfile(image).read()))
                else:
                    array = np.asarray(Image.open(tar.extractfile(image)))
                place = len(found) - 1
                with np.load(folder / index["path"][place]) as file:
                    np.testing.assert_array_equal(array, file["image"])
    assert [path for path, _ in found] == sharded["path"].tolist()
    for (_, content), row in zip(found, sharded.itertuples(), strict=True):
        assert content["label"] == row.label
        assert content["class_label"] == row.class_label
        assert content["scale_y"] == row.scale_y


def test_counts_of_classes(small_set, clean_table):
    total = cs.read_table(clean_table).query("clean")["class_label"].value_counts()
    assert total.max() > total.min()
    chosen = []
    for name, options, expected in (
        ("capped", {"per_class": 2}, {label: min(2, n) for label, n in total.items()}),
        ("balanced", {"balance": True}, dict.fromkeys(total.index, total.min())),
        ("again", {"balance": True}, dict.fromkeys(total.index, total.min())),
        ("other", {"balance": True, "seed": 5}, dict.fromkeys(total.index, total.min())),
    ):
        folder = small_set / name
        cs.crops(clean_table, folder, channels=["green"], progress=False, **options)
        index = index_of(folder)
        assert index["class_label"].value_counts().to_dict() == expected
        assert len(files_of(folder)) == len(index) + 3
        chosen.append(index["path"].tolist())
    assert chosen[1] == chosen[2] != chosen[3]


def test_a_folder_for_each_class(small_set, clean_table):
    folder = small_set / "crops"
    cs.crops(clean_table, folder, channels=["green"], folders=True, progress=False)
    index = index_of(folder)
    assert index["path"].map(lambda path: (folder / path).exists()).all()
    by_class = index["path"].str.split("/").str[0].groupby(index["class_label"]).agg(list)
    assert set(by_class["0"]) == {"0"}
    (mixed,) = set(by_class["0|16"])
    assert mixed.startswith("0_16-")


HOSTILE = [
    "../x", "/abs", "a/b", "a_b", "nul\0", "NUL", "con", "A", "a", "", ".", "..", "x" * 300,
    "x" * 299 + "y", "c:\\d", "e.png", "é", "e\N{COMBINING ACUTE ACCENT}", "a b", "a  b", " a",
    "\N{SNOWMAN}", "a|b", "lpt9", "-0123456789abcdef", "a_b-0123456789abcdef", "\ud800",
]  # fmt: skip


def check_names(texts):
    names = safe_names(texts)
    assert set(names) == set(texts)
    found = [name.lower() for name in names.values()]
    assert len(set(found)) == len(found)
    for name in names.values():
        assert name
        assert name.isascii()
        assert len(name) <= 120
        assert not set(name) & set('/\\:*?"<>|\0. ')
        assert name.lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}


def test_names_are_safe_and_unique():
    check_names(HOSTILE)
    kept = ["000a6c98-bb9b-11e8-b2b9-ac1f6b6435d0", "demo-01", "B02_s1_w1"]
    assert safe_names(kept) == {name: name for name in kept}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.sampled_from("aAb/._ \0é-"), max_size=4) | st.text(), unique=True))
def test_any_names_are_safe_and_unique(texts):
    check_names([*texts, *safe_names(texts).values()])


def test_hostile_ids_and_classes_stay_in_the_folder(small_set, clean_table, tmp_path):
    images = small_set / "clean.images.csv"
    listed, cells = cs.read_table(images), cs.read_table(clean_table)
    ids = dict(zip(listed["image_id"], ["../up", "/abs", "CON", "a/b", "a_b", "x" * 300]))  # noqa: B905
    cells["image_id"] = cells["image_id"].map(ids)
    cells["class_label"] = np.resize(["../../c", "/d", "nul", "e/f", "y" * 400], len(cells))
    listed["image_id"] = listed["image_id"].map(ids)
    cs.write_table(cells, clean_table)
    cs.write_table(listed, images)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    folder = small_set / "out" / "crops"
    for kind in ("png", "tar"):
        options = {"folders": True} if kind == "png" else {}
        cs.crops(
            clean_table, folder / kind, channels=["green"], kind=kind, progress=False, **options
        )
        index = index_of(folder / kind)
        assert len(index) == cells["clean"].sum() == index["path"].nunique()
        assert set(index["image_id"]) == set(cells.loc[cells["clean"], "image_id"])
    with tarfile.open(folder / "tar/shard-000000.tar") as tar:
        for member in tar.getnames():
            assert "/" not in member
            assert ".." not in member
    after = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(folder in path.parents for path in after)
    assert len(list((folder / "png").rglob("*.png"))) == cells["clean"].sum()


@pytest.mark.parametrize("kind", ["png", "tar"])
def test_a_run_goes_on_where_it_stopped(small_set, clean_table, monkeypatch, kind):
    options = {
        "channels": ["green"], "kind": kind, "shard_cells": 2, "jobs": 1, "progress": False,
    }  # fmt: skip
    cs.crops(clean_table, small_set / "crops", **options)
    whole = files_of(small_set / "crops")
    cut, read = Cropper.cut, []

    def counted(cropper, task):
        read.append(task.image_id)
        return cut(cropper, task)

    def three(cropper, task):
        # Every later image too: another one may be under way when the first is interrupted.
        if len(read) == 3:
            raise KeyboardInterrupt
        return counted(cropper, task)

    monkeypatch.setattr(Cropper, "cut", three)
    with pytest.raises(KeyboardInterrupt):
        cs.crops(clean_table, small_set / "crops", overwrite=True, **options)
    monkeypatch.setattr(Cropper, "cut", counted)
    assert "index.csv" not in files_of(small_set / "crops")
    with pytest.raises(FileExistsError, match="--resume"):
        cs.crops(clean_table, small_set / "crops", **options)
    read.clear()
    cs.crops(clean_table, small_set / "crops", resume=True, **options)
    assert 3 <= len(read) < 6  # some images were there
    assert files_of(small_set / "crops") == whole
    read.clear()
    cs.crops(clean_table, small_set / "crops", resume=True, **options)
    assert not read  # all were
    assert files_of(small_set / "crops") == whole


def test_the_way_it_is_run_leaves_no_trace(small_set, clean_table):
    found = []
    for jobs in (1, 3):
        cs.crops(clean_table, small_set / f"c{jobs}", channels=["green"], jobs=jobs, progress=False)
        found.append(files_of(small_set / f"c{jobs}"))
    with ThreadPoolExecutor(2) as pool:
        cs.crops(clean_table, small_set / "pool", channels=["green"], executor=pool, progress=False)
    found.append(files_of(small_set / "pool"))
    assert found[0] == found[1] == found[2]


def test_overwriting_removes_what_was_written_and_nothing_else(small_set, clean_table):
    folder = small_set / "crops"
    cs.crops(clean_table, folder, channels=["green"], progress=False)
    (folder / "mine.png").write_bytes(b"mine")
    outside = small_set / "outside.png"
    outside.write_bytes(b"mine too")
    with (folder / "index.csv").open("a") as file:
        file.write("../outside.png" + "," * 14 + "\n")
    cs.crops(clean_table, folder, channels=["green"], per_class=1, overwrite=True, progress=False)
    assert outside.exists()
    left = set(files_of(folder)) - {"index.csv", "index.images.csv", "index.record.json"}
    assert left == {"mine.png", *index_of(folder)["path"]}


def test_a_mask_that_has_changed_is_refused_by_name(small_set, clean_table, capsys):
    path = small_set / "masks/im2.npz"
    with np.load(path) as file:
        mask = file["arr_0"]
    np.savez_compressed(path, np.where(mask == mask.max(), 0, mask))
    assert mask.max() in cs.read_table(clean_table).query("image_id == 'im2'")["label"].tolist()
    arguments = ["crops", str(clean_table), "-o", str(small_set / "crops"), "--all-cells", "-q"]
    assert main([*arguments, "--channels", "green"]) == 1
    error = capsys.readouterr().err
    assert "im2.npz: 1 cell of the table is not in it" in error
    assert "has it changed since?" in error
    index = index_of(small_set / "crops")
    assert set(index["image_id"]) == {"im0", "im1", "im3", "im4", "im5"}


def test_a_full_disk_leaves_no_half_file(small_set, clean_table):
    """A limit on the size of files stands for the disk."""
    resource = pytest.importorskip("resource", reason="Unix limits its processes")
    for kind, output in (("png", "crops"), ("tar", "shards"), ("npz", "arrays")):
        folder = small_set / output
        code = "import sys; from cellsieve.cli import main; sys.exit(main(sys.argv[1:]))"
        arguments = [str(clean_table), "-o", str(folder), "--kind", kind, "--channels", "green"]
        found = subprocess.run(
            [sys.executable, "-c", code, "crops", *arguments, "--size", "300", "--keep", "all"],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700)),
        )
        assert found.returncode == 2, found.stderr
        assert "File too large" in found.stderr
        assert "Traceback" not in found.stderr
        assert not files_of(folder)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"channels": ["green", "purple"]}, "channels: found purple; the images have green, red"),
        ({"channels": []}, "channels: found none"),
        ({"channels": ["green", "red"]}, "holds 1, 3 or 4; kinds 'npz' and 'npy' hold any"),
        ({"keep": "nothing"}, "keep: found 'nothing'; expected 'cell'"),
        ({"fit": "shrink"}, "'shrink' needs a size"),
        ({"size": 0}, "size: found"),
        ({"kind": "gif"}, "kind: found 'gif'"),
        ({"kind": "tar", "folders": True}, "shards hold no folders"),
        ({"per_class": 0}, "per_class: found 0"),
    ],
)
def test_choices_that_are_none(small_set, clean_table, options, text):
    with pytest.raises(ValueError, match=text):
        cs.crops(clean_table, small_set / "crops", progress=False, **options)
    assert not (small_set / "crops").exists()


def test_channels_of_two_kinds_are_refused_by_name(small_set, clean_table):
    path = small_set / "images/im1_red.png"
    cs.write_png(path, cs.read_image(path).astype(np.uint16))
    listed = cs.crops(
        clean_table, small_set / "c", channels=["green", "red"], kind="npz", progress=False
    )
    error = listed.set_index("image_id")["error"]
    assert error.notna().sum() == 1
    assert "im1_red.png: has uint16 pixels, the channel green uint8" in error["im1"]


def test_a_data_set_to_train_on(small_set, clean_table):
    for kind, channels in (
        ("png", ["green"]),
        ("npz", ["red", "green"]),
        ("npy", ["red", "green"]),
    ):
        folder = small_set / kind
        cs.crops(clean_table, folder, channels=channels, kind=kind, size=12, progress=False)
        data = cs.CellCrops(folder)
        index = index_of(folder)
        assert len(data) == len(index) > 10
        assert data.classes == ["0", "16", "0|16"]
        again = pickle.loads(pickle.dumps(data))  # as workers get it
        for place in (0, 3, len(data) - 1, -1):
            array, label = data[place]
            assert array.shape == (len(channels), 12, 12)
            assert array.dtype == np.uint8
            assert label == index["class_label"].iloc[place]
            np.testing.assert_array_equal(again[place][0], array)
        with pytest.raises(IndexError):
            data[len(data)]
        assert len(list(data)) == len(data)  # the end of iteration is the end of the data
    doubled = cs.CellCrops(folder, transform=lambda array: array.astype(np.float32) / 255)
    assert doubled[0][0].dtype == np.float32
    cs.crops(clean_table, small_set / "tar", channels=["green"], kind="tar", progress=False)
    with pytest.raises(ValueError, match="holds shards"):
        cs.CellCrops(small_set / "tar")
    with pytest.raises(FileNotFoundError):
        cs.CellCrops(small_set / "nothing")


def test_a_pytorch_loader_takes_it(small_set, clean_table):
    torch_data = pytest.importorskip("torch.utils.data", reason="PyTorch is not installed")
    cs.crops(clean_table, small_set / "c", channels=["green"], size=12, progress=False)
    data = cs.CellCrops(small_set / "c")
    loader = torch_data.DataLoader(data, batch_size=4, num_workers=2)
    labels = [label for _, batch in loader for label in batch]
    assert labels == [data[place][1] for place in range(len(data))]


def test_real_images(real_data, tmp_path):
    hpa = real_data / "hpa"
    images = cs.ImageSet.hpa(hpa / "train", hpa / "hpa_cell_mask", hpa / "train.csv")
    cs.measure_to(images, tmp_path / "cells.csv", "green", progress=False)
    cs.crops(
        tmp_path / "cells.csv", tmp_path / "crops", all_cells=True, per_class=3,
        channels=["red", "green", "blue", "yellow"], progress=False,
    )  # fmt: skip
    index = index_of(tmp_path / "crops")
    assert len(index) == 9
    row = next(index.itertuples())
    box = np.s_[row.min_row : row.max_row, row.min_col : row.max_col]
    with np.load(hpa / f"hpa_cell_mask/{row.image_id}.npz") as file:
        cell = file["arr_0"][box] == row.label
    found = np.asarray(Image.open(tmp_path / "crops" / row.path))
    for place, channel in enumerate(("red", "green", "blue", "yellow")):
        image = np.asarray(Image.open(hpa / f"train/{row.image_id}_{channel}.png"))
        np.testing.assert_array_equal(found[..., place], image[box] * cell)
