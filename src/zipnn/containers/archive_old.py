# SPDX-License-Identifier: MIT
"""The archive (docs/format.md, 4): any file, cut into segments that are frames, with an index at the end."""

from __future__ import annotations

import bisect
import contextlib
import json
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

from .. import _core
from ..errors import CorruptError, FormatError, UnsupportedVersionError, error_place, other_version
from ..frames import FrameReader, write_frame
from ..storage.filereader import BlockReader, FileReader, Read, Source, fresh_buffer

MAGIC = b"\x9aZNN\r\n\x1a\n"
_INDEX_MAGIC = b"\x9aZNI\r\n\x1a\n"
_HEADER = struct.Struct("<8sB7s")
_FOOTER = struct.Struct("<QQQ8s")
_SEGMENT = 64 << 20
_MAX_INDEX = 256 << 20
_SAMPLE = 256 << 10
_SAMPLE_PIECES = 8


class Sink(Protocol):
    """Where an archive goes: front to back, without seeking."""

    def write(self, data: Any) -> object: ...


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes [offset, offset + size) of the original: the frame of `length` bytes at `at` of the archive."""

    offset: int
    size: int
    at: int
    length: int


def write_archive(
    source: Source,
    sink: Sink,
    *,
    level: str,
    family: str = "",
    threads: int = 0,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Write the archive of a file.

    Args:
        source: the file.
        sink: gets the archive through `write` alone.
        level: see `frames`.
        family: of the elements that the file mostly consists of (see `dtypes`); bytes, if not known.
        threads: see `_core`.
        progress: called with the bytes of the original that are done.

    Returns:
        The archive's size in bytes.
    """
    sink.write(_HEADER.pack(MAGIC, 1, bytes(7)))
    at = _HEADER.size
    segments = []
    for offset in range(0, source.size, _SEGMENT):
        size = min(_SEGMENT, source.size - offset)
        frame = write_frame(
            source.read(offset, size),
            dtype="U8",
            shape=(size,),
            level=level,
            threads=threads,
            align=8,
            family=family,
        )
        sink.write(frame)
        segments.append({"offset": offset, "size": size, "at": at, "length": len(frame)})
        at += len(frame)
        progress(offset + size)
    frame = _index_frame(source, segments)
    sink.write(frame)
    place = struct.pack("<QQ", at, len(frame))
    sink.write(place + struct.pack("<Q", _core.xxh3_64(place)) + _INDEX_MAGIC)
    return at + len(frame) + _FOOTER.size


def _index_frame(source: Source, segments: list[dict[str, int]]) -> bytes:
    index = {"name": source.path.name, "size": source.size, "format": "bytes", "segments": segments}
    # A file name need not be UTF-8; it is there for people, so what cannot be written is replaced.
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return write_frame(text, dtype="U8", shape=(len(text),), align=8)


