"""Which image, mask and class label belong together."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pandas as pd

from cellsieve.io.arrow import in_pandas
from cellsieve.io.image_table import absolute_paths, read_image_table
from cellsieve.io.patterns import find_files, find_nuclei
from cellsieve.io.places import place
from cellsieve.io.reading import ALLOWED, CHANNEL, PAGES, PICKLE, SCALE, Z, chosen, reading
from cellsieve.io.tables import loaded
from cellsieve.schema.images import (
    MASK,
    MASKS,
    NO_IMAGE,
    NO_MASK,
    NUCLEI,
    PATH,
    UNUSABLE,
    WHOLE,
    channel_names,
    check_parts,
    is_whole,
    path_column,
    path_columns,
)
from cellsieve.schema.labels import class_text
from cellsieve.schema.text import STRING
from cellsieve.schema.types import FilePath, Table, is_path
from cellsieve.schema.words import count

LABEL_COLUMNS = [("image_id", "class_label"), ("ID", "Label")]


@dataclass(frozen=True)
class ImageSet:
    """The images of a data set, each with its mask, its channels and its class label.

    Attributes:
        table: one row per image, numbered from 0, by ascending id: `image_id`, `class_label` (text;
            several joined by "|"; missing where there is none), the columns of `parts`,
            `path_mask`, a column `path_<channel>` for each channel (missing where there is no such
            file), and `problem`: why the image can't be used for any channel; missing if nothing is
            wrong.
        parts: names of the columns that say more of each image, as "plate" and "well"; they are
            text, and columns of the image table and of the cell table too.
        labels_without_image: how many ids of the labels belong to no image.
        shard: "3/16" if these are a shard of a data set; see `sharded`.
        ignored: paths of what lies in the folders and fits no pattern: files, and folders, which
            end with "/". What is hidden (its name begins with a dot) does not count.
    """

    table: pd.DataFrame
    parts: tuple[str, ...] = ()
    labels_without_image: int = 0
    ignored: tuple[str, ...] = ()
    shard: str | None = None

    @classmethod
    def hpa(
        cls,
        root: FilePath,
        masks: FilePath,
        labels: Table | None = None,
    ) -> "ImageSet":
        """The layout of the Human Protein Atlas.

        Args:
            root: folder of `<ID>_<colour>.png`.
            masks: folder of `<ID>.npz`.
            labels: see `from_patterns`.

        Raises:
            OSError, ValueError: as `from_patterns`.
        """
        return cls.from_patterns(
            f"{os.fspath(root)}/{{id}}_{{channel}}.png", f"{os.fspath(masks)}/{{id}}.npz", labels
        )

    @classmethod
    def from_patterns(
        cls,
        images: str,
        masks: str,
        labels: Table | None = None,
        *,
        nuclei: str | None = None,
    ) -> "ImageSet":
        """Finds files by their names.

        Args:
            images: pattern of the image files, as "plate1/{id}_{channel}.tif". `{id}` is any text,
                `{channel}` any text without "_" and ".", "*" anything, none of them with "/"; the
                extension fits in any case (.tif, .TIF). Without `{channel}`, one file holds all
                channels of an image. Any other name in braces, in the names of folders too, is a
                part of the id, as "{plate}/{well}/f{field}_{channel}.tif": the parts joined by "+"
                in their order are the id (P1+A01+3), and each is a column of its own (see `parts`).
                What is named twice has to be the same in both places.
            masks: pattern of the mask files, as "masks/{id}_cp_masks.png", which names the same
                parts. A file that fits both patterns is what the narrower one says: the one with
                more literal text, or the mask pattern if both have as much.
            labels: a CSV or Parquet file, or a table, with the columns ID and Label, or image_id
                and class_label. Labels never add an image: their ids are compared, not opened.
            nuclei: pattern of second mask files, whose labels are nuclei; see `measure`. Masks of
                nuclei alone add no image.

        Raises:
            OSError: a folder can't be read.
            ValueError: a pattern fits no file, they name different parts, or a part has the name
                of another column; or the labels lack these columns.
            TypeError: the labels are neither a table nor a file.
        """
        found = find_files(images, masks)
        of_nuclei: dict[str, list[str]] = {}
        if nuclei is not None:
            files_of_nuclei, found = find_nuclei(nuclei, images, masks, found)
            for file in files_of_nuclei:
                of_nuclei.setdefault(file.image_id, []).append(file.path)
        check_parts(found.parts)
        channels: dict[str, dict[str, list[str]]] = {}
        for file in found.images:
            channels.setdefault(file.channel, {}).setdefault(file.image_id, []).append(file.path)
        mask_paths: dict[str, list[str]] = {}
        for file in found.masks:
            mask_paths.setdefault(file.image_id, []).append(file.path)
        parts: dict[str, set[tuple[str, ...]]] = {}
        for file in (*found.images, *found.masks):
            parts.setdefault(file.image_id, set()).add(file.parts)

        for taken in {"mask", "nuclei"} & channels.keys():
            example = next(iter(channels[taken].values()))[0]
            raise ValueError(
                f"image pattern {images!r}: fits {example}, as a channel named {taken}; masks are "
                "what the other patterns say, so narrow this one or move such files"
            )
        files = {MASK: mask_paths, **{PATH + name: channels[name] for name in sorted(channels)}}
        ids = sorted(set().union(*files.values()))
        if nuclei is not None:
            files = {MASK: mask_paths, NUCLEI: of_nuclei} | files
        table = pd.DataFrame({"image_id": pd.Series(ids, dtype=STRING)})
        table["class_label"] = pd.Series(pd.NA, index=table.index, dtype=STRING)
        for number, name in enumerate(found.parts):
            said = [min(parts[image_id])[number] for image_id in ids]
            table[name] = pd.Series(said, dtype=STRING)
        for column, paths in files.items():
            first = [paths[image_id][0] if image_id in paths else None for image_id in ids]
            table[column] = pd.Series(first, dtype=STRING)
        problems = [
            _problem([paths.get(image_id, []) for paths in files.values()], parts[image_id])
            for image_id in ids
        ]
        table["problem"] = pd.Series(problems, dtype=STRING)
        ignored = [path for path in found.ignored if not _is_file(path, labels)]
        return cls(table, found.parts, ignored=tuple(ignored))._with_labels(labels)

    @classmethod
    def from_table(
        cls,
        frame: Table,
        labels: Table | None = None,
        *,
        root: FilePath | None = None,
        parts: Sequence[str] = (),
    ) -> "ImageSet":
        """A table made by hand or by another program, or the image table of an earlier run.

        Args:
            frame: a table or its file, with the columns `image_id`, `path_mask` and at
                least one `path_<channel>`, and `class_label` if there are labels.
            labels: see `from_patterns`; in place of the column `class_label`.
            root: the folder that relative paths start from; by default the file's folder or, for
                a table in memory, the working directory.
            parts: columns that say more of each image, as "plate" and "well", which the tables
                made from it keep as text. Other columns are left out.

        Raises:
            OSError: the file can't be read.
            ValueError: a column is missing, or a part has the name of another column.
            TypeError: as `from_patterns`.
        """
        check_parts(parts)
        frame = in_pandas(frame)
        source = os.fspath(frame) if is_path(frame) else "frame"
        if not isinstance(frame, pd.DataFrame):
            frame = read_image_table(frame, root, text=tuple(parts))
        else:
            frame = absolute_paths(frame, place("." if root is None else root))
        frame = frame.reset_index(drop=True)
        paths = path_columns(map(str, frame.columns))
        missing = [name for name in ("image_id", MASK, *parts) if name not in frame.columns]
        if missing or len(paths) < 2:
            also = "".join(f"{name}, " for name in parts)
            raise ValueError(
                f"{source}: has the columns {', '.join(map(str, frame.columns))}; expected "
                f"image_id, {also}{MASK} and a {PATH}<channel> for each channel, as {PATH}green"
            )
        if frame["image_id"].isna().any():
            raise ValueError(f"{source}: {frame['image_id'].isna().sum()} rows have no image_id")
        table = pd.DataFrame({"image_id": frame["image_id"].astype(STRING)})
        table["class_label"] = class_text(frame["class_label"]) if "class_label" in frame else pd.NA
        table["class_label"] = table["class_label"].astype(STRING)
        for name in parts:
            table[name] = frame[name].astype(STRING)
        for name in paths:
            for path in frame[name].dropna():
                place(path)  # a URL with a password is refused before it is written anywhere
            table[name] = frame[name].map(os.fspath, na_action="ignore").astype(STRING)
        table["problem"] = pd.Series(pd.NA, index=table.index, dtype=STRING)
        counts = table["image_id"].map(table["image_id"].value_counts())
        table.loc[counts > 1, "problem"] = counts.map("{} rows have this id".format)
        table = table.sort_values("image_id", kind="stable", ignore_index=True)
        return cls(table, tuple(parts))._with_labels(labels)

    def reading(
        self,
        *,
        z: int | str | None = None,
        pages: str | None = None,
        mask_channel: str | int | None = None,
        mask_scale: str | None = None,
        allow_pickle: bool = False,
    ) -> "ImageSet":
        """The same images, and what is read of their files where these hold several planes.

        It stands behind each path ("stack.tif#z=max"), in the tables made from these images too, so
        that all commands read the same; a table of paths may say it in the same words.

        Args:
            z: which plane of a stack, from 0, or "max": the largest value of each pixel (of a mask,
                the largest id). A mask of a single plane is that of every z.
            pages: what the pages of a TIFF file are that does not say it: "channels" or "z".
            mask_channel: the channel of the mask files, if they have several.
            mask_scale: "nearest" to bring masks of another size to that of their image, by a whole
                number, the same for rows and columns. Where the mask is the larger one, small cells
                may lose their shape, or all their pixels.
            allow_pickle: open cellpose's `_seg.npy`, which are pickles. A pickle can name any code
                to run; these are refused if they name more than arrays, numbers and text.

        Raises:
            ValueError: there is no such choice.
        """
        both = {Z: z, PAGES: pages}
        table = self.table.copy()
        for name in path_columns(table.columns):
            choice = (
                both if name not in MASKS else {**both, CHANNEL: mask_channel, SCALE: mask_scale}
            )
            table[name] = table[name].map(lambda path, of=choice: chosen(path, **of), "ignore")
        if allow_pickle:
            for name in (name for name in MASKS if name in table):
                paths = table[name]
                seg = paths.map(lambda path: reading(path).path.endswith("_seg.npy"), "ignore")
                pickled = paths.map(lambda path: chosen(path, **{PICKLE: ALLOWED}), "ignore")
                table[name] = pickled.where(seg.eq(True), paths)
        return replace(self, table=table.astype(self.table.dtypes))

    def _with_labels(self, labels: Table | None) -> "ImageSet":
        """The same images with class labels, joined by id."""
        if labels is None:
            return self
        table = self.table.copy()
        given, name = loaded(
            labels,
            "labels",
            text=("ID", "Label", "image_id", "class_label"),
            expected="a table with an id and a label in each row, or its file",
        )
        columns = next((pair for pair in LABEL_COLUMNS if set(pair) <= set(given.columns)), None)
        if columns is None:
            raise ValueError(
                f"{name}: has the columns {', '.join(map(str, given.columns))}; expected ID and "
                "Label, or image_id and class_label"
            )
        pairs = pd.DataFrame(
            {"image_id": given[columns[0]].astype(STRING), "label": class_text(given[columns[1]])}
        ).drop_duplicates()
        by_id = pairs.groupby("image_id")["label"].agg(["first", "size"])
        table["class_label"] = table["image_id"].map(by_id["first"]).astype(STRING)
        torn = table["image_id"].map(by_id["size"]).fillna(0) > 1
        table.loc[torn & table["problem"].isna(), "problem"] = f"{name} gives it several labels"
        without = len(by_id.index.difference(pd.Index(table["image_id"])))
        return replace(self, table=table, labels_without_image=without)

    @property
    def channels(self) -> list[str]:
        """The names of the channels; ["image"] if one file holds all of them."""
        return channel_names(self.table.columns)

    @property
    def has_nuclei(self) -> bool:
        """Whether there are masks of nuclei."""
        return NUCLEI in self.table.columns

    def measured_channels(self, channels: str | Sequence[str] | None = None) -> list[str]:
        """The names of the channels that are measured, and that the image table records.

        Args:
            channels: those that are asked for. By default the only one; if one file holds all
                channels, "image", its only one.

        Raises:
            ValueError: there is no such channel, or there are several and none is named.
        """
        known = self.channels
        asked = [channels] if isinstance(channels, str) else list(channels or [])
        if any("," in name for name in asked):
            raise ValueError(f"channels: found {', '.join(asked)}; expected names without a comma")
        if is_whole(known):
            return asked or [WHOLE]  # the files themselves say whether they have them
        measured = asked or known
        if (len(known) > 1 and not asked) or not set(measured) <= set(known):
            unknown = ", ".join(repr(name) for name in measured if name not in known)
            said = f"found {unknown}" if asked else "none is named (--channels)"
            raise ValueError(f"channels: {said}; the images have the channels {', '.join(known)}")
        return measured

    def path_column(self, channel: str) -> str:
        """The column with the files of a channel; one file may hold all channels."""
        return path_column(self.channels, channel)

    def take(self, rows: Sequence[int]) -> "ImageSet":
        """Some of the images, by their rows in `table`."""
        return ImageSet(self.table.iloc[list(rows)].reset_index(drop=True), self.parts)

    def sharded(self, number: int, of: int) -> "ImageSet":
        """One of several shards, which `merge_to` puts together again.

        A hash of its id says which shard an image is in, so it is the same on every machine, and
        whatever other images there are. A shard may be empty, and shards differ a little in size.

        Args:
            number: which, from 1.
            of: how many there are.

        Raises:
            ValueError: there is no such shard.
        """
        if not 1 <= number <= of:
            raise ValueError(f"shard: found {number}/{of}; expected 1/{of} to {of}/{of}")
        rows = [
            row
            for row, image_id in enumerate(self.table["image_id"])
            if stable_hash(image_id) % of == number - 1
        ]
        return replace(self, table=self.take(rows).table, shard=f"{number}/{of}")

    def __len__(self) -> int:
        """The number of images, including those that can't be used."""
        return len(self.table)

    def __repr__(self) -> str:
        """What there is and what is missing, in one line."""
        table = self.table
        paths = [PATH + channel for channel in self.channels]
        counts = {
            "without a mask": table[MASK].isna() & table[paths].notna().any(axis=1),
            "without an image": table[paths].isna().all(axis=1),
            "with a problem": table["problem"].notna(),
            "without a class label": table["class_label"].isna(),
        }
        parts = [f"{count.sum()} {what}" for what, count in counts.items() if count.any()]
        if self.labels_without_image:
            parts.append(f"{count(self.labels_without_image, 'label')} without an image")
        if self.ignored:
            others = count(len(self.ignored), "other file or folder", "other files or folders")
            parts.append(f"{others} ignored")
        listed = ", ".join(
            [count(len(table), "image"), f"channels {'/'.join(self.channels)}", *parts]
        )
        return f"ImageSet({listed})"


