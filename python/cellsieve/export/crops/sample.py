"""So many cells of each class, chosen by chance."""

import numpy as np
import pandas as pd

from cellsieve.export.source import Task


def sampled(tasks: list[Task], per_class: int | None, balance: bool, seed: int) -> list[Task]:
    """The tasks with some of their cells: so many of each class, by chance."""
    if per_class is not None and per_class < 1:
        raise ValueError(f"per_class: found {per_class}; expected at least 1")
    classes = pd.Series([text for task in tasks for text in task.classes.tolist()]).fillna("")
    counts = classes.value_counts()
    most = min([*([per_class] if per_class else []), *([int(counts.min())] if balance else [])])
    shuffled = classes.sample(frac=1, random_state=np.random.default_rng(seed))
    chosen = np.zeros(len(classes), dtype=bool)
    chosen[shuffled.groupby(shuffled).head(most).index] = True
    kept, start = [], 0
    for task in tasks:
        mine = chosen[start : start + len(task.labels)]
        start += len(task.labels)
        if mine.any():
            kept.append(
                task._replace(
                    labels=task.labels[mine],
                    boxes=task.boxes[mine],
                    areas=task.areas[mine],
                    classes=task.classes[mine],
                )
            )
    return kept