def estimate_archive(source: Source, *, level: str, family: str = "") -> int:
    """Expected size in bytes of the archive of a file, from a sample of it."""
    offsets = range(0, source.size, _SEGMENT)
    places = [{"offset": at, "size": _SEGMENT, "at": at, "length": _SEGMENT} for at in offsets]
    around = _HEADER.size + len(_index_frame(source, places)) + _FOOTER.size
    size = min(_SAMPLE, source.size)
    if size == 0:
        return around
    pieces = min(_SAMPLE_PIECES, source.size // size)
    stride = (source.size - size) // max(pieces - 1, 1)
    coded = 0
    for index in range(pieces):
        sample = source.read(index * stride, size)
        coded += len(write_frame(sample, dtype="U8", shape=(size,), level=level, family=family))
    return coded * source.size // (pieces * size) + around


def open_archive(path: str | os.PathLike[str]) -> Archive:
    """Open an archive for reading.

    Raises:
        FormatError: it is not one.
        CorruptError: it is damaged.
        UnsupportedVersionError: a newer zipnn wrote it.
        OSError: it cannot be read.
    """
    reader = FileReader(path)
    try:
        return Archive(reader)
    except BaseException:
        reader.close()
        raise


class Archive:
    """An open archive. Its methods may be called from several threads.

    Attributes:
        path: where it is.
        original_size: size of the original in bytes.
        name: what the original was called, for people. Never use it as a path.
        segments: in the order of the original.
    """

    def __init__(self, reader: FileReader) -> None:
        self._reader = reader
        self.path = reader.path
        with error_place(f"file {self.path}"):
            index_at = self._check_ends()
            with error_place("index"):
                index = self._read_index(*index_at)
                self.original_size, self.name, self.segments = _parse_index(index, index_at[0])
        self._offsets = [segment.offset for segment in self.segments]

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. May be called more than once."""
        self._reader.close()

    def read_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        """The bytes [start, stop) of the original, reading and decoding only the chunks touched.

        Raises:
            CorruptError, UnsupportedVersionError: the file is damaged, or newer than this zipnn.
        """
        if not 0 <= start <= stop <= self.original_size:
            raise ValueError(f"the original has {self.original_size} bytes, not {start} to {stop}")
        out = fresh_buffer(stop - start)
        index = max(bisect.bisect_right(self._offsets, start) - 1, 0)
        done = start
        while done < stop:
            segment = self.segments[index]
            end = min(segment.offset + segment.size, stop)
            with self._place(segment):
                piece = self._open(segment, self._reader.read).decode_range(
                    done - segment.offset, end - segment.offset, threads
                )
            out[done - start : end - start] = piece
            done = end
            index += 1
        return out

    def original_pieces(self, threads: int = 0) -> Iterator[tuple[int, memoryview]]:
        """The whole original as (offset, bytes), in order. A piece is valid until the next is taken.

        Raises as `read_range`.
        """
        read = BlockReader(self._reader.read, self._reader.size)
        for segment in self.segments:
            offset = segment.offset
            with self._place(segment):
                for piece in self._open(segment, read).windows(threads):
                    yield offset, piece
                    offset += len(piece)

    def _place(self, segment: Segment) -> contextlib.AbstractContextManager[None]:
        return error_place(f"file {self.path}: segment at {segment.offset}")

    def _open(self, segment: Segment, read: Read) -> FrameReader:
        frame = FrameReader(lambda offset, size: read(segment.at + offset, size), segment.length)
        if frame.head.data_size != segment.size or frame.head.reference is not None:
            raise CorruptError(f"the frame holds {frame.head.data_size} bytes, not {segment.size}")
        return frame

    def _check_ends(self) -> tuple[int, int]:
        """Offset and size of the index frame."""
        size = self._reader.size
        head = bytes(self._reader.read(0, min(size, _HEADER.size)))
        if not head.startswith(MAGIC):
            raise FormatError("not a zipnn archive")
        if size < _HEADER.size + _FOOTER.size:
            raise CorruptError("truncated")
        _, version, reserved = _HEADER.unpack(head)
        if version != 1:
            raise other_version("an archive", version)
        if any(reserved):
            raise UnsupportedVersionError("the archive uses what only a newer zipnn knows")
        footer = self._reader.read(size - _FOOTER.size, _FOOTER.size)
        at, length, checksum, magic = _FOOTER.unpack(footer)
        if magic != _INDEX_MAGIC or _core.xxh3_64(footer[:16]) != checksum:
            raise CorruptError("the end is missing or damaged (truncated?)")
        if at < _HEADER.size or at + length + _FOOTER.size != size:
            raise CorruptError("the index does not lie where the end says")
        return at, length

    def _read_index(self, at: int, length: int) -> memoryview:
        frame = FrameReader(lambda offset, size: self._reader.read(at + offset, size), length)
        if frame.head.data_size > _MAX_INDEX or frame.head.reference is not None:
            raise CorruptError(f"{frame.head.data_size} bytes, at most {_MAX_INDEX} are allowed")
        text = fresh_buffer(frame.head.data_size)
        frame.decode_into(text)
        return text


def _parse_index(text: memoryview, frames_end: int) -> tuple[int, str, list[Segment]]:
    """Size, name and segments, checked: segments cover the original, frames the archive up to the index."""
    try:
        index = json.loads(bytes(text))
        size, name, entries = index["size"], index["name"], index["segments"]
        segments = [Segment(*(entry[key] for key in ("offset", "size", "at", "length"))) for entry in entries]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptError(f"not as it should be: {error!r}") from None
    offset, at = 0, _HEADER.size
    for segment in segments:
        numbers = (segment.offset, segment.size, segment.at, segment.length)
        if any(type(number) is not int for number in numbers) or segment.size < 1 or segment.length < 1:
            raise CorruptError("a segment without an extent")
        if (segment.offset, segment.at) != (offset, at):
            raise CorruptError(f"segment at {segment.offset}: gap or overlap")
        offset += segment.size
        at += segment.length
    if type(size) is not int or not isinstance(name, str) or (offset, at) != (size, frames_end):
        raise CorruptError("the segments do not add up")
    return size, name, segments
