"""What may be resumed, by one rule for `measure`, `annotate`, `masks` and `crops`."""

import json

import numpy as np
import pytest

import cellsieve as cs
from cellsieve.cli import main

MEASURE = {
    "quantile": (["--quantile", "0.9"], "quantile was 0.99, now 0.9"),
    "threshold": (
        ["--threshold", "7"],
        "quantile was 0.99, now not given; threshold was not given, now 7.0",
    ),
    "channel": (["--channel", "red"], "channel was green, now red"),
    "convention": (["--convention", "notebook"], "convention was cellsieve, now notebook"),
    "columns": (["--columns", "skimage"], "columns was cellsieve, now skimage"),
    "rle": (["--rle"], "rle was off, now on"),
}
MASKS = {"all_cells": (["--all-cells"], "all_cells was off, now on")}
CROPS = {
    **MASKS,
    "channels": (["--channels", "red"], "channels was green, now red"),
    "size": (["--size", "9x8"], "size was not given, now 9,8"),
    "fit": (
        ["--size", "9", "--fit", "shrink"],
        "size was not given, now 9,9; fit was cut, now shrink",
    ),
    "keep": (["--keep", "all"], "keep was cell, now all"),
    "kind": (
        ["--kind", "tar", "--shard-cells", "3"],
        "kind was png, now tar; shard_cells was not given, now 3",
    ),
    "folders": (["--folders"], "folders was off, now on"),
    "per_class": (
        ["--per-class", "2"],
        "per_class was not given, now 2; seed was not given, now 0",
    ),
    "balance": (
        ["--balance", "--seed", "3"],
        "balance was off, now on; seed was not given, now 3",
    ),
}
ANNOTATE = {
    **MASKS,
    "format": (["--format", "mmdet"], "format was coco, now mmdet"),
    "multi": (["--multi", "one"], "multi was each, now one"),
    "categories": (["--categories", "NAMES"], "categories was not given, now 16=16,0=0"),
    "channel": (["--channel", "red"], "channel was green, now red"),
    "min_intensity": (["--min-intensity", "9"], "min_intensity was not given, now 9.0"),
    "except_class": (
        ["--min-intensity", "9", "--except-class", "0,16"],
        "min_intensity was not given, now 9.0; except_class was not given, now 0,16",
    ),
    "composites": (
        ["--composites", "RGB", "--picture", "jpg", "--colours", "red=blue,green=white"],
        "composites was not given, now rgb; picture was not given, now jpg; "
        "colours was not given, now red=blue,green=white",
    ),
}


@pytest.fixture
def command(small_set, clean_table):
    """A command's arguments, and its output."""
    (small_set / "names.json").write_text(json.dumps(["16", "0"]))
    places = {"NAMES": str(small_set / "names.json"), "RGB": str(small_set / "out" / "rgb")}

    def of(name, options=()):
        out = small_set / "out"
        output = {"measure": out / "cells.csv", "annotate": out / "a.json"}.get(name, out)
        arguments = [name, str(clean_table)]
        if name == "measure":
            arguments[1:] = [str(small_set / "images"), "--masks", str(small_set / "masks")]
        if name == "crops" and "--channels" not in options:
            arguments += ["--channels", "green"]
        return [*arguments, "-o", str(output), "-q", *(places.get(word, word) for word in options)]

    return of


def files_of(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def stop(monkeypatch):
    """The run is interrupted after its first image."""
    add = cs.journal.Journal.add

    def once(self, *rows):
        add(self, *rows)
        raise KeyboardInterrupt

    monkeypatch.setattr(cs.journal.Journal, "add", once)


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize(
    ("name", "cases"),
    [("measure", MEASURE), ("masks", MASKS), ("crops", CROPS), ("annotate", ANNOTATE)],
)
def test_other_settings_are_refused_by_name(
    command, small_set, monkeypatch, capsys, name, cases, finished
):
    with monkeypatch.context() as patch:
        if not finished:
            patch.setattr(cs.parallel, "CHUNK", 1)
            stop(patch)
        assert main(command(name)) == (0 if finished else 130)
    before = files_of(small_set / "out")
    assert any(".parts" in path for path in before) == (not finished)
    for options, said in cases.values():
        capsys.readouterr()
        assert main([*command(name, options), "--resume"]) == 2
        found = capsys.readouterr().err
        assert f": an earlier run had other settings: {said}; resume with the same, or" in found
        assert "--overwrite" in found
        assert found.count("\n") == 1
        assert files_of(small_set / "out") == before
    # The same settings go on, and files that may be larger are no other ones.
    assert main([*command(name), "--resume", "--max-pixels", "123456"]) == 0
    whole = files_of(small_set / "out")
    assert main([*command(name), "--overwrite"]) == 0
    assert files_of(small_set / "out") == whole
    # Others start over when asked to.
    options, _ = next(iter(cases.values()))
    assert main([*command(name, options), "--overwrite"]) == 0
    assert files_of(small_set / "out") != whole


@pytest.mark.parametrize("name", ["masks", "crops", "annotate"])
def test_a_table_cleaned_anew_is_no_other_setting(command, small_set, clean_table, name):
    assert main(command(name)) == 0
    rules = [cs.Rule("area", 0.3, 0.6)]
    options = {"min_group": 2, "overwrite": True}
    cs.clean_to([small_set / "cells.csv"], clean_table, rules, "own", **options)
    assert main([*command(name), "--resume"]) == 0
    index = "a.json" if name == "annotate" else "index.csv"
    resumed = {path: files_of(small_set / "out")[path] for path in (index, f"{index}.images.csv")
               if path in files_of(small_set / "out")}  # fmt: skip
    assert main([*command(name), "--overwrite"]) == 0
    again = files_of(small_set / "out")
    assert all(again[path] == content for path, content in resumed.items())


def test_what_says_nothing_of_its_settings_is_not_resumed(command, small_set, capsys):
    assert main(command("measure")) == 0
    listed = small_set / "out" / "cells.images.csv"
    images = cs.read_table(listed)
    for changed in (images.drop(columns="settings"), images.assign(settings="{"),
                    images.assign(settings="7")):  # fmt: skip
        cs.write_table(changed, listed)
        assert main([*command("measure"), "--resume"]) == 2
        found = capsys.readouterr().err
        assert f"{listed}: its column settings does not say" in found
        assert found.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("masks", []),
        ("crops", ["--kind", "png", "--folders"]),
        ("crops", ["--kind", "tar", "--shard-cells", "4"]),
        ("annotate", ["--composites", "RGB"]),
    ],
)
def test_the_name_of_the_output_leaves_no_trace(command, small_set, name, options):
    assert main(command(name, options)) == 0
    (small_set / "out").rename(small_set / "first")
    arguments = [word.replace("/out", "/another") for word in command(name, options)]
    assert main(arguments) == 0
    assert files_of(small_set / "first") == files_of(small_set / "another")
    assert len(files_of(small_set / "first")) > 3


def test_numbers_of_numpy_are_settings_too(clean_table, small_set):
    size = tuple(np.array([9, 8]))
    options = {"channels": ["green"], "per_class": np.int64(2), "size": size, "seed": 1}
    cs.crops(clean_table, small_set / "c", progress=False, **options)
    cs.crops(
        clean_table, small_set / "c", channels=("green",), per_class=2, size=(9, 8), seed=1,
        resume=True, progress=False,
    )  # fmt: skip
