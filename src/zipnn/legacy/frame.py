# SPDX-License-Identifier: MIT
"""One frame of zipnn 0.1 to 0.5.4, read through a function, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .. import _core, limits
from ..errors import CorruptError

Read = Callable[[int, int], memoryview]
"""`read(offset, size)` gives exactly `size` bytes, or raises `CorruptError`."""


class Frame:
    """A frame that begins at `start` of what `read` gives.

    Args:
        read: gives the bytes.
        start: where the frame begins.
        available: how many bytes there are from there on; others may follow the frame.

    Raises:
        FormatError: not such a frame.
        UnsupportedVersionError: of a version that is not known.
        CorruptError: it is damaged, or longer than `available`.
    """

    head: _core.LegacyFrame

    def __init__(self, read: Read, start: int, available: int) -> None:
        self._read = read
        self._start = start
        size = min(available, limits.HEAD_PREFIX)
        while isinstance(head := _core.legacy_parse(read(start, size), available), int):
            size = head
        self.head = head

    def windows(self, threads: int = 0) -> Iterator[memoryview]:
        """The data in order, in pieces of about `limits.WINDOW` bytes, each valid until the next is taken.

        Frames that are not made of chunks (docs/legacy.md) come as one piece.

        Raises:
            CorruptError: the frame is damaged.
        """
        if not self.head.chunked:
            yield self._parts(threads)
            return
        buffer = np.empty(0, np.uint8).data
        for first, count, start, stop in self._groups():
            if len(buffer) < stop - start:
                buffer = np.empty(stop - start, np.uint8).data
            self._decode(first, count, buffer[: stop - start], threads)
            yield buffer[: stop - start]

    def decode_into(self, out: memoryview, threads: int = 0) -> None:
        """Decode all data into `out`, writable memory of exactly their size.

        Raises:
            CorruptError: the frame is damaged, or the data have another size. `out` is then undefined.
        """
        known = self.head.data_size
        data = memoryview(b"") if self.head.chunked else self._parts(threads)
        size = len(data) if known is None else known
        if size != len(out):
            raise CorruptError(f"the frame holds {size} bytes, not {len(out)}")
        if not self.head.chunked:
            out[:] = data
            return
        for first, count, start, stop in self._groups():
            self._decode(first, count, out[start:stop], threads)

    def decode_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        """The data bytes [start, stop), of a frame in chunks from those that hold them and no others.

        Raises:
            CorruptError: what has to be decoded is damaged.
            ValueError: the range is not within the data.
        """
        if not self.head.chunked:
            return self._parts(threads)[start:stop]
        size = self.head.data_size or 0
        if not 0 <= start <= stop <= size:
            raise ValueError(f"bytes {start} to {stop} are not within the {size} of the data")
        if start == stop:
            return memoryview(b"")
        chunk = self.head.chunk_bytes
        first, last = start // chunk, (stop - 1) // chunk
        begin = first * chunk
        out = np.empty(min(size, (last + 1) * chunk) - begin, np.uint8).data
        self._decode(first, last - first + 1, out, threads)
        return out[start - begin : stop - begin]

    def _parts(self, threads: int) -> memoryview:
        return memoryview(
            _core.legacy_decode_parts(self.head, self._read(self._start, self.head.frame_size), threads)
        )

    def _groups(self) -> Iterator[tuple[int, int, int, int]]:
        """Chunks in groups: the first, how many, and where their data begin and end."""
        chunk, count = self.head.chunk_bytes, self.head.chunk_count
        size = self.head.data_size or 0
        step = max(1, limits.WINDOW // chunk)
        for first in range(0, count, step):
            last = min(count, first + step)
            yield first, last - first, min(size, first * chunk), min(size, last * chunk)

    def _decode(self, first: int, count: int, out: memoryview, threads: int) -> None:
        pieces = [self._read(self._start + at, size) for at, size in self.head.extents(first, count)]
        _core.legacy_decode_chunks(self.head, pieces, first, count, out, threads)
