"""Crops in WebDataset shards: tar files of many cells."""

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from cellsieve.export.crops.writer import CROPPED_COLUMNS, INDEX_COLUMNS, Cropper, said_of
from cellsieve.export.source import Task, chunk_of, digest
from cellsieve.io.places import atomic, place
from cellsieve.run.tasks import Done
from cellsieve.schema.labels import SEPARATOR

SHARD_CELLS = 1000


def sharded(tasks: list[Task], most: int) -> list[Task]:
    """The tasks with the number of their shard; they are done again where any of its images is."""
    if most < 1:
        raise ValueError(f"shard_cells: found {most}; expected at least 1")
    placed, shard, cells = [], 0, 0
    for task in tasks:
        if cells >= most:
            shard, cells = shard + 1, 0
        cells += len(task.labels)
        placed.append(task._replace(shard=shard))
    contents: dict[int, list[str]] = {}
    for task in placed:
        contents.setdefault(task.shard, []).append(task.request)
    whole = {shard: digest(shard, requests) for shard, requests in contents.items()}
    return [task._replace(request=whole[task.shard]) for task in placed]


def whole_shards(tasks: Sequence[Task], todo: Sequence[Task], _: int) -> list[Sequence[Task]]:
    """The shards that are not finished, each with all its images."""
    unfinished = {task.shard for task in todo}
    shards: dict[int, list[Task]] = {}
    for task in tasks:
        if task.shard in unfinished:
            shards.setdefault(task.shard, []).append(task)
    return list(shards.values())


def _shard_name(shard: int) -> str:
    """What a shard is called."""
    return f"shard-{shard:06d}.tar"


@dataclass(frozen=True)
class Sharder:
    """The crops of many images, in one file."""

    cropper: Cropper

    def __call__(self, work: Sequence[Task]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """A shard of these images; an image at a time is in memory."""
        name = _shard_name(work[0].shard)
        path = place(self.cropper.settings.output) / name
        with (
            atomic(path) as temporary,
            tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as tar,
        ):
            into, channels = partial(self._into, name, tar), self.cropper.settings.channels
            rows, outcomes = chunk_of(into, channels, INDEX_COLUMNS, CROPPED_COLUMNS)(work)
        if rows.empty:  # readers of shards take an empty one for a mistake
            path.unlink()
        return rows, outcomes

    def files(self, task: Task) -> list[str]:
        """Where its crops go."""
        return [_shard_name(task.shard)]

    def _into(self, shard: str, tar: tarfile.TarFile, task: Task) -> Done:
        rows, contents = self.cropper.cut(task)
        members = rows["path"].tolist()
        rows["path"] = shard + "/" + rows["path"]
        classes = rows.groupby("label")["class_label"].agg(_joined)

        def write() -> None:
            written: set[str] = set()
            for member, content, row in zip(
                members, contents, rows.to_dict("records"), strict=True
            ):
                if member in written:
                    continue
                written.add(member)
                about = {str(name): value for name, value in row.items() if name != "path"}
                about["class_label"] = classes[row["label"]]
                about["channels"] = self.cropper.settings.channels
                key = member.rpartition(".")[0]
                _add(tar, member, content)
                _add(tar, f"{key}.json", json.dumps(about).encode("ascii"))

        return Done(rows, write, said_of(rows))


def _joined(classes: "pd.Series[Any]") -> str | None:
    known = classes.dropna().unique().tolist()
    return SEPARATOR.join(known) if known else None


def _add(tar: tarfile.TarFile, name: str, content: bytes | memoryview) -> None:
    member = tarfile.TarInfo(name)  # without time and owner: they would differ from run to run
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
