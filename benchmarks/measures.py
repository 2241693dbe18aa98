"""All measures of an image of four channels, against the decoding of its files and the peers.

    pip install '.[bench]' && python benchmarks/measures.py [--data ../shared/data/hpa]

Each entry is the median of interleaved runs in milliseconds. First what decoding the four channels
and the mask of the cells takes, then the same files measured whole, then each family alone on
arrays (one channel), then the peers on the same arrays, their values compared; Nyxus only where
`pip install nyxus` has put it. On a machine with other work, `--fastest` shows the fastest run of
each instead.
"""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from scipy import ndimage

import cellsieve as cs
from cellsieve import _core
from cellsieve.cells.image import measured_files
from cellsieve.cells.settings import Settings
from cellsieve.schema.measures import FAMILIES, MEASURES, kernels
from cellsieve.trial.synthetic import label_image
from timing import arguments, heading, interleaved, show

try:
    from skimage.measure import regionprops_table
except ImportError:
    regionprops_table = None
try:
    from cp_measure.bulk import get_core_measurements
except ImportError:
    get_core_measurements = None
try:
    from nyxus import Nyxus
except ImportError:
    Nyxus = None

CHANNELS = ("blue", "green", "red", "yellow")
SETTINGS = Settings(CHANNELS, properties=("all",))


def made_files(folder: Path, size: int, number: int) -> tuple[Path, list[Path]]:
    """A mask and four channels as files, with the noise of a camera."""
    rng = np.random.default_rng(number)
    mask = label_image(size, number).astype(np.int32)
    np.savez_compressed(folder / "mask.npz", mask)
    paths = []
    for place, name in enumerate(CHANNELS):
        light = ndimage.gaussian_filter(rng.random(mask.shape), 3 + place) * 160 - 60
        pixels = rng.poisson(np.clip(light, 1, None) * (1 + 3 * (mask > 0)))
        paths.append(folder / f"{name}.png")
        cs.write_png(paths[-1], pixels.clip(0, 255).astype(np.uint8))
    return folder / "mask.npz", paths


def real_files(data: Path) -> list[tuple[str, Path, list[Path]]]:
    """The real images that have all four channels."""
    found = []
    for mask in sorted((data / "hpa_cell_mask").glob("*.npz")):
        paths = [data / "train" / f"{mask.stem}_{name}.png" for name in CHANNELS]
        if all(path.exists() for path in paths):
            found.append((mask.stem[:8], mask, paths))
    return found


def decode(mask: Path, paths: list[Path]) -> None:
    """What has to be done before anything can be measured."""
    cs.read_mask(mask)
    for path in paths:
        cs.read_image(path)


def families(mask, plane):
    """Each family alone in one channel, less what is found whatever is asked for."""
    for family in FAMILIES:
        rows = [row for row in MEASURES if row.family == family and row.needs != "nuclei"]
        names = [name for name in kernels(rows) if name != "power_spectrum_slope"]
        if names:
            yield family, partial(_core.measure, mask, [plane], names)


REGIONPROPS = (
    *("label", "area", "bbox", "centroid", "perimeter", "axis_major_length", "axis_minor_length"),
    *("eccentricity", "orientation", "extent", "solidity", "equivalent_diameter_area"),
    *("euler_number", "feret_diameter_max", "intensity_mean", "intensity_std"),
)


def by_hand(mask, plane, labels):
    """Laplacian and Tenengrad of every cell, by scipy over its whole box."""
    image = plane.astype(np.float64)
    laplacian = ndimage.laplace(image)
    gradient = ndimage.sobel(image, 0) ** 2 + ndimage.sobel(image, 1) ** 2
    return ndimage.variance(laplacian, mask, labels), ndimage.mean(gradient, mask, labels)


