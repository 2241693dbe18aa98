"""How many cells failed what."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from cellsieve.io.tables import loaded
from cellsieve.schema.types import Table
from cellsieve.schema.verdicts import BETWEEN

ANY = "any reason"


def count_reasons(table: Table) -> pd.DataFrame:
    """How many cells were dropped for each reason, and how many rules they failed.

    Args:
        table: a cleaned table, or its file; after `multi="explode"`, its rows are counted. Or what
            `clean_to` returns, which has a column `cells`.

    Returns:
        A row for each reason (the index), the most frequent first, and one for "any reason", in
        which each dropped cell counts once. `cells`: how many were dropped for it, alone or among
        others; `failed_1`, `failed_2`, ...: how many of these have one reason, two, and so on, up
        to the most that a cell has. So `failed_1` are the cells that only this reason drops.

    Raises:
        TypeError: neither a table nor a file.
        ValueError: the table is not cleaned.
        OSError: the file can't be read.
    """
    rows, _ = loaded(table, "table")
    if not {"clean", "reason"} <= set(rows.columns):
        raise ValueError("table: has no columns clean and reason; expected a cleaned table")
    dropped = rows[~rows["clean"].astype(bool)]
    one_each = pd.Series(1, index=dropped.index)
    cells = one_each if "label" in rows.columns else dropped.get("cells", one_each)
    return _by_number(zip(dropped["reason"].fillna(""), cells, strict=True))


def _by_number(rows: Iterable[tuple[str, Any]]) -> pd.DataFrame:
    """The counts of reasons, each of several joined."""
    found: dict[str, dict[int, int]] = {}
    whole: dict[int, int] = {}
    for reason, cells in rows:
        parts = reason.split(BETWEEN)
        whole[len(parts)] = whole.get(len(parts), 0) + int(cells)
        for part in parts:
            own = found.setdefault(part, {})
            own[len(parts)] = own.get(len(parts), 0) + int(cells)
    ordered = dict(sorted(found.items(), key=lambda pair: (-sum(pair[1].values()), pair[0])))
    most = max(whole, default=0)
    lines = {
        reason: [sum(by_number.values()), *(by_number.get(n, 0) for n in range(1, most + 1))]
        for reason, by_number in {**ordered, ANY: whole}.items()
    }
    columns = ["cells", *(f"failed_{n}" for n in range(1, most + 1))]
    table = pd.DataFrame.from_dict(lines, orient="index", columns=columns, dtype="int64")
    return table.rename_axis("reason")
