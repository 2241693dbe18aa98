"""Image and mask files: every kind that is read, and what is said of the rest."""

import io
import re
import struct
import zipfile
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import cellsieve as cs
from cellsieve import _core
from cellsieve.io import mask_files, planes, readers, tables


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png_bytes(image, bits, color, *, interlaced=False):
    """A PNG file from its definition: W3C, Portable Network Graphics, sections 5 to 9."""
    height, width = image.shape[:2]

    def rows(part):
        """Unfiltered rows of one image or of one interlacing pass."""
        part = part.reshape(part.shape[0], -1)
        if bits == 16:
            lines = part.astype(">u2").view(np.uint8).reshape(part.shape[0], -1)
        else:
            spread = np.unpackbits(part.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :]
            lines = np.packbits(spread.reshape(part.shape[0], -1), axis=1)
        return b"".join(b"\0" + line.tobytes() for line in lines)

    adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    passes = [*adam7, (1, 0, 2, 1)] if interlaced else [(0, 0, 1, 1)]
    parts = [image[row::down, column::right] for row, column, down, right in passes]
    data = b"".join(rows(part) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, int(interlaced))
    palette = [chunk(b"PLTE", bytes(range(48)))] if color == 3 else []
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *palette,
            chunk(b"IDAT", zlib.compress(data)),
            chunk(b"IEND", b""),
        ]
    )


CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}

EVERY_FORMAT = r"\.png, \.npy, \.npz; \.tif, \.tiff \(needs pip install 'cellsieve\[tiff\]'\)"


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("color", CHANNELS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (17, 9)])
def test_png(color, bits, interlaced, shape, tmp_path, rng):
    shape = shape if CHANNELS[color] == 1 else (*shape, CHANNELS[color])
    image = rng.integers(0, 2**bits, shape).astype(f"u{bits // 8}")
    path = tmp_path / "image.png"
    path.write_bytes(png_bytes(image, bits, color, interlaced=interlaced))
    found = cs.read_image(path)
    assert found.dtype == image.dtype
    np.testing.assert_array_equal(found, image)
    for number, name in enumerate(["red", "green", "blue", "alpha"][: CHANNELS[color]]):
        if CHANNELS[color] > 2:
            np.testing.assert_array_equal(cs.read_image(path, name), image[..., number])
    if CHANNELS[color] == 1:
        np.testing.assert_array_equal(cs.read_image(path, "yellow"), image)
        np.testing.assert_array_equal(cs.read_mask(path), image)
    if CHANNELS[color] == 2:
        np.testing.assert_array_equal(cs.read_image(path, "green"), image[..., 0])
        np.testing.assert_array_equal(cs.read_image(path, "alpha"), image[..., 1])


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("color", [0, 3])
def test_png_of_few_bits(color, bits, interlaced, tmp_path, rng):
    """A mask is read as stored, an image as shown."""
    stored = rng.integers(0, 2**bits, (7, 13)).astype(np.uint8)
    path = tmp_path / "mask.png"
    path.write_bytes(png_bytes(stored, bits, color, interlaced=interlaced))
    np.testing.assert_array_equal(cs.read_mask(path), stored)
    shown = stored * (255 // (2**bits - 1)) if color == 0 else stored[..., None] * 3 + np.arange(3)
    np.testing.assert_array_equal(cs.read_image(path), shown)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "I;16"])
def test_png_as_pillow_reads_it(mode, tmp_path, rng):
    array = rng.integers(0, 256, (40, 50)).astype(np.uint16 if mode == "I;16" else np.uint8)
    image = Image.fromarray(array) if mode == "I;16" else Image.fromarray(array).convert(mode)
    path = tmp_path / "image.png"
    image.save(path)
    expected = np.asarray(image.convert("RGB") if mode == "P" else image)
    expected = expected.astype(np.uint8) * 255 if mode == "1" else expected
    np.testing.assert_array_equal(cs.read_image(path), expected)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (30, 20), (30, 20, 2), (30, 20, 3), (30, 20, 4)])
