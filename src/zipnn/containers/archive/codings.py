# SPDX-License-Identifier: MIT
"""How the frames of a segment become its bytes: as they are, as blocks of quantised values, deflated."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from ... import blocks, deflate, dtypes
from ...errors import CorruptError, UnsupportedVersionError, error_place
from ...frames import FLAG_BIG_ENDIAN, ZSTD, FrameReader, write_frame
from ...storage.filereader import Read, fresh_buffer
from ..contents import Extent
from .differences import Against, BaseData, DeltaData, parts_of
from .index import Segment
from .limits import SEGMENT


class SegmentData(Protocol):
    """The bytes of a segment."""

    @property
    def frames(self) -> Sequence[FrameReader]:
        """What holds them."""

    def read_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        """The bytes [start, stop). Raises `CorruptError`."""

    def windows(self, threads: int = 0) -> Iterator[memoryview]:
        """All bytes in order; a piece is valid until the next is taken. Raises `CorruptError`."""


def open_segment(segment: Segment, read: Read, against: Against | None = None) -> SegmentData:
    """The data of a segment.

    Args:
        segment: of the index.
        read: reads from the archive.
        against: the archive's base, if it has one.

    Raises:
        CorruptError: its frames do not hold what the index says.
        UnsupportedVersionError: it is coded in a way that this zipnn does not know.
    """
    if segment.coding in ("delta", "base"):
        return _open_difference(segment, read, against)
    opener = _OPENERS.get(segment.coding)
    if opener is None:
        raise UnsupportedVersionError(f"coded as {segment.coding!r}, which this zipnn does not know")
    return opener(segment, _frames(segment, read))


def _open_difference(segment: Segment, read: Read, against: Against | None) -> SegmentData:
    parts = parts_of(segment.options, segment.size, against.record if against else None)
    assert against is not None
    frames = _frames(segment, read)
    if len(frames) != 1:
        raise CorruptError("not what a segment consists of")
    if segment.coding == "base":
        return BaseData(frames[0], parts, against)
    return DeltaData(segment.size, frames[0], parts, _from(read, segment.at), against)


def _frames(segment: Segment, read: Read) -> list[FrameReader]:
    frames: list[FrameReader] = []
    at = segment.at
    end = segment.at + segment.length
    while at < end:
        with error_place(f"frame {len(frames)}"):
            frame = FrameReader(_from(read, at), end - at, exact=False)
            if frame.head.reference is not None or frame.head.data_size > SEGMENT:
                raise CorruptError("not what a segment consists of")
        frames.append(frame)
        at += frame.head.frame_size
    return frames


def _from(read: Read, at: int) -> Read:
    return lambda offset, size: read(at + offset, size)


class OriginalFrame:
    """The data of a frame as the original has them: big-endian ones in that order.

    Attributes:
        size: of the data in bytes.
    """

    def __init__(self, frame: FrameReader) -> None:
        self._frame = frame
        self.size = frame.head.data_size
        big_endian = bool(frame.head.flags & FLAG_BIG_ENDIAN)
        self._width = element_width(frame.head.dtype) if big_endian else 1
        cuts = frame.head.chunk_bytes if frame.head.chunk_count > 1 else 0
        if self.size % self._width or cuts % self._width:
            raise CorruptError(f"{self.size} bytes in chunks of {cuts} are no whole elements")

    def read_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        """The bytes [start, stop). Raises `CorruptError`."""
        begin = start - start % self._width
        end = stop + -stop % self._width
        piece = self._frame.decode_range(begin, end, threads)
        return swapped(piece, self._width)[start - begin : stop - begin]

    def windows(self, threads: int = 0) -> Iterator[memoryview]:
        """All bytes in order; a piece is valid until the next is taken. Raises `CorruptError`."""
        for piece in self._frame.windows(threads):
            yield swapped(piece, self._width)


class PlainData(OriginalFrame):
    """One frame whose data are the segment's bytes."""

    def __init__(self, segment: Segment, frames: list[FrameReader]) -> None:
        if len(frames) != 1 or frames[0].head.data_size != segment.size:
            raise CorruptError(f"the frames do not hold {segment.size} bytes")
        super().__init__(frames[0])
        self.frames = frames


class BlockData:
    """A frame for each field of a type of blocks (docs/format.md, 4.2)."""

    def __init__(self, segment: Segment, frames: list[FrameReader]) -> None:
        kind = segment.options.get("type")
        if not isinstance(kind, str) or kind not in blocks.BY_NAME:
            raise UnsupportedVersionError(f"blocks of type {kind!r}, which this zipnn does not know")
        self.frames = frames
        self._size = segment.size
        self._type = blocks.BY_NAME[kind]
        count, rest = divmod(segment.size, self._type.size)
        sizes = [count * field.size for field in self._type.fields]
        if rest or [frame.head.data_size for frame in frames] != sizes:
            raise CorruptError(f"the frames do not hold {segment.size} bytes of {kind}")

    def read_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        if start == stop:
            return memoryview(b"")
        size = self._type.size
        first, last = start // size, -(-stop // size)
        fields = [
            frame.decode_range(first * field.size, last * field.size, threads)
            for frame, field in zip(self.frames, self._type.fields, strict=True)
        ]
        out = fresh_buffer((last - first) * size)
        blocks.join(fields, self._type.name, out)
        return out[start - first * size : stop - first * size]

    def windows(self, threads: int = 0) -> Iterator[memoryview]:
        yield self.read_range(0, self._size, threads)


