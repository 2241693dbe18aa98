"""Rules fitted to a table: a rule for each channel, and those that lack their columns left out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from cellsieve.schema.measures import BY_NAME
from cellsieve.schema.rules import Rule, bands

CHANNEL = "channel"


class Fitted(NamedTuple):
    """Rules whose columns a table has, and those that can't be applied, with what they lack."""

    rules: list[Rule]
    left_out: list[tuple[Rule, list[str]]]

    def record(self) -> dict[str, Any]:
        """What a cleaned table remembers of it."""
        entries = [
            {"rule": rule.name or rule.column, "missing": missing}
            for rule, missing in self.left_out
        ]
        return {"not_applied": entries} if entries else {}

    def notes(self) -> list[str]:
        """A sentence for each rule that can't be applied; one for those that would say the same."""
        lines = [
            f"{rule.name or rule.column}: not applied, since the table has no "
            f"{'column' if len(missing) == 1 else 'columns'} {', '.join(missing)}"
            for rule, missing in self.left_out
        ]
        return list(dict.fromkeys(lines))


def fit(rules: Sequence[Rule], columns: Iterable[str], table: str = "the table") -> Fitted:
    """The rules for a table with these columns, which messages call `table`.

    A rule for a column that the table has for each of several channels alone (`contrast_red` and
    `contrast_green`, but no `contrast`) becomes one for each channel that its `where` allows; of
    several such columns in one rule, those of one channel belong together. An optional rule that
    lacks a column is left out.

    Raises:
        ValueError: a rule that is not optional lacks a column, or none is left.
    """
    columns = list(map(str, columns))
    channels = channels_of(columns)
    fitted: list[Rule] = []
    left_out = []
    for rule in rules:
        versions = _for_channels(rule, columns, channels)
        lacking = [_missing(version, columns) for version in versions]
        complete = [one for one, missing in zip(versions, lacking, strict=True) if not missing]
        if not complete and not rule.optional:
            has = ", ".join(columns)
            raise ValueError(f"column {lacking[0][0]}: not in {table}, which has {has}")
        fitted += complete
        if not complete:
            left_out.append((rule, lacking[0]))
    if not fitted:
        lines = Fitted([], left_out).notes()
        raise ValueError(f"rules: none can be applied to {table}. {'; '.join(lines)}")
    return Fitted(fitted, left_out)


def channels_of(columns: Sequence[str]) -> list[str]:
    """The channels in the names of a table's columns: what follows the name of a measure."""
    measures = sorted(
        (name for name, measure in BY_NAME.items() if measure.of_channel),
        key=len,
        reverse=True,
    )
    found: dict[str, None] = {}
    for column in columns:
        name = next((name for name in measures if column.startswith(f"{name}_")), None)
        if name is not None and column not in BY_NAME:
            found[column.removeprefix(f"{name}_")] = None
    return list(found)


def _for_channels(rule: Rule, columns: Sequence[str], channels: Sequence[str]) -> list[Rule]:
    """The rule as it is, or once for each channel."""
    where = dict(rule.where or {})
    chosen = where.pop(CHANNEL, None) if CHANNEL not in columns else None
    per_channel = {
        band.column
        for band in rule.bands
        if band.column not in columns
        and any(f"{band.column}_{channel}" in columns for channel in channels)
    }
    if chosen is None and not per_channel:
        return [rule]
    per_channel = per_channel or {rule.column}

    def named(band: Rule, channel: str) -> Rule:
        suffixed = band.column in per_channel
        return replace(band, column=f"{band.column}_{channel}") if suffixed else band

    return [
        replace(
            named(rule, channel), also=[named(band, channel) for band in rule.also], where=where
        )
        for channel in (channels if chosen is None else chosen)
    ]


def _missing(rule: Rule, columns: Sequence[str]) -> list[str]:
    """The columns that a rule needs and the table lacks."""
    needed = [
        name
        for band in bands([rule])
        for name in (band.column, *(band.groups if band.grouped else ()), *band.chosen_by)
    ]
    return [name for name in dict.fromkeys(needed) if name not in columns]
