"""Run-length encodings: byte-equal to pycocotools, and back."""

import base64
import json
import zlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

import cellsieve as cs
from cellsieve.cells.rle import compress, from_hpa, to_hpa, uncompress
from cellsieve.trial import reference

# pycocotools' own arrays still speak numpy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

DTYPES = ["u1", "<u2", ">u2", "<u4", "u8", "<i2", "<i4", ">i4", "<i8"]


def by_pycocotools(mask):
    """The same list, cell by cell."""
    cells = []
    for label in np.unique(mask[mask != 0]).tolist():
        rle = coco.encode(np.asfortranarray(mask == label))
        cells.append(
            {
                "label": label,
                "segmentation": {"size": rle["size"], "counts": rle["counts"].decode("ascii")},
                "area": int(coco.area(rle)),
                "bbox": [int(side) for side in coco.toBbox(rle)],
            }
        )
    return cells


@st.composite
def masks(draw):
    """From noise to large blocks, of every dtype and layout; some without a cell or a pixel."""
    rows, columns = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    block, ids = draw(st.integers(1, 7)), draw(st.integers(0, 6))
    mask = rng.integers(0, ids + 1, (rows // block + 1, columns // block + 1))
    mask = np.kron(mask, np.ones((block, block), int))[:rows, :columns]
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    most = min(np.iinfo(dtype).max, 2**63 - 1)
    mask = (mask * draw(st.sampled_from([1, most // 7]))).astype(dtype)
    layout = draw(st.sampled_from(["C", "F", "strided", "flipped"]))
    if layout == "strided":
        wide = np.zeros((2 * rows, 3 * columns), dtype)
        wide[::2, ::3] = mask
        return wide[::2, ::3]
    if layout == "flipped":
        return mask[::-1, ::-1]
    return np.asarray(mask, order=layout)


@settings(max_examples=300, deadline=None)
@given(masks())
def test_equal_to_pycocotools_and_to_the_reference(mask):
    found = cs.encode_rle(mask)
    assert found == by_pycocotools(mask) == reference.encode_rle(mask)


@settings(max_examples=100, deadline=None)
@given(masks(), st.sampled_from(["compressed", "uncompressed", "hpa"]))
def test_decoding_gives_the_mask_back(mask, form):
    cells = json.loads(json.dumps(cs.encode_rle(mask, form=form)))
    if cells:
        np.testing.assert_array_equal(cs.decode_rle(cells, form=form), mask)
    for cell in cells:
        found = cs.decode_rle(cell["segmentation"], form=form)
        assert found.dtype == bool
        np.testing.assert_array_equal(found, mask == cell["label"])


@settings(max_examples=100, deadline=None)
@given(masks())
def test_pycocotools_reads_every_form_of_counts(mask):
    for cell, plain in zip(
        cs.encode_rle(mask), cs.encode_rle(mask, form="uncompressed"), strict=True
    ):
        np.testing.assert_array_equal(coco.decode(cell["segmentation"]), mask == cell["label"])
        again = coco.frPyObjects(plain["segmentation"], *mask.shape)
        assert again["counts"].decode("ascii") == cell["segmentation"]["counts"]


def test_shapes_worth_a_name():
    frame = np.ones((7, 9), np.uint8)
    ring = np.zeros((7, 9), np.uint8)
    ring[1:6, 1:8] = 3
    ring[2:5, 2:7] = 0  # a hole
    ring[3, 4] = 9  # an island in it
    comb = np.zeros((7, 9), np.uint8)
    comb[:, ::2] = 5  # many parts, from the top border to the bottom one
    comb[0, 0] = comb[6, 8] = 6  # both ends of the count
    for mask in (frame, ring, comb, frame[:1, :1], frame[:1], frame[:, :1]):
        assert cs.encode_rle(mask) == by_pycocotools(mask)


def test_sparse_ids_cost_nothing():
    mask = np.zeros((2048, 2048), np.uint64)
    mask[5, 5], mask[2047, 2047] = 4_000_000_000, 2**63 - 1
    found = cs.encode_rle(mask)
    assert [cell["label"] for cell in found] == [4_000_000_000, 2**63 - 1]
    assert found == by_pycocotools(mask)


def test_a_hundred_thousand_labels(rng):
    ids = rng.permutation(np.arange(1, 100_001)).reshape(250, 400)
    mask = np.kron(ids, np.ones((2, 2), int)).astype(np.int32)
    mask[-1, -1] = mask[0, 0]  # one of them in two places, at both ends of the count
    found = cs.encode_rle(mask)
    assert [cell["label"] for cell in found] == list(range(1, 100_001))
    np.testing.assert_array_equal([cell["area"] for cell in found], np.bincount(mask.ravel())[1:])
    np.testing.assert_array_equal(cs.decode_rle(found), mask)
    for label in (int(mask[0, 0]), 17, 99_999):
        rle = coco.encode(np.asfortranarray(mask == label))
        assert found[label - 1]["segmentation"]["counts"] == rle["counts"].decode("ascii")


def test_measuring_encodes_in_the_same_scan(small_images):
    cells = cs.measure_images(small_images, "green", rle=True, progress=False)
    plain = cs.measure_images(small_images, "green", progress=False)
    pd.testing.assert_frame_equal(cells.drop(columns="rle"), plain)
    paths = small_images.table.set_index("image_id")["path_mask"]
    for image_id, rows in cells.groupby("image_id"):
        expected = by_pycocotools(cs.read_mask(paths[image_id]))
        assert rows["rle"].tolist() == [cell["segmentation"]["counts"] for cell in expected]


def test_the_notebooks_convention_leaves_out_the_same_cell(tmp_path, rng):
    mask = np.repeat(np.uint8([[4, 2], [9, 9]]), 3, axis=0)  # no pixel outside the cells
    np.save(tmp_path / "mask.npy", mask)
    cs.write_png(tmp_path / "image.png", rng.integers(0, 9, mask.shape).astype(np.uint8))
    files = (tmp_path / "mask.npy", tmp_path / "image.png")
    found = cs.measure_file(*files, convention="notebook", rle=True)
    assert found["label"].tolist() == [4, 9]
    expected = {cell["label"]: cell["segmentation"]["counts"] for cell in by_pycocotools(mask)}
    assert found["rle"].tolist() == [expected[4], expected[9]]


def test_the_form_of_the_human_protein_atlas():
    mask = np.zeros((30, 20), np.uint8)
    mask[4:9, 3:17] = 1
    (cell,) = cs.encode_rle(mask, form="hpa")
    text = cell["segmentation"]["counts"]
    assert zlib.decompress(base64.b64decode(text)) == coco.encode(np.asfortranarray(mask))["counts"]


def test_blank_masks_equal_the_known_strings(real_data):
    golden = pd.read_csv(real_data / "hpa/rle_blank_golden.csv")
    assert len(golden) == 5
    for row in golden.itertuples():
        counts = compress([row.height * row.width])
        assert counts == row.coco_counts
        assert to_hpa(counts) == row.kaggle_string
        size = {"size": [row.height, row.width], "counts": row.kaggle_string}
        blank = cs.decode_rle(size, form="hpa")
        assert blank.shape == (row.height, row.width)
        assert not blank.any()


def test_real_masks_equal_pycocotools(real_data):
    paths = sorted((real_data / "hpa/hpa_cell_mask").glob("*.npz"))
    assert paths
    for path in paths:
        mask = cs.read_mask(path)
        found = cs.encode_rle(mask)
        assert len(found) > 5
        assert found == by_pycocotools(mask)


def test_an_empty_mask_has_no_cells():
    assert cs.encode_rle(np.zeros((3, 4), np.uint8)) == []
    assert cs.encode_rle(np.zeros((0, 4), np.uint8)) == []


def test_overlaps_show_the_later_cell():
    first = {"label": 1, "segmentation": {"size": [1, 3], "counts": [0, 2, 1]}}
    later = {"label": 300, "segmentation": {"size": [1, 3], "counts": [1, 2]}}
    found = cs.decode_rle([first, later])
    assert found.tolist() == [[1, 300, 300]]
    assert found.dtype == np.uint16


@pytest.mark.parametrize(
    ("mask", "error", "text"),
    [
        (np.ones((2, 2), bool), TypeError, "mask: dtype bool"),
        (np.ones((2, 2)), TypeError, "mask: dtype float64"),
        (np.ones((2, 2, 2), int), ValueError, "two dimensions"),
        (np.array([[1, -3]]), ValueError, "the label -3"),
    ],
)
def test_masks_that_are_refused(mask, error, text):
    with pytest.raises(error, match=text):
        cs.encode_rle(mask)


@pytest.mark.parametrize(
    ("rle", "text"),
    [
        ({"size": [2, 2], "counts": "1"}, "add up to 1 pixels"),
        ({"size": [2, 2], "counts": [5]}, "add up to 5 pixels"),
        ({"size": [2, 2], "counts": [-1, 5]}, "expected integers"),
        ({"size": [2, 2], "counts": "4 "}, "the character ' '"),
        ({"size": [2, 2], "counts": "4\N{SNOWMAN}"}, "the character"),
        ({"size": [2, 2], "counts": "T"}, "ends within a count"),
        ({"size": [2, 2, 2], "counts": "8"}, r"expected \[rows, columns\]"),
        ({"size": [2**20, 2**20], "counts": "8"}, "at most 268435456 pixels"),
        ([], "empty list"),
        ([{"label": 0, "segmentation": {"size": [1, 1], "counts": "01"}}], "the label 0"),
        ([{"label": 1.5, "segmentation": {"size": [1, 1], "counts": "01"}}], "the label 1.5"),
        ([{"label": "x", "segmentation": {"size": [1, 1], "counts": "01"}}], "the label 'x'"),
        ([{"label": None, "segmentation": {"size": [1, 1], "counts": "01"}}], "the label None"),
        ([{"label": 2**80, "segmentation": {"size": [1, 1], "counts": "01"}}], "the label 12"),
        ([{"label": 1, "segmentation": [[1, 2, 3, 4, 5, 6]]}], "rle: has no size in"),
        ([{"label": 1}], "rle: has no segmentation in"),
        ([{"segmentation": {"size": [1, 1], "counts": "01"}}], "rle: has no label in"),
        ([7], "rle: has no segmentation in 7"),
        ({"counts": "8"}, "rle: has no size in"),
        ({"size": [2, 2]}, "rle: has no counts in"),
        *(
            ({"size": size, "counts": "4"}, r"^size: found .*; expected \[rows, columns\]$")
            for size in ([-1, 4], [4, -1], ["2", "2"], "22", 5, None, [float("inf"), 2])
        ),
        ({"size": [float("nan"), 2], "counts": "4"}, r"^size: found \[nan, 2\]; expected"),
        ({"size": [2, 2.5], "counts": "4"}, r"^size: found \[2, 2.5\]; expected"),
        ({"size": [0, 2**40], "counts": ""}, r"^size: found 0 x 1099511627776 pixels; at most"),
        ({"size": [2**70, 0], "counts": ""}, r"^size: found \d+ x 0 pixels; at most"),
        *(
            ({"size": [2, 2], "counts": counts}, "^counts: ")
            for counts in (5, None, {1: 2}, {4}, ["4"], [4.5], [2**32], [[4]], b"\xff", "\ud800")
        ),
        ({"size": [2, 2], "counts": "4\xe9"}, "the character 'é'"),
    ],
)
def test_encodings_that_are_refused(rle, text):
    with pytest.raises(ValueError, match=text):
        cs.decode_rle(rle)


@pytest.mark.parametrize("rle", [None, 7, "04", b"04"])
def test_what_is_no_encoding_at_all(rle):
    with pytest.raises(TypeError, match=r"^rle: found .*; expected one segmentation"):
        cs.decode_rle(rle)


def test_whole_numbers_that_json_has_made_floating_point():
    cell = {"label": 3.0, "segmentation": {"size": [2.0, 2.0], "counts": [1, 3]}}
    assert cs.decode_rle([cell]).tolist() == [[0, 3], [3, 3]]


def test_a_wrong_form_is_refused():
    with pytest.raises(ValueError, match="form: found 'coco'"):
        cs.encode_rle([[1]], form="coco")
    with pytest.raises(ValueError, match="form: found 'coco'"):
        cs.decode_rle({"size": [1, 1], "counts": "01"}, form="coco")
    with pytest.raises(ValueError, match="is it HPA's form"):
        cs.decode_rle({"size": [1, 1], "counts": "01"}, form="hpa")
    with pytest.raises(ValueError, match="is it HPA's form"):
        from_hpa(base64.b64encode(zlib.compress(b"0" * 99)[:-6]).decode())
    assert uncompress(compress([3, 1, 2**32 - 1, 0])) == [3, 1, 2**32 - 1, 0]
