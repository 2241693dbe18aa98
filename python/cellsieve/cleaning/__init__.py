"""Which cells are faulty, and why."""
