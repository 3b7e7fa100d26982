# SPDX-License-Identifier: MIT
"""Reading a sequential archive front to back, from what cannot be read by position."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ... import _core
from ...errors import CorruptError, UnsupportedVersionError, error_place
from ...frames import FrameReader
from ...limits import HEAD_PREFIX
from ...storage.filereader import fresh_buffer
from . import limits
from .codings import PlainData
from .index import FRAMES_BEGIN, Piece, Segment, parse
from .segments import FLAG_SEQUENTIAL, FOOTER, HEADER, INDEX_MAGIC, MAGIC

ReadSome = Callable[[int], Any]
"""`read(size)` gives at most `size` bytes, none only at the end."""

_STEP = 1 << 20
_LARGEST = limits.INDEX_LARGEST + (1 << 20)
"""No frame takes more."""


def is_sequential(head: bytes) -> bool:
    """Whether these first 16 bytes are those of an archive that can be read front to back."""
    if len(head) < HEADER.size or not head.startswith(MAGIC):
        return False
    _, version, flags, reserved = HEADER.unpack(head[: HEADER.size])
    return version == 1 and flags == FLAG_SEQUENTIAL and not any(reserved)


def sequential_pieces(read: ReadSome, threads: int = 0) -> Iterator[memoryview]:
    """The original of a sequential archive, in order.

    What was given out is proven to be all of it only when the last piece has been taken: then the index
    was held against it.

    Args:
        read: gives the archive's bytes, from the first on.
        threads: see `_core`.

    Raises:
        CorruptError, UnsupportedVersionError: the archive is damaged, or newer than this zipnn.
    """
    stream = _Stream(read)
    head = stream.take(HEADER.size)
    if not is_sequential(bytes(head)):
        raise UnsupportedVersionError("not an archive that can be read front to back")
    seen: list[Segment] = []
    offset = 0
    while True:
        at = stream.position
        with error_place(f"segment at {offset}"):
            data, length = _next_frame(stream, offset, threads)
        if stream.ends_after(FOOTER.size):
            break
        if not 0 < len(data) <= limits.SEGMENT:
            raise CorruptError(f"segment at {offset}: {len(data)} bytes")
        seen.append(Segment((Piece(offset, len(data)),), at, length))
        offset += len(data)
        yield data
    _check_end(stream.take(FOOTER.size), at, length)
    with error_place("index"):
        index = parse(bytes(data), at)
    if list(index.segments) != seen or index.size != offset:
        raise CorruptError("the index does not describe what came before it")


def _next_frame(stream: _Stream, offset: int, threads: int) -> tuple[memoryview, int]:
    """What a frame holds, decoded, and its size. The last one is the index."""
    frame = FrameReader(stream.peek, stream.available(HEAD_PREFIX), exact=False)
    size, length = frame.head.data_size, frame.head.frame_size
    allowed = max(limits.SEGMENT, limits.index_allowed(length))
    if frame.head.reference is not None or size > allowed or length > _LARGEST:
        raise CorruptError("not what an archive consists of")
    # All of the frame is here before memory is asked for that only its head justifies.
    stream.peek(length - 1, 1)
    out = fresh_buffer(size)
    at = 0
    for window in PlainData(Segment((Piece(offset, size),), 0, length), [frame]).windows(threads):
        out[at : at + len(window)] = window
        at += len(window)
    stream.skip(length)
    return out, length


def _check_end(footer: memoryview, at: int, length: int) -> None:
    index_at, index_length, checksum, magic = FOOTER.unpack(footer)
    if magic != INDEX_MAGIC or _core.xxh3_64(footer[:16]) != checksum:
        raise CorruptError("the end is missing or damaged (truncated?)")
    if (index_at, index_length) != (at, length) or at < FRAMES_BEGIN:
        raise CorruptError("the index does not lie where the end says")


class _Stream:
    """What was read from a stream and not used up, readable by position.

    Attributes:
        position: bytes that were used up.
    """

    def __init__(self, read: ReadSome) -> None:
        self._read = read
        self._ahead = bytearray()
        self._ended = False
        self.position = 0

    def available(self, size: int) -> int:
        """How many bytes are left, if they are fewer than `size`; else as many as a frame can have."""
        self._fetch(size)
        return len(self._ahead) if len(self._ahead) < size else _LARGEST

    def peek(self, offset: int, size: int) -> memoryview:
        """`size` bytes, `offset` from the current position; `CorruptError` if the stream ends before."""
        if offset + size > _LARGEST:
            raise CorruptError(f"a frame of {offset + size} bytes or more")
        self._fetch(offset + size)
        if len(self._ahead) < offset + size:
            raise CorruptError(f"truncated: it ends after {self.position + len(self._ahead)} bytes")
        return memoryview(bytes(memoryview(self._ahead)[offset : offset + size]))

    def skip(self, size: int) -> None:
        """Use up bytes that were peeked at."""
        del self._ahead[:size]
        self.position += size

    def take(self, size: int) -> memoryview:
        """The next bytes. Raises as `peek`."""
        data = self.peek(0, size)
        self.skip(size)
        return data

    def ends_after(self, size: int) -> bool:
        """Whether exactly `size` bytes are left."""
        self._fetch(size + 1)
        return len(self._ahead) == size

    def _fetch(self, size: int) -> None:
        while len(self._ahead) < size and not self._ended:
            data = self._read(min(_STEP, max(size - len(self._ahead), HEADER.size)))
            self._ended = not data
            self._ahead += data or b""
