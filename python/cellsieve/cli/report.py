"""`cellsieve report`."""

import argparse
from pathlib import Path
from typing import Any

from cellsieve.cli.cells import table_path


def add_commands(commands: Any) -> None:
    """Adds them to the command line."""
    _add_report(commands)


def _add_report(commands: Any) -> None:
    command = commands.add_parser("report")
    command.add_argument("table", type=table_path)
    command.add_argument("-o", "--output", type=Path, required=True)
    command.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from cellsieve.report import report

    report(options.table, options.output, progress=None)
    return 0
