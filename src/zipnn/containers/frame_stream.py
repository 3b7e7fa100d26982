# SPDX-License-Identifier: MIT
"""Streams (docs/format.md, 5): frames back to back, with what tells their end and what they differ from.

One frame by itself is a stream too, and so are several behind each other: that is what programs
written for zipnn 0.5 put into files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .. import _core
from ..errors import (
    CorruptError,
    FormatError,
    MismatchError,
    UnsupportedVersionError,
    error_place,
    other_version,
)
from ..frames import MAGIC as FRAME_MAGIC
from ..frames import FrameReader
from ..limits import WINDOW
from ..storage.filereader import FileReader, Read

MAGIC = b"\x9aZNS"
HEAD_SIZE = 40
_HEAD = struct.Struct("<4sBBHQQQ")
_VERSION = 1
_FLAG_DELTA, _FLAG_CUT = 1, 2


class Base(Protocol):
    """What data are a difference to: bytes by position."""

    size: int

    def read(self, offset: int, size: int) -> memoryview: ...


class MemoryBase:
    """A base in memory."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, size: int) -> memoryview:
        return self._data[offset : offset + size]


def is_stream(head: bytes | memoryview) -> bool:
    """Whether data that begin so are a frame or a stream. At least 4 bytes tell."""
    return bytes(head[: len(MAGIC)]) in (MAGIC, FRAME_MAGIC)


def stream_head(size: int, original_size: int, base: int | None, cut: bool = False) -> bytes:
    """The head of a stream.

    Args:
        size: of all its frames together.
        original_size: of the data in them together.
        base: `fingerprint` of what the data are a difference to, or None.
        cut: whether whoever wrote it wanted several frames.
    """
    flags = (0 if base is None else _FLAG_DELTA) | (_FLAG_CUT if cut else 0)
    fields = _HEAD.pack(MAGIC, _VERSION, flags, 0, HEAD_SIZE + size, original_size, base or 0)
    return fields + struct.pack("<Q", _core.xxh3_64(fields))


def fingerprint(base: Base) -> int:
    """What a stream remembers of its base."""
    pieces = range(0, base.size, WINDOW)
    hashes = [_core.xxh3_64(base.read(at, min(WINDOW, base.size - at))) for at in pieces]
    return _core.xxh3_64(struct.pack(f"<{len(hashes)}Q", *hashes))


def difference(data: memoryview, base: memoryview) -> memoryview:
    """The bytes of both, combined by XOR: its own way back."""
    return np.bitwise_xor(np.frombuffer(data, np.uint8), np.frombuffer(base, np.uint8)).data


@dataclass(frozen=True, slots=True)
class _Part:
    """A frame, whose data begin at `offset` of the original."""

    offset: int
    at: int
    frame: FrameReader


class FrameStream:
    """A stream, read through `read`.

    Attributes:
        original_size: bytes of data.
        base: fingerprint of what the data are a difference to; None if they are what they are.
        cut: whether whoever wrote it wanted several frames.
        parts: the frames.

    Raises:
        FormatError: it is none.
        CorruptError: a head is damaged, or something is missing or too much.
        UnsupportedVersionError: a newer zipnn wrote it.
    """

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self.base: int | None = None
        self.cut = False
        self.original_size = 0
        self.parts: list[_Part] = []
        at = 0
        while at < size or not self.parts:
            head = read(at, min(HEAD_SIZE, size - at))
            at = self._group(at, head) if bytes(head[:4]) == MAGIC else self._frame(at, size)

    def original_pieces(self, threads: int = 0, base: Base | None = None) -> Iterator[tuple[int, memoryview]]:
        """The data as (offset, bytes), in order. A piece is valid until the next is taken.

        Args:
            threads: 0 for the default.
            base: what the data are a difference to.

        Raises:
            CorruptError: a frame is damaged.
            FormatError: there is no base where one is needed, or one where none is.
            MismatchError: it is another one.
        """
        self.check_base(base)
        for part in self.parts:
            at = part.offset
            with error_place(f"frame at byte {part.at}"):
                for piece in part.frame.windows(threads):
                    yield at, piece if base is None else difference(piece, base.read(at, len(piece)))
                    at += len(piece)

    def check_base(self, base: Base | None) -> None:
        """Raise what `original_pieces` does of a wrong base."""
        if base is None and self.base is not None:
            raise FormatError("the data are a difference to a base (delta): give that too")
        if base is not None and self.base is None:
            raise FormatError("the data are no difference (delta): they need no base")
        if base is None:
            return
        if base.size != self.original_size:
            raise MismatchError(
                f"the base has {base.size} bytes, that of the data (delta) {self.original_size}"
            )
        if fingerprint(base) != self.base:
            raise MismatchError("this is not the base that the data are a difference to: its bytes differ")

    def _group(self, at: int, head: memoryview) -> int:
        """Take up the stream at `at`; gives where it ends."""
        size, original_size, base, self.cut = _parse_head(head, self._size - at)
        end, begin = at + size, self.original_size
        if base is not None and (at or end != self._size):
            raise CorruptError("data that are a difference (delta) do not stand alone")
        self.base = base
        at += HEAD_SIZE
        while at < end:
            at = self._frame(at, end)
        if self.original_size - begin != original_size:
            raise CorruptError(f"the frames hold {self.original_size - begin} bytes, not {original_size}")
        return end

    def _frame(self, at: int, end: int) -> int:
        with error_place(f"frame at byte {at}"):
            frame = FrameReader(lambda offset, size: self._read(at + offset, size), end - at, exact=False)
            if frame.head.reference is not None:
                raise FormatError("the frame is a reference to another of its container")
        self.parts.append(_Part(self.original_size, at, frame))
        self.original_size += frame.head.data_size
        return at + frame.head.frame_size


def _parse_head(head: memoryview, available: int) -> tuple[int, int, int | None, bool]:
    if len(head) < HEAD_SIZE:
        raise CorruptError(f"stream is truncated: {len(head)} bytes are there")
    _, version, flags, reserved, size, original_size, base = _HEAD.unpack(head[: _HEAD.size])
    if version != _VERSION:
        raise other_version("a stream", version)
    if _core.xxh3_64(head[: _HEAD.size]) != int.from_bytes(head[_HEAD.size :], "little"):
        raise CorruptError("the head of the stream is damaged: its checksum differs")
    if flags & ~(_FLAG_DELTA | _FLAG_CUT) or reserved:
        raise UnsupportedVersionError("the stream uses what only a newer zipnn knows")
    if not HEAD_SIZE < size <= available:
        raise CorruptError(f"stream is truncated: it has {size} bytes, {available} are there")
    return size, original_size, base if flags & _FLAG_DELTA else None, bool(flags & _FLAG_CUT)


class StreamFile(FrameStream):
    """An open file with a stream; `reader` stays open as long as it is used. Raises as `FrameStream`."""

    def __init__(self, reader: FileReader) -> None:
        self.path = reader.path
        with error_place(f"file {self.path}"):
            super().__init__(reader.read, reader.size)

    def original_pieces(self, threads: int = 0, base: Base | None = None) -> Iterator[tuple[int, memoryview]]:
        with error_place(f"file {self.path}"):
            yield from super().original_pieces(threads, base)
