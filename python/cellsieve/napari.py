"""Layers for napari: `cs.napari.layers(...)`, `cs.napari.show(...)`."""

from cellsieve.look.layers import layers, show

__all__ = ["layers", "show"]
