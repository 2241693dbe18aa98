"""OME-Zarr images and labels: NGFF 0.4 (zarr 2) and 0.5 (zarr 3), on disk and behind URLs."""

import json
import shutil

import numpy as np
import pytest

import cellsieve as cs
from cellsieve.cli import main

zarr = pytest.importorskip("zarr", reason="needs the extra zarr")


def write(path, pixels, axes, version, channels=(), **options):
    """An image as the specification has it: ngff.openmicroscopy.org, 0.4 and 0.5."""
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    for level in range(2):
        step = (slice(None),) * (pixels.ndim - 2) + (slice(None, None, 1 + level),) * 2
        part = pixels[step]
        array = group.create_array(
            str(level), shape=part.shape, dtype=part.dtype, chunks=(1,) * (part.ndim - 2) + (16, 16)
        )
        array[...] = part
    kinds = {"t": "time", "c": "channel"}
    ome = {
        "multiscales": [
            {
                "axes": [{"name": name, "type": kinds.get(name, "space")} for name in axes],
                "datasets": [{"path": "0"}, {"path": "1"}],
            }
        ]
    }
    if channels:
        ome["omero"] = {"channels": [{"label": name} for name in channels]}
    if version == "0.4":
        ome["multiscales"][0]["version"] = "0.4"
        group.attrs.update(ome)
    else:
        group.attrs["ome"] = {"version": "0.5", **ome}


@pytest.fixture(params=["0.4", "0.5"])
def version(request):
    return request.param


@pytest.fixture
def data(small_set, version, rng):
    """The small data set as OME-Zarr, its two channels and its masks in one folder an image."""
    folder = small_set / "zarrs"
    for number in range(6):
        path = folder / f"im{number}.zarr"
        images = [
            cs.read_image(small_set / "images" / f"im{number}_{name}.png")
            for name in ("green", "red")
        ]
        write(path, np.stack(images)[None, :, None], "tczyx", version, ["green", "red"])
        mask = cs.read_mask(small_set / "masks" / f"im{number}.npz")
        write(path / "labels" / "cells", mask[None, None, None].astype(np.int32), "tczyx", version)
    return folder


def measured(folder, output, *more):
    arguments = [str(folder), "--masks", str(folder), "--image-pattern", "{id}.zarr"]
    arguments += ["--mask-pattern", "{id}.zarr/labels/cells", "--channels", "green"]
    return main(["measure", *arguments, "-o", str(output), *more])


def test_the_same_cells(data, small_set, capsys):
    expected, output = small_set / "cells.csv", small_set / "zarr.csv"
    labels = ["--labels", str(small_set / "train.csv")]
    folders = [str(small_set / "images"), "--masks", str(small_set / "masks")]
    assert main(["measure", *folders, *labels, "-o", str(expected), "--channels", "green"]) == 0
    assert measured(data, output, *labels) == 0
    assert output.read_bytes() == expected.read_bytes()
    assert "fits no pattern" not in capsys.readouterr().err
    table = cs.read_image_table(small_set / "zarr.images.csv")
    assert table["path_mask"][0] == str(data / "im0.zarr" / "labels" / "cells")
    # And what comes after reads it too.
    clean = small_set / "zarr.clean.csv"
    cs.clean_to([output], clean, [cs.Rule("area", 9, kind="value", by=None)])
    cs.masks(clean, small_set / "masks_out", progress=False)
    kept = cs.read_mask(small_set / "masks_out" / "im0.npz")
    cells = cs.read_table(clean)
    labels = cells.loc[(cells["image_id"] == "im0") & cells["clean"], "label"]
    assert set(np.unique(kept)) - {0} == set(labels)
    crops = cs.crops(
        clean, small_set / "crops", channels=["green", "red"], kind="npz", progress=False
    )
    assert crops["status"].eq("done").all()


