"""Which images a command is about: folders and patterns, or a table of paths."""

import argparse
import os
from pathlib import Path

from cellsieve.cli.arguments import file_path
from cellsieve.io.image_set import ImageSet

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


def images_or_table(options: argparse.Namespace) -> ImageSet:
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
