"""Predictions of a model: read from any of several forms, and joined to the wells by id."""

import os
import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.io.arrow import in_pandas
from cellsieve.io.places import on_disk
from cellsieve.io.tables import read_table
from cellsieve.plates.layout import Layout
from cellsieve.plates.wells import Wells, first, load
from cellsieve.schema.choices import Average, ScoreKind, check_choice
from cellsieve.schema.text import STRING
from cellsieve.schema.types import FilePath, is_path

SITE = re.compile(r"_s\d+$")
BLOCK = 1024
"""Rows that are converted at once where a matrix can't be read as it lies."""
FLOOR = 1e-12
"""What a probability of zero counts as where logarithms are averaged."""
MOST = 1.05
"""What probabilities of one row sum to at most, rounding included."""
HARD_MISS = 0.1
"""The share of a hard prediction that is spread over all classes where they are averaged."""


@dataclass(frozen=True)
class Predictions:
    """A matrix of scores, or one class per row, with the names of rows and columns.

    `scores` is `(rows, classes)` of float16, float32 or float64, memory-mapped or not; or
    `(rows,)` of classes, which are hard predictions. `ids` name the rows (of wells, or of sites:
    `..._s1`), `classes` the columns; `None` where they are not known.
    """

    scores: NDArray[Any]
    ids: Sequence[Any] | None = None
    classes: Sequence[Any] | None = None
    name: str = "predictions"

    def __post_init__(self) -> None:
        shape = self.scores.shape
        if self.scores.ndim not in (1, 2):
            raise ValueError(f"{self.name}: shape {shape}; expected (rows, classes) or (rows,)")
        if self.ids is not None and len(self.ids) != shape[0]:
            raise ValueError(
                f"{self.name}: {len(self.ids)} ids for {shape[0]} rows; expected one per row"
            )
        if self.classes is not None and self.scores.ndim == 2 and len(self.classes) != shape[1]:
            raise ValueError(
                f"{self.name}: {len(self.classes)} class names for {shape[1]} columns; "
                "expected one per column"
            )


Source = Predictions | pd.DataFrame | NDArray[Any] | FilePath
"""Where predictions come from: see `read_predictions`."""
Names = Iterable[Hashable] | FilePath
"""Names of rows or columns, or a file of them."""


def read_predictions(
    source: Source,
    *,
    ids: Names | None = None,
    classes: Names | None = None,
    id_column: str = "id_code",
    class_column: str = "sirna",
) -> Predictions:
    """Predictions from a file, a table or an array.

    * `.npy`: a matrix, memory-mapped; or a vector of classes.
    * `.npz`: `scores`, and `ids` and `classes` if they are there; or one array of any name.
    * CSV or Parquet, or a DataFrame: ids in `id_column` (in a DataFrame: or in the index), and
      either one class per row in `class_column`, or one column of scores for each class.
    * an array: as `.npy`.

    Args:
        ids, classes: names of the rows and columns where the source has none: a sequence, or a
            text file with one per line, or a table's first column.

    Raises:
        OSError: a file can't be read.
        ValueError: a file of another form; more or fewer names than rows or columns.
        TypeError: a source of another type.
    """
    source = in_pandas(source)
    name = os.fspath(source) if is_path(source) else "predictions"
    if isinstance(source, Predictions):
        found = source
    elif isinstance(source, np.ndarray):
        found = Predictions(source)
    elif isinstance(source, pd.DataFrame):
        found = _from_table(source, name, id_column, class_column)
    elif not is_path(source):
        raise TypeError(
            f"predictions: found {type(source).__name__}; expected a path, an array, a DataFrame "
            "or Predictions"
        )
    elif name.lower().endswith((".npy", ".npz")):
        found = _from_numpy(on_disk(source), name)
    else:
        found = _from_table(read_table(source, text=()), name, id_column, class_column)
    if ids is not None:
        found = replace(found, ids=_names(ids, "ids"))
    if classes is not None:
        found = replace(found, classes=_names(classes, "classes"))
    return found


