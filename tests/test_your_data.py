"""docs/your-data.md, from top to bottom, on files laid out as each program leaves them."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from cellsieve.cli import main

PAGE = Path(__file__).resolve().parents[1] / "docs" / "your-data.md"


@pytest.fixture
def folder(tmp_path, monkeypatch, rng):
    """A folder for each program, with two small images and their masks."""
    tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")

    def write(name, pixels, **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, pixels, photometric="minisblack", **options)

    def image(*channels):
        return rng.integers(0, 200, (*channels, 24, 30)).astype(np.uint16)

    def mask():
        return np.kron(rng.permutation(20).reshape(4, 5), np.ones((6, 6))).astype(np.uint16)

    for number in range(2):
        write(f"cellpose/f{number}.tif", image())
        write(f"cellpose/f{number}_cp_masks.tif", mask())
        write(f"stardist/images/s{number}.tif", image())
        write(f"stardist/masks/s{number}.tif", mask())
        for wavelength in (1, 2):
            write(f"cellprofiler/A01_s{number}_w{wavelength}.tif", image())
        write(f"cellprofiler/A01_s{number}_Cells.tiff", mask())
        names = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}
        write(f"ome/o{number}.ome.tif", image(2), metadata=names)
        write(f"ome/o{number}_labels.tif", mask())
        write(f"plate{number + 1}/A01.tif", image())
        write(f"plate{number + 1}/A01_cp_masks.tif", mask())
        write(f"stacks/s{number}.tif", image(3), metadata={"axes": "ZYX"})
        write(f"stacks/s{number}_m.tif", mask()[::2, ::2])
        for well in ("A01", "B02"):
            for end in ("dna", "er"):
                write(f"screen/P{number}/{well}/f1_{end}.tif", image())
            write(f"screen/P{number}/{well}/f1_mask.tif", mask())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_of_the_page(folder, capsys):
    pytest.importorskip("distributed", reason="needs the extra dask")
    names = {"__name__": "page"}
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```", PAGE.read_text(), flags=re.M | re.S)
    assert len(blocks) > 10
    for language, block in blocks:
        if language == "python":
            exec(compile(block, str(PAGE), "exec"), names)
            continue
        for line in block.splitlines():
            assert main(shlex.split(line)[1:]) == 0, (line, capsys.readouterr().err)
    for same in ("dask.csv",):
        assert (folder / same).read_bytes() == (folder / "stardist.csv").read_bytes()
