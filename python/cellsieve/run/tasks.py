"""One way to run over many images: a task each, done in chunks, and what becomes of it.

`measure`, `annotate`, `masks` and `crops` differ in what they do with an image and in nothing else
that is here: which images an earlier run has done already, in what pieces the rest is done, what an
image that fails leaves, and what the others notice of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple, Protocol

import pandas as pd

from cellsieve.io.ahead import read_ahead
from cellsieve.io.tables import typed
from cellsieve.run.journal import Journal
from cellsieve.run.log import LOG
from cellsieve.run.parallel import chunks, run, workers_of
from cellsieve.schema.text import STRING
from cellsieve.schema.words import sentence


class Task(Protocol):
    """What is to be done with one image."""

    @property
    def image_id(self) -> str:
        """The image."""

    @property
    def request(self) -> str:
        """A text that is the same just where the same is asked of the same files.

        Settings are none of that: the journal compares them one by one.
        """


class Done(NamedTuple):
    """What was made of one image."""

    made: Any  # its rows, in the form that `together` takes; it has a length
    write: Callable[[], None] | None = None  # writes its files
    outcome: Mapping[str, Any] = {}  # what the image table says of it besides


#: The rows of a chunk and, for each of its images, what became of it.
Chunk = Callable[[Sequence[Any]], tuple[pd.DataFrame, pd.DataFrame]]


def do_chunk(
    work: Sequence[Any],
    do: Callable[[Any], Done],
    reads: Callable[[Any], Iterable[str]],
    together: Callable[[Sequence[tuple[Any, Any]]], pd.DataFrame],
    outcome_columns: Mapping[str, str],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of some images, and a row for each image with what became of it.

    Args:
        work: the tasks.
        do: does one. Whatever is wrong with an image, the others go on; a file that can't be
            written ends the run.
        reads: the files that it reads for one; remote ones are fetched while others are done.
        together: makes one table of the tasks that were done and what was made of each.
        outcome_columns: names and types of what is said of an image.
    """
    found: list[tuple[Any, Any]] = []
    outcomes: list[dict[str, Any]] = []
    for task in read_ahead(work, reads):
        outcome: dict[str, Any] = {"image_id": task.image_id, "request": task.request}
        outcomes.append(outcome)
        try:
            made, write, said = do(task)
        except Exception as error:
            outcome.update(status="failed", error=sentence(error))
            continue
        if write is not None:
            write()
        found.append((task, made))
        outcome.update({"status": "done", "cells": len(made), **said})
    return together(found), typed(pd.DataFrame(outcomes), outcome_columns)


def fulfilled(finished: pd.DataFrame) -> "pd.Series[Any]":
    """The request that each image of an earlier run was done with; missing where it failed."""
    return finished["request"].where(finished["status"] == "done")


def run_tasks(
    journal: Journal,
    tasks: Sequence[Any],
    chunk: Chunk,
    *,
    requests: Callable[[pd.DataFrame], "pd.Series[Any]"] = fulfilled,
    image_rows: Callable[[Sequence[Any], pd.DataFrame], pd.DataFrame] = lambda _, rows: rows,
    cut: Callable[[Sequence[Any], int], list[Sequence[Any]]] = chunks,
    description: str,
    jobs: int | None,
    executor: Executor | None,
    progress: bool | None,
) -> pd.DataFrame:
    """Does what an earlier run has not done, and keeps each chunk as soon as it is finished.

    Args:
        journal: keeps what is finished.
        tasks: a `Task` for each image; those whose request an earlier run has fulfilled are done.
        chunk: does some of them; as a partial `do_chunk`.
        requests: of the images that an earlier run has left, the requests that were fulfilled.
        image_rows: what the image table says of a chunk's images, from what became of them.
        cut: makes the chunks.
        description, jobs, executor, progress: see `parallel.run`.

    Returns:
        What became of the image of each task, in their order, with the number of its part.
    """
    finished = journal.finished()
    before = dict(zip(finished["image_id"], requests(finished), strict=True))
    todo = [task for task in tasks if before.get(task.image_id) != task.request]
    work = cut(todo, workers_of(jobs, executor))
    done = 0
    LOG.info("%s: %d of %d images are to be done", description, len(todo), len(tasks))
    for place, (rows, outcomes) in run(
        chunk, work, jobs=jobs, executor=executor, progress=progress, description=description
    ):
        journal.add(rows, image_rows(work[place], outcomes))
        done += len(work[place])
        for row in outcomes[outcomes["status"] == "failed"].itertuples():
            LOG.warning("%s: %s", row.image_id, row.error)
        LOG.info("%s: %d of %d images", description, done, len(todo))
    ids = pd.DataFrame({"image_id": pd.Series([task.image_id for task in tasks], dtype=STRING)})
    return ids.merge(journal.finished(), on="image_id", how="left")
