"""Masks that hold the clean cells only, in the shape of their originals."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.export.masks import only


def expected(mask, table, image):
    cells = cs.read_table(table)
    kept = cells.loc[cells["clean"] & (cells["image_id"] == image), "label"]
    return np.where(np.isin(mask, kept), mask, 0)


def test_only_the_clean_cells_stay(small_set, clean_table):
    folder = small_set / "cleaned"
    listed = cs.masks(clean_table, folder, progress=False)
    assert (listed["status"] == "done").all()
    index = cs.read_table(folder / "index.csv", text=("image_id", "path")).set_index("image_id")
    for path in sorted((small_set / "masks").glob("*.npz")):
        with np.load(path) as file, np.load(folder / path.name) as cleaned:
            mask, found = file["arr_0"], cleaned["arr_0"]
        assert found.dtype == mask.dtype
        np.testing.assert_array_equal(found, expected(mask, clean_table, path.stem))
        assert index["path"][path.stem] == path.name
        assert index["kept"][path.stem] == len(np.unique(found)) - 1
        assert index["removed"][path.stem] == len(np.unique(mask)) - len(np.unique(found))
    assert index["removed"].sum() > 5
    # The folder takes the place of the old one.
    again = cs.ImageSet.hpa(small_set / "images", folder, small_set / "train.csv")
    measured = cs.measure_images(again, "green", threshold=1, progress=False)
    cells = cs.read_table(clean_table).query("clean")
    assert (
        measured[["image_id", "label"]].values.tolist()
        == cells[["image_id", "label"]].values.tolist()
    )


@pytest.mark.parametrize(
    ("extension", "dtype"),
    [("png", "u1"), ("png", "u2"), ("npy", "<i4"), ("npy", ">u2"), ("npz", "u8"), ("tif", "u2")],
)
def test_format_and_dtype_stay(small_set, extension, dtype):
    masks = small_set / "masks"
    for path in sorted(masks.glob("*.npz")):
        with np.load(path) as file:
            mask = file["arr_0"].astype(dtype)
        path.unlink()
        name = masks / f"{path.stem}_label.{extension}"
        if extension == "png":
            cs.write_png(name, mask)
        elif extension == "tif":
            tifffile.imwrite(name, mask)
        elif extension == "npy":
            np.save(name, mask)
        else:
            np.savez(name, mask)
    images = cs.ImageSet.from_patterns(
        f"{small_set}/images/{{id}}_{{channel}}.png", f"{masks}/{{id}}_label.{extension}"
    )
    cs.measure_to(images, small_set / "cells.csv", "green", progress=False)
    rules, table = [cs.Rule("area", 0.2, 0.8, by=None)], small_set / "clean.csv"
    cs.clean_to([small_set / "cells.csv"], table, rules)
    cs.masks(table, small_set / "cleaned", progress=False)
    read = {"png": cs.read_mask, "npy": np.load, "tif": tifffile.imread}.get(
        extension, lambda path: np.load(path)["arr_0"]
    )
    for number in range(6):
        name = f"im{number}_label.{extension}"
        mask, found = read(masks / name), read(small_set / "cleaned" / name)
        assert found.dtype == mask.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(found, expected(mask, table, f"im{number}"))


def test_masks_of_one_name_are_named_by_image(small_set, small_images):
    table = small_images.table.drop(columns="problem")
    for image, path in zip(table["image_id"], table["path_mask"], strict=True):
        folder = small_set / "by_image" / image
        folder.mkdir(parents=True)
        (folder / "mask.npz").write_bytes((small_set / "masks" / f"{image}.npz").read_bytes())
        table.loc[table["path_mask"] == path, "path_mask"] = str(folder / "mask.npz")
    images = cs.ImageSet.from_table(table)
    cs.measure_to(images, small_set / "cells.csv", "green", progress=False)
    cs.masks(small_set / "cells.csv", small_set / "out", all_cells=True, progress=False)
    names = sorted(path.name for path in (small_set / "out").glob("*.npz"))
    assert names == [f"im{number}.npz" for number in range(6)]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_ids_of_any_size_stay(dtype, rng):
    ids = np.unique(rng.integers(1, np.iinfo(dtype).max, 40, dtype=dtype, endpoint=True))
    ids = ids[ids < 2**63]
    mask = rng.choice(np.append(ids, dtype(0)), (30, 31))
    found = only(mask, ids[::2].astype(np.int64))
    assert found.dtype == mask.dtype
    np.testing.assert_array_equal(found, np.where(np.isin(mask, ids[::2]), mask, 0))


def test_the_originals_are_never_replaced(small_set, clean_table, capsys):
    before = {path: path.read_bytes() for path in (small_set / "masks").iterdir()}
    for folder in (small_set / "masks", small_set / "images/../masks"):
        arguments = ["masks", str(clean_table), "-o", str(folder), "--overwrite"]
        assert main(arguments) == 2
        assert "holds the original masks" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (small_set / "masks").iterdir()} == before


def test_a_run_goes_on_and_a_changed_mask_is_refused(small_set, clean_table, capsys):
    path = small_set / "masks/im4.npz"
    whole = path.read_bytes()
    with np.load(path) as file:
        np.savez_compressed(path, file["arr_0"][:, ::-1])
    folder = small_set / "out"
    assert main(["masks", str(clean_table), "-o", str(folder)]) == 1
    printed = capsys.readouterr()
    assert "5 masks of 5 images written" in printed.out
    assert "im4.npz: " in printed.err
    assert "lie elsewhere in it" in printed.err
    assert not (folder / "im4.npz").exists()
    path.write_bytes(whole)
    kept = (folder / "im0.npz").stat().st_mtime_ns
    assert main(["masks", str(clean_table), "-o", str(folder), "--resume", "-q"]) == 0
    assert (folder / "im4.npz").exists()
    assert (folder / "im0.npz").stat().st_mtime_ns == kept
    cs.masks(clean_table, small_set / "unbroken", progress=False)
    for name in ("index.csv", "im0.npz", "im4.npz"):
        assert (folder / name).read_bytes() == (small_set / "unbroken" / name).read_bytes()


def test_a_full_disk_leaves_no_half_file(small_set, clean_table):
    """A limit on the size of files stands for the disk."""
    resource = pytest.importorskip("resource", reason="Unix limits its processes")
    folder = small_set / "out"
    code = "import sys; from cellsieve.cli import main; sys.exit(main(sys.argv[1:]))"
    found = subprocess.run(
        [sys.executable, "-c", code, "masks", str(clean_table), "-o", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200)),
    )
    assert found.returncode == 2
    assert "File too large" in found.stderr
    assert "Traceback" not in found.stderr
    assert not list(folder.iterdir())
