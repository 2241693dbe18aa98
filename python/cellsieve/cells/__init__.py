"""Cells of one image and of a data set: measured, encoded."""
