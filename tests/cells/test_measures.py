"""Every measure against its definition and against the public oracles, over dtypes and shapes."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import cellsieve as cs
from cellsieve.cells.spectrum import power_spectrum_slope
from cellsieve.schema.measures import BY_NAME, FAMILIES, MEASURES, chosen
from cellsieve.trial import reference
from conftest import blobs

EVERY = [name for name in FAMILIES if name != "image"]
OF_CELLS = [row for row in MEASURES if row.family != "image"]

#: Sums of squares of float32 pixels are added up in another order than numpy's.
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def nuclei_of(rng, shape):
    nuclei = blobs(rng, shape, rng.permutation(60)[:12] + 1)
    return np.where(rng.random() < 0.2, 0, nuclei)


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    shape=st.one_of(
        st.tuples(st.integers(1, 24), st.integers(1, 60)),
        st.sampled_from([(1, 1), (1, 9), (9, 1), (2, 2)]),
    ),
    kind=st.sampled_from([np.uint8, np.uint16, np.float32]),
    labels=st.sampled_from([np.uint8, np.int16, np.int64]),
    full=st.booleans(),
    light=st.sampled_from([0, 1, 30, 250]),
)
def test_every_measure_equals_its_definition(seed, shape, kind, labels, full, light):
    rng = np.random.default_rng(seed)
    mask = blobs(rng, shape, rng.permutation(40)[:9] + 1)
    if full:  # no pixel outside: no background
        mask[mask == 0] = 77
    if rng.random() < 0.3:
        mask[rng.random(shape) < 0.3] = 0  # ragged, with holes and in many pieces
    mask = mask.astype(labels)
    image = rng.poisson(light, shape).astype(kind)
    if kind is np.uint16:
        image *= 250
    nuclei = nuclei_of(rng, shape)
    most = None if rng.random() < 0.5 else 30.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a mask with a single label in pieces
        found = cs.measure(
            mask, image, properties=EVERY, nuclei=nuclei, quantile=0.9, max_value=most
        )
    expected = reference.measure(mask, image, 0.9, measures=OF_CELLS, nuclei=nuclei, max_value=most)
    assert list(found) == list(expected)
    for row in OF_CELLS:
        one, other = found[row.name], expected[row.name]
        exact = row.dtype != "float64" or row.name in EXACT
        how = {"check_exact": True} if exact else CLOSE
        if OLD_NUMPY and kind is np.float32 and row.dtype == "float64":
            how = {"rtol": 1e-5, "atol": 1e-5}
        pd.testing.assert_series_equal(one, other, obj=row.name, **how)


#: Before 2.4, numpy rounds the quantiles of float32 pixels otherwise.
OLD_NUMPY = np.lib.NumpyVersion(np.__version__) < "2.4.0"

#: Equal to the last bit.
EXACT = {
    "fraction",
    "threshold",
    "intensity_min",
    "intensity_max",
    "intensity_median",
    "intensity_p05",
    "intensity_p25",
    "intensity_p75",
    "intensity_p95",
    "extent",
    "solidity",
    "border_share",
    "contact_share",
    "nucleus_share",
}


@pytest.fixture
def cells(rng):
    """A crowded label image with ragged cells, a channel, and what is measured of both."""
    mask = blobs(rng, (200, 260), rng.permutation(60)[:30] + 1)
    mask[ndimage.gaussian_filter(rng.random(mask.shape), 2) < 0.47] = 0
    image = rng.poisson(ndimage.gaussian_filter(rng.random(mask.shape), 3) * 300).astype(np.uint16)
    return mask, image, cs.measure(mask, image, properties=["intensity", "shape", "focus", "place"])


def test_the_names_of_skimage_have_its_values(cells):
    measure = pytest.importorskip("skimage.measure")
    mask, image, found = cells
    regions = {
        "num_pixels": "area",
        "intensity_min": "intensity_min",
        "intensity_max": "intensity_max",
        "intensity_mean": "intensity_mean",
        "intensity_std": "intensity_std",
        "centroid-0": "centroid_row",
        "centroid-1": "centroid_col",
        "perimeter": "perimeter",
        "axis_major_length": "axis_major_length",
        "axis_minor_length": "axis_minor_length",
        "eccentricity": "eccentricity",
        "orientation": "orientation",
        "extent": "extent",
        "solidity": "solidity",
        "equivalent_diameter_area": "equivalent_diameter_area",
        "euler_number": "euler_number",
        "feret_diameter_max": "feret_diameter_max",
    }
    names = tuple({name.split("-")[0]: None for name in regions})
    expected = measure.regionprops_table(mask, image, properties=("label", *names))
    np.testing.assert_array_equal(found["label"], expected["label"])
    for name, ours in regions.items():
        known = found[ours].notna()  # of a pixel or two, skimage gives 0 where nothing is defined
        assert known.mean() > 0.5
        one, other = found[ours][known], expected[name][known]
        np.testing.assert_allclose(one, other, 1e-9, 1e-9, err_msg=name)
    pieces = [measure.label(mask == label, connectivity=2).max() for label in found["label"]]
    assert found["pieces"].tolist() == pieces


def test_shannon_entropy_is_that_of_skimage(cells):
    measure = pytest.importorskip("skimage.measure")
    mask, image, found = cells
    expected = [measure.shannon_entropy(image[mask == label]) for label in found["label"]]
    np.testing.assert_allclose(found["entropy"], expected)


def test_the_outline_is_that_of_skimage(cells):
    segmentation = pytest.importorskip("skimage.segmentation")
    mask, image, found = cells
    for label, mean in zip(found["label"], found["intensity_edge_mean"], strict=True):
        edge = segmentation.find_boundaries(mask == label, mode="inner")
        np.testing.assert_allclose(mean, image[edge].mean())


def test_several_channels_are_each_what_they_are_alone(rng):
    mask = blobs(rng, (60, 80), range(1, 9))
    planes = {
        "green": rng.poisson(9, mask.shape).astype(np.uint8),
        "red": rng.poisson(900, mask.shape).astype(np.uint16),
        "blue": rng.normal(0, 1, mask.shape).astype(np.float32),
    }
    nuclei = nuclei_of(rng, mask.shape)
    every = {"properties": EVERY, "nuclei": nuclei}
    found = cs.measure(mask, planes, **every)
    for name, plane in planes.items():
        alone = cs.measure(mask, plane, **every)
        for column in alone:
            suffixed = f"{column}_{name}" if BY_NAME[column].of_channel else column
            pd.testing.assert_series_equal(found[suffixed], alone[column], check_names=False)
    assert len(found.columns) == sum(3 if row.of_channel else 1 for row in OF_CELLS)


def test_one_channel_by_name_has_its_name(rng):
    mask, image = blobs(rng, (20, 30), [1, 2]), rng.poisson(9, (20, 30)).astype(np.uint8)
    found = cs.measure(mask, {"dna": image})
    assert "fraction_dna" in found
    assert "area" in found
    assert "fraction" not in found


def test_families_and_names_choose_columns():
    default = [row.name for row in chosen((), nuclei=False)]
    assert default == [row.name for row in MEASURES if row.family == "basic"]
    assert [row.name for row in chosen(("solidity",), nuclei=False)] == [*default, "solidity"]
    everything = chosen(("all",), nuclei=True)
    left_out = {row.name for row in MEASURES} - {row.name for row in everything}
    assert {BY_NAME[name].family for name in left_out} == {"compartments", "image"}
    assert not any(row.needs == "nuclei" for row in chosen(("all",), nuclei=False))
    with pytest.raises(ValueError, match="properties: found roundness; expected all, a family"):
        chosen(("roundness",), nuclei=False)
    with pytest.raises(ValueError, match="found nuclei, which needs masks of the nuclei"):
        chosen(("nuclei",), nuclei=False)


def test_a_column_alone_is_what_it_is_among_others(cells):
    mask, image, found = cells
    for name in ("contrast", "brenner_relative", "form_factor", "holes", "neighbours"):
        alone = cs.measure(mask, image, properties=[name])
        assert name in alone
        if name in found:
            pd.testing.assert_series_equal(alone[name], found[name])


def test_sums_do_not_overflow():
    side = 1500
    mask = np.ones((side, side), np.uint8)
    mask[0, 0] = 0
    image = np.full(mask.shape, 65535, np.uint16)
    image[::2] = 0
    image[0, 0] = 0
    [cell] = cs.measure(mask, image, properties=["intensity", "focus"]).itertuples()
    pixels = image[mask == 1].astype(object)
    assert cell.intensity_sum == pixels.sum()
    np.testing.assert_allclose(cell.intensity_std, image[mask == 1].astype(float).std())
    assert cell.brenner == 0
    np.testing.assert_allclose(cell.tenengrad, 0, atol=0)
    np.testing.assert_allclose(cell.laplacian_variance, (2 * 65535.0) ** 2, rtol=1e-6)


def test_the_slope_of_the_power_spectrum_tells_blur(rng):
    sharp = rng.poisson(ndimage.gaussian_filter(rng.random((256, 256)), 1) * 200).astype(np.uint8)
    blurred = ndimage.gaussian_filter(sharp.astype(float), 4).astype(np.uint8)
    assert power_spectrum_slope(blurred) < power_spectrum_slope(sharp) - 0.2
    assert np.isnan(power_spectrum_slope(np.zeros((64, 64), np.uint8)))
    assert np.isnan(power_spectrum_slope(sharp[:20, :20]))


# Measures of one's own.


def brightest_corner(cell, pixels):
    """The first pixel of the box."""
    return pixels[0, 0]


def two(cell, pixels):
    """Two numbers."""
    return {"pixels_in_box": cell.size, "in_cell": cell.sum()}


def fails_on_small(cell, pixels):
    """A number, unless the cell is small."""
    if cell.sum() < 20:
        raise ArithmeticError("too small")
    return float(pixels[cell].mean())


def test_functions_of_ones_own(rng):
    mask, image = blobs(rng, (50, 70), range(1, 7)), rng.poisson(9, (50, 70)).astype(np.uint8)
    found = cs.measure(mask, {"a": image, "b": image * 2}, properties=[brightest_corner, two])
    at = image[found["min_row"], found["min_col"]]
    np.testing.assert_array_equal(found["brightest_corner_a"], at)
    np.testing.assert_array_equal(found["brightest_corner_b"], at * 2)
    np.testing.assert_array_equal(found["in_cell_a"], found["area"])


def test_a_function_that_fails_for_a_cell_leaves_the_others(tmp_path, rng):
    mask = np.zeros((30, 30), np.uint8)
    mask[2:4, 2:4] = 3
    mask[10:20, 10:20] = 5
    image = rng.poisson(9, mask.shape).astype(np.uint8)
    with pytest.warns(UserWarning, match="fails_on_small failed 1 time"):
        found = cs.measure(mask, image, properties=[fails_on_small])
    assert found["fails_on_small"].isna().tolist() == [True, False]
    np.save(tmp_path / "m.npy", mask)
    cs.write_png(tmp_path / "i.png", image)
    table = pd.DataFrame({"image_id": ["x"], "path_mask": ["m.npy"], "path_g": ["i.png"]})
    images = cs.ImageSet.from_table(table, root=tmp_path)
    cells, listed = cs.measure_images(images, properties=[fails_on_small], return_images=True)
    assert cells["fails_on_small"].isna().tolist() == [True, False]
    assert listed["status"].tolist() == ["measured"]
    assert "label 3: ArithmeticError: too small" in listed["warning"][0]


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ([lambda cell, pixels: "x"], "of a made cell of uint8 pixels gives no number"),
        ([7], "found int; expected names of measures and functions"),
        ([two, two], "the column in_cell is there already"),
    ],
)
def test_wrong_functions_are_refused(properties, said):
    with pytest.raises((ValueError, TypeError), match=said):
        cs.measure(np.ones((2, 2), int), np.ones((2, 2), np.uint8), properties=properties)


def test_an_installed_package_offers_measures_by_name(monkeypatch, rng):
    """As its entry point `cellsieve.measures` says."""

    class Entry:
        def load(self):
            return two

    def points(group, name):
        assert group == "cellsieve.measures"
        return [Entry()] if name == "pair_of_numbers" else []

    monkeypatch.setattr("cellsieve.cells.own.entry_points", points)
    mask, image = blobs(rng, (20, 30), [1, 2]), rng.poisson(9, (20, 30)).astype(np.uint8)
    found = cs.measure(mask, image, properties=["pair_of_numbers", "shape"])
    np.testing.assert_array_equal(found["in_cell"], found["area"])
    with pytest.raises(ValueError, match="properties: found another"):
        cs.measure(mask, image, properties=["another"])


def by_loops(image):
    """The slope of the power spectrum, ring by ring."""
    rows, cols = image.shape
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    radii, sums = [], []
    for radius in range(2, int(np.floor(min(rows, cols) / 8))):
        ring = [
            power[r, c]
            for r in range(rows)
            for c in range(cols)
            if int(np.hypot(min(r, rows - 1 - r), min(c, cols - 1 - c))) + 1 == radius
        ]
        radii.append(radius)
        sums.append(sum(ring))
    return np.polyfit(np.log(radii), np.log(sums), 1)[0]


@pytest.mark.parametrize("shape", [(48, 64), (41, 77)])
def test_the_slope_of_the_power_spectrum_is_that_of_its_definition(rng, shape):
    image = rng.poisson(ndimage.gaussian_filter(rng.random(shape), 1) * 200).astype(np.uint16)
    np.testing.assert_allclose(power_spectrum_slope(image), by_loops(image), rtol=1e-4)
