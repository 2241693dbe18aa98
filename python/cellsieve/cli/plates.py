"""`cellsieve plates fit | infer | decode | check | score`."""

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import Any, get_args

import pandas as pd

from cellsieve.cli.arguments import add_jobs, add_overwrite
from cellsieve.io.places import atomic, place
from cellsieve.io.records import other_beside, write_beside
from cellsieve.io.tables import check_table, refuse_existing, write_table
from cellsieve.plates import (
    ConvergenceWarning,
    PlateLayout,
    TemperatureWarning,
    UncertainAssignmentWarning,
    WrongWellsWarning,
)
from cellsieve.plates.infer import CERTAIN
from cellsieve.plates.wells import first
from cellsieve.schema.choices import Average, Candidates, Method, Prior, ScoreKind
from cellsieve.schema.record import Record, record_of
from cellsieve.schema.text import STRING

KIND_HELP = (
    "what the scores are: probability (default for scores), log_probability, logit, similarity "
    "(cosine and the like), hard (one class per row; default for a submission)"
)

EXPECTED = ("as claimed", "no known layout")
"""Verdicts on plates that are what they are said to be, as far as is known."""


def add_plates(commands: Any, summary: str) -> None:
    """Adds `plates` and its own commands."""
    plates = commands.add_parser(
        "plates",
        help=summary,
        description="Learns which classes share a plate (fit), infers which group is on which "
        "plate of new experiments (infer), decodes each well among the classes that its plate can "
        "hold (decode), and looks for plates that were swapped, turned or used again (check).",
    )
    steps = plates.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_fit(steps)
    _add_infer(steps)
    _add_decode(steps)
    _add_check(steps)
    _add_score(steps)


def _add_fit(steps: Any) -> None:
    fit = steps.add_parser(
        "fit",
        example="cellsieve plates fit plates/train.csv -o plates/layout.json",
        help="learn the plate groups from experiments with known classes",
        description="Learns the groups of classes that share a plate, and on which plates they "
        "were. Writes a layout (JSON) for the other commands.",
    )
    fit.add_argument(
        "train", metavar="TRAIN", nargs="?", help="table with one row per well (CSV, Parquet)"
    )
    fit.add_argument(
        "--class-groups",
        metavar="TABLE",
        help="in place of TRAIN: the group of each class, in a column 'group' (CSV, Parquet)",
    )
    fit.add_argument("-o", "--output", metavar="LAYOUT.json", required=True, help="the layout")
    fit.add_argument(
        "--class-column",
        default="sirna",
        metavar="NAME",
        help="column with the class (default: sirna)",
    )
    fit.add_argument(
        "--experiment", default="experiment", metavar="NAME", help="column with the experiment"
    )
    fit.add_argument("--plate", default="plate", metavar="NAME", help="column with the plate")
    fit.add_argument("--well", default="well", metavar="NAME", help="column with the well")
    fit.add_argument(
        "--id-column",
        default="id_code",
        metavar="NAME",
        help="column with the id (default: id_code)",
    )
    fit.add_argument(
        "--tolerate",
        type=int,
        default=0,
        metavar="N",
        help="leave out wells that contradict the plate groups, at most N, and name them "
        "(default: 0)",
    )
    fit.add_argument(
        "--groups",
        metavar="train_plate_groups.csv",
        help="also write each experiment's assignment number, in the notebook's form",
    )
    add_overwrite(fit)
    fit.set_defaults(run=run_fit)


def _add_source(command: argparse.ArgumentParser) -> None:
    command.add_argument("layout", metavar="LAYOUT.json", help="as written by 'plates fit'")
    command.add_argument("test", metavar="TEST", help="table with one row per well (CSV, Parquet)")
    command.add_argument(
        "predictions",
        metavar="PREDICTIONS",
        nargs="+",
        help="scores as .npy, .npz, CSV or Parquet, or a submission; several files are averaged",
    )
    command.add_argument(
        "--kind",
        choices=get_args(ScoreKind),
        help=KIND_HELP,
    )
    command.add_argument("--ids", metavar="FILE", help="ids of the rows, one per line, for .npy")
    command.add_argument(
        "--classes", metavar="FILE", help="classes of the columns, one per line, for .npy"
    )
    command.add_argument(
        "--average",
        choices=get_args(Average),
        help="how sites and files are averaged (default: probability for probabilities, "
        "log for all others)",
    )
    command.add_argument(
        "--weights",
        type=_numbers,
        metavar="W,W",
        help="how much each file counts in averages, as 2,1 (default: alike)",
    )


def _add_prior(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--candidates",
        choices=get_args(Candidates),
        help="closed: assignments seen in training and their compositions (default); all: every "
        "order (default where more than 1,000 follow from those seen)",
    )
    command.add_argument(
        "--prior",
        choices=get_args(Prior),
        help="flat: all alike (default); counts: as often as they were seen in training",
    )