def test_write_png(shape, kind, tmp_path, rng):
    image = rng.integers(0, np.iinfo(kind).max, shape).astype(kind)
    path = tmp_path / "image.png"
    cs.write_png(path, image.T.copy().T)  # any memory layout
    np.testing.assert_array_equal(cs.read_image(path), image)
    if kind is np.uint8:
        np.testing.assert_array_equal(np.asarray(Image.open(path)), image)


def test_write_png_refuses(tmp_path):
    with pytest.raises(TypeError, match="float32"):
        cs.write_png(tmp_path / "a.png", np.zeros((2, 2), np.float32))
    with pytest.raises(ValueError, match="5 channels"):
        cs.write_png(tmp_path / "a.png", np.zeros((2, 2, 5), np.uint8))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        cs.write_png(tmp_path / "nowhere" / "a.png", np.zeros((2, 2), np.uint8))


LABELS = ["u1", "<u2", "<u4", "<u8", "<i2", "<i4", "<i8", ">u2", ">u4", ">i2", ">i4", ">i8"]


@pytest.mark.parametrize("how", ["npy", "npz", "npz stored", "npz by name"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (3, 7), (130, 200)])
def test_masks_of_numpy(shape, kind, order, how, tmp_path, rng):
    most = min(np.iinfo(kind).max, 100_000)
    mask = np.asarray(rng.integers(0, most, shape).astype(kind), order=order)
    path = tmp_path / ("mask." + how[:3])
    if how == "npy":
        np.save(path, mask)
    elif how == "npz":
        np.savez_compressed(path, mask)
    elif how == "npz stored":
        np.savez(path, mask)
    else:
        np.savez_compressed(path, cells=mask)
    found = cs.read_mask(path)
    np.testing.assert_array_equal(found, mask)
    assert found.dtype == np.min_scalar_type(mask.max(initial=0))


@pytest.mark.parametrize("kind", ["u1", "<u2", ">u2", "<f4", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("extension", ["npy", "npz"])
def test_images_of_numpy(extension, order, kind, tmp_path, rng):
    image = np.asarray((rng.random((33, 20)) * 250).astype(kind), order=order)
    path = tmp_path / f"image.{extension}"
    np.save(path, image) if extension == "npy" else np.savez_compressed(path, image)
    np.testing.assert_array_equal(cs.read_image(path), image)


def test_arr_0_is_preferred(tmp_path):
    np.savez(tmp_path / "a.npz", np.array([[1]], np.uint8), other=np.array([[2]], np.uint8))
    assert cs.read_mask(tmp_path / "a.npz").tolist() == [[1]]


class TestTiff:
    """TIFF, through tifffile."""

    tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")

    @pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd"])
    @pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32])
    def test_masks(self, kind, compression, tmp_path, rng):
        mask = rng.integers(0, 90, (40, 30)).astype(kind)
        self.tifffile.imwrite(tmp_path / "m.tif", mask, compression=compression)
        found = cs.read_mask(tmp_path / "m.tif")
        np.testing.assert_array_equal(found, mask)
        assert found.dtype == np.uint8, "in the narrowest type"

    @pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
    def test_images(self, kind, tmp_path, rng):
        image = (rng.random((40, 30)) * 200).astype(kind)
        self.tifffile.imwrite(tmp_path / "i.tiff", image)
        np.testing.assert_array_equal(cs.read_image(tmp_path / "i.tiff"), image)

    def test_channels(self, tmp_path, rng):
        image = rng.integers(0, 90, (4, 40, 30)).astype(np.uint16)
        self.tifffile.imwrite(
            tmp_path / "c.ome.tif", image, metadata={"axes": "CYX"}, photometric="minisblack"
        )
        np.testing.assert_array_equal(cs.read_image(tmp_path / "c.ome.tif", 2), image[2])
        with pytest.raises(ValueError, match="axes CYX"):
            cs.read_image(tmp_path / "c.ome.tif")
        with pytest.raises(ValueError, match="4 channels"):
            cs.read_image(tmp_path / "c.ome.tif", 4)

    def test_channels_of_ome_tiff_by_name(self, tmp_path, rng):
        image = rng.integers(0, 90, (3, 40, 30)).astype(np.uint16)
        path = tmp_path / "c.ome.tif"
        names = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP", "GFP"]}}
        self.tifffile.imwrite(path, image, metadata=names, photometric="minisblack")
        np.testing.assert_array_equal(cs.read_image(path, "DAPI"), image[0])
        np.testing.assert_array_equal(cs.read_image(path, "1"), image[1])
        with pytest.raises(
            ValueError, match=r"3 channels, 0 \(DAPI\), 1 \(GFP\), 2 \(GFP\); found no"
        ):
            cs.read_image(path, "DAPIII")
        with pytest.raises(ValueError, match="found more than one channel 'GFP'"):
            cs.read_image(path, "GFP")
        with pytest.raises(ValueError, match=r"name of a channel: 0 \(DAPI\), 1 \(GFP\)"):
            cs.read_image(path)

    def test_colours(self, tmp_path, rng):
        image = rng.integers(0, 90, (40, 30, 3)).astype(np.uint8)
        self.tifffile.imwrite(tmp_path / "rgb.tif", image, photometric="rgb")
        np.testing.assert_array_equal(cs.read_image(tmp_path / "rgb.tif", "green"), image[..., 1])

    def test_refusals(self, tmp_path):
        self.tifffile.imwrite(tmp_path / "f.tif", np.zeros((3, 3)))
        with pytest.raises(ValueError, match=r"f\.tif: dtype float64 .* integer label image"):
            cs.read_mask(tmp_path / "f.tif")
        with pytest.raises(ValueError, match=r"f\.tif: dtype float64"):
            cs.read_image(tmp_path / "f.tif")
        self.tifffile.imwrite(tmp_path / "n.tif", np.array([[1, -4]], np.int32))
        with pytest.raises(ValueError, match=r"n\.tif: found the label -4"):
            cs.read_mask(tmp_path / "n.tif")
        (tmp_path / "broken.tif").write_bytes(b"II*\0rubbish")
        with pytest.raises(ValueError, match=r"broken\.tif: not a readable TIFF"):
            cs.read_image(tmp_path / "broken.tif")
        with pytest.raises(FileNotFoundError):
            cs.read_image(tmp_path / "none.tif")
        with pytest.raises(ValueError, match="max_pixels"):
            cs.read_image(tmp_path / "f.tif", max_pixels=2)


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(ImportError, match=r"pip install 'cellsieve\[tiff\]'"):
        cs.read_mask(tmp_path / "mask.tif")


