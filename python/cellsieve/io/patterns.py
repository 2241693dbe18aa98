"""Which files a pattern such as "{plate}/{id}_{channel}.tif" names, and what their names say."""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

from cellsieve.io.places import entries, is_url, place
from cellsieve.io.reading import in_zarr
from cellsieve.schema.images import WHOLE

What = Literal["image", "mask", "nuclei"]

ID, CHANNEL = "id", "channel"
JOINED = "+"  # between the parts of an id: stays as it is in file names, as that of prefixes

_PIECES = re.compile(r"(\{[^\W\d]\w*\}|\*)")


class File(NamedTuple):
    """A file and what its name says."""

    image_id: str
    parts: tuple[str, ...]  # what the pattern names besides: see `Found.parts`
    channel: str
    path: str


class Found(NamedTuple):
    """The files of a data set."""

    images: list[File]
    masks: list[File]
    parts: tuple[str, ...]  # names of what the patterns find besides {id} and {channel}
    ignored: list[str]  # paths of the files beside them that fit neither pattern


class Listing(NamedTuple):
    """What lies where a pattern reaches, by names from its base; those of folders end with "/"."""

    names: list[str]
    entered: list[str]  # the folders that were looked into


@dataclass(frozen=True)
class Pattern:
    """How the image files, or the mask files, are named."""

    text: str
    what: What

    def __post_init__(self) -> None:
        """Refuses a pattern without an id."""
        if not self.named:
            raise ValueError(
                f"{self.what} pattern {self.text!r}: expected {{id}} in the file's name, as "
                "'folder/{id}_{channel}.png', or the parts of it, as '{plate}/{well}_{channel}.png'"
            )

    @cached_property
    def base(self) -> str:
        """The folder to start from. What is there under its very name is meant literally."""
        return str(place("/".join([*self._split[0], ""]) + self._archive))

    @property
    def name(self) -> str:
        """The rest: the names of folders in it, and of the files in those."""
        return "/".join(self._split[1])

    @cached_property
    def _split(self) -> tuple[list[str], list[str]]:
        folders: list[str] = []
        inside = self.text.removesuffix(self._archive)
        names = (inside if is_url(inside) else Path(inside).as_posix()).split("/")
        while len(names) > 1 and (
            not _PIECES.search(names[0])
            or (not is_url(self.text) and Path("/".join([*folders, names[0]])).is_dir())
        ):
            folders.append(names.pop(0))
        return folders, names

    @property
    def _archive(self) -> str:
        """Of a URL into an archive, the part that says which: "::data.zip"."""
        _, chain, archive = self.text.partition("::") if is_url(self.text) else ("", "", "")
        return chain + archive

    @cached_property
    def real_base(self) -> str:
        """The same folder under one name, however it was spelled."""
        return str(place(self.base).resolve()).rstrip("/") + "/"

    @cached_property
    def named(self) -> tuple[str, ...]:
        """What makes the id: all names in braces but {channel}, in their order."""
        names = (piece[1:-1] for piece in _PIECES.findall(self.name) if piece != "*")
        return tuple(dict.fromkeys(name for name in names if name != CHANNEL))

    @property
    def literal(self) -> int:
        """The number of literal characters: the more, the narrower the pattern."""
        return len(self.real_base) + len(_PIECES.sub("", self.name))

    @cached_property
    def _levels(self) -> list[re.Pattern[str]]:
        """What fits the folders of each depth and, last, the files; names start from the base.

        The extension may be in upper or lower case: cameras write .TIF.
        """
        *folders, file = self.name.split("/")
        extension = Path(file).suffix
        if _PIECES.search(extension):
            extension = ""
        known: set[str] = set()
        texts: list[str] = []
        for name in [*folders, file.removesuffix(extension)]:
            pieces = _PIECES.split(name)
            hidden = r"(?!\.)" if len(texts) < len(folders) and not pieces[0] else ""
            texts.append(hidden + "".join(_expression(piece, known) for piece in pieces))
        texts[-1] += f"(?i:{re.escape(extension)})"
        return [re.compile("/".join(texts[: end + 1])) for end in range(len(texts))]

    def listing(self) -> Listing:
        """What the folders hold that the pattern reaches, in the order of the names.

        Raises:
            OSError: a folder can't be read.
        """
        names: list[str] = []
        entered: list[str] = []
        folders = [""]
        for level in self._levels:
            found: list[str] = []
            for folder in folders:
                found += sorted(
                    f"{folder}{name}" + "/" * is_folder
                    for name, is_folder in entries(place(self.base) / folder)
                )
            names += found
            entered += folders
            folders = [name for name in found if name[-1] == "/" and level.fullmatch(name[:-1])]
        return Listing(names, entered)

    def matches(self, names: Iterable[str]) -> dict[str, re.Match[str]]:
        """The names of files that fit; a folder that holds an image is one, and what is in it."""
        expression = self._levels[-1]
        tried = (
            (name, expression.fullmatch(name.removesuffix("/")))
            for name in names
            if not name.endswith("/") or in_zarr(name.removesuffix("/"))
        )
        return {name: match for name, match in tried if match}


