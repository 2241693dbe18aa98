"""Cell tables as AnnData."""

import json

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main

anndata = pytest.importorskip("anndata", reason="needs the extra anndata")


def test_measures_and_what_belongs_to_them(clean_table, tmp_path):
    cells = cs.read_table(clean_table)
    made = cs.to_anndata(cells)
    assert made.var_names.tolist() == ["area", "area_above", "fraction"]
    for place, name in enumerate(made.var_names):
        np.testing.assert_array_equal(made.X[:, place], cells[name].to_numpy("float64"))
    assert made.var["unit"].tolist() == ["pixels", "pixels", "share"]
    assert (
        made.obs_names.tolist() == (cells["image_id"] + "+" + cells["label"].astype(str)).tolist()
    )
    for name in ("label", "clean", "threshold", "min_row"):
        np.testing.assert_array_equal(made.obs[name].to_numpy(), cells[name].to_numpy())
    for name in ("image_id", "class_label", "reason"):
        assert made.obs[name].astype(object).fillna("").tolist() == cells[name].fillna("").tolist()
    row = cells.iloc[3]
    assert made.obsm["spatial"][3].tolist() == [
        (row["min_col"] + row["max_col"] - 1) / 2,
        (row["min_row"] + row["max_row"] - 1) / 2,
    ]
    assert json.loads(made.uns["cellsieve"])["rules"][0]["column"] == "area"


def test_the_command(clean_table, tmp_path, capsys):
    output = tmp_path / "cells.h5ad"
    assert main(["export", str(clean_table), "-o", str(output)]) == 0
    assert str(output) in capsys.readouterr().out
    read, made = anndata.read_h5ad(output), cs.to_anndata(clean_table)
    np.testing.assert_array_equal(read.X, made.X)
    np.testing.assert_array_equal(read.obsm["spatial"], made.obsm["spatial"])
    assert read.obs_names.tolist() == made.obs_names.tolist()
    assert list(read.obs.columns) == list(made.obs.columns)
    assert (
        read.obs["class_label"].astype(str).tolist() == made.obs["class_label"].astype(str).tolist()
    )
    assert read.uns["cellsieve"] == made.uns["cellsieve"]
    assert main(["export", str(clean_table), "-o", str(output)]) == 2
    assert main(["export", str(clean_table), "-o", str(output), "--overwrite"]) == 0
    assert main(["export", str(clean_table), "-o", str(tmp_path / "cells.h5")]) == 2
    assert "expected a file that ends with .h5ad" in capsys.readouterr().err


def test_what_is_missing_is_nan(tmp_path):
    mask = np.ones((4, 4), np.uint8)  # no background, so no threshold
    cells = cs.measure(mask, mask)
    cells.insert(0, "image_id", "a")
    cells["class_label"] = pd.Series([pd.NA], dtype="str")
    made = cs.to_anndata(cells)
    assert made.X[:, 0].tolist() == [16.0]
    assert np.isnan(made.X[:, 1:]).all()
    cs.export_to(cells, tmp_path / "a.h5ad")
    assert np.isnan(anndata.read_h5ad(tmp_path / "a.h5ad").X[:, 1:]).all()


def test_rows_that_are_no_cells(clean_table):
    cells = cs.read_table(clean_table)
    with pytest.raises(ValueError, match="1 rows name a cell that is there already, as im0"):
        cs.to_anndata(pd.concat([cells, cells[:1]]))
    with pytest.raises(ValueError, match="has no column image_id"):
        cs.to_anndata(cells.drop(columns="image_id"))
    with pytest.raises(TypeError, match="cells: found list"):
        cs.to_anndata([1])
