"""A folder is a layer: nothing imports from one above, and nothing goes round in a circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import cellsieve

PACKAGE = Path(cellsieve.__file__).parent

#: Each layer and what it may import from.
BELOW = {
    "schema": set(),
    "io": {"schema"},
    "run": {"schema", "io"},
    "cells": {"schema", "io", "run"},
    "plates": {"schema", "io", "run"},
    "cleaning": {"schema", "io"},
    "export": {"schema", "io", "run", "cells"},
    "look": {"schema", "io", "run"},
}


def modules():
    """Every module's name and its file."""
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(modules())


def imports(path, *, inside=False):
    """The modules of the package that a file imports from, and the names; those inside code only.

    Else wherever the file does so.
    """
    tree = ast.parse(path.read_text())
    if inside:
        tree.body = [node for node in tree.body if not isinstance(node, ast.ImportFrom)]
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("cellsieve"):
            continue
        module = node.module.removeprefix("cellsieve").removeprefix(".")
        for alias in node.names:
            inner = f"{module}.{alias.name}" if module else alias.name
            yield (inner, "") if inner in MODULES else (module, alias.name)


def test_nothing_points_up():
    wrong = [
        f"{name} imports from {imported}"
        for name, path in MODULES.items()
        if (layer := name.split(".")[0]) in BELOW
        for imported, _ in imports(path)
        if imported and imported.split(".")[0] not in BELOW[layer] | {layer, "_core"}
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circles():
    graph = {
        name: {imported for imported, _ in imports(path)} - {name}
        for name, path in MODULES.items()
        if name
    }
    list(TopologicalSorter(graph).static_order())  # an error if there is a circle


def test_imports_stand_at_the_top():
    """Commands and the package itself put some off, so that they start at once."""
    wrong = [
        f"{name} imports from {imported} inside a function or a condition"
        for name, path in MODULES.items()
        if name.split(".")[0] in BELOW
        for imported, _ in imports(path, inside=True)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_private_name_is_imported():
    wrong = [
        f"{name} imports {what} of {imported}"
        for name, path in MODULES.items()
        for imported, what in imports(path)
        if what.startswith("_") and not what.startswith("__") and what != "_core"
    ]
    assert not wrong, "\n".join(wrong)
