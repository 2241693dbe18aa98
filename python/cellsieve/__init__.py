"""Sieves faulty cells out of microscopy data and impossible classes out of plate predictions."""

from cellsieve._core import __version__ as __version__
from cellsieve.cells import measure as measure
