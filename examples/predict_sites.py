"""Runs a model on the sites of a screen and writes what `cellsieve plates infer` and `decode` read.

    python examples/predict_sites.py IMAGES test.csv model.onnx --classes names.txt -o scores.npz
    python examples/predict_sites.py IMAGES test.csv mine:predict --classes names.txt -o scores.npz
    cellsieve plates decode layout.json test.csv scores.npz --kind logit -o submission.csv

The model is an ONNX file (needs onnxruntime: pip install 'cellsieve[onnx]') or a Python function
`module:function`, found on the Python path or in the current folder. Either takes a batch of
sites, float32 of shape (sites, channels, rows, columns) with values from 0 to 1, and returns scores
of shape (sites, classes). Images are expected where RxRx1 has them:
IMAGES/<experiment>/Plate<plate>/<well>_s<site>_w<channel>.png.

Scores of the sites of a well are averaged, as they are (`--average log`, for logits) or after a
softmax (`--average probability`). If some wells have no images, it says how many, writes nothing
and ends with exit code 1, unless `--skip-missing` is given.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import cellsieve as cs

Scores = NDArray[np.floating]
Model = Callable[[NDArray[np.float32]], Scores]


def main() -> int:
    """The command line; mistakes are one line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("images", type=Path, help="folder with one folder per experiment")
    parser.add_argument(
        "wells", help="table with one row per well: id_code, experiment, plate, well"
    )
    parser.add_argument("model", help="an ONNX file, or module:function")
    parser.add_argument("--classes", type=Path, required=True, help="class names, one per line")
    parser.add_argument("-o", "--output", type=Path, required=True, help="scores as .npz")
    parser.add_argument("--sites", type=int, nargs="+", default=[1, 2], help="default: 1 2")
    parser.add_argument("--channels", type=int, default=6, help="default: 6")
    parser.add_argument("--batch", type=int, default=16, help="sites at once (default: 16)")
    parser.add_argument("--average", choices=("log", "probability"), default="log")
    parser.add_argument("--skip-missing", action="store_true", help="skip wells without images")
    options = parser.parse_args()
    try:
        return run(options)
    except (OSError, ValueError, TypeError, ImportError) as error:
        print(f"predict_sites: error: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    """Predicts every well and writes scores, ids and classes."""
    if options.output.suffix != ".npz":
        raise ValueError(f"{options.output}: expected a name that ends in .npz")
    classes = options.classes.read_text(encoding="utf-8").split()
    wells = cs.read_table(options.wells, text=())
    model = load_model(options.model)
    sites = {}
    for well in wells.itertuples():
        for site in options.sites:
            files = site_files(options.images, well, site, options.channels)
            if all(path.exists() for path in files):
                sites[well.id_code, site] = files
    found = {well for well, _ in sites}
    missing = [well for well in wells["id_code"] if well not in found]
    if missing:
        well = next(wells[wells["id_code"] == missing[0]].itertuples())
        path = site_files(options.images, well, options.sites[0], 1)[0]
        print(
            f"predict_sites: {len(missing)} of {len(wells)} wells have no images, such as {path}",
            file=sys.stderr,
        )
        if not options.skip_missing:
            return 1
    ids = [well for well in wells["id_code"] if well in found]
    row = {well: number for number, well in enumerate(ids)}
    total = np.zeros((len(ids), len(classes)))
    count = np.zeros(len(ids))
    progress = tqdm(total=len(sites), unit="site", disable=None)
    for keys, batch in batches(sites, options.batch):
        scores = np.asarray(model(batch), dtype=np.float64)
        if scores.shape != (len(keys), len(classes)):
            raise ValueError(
                f"{options.model}: gave scores of shape {scores.shape} for {len(keys)} sites; "
                f"expected {(len(keys), len(classes))}, a column for each line of {options.classes}"
            )
        if options.average == "probability":
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            scores /= scores.sum(axis=1, keepdims=True)
        for (well, _), values in zip(keys, scores, strict=True):
            total[row[well]] += values
            count[row[well]] += 1
        progress.update(len(keys))
    progress.close()
    mean = (total / count[:, None]).astype(np.float32)
    temporary = options.output.with_suffix(".part.npz")
    np.savez(temporary, scores=mean, ids=np.array(ids, dtype=str), classes=np.array(classes))
    temporary.replace(options.output)
    kind = "probability" if options.average == "probability" else "logit"
    print(
        f"{options.output}: {len(ids)} wells, {int(count.sum())} sites; decode with --kind {kind}"
    )
    return 0


def site_files(images: Path, well: object, site: int, channels: int) -> list[Path]:
    """The channels of a site, in order."""
    folder = images / str(well.experiment) / f"Plate{well.plate}"  # type: ignore[attr-defined]
    name = f"{well.well}_s{site}"  # type: ignore[attr-defined]
    return [folder / f"{name}_w{channel}.png" for channel in range(1, channels + 1)]


def batches(
    sites: dict[tuple[str, int], list[Path]], size: int
) -> Iterator[tuple[list[tuple[str, int]], NDArray[np.float32]]]:
    """Reads and stacks the sites, `size` at a time."""
    keys = list(sites)
    for start in range(0, len(keys), size):
        part = keys[start : start + size]
        yield part, np.stack([read_site(sites[key]) for key in part])


def read_site(files: list[Path]) -> NDArray[np.float32]:
    """The channels of one site as numbers from 0 to 1."""
    channels = []
    for path in files:
        image = cs.read_image(path)
        channels.append(image.astype(np.float32) / np.iinfo(image.dtype).max)
    if any(channel.shape != channels[0].shape for channel in channels):
        shapes = sorted({channel.shape for channel in channels})
        raise ValueError(f"{files[0]}: its channels have shapes {shapes}; expected one")
    return np.stack(channels)


def load_model(name: str) -> Model:
    """An ONNX file as a function, or a function by its name."""
    if name.endswith(".onnx"):
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError("an ONNX model needs: pip install 'cellsieve[onnx]'") from error
        if not Path(name).exists():
            raise FileNotFoundError(f"{name}: no such file")
        session = onnxruntime.InferenceSession(name)
        argument = session.get_inputs()[0].name
        return lambda batch: session.run(None, {argument: batch})[0]
    module, colon, function = name.partition(":")
    if not colon:
        raise ValueError(f"model: found {name!r}; expected a .onnx file or module:function")
    sys.path.insert(0, str(Path.cwd()))
    found: Model = getattr(importlib.import_module(module), function, None)  # type: ignore[assignment]
    if not callable(found):
        raise ValueError(f"model: {module} has no function {function!r}")
    return found


if __name__ == "__main__":
    sys.exit(main())