def _expression(piece: str, known: set[str]) -> str:
    """What a piece of a pattern matches; what is named twice must be the same in both places."""
    if piece == "*":
        return r"[^/\n]*"
    if not _PIECES.fullmatch(piece):
        return re.escape(piece)
    name = piece[1:-1]
    if name in known:
        return f"(?P={name})"
    known.add(name)
    return f"(?P<{name}>[^/_.]+)" if name == CHANNEL else rf"(?P<{name}>[^/\n]+)"


def find_files(images: str, masks: str) -> Found:
    """The files that two patterns name.

    If both patterns reach a file, it goes to the narrower one, which spells out more of the name,
    and to the masks if both spell out as much: `f0_cp_masks.tif` is a mask and not an image, though
    it fits "{id}.tif" as well as "{id}_cp_masks.tif".

    Raises:
        OSError: a folder can't be read.
        ValueError: a pattern without an id, or one that fits no file; or one that names other parts
            than the other.
    """
    image, mask = Pattern(images, "image"), Pattern(masks, "mask")
    if set(image.named) != set(mask.named):
        raise ValueError(
            f"mask pattern {masks!r}: names {_in_braces(mask)}; the image pattern names "
            f"{_in_braces(image)}; both must name the same parts, which make the id"
        )
    image_seen, mask_seen = image.listing(), mask.listing()
    image_files, mask_files = image.matches(image_seen.names), mask.matches(mask_seen.names)
    of_images = {image.real_base + name: name for name in image_files}
    of_masks = {mask.real_base + name: name for name in mask_files}
    narrower, wider, names = (
        (of_masks, image_files, of_images)
        if mask.literal >= image.literal
        else (of_images, mask_files, of_masks)
    )
    for path in narrower.keys() & names.keys():
        del wider[names[path]]
    if not image_files:
        raise _nothing_fits(image, image_seen.names, _image_suggestions(image, image_seen.names))
    found_images = _files(image, image_files, image.named)
    if not mask_files:
        shared = image.real_base == mask.real_base
        ids = {name: file.image_id for name, file in zip(image_files, found_images, strict=True)}
        suggestions = _mask_suggestions(mask_seen.names, ids if shared else {}, set(ids.values()))
        raise _nothing_fits(mask, mask_seen.names, suggestions)
    looked_into = {
        f"{pattern.real_base}{folder}"
        for pattern, seen in ((image, image_seen), (mask, mask_seen))
        for folder in seen.entered
    }
    on_the_way = {
        path[: end + 1] for path in looked_into for end, letter in enumerate(path) if letter == "/"
    }
    known = of_images.keys() | of_masks.keys() | on_the_way
    ignored = {
        # A Path would lose the "/" of a folder.
        pattern.real_base + name: os.path.join(pattern.base, name)  # noqa: PTH118
        for pattern, seen in ((image, image_seen), (mask, mask_seen))
        for name in seen.names
        if pattern.real_base + name not in known
        and not name.removesuffix("/").rpartition("/")[2].startswith(".")
        and not in_zarr(name.removesuffix("/").rpartition("/")[0])
    }
    return Found(
        found_images,
        _files(mask, mask_files, image.named),
        tuple(name for name in image.named if name != ID),
        list(ignored.values()),
    )


