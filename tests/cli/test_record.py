"""What a run leaves on request: `--log` and `--summary`."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

import cellsieve as cs
from cellsieve.cli import main


@pytest.fixture
def arguments(small_set, monkeypatch):
    monkeypatch.chdir(small_set)
    (small_set / "images" / "im1_green.png").write_bytes(b"broken")
    return [
        *("measure", "images", "--masks", "masks", "--channels", "green", "-o", "out/cells.csv"),
        *("-q", "--log", "run.log", "--summary", "run.json"),
    ]


def lines(path="run.json"):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def logged():
    return Path("run.log").read_text().splitlines()


def test_the_summary(arguments, small_set):
    assert main(arguments) == 1
    (said,) = lines()
    assert said["command"] == "measure"
    assert said["version"] == cs.__version__
    assert said["exit_code"] == 1
    assert said["error"] is None
    assert 0 < said["seconds"] < 600
    cells = cs.read_table("out/cells.csv")
    assert said["counts"] == {"images": 6, "measured": 5, "failed": 1, "cells": len(cells)}
    assert said["settings"]["quantile"] == 0.99
    assert said["settings"]["channels"] == "green"
    assert said["settings"]["output"] == "out/cells.csv"
    # A run that resumes adds a line.
    assert main([*arguments, "--resume"]) == 1
    assert main([*arguments, "--resume", "--quantile", "0.5"]) == 2
    codes = [(each["exit_code"], bool(each["error"])) for each in lines()]
    assert codes == [(1, False), (1, False), (2, True)]
    assert "quantile was 0.99, now 0.5" in lines()[2]["error"]


def test_of_the_other_commands(arguments):
    main(arguments)
    table = cs.read_table("out/cells.csv")
    record = ["-q", "--summary", "all.json"]
    for command in (
        ["merge", "out/cells.csv", "-o", "merged.csv"],
        ["clean", "merged.csv", "-o", "clean.csv", "--by", "none", "--lower", "0.2"],
        ["annotate", "clean.csv", "-o", "a.json", "--multi", "one"],
        ["masks", "clean.csv", "-o", "m"],
        ["crops", "clean.csv", "-o", "c", "--channels", "green"],
    ):
        assert main([*command, *record]) == 0
    counts = {each["command"]: each["counts"] for each in lines("all.json")}
    clean = cs.read_table("clean.csv")["clean"]
    assert counts["merge"] == {"images": 6, "cells": len(table)}
    assert counts["clean"]["kept"] == clean.sum()
    assert counts["clean"]["reasons"] == {"low": (~clean).sum()}
    whole = {"images": 5, "failed": 0, "cells": clean.sum()}
    assert counts["annotate"] == whole
    assert counts["crops"] == whole | {"cut": 0}
    assert counts["masks"]["images"] == 5


def test_the_log(arguments, monkeypatch, capsys):
    monkeypatch.setattr(cs.run.parallel, "CHUNK", 1)
    assert main(arguments) == 1
    said = logged()
    assert f"INFO cellsieve {cs.__version__}: measure images --masks" in said[0]
    assert said[1].endswith("INFO measure: 6 of 6 images are to be done")
    assert sum(line.endswith("INFO measure: 6 of 6 images") for line in said) == 1
    (failed,) = [line for line in said if " WARNING " in line]
    assert "im1: " in failed
    assert "not a readable PNG" in failed
    assert "INFO exit code 1 after" in said[-1]
    # The next run goes on in the same file, and what it is refused for stands there too.
    assert main(arguments) == 2
    again = logged()
    assert again[: len(said)] == said
    assert "ERROR" in again[-2]
    assert "--overwrite" in again[-2]
    # Nothing is left that would hear of another run.
    assert [type(each) for each in logging.getLogger("cellsieve").handlers] == [logging.NullHandler]
    assert main([word for word in arguments if word not in ("--log", "run.log")]) == 2
    assert len(logged()) == len(again)


@pytest.mark.parametrize("option", ["--log", "--summary"])
def test_what_cannot_be_written_is_known_before_any_work(arguments, option, capsys):
    assert main([*arguments, option, "nowhere/file"]) == 2
    assert "nowhere/file: No such file or directory" in capsys.readouterr().err
    assert not Path("out").exists()


def test_an_interrupt(arguments):
    """The summary and the log of a run that was interrupted say so."""
    code = (
        "import signal, sys\nfrom cellsieve.run.journal import Journal\n"
        "from cellsieve.cli import main\n"
        "Journal.add = lambda self, *rows: signal.raise_signal(signal.SIGINT)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    found = subprocess.run([sys.executable, "-c", code, *arguments], check=False)
    assert found.returncode == 130
    (said,) = lines()
    kept = "interrupted; what is finished is kept, and --resume goes on from there"
    assert (said["exit_code"], said["error"]) == (130, kept)
    assert "exit code 130" in logged()[-1]
