"""What each step gains, on wells whose classes are known."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.plates.decode import decode
from cellsieve.plates.infer import densities
from cellsieve.plates.layout import Layout
from cellsieve.plates.made import made, name_of
from cellsieve.plates.predictions import (
    SITE,
    Names,
    Predictions,
    Source,
    join,
    read_sources,
)
from cellsieve.plates.wells import as_text, first, load, need
from cellsieve.schema.choices import Average, ScoreKind
from cellsieve.schema.text import STRING
from cellsieve.schema.types import Table


def score(
    layout: Layout,
    test: Table,
    predictions: Source | Sequence[Source],
    truth: Table,
    kind: ScoreKind | None = None,
    *,
    ids: Names | None = None,
    classes: Names | None = None,
    average: Average | None = None,
    weights: Sequence[float] | None = None,
) -> pd.DataFrame:
    """As `PlateLayout.score`."""
    wells = layout.wells_of(test)
    read = read_sources(layout, predictions, ids, classes)
    known = _known(layout, wells.ids, truth)

    def by_votes(these: list[Predictions], weights: Sequence[float] | None = None) -> NDArray[Any]:
        """The best of all classes."""
        scores = join(layout, wells, these, kind, average, weights=weights)
        return np.asarray(layout.classes.take(densities(layout, wells, scores, 1)[1]))

    def decoded(**options: Any) -> NDArray[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is uncertain shows in what is right
            found = decode(
                layout, wells.file, read, kind=kind, average=average, weights=weights, **options
            )
        return found[layout.columns.class_column].to_numpy()[wells.rows]

    steps: list[tuple[str, NDArray[Any]]] = []
    one = _one_site(read[0], wells.ids)
    if one is not None:
        steps.append(("one site", by_votes([one])))
    steps.append(("all sites" if one is not None else "best of all classes", by_votes(read[:1])))
    if len(read) > 1:
        steps.append((f"{len(read)} models", by_votes(read, weights)))
    steps.append(("mask: the plate's group", decoded(method="argmax")))
    steps.append(("one-to-one: marginals", decoded(method="marginal")))
    steps.append(("known layouts", decoded(method="marginal", use_known_layouts=True)))
    where = known.notna().to_numpy()
    right = [float((found[where] == known[where].to_numpy()).mean()) for _, found in steps]
    table = pd.DataFrame({"step": [name for name, _ in steps], "wells": int(where.sum())})
    table["right"] = right
    table["gain"] = np.diff(right, prepend=np.nan)
    settings = {
        "truth": name_of(truth),
        "kind": kind,
        "average": average,
        "weights": weights,
    }
    return made(table, "plates score", layout, wells, predictions, settings)


def _known(layout: Layout, ids: pd.Index, truth: Table) -> pd.Series:
    """The class of each well, missing where it is not known."""
    table, name = load(truth, "truth")
    columns = layout.columns
    need(table, name, [columns.id, columns.class_column])
    of_id = pd.Series(table[columns.class_column].array, index=as_text(table[columns.id]))
    if not of_id.index.is_unique:
        twice = of_id.index[of_id.index.duplicated()].unique().tolist()
        raise ValueError(f"{name}: duplicate ids: {first(twice)}; expected one row per well")
    found = of_id.reindex(ids)
    if not found.notna().any():
        raise ValueError(f"{name}: none of its ids is a well of the test file")
    strange = of_id[~of_id.isin(layout.classes)]
    if len(strange):
        raise ValueError(
            f"{name}: classes that the layout does not have: "
            f"{first(strange.map(str).unique().tolist())}"
        )
    return found


def _one_site(found: Predictions, wells: pd.Index) -> Predictions | None:
    """The first site of each well; `None` where no well has several."""
    if found.ids is None:
        return None
    text = pd.Series(found.ids, dtype=object).astype(STRING)
    named = text.isin(wells)
    of_site = text.where(named, text.str.replace(SITE, "", regex=True))
    once = ~of_site.duplicated().to_numpy()
    if once.all():
        return None
    rows = np.flatnonzero(once)
    return replace(found, scores=np.asarray(found.scores[rows]), ids=text.iloc[rows].tolist())
