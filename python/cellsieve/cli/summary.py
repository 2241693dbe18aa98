"""What `cellsieve clean` says of its result: a table of groups and verdicts, and the whole."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cellsieve.cleaning.counts import count_reasons
from cellsieve.schema.labels import natural
from cellsieve.schema.verdicts import BETWEEN, BY_HAND, FLAGGED

LARGEST = 12  # groups that are listed; the rest is summed up


def summary(counts: pd.DataFrame, by: Sequence[tuple[str, ...]], output: Path) -> list[str]:
    """The lines to print.

    Args:
        counts: from `clean_to`.
        by: the columns that make groups, for each different choice of them among the rules; each
            gets a table of its own.
        output: the cleaned table.
    """
    total = int(counts["cells"].sum())
    if not total:
        return [f"No cells: the tables hold no rows, so {output} has its columns only."]
    kept = int(counts.loc[counts["clean"], "cells"].sum())
    by_rule = count_reasons(counts)
    by_hand = counts["reason"] == BY_HAND
    reason = counts["reason"].replace("", "kept")
    reason = reason.mask(by_hand & counts["clean"], "kept by hand")
    reason = reason.mask(by_hand & ~counts["clean"], "dropped by hand")
    counts = counts.assign(reason=reason)
    lines = [line for columns in by or [()] for line in _table(counts, columns)]
    if len(by_rule.columns) > 2:  # some failed several rules
        lines += ["", *by_rule.to_string().splitlines(), ""]
    if FLAGGED in counts:
        lines += _flagged(counts)
    lines.append(f"{kept} of {total} cells kept: {output}")
    if set(counts["reason"]) == {"no_label"}:
        lines.append("No cell has a class label; --by none takes all cells as one group.")
    return lines


def _flagged(counts: pd.DataFrame) -> list[str]:
    """How many cells each flag was put on."""
    flags: Counter[str] = Counter()
    for said, cells in zip(counts[FLAGGED], counts["cells"], strict=True):
        flags.update(dict.fromkeys(filter(None, said.split(BETWEEN)), cells))
    return [f"{cells} flagged as {flag}" for flag, cells in flags.most_common()]


def _table(counts: pd.DataFrame, columns: tuple[str, ...]) -> list[str]:
    """How many cells of each group got which verdict: the largest groups, and the rest.

    A cell that failed several rules counts for each of its reasons.
    """
    sizes: dict[tuple[str, ...], Counter[str]] = {}
    totals: Counter[tuple[str, ...]] = Counter()
    rows = counts[[*columns, "reason", "cells"]].itertuples(index=False, name=None)
    for *group, reason, cells in rows:
        name = () if any(map(pd.isna, group)) else tuple(group) if columns else ("all cells",)
        totals[name] += cells
        own = sizes.setdefault(name, Counter())
        own.update(dict.fromkeys(reason.split(BETWEEN), cells))
    without = sizes.pop((), None)
    largest = sorted(sizes, key=lambda name: -totals[name])[:LARGEST]
    shown = {", ".join(name): sizes[name] for name in sorted(largest, key=_in_order)}
    others = [sizes[name] for name in sizes if name not in largest]
    if others:
        shown[f"({len(others)} other{'s' if len(others) > 1 else ''})"] = sum(others, Counter())
    if without is not None:
        shown["(no group)"] = without
    reasons = sorted({part for reason in counts["reason"] for part in reason.split(BETWEEN)})
    table = pd.DataFrame(
        [[row[reason] for reason in reasons] for row in shown.values()], list(shown), reasons
    )
    return table.rename_axis(index=", ".join(columns) or None).to_string().splitlines()


def _in_order(name: tuple[str, ...]) -> list[tuple[int, int, str]]:
    return [natural(part) for part in name]
