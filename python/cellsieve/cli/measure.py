"""`cellsieve measure`."""

import argparse
import sys
from typing import Any, get_args

import pandas as pd

from cellsieve.cells.dataset import measure_to
from cellsieve.cli.arguments import add_columns, add_run, file_path, shard, table_path
from cellsieve.cli.images import add_image_arguments, channels_of, images_or_table
from cellsieve.io.image_set import ImageSet
from cellsieve.io.image_table import image_table_path
from cellsieve.io.tables import FORMATS
from cellsieve.run.cluster import dask_executor
from cellsieve.schema.choices import Convention
from cellsieve.schema.images import MEASURED
from cellsieve.schema.measures import chosen
from cellsieve.schema.words import count


def add_measure(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "measure",
        example="cellsieve measure images --masks masks --labels train.csv --channels green "
        "-o cells.csv",
        help=summary,
        description="Measures every cell of a folder of images and writes a table with one row "
        "per cell, and beside it the image table (cells.parquet: cells.images.csv) with one row "
        "per image: its files, its threshold, and why it failed if it did.",
        epilog="Exit code: 0 all images were measured, 1 some were not (the image table says "
        "why), 2 nothing was done, 130 interrupted (--resume resumes the run).",
    )
    command.add_argument(
        "images", metavar="IMAGES", nargs="?", type=file_path, help="folder of the image files"
    )
    command.add_argument(
        "--images",
        dest="table",
        type=table_path,
        metavar="TABLE",
        help="in place of folders and patterns, a table of paths: image_id, path_mask, a "
        "path_<channel> for each channel, class_label if there are labels",
    )
    command.add_argument(
        "--root",
        type=file_path,
        metavar="FOLDER",
        help="where relative paths in that table start (default: its own folder)",
    )
    command.add_argument(
        "--parts",
        metavar="COLUMN,...",
        help="columns of that table that the image and cell tables keep, as plate,well",
    )
    command.add_argument(
        "--labels",
        type=file_path,
        metavar="TABLE",
        help="class labels: a table with the columns ID and Label, or image_id and class_label",
    )
    command.add_argument(
        "-o",
        "--output",
        type=table_path,
        required=True,
        metavar="TABLE",
        help=f"the cell table to write: {', '.join(FORMATS)}",
    )
    add_image_arguments(command)
    command.add_argument(
        "--z",
        metavar="N|max",
        help="of z-stacks, this plane (from 0), or the largest value of each pixel; of masks too, "
        "unless they are of one plane",
    )
    command.add_argument(
        "--pages",
        choices=("channels", "z"),
        help="what the pages of a TIFF file are that does not say it",
    )
    command.add_argument(
        "--mask-channel", metavar="NAME", help="the channel of mask files that have several"
    )
    command.add_argument(
        "--mask-scale",
        choices=("nearest",),
        help="bring masks of another size to that of their image, by a whole number",
    )
    command.add_argument(
        "--allow-pickle",
        action="store_true",
        help="open cellpose's _seg.npy, which are pickles and could name any code to run; they are "
        "refused if they name more than arrays, numbers and text",
    )
    command.add_argument(
        "--properties",
        metavar="NAME,...",
        help="what to measure beside the columns of a default table: families (intensity, focus, "
        "shape, place, nuclei, compartments, image), single columns, or all; see 'cellsieve "
        "properties'",
    )
    command.add_argument(
        "--nuclei",
        type=file_path,
        metavar="FOLDER",
        help="folder of a second mask for each image, whose labels are nuclei",
    )
    command.add_argument(
        "--nuclei-pattern",
        metavar="PATTERN",
        help="how these masks are named (default: as the others)",
    )
    command.add_argument(
        "--compartments",
        action="store_true",
        help="add the columns of 'intensity' for the nuclei and for the rest of the cells",
    )
    command.add_argument(
        "--max-value",
        type=float,
        metavar="VALUE",
        help="pixels are saturated from this value on (default: the largest of their type; 4095 "
        "where 12 bits lie in 16)",
    )
    threshold = command.add_mutually_exclusive_group()
    threshold.add_argument(
        "--quantile",
        type=float,
        default=0.99,
        metavar="Q",
        help="threshold: this quantile of the background, the pixels with label 0 "
        "(default: %(default)s)",
    )
    threshold.add_argument(
        "--threshold",
        type=float,
        metavar="VALUE",
        help="one threshold for all images, in place of a quantile",
    )
    command.add_argument(
        "--convention",
        choices=get_args(Convention),
        default="cellsieve",
        help="'notebook' reproduces the numbers of the original notebook",
    )
    add_columns(command, "other commands, and --resume of a finished run,")
    command.add_argument(
        "--rle",
        action="store_true",
        help="add each cell's run-length encoding, so that 'annotate' needs no mask",
    )
    command.add_argument(
        "--shard",
        type=shard,
        metavar="K/N",
        help="measure only the Kth of N parts of the images, as 3/16; a hash of its id says which "
        "part an image is in, whatever others there are. 'cellsieve merge' puts the tables "
        "together",
    )
    add_run(
        command,
        "resume an interrupted run with the same settings: measure what is missing or failed",
    )
    command.set_defaults(run=_measure)


