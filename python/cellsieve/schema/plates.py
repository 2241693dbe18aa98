"""The results of plates: how their tables are told apart, and their columns."""

import pandas as pd


def is_assignment(table: pd.DataFrame) -> bool:
    """Whether a table is a result of `PlateLayout.infer`."""
    return {"best", "posterior"} <= set(table.columns)


def is_wells(table: pd.DataFrame) -> bool:
    """Whether a table is a result of `PlateLayout.decode`."""
    return {"confidence", "runner_up"} <= set(table.columns)


def assignment_columns(table: pd.DataFrame, kind: str) -> list[str]:
    """The columns `share_0`, `share_1`, ... of a table, in the order of their numbers.

    Raises:
        ValueError: there is none.
    """
    names = [
        str(name)
        for name in table.columns
        if str(name).rpartition("_")[0] == kind and str(name).rpartition("_")[2].isdecimal()
    ]
    if not names:
        raise ValueError(
            f"table: has no column {kind}_0; expected a table as written by cellsieve plates infer"
        )
    return sorted(names, key=lambda name: int(name.rpartition("_")[2]))
