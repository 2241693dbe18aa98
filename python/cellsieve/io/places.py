"""Where files are: paths of this machine, and URLs that fsspec opens.

`place` makes either into an object with the methods of a path that are used here. A remote file
comes whole into memory or into a temporary file, and goes whole from one; local paths stay what
they are.
"""

import asyncio
import atexit
import os
import posixpath
import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from functools import cached_property
from io import BytesIO, UnsupportedOperation
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import IO, Any, TypeVar, cast
from urllib.parse import urlsplit
from uuid import uuid4

from cellsieve.io.extras import require
from cellsieve.schema.types import FilePath

Found = TypeVar("Found")

TRIES = 4  # of each request
WAIT = 0.1  # seconds before the second try; four times as long before each further one

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_SECRET = re.compile(
    r"[?&](?:[^=&]*(?:token|signature|credential|secret|password|accesskey|api_?key)[^=&]*|sig|key)=",
    re.IGNORECASE,
)


def is_url(path: object) -> bool:
    """Whether that is a URL, and no path of this machine."""
    return _URL.match(str(path)) is not None


def place(path: FilePath) -> Path:
    """A path of this machine, or what stands for a URL and has the methods of a path.

    Raises:
        ValueError: a URL with a password or a key in it, which would end up in tables.
        ImportError: a URL, and fsspec or what it needs for this kind is not installed.
    """
    return cast("Path", Remote(os.fspath(path))) if is_url(path) else Path(path)


def is_remote(path: object) -> bool:
    """Whether a place is a URL."""
    return isinstance(path, Remote)


