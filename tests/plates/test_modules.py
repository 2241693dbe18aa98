"""The modules of plates: each imports what is below it, and what it imports stands at its top."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import cellsieve.plates

FOLDER = Path(cellsieve.plates.__file__).parent
MODULES = {f"cellsieve.plates.{path.stem}": path for path in FOLDER.glob("*.py")}


def imports(tree):
    """The modules of cellsieve that a piece of code imports, and the names taken from them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, "") for name in node.names if name.name.startswith("cellsieve"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cellsieve"):
            yield from ((node.module, name.name) for name in node.names)


def test_no_module_imports_itself_by_way_of_others():
    assert len(MODULES) > 10
    graph = {}
    for name, path in MODULES.items():
        found = list(imports(ast.parse(path.read_text())))
        parts = [module for module, _ in found] + [".".join(pair) for pair in found]
        graph[name] = {part for part in parts if part in MODULES}
    order = list(TopologicalSorter(graph).static_order())  # an error if there is a circle
    assert order.index("cellsieve.plates.layout") < order.index("cellsieve.plates.plate_layout")


def test_no_module_imports_another_inside_a_function_or_a_condition():
    for path in MODULES.values():
        tree = ast.parse(path.read_text())
        tree.body = [
            node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert list(imports(tree)) == [], path


def test_no_private_name_is_imported():
    for path in MODULES.values():
        names = [name for _, name in imports(ast.parse(path.read_text())) if name != "_core"]
        assert not [name for name in names if name.startswith("_")], path
