"""Plots as matplotlib figures: `cs.plot.gallery(...)`, and so on."""

from cellsieve.look.plots import plot_assignment as assignment
from cellsieve.look.plots import plot_distribution as distribution
from cellsieve.look.plots import plot_gallery as gallery
from cellsieve.look.plots import plot_overlay as overlay
from cellsieve.look.plots import plot_plate as plate

__all__ = ["assignment", "distribution", "gallery", "overlay", "plate"]
