"""Plates: which classes share one, which group is on which, and what each well holds."""

from cellsieve.plates.agreement import agreement as agreement
from cellsieve.plates.decode import ConvergenceWarning as ConvergenceWarning
from cellsieve.plates.decode import TemperatureWarning as TemperatureWarning
from cellsieve.plates.decode import UncertainAssignmentWarning as UncertainAssignmentWarning
from cellsieve.plates.fit import WrongWellsWarning as WrongWellsWarning
from cellsieve.plates.kernels import log_sums as log_sums
from cellsieve.plates.kernels import marginals as marginals
from cellsieve.plates.kernels import masked_argmax as masked_argmax
from cellsieve.plates.plate_layout import PlateLayout as PlateLayout
from cellsieve.plates.predictions import Predictions as Predictions
from cellsieve.plates.predictions import read_predictions as read_predictions
