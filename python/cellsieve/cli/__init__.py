"""The command line: each command is a thin shell over the function of the same name.

Exit codes: 0 all done, 1 done but some inputs failed, 2 wrong usage or input, 130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence

from cellsieve import __version__
from cellsieve.cli import plates


def parser() -> argparse.ArgumentParser:
    """The whole command line; each module of this package adds its own commands."""
    top = argparse.ArgumentParser(
        prog="cellsieve",
        description="Sieves faulty cells out of microscopy data sets and impossible classes out of "
        "plate predictions.",
    )
    top.add_argument("--version", action="version", version=f"cellsieve {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    plates.add_commands(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; what a command finds wrong with its input is one line, not a traceback."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"cellsieve: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("cellsieve: interrupted", file=sys.stderr)
        return 130
    return code
