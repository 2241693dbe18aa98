"""One image: the kernels against the numpy reference, skimage and numpy.quantile."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import regionprops_table

import cellsieve as cs
from cellsieve.trial import reference
from conftest import blobs

LABELS = [np.uint8, np.uint16, np.uint32, np.uint64, np.int16, np.int32, np.int64]
PIXELS = [np.uint8, np.uint16, np.float32]
CONVENTIONS = ["cellsieve", "notebook"]

#: Of float32 values, numpy before 2.4 takes the quantile at q rounded to float32.
EXACT = np.lib.NumpyVersion(np.__version__) >= "2.4.0"


def quiet_measure(mask, image, **options):
    """Measures; one id in several pieces is no concern here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "mask: label")
        return cs.measure(mask, image, **options)


LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda array: np.repeat(np.repeat(array, 2, 0), 3, 1)[::2, ::3],
    "reversed": lambda array: array[::-1, ::-1].copy()[::-1, ::-1],
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "read-only": lambda array: _frozen(array.copy()),
}


def _frozen(array):
    array.flags.writeable = False
    return array


#: The notebook knows no floating-point images.
KINDS = [("cellsieve", kind) for kind in PIXELS] + [("notebook", np.uint8), ("notebook", np.uint16)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("convention", "pixel"), KINDS)
@pytest.mark.parametrize("label", LABELS)
def test_equals_reference(label, pixel, convention, layout, rng):
    mask = blobs(rng, (37, 70), rng.permutation(100)[:12] + 1).astype(label)
    image = rng.poisson(30 + 300 * (mask > 0)).astype(pixel)
    given_mask, given_image = LAYOUTS[layout](mask), LAYOUTS[layout](image)
    found = quiet_measure(given_mask, given_image, convention=convention)
    expected = reference.measure(mask, image, convention=convention)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (1, 1), (1, 90), (90, 1), (2, 33)])
@pytest.mark.parametrize("ids", [[], [1], [4_000_000_000, 3, 2**62]])
def test_shapes(shape, ids, convention, rng):
    mask = blobs(rng, shape, ids)
    image = rng.integers(0, 256, shape).astype(np.uint8)
    found = quiet_measure(mask, image, convention=convention)
    if mask.size:
        expected = reference.measure(mask, image, convention=convention)
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    else:
        assert found.empty


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    kind=st.sampled_from([np.uint8, np.uint16, *([np.float32] if EXACT else [])]),
    q=st.floats(0, 1),
)
def test_threshold_is_numpys_quantile(data, kind, q):
    """To the last bit, for any quantile and any background."""
    info = np.finfo(kind) if kind is np.float32 else np.iinfo(kind)
    elements = (
        st.floats(-1e6, 1e6, width=32)
        if kind is np.float32
        else st.integers(0, info.max) | st.integers(0, 3)
    )
    image = data.draw(
        hnp.arrays(kind, st.tuples(st.integers(2, 9), st.integers(1, 40)), elements=elements)
    )
    mask = np.zeros(image.shape, np.uint8)
    mask[-1, -1] = 1
    (threshold,) = cs.measure(mask, image, quantile=q)["threshold"]
    expected = float(np.quantile(image[mask == 0], q))
    assert threshold == expected


@pytest.mark.skipif(not EXACT, reason="numpy is older than the rule")
@pytest.mark.parametrize("q", [0.0, 0.5, 0.99, 0.999, 1.0])
def test_threshold_of_a_large_floating_point_background(q, rng):
    image = rng.normal(100, 20, (1500, 1500)).astype(np.float32)
    mask = np.zeros(image.shape, np.uint8)
    mask[:10, :10] = 1
    (threshold,) = cs.measure(mask, image, quantile=q)["threshold"]
    assert threshold == float(np.quantile(image[mask == 0], q))


def test_equals_skimage(rng):
    mask = blobs(rng, (200, 300), rng.permutation(500)[:60] + 1, size=25).astype(np.int32)
    image = rng.poisson(20, mask.shape).astype(np.uint16)
    found = cs.measure(mask, image, threshold=21.5, columns="skimage")
    expected = regionprops_table(
        mask,
        image,
        properties=("label", "bbox", "area"),
        extra_properties=[lambda region, pixels: int((pixels[region] > 21.5).sum())],
    )
    for name in ("label", "bbox-0", "bbox-1", "bbox-2", "bbox-3", "area"):
        np.testing.assert_array_equal(found[name], expected[name])
    np.testing.assert_array_equal(found["area_above"], expected["<lambda>"])


