"""Standard output and error whose readers may leave."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


class Outlet:
    """A stream that takes everything, even after its reader has closed it, as `| head` does.

    A command that stopped because nobody reads what it says would leave its work undone. So what
    is written after that goes nowhere, and the command goes on.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes, or pretends to."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._to_nowhere(error)
            return len(text)

    def flush(self) -> None:
        """Hands on what is waiting."""
        try:
            self._stream.flush()
        except OSError as error:
            self._to_nowhere(error)

    def _to_nowhere(self, error: OSError) -> None:
        # The buffer still holds what could not be written, and Python flushes it at its end: the
        # descriptor has to lead somewhere else (as Python's documentation of SIGPIPE advises).
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        if not isinstance(error, BrokenPipeError):
            raise error  # a full disk is no reader that has left

    def __getattr__(self, name: str) -> Any:
        """Everything else is the stream's own."""
        return getattr(self._stream, name)


@contextmanager
def outlets() -> Iterator[None]:
    """Makes `sys.stdout` and `sys.stderr` outlets; what is left in them is handed on at the end."""
    streams = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    opened = {name: Outlet(stream) for name, stream in streams.items() if stream is not None}
    try:
        for name, outlet in opened.items():
            setattr(sys, name, outlet)
        yield
    finally:
        for name, outlet in opened.items():
            outlet.flush()
            setattr(sys, name, streams[name])
