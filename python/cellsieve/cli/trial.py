"""`cellsieve demo` and `cellsieve bench`: the tool tried out on this machine."""

import argparse
from pathlib import Path
from typing import Any

from cellsieve.cli.images import add_image_arguments, images_of
from cellsieve.trial.bench import bench
from cellsieve.trial.demo import demo


def add_demo(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "demo",
        example="cellsieve demo my-demo",
        help=summary,
        description="Makes a small data set that looks like the Human Protein Atlas, measures and "
        "cleans it; makes a small screen with planted classes, learns its plates and decodes its "
        "wells; and says where the files are. Needs no network and a few seconds.",
    )
    command.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("cellsieve-demo"),
        metavar="FOLDER",
        help="where everything is written (default: %(default)s)",
    )
    command.add_argument("--overwrite", action="store_true", help="remove that folder first")
    command.set_defaults(run=_demo)


def add_bench(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "bench",
        example="cellsieve bench --size 256",
        help=summary,
        description="Times the kernels against the numpy reference, on made-up images or your "
        "own, and checks that all values are equal.",
        epilog="Exit code: 0 all values are equal, 1 some are not.",
    )
    command.add_argument(
        "--images", metavar="FOLDER", type=Path, help="images of your own (needs --masks)"
    )
    add_image_arguments(command)
    command.add_argument(
        "--size",
        type=int,
        default=1024,
        metavar="N",
        help="rows and columns of made-up images (default: %(default)s)",
    )
    command.set_defaults(run=_bench)


def _demo(options: argparse.Namespace) -> int:
    demo(options.folder, overwrite=options.overwrite)
    return 0


def _bench(options: argparse.Namespace) -> int:
    if (options.images is None) != (options.masks is None):
        raise ValueError("--images and --masks: one is given; expected both or neither")
    images = images_of(options) if options.images is not None else None
    table = bench(images, options.channels, size=options.size)
    shown = table.assign(
        ratio=table["ratio"].map("{:.0f}x".format),
        equal=table["equal"].map({True: "yes", False: "NO"}),
    )
    print(shown.to_string(index=False, float_format="{:.2f}".format))
    return int(not table["equal"].all())
