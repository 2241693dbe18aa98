"""What a run leaves on request: a log file (`--log`), and a line of JSON about it (`--summary`)."""

import argparse
import json
import logging
import shlex
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from cellsieve import __version__
from cellsieve.run.log import LOG

#: What argparse keeps beside what a user has said.
NO_SETTINGS = {"run", "parser", "counts", "quiet", "log", "summary"}


class Record:
    """One run of a command, from its start to its end."""

    def __init__(self, options: argparse.Namespace, arguments: Sequence[str]) -> None:
        """Opens the files, so that what can't be written is known before any work is done.

        Raises:
            OSError: one of them can't be.
        """
        self._options = options
        self._begun = time.time()
        self._summary: IO[str] | None = None
        with ExitStack() as files:
            if options.summary is not None:
                self._summary = files.enter_context(options.summary.open("a", encoding="utf-8"))
            if options.log is not None:
                handler = logging.FileHandler(options.log, encoding="utf-8")
                handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
                files.callback(handler.close)
                files.callback(LOG.removeHandler, handler)
                files.callback(LOG.setLevel, LOG.level)
                LOG.addHandler(handler)
                LOG.setLevel(logging.INFO)
            self._files = files.pop_all()
        LOG.info("cellsieve %s: %s", __version__, shlex.join(arguments))

    def close(self, code: int, error: str) -> None:
        """Says how it ended.

        Raises:
            OSError: it can't be written, as on a full disk.
        """
        seconds = round(time.time() - self._begun, 3)
        with self._files:
            if error:
                LOG.error(error)
            LOG.info("exit code %d after %.1f s", code, seconds)
            if self._summary is None:
                return
            options = vars(self._options)
            said = {
                "command": self._options.parser.prog.partition(" ")[2],
                "version": __version__,
                "started": datetime.fromtimestamp(self._begun, UTC).isoformat(timespec="seconds"),
                "seconds": seconds,
                "exit_code": code,
                "error": error or None,
                "counts": options.get("counts", {}),
                "settings": {name: options[name] for name in options if name not in NO_SETTINGS},
            }
            self._summary.write(json.dumps(said, default=_plain) + "\n")


def _plain(value: object) -> object:
    """A value of the settings or the counts as JSON: a number of numpy's, or a path."""
    return value.item() if hasattr(value, "item") else str(value)


def add_record(command: argparse.ArgumentParser) -> None:
    """The options of every command."""
    command.add_argument(
        "--log",
        type=Path,
        metavar="FILE",
        help="append to this file, with the time: progress, what failed, how it ended",
    )
    command.add_argument(
        "--summary",
        type=Path,
        metavar="FILE",
        help="append a line of JSON at the end: counts, seconds, version, settings, exit code",
    )