def _add_infer(steps: Any) -> None:
    infer = steps.add_parser(
        "infer",
        example="cellsieve plates infer plates/layout.json "
        "plates/test.csv plates/predictions.npy -o plates/posterior.csv",
        help="which group is on which plate of each experiment, and how sure that is",
        description="Infers the assignment of groups to plates of every experiment of TEST.",
    )
    _add_source(infer)
    infer.add_argument(
        "-o", "--output", metavar="TABLE", help="table of the posterior (CSV, Parquet)"
    )
    infer.add_argument(
        "--groups",
        metavar="test_plate_groups.csv",
        help="also write each experiment's assignment number, in the notebook's form",
    )
    _add_prior(infer)
    add_jobs(infer)
    add_overwrite(infer)
    infer.set_defaults(run=run_infer)


def _add_decode(steps: Any) -> None:
    decode = steps.add_parser(
        "decode",
        example="cellsieve plates decode plates/layout.json plates/test.csv "
        "plates/predictions.npy -o plates/submission.csv --details plates/wells.csv",
        help="the class of every well among those that its plate can hold",
        description="Decodes every well of TEST. Without --posterior, the assignments are inferred "
        "first.",
    )
    _add_source(decode)
    decode.add_argument(
        "-o",
        "--output",
        metavar="submission.csv",
        required=True,
        help="id and class of every well, in the order of TEST",
    )
    decode.add_argument(
        "--details",
        metavar="TABLE",
        help="also write confidence, runner-up and margin of every well (CSV, Parquet)",
    )
    decode.add_argument(
        "--posterior", metavar="TABLE", help="as written by 'plates infer -o' or '--groups'"
    )
    _add_prior(decode)
    decode.add_argument(
        "--method",
        choices=get_args(Method),
        default="marginal",
        help="marginal: most probable class given that each is used once, with calibrated "
        "confidence (default); argmax: best allowed class, fast; assignment: each class once per "
        "plate, which is often worse than argmax on one vote per well",
    )
    decode.add_argument(
        "--temperature",
        default=1.0,
        type=_temperature,
        metavar="T",
        help="scores are divided by it before they are exponentiated; a number, or 'fit' "
        "(default: 1)",
    )
    decode.add_argument(
        "--one-to-one",
        action="store_true",
        help="with --method marginal: each class at most once per plate, with the highest expected "
        "number right",
    )
    decode.add_argument(
        "--use-known-layouts",
        action="store_true",
        help="where 'plates check' finds that a plate re-uses an earlier layout, take its classes "
        "as evidence",
    )
    add_jobs(decode)
    add_overwrite(decode)
    decode.set_defaults(run=run_decode)


def _add_check(steps: Any) -> None:
    check = steps.add_parser(
        "check",
        example="cellsieve plates check plates/layout.json plates/test.csv plates/predictions.npy",
        help="plates that were swapped, turned, mirrored, shifted, or used before",
        description="Compares the scores with known layouts: with the classes that TEST itself "
        "gives, if it has them (is a plate swapped, turned by 180 degrees, mirrored, half of it "
        "mirrored, shifted by one or two rows or columns?), and with every earlier layout (is one "
        "used again?); and looks for parts of plates that hold something else or are in another "
        "order. Wells without predictions are counted and left out.",
    )
    _add_source(check)
    check.add_argument(
        "-o", "--output", metavar="TABLE", help="table with one row per plate (CSV, Parquet)"
    )
    check.add_argument(
        "--permutations",
        type=int,
        default=1000,
        metavar="N",
        help="random layouts that a match is compared with (default: 1000)",
    )
    check.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    add_overwrite(check)
    check.set_defaults(run=run_check)


def _add_score(steps: Any) -> None:
    score = steps.add_parser(
        "score",
        example="cellsieve plates score plates/layout.json plates/test.csv "
        "plates/predictions.npy --truth plates/truth.csv",
        help="what each step gains, on wells whose classes are known",
        description="Counts how many of the wells with known classes are right by one site, all "
        "sites, all models, the plate's group, marginals and known layouts.",
    )
    _add_source(score)
    score.add_argument(
        "--truth",
        metavar="TABLE",
        required=True,
        help="id and class of some wells of TEST (CSV, Parquet)",
    )
    score.add_argument(
        "-o", "--output", metavar="TABLE", help="table with one row per step (CSV, Parquet)"
    )
    add_overwrite(score)
    score.set_defaults(run=run_score)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected numbers as 2,1") from None


def _temperature(text: str) -> float | str:
    if text == "fit":
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number or 'fit'") from None


