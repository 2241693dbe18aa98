"""Bounding box, area, count above threshold and background quantile of one image, timed.

    pip install '.[bench]' && python benchmarks/scan.py

Each row is one image; each entry is the median of interleaved runs in milliseconds. `read` is one
streaming read of mask and image (the floor). All that give bounding boxes and counts are checked
against the numpy reference. cc3d and fastlabelops give no counts above a threshold and no quantile;
the time of numpy's quantile is not added to theirs.
"""

import warnings

import numpy as np

from cellsieve import _core
from cellsieve.trial import reference
from cellsieve.trial.synthetic import label_image
from timing import arguments, heading, interleaved, show

try:
    import numba
except ImportError:
    numba = None
try:
    import cc3d
except ImportError:
    cc3d = None
try:
    import fastlabelops
except ImportError:
    fastlabelops = None
try:
    from skimage.measure import regionprops_table
except ImportError:
    regionprops_table = None


def cellsieve(mask, image):
    found = _core.measure(mask, [image], ["area_above"])
    columns = ("label", "min_row", "min_col", "max_row", "max_col", "area", "area_above")
    values = found.columns | found.channels[0].columns
    return np.stack([values[name] for name in columns], axis=1)


def numpy_reference(mask, image):
    table = reference.measure(mask, image)
    return table.iloc[:, :7].to_numpy(np.int64)


def by_skimage(mask, image):
    threshold = np.quantile(image[mask == 0], 0.99)

    def above(region, pixels):
        return np.count_nonzero(pixels[region] > threshold)

    table = regionprops_table(
        mask, image, properties=("label", "bbox", "area"), extra_properties=[above]
    )
    return np.stack(list(table.values()), axis=1).astype(np.int64)


if numba is not None:

    @numba.njit(cache=False)
    def _loop(mask, image, most):
        """The obvious loop over pixels, into tables by label, then a second for the counts."""
        rows, columns = mask.shape
        table = np.zeros((most + 1, 7), np.int64)
        table[:, 1] = rows
        table[:, 2] = columns
        histogram = np.zeros(65536, np.int64)
        for row in range(rows):
            for column in range(columns):
                label = mask[row, column]
                if label == 0:
                    histogram[image[row, column]] += 1
                    continue
                cell = table[label]
                cell[0] = label
                cell[1] = min(cell[1], row)
                cell[2] = min(cell[2], column)
                cell[3] = max(cell[3], row + 1)
                cell[4] = max(cell[4], column + 1)
                cell[5] += 1
        position = (histogram.sum() - 1) * 0.99
        below, previous, threshold = 0, -1.0, 0.0
        for value in range(65536):
            below += histogram[value]
            if previous < 0 and below > np.floor(position):
                previous = value
            if below > np.floor(position) + 1 or below == histogram.sum():
                threshold = previous + (value - previous) * (position - np.floor(position))
                break
        for row in range(rows):
            for column in range(columns):
                label = mask[row, column]
                if label != 0 and image[row, column] > threshold:
                    table[label, 6] += 1
        return table[table[:, 5] > 0]

    def numba_loop(mask, image):
        return _loop(mask, image, int(mask.max()))


def streaming_read(mask, image):
    return np.bitwise_or.reduce(mask.reshape(-1).view(np.uint64)), np.bitwise_or.reduce(
        image.reshape(-1).view(np.uint64)
    )


def main() -> None:
    options = arguments(__doc__.splitlines()[0])
    heading("numba", "scikit-image", "connected-components-3d", "fastlabelops")
    sizes = [256] if options.quick else [512, 2048, 3072]
    kinds = [
        (np.int32, np.uint8),
        (np.uint16, np.uint8),
        (np.int64, np.uint8),
        (np.int32, np.uint16),
        (np.int32, np.float32),
    ]
    rows = []
    rng = np.random.default_rng(0)
    for size in sizes:
        for cells in (20, 200, 5000) if size == 2048 else (20,):
            for mask_kind, image_kind in (
                kinds if (size, cells) in ((2048, 20), (256, 20)) else kinds[:1]
            ):
                mask = label_image(size, cells).astype(mask_kind)
                image = rng.poisson(3 + 9 * (mask > 0) * rng.random(mask.shape)).astype(image_kind)
                rows.append(row(mask, image, cells, options.repeats))
    if not options.quick:
        mask = label_image(2048, 100_000)
        image = rng.poisson(3, mask.shape).astype(np.uint8)
        rows.append(row(mask, image, 100_000, options.repeats))
    show(rows)


def row(mask, image, cells, repeats):
    """One line of the table, the values compared first."""
    everyone = {"cellsieve": cellsieve, "skimage": by_skimage if regionprops_table else None}
    if numba is not None and image.dtype != np.float32:
        everyone["numba loop"] = numba_loop
    if cells <= 200:
        everyone["numpy reference"] = numpy_reference
    everyone = {name: function for name, function in everyone.items() if function}
    expected = cellsieve(mask, image)
    for name, function in everyone.items():
        assert np.array_equal(function(mask, image), expected), name

    timed = {name: (lambda f=f: f(mask, image)) for name, f in everyone.items()}
    timed["read"] = lambda: streaming_read(mask, image)
    if cc3d is not None:
        unsigned = mask.view(f"u{mask.itemsize}")
        timed["cc3d, no counts"] = lambda: cc3d.statistics(unsigned)
    if fastlabelops is not None:
        unsigned = mask.astype(np.uint32)
        timed["fastlabelops, no counts"] = lambda: fastlabelops.regionprops(unsigned)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ms = interleaved(timed, repeats)
    ours = ms["cellsieve"]
    names = ["read", "numba loop", "cc3d, no counts", "fastlabelops, no counts", "skimage"]
    return {
        "image": f"{mask.shape[0]}², {mask.dtype}/{image.dtype}, {len(expected)} cells",
        "cellsieve ms": ours,
        "/ read": ours / ms["read"],
        **{
            f"{name} ms": ms.get(name, float("nan"))
            for name in (*names, "numpy reference")
            if name in ms or name in ("numba loop", "numpy reference")
        },
    }


if __name__ == "__main__":
    main()
