"""`cellsieve merge`: the tables of shards become one."""

import argparse
from typing import Any

from cellsieve.cells.merge import merge_to
from cellsieve.cli.arguments import add_overwrite, table_path
from cellsieve.io.image_table import image_table_path
from cellsieve.schema.words import count


def add_merge(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "merge",
        example="cellsieve merge cells.csv -o merged.csv",
        help=summary,
        description="Puts the tables of shards, each with its image table, together in the order "
        "of their images: the files of an undivided run, byte for byte. Tables that were measured "
        "with different settings or hold the same image are refused, and so are shards of which "
        "one is missing.\n\n"
        "  cellsieve measure images --masks masks --shard 1/2 -o part1.csv\n"
        "  cellsieve measure images --masks masks --shard 2/2 -o part2.csv\n"
        "  cellsieve merge part1.csv part2.csv -o cells.csv",
        epilog="Exit code: 0 done, 2 nothing was done.",
    )
    command.add_argument(
        "parts", metavar="PART", type=table_path, nargs="+", help="cell table that 'measure' wrote"
    )
    command.add_argument(
        "-o",
        "--output",
        type=table_path,
        required=True,
        metavar="TABLE",
        help="the cell table to write: .parquet if the parts are, else .csv or .csv.gz",
    )
    add_overwrite(command)
    command.set_defaults(run=_merge)


def _merge(options: argparse.Namespace) -> int:
    images = merge_to(options.parts, options.output, overwrite=options.overwrite)
    cells = int(images["cells"].dropna().astype(int).sum())
    options.counts = {"images": len(images), "cells": cells}
    print(f"{count(cells, 'cell')} of {count(len(images), 'image')}")
    print(f"cells:  {options.output}")
    print(f"images: {image_table_path(options.output)}")
    return 0
