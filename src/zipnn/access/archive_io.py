# SPDX-License-Identifier: MIT
"""The original of a compressed file as a file object."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from typing import Any, Protocol

from ..errors import ZipnnError
from ..storage.filereader import FileReader

_BLOCK = 1 << 20
_KEPT = 8


class Ranged(Protocol):
    """Bytes that can be read by position, such as those of an `Archive`."""

    @property
    def original_size(self) -> int: ...

    def read_range(self, start: int, stop: int, threads: int = 0) -> memoryview: ...


class PlainRanges:
    """A file that is not compressed, read as an archive is."""

    def __init__(self, reader: FileReader) -> None:
        self._reader = reader
        self.original_size = reader.size

    def read_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        return self._reader.read(start, stop - start)


class ArchiveIO(io.RawIOBase):
    """A seekable, readable file object over the original of an archive.

    Small reads come from blocks of 1 MiB, of which the last few are kept; large ones are decoded as
    they are asked for. Closing it leaves the archive open.

    Args:
        archive: the archive, which must stay open.
        name: what `name` says.
        threads: threads that decode; 0 for the default.

    Attributes:
        failure: the error of the last read that failed; programs in between may hide it.
    """

    def __init__(self, archive: Ranged, name: str = "", threads: int = 0) -> None:
        super().__init__()
        self.name = name
        self.failure: ZipnnError | OSError | None = None
        self._archive = archive
        self._size = archive.original_size
        self._threads = threads
        self._position = 0
        self._blocks: OrderedDict[int, memoryview] = OrderedDict()
        self._lock = threading.Lock()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._check_open()
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}
        if whence not in bases:
            raise ValueError(f"whence {whence!r} is not known")
        position = bases[whence] + offset
        if position < 0:
            raise ValueError(f"there is no position {position}")
        self._position = position
        return position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, or what of it there are bytes for. Raises as `Archive.read_range`."""
        self._check_open()
        view = memoryview(buffer).cast("B")
        start = self._position
        count = max(0, min(len(view), self._size - start))
        if count:
            try:
                self._fill(start, view[:count])
            except (ZipnnError, OSError) as error:
                self.failure = error
                raise
            self._position += count
        return count

    def _fill(self, start: int, out: memoryview) -> None:
        done = 0
        while done < len(out):
            at = start + done
            if len(out) - done >= _BLOCK:
                out[done:] = self._archive.read_range(at, start + len(out), self._threads)
                return
            number, skipped = divmod(at, _BLOCK)
            piece = self._block(number)[skipped : skipped + len(out) - done]
            out[done : done + len(piece)] = piece
            done += len(piece)

    def _block(self, number: int) -> memoryview:
        with self._lock:
            block = self._blocks.get(number)
            if block is None:
                begin = number * _BLOCK
                stop = min(begin + _BLOCK, self._size)
                block = self._archive.read_range(begin, stop, self._threads)
                while len(self._blocks) >= _KEPT:
                    self._blocks.popitem(last=False)
            self._blocks[number] = block
            self._blocks.move_to_end(number)
            return block

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the file object is closed")
