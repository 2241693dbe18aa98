"""Column names of other programs, and what those programs make of them."""

import inspect

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs

RULES = [cs.Rule("fraction", 0.1, 0.9), cs.Rule("area", 20, None, kind="value")]


@pytest.fixture
def measured(small_images, rng):
    cells = cs.measure_images(small_images, "green", progress=False)
    area = rng.permutation(len(cells)) + 10
    return cells.assign(area=area, fraction=rng.random(len(cells)))


def written(measured, folder, rules, **settings):
    """The names in a table that the command line writes."""
    cs.write_table(measured, folder / "cells.csv")
    cs.clean_to(
        [folder / "cells.csv"],
        folder / "clean.parquet",
        rules,
        columns="cellprofiler",
        overwrite=True,
        **settings,
    )
    return cs.read_table(folder / "clean.parquet")


def test_names_as_cellprofiler_has_them(measured):
    own = measured.assign(plate="P1", Metadata_Well="A01", Nuclei_AreaShape_Area=7)
    found = cs.rename_columns(own, "cellprofiler")
    assert found.columns.tolist() == [
        "Metadata_image_id",
        "Metadata_class_label",
        "Metadata_ObjectNumber",
        "Cells_AreaShape_BoundingBoxMinimum_Y",
        "Cells_AreaShape_BoundingBoxMinimum_X",
        "Cells_AreaShape_BoundingBoxMaximum_Y",
        "Cells_AreaShape_BoundingBoxMaximum_X",
        "Cells_AreaShape_Area",
        "Cells_cellsieve_area_above",
        "Cells_cellsieve_fraction",
        "Metadata_threshold",
        "Metadata_background_area",
        "Metadata_plate",
        "Metadata_Well",
        "Nuclei_AreaShape_Area",
    ]
    pd.testing.assert_frame_equal(found.set_axis(own.columns, axis="columns"), own)
    with pytest.raises(ValueError, match="two of its columns would be named Metadata_ObjectNumber"):
        cs.rename_columns(measured.assign(Metadata_ObjectNumber=1), "cellprofiler")
    with pytest.raises(ValueError, match="columns: found 'napari'"):
        cs.rename_columns(measured, "napari")


def flags_of(table):
    return table.filter(regex="^Metadata_cqc_").rename(
        columns=lambda name: name.removeprefix("Metadata_cqc_").removesuffix("_is_outlier")
    )


def test_one_rule_has_one_verdict(measured, tmp_path):
    cleaned = cs.clean(measured, lower=0.2, upper=0.8, multi="own", min_group=2)
    assert not cleaned["clean"].all()
    found = written(measured, tmp_path, [cs.Rule("fraction", 0.2, 0.8)], multi="own", min_group=2)
    flags = flags_of(found)
    assert flags.columns.tolist() == ["cellsieve_fraction"]
    np.testing.assert_array_equal(flags["cellsieve_fraction"], ~cleaned["clean"])
    assert flags["cellsieve_fraction"].dtype == bool
    pd.testing.assert_frame_equal(flags_of(cs.rename_columns(cleaned, "cellprofiler")), flags)
    again = flags_of(cs.rename_columns(pd.DataFrame(cleaned.to_dict("list")), "cellprofiler"))
    assert again.columns.tolist() == ["cellsieve"], "without a word of its rules"
    np.testing.assert_array_equal(again["cellsieve"], ~cleaned["clean"])
    assert flags_of(cs.rename_columns(measured, "cellprofiler")).empty


def test_every_rule_has_its_verdict(measured, tmp_path):
    """Each is that of the rule alone; a cell is clean where none says otherwise."""
    rules = [*RULES, cs.Rule("area", None, 0.8)]
    cleaned = cs.clean(measured, rules=rules, min_group=2)
    flags = flags_of(written(measured, tmp_path, rules, min_group=2))
    assert flags.columns.tolist() == ["cellsieve_fraction", "cellsieve_area", "cellsieve_area_2"]
    assert flags.nunique().tolist() == [2, 2, 2]
    assert (flags["cellsieve_area"] != flags["cellsieve_area_2"]).any()
    np.testing.assert_array_equal(flags.any(axis="columns"), ~cleaned["clean"])
    for name, rule in zip(flags, rules, strict=True):
        alone = cs.clean(measured, rules=[rule], min_group=2)
        np.testing.assert_array_equal(flags[name], ~alone["clean"], err_msg=name)
    assert {"area multi_label", "fraction multi_label"} <= set(
        "; ".join(cleaned["reason"]).split("; ")
    )


def test_marks_by_hand_have_the_last_word(measured, tmp_path):
    rules = [*RULES, cs.Rule("area", None, 0.8)]
    cleaned = cs.clean(measured, rules=rules, min_group=2)
    rows = [int(np.flatnonzero(cleaned["clean"])[0]), int(np.flatnonzero(~cleaned["clean"])[0])]
    marks = cleaned.loc[rows, ["image_id", "label"]].assign(mark=["drop", "keep"])
    found = written(measured, tmp_path, rules, min_group=2, overrides=marks)
    flags = flags_of(found).loc[rows]
    assert flags.to_numpy().tolist() == [[True] * 3, [False] * 3]


@pytest.mark.parametrize("extension", [".csv", ".csv.gz", ".parquet"])
def test_pycytominer_reads_it(measured, tmp_path, extension):
    """From the file on disk, as its users go on from single cells to profiles."""
    pycytominer = pytest.importorskip("pycytominer", reason="pycytominer is not installed")
    from pycytominer.cyto_utils import infer_cp_features

    found = written(measured, tmp_path, RULES, multi="own", min_group=2)
    path = tmp_path / f"profiles{extension}"
    cs.write_table(found, path)
    features = infer_cp_features(found)
    assert features == [name for name in found if name.startswith("Cells_")]
    assert {*features, *infer_cp_features(found, metadata=True)} == set(found)

    normalized = pycytominer.normalize(str(path), method="standardize")
    assert len(normalized) == len(found)
    np.testing.assert_allclose(normalized[features].mean(), 0, atol=1e-9)
    assert set(normalized) == set(found)
    selected = pycytominer.feature_select(
        normalized, operation=["variance_threshold", "correlation_threshold", "drop_na_columns"]
    )
    assert "Cells_AreaShape_Area" in selected
    assert any(name in selected for name in features if "cellsieve" in name)
    profiles = pycytominer.aggregate(
        normalized, strata=["Metadata_image_id"], features=features, compute_object_count=True
    )
    assert profiles["Metadata_Object_Count"].sum() == len(found)

    if "drop_cosmicqc_rows" in inspect.signature(pycytominer.normalize).parameters:
        kept = pycytominer.normalize(str(path), method="standardize", drop_cosmicqc_rows=True)
        clean = found[found["Metadata_clean"]]
        assert 0 < len(clean) < len(found)
        for name in ("image_id", "ObjectNumber"):
            assert kept[f"Metadata_{name}"].tolist() == clean[f"Metadata_{name}"].tolist()
