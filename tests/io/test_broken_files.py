"""Damaged files of every kind: read, or refused in a sentence that begins with the file's name."""

import copy
import json
import random
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.io.tables import read_batches

#: How often a file of each kind is damaged.
TIMES = 400


def damaged(whole, random):
    """The bytes with a few changed, cut short, or with a piece of them elsewhere."""
    data = bytearray(whole)
    for _ in range(random.choice([1, 1, 1, 2, 5])):
        place = random.randrange(len(data))
        other = random.randrange(len(data))
        length = random.choice([1, 2, 4, 40])
        kind = random.choice(["bit", "byte", "extreme", "cut", "splice", "take out", "put in"])
        if kind == "bit":
            data[place] ^= 1 << random.randrange(8)
        elif kind == "byte":
            data[place] = random.randrange(256)
        elif kind == "extreme":
            data[place : place + length] = random.choice([b"\0", b"\xff", b"\x7f"]) * length
        elif kind == "cut":
            del data[place + 1 :]
        elif kind == "splice":
            data[place : place + length] = data[other : other + length]
        elif kind == "take out" and len(data) > length:
            del data[place : place + length]
        else:
            data[place:place] = data[other : other + length]
    return bytes(data)


def refusals(path, whole, times, read):
    """What is said where a damaged file is refused; any other error than ValueError comes out."""
    chance, said = random.Random(20261124), []
    for _ in range(times):
        path.write_bytes(damaged(whole, chance))
        try:
            read(path)
        except ValueError as error:
            said.append(str(error))
    return said


def table():
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "image_id": [f"f{number // 9}" for number in range(90)],
            "class_label": ["0|16", None, "7"] * 30,
            "label": range(90),
            "area": pd.array([*rng.integers(9, 99, 89), None], dtype="Int64"),
            "fraction": rng.random(90),
            "clean": [True, False] * 45,
        }
    )


@pytest.mark.parametrize("extension", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize("read", [cs.read_table, lambda path: list(read_batches(path))])
def test_tables(read, extension, tmp_path):
    path = tmp_path / f"cells.{extension}"
    cs.write_table(table(), path)
    said = refusals(path, path.read_bytes(), TIMES, read)
    assert len(said) > TIMES / 20
    for sentence in said:
        assert sentence.startswith(f"{path}: not a ")
        assert "\n" not in sentence


@pytest.mark.parametrize("extension", ["csv", "csv.gz", "parquet"])
def test_what_is_no_table(extension, tmp_path):
    path = tmp_path / f"cells.{extension}"
    for read in (cs.read_table, lambda path: list(read_batches(path))):
        with pytest.raises(FileNotFoundError) as missing:
            read(path)
        assert missing.value.filename == str(path)
    path.write_bytes(b"")
    for read in (cs.read_table, lambda path: list(read_batches(path))):
        with pytest.raises(ValueError, match=rf"cells\.{extension}: .* the file is empty"):
            read(path)
    path.unlink()
    path.mkdir()
    for read in (cs.read_table, lambda path: list(read_batches(path))):
        with pytest.raises(IsADirectoryError) as folder:
            read(path)
        assert folder.value.filename == str(path)


def test_rows_longer_than_the_header(tmp_path):
    """Pandas takes the first fields for an index, and every column moves."""
    (tmp_path / "cells.csv").write_text("image_id,area\na,1,\nb,2,\n")
    for read in (cs.read_table, lambda path: list(read_batches(path))):
        with pytest.raises(ValueError, match=r"cells\.csv: not a CSV table: .* 2 fields .* saw 3"):
            read(tmp_path / "cells.csv")


@pytest.mark.parametrize("name", ["plain", "deflated", "predicted", "tiled", "ome", "imagej"])
def test_tiff(name, tmp_path, rng):
    tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")
    path = tmp_path / "mask.tif"
    mask = rng.integers(0, 9, (3, 40, 50) if name in ("ome", "imagej") else (40, 50))
    settings = {
        "plain": {},
        "deflated": {"compression": "zlib", "rowsperstrip": 8},
        "predicted": {"compression": "lzw", "predictor": True},
        "tiled": {"tile": (16, 16), "bigtiff": True, "byteorder": ">"},
        "ome": {"ome": True, "metadata": {"axes": "CYX"}},
        "imagej": {"imagej": True},
    }[name]
    kind = np.uint8 if name == "imagej" else np.uint16
    tifffile.imwrite(path, mask.astype(kind), photometric="minisblack", **settings)
    channel = 1 if name in ("ome", "imagej") else None
    said = refusals(
        path,
        path.read_bytes(),
        TIMES // 4,
        lambda path: cs.read_image(path, channel, max_pixels=10**6),
    )
    assert len(said) > TIMES / 40
    for sentence in said:
        assert sentence.startswith(f"{path}: ")
        assert "\n" not in sentence


def test_what_tifffile_says_stays_off_the_screen(tmp_path):
    """A caller who collects log lines still gets them."""
    tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.eye(3, dtype=np.uint8), software="cellsieve")
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags["Software"].offset
    data = bytearray(path.read_bytes())
    data[tag + 2 : tag + 4] = b"\xff\xff"  # of no type that there is
    path.write_bytes(data)
    code = (
        "import sys, logging, cellsieve\n"
        "if len(sys.argv) > 2: logging.basicConfig(filename=sys.argv[2])\n"
        "assert cellsieve.read_image(sys.argv[1]).trace() == 3"
    )
    command = [sys.executable, "-c", code, path]
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""
    log = tmp_path / "log.txt"
    assert subprocess.run([*command, log], capture_output=True, check=True).stderr == b""
    assert "invalid data type" in log.read_text()