WHOLE = {
    "gray.png": np.arange(600, dtype=np.uint16).reshape(20, 30) % 251,
    "deep.png": np.arange(600, dtype=np.uint16).reshape(20, 30) * 91,
    "rgb.png": np.arange(1800).reshape(20, 30, 3) % 249,
    "a.npy": np.arange(600, dtype=">i4").reshape(20, 30),
    "a.NPZ": np.asfortranarray(np.arange(600, dtype=np.int64).reshape(20, 30)),
    "pixels.npy": np.arange(600, dtype=np.float32).reshape(20, 30),
    "pixels.npz": np.arange(600, dtype=np.uint16).reshape(20, 30),
}


def written(folder, name):
    """One of these files, its bytes, and its suffix."""
    array, path = WHOLE[name], folder / name
    if path.suffix == ".png":
        cs.write_png(path, array.astype(np.uint16 if name == "deep.png" else np.uint8))
    elif path.suffix == ".npy":
        np.save(path, array)
    else:
        with path.open("wb") as file:
            np.savez_compressed(file, array)
    return path, path.read_bytes(), path.suffix


def outcome(function, *arguments):
    """What comes back, or the error's text."""
    try:
        return function(*arguments), None
    except ValueError as error:
        return None, str(error)


@pytest.mark.parametrize("name", WHOLE)
class TestBytes:
    """Bytes from anywhere are decoded as the file of that suffix is read."""

    @pytest.mark.parametrize("channel", [None, "green"])
    def test_images(self, name, channel, tmp_path):
        path, data, suffix = written(tmp_path, name)
        found, error = outcome(_core.decode_image, data, suffix, channel, 600)
        expected, said = outcome(_core.read_image, path, channel, 600)
        assert said == (error and f"{path}: {error}")
        if expected is not None:
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == expected.dtype
        assert (error is None) == (name not in ("a.npy", "a.NPZ"))

    def test_masks(self, name, tmp_path):
        path, data, suffix = written(tmp_path, name)
        found, error = outcome(_core.decode_mask, data, suffix.lstrip("."), 600)
        expected, said = outcome(_core.read_mask, path, 600)
        assert said == (error and f"{path}: {error}")
        if expected is not None:
            np.testing.assert_array_equal(found[0], expected[0])
            assert (found[0].dtype, found[1]) == (expected[0].dtype, expected[1])
        assert (error is None) == (name not in ("rgb.png", "pixels.npy"))

    @pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9])
    def test_truncated(self, name, share, tmp_path):
        _, data, suffix = written(tmp_path, name)
        data = data[: int(share * len(data))]
        for decode in (
            lambda: _core.decode_image(data, suffix, None, 600),
            lambda: _core.decode_mask(data, suffix, 600),
        ):
            with pytest.raises(ValueError, match=r"\w") as error:
                decode()
            assert str(tmp_path) not in str(error.value)

    def test_another_suffix(self, name, tmp_path):
        _, data, suffix = written(tmp_path, name)
        for wrong in {".png", ".npy", ".npz"} - {suffix.lower()}:
            with pytest.raises(ValueError, match="not a "):
                _core.decode_mask(data, wrong, 600)
            with pytest.raises(ValueError, match="not a "):
                _core.decode_image(data, wrong, None, 600)

    def test_too_many_pixels(self, name, tmp_path):
        _, data, suffix = written(tmp_path, name)
        with pytest.raises(ValueError, match="20 x 30 pixels; at most 599"):
            _core.decode_image(data, suffix, None, 599)
        with pytest.raises(ValueError, match="20 x 30 pixels; at most 599"):
            _core.decode_mask(data, suffix, 599)


