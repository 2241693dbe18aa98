"""The package as installed."""

from importlib.metadata import version

import cellsieve


def test_one_version():
    assert cellsieve.__version__ == version("cellsieve")
