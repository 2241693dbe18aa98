"""The command that cleans a table by the rules that it was cleaned by."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import get_args

from cellsieve.io.preset import PRESETS, preset
from cellsieve.schema.choices import SeveralClasses
from cellsieve.schema.fit import channels_of, fit
from cellsieve.schema.rules import MIN_GROUP, Rule, bands, resolved

KINDS = {"value": "values"}  # the options of kinds, where they have names of their own


def command_of(rules: Sequence[Rule], output: str, columns: Iterable[str]) -> str:
    """The command: with options that say the rules, or a preset, or else a file of the page.

    Args:
        rules: as the table remembers them.
        output: the table to write.
        columns: those of the table before it was cleaned, which a preset is fitted to.
    """
    columns = list(columns)
    said = _options(rules, columns) or _preset(rules, columns) or ["--rules", "limits.toml"]
    return shlex.join(["cellsieve", "clean", "CELLS", "-o", output, *said])


def _options(rules: Sequence[Rule], columns: Sequence[str]) -> list[str]:
    """The options that make the rules, one for each channel perhaps; none if they can't."""
    first = rules[0]
    plain = Rule(
        *(first.column, first.lower, first.upper, first.by),
        *(first.kind, first.multi, first.min_group),
    )
    names = (first.column.removesuffix(f"_{channel}") for channel in channels_of(columns))
    rule = next((one for one in _of_columns(plain, names) if _fits(one, rules, columns)), None)
    if rule is None:
        return []
    words = [] if rule.column == "fraction" else ["--column", rule.column]
    if rule.kind != "percentile":
        words += [f"--{KINDS.get(rule.kind, rule.kind)}"]
    if rule.grouped and rule.by != "class_label":
        words += ["--by", ",".join(rule.groups) or "none"]
    for side, end in (("lower", rule.lower), ("upper", rule.upper)):
        if end is not None or rule.kind == "percentile":
            text = "none" if end is None else f"{end:.15g}"
            # What begins with a sign and has an exponent would be taken for an option.
            glued = text.startswith("-") and "e" in text
            words += [f"--{side}={text}"] if glued else [f"--{side}", text]
    return [*words, *_of_all(rule.multi, rule.min_group)]


def _of_columns(rule: Rule, others: Iterable[str]) -> list[Rule]:
    """The rule, and the same for other columns."""
    return [rule, *(replace(rule, column=name) for name in others)]


def _fits(rule: Rule, rules: Sequence[Rule], columns: Sequence[str]) -> bool:
    """Whether a rule becomes these in a table with these columns."""
    try:
        return fit([rule], columns).rules == list(rules)
    except ValueError:  # it has no such column
        return False


def _of_all(multi: SeveralClasses | None, min_group: int | None) -> list[str]:
    """The options that hold for every rule without such an entry of its own."""
    words = [] if multi in (None, "skip") else ["--multi", str(multi)]
    return words if min_group in (None, MIN_GROUP) else [*words, "--min-group", str(min_group)]


def _preset(rules: Sequence[Rule], columns: Sequence[str]) -> list[str]:
    """The preset whose rules these are, for a table with these columns; none if of none."""
    sizes = {MIN_GROUP, *(band.min_group or MIN_GROUP for band in bands(rules))}
    for name in PRESETS:
        try:
            found = fit(preset(name), columns).rules
        except ValueError:  # none of its rules can be applied to such a table
            continue
        for multi in get_args(SeveralClasses):
            for size in sorted(sizes, key=lambda size: size != MIN_GROUP):
                if resolved(found, multi, size) == list(rules):
                    return ["--preset", name, *_of_all(multi, size)]
    return []
