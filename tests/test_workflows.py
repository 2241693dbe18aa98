"""The workflow in examples/ gives the files of a run that is not divided."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cellsieve.cli import main

SNAKEFILE = Path(__file__).resolve().parents[1] / "examples" / "Snakefile"


@pytest.fixture
def snakemake():
    """The command; one that stands on the path will do."""
    if importlib.util.find_spec("snakemake") is not None:
        return [sys.executable, "-m", "snakemake"]
    command = shutil.which("snakemake")
    if command is None:
        pytest.skip("snakemake is not installed")
    return [command]


def test_snakemake(small_set, snakemake):
    (small_set / "images" / "im1_green.png").write_bytes(b"broken")
    options = ["--labels", str(small_set / "train.csv"), "--channels", "green"]
    whole, divided = small_set / "whole", small_set / "divided"
    images, masks = str(small_set / "images"), str(small_set / "masks")
    cells, clean = str(whole / "cells.csv"), str(whole / "clean.csv")
    assert main(["measure", images, "--masks", masks, *options, "-o", cells, "-q"]) == 1
    assert main(["clean", cells, "-o", clean, "--by", "none", "-q"]) == 0
    found = subprocess.run(
        [
            *snakemake,
            *("--snakefile", str(SNAKEFILE), "--directory", str(divided), "--cores", "2"),
            *("--config", f"images={images}", f"masks={masks}", "shards=4"),
            *(f"cellsieve={sys.executable} -m cellsieve", f"options={' '.join(options)}"),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(small_set / "cache")},
    )
    assert found.returncode == 0, found.stderr
    written = {path.name for path in whole.iterdir()}
    assert written >= {"cells.csv", "cells.images.csv", "clean.csv", "clean.images.csv"}
    for name in written:
        assert (divided / name).read_bytes() == (whole / name).read_bytes()
    assert len(list((divided / "shards").glob("?.csv"))) == 4
