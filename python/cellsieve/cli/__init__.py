"""The command line: each command is a thin shell over the function of the same name.

Exit codes: 0 all done, 1 done but some inputs failed, 2 wrong usage or input, 130 interrupted.
"""

import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from importlib import import_module
from io import StringIO

from cellsieve import __version__
from cellsieve.cli.parser import Parser
from cellsieve.cli.record import Record
from cellsieve.cli.streams import outlets

#: Each command: the module with its arguments, and what it does.
COMMANDS = {
    "measure": (
        "measure",
        "measure every cell: box, area, share above background, and much more",
    ),
    "properties": ("properties", "list everything that can be measured, with its formula"),
    "merge": ("merge", "put the tables of shards together"),
    "clean": ("clean", "mark the cells outside the percentile band of their class"),
    "rules": ("clean", "list the rules that come with cellsieve, or print one to copy and edit"),
    "plates": ("plates", "learn which classes share a plate, infer assignments, decode wells"),
    "annotate": ("export", "export the clean cells as COCO or mmdetection annotations"),
    "masks": ("export", "export the masks with only the clean cells"),
    "crops": ("export", "export one picture per clean cell"),
    "export": ("export", "write a cell table for other programs: AnnData"),
    "report": (
        "look",
        "write a page for the browser: what was decided, and cells of each class",
    ),
    "gallery": ("look", "draw some cells: random or ranked, low, middle or high"),
    "plot": ("look", "draw a histogram, an overlay, a plate map or a heat map of assignments"),
    "info": ("info", "say how an output was made: version, commands, settings, inputs"),
    "demo": ("trial", "make a small data set and do everything on it"),
    "bench": ("trial", "time the kernels against the numpy reference on this machine"),
}


def parser(chosen: str | None = None) -> Parser:
    """The command line.

    Args:
        chosen: the command that is asked for. Of the others only their names are there, since
            their modules bring pandas, which takes its time. All are whole if not given.
    """
    top = Parser(
        prog="cellsieve",
        description="Sieves faulty cells out of microscopy data sets and impossible classes out of "
        "plate predictions.",
    )
    top.add_argument("--version", action="version", version=f"cellsieve {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        if chosen in (None, name):
            getattr(import_module(f"cellsieve.cli.{module}"), f"add_{name}")(commands, summary)
        else:
            commands.add_parser(name, help=summary)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; what a command finds wrong with its input is one line, not a traceback.

    So is an interrupt, even of the first moments: this module brings in nothing that takes time,
    and pandas and the commands are imported within.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = next((argument for argument in arguments if not argument.startswith("-")), "")
    options, record, refused = None, None, ""
    with outlets():
        try:
            options = parser(chosen).parse_args(arguments)
            record = Record(options, arguments)
            with redirect_stdout(StringIO()) if options.quiet else nullcontext():
                code: int = options.run(options)
            print(end="", flush=True)  # here, where a full disk can still be said
        except (ValueError, TypeError, ImportError, OSError) as error:
            refused = _reason(error)
            code = _refuse(refused)
        except KeyboardInterrupt:
            refused = "interrupted"
            if hasattr(options, "resume"):
                refused += "; what is finished is kept, and --resume goes on from there"
            print(f"cellsieve: {refused}", file=sys.stderr)
            code = 130
        try:
            if record is not None:
                record.close(code, refused)
        except OSError as error:
            return _refuse(_reason(error))
        return code


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _refuse(reason: str) -> int:
    print(f"cellsieve: error: {reason}", file=sys.stderr)
    return 2
