# SPDX-License-Identifier: MIT
"""One way to open a file for reading, wherever it is: a path, a URL, or an open file object."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import CorruptError, FormatError
from .filereader import FileReader
from .locations import Place, Url, place_of

Location = str | os.PathLike[str] | Url
"""A path, or a URL as a string: path objects never are URLs."""


class StreamReader(FileReader):
    """A seekable binary file object in place of a file. It stays the caller's: it is not closed here.

    Raises:
        FormatError: it cannot be read by position.
        OSError: it cannot be read.
    """

    def __init__(self, stream: BinaryIO) -> None:
        name = getattr(stream, "name", None)
        self.path: Place = Path(name if isinstance(name, str) and name else f"<{type(stream).__name__}>")
        self.stat = None
        self._fd = 0  # what tells an open file
        self._stream = stream
        self._lock = threading.Lock()
        try:
            seekable = stream.seekable()
        except AttributeError:
            seekable = hasattr(stream, "seek")
        if not seekable:
            raise FormatError(f"file {self.path}: cannot be read by position: it is a pipe, or alike")
        stream.seek(0, io.SEEK_END)
        self.size = stream.tell()

    def close(self) -> None:
        """Read no more. The file object stays open."""
        self._fd = -1

    def check_unchanged(self, consequence: str = "nothing was written, try again") -> None:
        """Nothing that a file object says could tell."""

    def read_into(self, offset: int, buffer: memoryview) -> None:
        self._check(offset, len(buffer))
        done = 0
        with self._lock:
            self._stream.seek(offset)
            while done < len(buffer):
                piece = self._stream.read(len(buffer) - done)
                if not isinstance(piece, bytes | bytearray | memoryview):
                    raise FormatError(f"file {self.path}: gives {type(piece).__name__}, not bytes")
                if not 0 < len(piece) <= len(buffer) - done:
                    raise CorruptError(f"truncated while it was read, at byte {offset + done}")
                buffer[done : done + len(piece)] = piece
                done += len(piece)


def open_reader(source: Location | BinaryIO) -> FileReader:
    """Open a file for reading by position.

    Args:
        source: a path, a URL (a string with a scheme and `://`), or a seekable binary file object.

    Raises:
        TypeError: it is none of these.
        FormatError: it is no regular file, or cannot be read by position.
        MissingDependencyError: the URL needs a package that is not installed.
        OSError: it cannot be opened.
    """
    if isinstance(source, str | os.PathLike | Url):
        place = place_of(source)
        return _open_place(place)
    if not isinstance(source, bytes) and hasattr(source, "read") and hasattr(source, "seek"):
        return StreamReader(source)
    raise TypeError(f"a path, a URL or an open binary file is needed, not {type(source).__name__}")


def _open_place(place: Place) -> FileReader:
    if isinstance(place, Url):
        from .remote import RemoteReader

        return RemoteReader(place)
    return FileReader(place)


def name_of(source: Any) -> str:
    """How a source is called in messages."""
    return str(source) if isinstance(source, str | os.PathLike | Url) else f"<{type(source).__name__}>"