def _refuse_outputs(
    options: argparse.Namespace, tables: Sequence[str | None], others: Sequence[str | None] = ()
) -> None:
    """Refuses outputs that can't be written as asked, before any work is done."""
    for path in tables:
        if path is not None:
            check_table(path)
    paths = [path for path in (*tables, *others) if path is not None]
    if len({place(path).resolve() for path in paths}) < len(paths):
        raise ValueError(f"{paths[0]}: given for two outputs; expected a file for each")
    beside = filter(None, map(other_beside, paths))
    refuse_existing(*paths, *beside, overwrite=options.overwrite)


def _source(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments that infer, decode and check share."""
    return {
        "kind": options.kind,
        "ids": options.ids,
        "classes": options.classes,
        "average": options.average,
        "weights": options.weights,
    }


def _write_groups(groups: pd.Series, path: str, record: Record | None) -> None:
    """Each experiment's assignment number without a header, as the notebook's pandas wrote it."""
    with atomic(path) as temporary:
        groups.to_csv(temporary, header=False)
    write_beside(path, record)


def _warn(text: str) -> None:
    print(f"cellsieve: warning: {text}", file=sys.stderr)


def run_fit(options: argparse.Namespace) -> int:
    """`plates fit`."""
    _refuse_outputs(options, [], [options.output, options.groups])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", WrongWellsWarning)
        if (options.train is None) == (options.class_groups is None):
            raise ValueError("TRAIN, --class-groups: expected one of the two")
        names = (
            options.class_column,
            options.experiment,
            options.plate,
            options.well,
            options.id_column,
        )
        if options.class_groups is not None:
            layout = PlateLayout.of_groups(options.class_groups, *names)
        else:
            layout = PlateLayout.fit(options.train, *names, tolerate=options.tolerate)
    for warning in caught:
        _warn(str(warning.message))
    layout.save(options.output)
    if options.groups:
        _write_groups(layout.experiment_groups(), options.groups, layout.record)
    sizes = pd.Series(layout.group).value_counts(sort=False).sort_index().tolist()
    print(
        f"{len(layout.classes)} classes in {layout.n_groups} groups "
        f"({', '.join(map(str, sizes))} classes), {len(layout.experiments)} experiments"
    )
    if len(layout.controls):
        named = first([str(c) for c in layout.controls])
        print(f"controls, on every plate and set aside: {named}")
    if layout.slots.max() > 1:
        print(f"classes are in up to {layout.slots.max()} wells of their plate")
    if layout.barcodes is None:
        print("Which group is on which plate, and in how many experiments:")
        print(layout.assignment_table().to_string(index=False))
    else:
        print("plates have no names in common: any group can be on any")
    print(f"layout: {options.output}")
    if options.groups:
        print(f"assignments: {options.groups}")
    return 0


def run_infer(options: argparse.Namespace) -> int:
    """`plates infer`."""
    _refuse_outputs(options, [options.output], [options.groups])
    layout = PlateLayout.load(options.layout)
    table = layout.infer(
        options.test,
        options.predictions,
        candidates=options.candidates,
        prior=options.prior or "flat",
        jobs=options.jobs,
        **_source(options),
    )
    key = layout.columns.experiment
    if options.output:
        write_table(table, options.output)
    if options.groups:
        _write_groups(table.set_index(key)["best"], options.groups, record_of(table))
    doubtful = table.loc[~table["certain"], key].astype(STRING).tolist()
    if doubtful:
        _warn(
            f"{len(doubtful)} of {len(table)} experiments have an uncertain assignment (posterior "
            f"below {CERTAIN}): {first(doubtful)}"
        )
    shares = [f"share_{k}" for k in range(len(layout.counts)) if f"share_{k}" in table.columns]
    show = table[[key, "wells", "best", "posterior", "margin", *shares]].copy()
    show["posterior"] = show["posterior"].map("{:.4f}".format)
    show["margin"] = show["margin"].map("{:.1f}".format)
    show[shares] = show[shares].map("{:.3f}".format)
    show["sure"] = table["certain"].map({True: "yes", False: "UNCERTAIN"})
    print(show.to_string(index=False))
    print(
        f"{len(table)} experiments, {len(doubtful)} uncertain (posterior below {CERTAIN}). "
        "share_k: the share of wells whose top class is on the plate where assignment k puts it; "
        "margin in nats."
    )
    if options.output:
        print(f"posterior: {options.output}")
    if options.groups:
        print(f"assignments: {options.groups}")
    return 0


def run_decode(options: argparse.Namespace) -> int:
    """`plates decode`; 1 where it warns."""
    _refuse_outputs(options, [options.output, options.details])
    layout = PlateLayout.load(options.layout)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        for known in (ConvergenceWarning, TemperatureWarning, UncertainAssignmentWarning):
            warnings.simplefilter("always", known)
        decoded = layout.decode(
            options.test,
            options.predictions,
            options.posterior,
            options.method,
            candidates=options.candidates,
            prior=options.prior,
            temperature=options.temperature,
            one_to_one=options.one_to_one,
            use_known_layouts=options.use_known_layouts,
            jobs=options.jobs,
            **_source(options),
        )
    for warning in caught:
        _warn(str(warning.message))
    write_table(decoded[[layout.columns.id, layout.columns.class_column]], options.output)
    if options.details:
        write_table(decoded, options.details)
    code = 1 if caught else 0
    print(
        f"{len(decoded)} wells, {decoded[layout.columns.class_column].nunique()} classes, "
        f"mean confidence {decoded['confidence'].mean():.3f}"
    )
    if options.temperature == "fit":
        print(f"fitted temperature: {decoded.attrs['temperature']:.3g}")
    columns = layout.columns
    for match in decoded.attrs.get("known_layouts", []):
        here = f"{match[columns.experiment]} plate {match[columns.plate]}"
        print(f"known layout: {here} {match['verdict']} (p {match['p']:.1g})")
    if options.use_known_layouts and not decoded.attrs["known_layouts"]:
        print("known layout: none is used again")
    print(f"submission: {options.output}")
    if options.details:
        print(f"details: {options.details}")
    return code


def run_check(options: argparse.Namespace) -> int:
    """`plates check`."""
    _refuse_outputs(options, [options.output])
    layout = PlateLayout.load(options.layout)
    table = layout.check(
        options.test,
        options.predictions,
        permutations=options.permutations,
        seed=options.seed,
        **_source(options),
    )
    if options.output:
        write_table(table, options.output)
    columns = layout.columns
    missing = int(table["missing"].sum())
    if missing:
        _warn(
            f"{missing} of {missing + int(table['wells'].sum())} wells on these plates have no "
            "prediction and were left out"
        )
    strange = table[~table["verdict"].isin(EXPECTED)]
    if len(strange):
        named = strange[columns.experiment].astype(STRING) + " plate "
        named += strange[columns.plate].astype(STRING) + " (" + strange["verdict"] + ")"
        _warn(
            f"{len(strange)} of {len(table)} plates are not as expected: {first(named.tolist(), 4)}"
        )
    twins = layout.shared_layouts()
    pairs = twins.groupby([columns.experiment, f"other_{columns.experiment}"], sort=False).size()
    for (one, other), plates in zip(pairs.index.tolist(), pairs.tolist(), strict=True):
        print(f"{options.layout}: {one} and {other} share the layout of {plates} plates")
    if len(strange):
        show = strange[[columns.experiment, columns.plate, "wells", "verdict"]].copy()
        odds = strange["log_odds_to_claim"].fillna(strange["log_odds"])
        show["log_odds"] = odds.map("{:.0f}".format)
        show["z"] = strange["z"].map("{:.1f}".format)
        p = strange["part_p"].where(strange["part"] != "", strange["p"])
        show["p"] = p.map("{:.1g}".format)
        print(show.to_string(index=False))
    counts = table["verdict"].value_counts()
    for verdict in EXPECTED:
        if verdict in counts:
            print(f"{counts[verdict]} of {len(table)} plates: {verdict}")
    print(
        f"{len(table)} plates checked. log_odds: nats against the claimed layout, or against a "
        "guess where none is claimed; p: the chance that one of these layouts does as well on a "
        "plate whose wells are in random order or, where a part holds something else, the chance "
        "of such a part on a plate without any."
    )
    if options.output:
        print(f"table: {options.output}")
    return 0


def run_score(options: argparse.Namespace) -> int:
    """`plates score`."""
    _refuse_outputs(options, [options.output])
    layout = PlateLayout.load(options.layout)
    table = layout.score(options.test, options.predictions, options.truth, **_source(options))
    if options.output:
        write_table(table, options.output)
    show = table[["step"]].assign(right=table["right"].map("{:.1%}".format))
    show["gain"] = table["gain"].map("{:+.1%}".format).replace("+nan%", "")
    print(show.to_string(index=False))
    print(f"{table['wells'].iloc[0]} wells with known classes")
    if len(options.predictions) > 1:
        names = {"kind": options.kind, "ids": options.ids, "classes": options.classes}
        agree = layout.agreement(options.test, options.predictions, **names).set_index("model")
        agree.columns = pd.Index([f"({k})" for k in range(1, len(agree) + 1)])
        agree.index = agree.columns + " " + agree.index
        print("How often models agree on the best of all classes:")
        print(agree.map("{:.1%}".format).to_string(index_names=False))
    if options.output:
        print(f"table: {options.output}")
    return 0
