"""The command line: each command is a thin shell over the function of the same name.

Exit codes: 0 all done, 1 done but some inputs failed, 2 wrong usage or input, 130 interrupted.
"""

import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from io import StringIO

from cellsieve import __version__
from cellsieve.cli.parser import Parser
from cellsieve.cli.streams import outlets


def parser() -> Parser:
    """The whole command line; each module of this package adds its own commands."""
    from cellsieve.cli import cells, leave, plates, report, trial  # here: see `main`

    top = Parser(
        prog="cellsieve",
        description="Sieves faulty cells out of microscopy data sets and impossible classes out of "
        "plate predictions.",
    )
    top.add_argument("--version", action="version", version=f"cellsieve {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    cells.add_commands(commands)
    plates.add_commands(commands)
    leave.add_commands(commands)
    report.add_commands(commands)
    trial.add_commands(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; what a command finds wrong with its input is one line, not a traceback.

    So is an interrupt, even of the first moments: this module brings in nothing that takes time,
    and pandas and the commands are imported within.
    """
    with outlets():
        try:
            options = parser().parse_args(arguments)
            with redirect_stdout(StringIO()) if options.quiet else nullcontext():
                code: int = options.run(options)
            print(end="", flush=True)  # here, where a full disk can still be said
        except (ValueError, TypeError, ImportError) as error:
            return _refuse(str(error))
        except OSError as error:
            return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        except KeyboardInterrupt:
            print("cellsieve: interrupted; what is finished is kept", file=sys.stderr)
            return 130
        return code


def _refuse(reason: str) -> int:
    print(f"cellsieve: error: {reason}", file=sys.stderr)
    return 2
