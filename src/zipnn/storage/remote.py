# SPDX-License-Identifier: MIT
"""Files behind URLs, through fsspec: few requests, bounded memory, errors that name the URL.

A small read brings its surroundings along: near either end of the file a generous piece, where headers
and indexes lie; elsewhere a block that doubles as long as reads follow each other. Large reads go
through untouched.
"""

from __future__ import annotations

import errno
import importlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ..errors import CorruptError, FormatError, MissingDependencyError, ZipnnError
from .filereader import FileReader
from .locations import Url

END = 256 << 10
"""What the first read near an end of the file brings: the headers and indexes of most models."""
BLOCK = 64 << 10
"""What a small read elsewhere brings: a small tensor, or the head of a large one."""
LARGEST = 8 << 20
"""Larger reads go through in pieces of this size; blocks do not grow beyond it."""
_AT_ONCE = 4  # pieces of one read
_SLACK = 8 << 10  # what comes along behind a read: padding, and the head of the next frame
_CACHED = 32 << 20
_ATTEMPTS = 3
_PAUSE = 0.25  # seconds before the second attempt; then four times as long

_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "hf": "huggingface_hub"}
_PACKAGES |= {"http": "aiohttp", "https": "aiohttp", "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs"}
_CHANGES = ("etag", "mtime", "lastmodified", "last_modified", "last-modified", "checksum", "md5", "crc32c")
_TRANSPORTS = frozenset({"asyncio", "aiohttp", "httpx", "httpcore", "requests", "urllib3"})

_Result = TypeVar("_Result")


