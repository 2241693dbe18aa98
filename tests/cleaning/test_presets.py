"""The rules that come with the package."""

import tomllib

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.io.preset import PRESETS, about, preset_text

CHANNELS = ("red", "green", "blue", "yellow")  # as many as the Atlas has
MEASURED = (
    "laplacian_variance_relative",
    "contrast",
    "saturated",
    "intensity_mean",
    "intensity_p05",
    "mass_displacement",
    "fraction",
)


def sound(rng, n=240, channels=()):
    """Cells in four images of which nothing is wrong."""
    cells = pd.DataFrame(
        {
            "image_id": np.repeat(["a", "b", "c", "d"], n // 4),
            "class_label": np.tile(["0", "16"], n // 2),
            "label": np.arange(1, n + 1),
            "area": rng.uniform(950, 1050, n),
            "equivalent_diameter_area": rng.uniform(34.8, 36.6, n),
            "perimeter": rng.uniform(115, 125, n),
            "axis_major_length": rng.uniform(38, 42, n),
            "solidity": rng.uniform(0.94, 0.96, n),
            "form_factor": rng.uniform(0.65, 0.75, n),
            "contact_share": rng.uniform(0, 0.1, n),
            "touches_border": False,
            "nuclei": 1,
        }
    ).astype({"image_id": "str", "class_label": "str"})
    for end in [f"_{channel}" for channel in channels] or [""]:
        cells[f"laplacian_variance_relative{end}"] = rng.uniform(0.95, 1.05, n)
        cells[f"contrast{end}"] = rng.uniform(20, 40, n)
        cells[f"saturated{end}"] = 0.0
        cells[f"intensity_mean{end}"] = rng.uniform(95, 105, n)
        cells[f"intensity_p05{end}"] = rng.uniform(45, 55, n)
        cells[f"mass_displacement{end}"] = rng.uniform(0.5, 1.5, n)
        cells[f"fraction{end}"] = rng.uniform(0.4, 0.6, n)
    return cells


#: What is planted in a cell, and how it shows.
FAULTS = {
    "out of focus": {"laplacian_variance_relative": 0.02},
    "saturated": {"saturated": 0.4},
    "at the border": {"touches_border": True},
    "no nucleus": {"nuclei": 0},
    "no signal": {"contrast": 0.3},
    "mask shifted": {"mass_displacement": 8.0, "intensity_p05": 12.0},
    "debris": {
        "area": 30.0,
        "equivalent_diameter_area": 6.2,
        "intensity_mean": 20.0,
        "contrast": 1.0,
        "nuclei": 0,
    },
    "merged": {"area": 2000.0, "perimeter": 220.0, "solidity": 0.7, "nuclei": 2},
    "split": {"area": 500.0, "axis_major_length": 22.0, "contact_share": 0.4, "nuclei": 0},
}
MITOTIC = {
    "intensity_mean": 300.0,
    "form_factor": 0.95,
    "area": 300.0,
    "equivalent_diameter_area": 19.5,
}


def planted(cells, preset, channel=""):
    """A cell for each fault that the preset looks for, and one in mitosis; the names by row."""
    names = {rule.name for rule in cs.preset(preset)}
    faults = {name: values for name, values in FAULTS.items() if name in names}
    for row, values in enumerate([*faults.values(), MITOTIC]):
        for column, value in values.items():
            name = column + channel if column in MEASURED else column
            cells[name] = cells[name].astype(type(value))
            cells.loc[row, name] = value
    return list(faults)


@pytest.mark.parametrize("channel", ["", "_red", "_green"])
@pytest.mark.parametrize("preset", ["faults", "nuclei"])
@pytest.mark.parametrize("extension", [None, ".csv", ".parquet"])
def test_planted_faults_are_found_by_name(preset, channel, extension, rng, tmp_path):
    """In one of several channels, or the only one; in memory and on disk."""
    cells = sound(rng, channels=CHANNELS if channel else ())
    names = planted(cells, preset, channel)
    if extension is None:
        found = cs.clean(cells, rules=preset)
    else:
        cs.write_table(cells, tmp_path / f"cells{extension}")
        inputs, output = [tmp_path / f"cells{extension}"], tmp_path / f"clean{extension}"
        cs.clean_to(inputs, output, preset)
        found = cs.read_table(output).fillna({"reason": "", "flagged": ""})
    for row, name in enumerate(names):
        assert name in found["reason"][row].split("; "), (row, name)
        assert not found["clean"][row]
    mitotic = len(names)
    assert "mitotic" in found["flagged"][mitotic]
    assert found["clean"][mitotic]
    assert found["clean"][mitotic:].mean() > 0.95
    assert not found["flagged"][mitotic + 1 :].any()
    assert {rule.name for rule in cs.rules_of(found)} == {rule.name for rule in cs.preset(preset)}


@pytest.mark.parametrize("preset", ["faults", "nuclei"])
def test_a_table_with_today_s_columns_says_what_could_not_be_looked_for(preset, rng, tmp_path):
    columns = ["image_id", "class_label", "label", "area", "perimeter", "solidity", "contact_share"]
    cells = sound(rng)[columns]
    cells.loc[0, ["area", "perimeter", "solidity"]] = [3000.0, 300.0, 0.5]
    with pytest.warns(UserWarning, match="not applied") as said:
        found = cs.clean(cells, rules=preset)
    left_out = {str(each.message).partition(":")[0] for each in said}
    assert {"out of focus", "saturated", "at the border", "debris", "mitotic"} <= left_out
    assert found["reason"][0] == "merged"
    recorded = {each["rule"] for each in found.attrs["cellsieve"]["not_applied"]}
    assert recorded == left_out


def test_the_notebooks_rule_is_the_default_band(rng):
    cells = sound(rng)
    cells.loc[:9, "class_label"] = "0|16"
    cells.loc[10:11, "class_label"] = "rare"
    found = cs.clean(cells, rules="notebook")
    pd.testing.assert_frame_equal(found, cs.clean(cells, min_group=1))
    assert set(found["reason"]) == {"", "low", "high", "multi_label"}
    several = cs.clean(sound(rng, channels=CHANNELS), rules="notebook")
    assert {"fraction_red low", "fraction_green high"} <= set(cs.count_reasons(several).index)


def test_unknown_names(rng):
    with pytest.raises(
        ValueError, match="preset: found 'fault'; expected faults, notebook, nuclei"
    ):
        cs.preset("fault")
    with pytest.raises(ValueError, match=r"rules: found '\.\./faults'; expected a list of Rule"):
        cs.clean(sound(rng), rules="../faults")


# ---- the commands ----


def test_a_preset_can_be_printed_edited_and_used(rng, tmp_path, capsys):
    assert main(["rules"]) == 0
    listed = capsys.readouterr().out
    for name in ("faults", "notebook", "nuclei"):
        assert f"{name} " in listed
        assert about(name) in listed
        assert main(["rules", name]) == 0
        printed = capsys.readouterr().out
        assert printed == preset_text(name)
        assert tomllib.loads(printed)["rule"]
    assert set(PRESETS) == {"faults", "notebook", "nuclei"}
    assert main(["rules", "faults"]) == 0
    text = capsys.readouterr().out
    (tmp_path / "mine.toml").write_text(text.replace('"debris"', '"dirt"'))
    cells = sound(rng)
    planted(cells, "faults")
    cs.write_table(cells, tmp_path / "cells.csv")
    command = ["clean", str(tmp_path / "cells.csv"), "-o", str(tmp_path / "clean.csv")]
    assert main([*command, "--rules", str(tmp_path / "mine.toml")]) == 0
    assert "dirt" in capsys.readouterr().out
    assert main([*command, "--preset", "faults", "--overwrite"]) == 0
    preset = cs.read_table(tmp_path / "clean.csv").fillna({"reason": "", "flagged": ""})
    pd.testing.assert_frame_equal(preset, cs.clean(cells, rules="faults"), check_dtype=False)


def test_the_summary_counts_reasons_rules_and_flags(rng, tmp_path, capsys):
    cells = sound(rng)
    planted(cells, "nuclei")
    cells = cells.drop(columns="contact_share")
    cells.loc[1, "touches_border"] = True  # and saturated
    cs.write_table(cells, tmp_path / "cells.csv")
    command = ["clean", str(tmp_path / "cells.csv"), "-o", str(tmp_path / "clean.csv")]
    assert main([*command, "--preset", "nuclei"]) == 0
    said, notes = capsys.readouterr()
    lines = [line.split() for line in said.splitlines()]
    found = cs.read_table(tmp_path / "clean.csv")
    counts = cs.count_reasons(found)
    assert ["cells", "failed_1", "failed_2"] in lines
    for reason, row in counts.iterrows():
        assert [*reason.split(), *map(str, row)] in lines
    assert counts.loc["saturated"].tolist() == [1, 0, 1]
    assert "1 flagged as mitotic" in said
    assert f"{found['clean'].sum()} of 240 cells kept" in said
    assert "note: split: not applied, since the table has no column contact_share" in notes


def test_preset_rules_and_single_arguments_exclude_each_other(rng, tmp_path, capsys):
    cs.write_table(sound(rng), tmp_path / "cells.csv")
    command = ["clean", str(tmp_path / "cells.csv"), "-o", str(tmp_path / "clean.csv")]
    for more, said in (
        (["--rules", "x.toml"], "--rules and --preset: found both; expected one of them"),
        (["--column", "area"], "--preset and --column: found both"),
    ):
        assert main([*command, "--preset", "faults", *more]) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*command, "--preset", "fauls"])
    assert "did you mean faults for fauls?" in capsys.readouterr().err
