"""The clean cells, exported for training: annotations, masks, crops."""
