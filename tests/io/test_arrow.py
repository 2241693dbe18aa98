"""Tables of polars, pyarrow and others come in, and go out, through Arrow's capsules."""

import pandas as pd
import pytest

import cellsieve as cs

pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")


class Capsule:
    """A table of a library that nobody knows."""

    def __init__(self, frame):
        self._table = pyarrow.Table.from_pandas(frame, preserve_index=False)
        self._table = self._table.replace_schema_metadata(None)

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.mark.filterwarnings("ignore:.* none can be cut:UserWarning")
def test_cells(clean_table, small_set):
    cells = cs.read_table(small_set / "cells.csv")
    given = Capsule(cells)
    options = {"by": "class_label", "lower": 0.2, "upper": 0.9, "min_group": 2, "multi": "own"}
    expected = cs.clean(cells, **options)
    pd.testing.assert_frame_equal(cs.clean(given, **options), expected)
    limits = cs.percentile_limits(cells, multi="own")
    for tables in (given, [given], [Capsule(cells[:9]), cells[9:]]):
        pd.testing.assert_frame_equal(cs.percentile_limits(tables, multi="own"), limits)
    counts = cs.count_reasons(expected)
    pd.testing.assert_frame_equal(cs.count_reasons(Capsule(expected)), counts)
    # And out: what is pandas' can be taken as a capsule.
    assert pyarrow.table(expected).num_rows == len(cells)


def test_images_and_labels(small_set, small_images):
    table = small_images.table.drop(columns=["problem", "class_label"])
    labels = pd.DataFrame({"ID": table["image_id"], "Label": ["0", "0", "16", "16", "0|16", "16"]})
    images = cs.ImageSet.from_table(Capsule(table), Capsule(labels))
    expected = cs.measure_images(small_images, "green", progress=False)
    found = cs.measure_images(images, "green", progress=False)
    pd.testing.assert_frame_equal(found, expected)


def test_gaps_and_dictionaries():
    frame = pd.DataFrame(
        {
            "image_id": ["007", "a"],
            "class_label": pd.Categorical(["1", None]),
            "label": [1, 2],
            "area": pd.array([4, None], "Int64"),
            "fraction": [0.5, 0.25],
        }
    )
    found = cs.clean(Capsule(frame), by=None, min_group=1)
    assert found["image_id"].tolist() == ["007", "a"]
    assert found["class_label"].isna().tolist() == [False, True]
    assert found["area"].isna().tolist() == [False, True]


def test_plates():
    from cellsieve.trial.planted import plant

    made = plant(group_size=4, train_experiments=4, test_experiments=2, missing=0, seed=1)
    layout = cs.PlateLayout.fit(Capsule(made.train))
    expected = cs.PlateLayout.fit(made.train).infer(made.test, made.logits, "logit")
    found = layout.infer(Capsule(made.test), made.logits, "logit")
    assert str(found) == str(expected)
