"""`cellsieve annotate`, `cellsieve masks` and `cellsieve crops`: clean cells leave."""

import argparse
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import pandas as pd

from cellsieve.cli.arguments import (
    add_image_table,
    add_overwrite,
    add_run,
    file_path,
    positive,
    table_path,
)
from cellsieve.export.anndata import export_to
from cellsieve.export.annotate import annotate
from cellsieve.export.crops import crops
from cellsieve.export.crops.shards import SHARD_CELLS
from cellsieve.export.masks import masks
from cellsieve.run.cluster import dask_executor
from cellsieve.schema.choices import (
    AnnotatedClasses,
    AnnotationFormat,
    CropKind,
    Fit,
    Keep,
    PictureFormat,
)
from cellsieve.schema.colours import COLOURS
from cellsieve.schema.words import count

EPILOG = (
    "Exit code: 0 all images were done, 1 some failed (the image table says why), 2 nothing was "
    "done, 130 interrupted (--resume resumes the run)."
)


def _add_common(command: argparse.ArgumentParser) -> None:
    """What all three take."""
    add_image_table(command, "CLEAN")
    command.add_argument(
        "--all-cells", action="store_true", help="take all cells, not only the clean ones"
    )
    add_run(command, "resume an interrupted run with the same settings")


@contextmanager
def _common(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    with dask_executor(options.dask) as executor:
        yield {
            "executor": executor,
            "images": options.image_table,
            "root": options.root,
            "all_cells": options.all_cells,
            "jobs": options.jobs,
            "progress": False if options.quiet else None,
            "max_pixels": options.max_pixels,
            "resume": options.resume,
            "overwrite": options.overwrite,
        }


def _add_clean_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "clean", metavar="CLEAN", type=table_path, help="the table that 'clean' wrote"
    )


def pairs(text: str) -> dict[str, str]:
    """An argument like green=green,yellow=red."""
    found = dict(part.partition("=")[::2] for part in text.split(","))
    if not all(found) or not all(found.values()):
        raise argparse.ArgumentTypeError(f"found {text!r}; expected channel=colour,...")
    return found


def names(text: str) -> list[str]:
    """An argument like red,green,blue."""
    return text.split(",")


def add_annotate(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "annotate",
        example="cellsieve annotate clean.csv -o annotations.json",
        help=summary,
        description="Writes the clean cells as annotations with run-length encodings: COCO JSON, "
        'the annotation format of mmdetection 2 ("middle format"), or YOLO segmentation text, one '
        "file per image.",
        epilog=EPILOG,
    )
    _add_clean_argument(command)
    command.add_argument(
        "-o",
        "--output",
        type=file_path,
        required=True,
        metavar="FILE",
        help=".json, or .pkl for --format mmdet; a folder for --format yolo",
    )
    command.add_argument(
        "--format",
        choices=get_args(AnnotationFormat),
        help="default: mmdet for .pkl, else coco",
    )
    command.add_argument(
        "--multi",
        choices=get_args(AnnotatedClasses),
        default="each",
        help="'each' gives one annotation per class for images of several classes, as '0|16'; "
        "'one' makes all cells one category, 'cell' (default: %(default)s)",
    )
    command.add_argument(
        "--categories",
        type=file_path,
        metavar="FILE",
        help="class labels in the order of the categories, or with their names: JSON, or a table "
        "with the columns class_label and name (default: the class labels of CLEAN)",
    )
    command.add_argument(
        "--min-intensity",
        type=float,
        metavar="VALUE",
        help="drop cells whose brightest pixel in the channel is below this value",
    )
    command.add_argument(
        "--channel", help="the channel of --min-intensity (default: the measured one)"
    )
    command.add_argument(
        "--except-class",
        type=names,
        default=[],
        metavar="CLASS,...",
        help="classes whose cells --min-intensity never drops",
    )
    command.add_argument(
        "--composites",
        type=file_path,
        metavar="FOLDER",
        help="also write an RGB picture of each image, which the annotations then name; for "
        "--format yolo, the folder 'images' in the output",
    )
    command.add_argument(
        "--picture",
        choices=get_args(PictureFormat),
        default="png",
        help="file format of these pictures (default: %(default)s)",
    )
    command.add_argument(
        "--colours",
        type=pairs,
        metavar="CHANNEL=COLOUR,...",
        help="colour of each channel, as green=green,yellow=yellow; colours: "
        f"{', '.join(COLOURS)} (default: the channels red, green and blue)",
    )
    _add_common(command)
    command.set_defaults(run=_annotate)


def _annotate(options: argparse.Namespace) -> int:
    with _common(options) as common:
        listed = annotate(
            options.clean,
            options.output,
            format=options.format,
            multi=options.multi,
            categories=options.categories,
            min_intensity=options.min_intensity,
            channel=options.channel,
            except_class=options.except_class,
            composites=options.composites,
            picture=options.picture,
            colours=options.colours,
            **common,
        )
    return _report(options, listed, "cell", "annotated")


def add_export(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "export",
        example="cellsieve export clean.csv -o clean.h5ad",
        help=summary,
        description="Writes a cell table as AnnData, which scanpy and squidpy read: what was "
        "measured of each cell as X, all other columns as obs, the middle of its box as "
        "obsm['spatial'].",
        epilog="Exit code: 0 done, 2 nothing was done.",
    )
    command.add_argument("cells", metavar="CELLS", type=table_path, help="cell table")
    command.add_argument(
        "-o", "--output", type=file_path, required=True, metavar="FILE", help="file to write: .h5ad"
    )
    add_overwrite(command)
    command.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    export_to(options.cells, options.output, overwrite=options.overwrite)
    if not options.quiet:
        print(f"cells: {options.output}")
    return 0


