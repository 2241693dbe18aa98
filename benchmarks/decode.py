"""Reading images and masks: PNG against cv2, Pillow and kornia-rs, .npz against numpy.

    pip install '.[bench]' && python benchmarks/decode.py [--data FOLDER]

Medians of interleaved runs in milliseconds, page cache warm, values checked equal. With `--data`, a
folder with the Human Protein Atlas' `train/*_green.png` and `hpa_cell_mask/*.npz`, real files are
read as well as made-up ones.
"""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import cellsieve as cs
from cellsieve.trial.synthetic import field, photograph
from timing import arguments, heading, interleaved, show

try:
    import cv2
except ImportError:
    cv2 = None
try:
    import kornia_rs
except ImportError:
    kornia_rs = None


def pngs(folder, options):
    """PNG files as Pillow writes them, and real ones."""
    rng = np.random.default_rng(5)
    size = 256 if options.quick else 2048
    _, channels = field(512, 20, "cytosol", rng)
    light = np.kron(channels["green"], np.ones((size // 512 or 1,) * 2))[:size, :size]
    for bits in (8, 16):
        path = folder / f"made, {bits} bits.png"
        Image.fromarray(photograph(light, bits, rng)).save(path)
        yield path
    if options.data:
        yield from sorted(options.data.glob("train/*_green.png"))
        yield from sorted(options.data.glob("portable16bit/*_green.png"))


def masks(folder, options):
    """Compressed masks of every type, and real ones."""
    mask, _ = field(512, 30, "cytosol", np.random.default_rng(6))
    side = 1 if options.quick else 4
    mask = np.kron(mask, np.ones((side, side), int))
    for kind in (np.uint8, np.uint16, np.int32, np.int64):
        path = folder / f"made, {np.dtype(kind)}.npz"
        np.savez_compressed(path, mask.astype(kind))
        yield path
    if options.data:
        yield from sorted(options.data.glob("hpa_cell_mask/*.npz"))


def main() -> None:
    options = arguments(__doc__.splitlines()[0])
    heading("opencv-python-headless", "pillow", "kornia-rs")
    with tempfile.TemporaryDirectory() as temporary:
        folder, rows = Path(temporary), []
        for path in pngs(folder, options):
            readers = {"cellsieve": lambda p=path: cs.read_image(p)}
            readers["Pillow"] = lambda p=path: np.asarray(Image.open(p))
            if cv2 is not None:
                readers["cv2"] = lambda p=path: cv2.imread(str(p), cv2.IMREAD_UNCHANGED)
            if kornia_rs is not None:
                readers["kornia-rs"] = kornia_reader(path)
            expected = readers["Pillow"]()
            for name, read in readers.items():
                assert np.array_equal(np.squeeze(read()), expected), name
            readers["read bytes"] = lambda p=path: p.read_bytes()
            ms = interleaved(readers, options.repeats)
            rows.append(
                {
                    "file": path.name[:24],
                    "MB": path.stat().st_size / 1e6,
                    **{
                        f"{name} ms": ms.get(name, float("nan"))
                        for name in ("cellsieve", "cv2", "Pillow", "kornia-rs", "read bytes")
                    },
                    "cv2 / cellsieve": ms.get("cv2", float("nan")) / ms["cellsieve"],
                }
            )
        show(rows)
        print()
        rows = []
        for path in masks(folder, options):
            readers = {
                "cellsieve": lambda p=path: cs.read_mask(p),
                "np.load": lambda p=path: np.load(p)["arr_0"],
            }
            expected = readers["np.load"]()
            assert np.array_equal(readers["cellsieve"](), expected)
            ms = interleaved(readers, options.repeats)
            rows.append(
                {
                    "file": f"{path.name[:24]} ({expected.dtype})",
                    "kB": path.stat().st_size / 1e3,
                    **{f"{name} ms": value for name, value in ms.items()},
                    "np.load / cellsieve": ms["np.load"] / ms["cellsieve"],
                }
            )
        show(rows)


def kornia_reader(path):
    """It has one reader of gray PNG for each depth, whose name has changed over time."""
    bits = 16 if Image.open(path).mode.startswith("I") else 8
    io = getattr(kornia_rs, "io", kornia_rs)
    for name in (f"read_image_png_u{bits}", f"read_image_png_{bits}"):
        if hasattr(io, name):
            return lambda: np.asarray(getattr(io, name)(str(path), "mono"))
    return lambda: np.asarray(io.read_image(str(path)))


if __name__ == "__main__":
    main()
