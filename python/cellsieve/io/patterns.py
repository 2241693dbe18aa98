"""Which files a pattern such as "plate1/{id}_{channel}.tif" names, and which ids they have."""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from cellsieve.schema.images import WHOLE

What = Literal["image", "mask"]

_PARTS = {"{id}": "(?P<id>.+)", "{channel}": "(?P<channel>[^_.]+)", "*": ".*"}
_PIECES = re.compile(r"(\{id\}|\{channel\}|\*)")


class File(NamedTuple):
    """A file and what its name says."""

    image_id: str
    channel: str
    path: str


class Found(NamedTuple):
    """The files of a data set."""

    images: list[File]
    masks: list[File]
    ignored: list[str]  # paths of the files beside them that fit neither pattern


@dataclass(frozen=True)
class Pattern:
    """How the image files, or the mask files, are named."""

    text: str
    what: What

    def __post_init__(self) -> None:
        """Refuses a pattern without an id."""
        folder = str(self.folder)
        if "{id}" not in self.name or "{id}" in folder or "{channel}" in folder:
            raise ValueError(
                f"{self.what} pattern {self.text!r}: expected {{id}} in the file's name, as "
                "'folder/{id}_{channel}.png'"
            )

    @property
    def folder(self) -> Path:
        """The folder to look in."""
        return Path(os.path.split(self.text)[0])

    @property
    def name(self) -> str:
        """The pattern of the file names in it."""
        return os.path.split(self.text)[1]

    @property
    def literal(self) -> int:
        """The number of literal characters: the more, the narrower the pattern."""
        return len(_PIECES.sub("", self.name))

    def listing(self) -> list[str]:
        """What the folder holds, in the order of the names; those of folders end with "/"."""
        with os.scandir(self.folder) as entries:
            return sorted(entry.name + "/" * entry.is_dir() for entry in entries)

    def matches(self, names: Iterable[str]) -> dict[str, re.Match[str]]:
        """The names that fit. The extension may be in upper or lower case: cameras write .TIF."""
        extension = Path(self.name).suffix
        if _PIECES.search(extension):
            extension = ""
        stem = self.name.removesuffix(extension)
        pieces = [_PARTS.get(piece, re.escape(piece)) for piece in _PIECES.split(stem)]
        expression = re.compile("".join(pieces) + f"(?i:{re.escape(extension)})")
        tried = ((name, expression.fullmatch(name)) for name in names if not name.endswith("/"))
        return {name: match for name, match in tried if match}


def find_files(images: str, masks: str) -> Found:
    """The files that two patterns name.

    If both patterns look into one folder, a file that fits both goes to the narrower one, which
    spells out more of the name, and to the masks if both spell out as much: `f0_cp_masks.tif` is a
    mask and not an image, though it fits "{id}.tif" as well as "{id}_cp_masks.tif".

    Raises:
        OSError: a folder can't be read.
        ValueError: a pattern without an id, or one that fits no file.
    """
    image, mask = Pattern(images, "image"), Pattern(masks, "mask")
    image_names, mask_names = image.listing(), mask.listing()
    image_files, mask_files = image.matches(image_names), mask.matches(mask_names)
    shared = image.folder.samefile(mask.folder)
    if shared:
        wider = mask_files if image.literal > mask.literal else image_files
        for name in image_files.keys() & mask_files.keys():
            del wider[name]
    if not image_files:
        raise _nothing_fits(image, image_names, _image_suggestions(image, image_names))
    found_images = _files(image, image_files)
    if not mask_files:
        ids = {name: file.image_id for name, file in zip(image_files, found_images, strict=True)}
        suggestions = _mask_suggestions(mask_names, ids if shared else {}, set(ids.values()))
        raise _nothing_fits(mask, mask_names, suggestions)
    taken = [(image, image_names, image_files), (mask, mask_names, mask_files)]
    if shared:
        taken = [(image, image_names, image_files | mask_files)]
    looked_into = [pattern.folder.resolve() for pattern in (image, mask)]
    ignored = [
        os.path.join(pattern.folder, name)  # noqa: PTH118  a Path would lose the "/" of a folder
        for pattern, names, files in taken
        for name in names
        if name not in files
        and not name.startswith(".")
        and not any(
            folder.is_relative_to(pattern.folder.resolve() / name) for folder in looked_into
        )
    ]
    return Found(found_images, _files(mask, mask_files), ignored)


def _files(pattern: Pattern, matches: dict[str, re.Match[str]]) -> list[File]:
    base = pattern.folder.absolute()
    return [
        File(
            printable(match["id"]),
            match.groupdict().get("channel") or WHOLE,
            printable(str(base / name)),
        )
        for name, match in matches.items()
    ]


def printable(name: str) -> str:
    """A file name that a table can hold: invalid text and control characters are escaped."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return re.sub(r"[\x00-\x1f\x7f]", lambda match: repr(match[0])[1:-1], text)


def _nothing_fits(pattern: Pattern, names: Sequence[str], suggestions: Iterable[str]) -> ValueError:
    """The error if no file fits: the argument, what the folder holds, and what would fit."""
    examples = ", ".join(names[:3]) or "nothing"
    text = (
        f"{pattern.folder}: no {pattern.what} fits {pattern.name!r}; the folder holds {examples}; "
    )
    option = f"--{pattern.what}-pattern"
    fitting = {
        name: len(Pattern(str(pattern.folder / name), pattern.what).matches(names))
        for name in suggestions
    }
    best = max(fitting, key=lambda name: fitting[name], default="")
    if not fitting.get(best):
        return ValueError(f"{text}{option} says how its {pattern.what}s are named")
    fit = "1 file fits" if fitting[best] == 1 else f"{fitting[best]} files fit"
    return ValueError(f"{text}{fit} {option} {best!r}")


def _image_suggestions(pattern: Pattern, names: Sequence[str]) -> list[str]:
    """The same pattern, or the plainest ones, with the extension that most files have."""
    extensions = Counter(Path(name).suffix for name in names if not name.endswith("/"))
    if not extensions:
        return []
    extension = extensions.most_common(1)[0][0]
    return [
        pattern.name.removesuffix(Path(pattern.name).suffix) + extension,
        "{id}_{channel}" + extension,
        "{id}" + extension,
    ]


def _mask_suggestions(
    names: Sequence[str], own: Mapping[str, str], ids: Collection[str]
) -> list[str]:
    """Names of the folder with "{id}" where they begin with the id of an image.

    A file that is an image itself (`own` says of which id) is no mask of that image.
    """
    suggestions = Counter[str]()
    for name in names:
        known = (end for end in range(len(name), 0, -1) if name[:end] in ids)
        if end := next((end for end in known if name[:end] != own.get(name)), 0):
            suggestions["{id}" + name[end:]] += 1
    return [pattern for pattern, _ in suggestions.most_common(3)]