def test_the_same_cells_behind_a_url(data, small_set):
    fsspec = pytest.importorskip("fsspec", reason="needs the extra remote")
    system = fsspec.filesystem("memory")
    system.put(f"{data}/", "/zarrs/", recursive=True)
    try:
        assert measured(data, small_set / "zarr.csv") == 0
        assert measured("memory://zarrs", small_set / "remote.csv") == 0
    finally:
        system.rm("/zarrs", recursive=True)
    assert (small_set / "remote.csv").read_bytes() == (small_set / "zarr.csv").read_bytes()


def test_channels_and_z(tmp_path, version, rng):
    pixels = rng.integers(0, 99, (2, 3, 20, 30)).astype(np.uint16)
    path = str(tmp_path / "a.zarr")
    write(path, pixels, "czyx", version, ["DAPI", "GFP"])
    for channel in ("GFP", 1, "1"):
        np.testing.assert_array_equal(cs.read_image(f"{path}#z=2", channel), pixels[1, 2])
        np.testing.assert_array_equal(cs.read_image(f"{path}#z=max", channel), pixels[1].max(0))
    np.testing.assert_array_equal(cs.read_mask(f"{path}#channel=0&z=1"), pixels[0, 1])
    with pytest.raises(ValueError, match=r"axes CZYX and the shape \(2, 3, 20, 30\).*--z takes"):
        cs.read_image(path, "GFP")
    with pytest.raises(ValueError, match="found no channel 'Cy5'"):
        cs.read_image(f"{path}#z=0", "Cy5")


def test_only_what_is_asked_for_is_read(tmp_path, version, rng):
    """Chunks of other planes may even be broken."""
    pixels = rng.integers(1, 99, (2, 3, 16, 16)).astype(np.uint16)
    path = tmp_path / "a.zarr"
    write(path, pixels, "czyx", version)
    chunks = [file for file in (path / "0").rglob("*") if file.is_file()]
    broken = [file for file in chunks if not file.name.endswith((".zarray", ".zattrs", ".json"))]
    assert len(broken) == 6
    for file in broken:
        place = str(file.relative_to(path / "0")).replace(".", "/").removeprefix("c/")
        if not place.startswith("1/2/"):
            file.write_bytes(b"broken")
    np.testing.assert_array_equal(cs.read_image(f"{path}#z=2", 1), pixels[1, 2])
    with pytest.raises(ValueError, match=r"a\.zarr#z=1: not a readable"):
        cs.read_image(f"{path}#z=1", 1)


def test_what_is_no_image_or_too_large(tmp_path, version, rng):
    path = tmp_path / "a.zarr"
    with pytest.raises(FileNotFoundError, match=r"a\.zarr"):
        cs.read_image(path)
    zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    with pytest.raises(ValueError, match=r"a\.zarr: .*no multiscales.*NGFF 0\.4 or 0\.5"):
        cs.read_image(path)
    write(path, np.zeros((20, 30), np.uint8), "yx", version)
    with pytest.raises(ValueError, match=r"a\.zarr: declares 20 x 30 pixels.*max_pixels"):
        cs.read_image(path, max_pixels=599)
    name = next(each for each in (path / "0").rglob("*") if each.name in (".zarray", "zarr.json"))
    text = json.loads(name.read_text())
    for side, chunk, said in ((2**40, 16, "declares"), (20, 2**40, "in chunks of")):
        text["shape"] = [side, 30]
        if version == "0.4":
            text["chunks"] = [chunk, 16]
        else:
            text["chunk_grid"]["configuration"]["chunk_shape"] = [chunk, 16]
        name.write_text(json.dumps(text))
        with pytest.raises(ValueError, match=said):
            cs.read_image(path)
    shutil.rmtree(path / "0")
    with pytest.raises((ValueError, OSError), match=r"a\.zarr"):
        cs.read_image(path)
    write(path, np.zeros((20, 30)), "yx", version)
    with pytest.raises(ValueError, match=r"a\.zarr: dtype float64 is not supported"):
        cs.read_image(path)
