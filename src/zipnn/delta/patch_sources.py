# SPDX-License-Identifier: MIT
"""Where a patch is read from: memory or a file object, front to back first, then frame by frame."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from ..arrays import buffers
from ..errors import CorruptError, FormatError

_STEP = 8 << 20  # so much is read at once, however much is asked for
_IN_MEMORY = 16 << 20


class MemoryPatch:
    """A patch that is a buffer."""

    def __init__(self, data: Any) -> None:
        self._data = buffers.flat_bytes(data)
        self.position = 0

    def take(self, size: int) -> memoryview:
        """The next bytes. Raises `CorruptError` if there are fewer."""
        self.position += size
        return self.at(self.position - size, size)

    def at(self, offset: int, size: int) -> memoryview:
        """These bytes, counted from the patch's first. Raises as `take` does."""
        if offset + size > len(self._data):
            raise CorruptError(f"the patch is cut off: it has {len(self._data)} bytes and goes on")
        return self._data[offset : offset + size]

    def finish(self) -> None:
        """Raise `FormatError` if anything follows the patch."""
        if self.position != len(self._data):
            raise FormatError(f"{len(self._data) - self.position} stray bytes after the patch")


class FilePatch:
    """A patch in a file object, from where that stands.

    Args:
        file: a binary file. It is left behind the patch's last byte.
        spool: takes a copy, where `file` cannot go back.
    """

    def __init__(self, file: Any, spool: IO[bytes] | None) -> None:
        self._file = file
        self._spool = spool
        self._begin = 0 if spool is not None else file.tell()
        self.position = 0

    def take(self, size: int) -> memoryview:
        """The next bytes.

        Raises:
            EOFError: the file ends before the patch's first byte.
            CorruptError: it ends within the patch.
        """
        data = _exactly(self._file, size, first=self.position == 0)
        if self._spool is not None:
            self._spool.write(data)
        self.position += size
        return memoryview(data)

    def at(self, offset: int, size: int) -> memoryview:
        """These bytes, counted from the patch's first. Raises as `take` does."""
        file = self._file if self._spool is None else self._spool
        file.seek(self._begin + offset)
        return memoryview(_exactly(file, size))

    def finish(self) -> None:
        """What follows the patch is left to whoever gave the file."""

    def close(self) -> None:
        if self._spool is None:
            self._file.seek(self._begin + self.position)


PatchSource = MemoryPatch | FilePatch


@contextlib.contextmanager
def patch_source(patch: Any) -> Iterator[PatchSource]:
    """A patch given as a buffer or as a binary file object, which may be a pipe or a socket's.

    What can be read only once is copied to memory, and to a temporary file when it is large.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(patch, str | os.PathLike):
        raise TypeError(f"a patch is bytes or a binary file, not a path: give open({str(patch)!r}, 'rb')")
    if isinstance(patch, io.TextIOBase):
        raise TypeError("the patch's file is open as text: open it with mode 'rb'")
    if not hasattr(patch, "read"):
        try:
            memory = MemoryPatch(patch)
        except TypeError:
            kind = type(patch).__name__
            raise TypeError(f"a patch is bytes or a binary file, not {kind}") from None
        yield memory
    elif _goes_back(patch):
        source = FilePatch(patch, None)
        try:
            yield source
        finally:
            source.close()
    else:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
            yield FilePatch(patch, spool)


def _goes_back(file: Any) -> bool:
    seekable = getattr(file, "seekable", None)
    return seekable is not None and bool(seekable())


def _exactly(file: Any, size: int, first: bool = False) -> bytes | bytearray:
    out = bytearray()
    while len(out) < size:
        data = file.read(min(size - len(out), _STEP))
        if isinstance(data, str):
            raise TypeError("the patch's file gives text: open it with mode 'rb'")
        if first and data is not None and not data and not out:
            raise EOFError("no patch follows: the file ends here")
        if not data:  # None: a file that does not wait for what is to come
            raise CorruptError(f"the patch is cut off: {size} bytes are needed, {len(out)} are there")
        out += data
    return out
