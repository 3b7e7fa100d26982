# SPDX-License-Identifier: MIT
"""Readers of files that are not kept open, and of files that are bytes in memory."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from ..errors import ZipnnError
from ..storage.filereader import FileReader, fingerprint


class ReopeningReader(FileReader):
    """Opens its file while something is read and no longer.

    Handles of safetensors do not tell when they end. A descriptor kept for each would keep files from
    being replaced on some systems, and the space of deleted ones from being freed on others.

    Raises:
        ZipnnError: (when reading) the path leads to another file by now.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._local = Path(os.path.abspath(os.fsdecode(path)))
        self.path = self._local
        self._guard = threading.Lock()
        self._users = 0
        self._file: FileReader | None = None
        with FileReader(self._local) as file:
            self.stat, self.size = file.stat, file.size

    @contextlib.contextmanager
    def held(self) -> Iterator[FileReader]:
        """Keep the file open meanwhile."""
        with self._guard:
            file = self._file = self._file or self._open()
            self._users += 1
        try:
            yield file
        finally:
            with self._guard:
                self._users -= 1
                if not self._users:
                    file.close()
                    self._file = None

    def read(self, offset: int, size: int) -> memoryview:
        with self.held() as file:
            return file.read(offset, size)

    def read_into(self, offset: int, buffer: memoryview) -> None:
        with self.held() as file:
            file.read_into(offset, buffer)

    def close(self) -> None:
        """Nothing is open."""

    def _open(self) -> FileReader:
        file = FileReader(self._local)
        if fingerprint(file.stat) != fingerprint(self.stat):
            file.close()
            raise ZipnnError(f"file {self.path}: changed since it was opened; open it again")
        return file


class MemoryReader(FileReader):
    """Bytes in memory in place of a file."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.path = Path("<in memory>")
        self._data = memoryview(data).cast("B").toreadonly()
        self._fd = 0  # what tells an open file
        self.size = len(self._data)

    def read(self, offset: int, size: int) -> memoryview:
        self._check(offset, size)
        return self._data[offset : offset + size]

    def read_into(self, offset: int, buffer: memoryview) -> None:
        self._check(offset, len(buffer))
        buffer[:] = self._data[offset : offset + len(buffer)]

    def close(self) -> None:
        """Nothing is open."""