def find_nuclei(nuclei: str, images: str, masks: str, found: Found) -> tuple[list[File], Found]:
    """The files of a third pattern, and what the first two have found without them.

    A file that another pattern fits too goes to the narrower one. If both spell out as much, an
    image goes to the nuclei, and a mask is both: somebody wants it so.

    Raises:
        OSError, ValueError: as `find_files`.
    """
    pattern, others = Pattern(nuclei, "nuclei"), (Pattern(images, "image"), Pattern(masks, "mask"))
    if set(pattern.named) != set(others[0].named):
        raise ValueError(
            f"nuclei pattern {nuclei!r}: names {_in_braces(pattern)}; the image pattern names "
            f"{_in_braces(others[0])}; both must name the same parts, which make the id"
        )
    seen = pattern.listing()
    matches = pattern.matches(seen.names)
    files = _files(pattern, matches, others[0].named)
    mine = {file.path for file in files}
    left = []
    for other, theirs in zip(others, (found.images, found.masks), strict=True):
        if pattern.literal > other.literal or (
            pattern.literal == other.literal and other.what == "image"
        ):
            left.append([file for file in theirs if file.path not in mine])
        elif pattern.literal == other.literal:
            left.append(theirs)
        else:
            left.append(theirs)
            mine -= {file.path for file in theirs}
    files = [file for file in files if file.path in mine]
    if not files:
        ids = {file.image_id for file in found.images}
        raise _nothing_fits(pattern, seen.names, _mask_suggestions(seen.names, {}, ids))
    known = {printable(f"{pattern.real_base}{name}") for name in matches}
    ignored = [path for path in found.ignored if _real(path) not in known]
    return files, found._replace(images=left[0], masks=left[1], ignored=ignored)


def _real(path: str) -> str:
    return path if is_url(path) else os.path.realpath(path)


def _files(pattern: Pattern, matches: dict[str, re.Match[str]], named: Sequence[str]) -> list[File]:
    base = place(pattern.base).absolute()
    start = str(base).rstrip("/")
    files = []
    for name, match in ((name.removesuffix("/"), match) for name, match in matches.items()):
        said = {each: printable(match[each]) for each in named}
        files.append(
            File(
                JOINED.join(said.values()),
                tuple(text for each, text in said.items() if each != ID),
                match.groupdict().get(CHANNEL) or WHOLE,
                printable(str(base / name) if is_url(start) else f"{start}/{name}"),
            )
        )
    return files


def _in_braces(pattern: Pattern) -> str:
    return ", ".join(f"{{{name}}}" for name in pattern.named)


def printable(name: str) -> str:
    """A file name that a table can hold: invalid text and control characters are escaped."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return re.sub(r"[\x00-\x1f\x7f]", lambda match: repr(match[0])[1:-1], text)


def _nothing_fits(pattern: Pattern, names: Sequence[str], suggestions: Iterable[str]) -> ValueError:
    """The error if no file fits: the argument, what the folder holds, and what would fit."""
    deepest = sorted(names, key=lambda name: -name[:-1].count("/"))
    examples = ", ".join(deepest[:3]) or "nothing"
    text = f"{pattern.base}: no {pattern.what} fits {pattern.name!r}; the folder holds {examples}; "
    option = f"--{pattern.what}-pattern"
    fitting = {
        name: len(Pattern(f"{pattern.base}/{name}", pattern.what).matches(names))
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