def test_many_cells(rng):
    """A hundred thousand cells, in the order of their ids."""
    mask = rng.permutation(320 * 320).reshape(320, 320).astype(np.uint32)
    image = rng.integers(0, 9, mask.shape).astype(np.uint8)
    found = cs.measure(mask, image, threshold=4)
    assert found["label"].tolist() == list(range(1, 320 * 320))
    order = mask.ravel().argsort()[1:]
    np.testing.assert_array_equal(found["area_above"], image.ravel()[order] > 4)
    np.testing.assert_array_equal(found["min_row"], order // 320)
    np.testing.assert_array_equal(found["max_col"], order % 320 + 1)


class TestContract:
    """Each rule of the documentation, pinned by a tiny example."""

    mask = np.array([[0, 0, 5], [0, 2, 5]])
    image = np.array([[1, 3, 9], [1, 3, 3]], dtype=np.uint8)

    def test_row(self):
        (first, second) = cs.measure(self.mask, self.image, quantile=0.5).to_dict("records")
        assert first == {
            "label": 2,
            "min_row": 1,
            "min_col": 1,
            "max_row": 2,
            "max_col": 2,
            "area": 1,
            "area_above": 1,
            "fraction": 1.0,
            "threshold": 1.0,
            "background_area": 3,
        }
        assert (second["label"], second["area"], second["area_above"]) == (5, 2, 2)

    def test_strictly_above(self):
        cells = cs.measure(self.mask, self.image, threshold=3)
        assert cells["area_above"].tolist() == [0, 1]

    def test_a_given_threshold_need_not_be_whole(self):
        cells = cs.measure(self.mask, self.image, threshold=2.5)
        assert cells["area_above"].tolist() == [1, 2]
        cells = cs.measure(self.mask, self.image, threshold=-1)
        assert cells["area_above"].tolist() == [1, 2]

    def test_no_background(self):
        cells = cs.measure(np.array([[1, 2]]), np.array([[7, 8]], dtype=np.uint8))
        assert cells["threshold"].isna().all()
        assert cells["fraction"].isna().all()
        assert cells["area_above"].isna().all()
        assert cells["area"].tolist() == [1, 1]

    def test_no_background_but_a_threshold(self):
        cells = cs.measure(np.array([[1, 2]]), np.array([[7, 8]], dtype=np.uint8), threshold=7)
        assert cells["fraction"].tolist() == [0.0, 1.0]

    def test_no_cell(self):
        cells = cs.measure(np.zeros((3, 4), int), np.ones((3, 4), np.uint8))
        assert cells.empty
        assert cells["fraction"].dtype == np.float64

    def test_huge_ids_are_kept(self):
        cells = cs.measure(np.array([[0, 4_000_000_000]]), np.array([[1, 2]], dtype=np.uint8))
        assert cells["label"].tolist() == [4_000_000_000]

    def test_notebook_leaves_out_the_last_row_and_column(self):
        mask = np.zeros((6, 6), int)
        mask[1:5, 1:4] = 3
        (cell,) = cs.measure(
            mask, np.full((6, 6), 9, np.uint8), threshold=1, convention="notebook"
        ).to_dict("records")
        assert (cell["min_row"], cell["max_row"], cell["min_col"], cell["max_col"]) == (1, 4, 1, 3)
        assert (cell["area"], cell["area_above"]) == (6, 6)

    def test_notebook_counts_cells_as_zeros(self):
        (threshold,) = cs.measure(
            np.array([[0, 1, 1, 1]]),
            np.array([[8, 9, 9, 9]], np.uint8),
            quantile=0.5,
            convention="notebook",
        )["threshold"]
        assert threshold == 0

    def test_notebook_wraps_16_bits(self):
        image = np.array([[65535, 65280, 65279, 510, 0]], dtype=np.uint16)
        mask = np.array([[1, 2, 3, 4, 0]])
        cells = cs.measure(
            np.repeat(np.repeat(mask, 2, 0), 2, 1),
            np.repeat(np.repeat(image, 2, 0), 2, 1),
            threshold=0.5,
            convention="notebook",
        )
        # 65535 / 255 is 257, which is 1 in 8 bits; 65280 / 255 is 256, which is 0.
        assert cells["area_above"].tolist() == [1, 0, 1, 1]

    def test_notebook_takes_the_lowest_id_for_the_background(self):
        cells = cs.measure(
            np.array([[4, 4], [6, 6], [9, 9]]), np.ones((3, 2), np.uint8), convention="notebook"
        )
        assert cells["label"].tolist() == [6, 9]


class TestRefusals:
    """What is wrong is named, with what was found and what is expected."""

    image = np.ones((2, 2), np.uint8)

    @pytest.mark.parametrize("kind", [bool, np.float32, np.float64, np.int8, complex, object])
    def test_mask_types(self, kind):
        with pytest.raises(TypeError, match=r"mask: dtype .* expected an integer label image"):
            cs.measure(np.zeros((2, 2), kind), self.image)

    @pytest.mark.parametrize("kind", [bool, np.float64, np.int32, np.uint32])
    def test_image_types(self, kind):
        with pytest.raises(TypeError, match=r"image: dtype .* expected uint8, uint16 or float32"):
            cs.measure(np.zeros((2, 2), int), np.zeros((2, 2), kind))

    def test_negative_id(self):
        with pytest.raises(ValueError, match="label -4"):
            cs.measure(np.array([[0, 1], [-4, -9]]), self.image)

    def test_shapes_differ(self):
        with pytest.raises(ValueError, match=r"2 x 2 pixels, its mask 2 x 3"):
            cs.measure(np.zeros((2, 3), int), self.image)

    @pytest.mark.parametrize("shape", [(4,), (1, 2, 2), ()])
    def test_dimensions(self, shape):
        with pytest.raises(ValueError, match="two dimensions"):
            cs.measure(np.zeros(shape, int), self.image)

    @pytest.mark.parametrize("where", [(0, 0), (1, 1)])
    def test_nan(self, where):
        image = np.ones((2, 2), np.float32)
        image[where] = np.nan
        with pytest.raises(ValueError, match="NaN"):
            cs.measure(np.array([[0, 0], [0, 1]]), image)

    @pytest.mark.parametrize("q", [-0.1, 1.1, float("nan")])
    def test_quantile(self, q):
        with pytest.raises(ValueError, match="quantile"):
            cs.measure(np.zeros((2, 2), int), self.image, quantile=q)

    def test_infinite_background(self):
        image = np.full((2, 2), np.inf, np.float32)
        with pytest.raises(ValueError, match="infinite"):
            cs.measure(np.array([[0, 0], [0, 1]]), image)

    def test_masked_arrays(self):
        with pytest.raises(TypeError, match="masked array"):
            cs.measure(np.ma.masked_array(np.zeros((2, 2), int)), self.image)

    def test_names(self):
        with pytest.raises(ValueError, match="convention"):
            cs.measure(np.zeros((2, 2), int), self.image, convention="kaggle")
        with pytest.raises(ValueError, match="columns"):
            cs.measure(np.zeros((2, 2), int), self.image, columns="excel")

    def test_notebook_has_no_floating_point_images(self):
        with pytest.raises(ValueError, match="float32"):
            cs.measure(np.zeros((2, 2), int), np.ones((2, 2), np.float32), convention="notebook")


class TestSuspects:
    """Masks that may not be label images draw a warning, others do not."""

    image = np.ones((5, 9), np.uint8)

    def scattered(self, label, kind):
        mask = np.zeros((5, 9), kind)
        mask[0, ::2] = label
        mask[4, 4] = 1
        return mask

    @pytest.mark.parametrize(("label", "kind"), [(255, np.uint8), (65535, np.uint16)])
    def test_clipped(self, label, kind):
        with pytest.warns(UserWarning, match=f"label {label} lies in 5 separate pieces"):
            cs.measure(self.scattered(label, kind), self.image)

    @pytest.mark.parametrize(("label", "kind"), [(254, np.uint8), (255, np.uint16), (65535, int)])
    def test_not_clipped(self, label, kind):
        assert len(cs.measure(self.scattered(label, kind), self.image)) == 2

    def test_one_piece_of_a_binary_mask(self):
        mask = np.zeros((5, 9), np.uint8)
        mask[1:3, 1:3] = 255
        with pytest.warns(
            UserWarning, match="its only label is 255, the largest that its type can hold: ids"
        ):
            cs.measure(mask, self.image)

    def test_one_cell_with_id_255(self):
        mask = np.zeros((5, 9), np.uint8)
        mask[1:3, 1:3] = 255
        mask[3, 3] = 255  # touches at a corner: one piece
        mask[0, 8] = 3
        assert len(cs.measure(mask, self.image)) == 2

    def test_foreground_mask(self):
        mask = np.zeros((5, 9), np.uint8)
        mask[0, ::2] = 1
        with pytest.warns(UserWarning, match="not a label image"):
            cs.measure(mask, self.image)


def test_columns(rng):
    mask = blobs(rng, (30, 30), [1, 2])
    image = rng.integers(0, 99, mask.shape).astype(np.uint8)
    plain = cs.measure(mask, image)
    profiler = cs.measure(mask, image, columns="cellprofiler")
    np.testing.assert_array_equal(
        profiler["Cells_AreaShape_BoundingBoxMaximum_X"], plain["max_col"]
    )
    np.testing.assert_array_equal(profiler["Metadata_ObjectNumber"], plain["label"])
    notebook = cs.measure(mask, image, columns="notebook", convention="notebook")
    assert notebook.columns.tolist() == ["cell_ID", "bbox", "fraction"]
    first = cs.measure(mask, image, convention="notebook").iloc[0]
    box = tuple(int(first[name]) for name in ("min_row", "max_row", "min_col", "max_col"))
    assert notebook["bbox"][0] == str(box)
