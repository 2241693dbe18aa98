"""Sieves faulty cells out of microscopy data and impossible classes out of plate predictions."""

from cellsieve._core import __version__ as __version__
from cellsieve.cells import measure as measure
from cellsieve.cells import measure_file as measure_file
from cellsieve.cleaning import Rule as Rule
from cellsieve.cleaning import clean as clean
from cellsieve.cleaning import clean_to as clean_to
from cellsieve.cleaning import percentile_limits as percentile_limits
from cellsieve.cleaning import read_rules as read_rules
from cellsieve.demo import make_demo_set as make_demo_set
from cellsieve.files import read_image as read_image
from cellsieve.files import read_mask as read_mask
from cellsieve.files import write_png as write_png
from cellsieve.images import ImageSet as ImageSet
from cellsieve.measuring import measure_images as measure_images
from cellsieve.measuring import measure_to as measure_to
from cellsieve.plates import PlateLayout as PlateLayout
from cellsieve.plates import Predictions as Predictions
from cellsieve.plates import agreement as agreement
from cellsieve.plates import read_predictions as read_predictions
from cellsieve.tables import read_table as read_table
from cellsieve.tables import write_table as write_table
from cellsieve.vocabulary import rename_columns as rename_columns
