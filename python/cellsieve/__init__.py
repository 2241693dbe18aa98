"""Sieves faulty cells out of microscopy data and impossible classes out of plate predictions."""

from cellsieve._core import __version__ as __version__
from cellsieve.cells import measure as measure
from cellsieve.plates import PlateLayout as PlateLayout
from cellsieve.plates import Predictions as Predictions
from cellsieve.plates import agreement as agreement
from cellsieve.plates import read_predictions as read_predictions
