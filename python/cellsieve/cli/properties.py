"""`cellsieve properties`: everything that can be measured."""

import argparse
import textwrap
from typing import Any

from cellsieve.schema.measure import Measure
from cellsieve.schema.measures import FAMILIES, handbook
from cellsieve.schema.registry import MEASURES

WIDTH = 96

#: Each family in a few words.
ABOUT = {
    "basic": "in every table",
    "image": "of an image as a whole, in the image table",
    "intensity": "how bright, for each channel",
    "focus": "sharpness and texture, for each channel",
    "shape": "the outline",
    "place": "at the border, against other cells",
    "nuclei": "with --nuclei",
    "compartments": "intensity in nuclei and cytoplasm apart, with --compartments",
}


def add_properties(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "properties",
        example="cellsieve properties focus",
        help=summary,
        description="Lists the columns that 'measure --properties' takes, by families: what each "
        "is, its unit, its formula, and which program has the same.",
    )
    command.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        help="families or columns (default: all, each in one line)",
    )
    command.add_argument(
        "--markdown", action="store_true", help="print the page of the documentation"
    )
    command.set_defaults(run=_properties)


def _properties(options: argparse.Namespace) -> int:
    if options.markdown:
        print(handbook(), end="")
        return 0
    known = {*FAMILIES, *(row.name for row in MEASURES)}
    if unknown := [name for name in options.names if name not in known]:
        raise ValueError(
            f"NAME: found {', '.join(unknown)}; expected a family ({', '.join(FAMILIES)}) or a "
            "column that 'cellsieve properties' lists"
        )
    for family in FAMILIES:
        rows = [row for row in MEASURES if row.family == family]
        if options.names:
            rows = [row for row in rows if {row.name, family} & set(options.names)]
        if rows:
            print(f"{family} ({ABOUT[family]})")
        for row in rows:
            print("\n".join(_whole(row) if options.names else _line(row)))
        if rows:
            print()
    return 0


def _line(row: Measure) -> list[str]:
    text = row.sentence.partition(";")[0]
    return textwrap.wrap(
        f"  {row.name:<29} {text}", WIDTH, subsequent_indent=" " * 32, break_long_words=False
    )


def _whole(row: Measure) -> list[str]:
    said = {
        "": row.sentence,
        "formula": row.formula,
        "as in": row.source,
        "unit": row.unit or "none",
        "needs": row.needs + (", for each channel" if row.of_channel else ""),
    }
    lines = [f"  {row.name}"]
    for name, text in said.items():
        start = f"      {name}: " if name else "      "
        lines += textwrap.wrap(start + text, WIDTH, subsequent_indent=" " * 10)
    return lines
