# SPDX-License-Identifier: MIT
"""Segments on their way into an archive: coded side by side, equal ones once."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from ... import _core, deflate
from ...errors import ZipnnError
from ...frames import write_frame
from ...storage.filereader import Source, fresh_buffer
from ..contents import Deflated, Extent
from . import limits
from .codings import encode, unit_of
from .differences import BasePlace, BaseRecord
from .index import Index, Piece, Segment, to_json
from .planning import Part

MAGIC = b"\x9aZNN\r\n\x1a\n"
INDEX_MAGIC = b"\x9aZNI\r\n\x1a\n"
HEADER = struct.Struct("<8sBB6s")
FOOTER = struct.Struct("<QQQ8s")
FLAG_SEQUENTIAL = 1
"""Each segment is one plain frame, in the order of the original: it can be read front to back."""

_LONG = 4 << 20


class Sink(Protocol):
    """Where an archive goes: front to back, without seeking."""

    def write(self, data: Any) -> object: ...


@dataclass(frozen=True, slots=True)
class Work:
    """A segment that is to be coded.

    Attributes:
        pieces: what it is of the original.
        data: its bytes.
        extent: says of what type they are.
        coding: see `codings`.
        against: as many bytes of a base, where there are such.
        base: where these are in the base.
    """

    pieces: tuple[Piece, ...]
    data: memoryview
    extent: Extent
    coding: str
    against: memoryview | None = None
    base: tuple[BasePlace, ...] = ()

    @property
    def is_pool(self) -> bool:
        return len(self.pieces) > 1


@dataclass
class SegmentWriter:
    """Writes what an archive consists of.

    Attributes:
        sink: gets the archive.
        level: see `frames`.
        threads: see `_core`.
        family: how everything is coded, if not as the parts' types say.
        segments: those written so far.
        position: bytes written so far.
    """

    sink: Sink
    level: str
    threads: int = 0
    family: str = ""
    segments: list[Segment] = field(default_factory=list)
    position: int = 0
    _known: dict[tuple[int, str, int], list[tuple[int, int]]] = field(default_factory=dict)

    def begin(self, *, sequential: bool = False) -> None:
        """Write the header."""
        self._write(HEADER.pack(MAGIC, 1, FLAG_SEQUENTIAL if sequential else 0, bytes(6)))

    def add_parts(self, source: Source, parts: Sequence[Part]) -> None:
        """Code parts of a file; those that equal earlier ones share their frames."""
        works = self._works(source, parts)
        twins: list[int | None] = []
        for number, work in enumerate(works, len(self.segments)):
            twins.append(self._twin(source, work, number))
        coded = self._encoded([work for work, twin in zip(works, twins, strict=True) if twin is None])
        for work, twin in zip(works, twins, strict=True):
            if twin is None:
                frames, coding = next(coded)
                self._append(work.pieces, frames, coding, self._options(work, coding))
            else:
                first = self.segments[twin]
                self.segments.append(
                    Segment(work.pieces, first.at, first.length, first.coding, first.options)
                )

    def add_bytes(self, offset: int, data: memoryview, extent: Extent) -> None:
        """Code bytes of the original that begin at `offset`, which are what `extent` says of their type."""
        piece = (Piece(offset, len(data)),)
        self._append(piece, self._frames_of(data, extent, "plain", self.threads), "plain", {})

    def add_deflated(self, source: Source, member: Deflated) -> bool:
        """Code what a DEFLATE stream holds; False (and nothing is written) if it cannot be made again."""

        def read(offset: int, size: int) -> memoryview:
            return source.read(member.offset + offset, size)

        parameters = deflate.find_parameters(read, member.size, member.inflated_size)
        if parameters is None:
            return False
        at = self.position
        pieces = deflate.inflate(read, member.size, member.inflated_size)
        for data, extent in runs(pieces, member):
            self._write(self._frames_of(data, extent, "plain", self.threads))
        self.segments.append(
            Segment(
                (Piece(member.offset, member.size),), at, self.position - at, "deflate", asdict(parameters)
            )
        )
        return True

    def end(self) -> BaseRecord | None:
        """Write what was kept for the end. Returns what was needed of a base, if there is one."""
        return None

    def finish(self, index: Index) -> int:
        """Write the index, which has the segments written, and the footer. Returns the archive's size.

        Raises:
            ZipnnError: the index is larger than readers take.
        """
        frame = _index_frame(to_json(index))
        at = self.position
        self._write(frame)
        place = struct.pack("<QQ", at, len(frame))
        self._write(place + struct.pack("<Q", _core.xxh3_64(place)) + INDEX_MAGIC)
        return self.position

    def _works(self, source: Source, parts: Sequence[Part]) -> list[Work]:
        return [gather(source, part) for part in parts]

    def _twin(self, source: Source, work: Work, number: int) -> int | None:
        """Number of an earlier segment with the same bytes; else the work is noted as segment `number`."""
        if work.is_pool:
            return None
        known = self._known.setdefault((len(work.data), work.extent.dtype, _core.xxh3_64(work.data)), [])
        for offset, earlier in known:
            if source.read(offset, len(work.data)) == work.data:
                return earlier
        known.append((work.pieces[0].offset, number))
        return None

    def _encoded(self, works: Sequence[Work]) -> Iterator[tuple[bytes, str]]:
        """Frames and coding of each: many small ones side by side, large ones each in all threads."""
        workers = self.threads or _core.default_threads()
        if workers == 1 or any(len(work.data) > _LONG for work in works):
            yield from (self._code(work, self.threads) for work in works)
            return
        with ThreadPoolExecutor(workers) as pool:
            yield from pool.map(lambda work: self._code(work, 1), works)

    def _code(self, work: Work, threads: int) -> tuple[bytes, str]:
        frames = self._frames_of(work.data, work.extent, work.coding, threads)
        if work.coding == "blocks" and len(frames) >= len(work.data):
            # Blocks that are noise: their fields, joined to whole bytes, are more than they were.
            plain = self._frames_of(work.data, replace(work.extent, dtype="U8", shape=()), "plain", threads)
            if len(plain) < len(frames):
                return plain, "plain"
        return frames, work.coding

    def _options(self, work: Work, coding: str) -> Mapping[str, Any]:
        """Options of a coding that was chosen for a segment which is now written."""
        return {"type": work.extent.dtype} if coding == "blocks" else {}

    def _frames_of(self, data: memoryview, extent: Extent, coding: str, threads: int) -> bytes:
        return encode(data, extent, coding, family=self.family, level=self.level, threads=threads)

    def _append(
        self, pieces: tuple[Piece, ...], frames: bytes, coding: str, options: Mapping[str, Any]
    ) -> None:
        self.segments.append(Segment(pieces, self.position, len(frames), coding, options))
        self._write(frames)

    def _write(self, data: bytes) -> None:
        self.sink.write(data)
        self.position += len(data)


def _index_frame(text: bytes) -> bytes:
    """The frame of the index: one that readers take, who do not trust what expands too far.

    Where names and sizes repeat it may well expand farther than that; an attachment then fills it up.
    """
    if len(text) > limits.INDEX_LARGEST:
        raise ZipnnError(
            f"its index has {len(text)} bytes, at most {limits.INDEX_LARGEST} are possible: "
            "put fewer parts into one archive"
        )
    frame = write_frame(text, dtype="U8", shape=(len(text),), align=8)
    if len(text) <= limits.index_allowed(len(frame)):
        return frame
    filler = bytes(-(-len(text) // limits.INDEX_EXPANSION))
    return write_frame(text, dtype="U8", shape=(len(text),), align=8, attachment=filler)


def gather(source: Source, part: Part) -> Work:
    """The bytes of a part. Those of a pool follow each other, equal ones once."""
    first = part.extents[0]
    if len(part.extents) == 1:
        data = source.read(first.offset, first.size)
        return Work((Piece(first.offset, first.size),), data, first, part.coding)
    buffer = fresh_buffer(part.size)
    starts: dict[bytes, int] = {}
    pieces, used = [], 0
    for extent in part.extents:
        content = bytes(source.read(extent.offset, extent.size))
        start = starts.get(content) if extent.size >= limits.WORTH_SHARING else None
        if start is None:
            start, used = used, used + extent.size
            buffer[start:used] = content
            starts[content] = start
        pieces.append(Piece(extent.offset, extent.size, start))
    return Work(tuple(pieces), buffer[:used], first, part.coding)


def runs(pieces: Iterator[memoryview], member: Deflated) -> Iterator[tuple[memoryview, Extent]]:
    """What a member holds, in runs of one type that a segment's frame can hold."""
    pending = bytearray()
    for run in _typed_runs(member):
        left = run.size
        step = limits.SEGMENT // 16 * 16
        while left:
            size = min(step, left)
            while len(pending) < size:
                pending += next(pieces)
            yield memoryview(bytes(pending[:size])), run
            del pending[:size]
            left -= size


def _typed_runs(member: Deflated) -> Iterator[Extent]:
    """The member's extents and what lies between; a small header goes with the elements that follow."""
    at = 0
    for extent in sorted(member.extents, key=lambda extent: extent.offset):
        gap, end = extent.offset - at, extent.offset + extent.size
        if gap < 0 or end > member.inflated_size:
            break
        if gap < limits.SMALL and gap % unit_of(extent.dtype) == 0 and not extent.big_endian:
            yield Extent(at, end - at, extent.dtype)
        else:
            yield Extent(at, gap, "U8")
            yield extent
        at = end
    yield Extent(at, member.inflated_size - at, "U8")
