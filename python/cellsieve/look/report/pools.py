"""What a page needs to try other limits: every value, in pools of cells that share their limits."""

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.schema.groups import Rows, groups_of
from cellsieve.schema.labels import classes_of
from cellsieve.schema.rules import MIN_GROUP, Rule, entries
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
    sections: Sequence[tuple[str, str, NDArray[np.int64]]],
) -> Pools:
    """Sorts the cells of a table into pools.

    Args:
        table: a cell table.
        rows: what it says about its cells.
        column: the shown column.
        judging: the rules it was judged by, in order; empty if it says none.
        sections: those of the page, each with its name, kind and rows; each row is in one.
    """
    own = own_rules(column, judging)
    section, spelling = np.zeros((2, len(table)), np.int64)
    spellings: list[dict[str, Any]] = [{}]
    numbers = {label: number for number, (label, kind, _) in enumerate(sections) if kind == "class"}
    labels = groups_of(table, ["class_label"] if "class_label" in table.columns else [])
    for number, (_, kind, places) in enumerate(sections):
        section[places] = number
        if kind not in ("class", "several"):
            continue
        distinct, codes = np.unique(labels.codes[places], return_inverse=True)
        texts = labels.names[distinct].tolist()
        if kind == "class" and len(texts) == 1:
            continue
        spelling[places] = codes + len(spellings)
        if kind == "several":  # which classes: limits of one class alone hold for its cells too
            own_classes = [[numbers[n] for n in classes_of(text) if n in numbers] for text in texts]
            spellings += [{"classes": each} for each in own_classes]
        else:  # rules are meant for the cells of a class as these spell it
            spellings += [{"spelled": text} for text in texts]
    keys = [
        section,
        spelling,
        *(_groups(table, rule) for rule in rules_shown(table, column, judging)),
    ]
    distinct, pool = np.unique(np.stack(keys), axis=1, return_inverse=True)
    pool = pool.ravel()
    free = _free(rows, [judging[place] for place in own], judging)
    finite = np.isfinite(rows.value)
    measured = np.flatnonzero(finite)
    order = measured[np.lexsort((rows.value[measured], pool[measured]))]
    many = distinct.shape[1]
    sizes = np.bincount(pool[measured], minlength=many)
    unmeasured = np.bincount(pool[~finite & free], minlength=many)
    unmeasured_kept = np.bincount(pool[~finite & free & rows.clean], minlength=many)
    data: dict[str, Any] = {
        "pools": [
            {
                "section": int(key[0]),
                "groups": [int(code) for code in key[2:]],
                **spellings[key[1]],
                "n": int(size),
                "unmeasured": int(missing),
                "unmeasured_kept": int(kept),
            }
            for key, size, missing, kept in zip(
                distinct.T, sizes, unmeasured, unmeasured_kept, strict=True
            )
        ],
        "values": _encoded(rows.value[order].astype("<f8")),
        "free": _encoded(np.packbits(free[order], bitorder="little")),
        "kept": _encoded(np.packbits(rows.clean[order], bitorder="little")),
        "rules": [entries(each.rule) for each in judging],
        "own": own,
    }
    if not data["own"]:  # a new rule, open on both sides until someone sets a limit
        data["own"] = [len(judging)]
        by = ["class_label"] if "class_label" in table.columns else []
        data["rules"].append(
            {"column": column, "by": by, "kind": "percentile", "multi": "skip"}
            | {"min_group": MIN_GROUP}
        )
    return Pools(pool, free, data)


def own_rules(column: str, judging: Sequence[Judgement]) -> list[int]:
    """The places of the rules whose limits can be tried: those that a column alone decides.

    Not those with a reason that another rule gives too, since the table does not tell the two
    apart.
    """
    own = [place for place, each in enumerate(judging) if each.rule.column == column and each.alone]
    others = {
        text
        for place, each in enumerate(judging)
        if place not in own and not each.rule.flag
        for text in each.reasons.values()
    }
    return [place for place in own if others.isdisjoint(judging[place].reasons.values())]


def rules_shown(table: pd.DataFrame, column: str, judging: Sequence[Judgement]) -> list[Rule]:
    """The rules whose limits can be tried; if there are none, one that could be made."""
    own = [judging[place].rule for place in own_rules(column, judging)]
    by = "class_label" if "class_label" in table.columns else None
    return own or [Rule(column, 0, None, by, multi="skip", min_group=MIN_GROUP)]


def _groups(table: pd.DataFrame, rule: Rule) -> NDArray[np.int64]:
    """The number of each row's group; -1 if it belongs to none, -2 where the rule doesn't hold."""
    names = [name for name in rule.groups if name in table.columns]  # a rule of values needs none
    codes = groups_of(table, names, rule.multi).codes
    return np.where(Rows(table).meant(rule), codes, -2)


def _free(
    rows: Verdicts, own: Sequence[Judgement], judging: Sequence[Judgement]
) -> NDArray[np.bool_]:
    """The cells whose verdict depends on some rules alone."""
    texts = {text for each in own for text in each.reasons.values()}
    numbers, reasons = pd.factorize(rows.reason.astype(str))
    free = [
        not reason
        or (not judging and reason != BY_HAND)  # new rules replace those that nobody remembers
        or all(part in texts for part in reason.split(BETWEEN))
        for reason in reasons
    ]
    return np.array([*free, True], bool)[numbers]


def _encoded(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode()
