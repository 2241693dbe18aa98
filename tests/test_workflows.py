"""The workflows in examples/ give the files of a run that is not divided."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cellsieve.cli import main

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
SNAKEFILE, NEXTFLOW = EXAMPLES / "Snakefile", EXAMPLES / "main.nf"


@pytest.fixture
def snakemake():
    """The command; one that stands on the path will do."""
    if importlib.util.find_spec("snakemake") is not None:
        return [sys.executable, "-m", "snakemake"]
    command = shutil.which("snakemake")
    if command is None:
        pytest.skip("snakemake is not installed")
    return [command]


@pytest.fixture
def run(small_set):
    """The options of a run with an image that fails, and the folder of one that is not divided."""
    (small_set / "images" / "im1_green.png").write_bytes(b"broken")
    options = ["--labels", str(small_set / "train.csv"), "--channels", "green"]
    whole = small_set / "whole"
    images, masks = str(small_set / "images"), str(small_set / "masks")
    cells, clean = str(whole / "cells.csv"), str(whole / "clean.csv")
    assert main(["measure", images, "--masks", masks, *options, "-o", cells, "-q"]) == 1
    assert main(["clean", cells, "-o", clean, "--by", "none", "-q"]) == 0
    return {"images": images, "masks": masks, "options": " ".join(options)}


def check_same(small_set):
    whole, divided = small_set / "whole", small_set / "divided"
    written = {path.name for path in whole.iterdir()}
    assert written >= {"cells.csv", "cells.images.csv", "clean.csv", "clean.images.csv"}
    for name in written:
        assert (divided / name).read_bytes() == (whole / name).read_bytes()
    assert len(list((divided / "shards").glob("?.csv"))) == 4


def test_snakemake(small_set, snakemake, run):
    divided = small_set / "divided"
    found = subprocess.run(
        [
            *snakemake,
            *("--snakefile", str(SNAKEFILE), "--directory", str(divided), "--cores", "2"),
            *("--config", f"images={run['images']}", f"masks={run['masks']}", "shards=4"),
            *(f"cellsieve={sys.executable} -m cellsieve", f"options={run['options']}"),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(small_set / "cache")},
    )
    assert found.returncode == 0, found.stderr
    check_same(small_set)


def test_the_commands_of_nextflow(small_set, run):
    """What runs in the tasks of Nextflow, which no package index has, as `bash -ue` runs it."""
    text = NEXTFLOW.read_text()
    scripts = dict(re.findall(r'process (\w+) \{.*?"""\n(.*?)"""', text, re.DOTALL))
    assert list(scripts) == ["MEASURE", "MERGE", "CLEAN"]
    divided = str(small_set / "divided")
    parts = [f"{divided}/shards/{shard}.csv" for shard in range(1, 5)]
    values = {f"file(params.{name})": run[name] for name in ("images", "masks")}
    values |= {"file(params.out)": divided, "params.shards": "4", "params.format": "csv"}
    values |= {"params.options": run["options"], "params.clean": "--by none", "task.cpus": "2"}
    values |= {"parts.join(\"' '\")": "' '".join(parts), "cells": f"{divided}/cells.csv"}
    work = [*(("MEASURE", {"shard": str(shard)}) for shard in range(1, 5)), ("MERGE", {})]
    for name, more in [*work, ("CLEAN", {})]:
        filled = re.sub(
            r"\$\{(.*?)\}", lambda found, more=more: (values | more)[found[1]], scripts[name]
        )
        filled = filled.replace("\\\n", "").replace("\\$", "$")
        command = f'cellsieve() {{ "{sys.executable}" -m cellsieve "$@"; }}\n{filled}'
        found = subprocess.run(["bash", "-uec", command], capture_output=True, text=True)
        assert found.returncode == 0, found.stderr
    check_same(small_set)


def test_every_task_of_nextflow_uses_the_container():
    text = NEXTFLOW.read_text()
    for name, body in re.findall(r"^process (\w+) \{\n(.*?)^\}", text, re.DOTALL | re.MULTILINE):
        assert 'container "${params.container}"' in body, name
        assert "containerOptions { mounts() }" in body, name


def test_the_container_file():
    """What can be said of it without building it."""
    lines = (ROOT / "Containerfile").read_text().replace("\\\n", "").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and line[0] != "#"]
    [base] = [rest for word, rest in steps if word == "FROM"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = re.fullmatch(r"docker\.io/library/python:3\.(\d+)-slim", base)
    lowest = re.fullmatch(r">=3\.(\d+)", project["requires-python"])
    assert int(version[1]) >= int(lowest[1])
    extras = re.search(r"cellsieve\[(.*?)\]", "\n".join(rest for _, rest in steps))
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])
    assert [rest for word, rest in steps if word == "USER"] == ["cellsieve"]
    assert steps[-1][0] == "CMD"