def unusable(images: ImageSet, channels: Sequence[str], *, nuclei: bool = False) -> pd.DataFrame:
    """`status` and `error` of the images that need not be tried; missing for the others."""
    table = images.table
    outcome = pd.DataFrame({"status": None, "error": None}, index=table.index, dtype=STRING)
    paths = {images.path_column(name): f"no image of channel {name}" for name in reversed(channels)}
    reasons: list[tuple[Any, str, Any]] = [
        (table[path].isna(), NO_IMAGE, error) for path, error in paths.items()
    ]
    if nuclei:
        reasons.append((table[NUCLEI].isna(), NO_MASK, "no mask of the nuclei of this image"))
    reasons += [
        (table[MASK].isna(), NO_MASK, "no mask for this image"),
        (table["problem"].notna(), UNUSABLE, table["problem"]),
    ]
    for rows, status, error in reasons:
        outcome.loc[rows, "status"] = status
        outcome.loc[rows, "error"] = error
    return outcome


def stable_hash(text: str) -> int:
    """A number that is the same wherever and whenever it is asked for."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _is_file(path: str, other: object) -> bool:
    """Whether both are names of one file."""
    return is_path(other) and os.path.realpath(path) == os.path.realpath(other)


def _problem(files: list[list[str]], parts: set[tuple[str, ...]]) -> str | None:
    """Why the files of one image can't be used; `files` has a list per column."""
    if len(parts) > 1:
        both = " and ".join(", ".join(each) for each in sorted(parts)[:2])
        return f"different parts make this id: {both}"
    for paths in files:
        if len(paths) > 1:
            return f"{len(paths)} files fit one pattern: {', '.join(sorted(paths)[:3])}"
        if paths and "\\" in paths[0] and not Path(paths[0]).exists():
            return f"the name of a file is not valid text: {paths[0]}"
    return None
