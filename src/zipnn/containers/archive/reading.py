# SPDX-License-Identifier: MIT
"""Reading an archive: the original's bytes and tensors, from where they lie."""

from __future__ import annotations

import bisect
import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Protocol

from ... import _core
from ...errors import CorruptError, FormatError, UnsupportedVersionError, error_place
from ...frames import FrameReader
from ...storage.closing import Closing
from ...storage.filereader import BlockReader, Read, fresh_buffer
from ...storage.locations import Place
from ...storage.opening import Location, open_reader
from ..contents import StoredTensor
from . import limits
from .codings import DeflateData, SegmentData, open_segment
from .differences import Against, Base
from .index import Index, Member, Segment, most_open, parse
from .segments import FLAG_SEQUENTIAL, FOOTER, HEADER, INDEX_MAGIC, MAGIC

_POOLS_KEPT = 48 << 20
"""Pools that are kept for the next part; more where so many are needed to restore the original in order."""
_STREAMS_KEPT = 4
"""Deflated members that are kept where they were read up to."""


class Reader(Protocol):
    """An open file, here or elsewhere (see `FileReader`)."""

    path: Place
    size: int

    def read(self, offset: int, size: int) -> memoryview: ...

    def close(self) -> None: ...


def open_archive(path: Location, base: Base | None = None) -> Archive:
    """Open an archive for reading.

    Args:
        path: the archive.
        base: what it is a difference to, if it is one.

    Raises:
        FormatError: it is not one.
        CorruptError: it is damaged.
        UnsupportedVersionError: a newer zipnn wrote it.
        OSError: it cannot be read.
    """
    reader = open_reader(path)
    try:
        return Archive(reader, base)
    except BaseException:
        reader.close()
        raise


