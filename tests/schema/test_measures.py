"""The registry of measures: what follows from it, and each row against its naive definition."""

import inspect
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cellsieve as cs
from cellsieve import _core
from cellsieve.schema.cells import CELL_COLUMNS
from cellsieve.schema.measures import (
    BY_NAME,
    DEFAULT,
    MEASURES,
    UNASKED,
    handbook,
    kernels,
    markdown,
)
from cellsieve.trial import reference
from cellsieve.trial.naive import NAIVE
from conftest import blobs

#: Ids, and numbers without a unit.
UNITLESS = {row.name for row in MEASURES if row.family in ("shape", "focus", "place")} | {
    "label",
    "nucleus_label",
    "power_spectrum_slope",
}

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_default_columns_stay():
    assert CELL_COLUMNS == {
        "image_id": "str",
        "class_label": "str",
        "label": "int64",
        "min_row": "int64",
        "min_col": "int64",
        "max_row": "int64",
        "max_col": "int64",
        "area": "int64",
        "area_above": "Int64",
        "fraction": "float64",
        "threshold": "float64",
        "background_area": "int64",
    }


def test_a_table_has_the_columns_and_types_of_the_registry():
    found = cs.measure(np.array([[0, 1]]), np.array([[3, 4]], np.uint8))
    assert found.dtypes.astype(str).to_dict() == {row.name: row.dtype for row in DEFAULT}


def test_the_kernels_are_those_of_the_registry():
    with pytest.raises(ValueError, match=r"measures: found \"x\"; expected some of ") as error:
        _core.measure(np.ones((2, 2), int), [np.ones((2, 2), np.uint8)], ["x"])
    offered = str(error.value).split("some of ")[1].split(", ")
    assert set(offered) == set(kernels(MEASURES))
    alone = _core.measure(np.ones((2, 2), int))
    assert list(alone.columns) == list(UNASKED[:6])


def test_what_a_function_takes_is_asked_for():
    assert kernels([BY_NAME["fraction"]]) == ["area_above"]
    for row in MEASURES:
        before = [other.name for other in MEASURES[: MEASURES.index(row)]]
        assert set(row.sources) <= set(before), "a function stands after the columns it takes"


def test_names_are_taken_once_and_rows_are_complete():
    assert len(BY_NAME) == len(MEASURES)
    named = {row.name for row in MEASURES if row.whole is None}
    assert set(NAIVE) == named - {"power_spectrum_slope"}
    for row in MEASURES:
        assert all((row.dtype, row.family, row.sentence, row.formula, row.source)), row.name
        assert row.unit or row.name in UNITLESS, row.name


def test_the_documentation_says_what_the_registry_says():
    assert markdown(DEFAULT) in (DOCS / "cells.md").read_text()
    said = re.findall(r"^ *- `(\w+)`: (.*)$", inspect.getdoc(cs.measure), flags=re.M)
    assert said == [(row.name, row.sentence) for row in DEFAULT]


def test_the_page_of_the_documentation_is_made_from_the_registry():
    assert (DOCS / "properties.md").read_text() == handbook(), "see its first lines"


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    shape=st.tuples(st.integers(1, 30), st.integers(1, 120)),
    kind=st.sampled_from([np.uint8, np.uint16]),
    full=st.booleans(),
)
def test_the_notebooks_convention_equals_its_definition(seed, shape, kind, full):
    rng = np.random.default_rng(seed)
    mask = blobs(rng, shape, rng.permutation(40)[:9] + 1)
    if full:  # no pixel outside: the notebook's idea of a background
        mask[mask == 0] = 77
    image = rng.poisson(rng.choice([1, 30, 300]), shape).astype(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a mask with a single label in pieces
        found = cs.measure(mask, image, quantile=0.9, convention="notebook")
    expected = reference.measure(mask, image, 0.9, convention="notebook")
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_a_measure_without_its_image_is_refused():
    with pytest.raises(ValueError, match="image: found none; area_above can't be measured"):
        _core.measure(np.ones((2, 2), int), [], ["area_above"])
    with pytest.raises(ValueError, match="nuclei: found none"):
        _core.measure(np.ones((2, 2), int), [], ["nuclei"])
    holey = np.array([[1, np.nan]], np.float32)
    with pytest.raises(ValueError, match="the image holds NaN"):
        _core.measure(np.ones((1, 2), int), [holey], ["intensity_max"])
    image = np.ones((2, 2), np.uint8)
    with pytest.raises(ValueError, match="which it does not have"):
        _core.measure(np.ones((2, 2), int), [image], ["intensity_max"], convention="notebook")
