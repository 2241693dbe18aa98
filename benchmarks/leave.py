"""Table, encodings and crops of one image, against reading the files that they need.

    pip install '.[bench]' && python benchmarks/leave.py [--data FOLDER]

Each row is one image (four 8-bit channels and a mask; real ones with --data); each entry is the
fastest of interleaved runs in milliseconds, on one thread. `read 2` reads the mask and one channel,
`read 5` the mask and four channels, with cellsieve's own readers: the floor of any run. `table +
RLE` is measuring and encoding from files. `+ cut` also cuts every cell out of the four channels in
memory; `+ PNG`, `+ npz`, `+ npy` and `+ tar` write the crops too (to a RAM disk where there is
one). Values are compared with the numpy reference and with what is written.
"""

import io
import os
import tarfile
import tempfile
from pathlib import Path

import numpy as np

import cellsieve as cs
from cellsieve import _core
from cellsieve.trial import reference
from cellsieve.trial.synthetic import field, photograph
from timing import arguments, heading, interleaved, show

CHANNELS = ("red", "green", "blue", "yellow")


def made(folder, size):
    """One made-up image; its files."""
    rng = np.random.default_rng(3)
    mask, channels = field(512, 20, "cytosol", rng)
    side = max(1, size // 512)
    paths = {"mask": folder / "made.npz"}
    np.savez_compressed(paths["mask"], np.kron(mask, np.ones((side, side), np.uint16)))
    for name in CHANNELS:
        paths[name] = folder / f"made_{name}.png"
        cs.write_png(
            paths[name], photograph(np.kron(channels[name], np.ones((side, side))), 8, rng)
        )
    return paths


def real(data):
    for path in sorted(data.glob("hpa_cell_mask/*.npz")):
        channels = {name: data / f"train/{path.stem}_{name}.png" for name in CHANNELS}
        yield path.stem[:8], {"mask": path, **channels}


class Work:
    """What is done with the files of one image."""

    def __init__(self, paths, out):
        self.paths, self.out = paths, out

    def read_2(self):
        return cs.read_mask(self.paths["mask"]), cs.read_image(self.paths["green"])

    def read_5(self):
        images = [cs.read_image(self.paths[name]) for name in CHANNELS]
        return cs.read_mask(self.paths["mask"]), images

    def table(self):
        return cs.measure_file(self.paths["mask"], self.paths["green"], rle=True)

    def cut(self):
        mask, images = self.read_5()
        table = cs.measure(mask, images[1], rle=True)
        return table, cs.cut_cells(mask, images, table)

    def pngs(self):
        mask, images = self.read_5()
        table = cs.measure(mask, images[1], rle=True)
        top, left = table["min_row"], table["min_col"]
        windows = zip(top, left, table["max_row"] - top, table["max_col"] - left, strict=True)
        return _core.crop_pngs(mask, images, table["label"].tolist(), list(windows), "cell")

    def png(self):
        for place, content in enumerate(self.pngs()):
            (self.out / f"{place}.png").write_bytes(content)

    def npz(self):
        for place, crop in enumerate(self.cut()[1]):
            np.savez(self.out / f"{place}.npz", image=crop)

    def npy(self):
        for place, crop in enumerate(self.cut()[1]):
            np.save(self.out / f"{place}.npy", crop)

    def tar(self):
        with tarfile.open(self.out / "shard.tar", "w") as tar:
            for place, content in enumerate(self.pngs()):
                member = tarfile.TarInfo(f"{place}.png")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))

    def check(self):
        """Values against the numpy reference, and files against what they were made of."""
        table, crops = self.cut()
        mask, images = self.read_5()
        expected = reference.encode_rle(mask)
        counts = [cell["segmentation"]["counts"] for cell in expected]
        assert table["rle"].tolist() == counts == self.table()["rle"].tolist()
        assert table["area"].tolist() == [cell["area"] for cell in expected]
        self.png()
        self.npz()
        for place, (row, crop) in enumerate(zip(table.itertuples(), crops, strict=True)):
            box = np.s_[row.min_row : row.max_row, row.min_col : row.max_col]
            cell = mask[box] == row.label
            assert np.array_equal(crop, np.stack([image[box] * cell for image in images], axis=-1))
            assert np.array_equal(cs.read_image(self.out / f"{place}.png"), crop)
            with np.load(self.out / f"{place}.npz") as file:
                assert np.array_equal(file["image"], crop)


def main() -> None:
    options = arguments(__doc__.splitlines()[0])
    heading()
    ram = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=ram if os.access(ram, os.W_OK) else None) as temporary:
        folder = Path(temporary)
        images = [("made", made(folder, 128 if options.quick else 2048))]
        images += real(options.data) if options.data else []
        rows = []
        for name, paths in images:
            work = Work(paths, folder)
            work.check()
            ms = interleaved(
                {
                    "read 2": work.read_2,
                    "table + RLE": work.table,
                    "read 5": work.read_5,
                    "+ cut": work.cut,
                    "+ PNG": work.png,
                    "+ npz": work.npz,
                    "+ npy": work.npy,
                    "+ tar": work.tar,
                },
                options.repeats,
                min,
            )
            mask = cs.read_mask(paths["mask"])
            found = {"image": f"{name}, {mask.shape[0]}², {len(np.unique(mask)) - 1} cells"}
            for floor, names in (
                ("read 2", ["table + RLE"]),
                ("read 5", ["+ cut", "+ PNG", "+ npz", "+ npy", "+ tar"]),
            ):
                found[f"{floor} ms"] = ms[floor]
                for what in names:
                    found[f"{what} ms"] = ms[what]
                    found[f"{what} /"] = ms[what] / ms[floor]
            rows.append(found)
    show(rows)


if __name__ == "__main__":
    main()
