# SPDX-License-Identifier: MIT
"""Reading files by position: exact, thread-safe, with errors that name the path."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import CorruptError, FormatError, ZipnnError
from .closing import Closing
from .locations import Place

Read = Callable[[int, int], memoryview]
"""`read(offset, size)` gives exactly `size` bytes, or raises `CorruptError`."""
ReadInto = Callable[[int, memoryview], None]
"""`read_into(offset, buffer)` fills the buffer, or raises `CorruptError`."""

# Linux transfers at most 0x7ffff000 bytes in one call; others have similar limits.
_MAX_TRANSFER = 1 << 30
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


@contextlib.contextmanager
def naming(path: Place) -> Iterator[None]:
    """Make an `OSError` raised inside name `path`, whatever file or descriptor the call was about."""
    try:
        yield
    except OSError as error:
        if isinstance(error, ZipnnError) or error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


def fresh_buffer(size: int) -> memoryview:
    """A writable buffer of `size` bytes whose content is undefined (it is not cleared first)."""
    return np.empty(size, np.uint8).data


class Source(Protocol):
    """What can be compressed: bytes by position, under the name of a file."""

    @property
    def path(self) -> Place: ...

    @property
    def size(self) -> int: ...

    def read(self, offset: int, size: int) -> memoryview: ...


class FileReader(Closing):
    """An open regular file. Its size is the one it had when it was opened.

    Attributes:
        path: where it is.
        size: in bytes.
        stat: its status; None of what is no file of this machine.

    Raises:
        FormatError: `path` is not a regular file.
        OSError: it cannot be opened.
    """

    path: Place
    size: int
    stat: os.stat_result | None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        # O_NONBLOCK: opening a FIFO must not wait for a writer. It does nothing for regular files.
        self._fd = os.open(self.path, _FLAGS)
        self.stat = status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise FormatError(f"file {self.path}: not a regular file")
        self.size = status.st_size
        self._lock = threading.Lock()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. May be called more than once."""
        fd, self._fd = getattr(self, "_fd", -1), -1
        if fd >= 0:
            os.close(fd)

    def read(self, offset: int, size: int) -> memoryview:
        """Exactly `size` bytes from `offset` in a buffer of their own.

        Raises:
            CorruptError: the file ends before.
            OSError: the system cannot read it; names the path.
        """
        self._check(offset, size)
        buffer = fresh_buffer(size)
        self.read_into(offset, buffer)
        return buffer

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` (bytes, writable) from `offset`. Raises as `read`."""
        self._check(offset, len(buffer))
        done = 0
        with naming(self.path):
            while done < len(buffer):
                count = self._read_some(offset + done, buffer[done : done + _MAX_TRANSFER])
                if count == 0:
                    raise CorruptError(f"truncated while it was read, at byte {offset + done}")
                done += count

    def check_unchanged(self, consequence: str = "nothing was written, try again") -> None:
        """Raise `ZipnnError` if the path no longer leads to the file as it was when it was opened."""
        assert isinstance(self.path, Path)
        if fingerprint(os.stat(self.path)) != fingerprint(self.stat):
            raise ZipnnError(f"file {self.path}: changed while it was read; {consequence}")

    def _check(self, offset: int, size: int) -> None:
        if self._fd < 0:
            raise ValueError(f"file {self.path} is closed")
        if offset < 0 or size < 0 or offset + size > self.size:
            raise CorruptError(
                f"truncated: bytes {offset} to {offset + size} are needed, the file has {self.size}"
            )

    def _read_some(self, offset: int, buffer: memoryview) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._fd, [buffer], offset)
        with self._lock:
            os.lseek(self._fd, offset, os.SEEK_SET)
            piece = os.read(self._fd, len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def fingerprint(status: os.stat_result | None) -> tuple[int, int, int, int]:
    """What tells two states of a file apart: device, inode, size and time of the last write.

    Zeros for what is no file of this machine.
    """
    if status is None:
        return (0, 0, 0, 0)
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class BlockReader:
    """Reads through `read` in blocks, so that many small requests in a row cost few system calls.

    For one thread and mostly ascending offsets. Buffers that were handed out stay valid.

    Args:
        read: where the bytes come from.
        size: how many bytes there are.
    """

    BLOCK = 1 << 20

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self._start = 0
        self._block = memoryview(b"")

    def __call__(self, offset: int, size: int) -> memoryview:
        """Exactly `size` bytes from `offset`; raises `CorruptError` if there are fewer."""
        begin = offset - self._start
        if begin >= 0 and begin + size <= len(self._block):
            return self._block[begin : begin + size]
        if size > self.BLOCK // 8 or offset + size > self._size:
            return self._read(offset, size)
        self._block = self._read(offset, min(self.BLOCK, self._size - offset)).toreadonly()
        self._start = offset
        return self._block[:size]