FILES = [suffix for suffix, form in readers.FORMATS.items() if not form.folder]


@pytest.mark.parametrize("suffix", FILES)
def test_what_has_no_path_is_read_by_its_suffix(suffix, tmp_path, rng):
    """Bytes, or an open file, as of an archive or a bucket, give what the file gives."""
    labels = rng.integers(0, 9, (20, 30)).astype(np.uint8)
    path = tmp_path / f"a{suffix}"
    if suffix == ".png":
        cs.write_png(path, labels)
    elif suffix.startswith(".np"):
        with path.open("wb") as file:
            (np.save if suffix == ".npy" else np.savez)(file, labels)
    else:
        pytest.importorskip("tifffile").imwrite(path, labels)
    data = path.read_bytes()
    for read in (cs.read_image, cs.read_mask):
        for given in (suffix, suffix.upper()):
            np.testing.assert_array_equal(read(data, suffix=given), labels)
            np.testing.assert_array_equal(read(io.BytesIO(data), suffix=given), labels)
        with path.open("rb") as file:
            np.testing.assert_array_equal(read(file, suffix=suffix), labels)
        with pytest.raises(ValueError, match="at most 99 pixels are read"):
            read(data, suffix=suffix, max_pixels=99)
        with pytest.raises(ValueError, match=r"\w"):
            read(data[:50], suffix=suffix)


@pytest.mark.parametrize("read", [cs.read_image, cs.read_mask])
def test_what_has_no_path_needs_a_suffix(read, tmp_path):
    with pytest.raises(ValueError, match=f"suffix: found None; expected .*{EVERY_FORMAT}"):
        read(b"GIF89a")
    with pytest.raises(ValueError, match=f"suffix: found '.gif'; expected .*{EVERY_FORMAT}"):
        read(io.BytesIO(b"GIF89a"), suffix=".gif")
    with pytest.raises(ValueError, match=r"suffix: found '\.png' for .*a\.npy, whose name says"):
        read(tmp_path / "a.npy", suffix=".png")
    with pytest.raises(TypeError, match="path: found ndarray; expected a path, bytes or an open"):
        read(np.zeros((2, 2)), suffix=".npy")