def test_a_tiff_file_that_lacks_pixels(tmp_path):
    """What is missing, tifffile fills with zeros, and says so in its log alone."""
    tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")
    path = tmp_path / "image.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(np.ones((3, 20, 30), np.uint8), metadata={"axes": "CYX"})
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'SizeC="3"', b'SizeC="5"'))
    with pytest.raises(ValueError, match=r"image\.ome\.tif: not a readable TIFF file: .* zeroed"):
        cs.read_image(path, 1)


VALUES = [-1, 0, 1, 2**31, 2**32, 2**63, 2**64, 10**40, 1.5, -0.0, float("nan"), float("inf"), True]
VALUES += [None, "", "4", "é", "\ud800", "=", [], [[]], [1], {}, {"size": [2, 2], "counts": "4"}]


def places(value, path=()):
    """Where in lists and dictionaries something stands."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


@pytest.mark.parametrize("form", ["compressed", "uncompressed", "hpa"])
def test_encodings(form, rng):
    cells = cs.encode_rle(rng.integers(0, 4, (6, 7)), form=form)
    whole, chance, said = json.dumps(cells), random.Random(20261124), []
    texts = [damaged(whole.encode(), chance).decode("latin-1") for _ in range(TIMES)]
    broken = [cells[0]["segmentation"] | {"size": value} for value in VALUES]
    broken += [cells[0]["segmentation"] | {"counts": value} for value in VALUES]
    for text in texts:
        try:
            broken.append(json.loads(text))
        except ValueError:
            continue
    for _ in range(TIMES):
        cell = copy.deepcopy(cells)
        *path, last = chance.choice(list(places(cell)))
        holder = cell
        for key in path:
            holder = holder[key]
        holder[last] = chance.choice(VALUES)
        broken.append(cell)
    assert len(broken) > 1.1 * TIMES + len(VALUES)
    for rle in broken:
        for chosen in (form, None):
            try:
                cs.decode_rle(rle, form=chosen, max_pixels=10**6)
            except (TypeError, ValueError) as error:
                said.append(str(error))
    assert len(said) > TIMES
    for sentence in said:
        assert sentence.startswith(("rle: ", "size: ", "counts: "))


@pytest.mark.parametrize("descr", ["<u\n2", "<u\x002", "'\x1b[31m'"])
def test_a_header_that_would_break_the_line(tmp_path, descr):
    path = tmp_path / "mask.npy"
    np.save(path, np.ones((2, 3), np.uint16))
    whole = path.read_bytes()
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': (2, 3), }}".ljust(117) + "\n"
    path.write_bytes(whole[:8] + bytes([118, 0]) + header.encode() + whole[128:])
    with pytest.raises(ValueError, match="header that is not text") as refused:
        cs.read_mask(path)
    assert str(refused.value).isprintable()
