"""Which group each row of a table is in, and what a rule judges of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.schema.choices import SeveralClasses
from cellsieve.schema.labels import SEPARATOR, class_text, classes_of
from cellsieve.schema.rules import Rule
from cellsieve.schema.text import STRING

JOIN = "\x1f"  # between the columns of a group; `class_text` leaves none within them


class Groups(NamedTuple):
    """The group of each row: its place among the names, which are unique; -1 if it has none."""

    codes: NDArray[np.int64]
    names: NDArray[np.object_]

    def of_rows(self, values: NDArray[Any], otherwise: Any) -> NDArray[Any]:
        """For each row the value of its group; `values` has one for each name."""
        return np.append(values, np.array([otherwise], values.dtype))[self.codes]


class Part(NamedTuple):
    """Rows as a computation sees them: the group and the value (float64) of each."""

    groups: Groups
    values: NDArray[np.float64]

    def whole(self) -> "Part":
        """The rows that have both."""
        keep = ~np.isnan(self.values) & (self.groups.codes >= 0)
        return Part(self.groups._replace(codes=self.groups.codes[keep]), self.values[keep])


class Rows:
    """The rows of a table; their groups are found once, however many rules ask."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self._groups: dict[Any, Groups] = {}

    def part(self, rule: Rule) -> Part:
        """What a rule judges.

        Raises:
            ValueError: the table lacks a column of the rule, or it doesn't hold numbers.
        """
        column = column_of(self.table, rule.column)
        if not pd.api.types.is_numeric_dtype(column) and column.notna().any():
            raise ValueError(f"column {rule.column}: holds {column.dtype}; expected numbers")
        values = column.to_numpy(dtype="float64", na_value=np.nan)
        values = np.where(np.isinf(values), np.nan, values)  # infinite counts as not measured
        groups = self.groups(rule.groups if rule.grouped else (), rule.multi)
        if rule.chosen_by:
            groups = groups._replace(codes=np.where(self.meant(rule), groups.codes, -1))
        return Part(groups, values)

    def meant(self, rule: Rule) -> NDArray[np.bool_]:
        """Which rows the rule is meant for: see `Rule.where` and `Rule.unless`."""
        meant = self._chosen(rule.where or {}, classes_of)
        return meant & ~self._chosen(rule.unless, lambda text: []) if rule.unless else meant

    def _chosen(
        self, choice: Mapping[str, Sequence[str]], parts: Callable[[str], list[str]]
    ) -> NDArray[np.bool_]:
        """Which rows have one of the values in each column, as a whole or as one of its parts."""
        chosen = np.ones(len(self.table), bool)
        for name, values in choice.items():
            wanted = set(class_text(pd.Series(list(values))))
            groups = self.groups((name,), None)
            hit = [not wanted.isdisjoint({text, *parts(text)}) for text in groups.names]
            chosen &= groups.of_rows(np.array(hit, bool), False)
        return chosen

    def groups(self, columns: Sequence[str], multi: SeveralClasses | None) -> Groups:
        """The group of each row."""
        key = (tuple(columns), multi)
        if key not in self._groups:
            self._groups[key] = groups_of(self.table, columns, multi)
        return self._groups[key]


def groups_of(
    table: pd.DataFrame, columns: Sequence[str], multi: SeveralClasses | None = None
) -> Groups:
    """The group of each row by some columns, whose texts make the name of the group."""
    groups = Groups(np.zeros(len(table), np.int64), np.array([""], object))
    for number, name in enumerate(columns):
        found, distinct = pd.factorize(column_of(table, name))
        text = class_text(pd.Series(distinct))
        if multi == "skip":
            text = text.mask(text.str.contains(SEPARATOR, regex=False, na=False))
        elif multi == "own":
            text = text.map(lambda each: SEPARATOR.join(classes_of(each)), na_action="ignore")
        codes, names = pd.factorize(text.astype(STRING).to_numpy(object))  # missing is -1
        own = Groups(Groups(found, names).of_rows(codes.astype(np.int64), -1), names)
        groups = _combined(groups, own) if number else own
    return groups


def _combined(first: Groups, second: Groups) -> Groups:
    """The groups of both, where a row has one of each."""
    both = (first.codes >= 0) & (second.codes >= 0)
    pairs = np.where(both, first.codes * len(second.names) + second.codes, -1)
    codes, found = pd.factorize(pairs)
    known = found >= 0
    before, after = np.divmod(found[known], max(len(second.names), 1))
    names = first.names[before] + JOIN + second.names[after]
    places = np.where(known, np.cumsum(known) - 1, -1)
    return Groups(places[codes], names)


def spelled(texts: "pd.Series[str]", cells: "pd.Series[int]") -> "pd.Series[str]":
    """Combinations of classes ("0|16", "16|0") as most cells spell them; ties: the first.

    Args:
        texts: class labels, as `class_text` leaves them; missing stays missing.
        cells: how many cells each stands for. Of the same label there may be several counts.
    """
    group = texts.map(lambda text: SEPARATOR.join(classes_of(text)), na_action="ignore")
    sizes = cells.groupby([group, texts]).sum().sort_values(ascending=False, kind="stable")
    names = dict(reversed(sizes.index.tolist()))
    return group.map(names, na_action="ignore")


def column_of(table: pd.DataFrame, name: str) -> "pd.Series[Any]":
    """A column.

    Raises:
        ValueError: the table has none of that name.
    """
    if name not in table.columns:
        raise ValueError(
            f"column {name}: not in the table, which has {', '.join(map(str, table.columns))}"
        )
    return table[name]
