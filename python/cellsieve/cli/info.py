"""`cellsieve info`: how an output was made."""

import argparse
import inspect
import json
import textwrap
from collections.abc import Callable
from typing import Any

from cellsieve.cells.dataset import measure_to
from cellsieve.cli.arguments import file_path
from cellsieve.export.annotate import annotate
from cellsieve.export.crops import crops
from cellsieve.io.info import info
from cellsieve.look.report import report
from cellsieve.plates import PlateLayout
from cellsieve.schema.record import Record, in_words, steps_of
from cellsieve.schema.verdicts import judgements_in, rule_in_words
from cellsieve.schema.words import one_line

WIDTH = 100

#: Whose defaults need not be said.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "measure": measure_to,
    "annotate": annotate,
    "crops": crops,
    "report": report,
    "plates fit": PlateLayout.fit,
    "plates infer": PlateLayout.infer,
    "plates decode": PlateLayout.decode,
    "plates check": PlateLayout.check,
}


def add_info(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "info",
        example="cellsieve info clean.csv",
        help=summary,
        description="Prints how outputs were made: each step with its version, how many inputs it "
        "had, a digest of how they are listed (their ids and file names, which depends on no date "
        "and on no folder that they lie in), and the settings that are not the default; then the "
        "rules of a cleaned table. Takes tables, image tables, annotations, folders of masks, "
        "crops or YOLO's text, plate layouts, reports and .h5ad files. The record of a CSV table "
        "stands beside it: clean.record.json.",
        epilog="Exit code: 0 each file says how it was made, 1 one does not, 2 one can't be read.",
    )
    command.add_argument(
        "files", metavar="FILE", type=file_path, nargs="+", help="an output of cellsieve"
    )
    command.add_argument(
        "--json", action="store_true", help="print a line of JSON for each file, with everything"
    )
    command.set_defaults(run=_info)


def _info(options: argparse.Namespace) -> int:
    found = [(str(path), info(path)) for path in options.files]
    for name, record in found:
        if options.json:
            print(json.dumps({"file": name, "record": record}))
        elif record is None:
            print(f"{name}: does not say how it was made")
        else:
            print(f"{name}:")
            print("\n".join(_lines(record)))
    return int(any(record is None for _, record in found))


def _lines(record: Record) -> list[str]:
    said = [in_words(each, _defaults(each["call"])) for each in steps_of(record)]
    said += [f"rule: {one_line(rule_in_words(each.rule))}" for each in judgements_in(record)]
    if isinstance(by_hand := record.get("by_hand"), dict):
        said.append(
            one_line(f"by hand: {by_hand.get('kept')} kept, {by_hand.get('dropped')} dropped")
        )
    return [
        line
        for text in said
        for line in textwrap.wrap(
            text, WIDTH, initial_indent="  ", subsequent_indent="      ", break_long_words=False
        )
    ]


def _defaults(call: str) -> dict[str, Any]:
    if call not in FUNCTIONS:
        return {}
    parameters = inspect.signature(FUNCTIONS[call]).parameters.values()
    return {each.name: each.default for each in parameters}
