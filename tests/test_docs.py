"""Examples in the README, the docs and the docstrings run as they stand."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import cellsieve

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OWN_TEST = [
    ROOT / "docs" / "your-data.md",
    *(ROOT / "docs" / "how-to").glob("*.md"),
]  # test_how_to.py
MODULES = [
    module.name
    for module in pkgutil.walk_packages(cellsieve.__path__, "cellsieve.")
    if not module.name.endswith("__main__")
]


def blocks(page):
    """The Python blocks of a page, each after the library that it needs beside cellsieve, or ""."""
    return re.findall(r"^```python ?(\w*)\n(.*?)^```", page.read_text(), flags=re.M | re.S)


def run_blocks(page, library):
    """Runs the blocks that need nothing, or this library."""
    names = {"__name__": "page"}
    for needed, block in blocks(page):
        if needed in ("", library):
            exec(compile(block, str(page), "exec"), names)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page not in OWN_TEST], ids=lambda page: page.stem
)
def test_page(page, tmp_path, monkeypatch):
    """The Python blocks of a page, one after the other, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    run_blocks(page, "")


@pytest.mark.parametrize(
    ("page", "library"),
    [(page, library) for page in PAGES for library in sorted({name for name, _ in blocks(page)})
     if library],
    ids=lambda part: getattr(part, "name", part),
)  # fmt: skip
def test_page_with_a_library(page, library, tmp_path, monkeypatch):
    """Also the blocks that need a library which the tests do not: "```python torch"."""
    pytest.importorskip(library, reason=f"{library} is not installed")
    monkeypatch.chdir(tmp_path)
    run_blocks(page, library)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    failed, _ = doctest.testmod(
        importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert failed == 0


def test_links_in_pages_lead_somewhere():
    """In the tree, and on the site: README's links are absolute, for the package index."""
    trees = (
        "https://github.com/cellsieve/cellsieve/blob/main/",
        "https://raw.githubusercontent.com/cellsieve/cellsieve/main/",
    )
    site = "https://cellsieve.readthedocs.io/en/latest/"
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if target.startswith(trees):
                there = ROOT / target.removeprefix(trees[0]).removeprefix(trees[1])
            elif target.startswith(site):
                path = target.removeprefix(site) or "index.html"
                there = (ROOT / "docs" / path).with_suffix(".md")
            elif ":" in target:
                continue
            elif page.name == "README.md":
                raise AssertionError(f"{target}: not absolute")
            else:
                there = page.parent / target
            assert there.exists(), f"{page.name}: {target}"


def test_every_public_name_is_on_a_page_of_the_api():
    pages = "\n".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    listed = re.findall(r"^\.\. auto(?:class|function):: (\w+)$", pages, flags=re.M)
    public = set(vars(importlib.import_module("cellsieve._public")))
    modules = {"io", "napari", "plates", "plot"}
    assert {name for name in public if name[0] != "_"} - modules <= set(listed)
    assert len(listed) == len(set(listed))