class Archive(Closing):
    """An open archive. Its methods may be called from several threads.

    What reads the original raises `BaseRequiredError` where that needs a base that was not given, and
    `BaseMismatchError` where the base is another.

    Attributes:
        path: where it is.
        size: of the archive in bytes.
        index: what it says of itself.
        sequential: whether its segments are plain frames in the original's order.
    """

    def __init__(self, reader: Reader, base: Base | None = None) -> None:
        self._reader = reader
        self.path = reader.path
        self.size = reader.size
        with error_place(f"file {self.path}"):
            index_at, length, self.sequential = self._check_ends()
            with error_place("index"):
                self.index: Index = parse(self._index_text(index_at, length), index_at)
        numbered = enumerate(self.index.segments)
        places = [(piece, number) for number, segment in numbered for piece in segment.pieces]
        places.sort(key=lambda place: place[0].offset)
        self._places = places
        self._offsets = [piece.offset for piece, _ in places]
        self._against: Against | None = None
        if self.index.base is not None:
            self._against = Against(self.index.base, base)
            if base is not None:
                with error_place(f"file {self.path}"):
                    base.check(self.index.base)
        self._kept = max(_POOLS_KEPT, most_open(self.index.segments))
        self._pools: dict[tuple[int, int], memoryview] = {}
        self._of_base: dict[int, SegmentData] = {}
        self._streams: dict[tuple[int, int], SegmentData] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file. May be called more than once."""
        self._reader.close()

    @property
    def original_size(self) -> int:
        """Size of the original in bytes."""
        return self.index.size

    @property
    def name(self) -> str:
        """What the original was called, for people. Never use it as a path."""
        return self.index.name

    @property
    def format(self) -> str:
        """What the original is: see `Index.format`."""
        return self.index.format

    @property
    def segments(self) -> tuple[Segment, ...]:
        """In the order of their frames."""
        return self.index.segments

    @property
    def tensors(self) -> Mapping[str, StoredTensor]:
        """By name."""
        return self.index.tensors

    @property
    def members(self) -> tuple[Member, ...]:
        """The files of an archived folder."""
        return self.index.members

    def read_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        """The bytes [start, stop) of the original, reading and decoding only the chunks touched.

        Raises:
            CorruptError, UnsupportedVersionError: the file is damaged, or newer than this zipnn.
        """
        if not 0 <= start <= stop <= self.original_size:
            raise ValueError(f"the original has {self.original_size} bytes, not {start} to {stop}")
        self.check_range(start, stop)
        out = fresh_buffer(stop - start)
        place = max(bisect.bisect_right(self._offsets, start) - 1, 0)
        done = start
        while done < stop:
            piece, number = self._places[place]
            end = min(piece.offset + piece.size, stop)
            shift = piece.start - piece.offset
            out[done - start : end - start] = self._segment_range(number, done + shift, end + shift, threads)
            done = end
            place += 1
        return out

    def check_range(self, start: int, stop: int) -> None:
        """Find out, before memory is taken for a large range, whether there can be so many bytes.

        The index alone says how long a deflated segment is, and only these can be of any size.
        Raises as `read_range`.
        """
        if stop - start <= limits.SEGMENT:
            return
        first = max(bisect.bisect_right(self._offsets, start) - 1, 0)
        for _, number in self._places[first : bisect.bisect_left(self._offsets, stop)]:
            if self.segments[number].coding == "deflate":
                self.segment_data(self.segments[number])

    def read_tensor_range(self, name: str, start: int, stop: int, threads: int = 0) -> memoryview:
        """The bytes [start, stop) of those that hold a tensor, as they lie in the original.

        Raises:
            KeyError: there is no such tensor.
            CorruptError, UnsupportedVersionError: as `read_range`.
        """
        tensor = self.tensors[name]
        if not 0 <= start <= stop <= tensor.size:
            raise ValueError(f"tensor {name!r} has {tensor.size} bytes, not {start} to {stop}")
        with error_place(f"file {self.path}: tensor {name!r}") if tensor.member is not None else _nothing():
            if tensor.member is None:
                return self.read_range(tensor.offset + start, tensor.offset + stop, threads)
            data = self._open(self.segments[tensor.member], self._reader.read)
            if not isinstance(data, DeflateData):
                raise CorruptError("its segment holds no compressed member")
            return data.inflated_range(tensor.offset + start, tensor.offset + stop, threads)

    def original_pieces(self, threads: int = 0) -> Iterator[tuple[int, memoryview]]:
        """The whole original as (offset, bytes), in order. A piece is valid until the next is taken.

        Raises as `read_range`.
        """
        read = BlockReader(self._reader.read, self.size)
        for piece, number in self._places:
            segment = self.segments[number]
            if segment.is_pool:
                stop = piece.start + piece.size
                yield piece.offset, self._segment_range(number, piece.start, stop, threads)
                continue
            offset = piece.offset
            with self._place(segment):
                for window in self._open(segment, read).windows(threads):
                    yield offset, window
                    offset += len(window)

    def segment_data(self, segment: Segment) -> SegmentData:
        """The data of a segment, with the frames that hold it. Raises as `read_range`."""
        with self._place(segment):
            return self._open(segment, self._reader.read)

    def _segment_range(self, number: int, start: int, stop: int, threads: int) -> memoryview:
        segment = self.segments[number]
        with self._place(segment):
            pooled = segment.is_pool and segment.coding != "base"
            if pooled or (segment.coding == "deflate" and segment.size <= _POOLS_KEPT):
                return self._whole(segment, threads)[start:stop]
            if segment.coding == "deflate":
                return self._stream(segment).read_range(start, stop, threads)
            return self._open(segment, self._reader.read).read_range(start, stop, threads)

    def _whole(self, segment: Segment, threads: int) -> memoryview:
        """All data of a segment that is asked for again and again, or of which no part comes alone."""
        key = (segment.at, segment.length)
        with self._lock:
            data = self._pools.pop(key, None)
            if data is not None:
                self._pools[key] = data  # the last one used goes last
        if data is None:
            data = self._open(segment, self._reader.read).read_range(0, segment.size, threads).toreadonly()
            with self._lock:
                while self._pools and sum(map(len, self._pools.values())) + len(data) > self._kept:
                    del self._pools[next(iter(self._pools))]
                self._pools[key] = data
        return data

    def _stream(self, segment: Segment) -> SegmentData:
        """A large deflated segment, one of the last few, which go on from where they were read."""
        key = (segment.at, segment.length)
        with self._lock:
            data = self._streams.pop(key, None)
            if data is None:
                data = self._open(segment, self._reader.read)
            self._streams[key] = data
            if len(self._streams) > _STREAMS_KEPT:
                del self._streams[next(iter(self._streams))]
        return data

    def _place(self, segment: Segment) -> contextlib.AbstractContextManager[None]:
        return error_place(f"file {self.path}: segment at {segment.offset}")

    def _open(self, segment: Segment, read: Read) -> SegmentData:
        if segment.coding != "base":
            return open_segment(segment, read, self._against)
        data = self._of_base.get(segment.at)  # it may have very many parts, which are asked for one by one
        if data is None:
            data = self._of_base[segment.at] = open_segment(segment, self._reader.read, self._against)
        return data

    def _check_ends(self) -> tuple[int, int, bool]:
        """Offset and size of the index frame, and whether the archive is sequential."""
        # The end first: where bytes come from afar, it brings the index along.
        if self.size < HEADER.size + FOOTER.size:
            head = bytes(self._reader.read(0, min(self.size, HEADER.size)))
            raise CorruptError("truncated") if head.startswith(MAGIC) else FormatError("not a zipnn archive")
        footer = self._reader.read(self.size - FOOTER.size, FOOTER.size)
        magic, version, flags, reserved = HEADER.unpack(self._reader.read(0, HEADER.size))
        if magic != MAGIC:
            raise FormatError("not a zipnn archive")
        if version != 1 or flags & ~FLAG_SEQUENTIAL or any(reserved):
            raise UnsupportedVersionError(f"an archive of version {version}; this zipnn knows version 1")
        at, length, checksum, end_magic = FOOTER.unpack(footer)
        if end_magic != INDEX_MAGIC or _core.xxh3_64(footer[:16]) != checksum:
            raise CorruptError("the end is missing or damaged (truncated?)")
        if at < HEADER.size or at + length + FOOTER.size != self.size:
            raise CorruptError("the index does not lie where the end says")
        return at, length, bool(flags & FLAG_SEQUENTIAL)

    def _index_text(self, at: int, length: int) -> bytes:
        frame = FrameReader(lambda offset, size: self._reader.read(at + offset, size), length)
        allowed = limits.index_allowed(length)
        if frame.head.data_size > allowed or frame.head.reference is not None:
            raise CorruptError(f"{frame.head.data_size} bytes, at most {allowed} are allowed")
        text = fresh_buffer(frame.head.data_size)
        frame.decode_into(text)
        return bytes(text)


def _nothing() -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()
