"""The command that a report shows cleans as the table was cleaned."""

import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.look.report.command import command_of
from cellsieve.schema.verdicts import own_columns


def cells() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    names = ["fraction", "area", "solidity", "touches_border", "contrast_red", "contrast_green"]
    table = pd.DataFrame({name: rng.random(60) for name in names})
    table.insert(0, "image_id", [f"image {k % 3}" for k in range(60)])
    table.insert(1, "label", range(1, 61))
    return table.assign(class_label=[str(k % 2) for k in range(60)], nuclei=1)


def value(**own: object) -> cs.Rule:
    return cs.Rule("area", lower=0.1, kind="value", **own)  # type: ignore[arg-type]


SAID = [
    ({"rules": [cs.Rule("solidity", lower=-3, kind="mad")]}, "--column solidity --mad --lower -3"),
    (
        {"rules": [cs.Rule("area", upper=2, by=["image_id", "class_label"], kind="zscore")]},
        "--column area --zscore --by image_id,class_label --upper 2",
    ),
    (
        {"rules": [cs.Rule(lower=0.5, upper=2, by=None, kind="ratio")]},
        "--ratio --by none --lower 0.5 --upper 2",
    ),
    ({"rules": [cs.Rule(lower=-1e-7, kind="mad")]}, "--mad --lower=-1e-07"),
    ({"rules": [value()]}, "--column area --values --lower 0.1"),
    ({"rules": [cs.Rule(lower=0.1)]}, "--lower 0.1 --upper none"),
    (  # one for each channel
        {"rules": [cs.Rule("contrast", 0.1, 0.9, None)], "multi": "own"},
        "--column contrast --by none --lower 0.1 --upper 0.9 --multi own",
    ),
    (
        {"rules": [cs.Rule("contrast_red", lower=0.1)]},
        "--column contrast_red --lower 0.1 --upper none",
    ),
    ({"rules": [value(), cs.Rule("contrast", upper=0.9)]}, "--rules limits.toml"),
    ({"rules": "faults"}, "--preset faults"),
    ({"rules": "faults", "multi": "own"}, "--preset faults --multi own"),
    ({"rules": "notebook"}, "--lower 0.001 --upper 0.999 --min-group 1"),
    ({"rules": [value(unless={"class_label": ["0"]})]}, "--rules limits.toml"),
    ({"rules": [value(name="tiny")]}, "--rules limits.toml"),
    ({"rules": [value(), cs.Rule(upper=0.9)]}, "--rules limits.toml"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("asked", "said"), SAID)
def test_the_command_says_the_rules(asked: dict[str, object], said: str, tmp_path: Path) -> None:
    cs.write_table(cells(), tmp_path / "cells.csv")
    table = cs.clean(cells(), **asked)  # type: ignore[call-overload]
    output = tmp_path / "clean.csv"
    command = command_of(cs.rules_of(table), str(output), own_columns(table))
    assert command == shlex.join(["cellsieve", "clean", "CELLS", "-o", str(output)]) + f" {said}"
    cs.write_rules(cs.rules_of(table), tmp_path / "rules.toml")
    here = {"CELLS": "cells.csv", "limits.toml": "rules.toml"}
    words = [str(tmp_path / here[each]) if each in here else each for each in shlex.split(command)]
    assert main([*words[1:], "-q"]) == 0
    assert cs.rules_of(output) == cs.rules_of(table)
    assert (cs.read_table(output)["clean"] == table["clean"]).all()