def test_a_reader_is_one_function_and_one_line(tmp_path, monkeypatch):
    """Of whatever format: it then is measured, and its missing library is named."""

    def read(file, max_pixels):
        text = file.read() if hasattr(file, "read") else Path(file).read_bytes()
        rows = [[int(number) for number in line.split()] for line in text.decode().splitlines()]
        return planes.Planes(np.array(rows, np.uint16), "YX", [])

    monkeypatch.setitem(readers.FORMATS, ".txt", readers.Format(read))
    (tmp_path / "a.txt").write_text("0 0 3\n0 3 3\n")
    cs.write_png(tmp_path / "a.png", np.array([[1, 1, 5], [1, 0, 7]], np.uint8))
    np.testing.assert_array_equal(cs.read_mask(b"0 4", suffix=".txt"), [[0, 4]])
    cells = cs.measure_file(tmp_path / "a.txt", tmp_path / "a.png")
    assert cells[["label", "area", "area_above"]].to_numpy().tolist() == [[3, 3, 2]]
    with pytest.raises(ValueError, match=r"a\.jpg: expected .*; \.txt$"):
        cs.read_image(tmp_path / "a.jpg")
    monkeypatch.setitem(readers.FORMATS, ".txt", readers.Format(read, "no_such_module", "tiff"))
    with pytest.raises(ImportError, match=r"reading \.txt needs no_such_module"):
        cs.measure_file(tmp_path / "a.txt", tmp_path / "a.png")


def test_every_mask_that_is_read_can_be_written_again():
    """But for folders, whose masks become .npz: see tests/io/test_ome_zarr.py."""
    assert list(mask_files.FORMATS) == FILES


@pytest.mark.parametrize("suffix", [".gif", "", "tiff", "..png", "x.png"])
def test_a_suffix_without_a_decoder_is_named(suffix):
    said = re.escape(f'suffix: found "{suffix}"; expected .png, .npy or .npz')
    with pytest.raises(ValueError, match=said):
        _core.decode_image(b"GIF89a", suffix, None, 9)
    with pytest.raises(ValueError, match=said):
        _core.decode_mask(b"GIF89a", suffix, 9)
    with pytest.raises(TypeError):
        _core.decode_mask("text.png", ".png", 9)


def test_no_bytes():
    with pytest.raises(ValueError, match="the file is empty"):
        _core.decode_mask(b"", ".png", 9)


