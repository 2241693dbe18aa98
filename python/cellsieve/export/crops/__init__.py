"""Clean cells as pictures of their own, and as a data set to train on."""

from cellsieve.export.crops.cut import cut_cells as cut_cells
from cellsieve.export.crops.dataset import CellCrops as CellCrops
from cellsieve.export.crops.run import crops as crops
