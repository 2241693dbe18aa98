"""Files in and out: images, masks, tables, and which of them belong together."""