def add_masks(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "masks",
        example="cellsieve masks clean.csv -o clean_masks",
        help=summary,
        description="Writes label images with only the clean cells; ids, file format, file "
        "names and dtype stay the same.",
        epilog=EPILOG,
    )
    _add_clean_argument(command)
    command.add_argument(
        "-o", "--output", type=file_path, required=True, metavar="FOLDER", help="folder to write"
    )
    _add_common(command)
    command.set_defaults(run=_masks)


def _masks(options: argparse.Namespace) -> int:
    with _common(options) as common:
        listed = masks(options.clean, options.output, **common)
    return _report(options, listed, "mask", "written")


def add_crops(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "crops",
        example="cellsieve crops clean.csv -o crops --size 96 --channels green,red,blue",
        help=summary,
        description="Cuts every clean cell out of its image, one file per cell, with an index "
        "(index.csv): path, class label, box and scale of each.",
        epilog=EPILOG,
    )
    _add_clean_argument(command)
    command.add_argument(
        "-o", "--output", type=file_path, required=True, metavar="FOLDER", help="folder to write"
    )
    command.add_argument(
        "--channels",
        type=names,
        metavar="NAME,...",
        help="channels, in this order (default: red,green,blue where there are these, else the "
        "measured one)",
    )
    command.add_argument(
        "--size",
        type=size,
        metavar="N or ROWSxCOLS",
        help="size of every crop; the cell is in its middle (default: the cell's box)",
    )
    command.add_argument(
        "--fit",
        choices=get_args(Fit),
        default="cut",
        help="cells larger than --size lose their margins, or are scaled down; 'stretch' makes "
        "every cell fill the crop (default: %(default)s)",
    )
    command.add_argument(
        "--keep",
        choices=get_args(Keep),
        default="cell",
        help="which pixels stay: the cell's own, also those outside every cell (neighbours are "
        "blanked), or all (default: %(default)s)",
    )
    command.add_argument(
        "--kind",
        choices=get_args(CropKind),
        default="png",
        help="one .png (1, 3 or 4 channels), .npz or .npy (any number) per cell, or WebDataset "
        "shards (default: "
        "%(default)s)",
    )
    command.add_argument("--folders", action="store_true", help="one folder per class label")
    command.add_argument(
        "--per-class", type=positive, metavar="N", help="at most N cells of each class label"
    )
    command.add_argument(
        "--balance",
        action="store_true",
        help="as many cells per class as the rarest class has",
    )
    command.add_argument(
        "--seed", type=int, default=0, help="seed of the random choice (default: %(default)s)"
    )
    command.add_argument(
        "--shard-cells",
        type=positive,
        default=SHARD_CELLS,
        metavar="N",
        help="cells per shard (default: %(default)s)",
    )
    _add_common(command)
    command.set_defaults(run=_crops)


def size(text: str) -> int | tuple[int, int]:
    """An argument like 512 or 512x384."""
    sides = [int(side) for side in text.lower().split("x")]
    if len(sides) not in (1, 2):
        raise ValueError
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


size.__name__ = "size (as 512 or 512x384)"  # what argparse says was expected


def _crops(options: argparse.Namespace) -> int:
    with _common(options) as common:
        listed = crops(
            options.clean,
            options.output,
            channels=options.channels,
            size=options.size,
            fit=options.fit,
            keep=options.keep,
            kind=options.kind,
            folders=options.folders,
            per_class=options.per_class,
            balance=options.balance,
            seed=options.seed,
            shard_cells=options.shard_cells,
            **common,
        )
    code = _report(options, listed, "cell", "cut out")
    # A folder that an earlier version finished does not say it of its images.
    options.counts["cut"] = larger = int(listed.get("cut", pd.Series(dtype="Int64")).sum())
    if larger:
        print(
            f"{count(larger, 'cell is larger than its crop', 'cells are larger than their crops')} "
            "and cut off at the edge (column cut of index.csv); --fit shrink scales down such "
            "cells, a larger --size shows them whole"
        )
    return code


def _report(
    options: argparse.Namespace, listed: pd.DataFrame, what: str, done: str, most: int = 5
) -> int:
    """What was done and what was not, and the exit code of that."""
    failed, output = listed[listed["status"] != "done"], options.output
    options.counts = {"images": len(listed), "failed": len(failed), "cells": listed["cells"].sum()}
    images = count(len(listed) - len(failed), "image")
    print(f"{count(listed['cells'].sum(), what)} of {images} {done}: {output}")
    if len(failed):
        print(f"{count(len(failed), 'image')} failed:", file=sys.stderr)
        for row in failed.head(most).itertuples():
            print(f"  {row.image_id}: {row.error}", file=sys.stderr)
        if len(failed) > most:
            print(f"  ... and {len(failed) - most} more in the image table", file=sys.stderr)
        if failed["error"].str.endswith(os.strerror(errno.ENOENT)).all():
            print(
                "If images and masks have moved, --root says which folder their paths start from.",
                file=sys.stderr,
            )
    return int(len(failed) > 0)