def _names(names: Names, argument: str) -> Sequence[Any]:
    """Names from a sequence or a file."""
    if not is_path(names):
        if not isinstance(names, Iterable):
            raise TypeError(f"{argument}: found {type(names).__name__}; expected names or a file")
        return list(names)
    if str(names).lower().endswith((".csv", ".csv.gz", ".parquet")):
        table, _ = load(names, argument)
        return table.iloc[:, 0].tolist()
    try:
        lines = on_disk(names).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{os.fspath(names)}: not UTF-8 text: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def _from_numpy(path: Path, name: str) -> Predictions:
    with path.open("rb") as file:  # what can't be opened is an OSError
        try:
            return _from_npy(path, name) if name.lower().endswith(".npy") else _from_npz(file, name)
        except Exception as error:  # numpy and zipfile raise anything on a broken file
            if isinstance(error, ValueError) and str(error).startswith(f"{name}: "):
                raise
            said = " ".join(str(error).split())
            raise ValueError(
                f"{name}: not an array that can be read safely: {type(error).__name__}: {said}"
            ) from error


def _from_npy(path: Path, name: str) -> Predictions:
    return Predictions(np.lib.format.open_memmap(path, mode="r"), name=name)


def _from_npz(file: IO[bytes], name: str) -> Predictions:
    with np.lib.npyio.NpzFile(file, allow_pickle=False) as loaded:
        key = "scores" if "scores" in loaded.files else loaded.files[0] if loaded.files else ""
        if key != "scores" and len(loaded.files) != 1:
            raise ValueError(
                f"{name}: holds {first(loaded.files) or 'nothing'}; "
                "expected 'scores' (and 'ids', 'classes'), or one array"
            )
        parts = {part: loaded[part] for part in (key, "ids", "classes") if part in loaded.files}
    for part, array in parts.items():
        if not isinstance(array, np.ndarray) or (part != key and array.ndim != 1):
            raise ValueError(f"{name}: {part!r} is not an array with one name each")
        if array.dtype.kind == "U" and array.dtype.itemsize and not _is_text(array):
            raise ValueError(f"{name}: {part!r} holds what is no text")
    return Predictions(
        parts[key],
        parts["ids"].tolist() if "ids" in parts else None,
        parts["classes"].tolist() if "classes" in parts else None,
        name,
    )