class Remote(os.PathLike[str]):
    """A file or folder that fsspec opens, with those methods of a path that are used here."""

    def __init__(self, url: str) -> None:
        """Refuses what may not be written into a table."""
        if any(urlsplit(link).username for link in url.split("::")) or _SECRET.search(url):
            raise ValueError(
                f"{hidden(url)}: holds a password or a key, which would end up in tables; give it "
                "to fsspec in the environment or in its configuration"
            )
        self.url = url

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """The file system, and the path in it."""
        fsspec = require("fsspec", "remote", f"opening {self.url}")
        try:
            system, path = fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            raise ImportError(f"{self.url}: {error} (pip install 'cellsieve[remote]')") from error
        return system, path

    def _try(self, do: Callable[[Any, str], Found]) -> Found:
        """Does it, again if the connection or the server fails, but not forever.

        Raises:
            OSError: it failed each time.
        """
        system, path = self._opened
        # Those of S3 and Google try again by themselves.
        tries = 1 if hasattr(system, "retries") else TRIES
        for tried in range(1, tries + 1):
            try:
                return do(system, path)
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
                raise type(error)(error.errno or 2, "No such file or directory", self.url) from None
            except PermissionError as error:
                raise PermissionError(error.errno or 13, "Permission denied", self.url) from None
            except ImportError:
                raise
            except NotImplementedError:  # as fsspec has it of a store that only gives files out
                raise UnsupportedOperation(
                    f"{self.url}: fsspec can't write or remove files there; expected a store that "
                    "takes files, as s3:// or gs://, or a path of this machine"
                ) from None
            except Exception as error:  # each library has its own
                if tried == tries:
                    text = hidden(" ".join(str(error).split()) or type(error).__name__)
                    often = f" (tried {tries} times)" if tries > 1 else ""
                    raise OSError(f"{self.url}: can't be reached{often}: {text}") from None
            time.sleep(WAIT * 4 ** (tried - 1))
        raise AssertionError

    # What a path is

    def __fspath__(self) -> str:
        return self.url

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and self.url == other.url

    def __lt__(self, other: "Remote") -> bool:
        return self.url < other.url

    def __hash__(self) -> int:
        return hash(self.url)

    @property
    def _split(self) -> tuple[str, str, str]:
        """The folder, the name in it, and what the folder is in: an archive's own URL."""
        head, chain, archive = self.url.partition("::")
        root = _URL.match(head)
        start = root.end() if root else 0
        folder, _, name = head[start:].rstrip("/").rpartition("/")
        return head[:start] + folder, name, chain + archive

    @property
    def name(self) -> str:
        return self._split[1]

    @property
    def stem(self) -> str:
        return posixpath.splitext(self.name)[0]

    @property
    def suffix(self) -> str:
        return posixpath.splitext(self.name.partition("?")[0])[1]

    @property
    def parent(self) -> "Remote":
        folder, _, archive = self._split
        return Remote(folder + archive)

    def with_name(self, name: str) -> "Remote":
        return self.parent / name

    def __truediv__(self, name: FilePath) -> "Remote":
        head, chain, archive = self.url.partition("::")
        root = cast("re.Match[str]", _URL.match(head)).end()
        folder = head[root:].rstrip("/")
        joined = posixpath.normpath(f"{folder}/{os.fspath(name)}") if folder else os.fspath(name)
        return Remote(head[:root] + joined + chain + archive)

    def absolute(self) -> "Remote":
        return self

    def resolve(self) -> "Remote":
        return self

    def is_symlink(self) -> bool:
        return False

    # What is there

    def exists(self) -> bool:
        return bool(self._try(lambda system, path: system.exists(path)))

    def stat(self) -> os.stat_result:
        """As of a path, but for the size nothing is known."""
        size = self._try(lambda system, path: system.size(path))
        return os.stat_result((0,) * 6 + (size or 0,) + (0,) * 3)

    def is_dir(self) -> bool:
        return bool(self._try(lambda system, path: system.isdir(path)))

    def entries(self) -> list[tuple[str, bool]]:
        """The names in a folder, sorted, and whether each is a folder."""

        def listed(system: Any, path: str) -> list[tuple[str, bool]]:
            system.invalidate_cache(path)
            found = system.ls(path, detail=True)
            names = [
                (each["name"].rstrip("/").rpartition("/")[2], each["type"] == "directory")
                for each in found
                if each["name"].strip("/") != path.strip("/")
            ]
            return sorted(name for name in names if name[0])

        return self._try(listed)

    def iterdir(self) -> Iterator["Remote"]:
        return (self / name for name, _ in self.entries())

    def glob(self, pattern: str) -> Iterator["Remote"]:
        """The entries of this folder that fit."""
        try:
            names = [name for name, _ in self.entries()]
        except FileNotFoundError:
            names = []
        return (self / name for name in names if fnmatchcase(name, pattern))

    # What it holds

    def read_bytes(self) -> bytes:
        return cast("bytes", self._try(lambda system, path: system.cat_file(path)))

    def begun(self) -> "Future[bytes] | None":
        """What it holds, under way; None of a store that can only be asked for one thing at a time.

        It is asked for once; whoever wants it tried again, or the error named, calls `read_bytes`.
        """
        try:
            system, path = self._opened
        except Exception:  # as above
            return None
        if not getattr(system, "async_impl", False) or system.asynchronous:
            return None
        return asyncio.run_coroutine_threadsafe(system._cat_file(path), system.loop)

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.read_bytes().decode(encoding)

    def open(self, mode: str = "rb") -> IO[bytes]:
        """The content, to be read; a file is written whole, by `atomic`, since stores can't else.

        Raises:
            OSError, ValueError: opened for anything but to read bytes.
        """
        if mode != "rb":
            raise UnsupportedOperation(
                f"{self.url}: opened with mode {mode!r}; a URL can be opened with 'rb' alone"
            )
        return BytesIO(self.read_bytes())

    def put(self, file: Path) -> None:
        """Becomes a copy of a file, whole or not at all where the store can do so."""

        def put(system: Any, path: str) -> None:
            system.put_file(str(file), path)
            system.invalidate_cache(system._parent(path))

        self._try(put)

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            self._try(lambda system, path: system.rm_file(path))
        except FileNotFoundError:
            if not missing_ok:
                raise

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: a folder is there as soon as a file is."""

    def rmdir(self) -> None:
        """In most stores a folder goes with its last file, in others by this."""
        with suppress(Exception):
            self._try(lambda system, path: system.rmdir(path))


def hidden(text: str) -> str:
    """The text without passwords and keys."""
    text = re.sub(r"//[^/@\s]*@", "//...@", text)
    return re.sub(r"([?&][^=&\s]*=)[^&\s'\"]*", r"\1...", text)


_copies: dict[str, tuple[str, Path]] = {}


def on_disk(path: FilePath) -> Path:
    """A path of this machine with what a file holds: the path itself, or a copy of a remote file.

    The copy is made again once the remote file has changed, and removed at the end of the process.

    Raises:
        OSError: it can't be read.
    """
    if not is_url(path):
        return Path(path)
    remote = Remote(os.fspath(path))

    def state(system: Any, path: str) -> str:
        system.invalidate_cache(system._parent(path))
        return str(system.checksum(path))

    version = remote._try(state)
    known, copy = _copies.get(remote.url, ("", Path()))
    if known != version:
        if not copy.name:
            copy = Path(mkdtemp(prefix="cellsieve-"), remote.name)
            atexit.register(shutil.rmtree, copy.parent, ignore_errors=True)
        remote._try(lambda system, path: system.get_file(path, str(copy)))
        _copies[remote.url] = version, copy
    return copy


def entries(folder: FilePath) -> list[tuple[str, bool]]:
    """The names in a folder, sorted, and whether each is a folder.

    Raises:
        OSError: it can't be read.
    """
    if is_url(folder):
        return Remote(os.fspath(folder)).entries()
    with os.scandir(folder) as found:
        return sorted((each.name, each.is_dir()) for each in found)


@contextmanager
def atomic(path: FilePath) -> Iterator[Path]:
    """A temporary file beside `path` that becomes `path` at the end, or vanishes on an error.

    Of a URL, it is one of this machine.
    """
    target = place(path)
    if isinstance(target, Remote):
        with TemporaryDirectory(prefix="cellsieve-") as folder:
            made = Path(folder, target.name)
            yield made
            target.put(made)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # Two threads, or processes of two machines, may be at it; each must write a file of its own.
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


#: What `atomic` calls a file while it is written, or `Journal` its parts while they go.
TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<process>[0-9]+)(-[0-9a-f]{8})?\.tmp", re.DOTALL)


def sweep(folder: Path, ours: Callable[[str], object], *, shared: bool = False) -> None:
    """Removes what killed runs have left half written in a folder.

    Whose it is, is not decided by the number of its process: that may be in use again, and means
    nothing on another machine or in another container. The caller holds the lock on its output, and
    `ours` are names that only runs with this output write, so no run that lives is writing them.
    Where locks don't work, or a killed run's workers live on elsewhere, the writer that loses its
    file ends with an error, and no wrong file.

    Args:
        folder: where; nothing happens where it is not there.
        ours: whether a file of this name may be in the making; of all others nothing is touched.
        shared: runs with other outputs may write these names too. Then those are left alone that
            belong to a process of this machine that lives.
    """
    if is_remote(folder):
        return  # what is written there is made on this machine, in a folder that goes with it
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        found = TEMPORARY.fullmatch(path.name)
        if not found or not ours(found["name"]) or (shared and _lives(int(found["process"]))):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    """Whether another process of this number lives, as far as can be told without harm."""
    if process == os.getpid():
        return False  # nothing is written before the sweep
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
