"""What is read of a file that holds more than one plane, or another size: asked for by the user."""

import json

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.io.reading import chosen, reading


def test_a_choice_stands_behind_the_path():
    assert reading("a/b#1.tif") == ("a/b#1.tif", {})
    assert reading("a/b.tif#z=x") == ("a/b.tif#z=x", {})
    assert chosen("a/b#1.tif", z="max", pages="z") == "a/b#1.tif#pages=z&z=max"
    assert chosen("a/b.tif#z=3", pages="z", z=None) == "a/b.tif#pages=z&z=3"
    assert reading("a/b#1.tif#pages=z&z=3") == ("a/b#1.tif", {"pages": "z", "z": "3"})
    for wrong, said in (({"z": -1}, "z: found '-1'; expected a number"), ({"pages": "t"}, "pages")):
        with pytest.raises(ValueError, match=said):
            chosen("a.tif", **wrong)


@pytest.fixture
def stack(tmp_path, rng):
    """Writes a TIFF file of these axes; gives its path and its pixels."""
    tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")

    def write(axes, name="a.ome.tif", dtype=np.uint16, **metadata):
        sides = {"C": 2, "Z": 3, "I": 2, "T": 2, "Y": 4, "X": 5}
        pixels = rng.integers(0, 9, [sides[axis] for axis in axes]).astype(dtype)
        if "I" in axes:
            with tifffile.TiffWriter(tmp_path / name) as file:
                for page in pixels:
                    file.write(page, contiguous=False, metadata=None, photometric="minisblack")
        else:
            metadata = {"axes": axes, **metadata}
            tifffile.imwrite(tmp_path / name, pixels, metadata=metadata, photometric="minisblack")
        return str(tmp_path / name), pixels

    return write


def test_z(stack):
    path, pixels = stack("ZYX")
    with pytest.raises(ValueError, match=r"axes ZYX and the shape \(3, 4, 5\).*--z takes one"):
        cs.read_image(path)
    with pytest.raises(ValueError, match=r"axes ZYX and the shape \(3, 4, 5\).*--z takes one"):
        cs.read_mask(path)
    np.testing.assert_array_equal(cs.read_image(f"{path}#z=2"), pixels[2])
    np.testing.assert_array_equal(cs.read_image(f"{path}#z=max"), pixels.max(0))
    np.testing.assert_array_equal(cs.read_mask(f"{path}#z=max"), pixels.max(0))
    with pytest.raises(ValueError, match=r"a\.ome\.tif.*found z 3, expected 0 to 2"):
        cs.read_image(f"{path}#z=3")
    plane, pixels = stack("YX", "plane.tif")
    np.testing.assert_array_equal(cs.read_image(f"{plane}#z=0"), pixels)
    np.testing.assert_array_equal(cs.read_mask(f"{plane}#z=7"), pixels)  # made of a whole stack
    with pytest.raises(ValueError, match="found z 1, but no axis Z"):
        cs.read_image(f"{plane}#z=1")


@pytest.mark.parametrize("axes", ["CZYX", "ZCYX"])
def test_channels_of_stacks(stack, axes):
    path, pixels = stack(axes, Channel={"Name": ["DAPI", "GFP"]})
    pixels = np.moveaxis(pixels, axes.index("C"), 0)
    for channel in (1, "1", "GFP"):
        found = cs.read_image(f"{path}#z=1", channel)
        np.testing.assert_array_equal(found, pixels[1, 1])
    np.testing.assert_array_equal(cs.read_mask(f"{path}#channel=DAPI&z=max"), pixels[0].max(0))
    with pytest.raises(ValueError, match=r"axes CYX and the shape \(2, 4, 5\).*--mask-channel"):
        cs.read_mask(f"{path}#z=1")
    with pytest.raises(ValueError, match="found no channel 'Cy5'"):
        cs.read_mask(f"{path}#channel=Cy5&z=1")


def test_a_time_series_is_refused_with_its_shape(stack):
    path, _ = stack("TYX")
    with pytest.raises(ValueError, match=r"the axes TYX and the shape \(2, 4, 5\); expected one"):
        cs.read_image(f"{path}#z=max")


