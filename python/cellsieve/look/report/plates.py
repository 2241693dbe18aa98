"""What the report of a plates result shows: assignments, confidence, and maps of the plates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellsieve.look.numbers import number
from cellsieve.look.report.bins import bars_path
from cellsieve.look.report.page import write_page
from cellsieve.schema.labels import class_text
from cellsieve.schema.plates import assignment_columns
from cellsieve.schema.record import Record
from cellsieve.schema.text import STRING
from cellsieve.schema.types import FilePath
from cellsieve.schema.wellmap import PLACE, plate_map, row_name, with_places

PLATES = 400  # maps at most; the least confident come first where there are more
LEVELS = 12  # shades of a map
MOST_NUMBERS = 12  # of columns beside a map
RELIABILITY_BINS = 10
CONFIDENCE_BINS = 50


def plates_report(
    assignments: pd.DataFrame | None,
    wells: pd.DataFrame | None,
    truth: pd.DataFrame | None,
    output: FilePath,
    *,
    title: str,
    record: Record,
) -> None:
    """Writes the page.

    Args:
        assignments: one row per experiment, as `PlateLayout.infer` gives it.
        wells: one row per well, as `PlateLayout.decode` gives it: the id first, then the class.
        truth: the true class of wells, under the names of these two columns.
        output: the page.
        title: its title.
        record: how it is made.

    Raises:
        ValueError: a column is missing, or an id does not name a well.
    """
    words: list[str] = []
    content: dict[str, Any] = {"title": title, "words": words, "experiments": [], "kinds": []}
    if assignments is not None:
        content |= _assignments(assignments)
    else:
        words.append("No table of assignments was given: only wells are shown.")
    content |= {"wells": None, "maps": [], "reliability": None}
    if wells is None:
        words.append(
            "No table of wells was given (--wells): there are no confidences or plate maps."
        )
    elif wells.empty:
        words.append("The table of wells holds no wells.")
    else:
        placed = place_wells(wells)
        correct = _correct(wells, truth, words)
        placed["correct"] = correct
        content["wells"] = {
            "n": len(placed),
            "mean": number(placed["confidence"].mean(), 3),
            "missing": int(placed["confidence"].isna().sum()),
            "known": int(correct.notna().sum()),
            "correct": int((correct == 1).sum()),
        }
        if content["wells"]["missing"]:
            words.append(f"Wells without a confidence: {content['wells']['missing']:,}.")
        content["reliability"] = reliability(placed["confidence"], correct)
        content["bars"] = CONFIDENCE_BINS
        content["confidences"] = _confidences(placed["confidence"])
        first = [each["name"] for each in content["experiments"]]
        content["maps"] = _maps(placed, first)
        content["levels"] = [round((each + 1) / LEVELS, 3) for each in range(LEVELS)]
        plates = placed.groupby(["experiment", "plate"]).ngroups
        if plates > len(content["maps"]):
            words.append(
                f"Of {plates:,} plates, the {len(content['maps'])} least confident have a map."
            )
    write_page(output, "plates.html.j2", ["page", "plates"], content, record)


def _assignments(table: pd.DataFrame) -> dict[str, Any]:
    """The heat map: one row per experiment."""
    kind = "posterior" if any(str(name).startswith("posterior_") for name in table) else "share"
    columns = {kind: assignment_columns(table, kind)}
    if kind == "posterior" and "share_0" in table.columns:
        columns["share"] = assignment_columns(table, "share")
    certain = (
        table["certain"].astype(bool) if "certain" in table.columns else table["posterior"] >= 0.99
    )
    experiments = []
    lead = np.asarray(table["posterior"], np.float64)
    for place in np.lexsort((lead, certain)).tolist():  # what must be looked at comes first
        row = table.iloc[place].to_dict()
        experiments.append(
            {
                "name": str(row[table.columns[0]]),
                "best": int(row["best"]),
                "posterior": number(row["posterior"]),
                "margin": number(row.get("margin", float("nan")), 3),
                "wells": row.get("wells"),
                "certain": bool(certain.iloc[place]),
                "evidence": str(row.get("evidence", "")),
                "fields": {
                    each: [
                        (
                            float(row[name]),
                            f"{float(row[name]):.3f}" if row[name] == row[name] else "–",
                        )
                        for name in names
                    ]
                    for each, names in columns.items()
                },
            }
        )
    words = {"posterior": "Posterior", "share": "Share of wells whose vote fits"}
    return {
        "experiments": experiments,
        "kinds": [(kind, words[kind], len(names)) for kind, names in columns.items()],
        "certain": int(certain.sum()),
    }


def place_wells(wells: pd.DataFrame) -> pd.DataFrame:
    """Experiment, plate, well and confidence of each row.

    From the columns of these names, or those that `PlateLayout.decode` wrote under a layout's own
    names, or else from ids such as "HUVEC-18_1_B02".

    Raises:
        ValueError: none of these is there.
    """
    names = wells.columns.tolist()
    if names[5:7] == ["confidence", "runner_up"]:
        wells = wells.rename(columns=dict(zip(names[2:5], PLACE, strict=True)))
    placed = with_places(wells, "wells")[list(PLACE)].astype(STRING).reset_index(drop=True)
    placed["confidence"] = wells["confidence"].astype("float64").to_numpy()
    return placed


def _correct(wells: pd.DataFrame, truth: pd.DataFrame | None, words: list[str]) -> "pd.Series[Any]":
    """1 where the class is the true one, 0 where not, NaN where the truth is unknown."""
    unknown = pd.Series(np.nan, index=range(len(wells)))
    if truth is None:
        return unknown
    ids, classes = wells.columns[:2]
    missing = [name for name in (ids, classes) if name not in truth.columns]
    if missing:
        raise ValueError(
            f"truth: has no column {', '.join(missing)}; expected the columns {ids} and {classes}, "
            "as in the table of wells"
        )
    known = truth.drop_duplicates(ids).set_index(truth.drop_duplicates(ids)[ids].astype(STRING))
    true = wells[ids].astype(STRING).map(class_text(known[classes])).reset_index(drop=True)
    right = true == class_text(wells[classes]).reset_index(drop=True)
    if true.isna().all():
        words.append("The truth names none of the wells.")
    return right.astype("float64").where(true.notna())


def reliability(
    confidence: "pd.Series[float]", correct: "pd.Series[Any]"
) -> list[dict[str, Any]] | None:
    """How often wells of similar confidence are right; None where no truth is known."""
    known = confidence.notna() & correct.notna()
    if not known.any():
        return None
    claimed, right = confidence[known].to_numpy(), correct[known].to_numpy(np.float64)
    place = np.minimum((claimed * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    found = []
    for bin_number in range(RELIABILITY_BINS):
        here = place == bin_number
        if here.any():
            found.append(
                {
                    "n": int(here.sum()),
                    "claimed": float(claimed[here].mean()),
                    "right": float(right[here].mean()),
                }
            )
    return found


def _confidences(confidence: "pd.Series[float]") -> str:
    counts, _ = np.histogram(confidence.dropna(), bins=CONFIDENCE_BINS, range=(0, 1))
    return bars_path(counts.tolist(), max(1, int(counts.max())))


def _maps(placed: pd.DataFrame, first: Sequence[str]) -> list[dict[str, Any]]:
    """One map per plate: paths of the wells of each shade, and of the wrong ones.

    Args:
        placed: experiment, plate, well, confidence, and whether its class is right.
        first: the experiments in the order in which their plates come.
    """
    groups = list(placed.groupby(["experiment", "plate"], sort=False))
    if len(groups) > PLATES:
        groups.sort(key=lambda pair: float(pair[1]["confidence"].mean()))
        groups = groups[:PLATES]
    order = {name: place for place, name in enumerate(first)}
    groups.sort(key=lambda pair: order.get(str(pair[0][0]), len(order)))
    maps = []
    for (experiment, plate), rows in groups:
        image = plate_map(rows["well"], rows["confidence"])
        there = plate_map(rows["well"], pd.Series(1.0, rows.index), image.shape) == 1
        correct = plate_map(rows["well"], rows["correct"], image.shape)
        many = int((rows["correct"] == 0).sum())
        maps.append(
            {
                "experiment": experiment,
                "plate": plate,
                "shape": image.shape,
                "last": f"{row_name(image.shape[0] - 1)}{image.shape[1]}",
                "letters": [row_name(k) for k in range(image.shape[0])],
                "step": -(-image.shape[1] // MOST_NUMBERS),
                "wells": _codes(image, there, correct),
                "unknown": _squares(there & np.isnan(image), 0.25),
                "nothing": _squares(~there, 0.4),
                "shades": _shades(image),
                "wrong": _squares(correct < 1, 0.3),
                "n_wrong": many,
                "known": bool(rows["correct"].notna().any()),
                "mean": number(rows["confidence"].mean(), 3),
                "n": len(rows),
            }
        )
    return maps


def _shades(image: NDArray[np.float64]) -> list[tuple[int, str]]:
    """The shades of the colour, in percent, and the wells that have each."""
    level = np.clip(np.nan_to_num(image * LEVELS, nan=-1.0), -1, LEVELS - 1).astype(int)
    return [
        (round(100 * (each + 1) / LEVELS), _squares(level == each, 0))
        for each in np.unique(level).tolist()
        if each >= 0
    ]


def _codes(
    image: NDArray[np.float64], there: NDArray[np.bool_], correct: NDArray[np.float64]
) -> str:
    """Three letters a well: its confidence in thousandths, to the base 36, and whether it is right.

    Two dots where there is no well, two dashes where it has no confidence.
    """
    made = []
    for value, known, right in zip(image.flat, there.flat, correct.flat, strict=True):
        if not known:
            code = ".."
        elif np.isnan(value):
            code = "--"
        else:
            code = np.base_repr(round(1000 * float(value)), 36).rjust(2, "0").lower()
        made.append(code + ("-" if np.isnan(right) else "r" if right == 1 else "w"))
    return "".join(made)


def _squares(where: NDArray[np.bool_], inset: float) -> str:
    side = round(0.94 - 2 * inset, 2)
    return "".join(
        f"M{column + inset:g} {row + inset:g}h{side}v{side}h-{side}z"
        for row, column in zip(*(axis.tolist() for axis in np.nonzero(where)), strict=True)
    )