BAD = {
    "empty.png": b"",
    "empty.npz": b"",
    "text.png": b"this is no image",
    "text.npy": b"this is no array",
    "text.npz": b"this is no archive",
    "png_called.npz": png_bytes(np.zeros((3, 3)), 8, 0),
    "header.npy": b"\x93NUMPY\x01\x00v\x00{'descr': ",
    "half.png": png_bytes(np.arange(4000).reshape(40, 100) % 251, 8, 0)[:200],
    "unknown.gif": b"GIF89a",
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("read", [cs.read_image, cs.read_mask])
def test_what_is_wrong_with_a_file_is_said_with_its_name(read, name, tmp_path):
    path = tmp_path / name
    path.write_bytes(BAD[name])
    with pytest.raises(ValueError, match=name):
        read(path)


@pytest.mark.parametrize("extension", ["png", "npz", "npy", "tif"])
@pytest.mark.parametrize("read", [cs.read_image, cs.read_mask])
def test_missing_files_and_folders(read, extension, tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / f"none.{extension}")
    (tmp_path / f"folder.{extension}").mkdir()
    with pytest.raises(IsADirectoryError):
        read(tmp_path / f"folder.{extension}")


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.zarr.zip", "zarr", "a", "a.csv"])
def test_other_formats_are_told_which_are_read(name, tmp_path):
    cs.write_png(tmp_path / "i.png", np.ones((2, 2), np.uint8))
    for read in (
        cs.read_image,
        cs.read_mask,
        lambda path: cs.measure_file(path, tmp_path / "i.png"),
        lambda path: cs.measure_file(tmp_path / "i.png", path),
    ):
        with pytest.raises(ValueError, match=f"{name}: expected an image or a label image: "):
            read(tmp_path / name)
        with pytest.raises(ValueError, match=EVERY_FORMAT):
            read(tmp_path / name)


def test_the_formats_that_are_listed_are_read(tmp_path):
    """Each of them gets as far as the file, which is not there."""
    for extension, form in readers.FORMATS.items():
        if form.module and find_spec(form.module) is None:
            continue
        for read in (cs.read_image, cs.read_mask):
            with pytest.raises(FileNotFoundError):
                read(tmp_path / f"a{extension.upper()}")
    for extension in tables.FORMATS:
        with pytest.raises(FileNotFoundError):
            cs.read_table(tmp_path / f"a{extension}")
    with pytest.raises(
        ValueError, match=r"a\.xlsx: expected a table: \.csv, \.csv\.gz; \.parquet "
    ):
        cs.read_table(tmp_path / "a.xlsx")
    with pytest.raises(ValueError, match=r"\(needs pip install 'cellsieve\[parquet\]'\)$"):
        cs.write_table(pd.DataFrame({"a": [1]}), tmp_path / "a.xlsx")


def test_cellposes_own_file(tmp_path):
    """It is a dictionary of everything; what to export instead is said."""
    path = tmp_path / "a_seg.npy"
    np.save(path, {"masks": np.eye(3, dtype=np.uint16), "filename": "a.tif"})
    for read in (cs.read_mask, cs.read_image, lambda path: cs.measure_file(path, path)):
        with pytest.raises(ValueError, match=r"a_seg\.npy: is cellpose's .*--save_tif"):
            read(path)
    np.save(path, np.eye(3, dtype=np.uint16))  # somebody's own, of that name
    np.testing.assert_array_equal(cs.read_mask(path), np.eye(3))


def test_refused_masks(tmp_path):
    for name, array, said in [
        ("float.npy", np.zeros((2, 2)), "float64 is not supported; expected an integer"),
        ("bool.npy", np.zeros((2, 2), bool), "bool is not supported"),
        ("negative.npy", np.array([[1, -5]]), "label -5"),
        ("volume.npy", np.zeros((2, 2, 2), int), "two dimensions"),
    ]:
        np.save(tmp_path / name, array)
        with pytest.raises(ValueError, match=f"{name}: .*{said}"):
            cs.read_mask(tmp_path / name)
    cs.write_png(tmp_path / "rgb.png", np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match="3 channels; a label image has one"):
        cs.read_mask(tmp_path / "rgb.png")


def test_no_pickle_is_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    np.save(tmp_path / "trap.npy", np.array([[Trap()]], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "trap.npz", np.array([[Trap()]], dtype=object))
    (tmp_path / "sprung").unlink(missing_ok=True)
    for name in ("trap.npy", "trap.npz"):
        for read in (cs.read_image, cs.read_mask):
            with pytest.raises(ValueError, match="pickle"):
                read(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def forged(extension):
    """A small file that declares 20,000 x 20,000 pixels."""
    if extension == "png":
        whole = png_bytes(np.zeros((2, 2)), 8, 0)
        return (
            whole[:8]
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0))
            + whole[33:]
        )
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<i8", "fortran_order": False, "shape": (20_000, 20_000)}
    )
    if extension == "npy":
        return header.getvalue()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("arr_0.npy", header.getvalue())
    return archive.getvalue()


@pytest.mark.parametrize("extension", ["png", "npy", "npz"])
def test_declared_sizes_are_checked_before_memory_is_taken(extension, tmp_path):
    resource = pytest.importorskip("resource", reason="Unix counts memory")
    path = tmp_path / f"forged.{extension}"
    path.write_bytes(forged(extension))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"20000 x 20000 pixels; .* max_pixels"):
        cs.read_mask(path)
    with pytest.raises(ValueError, match="truncated"):
        cs.read_mask(path, max_pixels=10**9)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000, f"{grown} KiB for a file of {path.stat().st_size} bytes"


def test_a_caller_can_raise_the_limit(tmp_path):
    np.save(tmp_path / "mask.npy", np.ones((10, 10), np.uint8))
    with pytest.raises(ValueError, match="at most 99 pixels"):
        cs.read_mask(tmp_path / "mask.npy", max_pixels=99)
    assert cs.read_mask(tmp_path / "mask.npy", max_pixels=100).sum() == 100