def test_pages_that_do_not_say_what_they_are(stack):
    path, pixels = stack("IYX", "pages.tif")
    with pytest.raises(ValueError, match=r"shape \(2, 4, 5\).*--pages says whether"):
        cs.read_image(path, 1)
    np.testing.assert_array_equal(cs.read_image(f"{path}#pages=channels", 1), pixels[1])
    np.testing.assert_array_equal(cs.read_image(f"{path}#pages=z&z=max"), pixels.max(0))
    np.testing.assert_array_equal(cs.read_mask(f"{path}#channel=1&pages=channels"), pixels[1])
    plain, pixels = stack("YX", "plain.tif")
    np.testing.assert_array_equal(cs.read_image(f"{plain}#pages=channels"), pixels)


@pytest.fixture
def coarse(small_set):
    """The same data set, its masks at half the size, as large as the images, or at twice."""
    for number in range(6):
        path = small_set / "masks" / f"im{number}.npz"
        with np.load(path) as file:
            mask = file["arr_0"][::2, ::2]
        for name, scaled in (("half", mask), ("double", mask.repeat(4, 0).repeat(4, 1))):
            (small_set / name).mkdir(exist_ok=True)
            np.savez(small_set / name / f"im{number}.npz", scaled)
        np.savez(path, mask.repeat(2, 0).repeat(2, 1))
    return small_set


def cells_of(folder, masks, *options, code=0):
    output = folder / f"{masks}.csv"
    arguments = [str(folder / "images"), "--masks", str(folder / masks), "-o", str(output)]
    labels = ["--labels", str(folder / "train.csv"), "--channels", "green"]
    assert main(["measure", *arguments, *labels, *options]) == code
    return output


@pytest.mark.parametrize("masks", ["half", "double"])
def test_a_mask_of_another_size(coarse, masks, capsys):
    cells_of(coarse, masks, "-q", code=1)
    sizes = {"half": "20 x 25", "double": "80 x 100"}
    said = capsys.readouterr().err
    assert "40 x 50" in said
    assert sizes[masks] in said
    expected = cells_of(coarse, "masks")
    same = cells_of(coarse, masks, "--mask-scale", "nearest", "--overwrite")
    assert same.read_bytes() == expected.read_bytes()


def test_the_ratio_is_a_whole_number(coarse, capsys):
    mask = np.ones((40, 25), int)
    np.savez(coarse / "half" / "im3.npz", mask)
    np.savez(coarse / "half" / "im4.npz", mask[:13])
    cells_of(coarse, "half", "--mask-scale", "nearest", code=1)
    said = capsys.readouterr().err
    assert "im3.npz#scale=nearest: has 40 x 25 pixels, its image 40 x 50" in said
    assert "has 13 x 25 pixels" in said


def test_every_command_scales_the_mask(coarse, tmp_path):
    """What `measure` was asked for stands in the image table, and the others do likewise."""
    pytest.importorskip("jinja2", reason="needs the extra report")
    cleaned = {}
    for masks, options in (("masks", []), ("half", ["--mask-scale", "nearest"])):
        cells = cells_of(coarse, masks, *options)
        cleaned[masks] = str(coarse / f"{masks}.clean.csv")
        values = ["--values", "--column", "area", "--lower", "20", "--by", "none"]
        assert main(["clean", str(cells), "-o", cleaned[masks], *values]) == 0
        out = coarse / f"out_{masks}"
        assert main(["annotate", cleaned[masks], "-o", f"{out}.json"]) == 0
        assert main(["masks", cleaned[masks], "-o", str(out / "masks")]) == 0
        assert main(["crops", cleaned[masks], "-o", str(out / "crops")]) == 0
        assert main(["report", cleaned[masks], "-o", f"{out}.html"]) == 0
    half, whole = (json.loads((coarse / f"out_{m}.json").read_text()) for m in ("half", "masks"))
    records = half["info"].pop("cellsieve"), whole["info"].pop("cellsieve")
    assert records[0] != records[1], "they say from which masks they were made"
    assert half == whole
    for name in ("masks", "crops"):
        made = sorted(path.name for path in (coarse / "out_half" / name).iterdir())
        assert len(made) > 6
        for file in made:
            if not file.endswith((".images.csv", ".record.json")):
                same = (coarse / "out_masks" / name / file).read_bytes()
                assert (coarse / "out_half" / name / file).read_bytes() == same
    assert "has the mask changed?" not in (coarse / "out_half.html").read_text()


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle ran its code')",)


