"""Every measure: one row per column, by families.

A measure is computed by the kernel of its name (`rust/cells/measures`) or by a function of other
columns. In the formulas, `rows` and `cols` are where a cell's pixels lie, `pixels` their values,
`outside` the values of the pixels with label 0, and `cell` a mask of the image, True in the cell.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellsieve.schema.measure import Measure, Needs, Scope

Numbers = NDArray[Any]


def _share(part: Numbers, whole: Numbers) -> Numbers:
    """Their quotient; NaN, not infinity, where the whole is 0."""
    whole = np.asarray(whole, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Numbers = part / np.where(whole == 0, np.nan, whole)
    return share


# Functions of other columns.


def _fraction(area_above: Numbers, area: Numbers) -> Numbers:
    return _share(area_above, area)


def _contrast(
    intensity_mean: Numbers, background_median: Numbers, background_mad: Numbers
) -> Numbers:
    return _share(intensity_mean - background_median, background_mad)


def _normalized_variance(intensity_std: Numbers, intensity_mean: Numbers) -> Numbers:
    return _share(intensity_std**2, intensity_mean)


def _brenner_relative(brenner: Numbers, intensity_std: Numbers) -> Numbers:
    return _share(brenner, intensity_std**2)


def _laplacian_relative(laplacian_variance: Numbers, intensity_std: Numbers) -> Numbers:
    return _share(laplacian_variance, intensity_std**2)


def _tenengrad_relative(tenengrad: Numbers, intensity_std: Numbers) -> Numbers:
    return _share(tenengrad, intensity_std**2)


def _extent(
    area: Numbers, min_row: Numbers, min_col: Numbers, max_row: Numbers, max_col: Numbers
) -> Numbers:
    return _share(area, (max_row - min_row) * (max_col - min_col))


def _equivalent_diameter(area: Numbers) -> Numbers:
    return np.sqrt(4 * area / np.pi)


def _form_factor(area: Numbers, perimeter: Numbers) -> Numbers:
    return _share(4 * np.pi * area, perimeter**2)


def _nucleus_share(nucleus_area: Numbers, area: Numbers) -> Numbers:
    return _share(nucleus_area, area)


# Rows.


def _basic(name: str, sentence: str, formula: str, source: str) -> Measure:
    unit = "" if name == "label" else "pixels"
    return Measure(name, "int64", unit, "basic", "cell", "mask", sentence, formula, source)


def _family(family: str, scope: Scope, needs: Needs) -> Any:
    """Makes rows of one family: name, unit, sentence, formula, source, and what is unusual."""

    def row(
        name: str, unit: str, sentence: str, formula: str, source: str, **unusual: Any
    ) -> Measure:
        given = {"dtype": "float64", "scope": scope, "needs": needs} | unusual
        return Measure(
            name,
            unit=unit,
            family=family,
            sentence=sentence,
            formula=formula,
            source=source,
            **given,
        )

    return row


BASIC = (
    _basic("label", "the id in the mask", "mask[row, col]", "skimage: label"),
    _basic("min_row", "first row", "rows.min()", "skimage: bbox-0"),
    _basic("min_col", "first column", "cols.min()", "skimage: bbox-1"),
    _basic("max_row", "one past the last row", "rows.max() + 1", "skimage: bbox-2"),
    _basic("max_col", "one past the last column", "cols.max() + 1", "skimage: bbox-3"),
    _basic("area", "number of pixels", "len(rows)", "skimage: num_pixels"),
    Measure(
        name="area_above",
        dtype="Int64",
        unit="pixels",
        family="basic",
        scope="cell and channel",
        needs="threshold",
        sentence="number of pixels strictly above the threshold",
        formula="(pixels > threshold).sum()",
        source="numpy",
    ),
    Measure(
        name="fraction",
        dtype="float64",
        unit="share",
        family="basic",
        scope="cell and channel",
        needs="threshold",
        sentence="share of the pixels that are strictly above the threshold",
        formula="area_above / area",
        source="numpy",
        function=_fraction,
    ),
    Measure(
        name="threshold",
        dtype="float64",
        unit="intensity",
        family="basic",
        scope="image and channel",
        needs="threshold",
        sentence="a quantile of the pixels with label 0, or the value that was given",
        formula="numpy.quantile(outside, quantile)",
        source='numpy: quantile, method "linear"',
    ),
    Measure(
        name="background_area",
        dtype="int64",
        unit="pixels",
        family="basic",
        scope="image",
        needs="mask",
        sentence="number of pixels with label 0",
        formula="(mask == 0).sum()",
        source="numpy",
    ),
)

_image = _family("image", "image and channel", "image")

IMAGE = (
    _image(
        "background_median",
        "intensity",
        "median of the pixels with label 0; NaN where there is none",
        "numpy.quantile(outside, 0.5)",
        "CellProfiler: MeasureImageQuality, MedianIntensity, outside the cells",
        needs="background",
    ),
    _image(
        "background_mad",
        "intensity",
        "median distance of these pixels from their median",
        "numpy.median(abs(outside - background_median))",
        "CellProfiler: MeasureImageQuality, MADIntensity, outside the cells",
        needs="background",
    ),
    _image(
        "image_saturated",
        "share",
        "share of the image's pixels at or above the largest value; NaN for float32 images "
        "without a largest value",
        "(image >= max_value).mean()",
        "CellProfiler: MeasureImageQuality, PercentMaximal",
    ),
    _image(
        "image_laplacian_variance",
        "intensity^2",
        "variance of the image's Laplacian, without the outermost pixels; NaN below 3 x 3 pixels",
        "scipy.ndimage.laplace(image)[1:-1, 1:-1].var()",
        "scipy: ndimage.laplace",
    ),
    _image(
        "power_spectrum_slope",
        "",
        "slope of the image's radial power spectrum on logarithmic axes: the more negative, the "
        "more blurred; NaN below 32 pixels a side, and for an image of one value",
        "slope of log(power in a ring) over log(its radius), 2 <= radius < min(height, width) / 8",
        "CellProfiler: MeasureImageQuality, PowerLogLogSlope (Bray et al. 2012)",
    ),
    _image(
        "cells_at_border",
        "cells",
        "number of cells with a pixel in the first or last row or column",
        "sum(touches_border)",
        "numpy",
        scope="image",
        needs="mask",
        dtype="Int64",
    ),
)

_intensity = _family("intensity", "cell and channel", "image")


def _quantile(name: str, sentence: str, q: str) -> Measure:
    row: Measure = _intensity(
        name, "intensity", sentence, f"numpy.quantile(pixels, {q})", 'numpy: quantile, "linear"'
    )
    return row


INTENSITY = (
    _intensity(
        "intensity_min", "intensity", "the darkest pixel", "pixels.min()", "skimage: intensity_min"
    ),
    _intensity(
        "intensity_max",
        "intensity",
        "the brightest pixel",
        "pixels.max()",
        "skimage: intensity_max",
    ),
    _intensity(
        "intensity_mean",
        "intensity",
        "mean of the pixels",
        "pixels.mean()",
        "skimage: intensity_mean",
    ),
    _intensity(
        "intensity_std",
        "intensity",
        "standard deviation of the pixels (of all of them: ddof 0)",
        "pixels.std()",
        "skimage: intensity_std",
    ),
    _quantile("intensity_median", "median of the pixels", "0.5"),
    _quantile("intensity_p05", "5th percentile of the pixels", "0.05"),
    _quantile("intensity_p25", "25th percentile of the pixels", "0.25"),
    _quantile("intensity_p75", "75th percentile of the pixels", "0.75"),
    _quantile("intensity_p95", "95th percentile of the pixels", "0.95"),
    _intensity(
        "intensity_mad",
        "intensity",
        "median distance of the pixels from their median",
        "numpy.median(abs(pixels - intensity_median))",
        "scipy: stats.median_abs_deviation",
    ),
    _intensity(
        "intensity_sum",
        "intensity",
        "sum of the pixels",
        "pixels.sum()",
        "CellProfiler: IntegratedIntensity",
    ),
    _intensity(
        "intensity_edge_mean",
        "intensity",
        "mean of the outline: the pixels with one of their four neighbours in the image outside "
        "the cell; NaN where there is none",
        'image[skimage.segmentation.find_boundaries(cell, mode="inner")].mean()',
        "CellProfiler: MeanIntensityEdge",
    ),
    _intensity(
        "mass_displacement",
        "pixels",
        "distance from the centroid to the centroid weighted by intensity; NaN where the pixels "
        "add up to 0",
        "hypot((rows * pixels).sum() / pixels.sum() - rows.mean(), "
        "(cols * pixels).sum() / pixels.sum() - cols.mean())",
        "CellProfiler: MassDisplacement",
    ),
    _intensity(
        "saturated",
        "share",
        "share of the pixels at or above the largest value (of the pixels' type, or max_value); "
        "NaN for float32 images without a largest value",
        "(pixels >= max_value).mean()",
        "numpy",
    ),
    _intensity(
        "contrast",
        "background MADs",
        "how far the mean lies above the background's median; NaN without background, or where "
        "its MAD is 0",
        "(intensity_mean - background_median) / background_mad",
        "numpy",
        function=_contrast,
        needs="background",
    ),
)

_focus = _family("focus", "cell and channel", "image")

FOCUS = (
    _focus(
        "entropy",
        "bits",
        "Shannon entropy of the pixels' values",
        "-sum(p * log2(p)), p the share of each distinct value",
        "skimage: measure.shannon_entropy",
    ),
    _focus(
        "normalized_variance",
        "intensity",
        "variance of the pixels over their mean; NaN where the mean is 0",
        "pixels.var() / pixels.mean()",
        "Groen, Young & Ligthart 1985",
        function=_normalized_variance,
    ),
    _focus(
        "brenner",
        "intensity^2",
        "mean squared difference of pixels two columns apart, with the one between them in the "
        "cell; NaN where there are none",
        "mean((image[r, c + 2] - image[r, c])**2)",
        "Brenner et al. 1976",
    ),
    _focus(
        "laplacian_variance",
        "intensity^2",
        "variance of the Laplacian at pixels with their four neighbours in the cell; NaN where "
        "there is none",
        "scipy.ndimage.laplace(image)[inside].var()",
        "Pech-Pacheco et al. 2000",
    ),
    _focus(
        "tenengrad",
        "intensity^2",
        "mean squared gradient, by Sobel's operator, at pixels with their eight neighbours in "
        "the cell; NaN where there is none",
        "mean(scipy.ndimage.sobel(image, 0)[deep]**2 + scipy.ndimage.sobel(image, 1)[deep]**2)",
        "Tenenbaum 1970; Krotkov 1988",
    ),
    _focus(
        "neighbour_correlation",
        "",
        "correlation of each pixel with its left, right, upper and lower neighbours in the cell; "
        "NaN without neighbours, or where they are all alike",
        "numpy.corrcoef(a, b)[0, 1], each pair of neighbours taken both ways",
        "Moran's I in small; Vollath 1987",
    ),
    _focus(
        "brenner_relative",
        "",
        "brenner over the variance of the pixels; NaN where that is 0",
        "brenner / pixels.var()",
        "numpy",
        function=_brenner_relative,
    ),
    _focus(
        "laplacian_variance_relative",
        "",
        "laplacian_variance over the variance of the pixels; NaN where that is 0",
        "laplacian_variance / pixels.var()",
        "numpy",
        function=_laplacian_relative,
    ),
    _focus(
        "tenengrad_relative",
        "",
        "tenengrad over the variance of the pixels; NaN where that is 0",
        "tenengrad / pixels.var()",
        "numpy",
        function=_tenengrad_relative,
    ),
)

_shape = _family("shape", "cell", "mask")

SHAPE = (
    _shape("centroid_row", "pixels", "mean row", "rows.mean()", "skimage: centroid-0"),
    _shape("centroid_col", "pixels", "mean column", "cols.mean()", "skimage: centroid-1"),
    _shape(
        "perimeter",
        "pixels",
        "length of the outline, 0 for a single pixel",
        "skimage.measure.perimeter(cell, 4)",
        "skimage: perimeter (Benkrid & Crookes 2000)",
    ),
    _shape(
        "axis_major_length",
        "pixels",
        "longer axis of the ellipse with the same second moments",
        "4 * sqrt(larger eigenvalue of numpy.cov([rows, cols], ddof=0))",
        "skimage: axis_major_length",
    ),
    _shape(
        "axis_minor_length",
        "pixels",
        "shorter axis of that ellipse",
        "4 * sqrt(smaller eigenvalue)",
        "skimage: axis_minor_length",
    ),
    _shape(
        "eccentricity",
        "",
        "eccentricity of that ellipse: 0 a circle, 1 a line; NaN for a single pixel",
        "sqrt(1 - (axis_minor_length / axis_major_length)**2)",
        "skimage: eccentricity",
    ),
    _shape(
        "orientation",
        "radians",
        "angle from the rows' axis to the longer axis, -pi/2 to pi/2; NaN where neither is longer",
        "atan2(2 * cov(rows, cols), var(rows) - var(cols)) / 2",
        "skimage: orientation",
    ),
    _shape(
        "extent",
        "share",
        "share of its box that the cell fills",
        "area / ((max_row - min_row) * (max_col - min_col))",
        "skimage: extent",
        function=_extent,
    ),
    _shape(
        "solidity",
        "share",
        "share of its convex hull that the cell fills",
        "area / skimage.morphology.convex_hull_image(cell).sum()",
        "skimage: solidity",
    ),
    _shape(
        "equivalent_diameter_area",
        "pixels",
        "diameter of the circle with the same area",
        "sqrt(4 * area / pi)",
        "skimage: equivalent_diameter_area",
        function=_equivalent_diameter,
    ),
    _shape(
        "euler_number",
        "",
        "number of pieces less number of holes",
        "skimage.measure.euler_number(cell, 2)",
        "skimage: euler_number",
        dtype="int64",
    ),
    _shape(
        "feret_diameter_max",
        "pixels",
        "largest distance across the convex hull",
        "skimage: the same of the contour of convex_hull_image(cell)",
        "skimage: feret_diameter_max",
    ),
    _shape(
        "form_factor",
        "",
        "1 for a circle, less for any other outline; NaN where the perimeter is 0",
        "4 * pi * area / perimeter**2",
        "CellProfiler: FormFactor",
        function=_form_factor,
    ),
    _shape(
        "pieces",
        "",
        "number of connected pieces (8 neighbours)",
        "skimage.measure.label(cell, connectivity=2).max()",
        "skimage: label",
        dtype="int64",
    ),
    _shape(
        "holes",
        "",
        "number of holes (4 neighbours)",
        "pieces - euler_number",
        "skimage: label, euler_number",
        dtype="int64",
    ),
)

_place = _family("place", "cell", "mask")

PLACE = (
    _place(
        "touches_border",
        "",
        "1 if a pixel lies in the first or last row or column of the image, otherwise 0",
        "min_row == 0 or min_col == 0 or max_row == height or max_col == width",
        "numpy",
        dtype="int64",
    ),
    _place(
        "border_share",
        "share",
        "share of the cell's sides (where a pixel meets one that is not the cell's, or the end of "
        "the image) at the end of the image",
        "sides at the end of the image / all sides",
        "numpy",
    ),
    _place(
        "neighbours",
        "cells",
        "number of other cells with a pixel next to one of the cell's, also across a corner",
        "len(set(mask[dilated by 3 x 3]) - {0, label})",
        "CellProfiler: NumberOfNeighbors, Adjacent",
        dtype="int64",
    ),
    _place(
        "contact_share",
        "share",
        "share of the cell's sides that are shared with other cells",
        "sides against another cell / all sides",
        "CellProfiler: PercentTouching, by sides",
    ),
    _place(
        "nearest_distance",
        "pixels",
        "distance between the centroids of the cell and the nearest other one; NaN where there is "
        "no other",
        "min(hypot(centroid - centroid of another))",
        "CellProfiler: FirstClosestDistance",
    ),
)

_nuclei = _family("nuclei", "cell", "nuclei")

NUCLEI = (
    _nuclei(
        "nuclei",
        "nuclei",
        "number of nuclei of the second label image with more pixels in this cell than in any "
        "other; of cells that have as many, the lowest label counts",
        "number of nuclei whose largest overlap is with the cell",
        "CellProfiler: RelateObjects",
        dtype="int64",
    ),
    _nuclei(
        "nucleus_label",
        "",
        "id of the one with most pixels in the cell, the lowest of several; missing where there "
        "is none",
        "argmax of the overlap",
        "CellProfiler: RelateObjects",
        dtype="Int64",
    ),
    _nuclei(
        "nucleus_area",
        "pixels",
        "number of the cell's pixels in its nuclei",
        "(cell & isin(nuclei, its nuclei)).sum()",
        "numpy",
        dtype="int64",
    ),
    _nuclei(
        "nucleus_share",
        "share",
        "share of the cell's pixels in its nuclei",
        "nucleus_area / area",
        "numpy",
        function=_nucleus_share,
    ),
    _nuclei(
        "nucleus_offset",
        "pixels",
        "distance between the centroids of these pixels and of the cell; NaN where there are none",
        "hypot(difference of the centroids)",
        "numpy",
    ),
)


def _in_compartments(measure: Measure) -> list[Measure]:
    """The same of the pixels in the cell's nuclei, and of the others; NaN where there are none."""
    where = {"nucleus": "of the pixels in the cell's nuclei", "cytoplasm": "of the other pixels"}
    return [
        Measure(
            f"{measure.name}_{compartment}",
            measure.dtype,
            measure.unit,
            "compartments",
            measure.scope,
            "nuclei",
            f"`{measure.name}` {which}",
            measure.formula,
            measure.source,
            measure.function,
            measure.name,
        )
        for compartment, which in where.items()
    ]


COMPARTMENTS = tuple(row for measure in INTENSITY for row in _in_compartments(measure))

MEASURES = (
    *BASIC,
    *IMAGE,
    *INTENSITY,
    *FOCUS,
    *SHAPE,
    *PLACE,
    *NUCLEI,
    *COMPARTMENTS,
)
