"""`cellsieve measure` and `cellsieve clean`."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from cellsieve.cells.dataset import measure_to
from cellsieve.cleaning.dataset import clean_to, grouped_by
from cellsieve.cleaning.preset import PRESETS, about, preset, preset_text
from cellsieve.cleaning.rule_files import read_rules
from cellsieve.cli.arguments import (
    add_columns,
    add_overwrite,
    add_run,
    file_path,
    positive,
    shard,
    table_path,
)
from cellsieve.cli.summary import LARGEST, summary
from cellsieve.io.image_set import ImageSet
from cellsieve.io.image_table import image_table_path
from cellsieve.io.tables import FORMATS
from cellsieve.run.cluster import dask_executor
from cellsieve.schema.choices import Convention, RuleKind, SeveralClasses
from cellsieve.schema.images import MEASURED
from cellsieve.schema.rules import MIN_GROUP, Rule
from cellsieve.schema.words import count

IMAGE_PATTERN, MASK_PATTERN = "{id}_{channel}.png", "{id}.npz"


def add_image_arguments(command: argparse.ArgumentParser) -> None:
    """The arguments that say which files belong together."""
    command.add_argument("--masks", type=file_path, metavar="FOLDER", help="folder of the masks")
    command.add_argument(
        "--image-pattern",
        metavar="PATTERN",
        help=f"how image files are named (default: {IMAGE_PATTERN}); without {{channel}}, one file "
        "holds all channels; * is anything; folders and other names in braces are parts of the id "
        "and columns: {plate}/{well}/f{field}_{channel}.tif",
    )
    command.add_argument(
        "--mask-pattern",
        metavar="PATTERN",
        help=f"how mask files are named (default: {MASK_PATTERN})",
    )
    command.add_argument(
        "--channels",
        metavar="NAME,...",
        help="the channel to measure, or several joined by commas (default: the only one). In "
        "files with several channels: red, green, blue or alpha; in TIFF files the OME-TIFF name, "
        "or the number from 0",
    )


def images_of(options: argparse.Namespace) -> ImageSet:
    """The images that these arguments name."""
    return ImageSet.from_patterns(
        os.fspath(options.images / (options.image_pattern or IMAGE_PATTERN)),
        os.fspath(options.masks / (options.mask_pattern or MASK_PATTERN)),
        getattr(options, "labels", None),
        nuclei=_nuclei_pattern(options),
    )


def _nuclei_pattern(options: argparse.Namespace) -> str | None:
    """Where the masks of the nuclei are, if any are named."""
    folder = getattr(options, "nuclei", None)
    if folder is None:
        return None
    path: Path = folder / (options.nuclei_pattern or options.mask_pattern or MASK_PATTERN)
    return os.fspath(path)


def channels_of(options: argparse.Namespace) -> list[str] | None:
    """The channels that are named."""
    return None if options.channels is None else options.channels.split(",")


#: The arguments that say where files are: the folders' ones, and those of a table of paths.
OF_FOLDERS = ("images", "masks", "image_pattern", "mask_pattern")
OF_TABLE = ("root", "parts")


def _images(options: argparse.Namespace) -> ImageSet:
    """The images of folders, or of a table of paths."""
    of_folders, of_table = (
        [name for name in names if getattr(options, name) is not None]
        for names in (OF_FOLDERS, OF_TABLE)
    )
    if options.table is None:
        if of_table:
            raise ValueError(f"--{of_table[0]}: belongs to a table of paths (--images TABLE)")
        if options.images is None or options.masks is None:
            missing = "IMAGES" if options.images is None else "--masks"
            raise ValueError(
                f"{missing}: is missing; expected a folder of images and --masks, or a table of "
                "their paths (--images TABLE)"
            )
        return images_of(options)
    if of_folders:
        name = "IMAGES" if of_folders[0] == "images" else f"--{of_folders[0].replace('_', '-')}"
        raise ValueError(f"--images and {name}: found both; a table names the files itself")
    parts = options.parts.split(",") if options.parts else ()
    return ImageSet.from_table(options.table, options.labels, root=options.root, parts=parts)


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


def _limit(text: str) -> float | None:
    """An end of a band; 'none' leaves that side open."""
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"found {text!r}; expected a number, or none for an open side"
        ) from None


def _measure(options: argparse.Namespace) -> int:
    images = _images(options).reading(
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
            properties=options.properties.split(",") if options.properties else (),
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


#: What limits may be but quantiles: the option, the kind of a rule, and how to say it.
KINDS: tuple[tuple[str, RuleKind, str], ...] = (
    ("values", "value", "values of the column"),
    ("ratio", "ratio", "multiples of the group's median"),
    (
        "mad",
        "mad",
        "distances from the group's median in units of 1.4826 times its median absolute deviation, "
        "negative below it",
    ),
    (
        "zscore",
        "zscore",
        "distances from the group's mean in standard deviations, negative below it",
    ),
)


def add_clean(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "clean",
        example="cellsieve clean cells.csv -o clean.csv --lower 0.05 --upper 0.95",
        help=summary,
        description="Marks the cells outside the percentile band of their group. No row is "
        "dropped: each gets 'clean', 'reason' and the limits that decided it. The summary shows "
        f"the {LARGEST} largest groups; notes are printed to standard error.",
        epilog="Exit code: 0 done, 2 nothing was done.",
    )
    command.add_argument(
        "cells",
        metavar="CELLS",
        type=table_path,
        nargs="+",
        help="cell table; several are judged together, as parts of one table",
    )
    command.add_argument(
        "-o", "--output", type=table_path, required=True, metavar="TABLE", help="table to write"
    )
    command.add_argument(
        "--by",
        action="append",
        default=argparse.SUPPRESS,
        metavar="COLUMN,...",
        help="column, or several joined by commas, that form the groups: --by "
        "plate,class_label (default: class_label); 'none' puts all cells in one group",
    )
    command.add_argument(
        "--column",
        default=argparse.SUPPRESS,
        help="column to judge (default: fraction)",
    )
    command.add_argument(
        "--lower",
        type=_limit,
        default=argparse.SUPPRESS,
        metavar="Q",
        help="lower quantile, 0 to 1; 'none' leaves that side open (default: 0.001)",
    )
    command.add_argument(
        "--upper",
        type=_limit,
        default=argparse.SUPPRESS,
        metavar="Q",
        help="upper quantile, 0 to 1; 'none' leaves that side open (default: 0.999)",
    )
    kinds = command.add_mutually_exclusive_group()
    for option, kind, what in KINDS:
        kinds.add_argument(
            f"--{option}",
            action="store_const",
            dest="kind",
            const=kind,
            default=argparse.SUPPRESS,
            help=f"--lower and --upper are {what}, not quantiles; a side that is not given is open",
        )
    command.add_argument(
        "--rules",
        type=file_path,
        metavar="TOML",
        help="TOML file of rules, in place of the options above",
    )
    command.add_argument(
        "--preset",
        choices=PRESETS,
        metavar="NAME",
        help=f"rules that come with cellsieve: {', '.join(PRESETS)}; 'cellsieve rules NAME' prints "
        "them",
    )
    command.add_argument(
        "--multi",
        choices=get_args(SeveralClasses),
        default="skip",
        help="cells with several classes, as '0|16': 'skip' marks them, 'explode' gives one row "
        "per class, 'own' makes each combination a group (default: %(default)s)",
    )
    command.add_argument(
        "--overrides",
        type=table_path,
        metavar="TABLE",
        help="marks by hand, as downloaded from a report (image_id, label, mark: keep or drop), "
        "which have the last word",
    )
    command.add_argument(
        "--min-group",
        type=positive,
        default=MIN_GROUP,
        metavar="N",
        help="mark the cells of groups smaller than this as small_group (default: %(default)s)",
    )
    add_columns(command)
    command.add_argument(
        "--prefix-ids",
        action="store_true",
        help="put the name of the file (or folder, where files have the same name) and '+' in "
        "front of each image id, so that images of several tables may have the same ids",
    )
    add_overwrite(command)
    command.set_defaults(run=_clean)


#: The arguments that a file of rules takes the place of, and what they set.
IN_RULES = {name: name for name in ("by", "column", "lower", "upper")} | {
    option: "kind" for option, _, _ in KINDS
}


def _rules(options: argparse.Namespace) -> list[Rule]:
    """The rules of a file or a preset, or the one that the arguments make."""
    given = {name: getattr(options, name) for name in IN_RULES.values() if hasattr(options, name)}
    if options.rules is not None and options.preset is not None:
        raise ValueError("--rules and --preset: found both; expected one of them")
    if options.rules is not None or options.preset is not None:
        whole = "preset" if options.rules is None else "rules"
        if given:
            first, value = next(iter(given.items()))
            option = next(
                (option for option, kind, _ in KINDS if (first, value) == ("kind", kind)), first
            )
            raise ValueError(
                f"--{whole} and --{option}: found both; a file of rules or a preset "
                f"takes the place of {', '.join(f'--{name}' for name in IN_RULES)}"
            )
        return preset(options.preset) if options.rules is None else read_rules(options.rules)
    kind = given.pop("kind", "percentile")
    by = [name for text in given.pop("by", ["class_label"]) for name in text.split(",")]
    if "none" in by and len(by) > 1:
        raise ValueError(f"--by: found {','.join(by)}; 'none' stands alone")
    open_or_default = {"lower": 0.001, "upper": 0.999} if kind == "percentile" else {}
    return [
        Rule(
            **{"column": "fraction", **open_or_default, **given},
            by=None if by == ["none"] else by,
            kind=kind,
        )
    ]


def _clean(options: argparse.Namespace) -> int:
    rules = _rules(options)
    counts = clean_to(
        options.cells,
        options.output,
        rules,
        options.multi,
        min_group=options.min_group,
        overrides=options.overrides,
        columns=options.columns,
        prefix_ids=options.prefix_ids,
        overwrite=options.overwrite,
    )
    options.counts = {
        "cells": counts["cells"].sum(),
        "kept": counts.loc[counts["clean"], "cells"].sum(),
        "reasons": counts.groupby("reason")["cells"].sum().drop("", errors="ignore").to_dict(),
    }
    if not options.quiet:
        for line in summary(counts, grouped_by(rules), options.output):
            print(line)
        for note in counts.attrs["notes"]:
            print(f"note: {note}", file=sys.stderr)
    return 0


def add_rules(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "rules",
        example="cellsieve rules faults",
        help=summary,
        description="Lists the rules that come with cellsieve, for 'clean --preset NAME', or "
        "prints one of them: a TOML file to copy and edit, for 'clean --rules'.",
    )
    command.add_argument(
        "name", nargs="?", choices=PRESETS, metavar="NAME", help=f"one of {', '.join(PRESETS)}"
    )
    command.set_defaults(run=_print_rules)


def _print_rules(options: argparse.Namespace) -> int:
    if options.name is None:
        for name in PRESETS:
            print(f"{name:10}{about(name)}")
    else:
        print(preset_text(options.name), end="")
    return 0