class TestOtherPrograms:
    """Masks as segmentation programs write them are plain cases."""

    mask = np.zeros((30, 40), np.uint16)
    mask[2:9, 3:20] = 1
    mask[15:20, 10:30] = 300
    image = (mask * 3 + 7).astype(np.uint16)

    def measured(self, tmp_path, name):
        cs.write_png(tmp_path / "image.png", self.image)
        return cs.measure_file(tmp_path / name, tmp_path / "image.png")["label"].tolist()

    def test_cellpose_png(self, tmp_path):
        Image.fromarray(self.mask).save(tmp_path / "a_cp_masks.png")
        assert self.measured(tmp_path, "a_cp_masks.png") == [1, 300]

    def test_cellpose_tiff(self, tmp_path):
        tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")
        tifffile.imwrite(tmp_path / "a_cp_masks.tif", self.mask, compression="zlib")
        assert self.measured(tmp_path, "a_cp_masks.tif") == [1, 300]

    def test_stardist(self, tmp_path):
        tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")
        tifffile.imwrite(tmp_path / "labels.tif", self.mask.astype(np.int32))
        assert self.measured(tmp_path, "labels.tif") == [1, 300]

    def test_hpa_cell_segmentation(self, tmp_path):
        np.savez_compressed(tmp_path / "a_cellmask.npz", self.mask)
        assert self.measured(tmp_path, "a_cellmask.npz") == [1, 300]
        Image.fromarray(self.mask.astype(np.uint8)).save(tmp_path / "mask.png")
        assert self.measured(tmp_path, "mask.png") == [1, 44]


class TestMeasureFile:
    """One image on disk gives what its arrays give."""

    @pytest.mark.parametrize("image_kind", [np.uint8, np.uint16, np.float32])
    @pytest.mark.parametrize("mask_kind", [np.uint8, np.uint16, np.int32, np.int64])
    def test_equals_measure(self, mask_kind, image_kind, tmp_path, rng):
        mask = (rng.integers(0, 3, (50, 60)) * rng.integers(0, 90, (50, 60))).astype(mask_kind)
        image = rng.integers(0, 255, (50, 60)).astype(image_kind)
        np.savez_compressed(tmp_path / "m.npz", mask)
        np.save(tmp_path / "i.npy", image)
        found = cs.measure_file(tmp_path / "m.npz", tmp_path / "i.npy")
        assert found.equals(cs.measure(mask, image))

    def test_a_channel_of_a_colour_image(self, tmp_path, rng):
        mask = rng.integers(0, 3, (20, 30)).astype(np.uint8)
        image = rng.integers(0, 255, (20, 30, 4)).astype(np.uint8)
        cs.write_png(tmp_path / "m.png", mask)
        cs.write_png(tmp_path / "i.png", image)
        found = cs.measure_file(tmp_path / "m.png", tmp_path / "i.png", channel="alpha")
        assert found.equals(cs.measure(mask, image[..., 3]))
        with pytest.raises(ValueError, match=r"i\.png: has 4 channels \(red, green, blue, alpha\)"):
            cs.measure_file(tmp_path / "m.png", tmp_path / "i.png")
        with pytest.raises(ValueError, match=r"found no \"yellow\""):
            cs.measure_file(tmp_path / "m.png", tmp_path / "i.png", channel="yellow")

    def test_shapes_differ(self, tmp_path):
        cs.write_png(tmp_path / "m.png", np.zeros((20, 30), np.uint8))
        cs.write_png(tmp_path / "i.png", np.zeros((30, 20), np.uint8))
        with pytest.raises(ValueError, match="30 x 20 pixels, its mask 20 x 30"):
            cs.measure_file(tmp_path / "m.png", tmp_path / "i.png")

    def test_clipping_is_judged_by_the_file(self, tmp_path):
        """255 in an int64 file was not clipped, though its ids fit 8 bits."""
        mask = np.zeros((5, 9), np.int64)
        mask[0, ::2], mask[4, 4] = 255, 1
        cs.write_png(tmp_path / "i.png", np.ones((5, 9), np.uint8))
        np.savez(tmp_path / "wide.npz", mask)
        assert len(cs.measure_file(tmp_path / "wide.npz", tmp_path / "i.png")) == 2
        tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")
        tifffile.imwrite(tmp_path / "wide.tif", mask.astype(np.int32))
        assert len(cs.measure_file(tmp_path / "wide.tif", tmp_path / "i.png")) == 2
        np.savez(tmp_path / "narrow.npz", mask.astype(np.uint8))
        with pytest.warns(UserWarning, match="clipped"):
            cs.measure_file(tmp_path / "narrow.npz", tmp_path / "i.png")
