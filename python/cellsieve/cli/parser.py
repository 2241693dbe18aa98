"""The parser of every command: help that ends with an example, errors that know what was meant."""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from cellsieve.cli.record import add_record


class Help(argparse.HelpFormatter):
    """Paragraphs are wrapped; indented lines are examples and stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = re.split(r"\n\n", text)
        return "\n\n".join(
            part if "\n  " in part else super(Help, self)._fill_text(part, width, indent)
            for part in paragraphs
        )


class Parser(argparse.ArgumentParser):
    """A command.

    Args:
        example: a command line that works as it stands in a folder with `images/`, `masks/` and
            `train.csv` as the demo makes them, after the examples of the commands before it.
    """

    def __init__(self, *, example: str = "", epilog: str = "", **options: Any) -> None:
        """Adds the example to the end of the help, and --quiet, which every command takes."""
        if example:
            epilog = f"{epilog}\n\nExample:\n  {example}".strip()
        super().__init__(epilog=epilog or None, formatter_class=Help, **options)
        self.set_defaults(parser=self)
        if example:  # it does something: it is no group of commands
            self.add_argument("-q", "--quiet", action="store_true", help="print only what failed")
            add_record(self)
        self._given: Sequence[str] = ()

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, but what is left over is refused by the command it was given to."""
        options, rest = self.parse_known_args(args, namespace)
        if rest:
            options.parser.error(f"unrecognized arguments: {' '.join(rest)}")
        return options

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Keeps what was given, for the hints of `error`."""
        self._given = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Adds to a refusal what may have been meant."""
        super().error("; ".join([message, *self._hints(message)]))

    def _hints(self, message: str) -> Iterable[str]:
        if choice := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            yield from _did_you_mean(choice[1], re.findall(r"[\w-]+", choice[2]))
        options = list(self._option_string_actions)
        for given in self._given:
            name = given.partition("=")[0]
            if name.startswith("--") and not any(option.startswith(name) for option in options):
                yield from _did_you_mean(name, options)


def _did_you_mean(given: str, known: Sequence[str]) -> Iterable[str]:
    for close in get_close_matches(given, known, n=1):
        yield f"did you mean {close} for {given}?"
