"""What a page needs to try other limits: every value, in pools of cells that share their limits."""

import base64
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.schema.labels import SEPARATOR, class_text, classes_of
from cellsieve.schema.rules import MIN_GROUP, Rule
from cellsieve.schema.verdicts import BETWEEN, BY_HAND, Judgement, Verdicts


class Pools(NamedTuple):
    """The cells of a table by section and by the groups of the rules for the shown column."""

    of_cells: NDArray[np.int64]
    """The pool of each row of the table."""
    free: NDArray[np.bool_]
    """Whether the rules for the shown column decide on a row: no mark by hand and no rule for
    another column does."""
    data: dict[str, Any]
    """As the page holds it."""


def pools_of(
    table: pd.DataFrame,
    rows: Verdicts,
    column: str,
    judging: Sequence[Judgement],
    sections: Sequence[NDArray[np.int64]],
) -> Pools:
    """Sorts the cells of a table into pools.

    Args:
        table: a cell table.
        rows: what it says about its cells.
        column: the shown column.
        judging: the rules it was judged by, in order; empty if it says none.
        sections: the rows of each section of the page; each row is in one.
    """
    rules = rules_shown(table, column, judging)
    section = np.zeros(len(table), np.int64)
    for number, places in enumerate(sections):
        section[places] = number
    keys = [section, *(_groups(table, rule) for rule in rules)]
    distinct, pool = np.unique(np.stack(keys), axis=1, return_inverse=True)
    pool = pool.ravel()
    free = _free(rows, column, judging)
    finite = np.isfinite(rows.value)
    measured = np.flatnonzero(finite)
    order = measured[np.lexsort((rows.value[measured], pool[measured]))]
    many = distinct.shape[1]
    sizes = np.bincount(pool[measured], minlength=many)
    unmeasured = np.bincount(pool[~finite & free], minlength=many)
    data: dict[str, Any] = {
        "pools": [
            {
                "section": int(key[0]),
                "groups": [int(code) for code in key[1:]],
                "n": int(size),
                "unmeasured": int(missing),
            }
            for key, size, missing in zip(distinct.T, sizes, unmeasured, strict=True)
        ],
        "values": _encoded(rows.value[order].astype("<f8")),
        "free": _encoded(np.packbits(free[order], bitorder="little")),
        "kept": _encoded(np.packbits(rows.clean[order], bitorder="little")),
        "rules": [_as_data(each.rule) for each in judging],
        "own": [place for place, each in enumerate(judging) if each.rule.column == column],
    }
    if not data["own"]:  # a new rule, open on both sides until someone sets a limit
        data["own"] = [len(judging)]
        by = ["class_label"] if "class_label" in table.columns else []
        data["rules"].append(
            {"column": column, "by": by, "kind": "percentile", "multi": "skip"}
            | {"min_group": MIN_GROUP}
        )
    return Pools(pool, free, data)


def rules_shown(table: pd.DataFrame, column: str, judging: Sequence[Judgement]) -> list[Rule]:
    """The rules for a column; if there are none, one that could be made."""
    own = [each.rule for each in judging if each.rule.column == column]
    by = "class_label" if "class_label" in table.columns else None
    return own or [Rule(column, 0, None, by, multi="skip", min_group=MIN_GROUP)]


def _groups(table: pd.DataFrame, rule: Rule) -> NDArray[np.int64]:
    """The number of each row's group; -1 if it belongs to none."""
    codes = np.zeros(len(table), np.int64)
    for name in rule.groups:
        if name not in table.columns:  # of a rule of values, which makes no groups
            continue
        numbers, names = pd.factorize(table[name])
        text = class_text(pd.Series(names))
        if rule.multi == "skip":
            text = text.mask(text.str.contains(SEPARATOR, regex=False, na=False))
        elif rule.multi == "own":
            text = text.map(lambda each: SEPARATOR.join(classes_of(each)), na_action="ignore")
        merged, groups = pd.factorize(text)
        of_rows = np.append(merged, -1)[numbers]
        codes = np.where((codes < 0) | (of_rows < 0), -1, codes * (len(groups) + 1) + of_rows)
    distinct, codes = np.unique(codes, return_inverse=True)
    return codes.ravel() - int((distinct < 0).any())


def _free(rows: Verdicts, column: str, judging: Sequence[Judgement]) -> NDArray[np.bool_]:
    """The cells whose verdict depends on the rules for a column alone."""
    own = {
        text
        for each in judging
        if each.rule.column == column
        for text in each.reasons.values()
    }  # fmt: skip
    numbers, reasons = pd.factorize(rows.reason.astype(str))
    free = [
        not reason
        or (not judging and reason != BY_HAND)  # new rules replace those that nobody remembers
        or all(part in own for part in reason.split(BETWEEN))
        for reason in reasons
    ]
    return np.array([*free, True], bool)[numbers]


def _as_data(rule: Rule) -> dict[str, Any]:
    """A rule as a file of rules would hold it."""
    values = asdict(rule) | {"by": list(rule.groups)}
    return {name: value for name, value in values.items() if value is not None}


def _encoded(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode()
