"""Rules in a TOML file."""

import json
import os
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from cellsieve.io.places import atomic, place
from cellsieve.schema.rules import Rule
from cellsieve.schema.types import FilePath


def read_rules(path: FilePath) -> list[Rule]:
    """Rules from a TOML file: one table `[[rule]]` each, with the names of `Rule`'s attributes.

    Several columns of groups are a list (`by = ["plate", "class_label"]`); an empty list takes all
    cells as one group.

    Raises:
        OSError: the file can't be read.
        ValueError: it is not TOML, has no rule, or a rule has an unknown or wrong entry.
    """
    try:
        entries = tomllib.loads(place(path).read_text(encoding="utf-8"))
        tables = entries.pop("rule", [])
        if entries or not tables or not isinstance(tables, list):
            found = ", ".join(entries) or "no rule"
            raise ValueError(f"found {found}; expected tables [[rule]] and nothing else")
        known = {field.name for field in fields(Rule)}
        for table in tables:
            if unknown := set(table) - known:
                raise ValueError(
                    f"a rule has no {', '.join(sorted(unknown))}; expected "
                    f"{', '.join(sorted(known))}"
                )
        return [Rule(**table) for table in tables]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def write_rules(rules: Sequence[Rule], path: FilePath) -> None:
    """Writes rules as a TOML file, which `read_rules` and `clean --rules` read.

    Raises:
        OSError: the file can't be written.
    """
    tables = [_toml(rule) for rule in rules]
    with atomic(path) as temporary:
        temporary.write_text("\n".join(tables), encoding="utf-8", newline="\n")


def _toml(rule: Rule) -> str:
    values = asdict(rule) | {"by": list(rule.groups)}
    lines = [f"{name} = {_value(value)}" for name, value in values.items() if value is not None]
    return "\n".join(["[[rule]]", *lines, ""])


def _value(value: Any) -> str:
    """A text, a number or a list of texts in TOML; its strings are those of JSON but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
