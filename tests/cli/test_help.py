"""Every command's help ends with an example, and the examples work as they stand."""

import argparse
import shlex
from importlib.util import find_spec

import pytest

import cellsieve as cs
from cellsieve.cli import main, parser
from cellsieve.trial.demo_plates import run_plates_demo


def commands(command, names=()):
    """The names and the parser of every command that does something."""
    groups = [
        action for action in command._actions if isinstance(action, argparse._SubParsersAction)
    ]
    if not groups:
        yield names, command
    for group in groups:
        for name, inner in group.choices.items():
            yield from commands(inner, (*names, name))


COMMANDS = dict(commands(parser()))


def example(command):
    """The last line of a command's help."""
    return command.format_help().rstrip().splitlines()[-1].strip()


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_help_ends_with_an_example(names):
    help_text = COMMANDS[names].format_help()
    assert "\nExample:\n  cellsieve " in help_text
    assert "-q, --quiet" in help_text
    assert shlex.split(example(COMMANDS[names]))[1 : len(names) + 1] == list(names)


def test_examples_work_one_after_the_other(tmp_path, monkeypatch, capsys):
    """In a folder such as the demo makes, in the order of the commands."""
    for extra in ("PIL", "jinja2", "matplotlib"):
        pytest.importorskip(extra, reason="the examples need the extras report and plot")
    monkeypatch.chdir(tmp_path)
    cs.make_demo_set(".", size=256)
    (tmp_path / "images" / "demo-11_green.png").unlink()  # the one without a mask
    for colour in ("red", "blue", "yellow"):
        (tmp_path / "images" / f"demo-11_{colour}.png").unlink()
    run_plates_demo("plates")
    for name in ("layout.json", "submission.csv", "wells.csv"):
        (tmp_path / "plates" / name).unlink()
    for names, command in COMMANDS.items():
        if names == ("export",) and find_spec("anndata") is None:
            continue
        assert main(shlex.split(example(command))[1:]) == 0, (names, capsys.readouterr().err)
    capsys.readouterr()
    quiet = [*shlex.split(example(COMMANDS["measure",])), "-q", "--overwrite"]
    assert main(quiet[1:]) == 0
    assert capsys.readouterr().out == ""
    for written in ("cells.csv", "crops/index.csv", "report.html", "plate.png", "overlay.png"):
        assert (tmp_path / written).stat().st_size > 0


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("mesure x", "measure for mesure"),
        ("measure x --maskz m -o c.csv", "--masks for --maskz"),
        ("measure x --masks m -o c.csv --chanel=green", "--channels for --chanel"),
        ("plates fitt train.csv", "fit for fitt"),
        ("crops c.csv -o x --kind pgn", "png for pgn"),
    ],
)
def test_typos(given, meant, capsys):
    with pytest.raises(SystemExit) as stop:
        main(given.split())
    assert stop.value.code == 2
    assert f"did you mean {meant}?" in capsys.readouterr().err


def test_nothing_like_it(capsys):
    with pytest.raises(SystemExit):
        main(["measure", "x", "--masks", "m", "-o", "c.csv", "--wwww"])
    error = capsys.readouterr().err
    assert error.startswith("usage: cellsieve measure")
    assert "unrecognized arguments: --wwww\n" in error