def _is_text(array: NDArray[Any]) -> bool:
    """Whether each number in it is that of a character; numpy looks at none, pandas at some."""
    points = np.frombuffer(array.tobytes(), np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    return bool(((points < 0xD800) | ((points > 0xDFFF) & (points <= 0x10FFFF))).all())


def _from_table(table: pd.DataFrame, name: str, id_column: str, class_column: str) -> Predictions:
    ids: Sequence[Any] | None = None
    if id_column in table.columns:
        ids = table[id_column].tolist()
        table = table.drop(columns=id_column)
    elif not isinstance(table.index, pd.RangeIndex):
        ids = table.index.tolist()
    elif name != "predictions":
        raise ValueError(
            f"{name}: no column {id_column!r}; found {first([repr(c) for c in table.columns])}"
        )
    if class_column in table.columns:
        return Predictions(table[class_column].to_numpy(), ids, None, name)
    text = [str(c) for c, kind in table.dtypes.items() if kind.kind not in "fiub"]
    if text:
        raise ValueError(
            f"{name}: columns that hold no numbers: {first(text)}; expected {id_column!r} and "
            f"either {class_column!r} or a column of scores for each class"
        )
    scores = table.to_numpy()
    if scores.dtype.kind != "f":
        scores = scores.astype(np.float64)
    return Predictions(scores, ids, table.columns.tolist(), name)


@dataclass(frozen=True)
class WellScores:
    """Scores of the wells of a test file.

    The scores of well i are row `rows[i]` of the matrix (row i where `rows` is `None`), which is
    the caller's own wherever each well has one row in one source.
    """

    name: str
    """The file or argument, for messages."""
    scores: NDArray[Any]
    rows: NDArray[np.int64] | None
    kind: ScoreKind
    columns: NDArray[np.int64]
    """The index of each column's class in the layout; -1 for classes that it does not have."""
    votes: NDArray[np.int64] | None = None
    """Hard predictions: the class of each well, in place of scores."""

    def take(self, wells: NDArray[np.int64]) -> NDArray[Any]:
        """A copy of the scores of a few wells."""
        rows = wells if self.rows is None else self.rows[wells]
        taken: NDArray[Any] = np.asarray(self.scores[rows])
        return taken


def read_sources(
    layout: Layout,
    sources: Source | Sequence[Source],
    ids: Names | None = None,
    classes: Names | None = None,
) -> list[Predictions]:
    """Each of one or several sources, read."""
    many: list[Any] = list(sources) if isinstance(sources, list | tuple) else [sources]
    if not many:
        raise ValueError("predictions: none; expected at least one")
    columns = layout.columns
    return [
        read_predictions(
            source,
            ids=ids,
            classes=classes,
            id_column=columns.id,
            class_column=columns.class_column,
        )
        for source in many
    ]


def covered(wells: Wells, read: list[Predictions]) -> NDArray[np.bool_]:
    """Which wells have predictions in any of the sources."""
    there = np.zeros(len(wells), bool)
    for found in read:
        place = _located(found, wells)
        there[place[place >= 0]] = True
    return there


def join(
    layout: Layout,
    wells: Wells,
    sources: Source | Sequence[Source],
    kind: ScoreKind | None,
    average: Average | None,
    ids: Names | None = None,
    classes: Names | None = None,
    weights: Sequence[float] | None = None,
) -> WellScores:
    """The scores of each well: joined by id, averaged over sites and sources.

    `weights` say how much each source counts. Where `kind` is `None`, one class per row is hard,
    and scores are probabilities.

    Raises:
        ValueError: see `PlateLayout.infer`.
    """
    if kind is not None:
        check_choice("kind", kind, ScoreKind)
    if average is not None:
        check_choice("average", average, Average)
    read = read_sources(layout, sources, ids, classes)
    weights = _weights(weights, len(read))
    hard = [found.scores.ndim == 1 for found in read]
    if kind is None and not any(hard):
        for found in read:
            _notice_similarities(found)
    kind = kind or ("hard" if all(hard) else "probability")
    if any(hard) != all(hard) or all(hard) != (kind == "hard"):
        wrong = next(found for found in read if (found.scores.ndim == 1) != (kind == "hard"))
        raise ValueError(
            f"{wrong.name}: holds {'one class' if wrong.scores.ndim == 1 else 'scores'} per row, "
            f"but kind is {kind!r}; expected "
            + ("kind='hard'" if wrong.scores.ndim == 1 else "kind to say what scores they are")
        )
    places = [_places(found, wells) for found in read]
    if kind == "hard":
        return _join_hard(layout, wells, read, places, weights)
    of_columns = [_columns(layout, found) for found in read]
    if any(not np.array_equal(other, of_columns[0]) for other in of_columns):
        raise ValueError(
            "predictions: the files order their classes differently; expected one order"
        )
    matrices = [_numbers(found) for found in read]
    used = [np.flatnonzero(place >= 0) for place in places]
    if len(read) == 1 and len(used[0]) == len(wells):
        rows = None
        if not np.array_equal(places[0], np.arange(len(wells))):
            rows = np.empty(len(wells), np.int64)
            rows[places[0][used[0]]] = used[0]
        return WellScores(read[0].name, matrices[0], rows, kind, of_columns[0])
    mean, kind = _averaged(matrices, places, len(wells), kind, average, weights)
    return WellScores(_together(read), mean, None, kind, of_columns[0])


def _weights(weights: Sequence[float] | None, sources: int) -> Sequence[float]:
    if weights is None:
        return [1.0] * sources
    found = np.asarray(weights)
    if found.shape != (sources,) or found.dtype.kind not in "iuf":
        raise ValueError(
            f"weights: found {weights!r}; expected {sources} numbers, one for each of the "
            "predictions"
        )
    if not ((found > 0) & np.isfinite(found)).all():
        raise ValueError(f"weights: found {weights!r}; expected positive numbers")
    return list(map(float, found * sources / found.sum()))


def _notice_similarities(found: Predictions) -> None:
    """Refuses scores whose kind was not said and that can't be probabilities: cosines, say.

    A few rows tell: cosines of all classes sum to far more than 1. (Less is normal: columns may
    have been left out. Negative numbers are refused where they are met, by name.)
    """
    some = np.unique(np.linspace(0, len(found.scores) - 1, 64).astype(np.int64))
    if not len(found.scores) or found.scores.dtype.kind != "f":
        return
    with np.errstate(invalid="ignore"):
        rows = np.asarray(found.scores[some], dtype=np.float64)
        sums = rows.sum(axis=1)
    much = np.flatnonzero((sums > MOST) & np.isfinite(sums) & (rows >= 0).all(axis=1))
    if len(much):
        raise ValueError(
            f"{found.name}: row {some[much[0]]} sums to {sums[much[0]]:.4g}, so these are no "
            "probabilities; expected kind (--kind) to say what they are: similarity for cosines, "
            "logit, log_probability, or probability if they are in proportion to probabilities"
        )


def _together(read: list[Predictions]) -> str:
    """What averages are called in messages."""
    return f"{first([found.name for found in read], 3)}, averaged per well"


def _numbers(found: Predictions) -> NDArray[Any]:
    scores = found.scores
    if scores.dtype.kind != "f" or scores.dtype.itemsize > 8:
        raise TypeError(
            f"{found.name}: dtype {scores.dtype}; expected float16, float32 or float64 scores"
        )
    return scores


def _located(found: Predictions, wells: Wells) -> NDArray[np.int64]:
    """The well of each row of the predictions; -1 for control wells."""
    place = wells.place()
    if found.ids is None:
        if found.scores.shape[0] != len(place):
            raise ValueError(
                f"{found.name}: {found.scores.shape[0]} rows without ids, but {wells.name} has "
                f"{len(place)} wells; expected one row per well in the same order, or ids"
            )
        return place
    ids = pd.Index(found.ids, tupleize_cols=False)
    if not isinstance(ids.dtype, pd.StringDtype):
        ids = ids.astype(STRING)
    if ids.equals(wells.everyone):
        return place
    if not ids.is_unique:
        twice = ids[ids.duplicated()].unique().tolist()
        raise ValueError(f"{found.name}: duplicate ids: {first(twice)}; expected one row per id")
    row = wells.everyone.get_indexer(ids)
    unknown = np.flatnonzero(row < 0)
    if len(unknown):
        # Sites: the id of a well with the number of the site behind it.
        of_sites = ids[unknown]
        row[unknown] = wells.everyone.get_indexer(of_sites.str.replace(SITE, "", regex=True))
        if (row < 0).any():
            strange = ids[row < 0].tolist()
            raise ValueError(
                f"{found.name}: ids that are not in {wells.name}: {first(strange)}; "
                "expected wells of that file, or their sites (..._s1)"
            )
    return place[row]


def _places(found: Predictions, wells: Wells) -> NDArray[np.int64]:
    """The well of each row of the predictions, which have every well."""
    place = _located(found, wells)
    missing = np.ones(len(wells), bool)
    missing[place[place >= 0]] = False
    if missing.any():
        raise ValueError(
            f"{found.name}: no predictions for {first(wells.ids[missing].tolist())} of "
            f"{wells.name}; expected every well"
        )
    return place


def _class_index(layout: Layout) -> pd.Index:
    names: pd.Index = layout.classes.map(str)
    return names


def _columns(layout: Layout, found: Predictions) -> NDArray[np.int64]:
    """The layout's class of each column."""
    count = found.scores.shape[1]
    if found.classes is None:
        if len(layout.controls):
            every = layout.classes.append(layout.controls).sort_values()
            if np.array_equal(every, np.arange(count)):
                return layout.classes.get_indexer(every).astype(np.int64)
        if not np.array_equal(layout.classes, np.arange(len(layout.classes))):
            raise ValueError(
                f"{found.name}: the columns have no class names, and the layout's classes "
                f"({first([str(c) for c in layout.classes[:3]])}, ...) are not the numbers 0 to "
                f"{len(layout.classes) - 1}; expected `classes` in the order of the columns"
            )
        if count != len(layout.classes):
            raise ValueError(
                f"{found.name}: {count} columns, but the layout has {len(layout.classes)} classes; "
                "expected one per class, or `classes` to say which they are"
            )
        return np.arange(count)
    names = pd.Index(found.classes).map(str)
    if not names.is_unique:
        twice = names[names.duplicated()].unique().tolist()
        raise ValueError(f"{found.name}: duplicate classes: {first(twice)}")
    known = _class_index(layout)
    missing = known[~known.isin(names)].tolist()
    if missing:
        raise ValueError(
            f"{found.name}: no column for {len(missing)} of the layout's {len(known)} classes: "
            f"{first(missing)}"
        )
    return known.get_indexer(names).astype(np.int64)


def _join_hard(
    layout: Layout,
    wells: Wells,
    read: list[Predictions],
    places: list[NDArray[np.int64]],
    weights: Sequence[float],
) -> WellScores:
    """One prediction per well stays a vote; several become shares of votes."""
    known = _class_index(layout)
    n_classes = len(known)
    votes = []
    for number, found in enumerate(read):
        of_well = np.flatnonzero(places[number] >= 0)  # a control's row may say anything
        places[number] = places[number][of_well]
        named = pd.Index(found.scores[of_well])
        vote = layout.classes.get_indexer(named)
        if (vote < 0).any():  # numbers against text, or classes that do not exist
            vote = np.where(vote < 0, known.get_indexer(named.map(str)), vote)
        if (vote < 0).any():
            row = int(of_well[(vote < 0).argmax()])
            raise ValueError(
                f"{found.name}: row {row} predicts {found.scores[row]!s}, "
                "which is none of the layout's classes"
            )
        votes.append(vote.astype(np.int64))
    columns = np.arange(n_classes)
    empty = np.empty((0, n_classes), np.float32)
    if len(read) == 1 and len(places[0]) == len(wells):
        by_well = np.empty(len(wells), np.int64)
        by_well[places[0]] = votes[0]
        return WellScores(read[0].name, empty, None, "hard", columns, by_well)
    shares = np.zeros((len(wells), n_classes), np.float32)
    for place, vote, weight in zip(places, votes, weights, strict=True):
        np.add.at(shares, (place, vote), np.float32(weight))
    shares *= (1 - HARD_MISS) / shares.sum(axis=1, keepdims=True)
    shares += HARD_MISS / n_classes
    return WellScores(_together(read), shares, None, "probability", columns)


def _averaged(
    matrices: list[NDArray[Any]],
    places: list[NDArray[np.int64]],
    wells: int,
    kind: ScoreKind,
    average: Average | None,
    weights: Sequence[float],
) -> tuple[NDArray[Any], ScoreKind]:
    """The mean over sites and sources, and what kind of scores that gives."""
    average = average or ("probability" if kind == "probability" else "log")
    dtype = np.result_type(np.float32, *matrices)
    total = np.zeros((wells, matrices[0].shape[1]), dtype)
    count = np.zeros(wells)
    for matrix, place, weight in zip(matrices, places, weights, strict=True):
        np.add.at(count, place[place >= 0], weight)
        for start in range(0, len(place), BLOCK):
            block = np.asarray(matrix[start : start + BLOCK], dtype=dtype)
            block = _for_mean(block, kind, average)
            if weight != 1:
                block = block * dtype.type(weight)
            # Rows of one well never share a block pass, so that each is added.
            into = place[start : start + BLOCK]
            block, into = block[into >= 0], into[into >= 0]
            while len(into):
                _, once = np.unique(into, return_index=True)
                total[into[once]] += block[once]
                into, block = np.delete(into, once), np.delete(block, once, axis=0)
    total /= count[:, None]
    if average == "probability":
        return total, "probability"
    return total, "log_probability" if kind == "probability" else kind


def _for_mean(block: NDArray[Any], kind: ScoreKind, average: Average) -> NDArray[Any]:
    if kind == "probability":
        return block if average == "probability" else np.log(np.maximum(block, FLOOR))
    if average == "log":
        return block
    if kind == "similarity":
        raise ValueError("average: similarities have no probabilities to average; expected 'log'")
    weights: NDArray[Any] = np.exp(block - block.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights
