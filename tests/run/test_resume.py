"""What may be resumed or replaced, by one rule for `measure`, `annotate`, `masks` and `crops`."""

import json
import subprocess
import sys
from concurrent.futures import Executor, Future

import numpy as np
import pytest

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.io.places import atomic

MEASURE = {
    "quantile": (["--quantile", "0.9"], "quantile was 0.99, now 0.9"),
    "threshold": (
        ["--threshold", "7"],
        "quantile was 0.99, now not given; threshold was not given, now 7.0",
    ),
    "channel": (["--channels", "red"], "channel was green, now red"),
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
        if name in ("crops", "measure") and "--channels" not in options:
            arguments += ["--channels", "green"]
        return [*arguments, "-o", str(output), "-q", *(places.get(word, word) for word in options)]

    return of


def files_of(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def stop(monkeypatch):
    """The run is interrupted after its first image."""
    add = cs.run.journal.Journal.add

    def once(self, *rows):
        add(self, *rows)
        raise KeyboardInterrupt

    monkeypatch.setattr(cs.run.journal.Journal, "add", once)


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
            patch.setattr(cs.run.parallel, "CHUNK", 1)
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


KINDS = [
    ("masks", []),
    ("crops", ["--kind", "png"]),
    ("crops", ["--kind", "npy", "--folders"]),
    ("crops", ["--kind", "npz", "--size", "9"]),
    ("crops", ["--kind", "tar", "--shard-cells", "4"]),
    ("annotate", ["--composites", "RGB"]),
]
kinds = pytest.mark.parametrize(("name", "options"), KINDS)


@kinds
def test_a_table_cleaned_anew_is_no_other_setting(command, small_set, clean_table, name, options):
    """What it ends with is what a new run makes of it: nothing of the other cells stays."""
    rules = [cs.Rule("area", None, 0.4)]
    first = {"min_group": 2, "overwrite": True}
    cs.clean_to([small_set / "cells.csv"], clean_table, rules, "own", **first)
    assert main(command(name, options)) == 0
    before = files_of(small_set / "out")
    cells = cs.read_table(clean_table)
    # Some cells are dropped, in one image all, and so are shards and folders of classes.
    stay = (cells["label"] % 3 > 0) & ~cells["image_id"].isin(["im2", "im4"])
    cs.write_table(cells.assign(clean=cells["clean"] & stay), clean_table)
    assert main([*command(name, options), "--resume"]) == 0
    resumed = files_of(small_set / "out")
    (small_set / "out").rename(small_set / "before")
    assert main(command(name, options)) == 0
    new = files_of(small_set / "out")
    assert len(new) < len(before)
    if name == "annotate":  # there is no list of the pictures of an earlier run
        resumed = {path: content for path, content in resumed.items() if path in new}
    assert resumed == new
    assert {path.name for path in (small_set / "before").iterdir()} >= {
        path.name for path in (small_set / "out").iterdir()
    }


KILLED = """
import sys
from pathlib import Path
from cellsieve.cli import main
from cellsieve.io.places import atomic
ending, number, arguments = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
replace, left = Path.replace, [number]
def slow(self, target):
    if Path(target).as_posix().endswith(ending):
        left[0] -= 1
        if left[0] == 0:  # this file is written, and not yet what it will be
            print("written", file=sys.__stdout__, flush=True)  # -q redirects the other
            sys.stdin.readline()
    return replace(self, target)
Path.replace = slow
main([*arguments, *(["--jobs", "1"] * (arguments[0] != "clean"))])
"""


def kill(arguments, ending, number=2):
    """Kills a run for good while it writes its second file that ends so."""
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, ending, str(number), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "written\n"
        process.kill()


def half_written(folder):
    return [path for path in folder.rglob(".*.tmp") if path.is_file()]


@pytest.mark.parametrize("again", ["--resume", "--overwrite"])
@pytest.mark.parametrize(
    ("name", "options", "ending"),
    [
        *(
            (name, options, ending)
            for (name, options), ending in zip(
                KINDS, [".npz", ".png", ".npy", ".npz", ".tar", ".png"], strict=True
            )
        ),
        ("masks", [], ".cells.csv"),
        ("measure", [], ".images.csv"),
        ("annotate", [], ".cells.csv"),
    ],
)
def test_a_killed_run_leaves_nothing_once_it_is_resumed(
    command, small_set, name, options, ending, again
):
    assert main(command(name, options)) == 0
    (small_set / "out").rename(small_set / "whole")
    kill(command(name, options), ending)
    assert half_written(small_set / "out")
    assert main([*command(name, options), again]) == 0
    assert files_of(small_set / "out") == files_of(small_set / "whole")


def test_a_run_killed_while_it_writes_its_image_table(command, small_set):
    assert main(command("measure")) == 0
    whole = files_of(small_set / "out")
    kill([*command("measure"), "--overwrite"], "/cells.images.csv", 1)
    assert half_written(small_set / "out")
    assert main([*command("measure"), "--resume"]) == 0
    assert files_of(small_set / "out") == whole


@kinds
@pytest.mark.parametrize("again", ["--resume", "--overwrite"])
def test_only_what_such_a_run_was_writing_is_swept(command, small_set, name, options, again):
    assert main(command(name, options)) == 0
    folder = small_set / "out"
    if name == "annotate":
        folder = folder / "rgb"
    known = next(path.name for path in folder.iterdir() if not path.name.startswith("index"))
    mine = [
        f"{known}.123.tmp",  # not hidden
        f".{known}.tmp",
        f".{known}.12a.tmp",
        f".{known}.123.tmp~",
        ".thesis.docx.123.tmp",
        ".123.tmp",
    ]
    for path in mine:
        (folder / path).write_text("mine")
    assert main([*command(name, options), again]) == 0
    assert all((folder / path).read_text() == "mine" for path in mine)


def test_other_outputs_beside_it_are_left_alone(command, small_set):
    assert main(command("measure")) == 0
    others = [".cells.csv.gz.12.tmp", ".cells.csv2.12.tmp", ".cells.csv.backup.tmp"]
    for path in others:
        (small_set / "out" / path).write_text("another run's")
    (small_set / "out" / ".cells.csv.12.tmp").write_text("half")
    for again in ("--resume", "--overwrite"):
        assert main([*command("measure"), again]) == 0
        assert {path.name for path in half_written(small_set / "out")} == set(others)


def test_runs_that_share_a_folder_of_pictures(command, small_set):
    """Annotations are locked, not their pictures: those of a process that lives are left alone."""
    arguments = command("annotate", ["--composites", "RGB"])
    assert main(arguments) == 0
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as living:
        path = small_set / "out" / "rgb" / f".im0.png.{living.pid}.tmp"
        path.write_text("half")
        (path.parent / f".im1.png.{2**31 - 1}.tmp").write_text("half")  # no system has so many
        for again in ("--resume", "--overwrite"):
            assert main([*arguments, again]) == 0
            assert half_written(small_set / "out") == [path]
    assert main([*arguments, "--resume"]) == 0
    assert not half_written(small_set / "out")


@kinds
def test_no_file_is_replaced_unasked(command, small_set, capsys, name, options):
    """Not even one that no earlier run has written."""
    arguments = command(name, options)
    assert main(arguments) == 0
    known = {path: content for path, content in files_of(small_set / "out").items()
             if not path.startswith(("index", "a.json"))}  # fmt: skip
    (small_set / "out").rename(small_set / "first")
    path = small_set / "out" / sorted(known)[len(known) // 2]
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    capsys.readouterr()
    assert main(arguments) == 2
    said = f"cellsieve: error: {path} exists; overwrite (--overwrite) to replace it\n"
    assert capsys.readouterr().err == said
    assert files_of(small_set / "out") == {str(path.relative_to(small_set / "out")): b"mine"}
    assert main([*arguments, "--overwrite"]) == 0
    assert files_of(small_set / "out") == files_of(small_set / "first")


@pytest.mark.parametrize("name", ["masks", "crops"])
def test_overwriting_removes_what_is_not_written_again(command, small_set, clean_table, name):
    options = ["--folders"] if name == "crops" else []
    assert main(command(name, options)) == 0
    cells = cs.read_table(clean_table)
    cs.write_table(cells[cells["image_id"].isin(["im0", "im1"])], clean_table)
    assert main([*command(name, options), "--overwrite"]) == 0
    again = files_of(small_set / "out")
    (small_set / "out").rename(small_set / "first")
    assert main(command(name, options)) == 0
    assert files_of(small_set / "out") == again
    assert not (small_set / "first" / "16").exists()


@pytest.mark.parametrize("name", ["masks", "crops"])
def test_a_run_that_is_going_on_loses_nothing_to_another(command, small_set, clean_table, name):
    """Not even to one that would overwrite it, and is refused."""
    assert main(command(name)) == 0
    whole = files_of(small_set / "out")
    met = []

    class Meddling(Executor):
        def submit(self, function, *arguments):
            before = files_of(small_set / "out")
            for again in ("--resume", "--overwrite"):
                met.append(main([*command(name), again]))
            assert files_of(small_set / "out") == before
            future = Future()
            future.set_result(function(*arguments))
            return future

    options = {"channels": ["green"]} if name == "crops" else {}
    run = getattr(cs, name)
    run(
        clean_table, small_set / "out", executor=Meddling(), overwrite=True, progress=False,
        **options,
    )  # fmt: skip
    assert set(met) == {2}
    assert len(met) > 4
    assert files_of(small_set / "out") == whole


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["masks", "-o", "masks"], "masks"),
        (["crops", "-o", "images", "--channels", "green"], "images"),
        (["annotate", "-o", "a.json", "--composites", "images"], "files"),
        (["annotate", "-o", "a.json", "--composites", "masks"], "files"),
    ],
)
def test_originals_are_never_replaced(small_set, clean_table, capsys, arguments, what):
    name, *options = [
        str(small_set / word) if word in ("masks", "images", "a.json") and place else word
        for place, word in enumerate(arguments)
    ]
    before = files_of(small_set)
    assert main([name, str(clean_table), *options, "--overwrite"]) == 2
    assert f"holds the original {what}, which would be lost" in capsys.readouterr().err
    assert files_of(small_set) == before


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


def test_two_writers_of_one_file(tmp_path):
    """As a task that a cluster gives to two workers: each ends with the whole file."""
    path = tmp_path / "crop.png"
    with atomic(path) as one:
        one.write_bytes(b"wh")
        with atomic(path) as other:
            other.write_bytes(b"whole")
        assert path.read_bytes() == b"whole"
        one.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    assert [each.name for each in tmp_path.iterdir()] == ["crop.png"]


@pytest.mark.parametrize("again", [[], ["--overwrite"]])
def test_what_a_killed_run_without_a_journal_leaves(clean_table, small_set, again):
    """`clean` and `merge` write files as a whole; half of one goes when it is begun again."""
    table = str(small_set / "new.csv")
    arguments = ["clean", str(small_set / "cells.csv"), "-o", table, "--by", "none", "-q"]
    assert main(arguments) == 0
    before = {path.name: path.read_bytes() for path in small_set.glob("new.*")}
    if not again:
        for path in small_set.glob("new.*"):
            path.unlink()
    kill([*arguments, "--overwrite"], "new.csv", 1)
    assert list(small_set.glob(".new.csv.*.tmp"))
    other = small_set / ".other.csv.1234567-12345678.tmp"
    other.write_text("another's")
    assert main([*arguments, *again]) == 0
    assert not list(small_set.glob(".new.*.tmp"))
    assert other.exists()
    assert {path.name: path.read_bytes() for path in small_set.glob("new.*")} == before
