"""Cells to look at: plots, galleries, reports."""
