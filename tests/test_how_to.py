"""docs/your-data.md and docs/how-to/, on files laid out as each program leaves them."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from cellsieve.cli import main

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = [DOCS / "your-data.md", *sorted((DOCS / "how-to").glob("*.md"))]
EXTRAS = {"dask": "distributed", "ome-zarr": "zarr", "anndata": "anndata", "jupyter": "jinja2"}


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
        write(f"qupath/q{number}.ome.tif", image(2), metadata=names)
        write(f"qupath/q{number}-labels.ome.tif", mask())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def zarrs(folder, rng):
    """Two OME-Zarr images with two channels and their labels."""
    zarr = pytest.importorskip("zarr", reason="needs the extra zarr")
    for number in range(2):
        path = folder / "zarrs" / f"z{number}.zarr"
        channels = {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}
        axes = [{"name": "c", "type": "channel"}, {"name": "y"}, {"name": "x"}]
        mask = np.kron(rng.permutation(20).reshape(4, 5), np.ones((6, 6))).astype(np.uint16)
        for where, pixels, omero in (
            (path, rng.integers(0, 200, (2, 24, 30)).astype(np.uint16), channels),
            (path / "labels" / "cells", mask, {}),
        ):
            group = zarr.open_group(str(where), mode="a", zarr_format=2)
            group.create_array("0", data=pixels)
            scales = {
                "version": "0.4",
                "axes": axes[-pixels.ndim :],
                "datasets": [{"path": "0"}],
            }
            group.attrs.update({"multiscales": [scales]} | ({"omero": omero} if omero else {}))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_the_page(page, folder, request, capsys):
    if page.stem in EXTRAS:
        pytest.importorskip(EXTRAS[page.stem], reason=f"needs the extra for {page.stem}")
    if page.stem == "ome-zarr":
        request.getfixturevalue("zarrs")
    names = {"__name__": "page"}
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```", page.read_text(), flags=re.M | re.S)
    assert blocks or page.stem in {"index", "s3"}
    for language, block in blocks:
        if language == "python":
            exec(compile(block, str(page), "exec"), names)
            continue
        for line in block.splitlines():
            assert main(shlex.split(line)[1:]) == 0, (line, capsys.readouterr().err)


def test_dask_and_threads_give_the_same(folder):
    pytest.importorskip("distributed", reason="needs the extra dask")
    for name in ("dask", "stardist"):
        page = (DOCS / "how-to" / f"{name}.md").read_text()
        names = {"__name__": "page"}
        for language, block in re.findall(r"^```(sh|python)\n(.*?)^```", page, flags=re.M | re.S):
            if language == "python":
                exec(compile(block, name, "exec"), names)
            else:
                assert main(shlex.split(block)[1:]) == 0
    assert (folder / "dask.csv").read_bytes() == (folder / "stardist.csv").read_bytes()
