"""Every cell of a mask as COCO run-length encoding: who takes how long.

    pip install '.[bench]' pycocotools faster-coco-eval rlemasklib && python benchmarks/rle.py

Each row is one mask; each entry is the median of interleaved runs in milliseconds (`fastest`: the
fastest of as many further runs of cellsieve). `read` is one streaming read of the mask (the floor).
Every string is first compared with those of the others, pycocotools among them, up to 250 cells.
rlemasklib only takes 8-bit masks; fastlabelrle needs Python 3.12.
"""

import numpy as np

import cellsieve as cs
from cellsieve.trial.synthetic import label_image
from timing import arguments, heading, interleaved, show

try:
    from pycocotools import mask as coco
except ImportError:
    coco = None
try:
    from faster_coco_eval.core import mask as faster
except ImportError:
    faster = None
try:
    import rlemasklib
except ImportError:
    rlemasklib = None
try:
    import fastlabelrle
except ImportError:
    fastlabelrle = None


def cellsieve(mask):
    return [cell["segmentation"]["counts"] for cell in cs.encode_rle(mask)]


def one_by_one(library):
    """How pycocotools and its kin are used: a mask of the whole image for each cell."""

    def encode(mask):
        labels = np.unique(mask[mask != 0])
        found = [library.encode(np.asfortranarray(mask == label)) for label in labels]
        return [_text(rle["counts"]) for rle in found]

    return encode


def _text(counts):
    return counts.decode("ascii") if isinstance(counts, bytes) else counts


def by_rlemasklib(mask):
    found = rlemasklib.RLEMask.from_label_map(mask)
    return [_text(found[label].to_dict()["counts"]) for label in sorted(found)]


def by_fastlabelrle(mask):
    return [_text(counts) for counts in fastlabelrle.encode(mask)[1]]


def streaming_read(mask):
    words = mask.reshape(-1).view(np.uint64)
    return int(words.sum())


def main() -> None:
    options = arguments(__doc__.splitlines()[0])
    heading("pycocotools", "faster-coco-eval", "rlemasklib", "fastlabelrle")
    if options.quick:
        masks = [(256, 20, np.uint8), (256, 20, np.int64)]
    else:
        kinds = (np.uint8, np.uint16, np.int32, np.int64)
        masks = [(2048, 20, kind) for kind in kinds]
        masks += [(2048, 250, np.uint8), (2048, 250, np.uint16), (2048, 250, np.int64)]
        masks += [(2048, 5000, np.uint16), (2048, 100_000, np.int32)]
    rows = [row(label_image(size, n).astype(kind), options) for size, n, kind in masks]
    if options.data:
        for path in sorted(options.data.glob("hpa_cell_mask/*.npz")):
            rows.append(row(cs.read_mask(path), options, "real, "))
    show(rows)


def row(mask, options, what=""):
    """One line of the table, the strings compared first."""
    expected = cellsieve(mask)
    everyone = {}
    if len(expected) <= 250:
        if coco is not None:
            everyone["pycocotools"] = one_by_one(coco)
        if faster is not None:
            everyone["faster-coco-eval"] = one_by_one(faster)
        if rlemasklib is not None and mask.dtype == np.uint8:
            everyone["rlemasklib"] = by_rlemasklib
    if fastlabelrle is not None:
        everyone["fastlabelrle"] = lambda mask: by_fastlabelrle(mask.astype(np.uint32))
    for name, function in everyone.items():
        assert function(mask) == expected, name

    ours = {"cellsieve": lambda: cellsieve(mask), "read": lambda: streaming_read(mask)}
    read = interleaved(ours, options.repeats)
    fastest = interleaved(ours, options.repeats, min)
    # The others take seconds: fewer rounds, among which cellsieve stands again.
    timed = {name: (lambda f=f: f(mask)) for name, f in everyone.items()}
    others = interleaved(timed, max(1, options.repeats // 5))
    return {
        "mask": f"{what}{mask.shape[0]}², {mask.dtype}, {len(expected)} cells",
        "cellsieve ms": read["cellsieve"],
        "fastest ms": fastest["cellsieve"],
        "read ms": read["read"],
        "/ read": read["cellsieve"] / read["read"],
        **{
            f"{name} ms": others.get(name, float("nan"))
            for name in ("rlemasklib", "pycocotools", "faster-coco-eval", "fastlabelrle")
            if name in others or name != "fastlabelrle"
        },
    }


if __name__ == "__main__":
    main()