def test_cellpose_seg_only_if_asked(tmp_path, rng, capsys):
    cs.write_png(tmp_path / "f0.png", rng.integers(0, 99, (6, 5)).astype(np.uint8))
    cs.write_png(tmp_path / "f1.png", rng.integers(0, 99, (6, 5)).astype(np.uint8))
    mask = np.zeros((6, 5), np.uint16)
    mask[1:3, 1:4] = 300
    seg = {"masks": mask, "outlines": mask, "filename": "f0.png", "flows": [mask], "diameter": 3.0}
    np.save(tmp_path / "f0_seg.npy", seg)
    np.save(tmp_path / "f1_seg.npy", {**seg, "flows": Bomb()})
    arguments = [str(tmp_path), "--masks", str(tmp_path), "--image-pattern", "{id}.png"]
    arguments = ["measure", *arguments, "--mask-pattern", "{id}_seg.npy", "-o"]
    assert main([*arguments, str(tmp_path / "no.csv")]) == 1
    assert "opened only if asked for (--allow-pickle" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path / "c.csv"), "--allow-pickle"]) == 1
    assert "f1_seg.npy#pickle=allowed: not a readable _seg.npy" in (said := capsys.readouterr().err)
    assert "it names builtins.exec" in said
    cells = cs.read_table(tmp_path / "c.csv")
    assert cells[["label", "area"]].to_numpy().tolist() == [[300, 6]]
    # The masks of clean cells are written as label images, which need no pickle.
    clean = tmp_path / "clean.csv"
    cs.clean_to([tmp_path / "c.csv"], clean, [cs.Rule("area", 1, kind="value", by=None)])
    cs.masks(clean, tmp_path / "out", progress=False)
    np.testing.assert_array_equal(cs.read_mask(tmp_path / "out" / "f0_seg.npy"), mask)


def test_a_damaged_seg(tmp_path):
    good = tmp_path / "g_seg.npy"
    np.save(good, {"masks": np.eye(4, dtype=np.int32)})
    whole = good.read_bytes()
    bad = tmp_path / "b_seg.npy"
    for end in range(130, len(whole) - 1, 7):
        bad.write_bytes(whole[:end])
        with pytest.raises(ValueError, match=r"b_seg\.npy#pickle=allowed: not a readable _seg"):
            cs.read_mask(f"{bad}#pickle=allowed")
    for wrong in ([1], {"mask": 1}, {"masks": "x"}, {"masks": np.ones((2, 2, 2), int)}):
        np.save(bad, np.array(wrong, dtype=object) if isinstance(wrong, list) else wrong)
        with pytest.raises(ValueError, match=r"b_seg\.npy"):
            cs.read_mask(f"{bad}#pickle=allowed")


def test_a_data_set_of_stacks(stack, tmp_path, rng):
    """The command line, and the image table that tells later commands."""
    tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")
    mask = np.zeros((3, 4, 5), np.uint16)
    mask[0, :2, :2], mask[1, :2, :3], mask[2, 3, :] = 1, 1, 2
    for number in range(2):
        stack("CZYX", f"s{number}.tif")
        tifffile.imwrite(
            tmp_path / f"s{number}_m.tif", mask, photometric="minisblack", metadata={"axes": "ZYX"}
        )
    arguments = ["measure", str(tmp_path), "--masks", str(tmp_path), "--channels", "1"]
    arguments += ["--image-pattern", "{id}.tif", "--mask-pattern", "{id}_m.tif"]
    assert main([*arguments, "-o", str(tmp_path / "c.csv"), "--z", "max"]) == 0
    cells = cs.read_table(tmp_path / "c.csv")
    assert cells["area"].tolist() == [6, 5] * 2
    table = pd.read_csv(tmp_path / "c.images.csv")
    assert table["path_image"].tolist() == ["s0.tif#z=max", "s1.tif#z=max"]
    # Another plane is other work, not other settings.
    assert main([*arguments, "-o", str(tmp_path / "c.csv"), "--z", "1", "--resume"]) == 0
    assert cs.read_table(tmp_path / "c.csv")["area"].tolist() == [6] * 2
    assert main([*arguments, "-o", str(tmp_path / "d.csv"), "--z", "x"]) == 2
