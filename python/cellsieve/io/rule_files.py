"""Rules in a TOML file."""

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from cellsieve.io.places import atomic, place
from cellsieve.schema.rules import Rule, entries, rule_from
from cellsieve.schema.types import FilePath


def read_rules(path: FilePath) -> list[Rule]:
    """Rules from a TOML file: one table `[[rule]]` each, with the names of `Rule`'s attributes.

    Several columns of groups are a list (`by = ["plate", "class_label"]`); an empty list takes all
    cells as one group. The further bands of a rule (`also`) are tables `[[rule.also]]` after it.

    Raises:
        OSError: the file can't be read.
        ValueError: it is not TOML, has no rule, or a rule has an unknown or wrong entry.
    """
    try:
        found = tomllib.loads(place(path).read_text(encoding="utf-8"))
        tables = found.pop("rule", [])
        if found or not tables or not isinstance(tables, list):
            names = ", ".join(found) or "no rule"
            raise ValueError(f"found {names}; expected tables [[rule]] and nothing else")
        return [rule_from(table) for table in tables]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def write_rules(rules: Sequence[Rule], path: FilePath) -> None:
    """Writes rules as a TOML file, which `read_rules` and `clean --rules` read.

    Raises:
        OSError: the file can't be written.
    """
    tables = [_toml(entries(rule), "rule") for rule in rules]
    with atomic(path) as temporary:
        temporary.write_text("\n".join(tables), encoding="utf-8", newline="\n")


def _toml(found: Mapping[str, Any], table: str) -> str:
    """A rule as a table, and its further bands as tables below it."""
    also = [_toml(band, f"{table}.also") for band in found.get("also", [])]
    lines = [f"{name} = {_value(value)}" for name, value in found.items() if name != "also"]
    return "\n".join([f"[[{table}]]", *lines, "", *also])


def _value(value: Any) -> str:
    """A value in TOML; its strings are those of JSON but for DEL."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_value(key)} = {_value(value[key])}' for key in value)} }}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
