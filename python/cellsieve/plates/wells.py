"""The wells of an experiment file: which experiment, plate and well each row stands for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.io.tables import loaded
from cellsieve.plates.plate_names import numbered, sorted_codes
from cellsieve.schema.text import STRING
from cellsieve.schema.types import Table
from cellsieve.schema.words import one_line


@dataclass(frozen=True)
class Columns:
    """What the columns of the experiment files are called."""

    class_column: str = "sirna"
    experiment: str = "experiment"
    plate: str = "plate"
    well: str = "well"
    id: str = "id_code"

    def __post_init__(self) -> None:
        names = [self.class_column, self.experiment, self.plate, self.well]
        for name in [*names, self.id]:
            if not isinstance(name, str):
                raise TypeError(f"columns: found {name!r}; expected the name of a column")
        if len(set(names)) < len(names):
            raise ValueError(
                f"columns: found {', '.join(map(repr, names))} for class, experiment, plate and "
                "well; expected four different columns"
            )

    def said(self) -> dict[str, str]:
        """The names, as arguments are called."""
        return {"id_column" if name == "id" else name: said for name, said in vars(self).items()}


@dataclass(frozen=True)
class Wells:
    """One row per well, in the order of the file, without control wells."""

    name: str
    """The file or argument, for messages."""
    ids: pd.Index
    experiments: pd.Index
    """By first appearance."""
    experiment: NDArray[np.int64]
    """Index into `experiments`."""
    plate: NDArray[np.int64]
    """Index into the layout's plates."""
    well: NDArray[np.object_]
    plate_names: NDArray[Any]
    """What plates are called, `(experiments, plates)`."""
    rows: NDArray[np.int64]
    """The row of each well in the file."""
    file: pd.DataFrame
    """Control wells included."""
    everyone: pd.Index
    """The ids of its rows."""

    def __len__(self) -> int:
        return len(self.ids)

    def only(self, wanted: NDArray[np.bool_]) -> "Wells":
        """Some of the wells, under the same experiments."""
        if wanted.all():
            return self
        return replace(
            self,
            ids=self.ids[wanted],
            experiment=self.experiment[wanted],
            plate=self.plate[wanted],
            well=self.well[wanted],
            rows=self.rows[wanted],
        )

    @property
    def table(self) -> pd.DataFrame:
        """The rows of the file."""
        return self.file if len(self) == len(self.file) else self.file.iloc[self.rows]

    def place(self) -> NDArray[np.int64]:
        """The well of each row of the file; -1 for those that are left out."""
        place = np.full(len(self.everyone), -1)
        place[self.rows] = np.arange(len(self))
        return place

    def at(self, row: int) -> str:
        """How to name a row in a message."""
        return str(self.ids[row])


def load(table: Table, argument: str) -> tuple[pd.DataFrame, str]:
    """The table, and the name that stands for it in messages."""
    return loaded(table, argument, text=(), expected="a DataFrame or the path of a table")


def need(table: pd.DataFrame, name: str, columns: list[str]) -> None:
    """Refuses a table without these columns, or with empty fields in them."""
    lacking = [column for column in columns if column not in table.columns]
    if lacking:
        raise ValueError(
            f"{name}: no column {', '.join(map(repr, lacking))}; "
            f"found {', '.join(map(repr, table.columns))}"
        )
    for column in columns:
        empty = table[column].isna().to_numpy()
        if empty.any():
            raise ValueError(
                f"{name}: column {column!r} is empty in row {int(empty.argmax())} "
                f"and {int(empty.sum()) - 1} more; expected a value in each"
            )


def first(values: list[str], limit: int = 10) -> str:
    """The first few of many, for a message."""
    more = len(values) - limit
    return ", ".join(map(one_line, values[:limit])) + (f" and {more} more" if more > 0 else "")


