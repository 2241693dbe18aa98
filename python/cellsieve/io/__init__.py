"""Files in and out: images, masks, tables, and which of them belong together."""

from cellsieve.io.image_set import ImageSet
from cellsieve.io.image_table import read_image_table
from cellsieve.io.readers import read_image, read_mask, write_png
from cellsieve.io.tables import read_table, write_table

__all__ = [
    "ImageSet",
    "read_image",
    "read_image_table",
    "read_mask",
    "read_table",
    "write_png",
    "write_table",
]
