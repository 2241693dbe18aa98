"""How an output was made, kept with it: in memory it is `table.attrs["cellsieve"]`.

A record is a dict that JSON can hold. Its `made` lists the steps that led to the output, the last
one last:

    {"made": [{"call": "measure", "version": "0.1.0",
               "settings": {"channel": "green", "quantile": 0.99, ...},
               "inputs": {"of": "images", "count": 12, "digest": "sha256:..."}},
              {"call": "clean", ...}]}

What changes no result (jobs, progress, where an output goes) is no setting. The digest is of how
the inputs are listed, their ids and file names: it says whether the same were taken, and depends on
no date and on no folder that they lie in. A cleaned table has its rules besides: see
`cellsieve.schema.verdicts`.
"""

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from cellsieve._core import __version__
from cellsieve.schema.words import one_line

KEY = "cellsieve"

#: The element of a page that holds its record.
ELEMENT = "cellsieve-record"

#: The longest text that is read as a record: what is longer is none.
MOST = 2**24

#: How much of a digest a person is shown.
SHOWN = len("sha256:") + 12

Record = dict[str, Any]
Step = dict[str, Any]


def record_of(table: pd.DataFrame) -> Record | None:
    """The record of a table in memory; None if it has none."""
    record = table.attrs.get(KEY)
    return record if isinstance(record, dict) else None


def with_record(table: pd.DataFrame, record: Record | None) -> pd.DataFrame:
    """The table (itself) with this record, or without one."""
    table.attrs = {key: value for key, value in table.attrs.items() if key != KEY}
    if record is not None:
        table.attrs[KEY] = record
    return table


def recorded(pieces: Iterable[pd.DataFrame], record: Record | None) -> Iterator[pd.DataFrame]:
    """The pieces, each with this record; with none, as they are."""
    for piece in pieces:
        yield piece if record is None else with_record(piece, record)


def step(call: str, settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> Step:
    """What this version did: a command, its settings (None is none), its inputs."""
    said = {name: value for name, value in settings.items() if value is not None}
    return {
        "call": call,
        "version": __version__,
        "settings": json.loads(json.dumps(said, default=_plain)),
        "inputs": dict(inputs),
    }


def _plain(value: Any) -> Any:
    """A number or an array of numpy's, or what has a name or can be said."""
    return value.tolist() if hasattr(value, "tolist") else getattr(value, "__name__", str(value))


def extended(record: Record | None, done: Step) -> Record:
    """The record of what a step made of something that has this record, or none."""
    return {**(record or {}), "made": [*steps_of(record), done]}


def joined(records: Sequence[Record | None]) -> Record:
    """The record of several inputs taken as one: each step once; all else of the first."""
    steps: list[Step] = []
    for record in records:
        steps += [each for each in steps_of(record) if each not in steps]
    return {**((records[0] if records else None) or {}), "made": steps}


def steps_of(record: Any) -> list[Step]:
    """The steps that a record lists; none where it lists something else."""
    steps = record.get("made") if isinstance(record, dict) else None
    if not isinstance(steps, list) or not all(map(_is_step, steps)):
        return []
    return steps


def _is_step(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("call"), str)
        and isinstance(found.get("version"), str)
        and isinstance(found.get("settings"), dict)
        and isinstance(found.get("inputs"), dict)
    )


def parsed(text: str | bytes, name: str) -> Record | None:
    """The record that a text holds; None if it is that of another program.

    Raises:
        ValueError: it is too long, or not JSON; the message begins with `name`.
    """
    if len(text) > MOST:
        raise ValueError(f"{name}: not a record: longer than {MOST:,} bytes")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: not a record: {error}") from error
    return record if isinstance(record, dict) else None


def in_words(done: Step, defaults: Mapping[str, Any] | None = None) -> str:
    """A step in one line: version, inputs, and the settings that say something.

    Args:
        done: the step.
        defaults: settings that need not be said.
    """
    inputs, known = done["inputs"], defaults or {}
    said = [
        f"{name} {_said(value)}"
        for name, value in done["settings"].items()
        if value is not False and value not in ([], "") and value != known.get(name)
    ]
    of, digest = f"{inputs.get('count')} {inputs.get('of')}", str(inputs.get("digest"))
    files = inputs.get("predictions") or []
    listed = [f"{of} ({digest[:SHOWN]})", *map(_said, [files] if files else []), *said]
    return one_line(f"{done['call']} (cellsieve {done['version']}): {', '.join(listed)}")


def _said(value: Any) -> str:
    if value is True:
        return "on"
    if isinstance(value, list):
        return _said(" ".join(map(str, value)))
    return textwrap.shorten(str(value), 200, placeholder="...")


#: What lists cells.
CELLS = ("image_id", "label")


class Listing:
    """A digest of inputs, by what lists them: names and numbers, as pieces of one table show them.

    How the rows are divided among the pieces decides nothing.
    """

    def __init__(self, of: str, columns: Sequence[str]) -> None:
        """A listing of `of`, as images, by these columns."""
        self.of = of
        self.count = 0
        self._hashes = {name: sha256(name.encode() + b"\0") for name in columns}

    def add(self, piece: pd.DataFrame | Mapping[str, Any]) -> None:
        """Takes the next rows: a table, or arrays by name; a column that it lacks lists nothing."""
        rows = 0
        for name, found in self._hashes.items():
            if name not in piece:
                continue
            values = pd.Series(piece[name])
            rows = len(values)
            if values.dtype == np.int64:  # most numbers: as bytes, which is faster
                found.update(values.to_numpy("<i8").tobytes())
            elif rows:
                texts = values.astype(object).where(values.notna(), "").map(str)
                found.update(("\0".join(texts) + "\0").encode("utf-8", "surrogatepass"))
        self.count += len(piece) if isinstance(piece, pd.DataFrame) else rows

    def said(self) -> dict[str, Any]:
        """What a step says of its inputs."""
        whole = sha256(b"".join(found.digest() for found in self._hashes.values()))
        return {"of": self.of, "count": self.count, "digest": f"sha256:{whole.hexdigest()}"}


def listing(
    of: str, table: pd.DataFrame | Mapping[str, Any], columns: Sequence[str]
) -> dict[str, Any]:
    """What a step says of inputs that are listed by these columns of one table."""
    found = Listing(of, columns)
    found.add(table)
    return found.said()