def read_wells(
    table: Table, columns: Columns, plates: pd.Index, controls: pd.Index, own_names: bool = False
) -> Wells:
    """The wells of a test file, on plates that the layout knows or that have names of their own.

    Wells that hold one of `controls`, by the file's column of classes, are left out.

    Raises:
        ValueError: missing columns or fields, an unknown plate, a duplicate well or id.
    """
    frame, name = load(table, "test")
    need(frame, name, [columns.experiment, columns.plate, columns.well])
    if not len(frame):
        raise ValueError(f"{name}: no rows; expected one row per well")
    if columns.id in frame.columns:
        need(frame, name, [columns.id])
        ids = pd.Index(as_text(frame[columns.id]))
    else:
        three = (columns.experiment, columns.plate, columns.well)
        parts = [frame[column].astype(STRING) for column in three]
        ids = pd.Index(parts[0] + "_" + parts[1] + "_" + parts[2])
    if not ids.is_unique:
        twice = ids[ids.duplicated()].unique().tolist()
        raise ValueError(f"{name}: duplicate ids: {first(twice)}; expected one row per well")
    file, everyone, rows = frame, ids, np.arange(len(frame))
    if len(controls) and columns.class_column in frame.columns:
        rows = np.flatnonzero(~pd.Index(frame[columns.class_column]).isin(controls))
        if not len(rows):
            raise ValueError(f"{name}: every well holds a control; expected others too")
        frame, ids = frame.iloc[rows], ids[rows]
    experiment, experiments = pd.factorize(frame[columns.experiment])
    plate, plate_names = _plates(frame, name, columns, experiment, plates, own_names)
    well_code, well_names = pd.factorize(frame[columns.well])
    well = np.asarray(well_names).astype(str).astype(object)[well_code]
    key = experiment.astype(np.int64) * len(plates) + plate
    key = key * (len(well_names) + 1) + well_code
    if len(pd.unique(key)) < len(key):
        place = frame.assign(**{columns.well: well})
        again = place.duplicated([columns.experiment, columns.plate, columns.well])
        raise ValueError(
            f"{name}: {first(ids[again.to_numpy()].tolist())}: a well that an earlier row "
            "has under another id; expected one row per well"
        )
    return Wells(
        name=name,
        ids=ids,
        experiments=pd.Index(experiments),
        experiment=experiment.astype(np.int64),
        plate=plate.astype(np.int64),
        well=well,
        plate_names=plate_names,
        rows=rows,
        file=file,
        everyone=everyone,
    )


def _plates(
    frame: pd.DataFrame,
    name: str,
    columns: Columns,
    experiment: NDArray[np.int64],
    plates: pd.Index,
    own_names: bool,
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The plate of each well, and what plates are called in each experiment."""
    n_experiments = int(experiment.max()) + 1
    if own_names:
        code, names = sorted_codes(frame[columns.plate])
        plate, called = numbered(experiment.astype(np.int64), code, names)
        if called.shape[1] > len(plates):
            row = int((plate >= len(plates)).argmax())
            raise ValueError(
                f"{name}: experiment {frame[columns.experiment].tolist()[row]} has "
                f"{called.shape[1]} plates or more; expected {len(plates)} at most, as in the "
                "layout"
            )
        padded = np.full((n_experiments, len(plates)), None, object)
        padded[:, : called.shape[1]] = called
        return plate, padded
    plate = plates.get_indexer(pd.Index(frame[columns.plate]))
    if (plate < 0).any():
        row = int((plate < 0).argmax())
        raise ValueError(
            f"{name}: plate {frame[columns.plate].tolist()[row]!r} in row {frame.index[row]} is "
            f"not in the layout, which has {first([repr(p) for p in plates.tolist()])}"
        )
    every = np.array([*plates.tolist(), None], object)[:-1]
    return plate, np.broadcast_to(every, (n_experiments, len(plates)))


def by_plate(wells: Wells) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
    """Every plate of every experiment with its wells, in order."""
    n_plates = int(wells.plate.max(initial=0)) + 1
    place = wells.experiment * n_plates + wells.plate
    order = np.argsort(place, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(place[order])) + 1):
        if len(rows):
            yield int(place[rows[0]] // n_plates), int(place[rows[0]] % n_plates), rows


def as_text(values: pd.Series) -> pd.Series:
    """The values as text; as they are where they are text already."""
    return values if isinstance(values.dtype, pd.StringDtype) else values.astype(STRING)
