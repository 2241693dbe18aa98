"""`cellsieve clean` and `cellsieve rules`."""

import argparse
import sys
from typing import Any, get_args

from cellsieve.cleaning.dataset import clean_to, grouped_by
from cellsieve.cli.arguments import add_columns, add_overwrite, file_path, positive, table_path
from cellsieve.cli.summary import LARGEST, summary
from cellsieve.io.preset import PRESETS, about, preset, preset_text
from cellsieve.io.rule_files import read_rules
from cellsieve.schema.choices import RuleKind, SeveralClasses
from cellsieve.schema.rules import MIN_GROUP, Rule

#: What limits may be but quantiles: the option, the kind of a rule, and how to say it.
KINDS: tuple[tuple[str, RuleKind, str], ...] = (
    ("values", "value", "values of the column"),
    ("ratio", "ratio", "multiples of the group's median"),
    (
        "mad",
        "mad",
        "distances from the group's median in units of 1.4826 times its median absolute deviation, "
        "negative below it",
    ),
    (
        "zscore",
        "zscore",
        "distances from the group's mean in standard deviations, negative below it",
    ),
)


def add_clean(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "clean",
        example="cellsieve clean cells.csv -o clean.csv --lower 0.05 --upper 0.95",
        help=summary,
        description="Marks the cells outside the percentile band of their group. No row is "
        "dropped: each gets 'clean', 'reason' and the limits that decided it. The summary shows "
        f"the {LARGEST} largest groups; notes are printed to standard error.",
        epilog="Exit code: 0 done, 2 nothing was done.",
    )
    command.add_argument(
        "cells",
        metavar="CELLS",
        type=table_path,
        nargs="+",
        help="cell table; several are judged together, as parts of one table",
    )
    command.add_argument(
        "-o", "--output", type=table_path, required=True, metavar="TABLE", help="table to write"
    )
    command.add_argument(
        "--by",
        action="append",
        default=argparse.SUPPRESS,
        metavar="COLUMN,...",
        help="column, or several joined by commas, that form the groups: --by "
        "plate,class_label (default: class_label); 'none' puts all cells in one group",
    )
    command.add_argument(
        "--column",
        default=argparse.SUPPRESS,
        help="column to judge (default: fraction)",
    )
    command.add_argument(
        "--lower",
        type=_limit,
        default=argparse.SUPPRESS,
        metavar="Q",
        help="lower quantile, 0 to 1; 'none' leaves that side open (default: 0.001)",
    )
    command.add_argument(
        "--upper",
        type=_limit,
        default=argparse.SUPPRESS,
        metavar="Q",
        help="upper quantile, 0 to 1; 'none' leaves that side open (default: 0.999)",
    )
    kinds = command.add_mutually_exclusive_group()
    for option, kind, what in KINDS:
        kinds.add_argument(
            f"--{option}",
            action="store_const",
            dest="kind",
            const=kind,
            default=argparse.SUPPRESS,
            help=f"--lower and --upper are {what}, not quantiles; a side that is not given is open",
        )
    command.add_argument(
        "--rules",
        type=file_path,
        metavar="TOML",
        help="TOML file of rules, in place of the options above",
    )
    command.add_argument(
        "--preset",
        choices=PRESETS,
        metavar="NAME",
        help=f"rules that come with cellsieve: {', '.join(PRESETS)}; 'cellsieve rules NAME' prints "
        "them",
    )
    command.add_argument(
        "--multi",
        choices=get_args(SeveralClasses),
        default="skip",
        help="cells with several classes, as '0|16': 'skip' marks them, 'explode' gives one row "
        "per class, 'own' makes each combination a group (default: %(default)s)",
    )
    command.add_argument(
        "--overrides",
        type=table_path,
        metavar="TABLE",
        help="marks by hand, as downloaded from a report (image_id, label, mark: keep or drop), "
        "which have the last word",
    )
    command.add_argument(
        "--min-group",
        type=positive,
        default=MIN_GROUP,
        metavar="N",
        help="mark the cells of groups smaller than this as small_group (default: %(default)s)",
    )
    add_columns(command)
    command.add_argument(
        "--prefix-ids",
        action="store_true",
        help="put the name of the file (or folder, where files have the same name) and '+' in "
        "front of each image id, so that images of several tables may have the same ids",
    )
    add_overwrite(command)
    command.set_defaults(run=_clean)


def _limit(text: str) -> float | None:
    """An end of a band; 'none' leaves that side open."""
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"found {text!r}; expected a number, or none for an open side"
        ) from None


#: The arguments that a file of rules takes the place of, and what they set.
IN_RULES = {name: name for name in ("by", "column", "lower", "upper")} | {
    option: "kind" for option, _, _ in KINDS
}


def _rules(options: argparse.Namespace) -> list[Rule]:
    """The rules of a file or a preset, or the one that the arguments make."""
    given = {name: getattr(options, name) for name in IN_RULES.values() if hasattr(options, name)}
    if options.rules is not None and options.preset is not None:
        raise ValueError("--rules and --preset: found both; expected one of them")
    if options.rules is not None or options.preset is not None:
        whole = "preset" if options.rules is None else "rules"
        if given:
            first, value = next(iter(given.items()))
            option = next(
                (option for option, kind, _ in KINDS if (first, value) == ("kind", kind)), first
            )
            raise ValueError(
                f"--{whole} and --{option}: found both; a file of rules or a preset "
                f"takes the place of {', '.join(f'--{name}' for name in IN_RULES)}"
            )
        return preset(options.preset) if options.rules is None else read_rules(options.rules)
    kind = given.pop("kind", "percentile")
    by = [name for text in given.pop("by", ["class_label"]) for name in text.split(",")]
    if "none" in by and len(by) > 1:
        raise ValueError(f"--by: found {','.join(by)}; 'none' stands alone")
    open_or_default = {"lower": 0.001, "upper": 0.999} if kind == "percentile" else {}
    return [
        Rule(
            **{"column": "fraction", **open_or_default, **given},
            by=None if by == ["none"] else by,
            kind=kind,
        )
    ]


def _clean(options: argparse.Namespace) -> int:
    rules = _rules(options)
    counts = clean_to(
        options.cells,
        options.output,
        rules,
        options.multi,
        min_group=options.min_group,
        overrides=options.overrides,
        columns=options.columns,
        prefix_ids=options.prefix_ids,
        overwrite=options.overwrite,
    )
    options.counts = {
        "cells": counts["cells"].sum(),
        "kept": counts.loc[counts["clean"], "cells"].sum(),
        "reasons": counts.groupby("reason")["cells"].sum().drop("", errors="ignore").to_dict(),
    }
    if not options.quiet:
        for line in summary(counts, grouped_by(rules), options.output):
            print(line)
        for note in counts.attrs["notes"]:
            print(f"note: {note}", file=sys.stderr)
    return 0


def add_rules(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "rules",
        example="cellsieve rules faults",
        help=summary,
        description="Lists the rules that come with cellsieve, for 'clean --preset NAME', or "
        "prints one of them: a TOML file to copy and edit, for 'clean --rules'.",
    )
    command.add_argument(
        "name", nargs="?", choices=PRESETS, metavar="NAME", help=f"one of {', '.join(PRESETS)}"
    )
    command.set_defaults(run=_print_rules)


def _print_rules(options: argparse.Namespace) -> int:
    if options.name is None:
        for name in PRESETS:
            print(f"{name:10}{about(name)}")
    else:
        print(preset_text(options.name), end="")
    return 0