class DeflateData:
    """Frames of what a DEFLATE stream holds; the stream is made anew."""

    def __init__(self, segment: Segment, frames: list[FrameReader]) -> None:
        try:
            self._parameters = deflate.Parameters(**segment.options)
        except (TypeError, ValueError) as error:
            raise CorruptError(f"parameters of a DEFLATE stream: {error}") from None
        self.frames = frames
        self._size = segment.size
        self._data = [OriginalFrame(frame) for frame in frames]
        self._starts = list(itertools.accumulate((data.size for data in self._data), initial=0))
        if segment.size > deflate.most_bytes(self._starts[-1]):
            raise CorruptError(f"{self._starts[-1]} bytes cannot make a DEFLATE stream of {segment.size}")
        self._lock = threading.Lock()
        self._running: Iterator[memoryview] | None = None
        self._piece, self._at = memoryview(b""), 0  # the last of `_running`, and where it is in the stream

    def read_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        """The bytes [start, stop): what follows an earlier read goes on from there. Raises `CorruptError`."""
        out = fresh_buffer(stop - start)
        with self._lock:
            running, self._running = self._running, None  # an error ends it
            if running is None or start < self._at:
                running, self._piece, self._at = self.windows(threads), memoryview(b""), 0
            while True:
                low, end = max(start, self._at), self._at + len(self._piece)
                high = min(stop, end)
                if low < high:
                    out[low - start : high - start] = self._piece[low - self._at : high - self._at]
                if end >= stop:
                    break
                self._piece, self._at = next(running), end
            self._running = running
        return out

    def windows(self, threads: int = 0) -> Iterator[memoryview]:
        inflated = (bytes(piece) for data in self._data for piece in data.windows(threads))
        size = 0
        for piece in deflate.recreate(inflated, self._parameters):
            size += len(piece)
            if size > self._size:
                break
            yield memoryview(piece)
        if size != self._size:
            raise CorruptError(f"the DEFLATE stream has not the {self._size} bytes that it had")

    def inflated_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        """The bytes [start, stop) of what the stream holds. Raises `CorruptError`."""
        if not 0 <= start <= stop <= self._starts[-1]:
            raise CorruptError(f"bytes {start} to {stop} of {self._starts[-1]}")
        out = fresh_buffer(stop - start)
        for data, at in zip(self._data, self._starts, strict=False):
            low, high = max(start, at), min(stop, at + data.size)
            if low < high:
                out[low - start : high - start] = data.read_range(low - at, high - at, threads)
        return out


_OPENERS: dict[str, Callable[[Segment, list[FrameReader]], SegmentData]] = {
    "plain": PlainData,
    "blocks": BlockData,
    "deflate": DeflateData,
}


def encode(data: memoryview, extent: Extent, coding: str, *, family: str, level: str, threads: int) -> bytes:
    """The frames of a segment's bytes.

    Args:
        data: the bytes.
        extent: says what type they are of.
        coding: plain or blocks.
        family: how they are coded, if not as their type says.
        level, threads: see `frames`.
    """
    if coding != "blocks":
        frame = _encode_plain(data, extent, family, level, threads)
        if not extent.guessed or level == "fast":
            return frame
        # A guess that was wrong shall not cost more than no guess.
        packed = _encode_plain(data, Extent(0, len(data), "U8"), ZSTD, level, threads)
        return min(frame, packed, key=len)
    fields = blocks.split(data, extent.dtype)
    parts = (_encode_plain(part, Extent(0, len(part), dtype), "", level, threads) for dtype, part in fields)
    return b"".join(parts)


def _encode_plain(data: memoryview, extent: Extent, family: str, level: str, threads: int) -> bytes:
    dtype, shape = frame_type(extent, len(data))
    big_endian = extent.big_endian and dtype == extent.dtype
    return write_frame(
        swapped(data, element_width(dtype)) if big_endian else data,
        dtype=dtype,
        shape=shape,
        flags=FLAG_BIG_ENDIAN if big_endian else 0,
        level=level,
        threads=threads,
        align=8,
        family=family,
    )


def frame_type(extent: Extent, size: int) -> tuple[str, tuple[int, ...]]:
    """dtype and shape of the frame of an extent of `size` bytes; bytes, if these are no whole elements."""
    width = dtypes.named(extent.dtype).bits // 8
    if width == 0 or size % width:
        return "U8", (size,)
    count = size // width
    return extent.dtype, extent.shape if math.prod(extent.shape) == count else (count,)


def unit_of(dtype: str) -> int:
    """Bytes that belong together: an element, or a block of a type of blocks."""
    known = blocks.BY_NAME.get(dtype)
    return known.size if known else max(1, dtypes.named(dtype).bits // 8)


def element_width(dtype: str) -> int:
    """Bytes of an element whose order an endianness concerns (a part of a complex number)."""
    bits = dtypes.named(dtype).bits
    return max(1, bits // 16 if dtype in ("C64", "C128") else bits // 8)


def swapped(data: memoryview, width: int) -> memoryview:
    """Elements of `width` bytes with their bytes in the other order."""
    if width == 1:
        return data
    elements = np.frombuffer(data, f"u{width}")
    return elements.byteswap().view(np.uint8).data
