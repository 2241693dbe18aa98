"""Arguments that several commands take, each said and checked in one place."""

import argparse
from pathlib import Path
from typing import get_args

from cellsieve.io.places import place
from cellsieve.io.readers import MAX_PIXELS
from cellsieve.io.tables import table_format
from cellsieve.schema.choices import Vocabulary


def file_path(text: str) -> Path:
    """An argument that names a file or folder: a path, or a URL that fsspec opens."""
    try:
        return place(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def table_path(text: str) -> Path:
    """An argument that names a table."""
    path = file_path(text)
    try:
        table_format(path)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return path


def positive(text: str) -> int:
    """An argument that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected a positive whole number")
    return int(text)


def shard(text: str) -> tuple[int, int]:
    """An argument like 3/16."""
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"found {text!r}; expected as 1/16 to 16/16")
    return int(number), int(of)


def add_jobs(command: argparse.ArgumentParser) -> None:
    """How many threads."""
    command.add_argument(
        "--jobs", type=positive, metavar="N", help="number of threads (default: one per processor)"
    )


def add_overwrite(command: argparse.ArgumentParser) -> None:
    """Whether a file that is there may be replaced."""
    command.add_argument("--overwrite", action="store_true", help="replace an existing output")


def add_image_table(command: argparse.ArgumentParser, table: str) -> None:
    """Where the pixels are of a command that reads the cells of `table`."""
    command.add_argument(
        "--image-table",
        type=file_path,
        metavar="TABLE",
        help=f"the image table (default: {table.lower()}.images.csv beside {table})",
    )
    command.add_argument(
        "--root",
        type=file_path,
        metavar="FOLDER",
        help="where relative paths in the image table start (default: its own folder)",
    )


def add_columns(command: argparse.ArgumentParser, readers: str = "other commands") -> None:
    """The vocabulary of the output; `readers` says who needs cellsieve's own."""
    command.add_argument(
        "--columns",
        choices=get_args(Vocabulary),
        default="cellsieve",
        help=f"column names of the output (default: cellsieve, the only ones that {readers} read)",
    )


def add_run(command: argparse.ArgumentParser, resume: str) -> None:
    """What every long run over images takes; `resume` says what becomes of an earlier run."""
    add_jobs(command)
    command.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="let the workers of a Dask cluster do it: the address of its scheduler, as "
        "tcp://host:8786; they must see the files under the same paths (needs pip install "
        "'cellsieve[dask]')",
    )
    command.add_argument(
        "--max-pixels",
        type=positive,
        default=MAX_PIXELS,
        metavar="N",
        help="refuse images with more pixels (default: %(default)s)",
    )
    again = command.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help=resume)
    again.add_argument(
        "--overwrite",
        action="store_true",
        help="remove what an earlier run has written and start over",
    )
