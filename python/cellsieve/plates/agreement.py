"""How far submissions, or models, agree."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cellsieve.plates.infer import densities
from cellsieve.plates.layout import Layout
from cellsieve.plates.made import made, name_of
from cellsieve.plates.predictions import Names, Source, join, read_sources
from cellsieve.plates.wells import first, load, need
from cellsieve.schema.choices import ScoreKind
from cellsieve.schema.record import extended, listing, step, with_record
from cellsieve.schema.text import STRING
from cellsieve.schema.types import Table


def agreement(
    a: Table,
    b: Table,
    *,
    id_column: str = "id_code",
    class_column: str = "sirna",
    experiment: str = "experiment",
) -> pd.DataFrame:
    """The share of wells on which two submissions agree, overall and for each experiment.

    Rows are joined by `id_column`. The experiment comes from the column of that name if `a` has
    one, else from what precedes the first `_` of the id, as in RxRx1. The first row, `all`, is the
    overall share.

    Returns: `experiment`, `wells`, `agree` (the share, 0 to 1).

    Raises:
        ValueError: missing columns or fields; duplicate ids, or ids that only one of the two has.
    """
    tables = [load(table, argument) for table, argument in ((a, "a"), (b, "b"))]
    for table, name in tables:
        need(table, name, [id_column, class_column])
        twice = table[id_column][table[id_column].duplicated()].astype(STRING).tolist()
        if twice:
            raise ValueError(f"{name}: duplicate ids: {first(twice)}")
    (left, left_name), (right, right_name) = tables
    classes = right.set_index(right[id_column].astype(STRING))[class_column]
    ids = pd.Index(left[id_column].astype(STRING))
    for lacking, name in (
        (ids.difference(classes.index), right_name),
        (classes.index.difference(ids), left_name),
    ):
        if len(lacking):
            raise ValueError(f"{name}: no rows for {first(lacking.tolist())}")
    same = (
        left[class_column].astype(STRING).to_numpy() == classes.loc[ids].astype(STRING).to_numpy()
    )
    named = left[experiment] if experiment in left.columns else ids.str.split("_", n=1).str[0]
    by = pd.Series(same).groupby(pd.Index(named), sort=False)
    rows = [("all", len(same), float(same.mean()) if len(same) else float("nan"))]
    rows += [(key, len(part), float(part.mean())) for key, part in by]
    table = pd.DataFrame(rows, columns=[experiment, "wells", "agree"])
    done = step(
        "agreement", {"a": name_of(a), "b": name_of(b)}, listing("wells", {"id": ids}, ["id"])
    )
    return with_record(table, extended(None, done))


def of_models(
    layout: Layout,
    test: Table,
    predictions: Sequence[Source],
    kind: ScoreKind | None = None,
    *,
    ids: Names | None = None,
    classes: Names | None = None,
) -> pd.DataFrame:
    """As `PlateLayout.agreement`."""
    wells = layout.wells_of(test)
    read = read_sources(layout, predictions, ids, classes)
    votes = [
        densities(layout, wells, join(layout, wells, [model], kind, None), 1)[1] for model in read
    ]
    names = [model.name for model in read]
    if len(set(names)) < len(names):
        names = [f"{name} {number}" for number, name in enumerate(names)]
    table = pd.DataFrame({"model": names})
    for name, vote in zip(names, votes, strict=True):
        table[name] = [float(np.mean(vote == other)) for other in votes]
    return made(table, "plates agreement", layout, wells, predictions, {"kind": kind})