def _properties(options: argparse.Namespace) -> list[str]:
    """What is to be measured.

    Raises:
        ValueError: an unknown name; masks of nuclei that nothing of it needs.
    """
    names = options.properties.split(",") if options.properties else []
    needed = options.compartments or any(
        measure.needs == "nuclei" for measure in chosen(names, nuclei=True)
    )
    if options.nuclei is not None and not needed:
        raise ValueError(
            "--nuclei: nothing that is measured needs it; expected nuclei or all among --properties"
        )
    return names


def _measure(options: argparse.Namespace) -> int:
    properties = _properties(options)
    images = images_or_table(options).reading(
        z=options.z,
        pages=options.pages,
        mask_channel=options.mask_channel,
        mask_scale=options.mask_scale,
        allow_pickle=options.allow_pickle,
    )
    if options.shard is not None:
        images = images.sharded(*options.shard)
    print(images)
    with dask_executor(options.dask) as executor:
        table = measure_to(
            images,
            options.output,
            channels_of(options),
            properties=properties,
            compartments=options.compartments,
            quantile=options.quantile,
            threshold=options.threshold,
            max_value=options.max_value,
            convention=options.convention,
            columns=options.columns,
            jobs=options.jobs,
            executor=executor,
            progress=False if options.quiet else None,
            max_pixels=options.max_pixels,
            resume=options.resume,
            overwrite=options.overwrite,
            rle=options.rle,
        )
    channels = images.measured_channels(channels_of(options))
    options.counts = {
        "images": len(table),
        **table["status"].value_counts().to_dict(),
        "cells": table["cells"].sum(),
    }
    print(
        f"{count(table['cells'].sum(), 'cell')} of "
        f"{count(table['status'].isin(MEASURED).sum(), 'image')}, "
        f"{'channel' if len(channels) == 1 else 'channels'} {', '.join(channels)}"
    )
    print(f"cells:  {options.output}")
    print(f"images: {image_table_path(options.output)}")
    if not options.quiet:
        _print_ignored(images)
    _print_problems(table)
    # A mask alone is no image that failed; everything else that was not measured is.
    return int((~table["status"].isin([*MEASURED, "no_image"])).any())


def _print_ignored(images: ImageSet, most: int = 5) -> None:
    """Files that a pattern may have missed."""
    if images.ignored:
        number = len(images.ignored)
        files = count(
            number,
            "file or folder fits no pattern and was",
            "files or folders fit no pattern and were",
        )
        names = ", ".join(images.ignored[:most]) + (", ..." if number > most else "")
        print(f"{files} not read: {names}", file=sys.stderr)


def _print_problems(table: pd.DataFrame, most: int = 5) -> None:
    """What went wrong, the first few of each kind."""
    for status, rows in table[~table["status"].isin(MEASURED)].groupby("status"):
        print(f"{count(len(rows), 'image')} {status}:", file=sys.stderr)
        for row in rows.head(most).itertuples():
            print(f"  {row.image_id}: {row.error}", file=sys.stderr)
        if len(rows) > most:
            print(f"  ... and {len(rows) - most} more in the image table", file=sys.stderr)
    if {"no_mask", "no_image"} == set(table["status"]):
        with_image, with_mask = (
            table.loc[table["status"] == status, "image_id"].iloc[0]
            for status in ("no_mask", "no_image")
        )
        print(
            f"No image and mask share an id: images are like {with_image!r}, masks like "
            f"{with_mask!r}; --image-pattern and --mask-pattern say what of a name is the id.",
            file=sys.stderr,
        )
    warned = table[table["warning"].notna()]
    for row in warned.head(most).itertuples():
        print(f"warning: {row.image_id}: {row.warning}", file=sys.stderr)
    if len(warned) > most:
        more = count(len(warned) - most, "more warning")
        print(f"... and {more} in the image table", file=sys.stderr)