def compared(mask, planes, repeats, summary):
    """One row per peer: its time, ours for the same columns, and whether the values agree."""
    plane = planes[0]
    labels = np.unique(mask[mask != 0])
    shape = ["shape", "intensity_mean", "intensity_std"]
    ours = {
        "skimage, 16 properties": partial(cs.measure, mask, plane, properties=shape),
        "scipy, Laplacian and Tenengrad": partial(
            cs.measure, mask, plane, properties=["laplacian_variance", "tenengrad"]
        ),
        "cp-measure, intensity": partial(cs.measure, mask, plane, properties=["intensity"]),
        "cp-measure, size and shape": partial(cs.measure, mask, plane, properties=["shape"]),
        "Nyxus, intensity and morphology": partial(
            cs.measure, mask, plane, properties=["intensity", "shape"]
        ),
    }
    peers = {"scipy, Laplacian and Tenengrad": partial(by_hand, mask, plane, labels)}
    if regionprops_table is not None:
        peers["skimage, 16 properties"] = partial(
            regionprops_table, mask, plane, properties=REGIONPROPS
        )
    if get_core_measurements is not None:
        core = get_core_measurements()
        dense = np.searchsorted(np.r_[0, labels], mask).astype(np.int32)
        peers["cp-measure, intensity"] = partial(core["intensity"], dense, plane.astype(float))
        peers["cp-measure, size and shape"] = partial(core["sizeshape"], dense, plane)
    if Nyxus is not None:
        nyxus = Nyxus(["*ALL_INTENSITY*", "*BASIC_MORPHOLOGY*"])
        of_bits = [array.astype(np.uint32) for array in (plane, mask)]
        peers["Nyxus, intensity and morphology"] = partial(nyxus.featurize, *of_bits)
    for name, peer in peers.items():
        theirs, own = interleaved({"peer": peer, "own": ours[name]}, repeats, summary).values()
        yield {
            "peer": name,
            "its ms": theirs,
            "cellsieve": own,
            "ratio": theirs / own,
            "equal": agrees(name, peer(), ours[name]()),
        }


def agrees(name, theirs, own):
    """Whether the columns that both have are equal to nine digits; they must be."""
    pairs = {
        "skimage, 16 properties": [
            (name, name)
            for name in ("solidity", "perimeter", "feret_diameter_max", "intensity_std")
        ],
        "cp-measure, intensity": [
            ("Intensity_MeanIntensityEdge", "intensity_edge_mean"),
            ("Intensity_MassDisplacement", "mass_displacement"),
            ("Intensity_StdIntensity", "intensity_std"),
        ],
        "cp-measure, size and shape": [("FormFactor", "form_factor"), ("Solidity", "solidity")],
        "Nyxus, intensity and morphology": [
            *(("AREA_PIXELS_COUNT", "area"), ("MEAN", "intensity_mean"), ("MAX", "intensity_max")),
        ],
    }.get(name, [])
    if not pairs:
        return "other border"  # whole boxes, where cellsieve stays inside the cell
    for of_peer, of_us in pairs:
        np.testing.assert_allclose(np.asarray(theirs[of_peer]), own[of_us], 1e-9, 1e-9)
    return "yes"


def main() -> None:
    options = arguments(__doc__.splitlines()[0])
    heading("scipy", "scikit-image", "cp-measure", "nyxus")
    summary = min if options.fastest else np.median
    size = 512 if options.quick else 2048
    wholes, alone, peers = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for number in (20, 300):
            made = Path(folder) / str(number)
            made.mkdir()
            cases.append((f"made, {number} cells", *made_files(made, size, number)))
        if options.data is not None:
            cases += real_files(options.data)
        for name, mask, paths in cases:
            times = interleaved(
                {
                    "decode": partial(decode, mask, paths),
                    "all": partial(measured_files, mask, paths, SETTINGS),
                },
                options.repeats,
                summary,
            )
            wholes.append(
                {
                    "case": name,
                    "decoding 4 channels and mask": times["decode"],
                    "and all measures": times["all"],
                    "ratio": times["all"] / times["decode"],
                }
            )
        for name, mask_path, paths in cases:
            mask, planes = cs.read_mask(mask_path), [cs.read_image(path) for path in paths]
            scan = {"mask alone": partial(_core.measure, mask)}
            times = interleaved(scan | dict(families(mask, planes[0])), options.repeats, summary)
            alone.append({"case": name, **times})
            if name.startswith("made"):
                rows = compared(mask, planes, max(2, options.repeats // 5), summary)
                peers += [{"case": name, **row} for row in rows]
    for rows in (wholes, alone, peers):
        print()
        show(rows)


if __name__ == "__main__":
    main()