class RemoteReader(FileReader):
    """The file behind a URL, as it was when it was opened. May be used from several threads.

    Raises:
        MissingDependencyError: fsspec, or what it needs for this kind of URL, is not installed.
        FormatError: the URL leads to no file, or the server does not say how large it is.
        OSError: it cannot be reached or read; names the URL.
    """

    def __init__(self, url: Url) -> None:
        self.path = url
        self.stat = None
        self._fd = 0  # what tells an open file
        self._remote = RemoteFile(url)
        info = self._remote.info()
        if info.get("type") == "directory":
            raise FormatError(f"file {url}: a folder; give the URL of a file")
        size = info.get("size")
        if not isinstance(size, int) or size < 0:
            raise FormatError(f"file {url}: the server does not say how large it is; download it first")
        self.size = size
        self._state = _state_of(info)
        self._cache = _Cache()

    def __del__(self) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Forget what was fetched. May be called more than once."""
        self._fd = -1
        self._cache = _Cache()

    def read_into(self, offset: int, buffer: memoryview) -> None:
        self._check(offset, len(buffer))
        known = self._cache.find(offset)
        if known is not None:  # an earlier read brought the beginning along, or all of it
            begin = known[: len(buffer)]
            buffer[: len(begin)] = begin
            offset, buffer = offset + len(begin), buffer[len(begin) :]
        if len(buffer) >= LARGEST // 2:
            self._read_pieces(offset, buffer)
        elif len(buffer):
            start, stop = self._around(offset, len(buffer))
            data = memoryview(self._fetch(start, stop))
            self._cache.add(start, data)
            buffer[:] = data[offset - start :][: len(buffer)]

    def _read_pieces(self, offset: int, buffer: memoryview) -> None:
        """A large read, several requests at a time. What follows it, such as padding, comes along."""
        end = offset + len(buffer)

        def fill(at: int) -> None:
            piece = buffer[at : at + LARGEST]
            start, stop = offset + at, offset + at + len(piece)
            beyond = min(_SLACK, self.size - end) if stop == end else 0
            data = memoryview(self._fetch(start, stop + beyond))
            piece[:] = data[: len(piece)]
            if beyond:
                self._cache.add(end, memoryview(bytes(data[len(piece) :])))  # not all of `data` with it

        starts = range(0, len(buffer), LARGEST)
        if len(starts) == 1:
            fill(0)
            return
        with ThreadPoolExecutor(min(_AT_ONCE, len(starts))) as pool:
            for _ in pool.map(fill, starts):
                pass

    def check_unchanged(self, consequence: str = "nothing was written, try again") -> None:
        """Raise `ZipnnError` if the server says that the file is no longer the one that was opened."""
        if _state_of(self._remote.info(again=True)) != self._state:
            raise ZipnnError(f"file {self.path}: changed while it was read; {consequence}")

    def _around(self, offset: int, size: int) -> tuple[int, int]:
        """What to fetch for a small read that is not in the cache."""
        stop = offset + size
        if offset < END and (stop <= END or self.size <= 2 * END):
            return 0, min(max(END, stop), self.size)
        if offset >= self.size - END:
            return max(self.size - END, 0), self.size
        grown = self._cache.length_before(offset)
        length = min(max(BLOCK, 2 * grown, size + _SLACK), LARGEST)
        return offset, min(offset + length, self.size)

    def _fetch(self, start: int, stop: int) -> bytes:
        data = self._remote.fetch(start, stop) if stop > start else b""
        if len(data) == stop - start:
            return data
        if len(data) == self.size:
            raise FormatError(f"file {self.path}: the server does not give parts of files; download it first")
        raise CorruptError(
            f"truncated while it was read: {len(data)} bytes came in place of {start} to {stop}"
        )


class _Cache:
    """The blocks that were fetched last, at most `_CACHED` bytes of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: OrderedDict[int, memoryview] = OrderedDict()
        self._size = 0

    def add(self, start: int, data: memoryview) -> None:
        with self._lock:
            replaced = self._blocks.pop(start, None)
            self._size += len(data) - (0 if replaced is None else len(replaced))
            self._blocks[start] = data
            while self._size > _CACHED and len(self._blocks) > 1:
                self._size -= len(self._blocks.popitem(last=False)[1])

    def find(self, offset: int) -> memoryview | None:
        """What is here from `offset` on."""
        with self._lock:
            found: tuple[int, memoryview] | None = None
            for start, block in self._blocks.items():
                if start <= offset < start + len(block):
                    rest = block[offset - start :]
                    if found is None or len(rest) > len(found[1]):
                        found = start, rest
            if found is None:
                return None
            self._blocks.move_to_end(found[0])
            return found[1]

    def length_before(self, offset: int) -> int:
        """Length of a block that ends at `offset` or holds it: reads follow each other. Else 0."""
        with self._lock:
            return max(
                (len(block) for start, block in self._blocks.items() if start < offset <= start + len(block)),
                default=0,
            )


