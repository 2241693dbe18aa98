"""The command that cleans a table by the rules that it was cleaned by."""

import shlex
from collections.abc import Iterable, Sequence
from typing import get_args

from cellsieve.io.preset import PRESETS, preset
from cellsieve.schema.choices import SeveralClasses
from cellsieve.schema.fit import fit
from cellsieve.schema.rules import MIN_GROUP, Rule, bands, resolved

KINDS = {"value": "values"}  # the options of kinds, where they have names of their own


def command_of(rules: Sequence[Rule], output: str, columns: Iterable[str]) -> str:
    """The command: with options where these can say the rules, or a preset, or else a file.

    Args:
        rules: as the table remembers them.
        output: the table to write.
        columns: those of the table before it was cleaned, which a preset is fitted to.
    """
    said = _options(rules) or _preset(rules, list(columns)) or ["--rules", "RULES.toml"]
    return shlex.join(["cellsieve", "clean", "CELLS", "-o", output, *said])


def _options(rules: Sequence[Rule]) -> list[str]:
    """The options that make the rules; none if they can't."""
    [rule, *more] = rules
    plain = Rule(
        *(rule.column, rule.lower, rule.upper, rule.by, rule.kind, rule.multi, rule.min_group)
    )
    if more or rule != plain:
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
