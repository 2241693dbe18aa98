"""Rules that come with the package, as files that people can copy and edit."""

from pathlib import Path
from typing import Any

from cellsieve.io.rule_files import read_rules
from cellsieve.schema.rules import Rule

FOLDER = Path(__file__).with_name("presets")
PRESETS = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def preset_text(name: str) -> str:
    """The file of a preset.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in PRESETS:
        raise ValueError(f"preset: found {name!r}; expected {', '.join(PRESETS)}")
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def about(name: str) -> str:
    """What a preset is for: the first line of its file."""
    return preset_text(name).splitlines()[0].removeprefix("# ")


def preset(name: str) -> list[Rule]:
    """The rules of a preset, as `read_rules` returns those of a file.

    Args:
        name: "faults", "notebook" or "nuclei"; `cellsieve rules NAME` prints it.

    Raises:
        ValueError: there is none of that name.
    """
    preset_text(name)
    return read_rules(FOLDER / f"{name}.toml")


def as_rules(rules: Any) -> Any:
    """The rules of a preset for its name; all else as it is."""
    if not isinstance(rules, str):
        return rules
    if rules not in PRESETS:
        raise ValueError(
            f"rules: found {rules!r}; expected a list of Rule, as from read_rules, or a preset: "
            f"{', '.join(PRESETS)}"
        )
    return preset(rules)