class RemoteFile:
    """One URL of a file system of fsspec: every call tried a few times, every error naming the URL."""

    def __init__(self, url: Url) -> None:
        self._url = url
        self.system, self._path = _file_system(url)

    def info(self, again: bool = False) -> dict[str, Any]:
        """What the server says of the file; `again` asks it even if it was asked before."""

        def ask() -> dict[str, Any]:
            if again:
                self.system.invalidate_cache()
            return dict(self.system.info(self._path))

        return self._try(ask)

    def exists(self) -> bool:
        """Whether there is a file."""
        try:
            self.info(again=True)
        except FileNotFoundError:
            return False
        return True

    def fetch(self, start: int, stop: int) -> bytes:
        """The bytes [start, stop), or what the server gives in their place."""
        base = importlib.import_module("fsspec.spec").AbstractFileSystem.cat_file
        # File systems without a way of their own open the file, which reads ahead unless told not to.
        plain = {"cache_type": "none"} if getattr(self.system.cat_file, "__func__", None) is base else {}
        return self._try(lambda: bytes(self.system.cat_file(self._path, start=start, end=stop, **plain)))

    def upload(self, local: str | os.PathLike[str], *, overwrite: bool) -> None:
        """Put a file of this machine here: whole, or not at all.

        Raises:
            FileExistsError: there is one and `overwrite` is false.
            OSError: it was refused, or what arrived has another size.
        """
        mode = "overwrite" if overwrite else "create"
        try:
            # Not tried again: a second try could meet the file that the first one did write.
            self._call(lambda: self.system.put_file(os.fspath(local), self._path, mode=mode))
        except OSError as error:
            # Stores say it in many ways that there is one already.
            if not overwrite and not isinstance(error, FileExistsError) and self.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self._url)) from error
            raise
        if self.info(again=True).get("size") != os.path.getsize(local):
            raise OSError(errno.EIO, "what arrived has another size than what was sent", str(self._url))

    def _try(self, call: Callable[[], _Result]) -> _Result:
        pause = _PAUSE
        for _ in range(_ATTEMPTS - 1):
            try:
                return call()
            except Exception as error:
                if not _is_transient(error):
                    raise self._named(error) from error
            time.sleep(pause)
            pause *= 4
        return self._call(call)

    def _call(self, call: Callable[[], _Result]) -> _Result:
        try:
            return call()
        except Exception as error:
            raise self._named(error) from error

    def _named(self, error: Exception) -> Exception:
        """The error as one of ours, or of the system, that names the URL."""
        url = str(self._url)
        if isinstance(error, ImportError):
            return _missing(self._url, error)
        if isinstance(error, ZipnnError | MemoryError):
            return error
        number = _errno_of(error)
        # What fsspec calls "not found" may be any failure; its cause then says which.
        told = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ else error
        words = told.strerror if isinstance(told, OSError) and told.strerror else str(told)
        if told is error and number in (errno.ENOENT, errno.EACCES, errno.EEXIST):
            words = os.strerror(number)
        return OSError(number, words or type(told).__name__, url)


def _file_system(url: Url) -> tuple[Any, str]:
    """fsspec's file system for a URL, and the file's path in it."""
    try:
        core = importlib.import_module("fsspec.core")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"file {url}: URLs need fsspec: pip install 'zipnn[remote]'") from error
    try:
        system, path = core.url_to_fs(str(url))
    except ImportError as error:
        raise _missing(url, error) from error
    except ValueError as error:
        raise FormatError(f"file {url}: {error}") from error
    except Exception as error:
        raise OSError(_errno_of(error), str(error) or type(error).__name__, str(url)) from error
    return system, path


def _missing(url: Url, error: ImportError) -> MissingDependencyError:
    package = _PACKAGES.get(url.scheme) or error.name or "what fsspec names for it"
    return MissingDependencyError(f"file {url}: {url.scheme}:// needs {package}: pip install {package}")


def _state_of(info: dict[str, Any]) -> dict[str, str]:
    """What tells two states of a file apart, as far as its server says."""
    known = {key.lower(): str(value) for key, value in info.items() if value is not None}
    return {key: known[key] for key in ("size", *_CHANGES) if key in known}


def _status_of(error: Exception) -> int | None:
    """The HTTP status that an error is about, if it says."""
    status = getattr(error, "status", None)
    if status is None:
        status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _is_transient(error: Exception) -> bool:
    """Whether the same request may well succeed a moment later."""
    status = _status_of(error)
    if status is not None:
        return status >= 500 or status in (408, 429)
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    return any(kind.__module__.partition(".")[0] in _TRANSPORTS for kind in type(error).__mro__)


def _errno_of(error: Exception) -> int:
    status = _status_of(error)
    if status in (401, 403):
        return errno.EACCES
    if status in (404, 410):
        return errno.ENOENT
    if isinstance(error, FileNotFoundError):
        return errno.ENOENT
    if isinstance(error, PermissionError):
        return errno.EACCES
    if isinstance(error, FileExistsError):
        return errno.EEXIST
    return (error.errno if isinstance(error, OSError) else None) or errno.EIO
