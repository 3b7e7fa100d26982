# SPDX-License-Identifier: MIT
"""Segments that need a base (docs/format.md, 4.4): what they record of it, and how they are read."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Protocol

from ... import _core, differences
from ...errors import BaseMismatchError, BaseRequiredError, CorruptError
from ...frames import FrameReader
from ...storage.filereader import Read, fresh_buffer
from ...storage.locations import Place
from .limits import SEGMENT

HASHES = "U64"
"""Elements of the frame of a segment that is the base's: XXH3-64 of each of its parts."""


@dataclass(frozen=True, slots=True)
class BaseTensor:
    """A tensor of a base: its name there (in a folder with folders: `FOLDER:NAME`), dtype and shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BasePlace:
    """The counterpart that bytes of a file have in a base: [start, start + size) of a tensor's elements."""

    tensor: BaseTensor
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class BasePart:
    """Bytes [start, start + size) of the elements of a tensor, little-endian and in C order.

    Attributes:
        tensor: its number in `BaseRecord.tensors`.
    """

    tensor: int
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class BaseRecord:
    """What an archive says of its base.

    Attributes:
        name: what it was called, for people.
        id: of the content of all its tensors; see docs/format.md.
        count: how many tensors it has.
        tensors: those that the archive needs.
    """

    name: str
    id: str
    count: int
    tensors: tuple[BaseTensor, ...]

    def __str__(self) -> str:
        return f"{self.name} (id {self.id})"


class Base(Protocol):
    """A base at hand."""

    @property
    def path(self) -> Place: ...

    def check(self, record: BaseRecord) -> None:
        """Raise `BaseMismatchError` if it cannot be what is recorded. Reads no tensors."""

    def read(self, tensor: BaseTensor, start: int, size: int, threads: int = 0) -> memoryview:
        """Bytes of a tensor. Raises `BaseMismatchError` if there is none of that name, dtype and shape."""


@dataclass(frozen=True, slots=True)
class Against:
    """The base of an open archive: what is recorded of it, and itself where it is at hand."""

    record: BaseRecord
    base: Base | None
    _right: set[BasePart] = field(default_factory=set)

    def read(self, part: BasePart, threads: int) -> memoryview:
        """Its bytes, whatever they are.

        Raises:
            BaseRequiredError: there is no base.
            BaseMismatchError: it has no such tensor.
        """
        tensor = self.record.tensors[part.tensor]
        if self.base is None:
            raise BaseRequiredError(f"tensor {tensor.name!r} of its base is needed: {self.record}")
        try:
            return self.base.read(tensor, part.start, part.size, threads)
        except BaseMismatchError as error:
            raise self.mismatch(str(error)) from None

    def read_right(self, part: BasePart, checksum: int, start: int, stop: int, threads: int) -> memoryview:
        """The bytes [start, stop) of a part that has been seen to be the right one as a whole."""
        if part in self._right:
            return self.read(BasePart(part.tensor, part.start + start, stop - start), threads)
        data = self.read(part, threads)
        if _core.xxh3_64(data) != checksum:
            raise self.mismatch(f"tensor {self.record.tensors[part.tensor].name!r} has other values")
        self._right.add(part)
        return data[start:stop]

    def mismatch(self, reason: str) -> BaseMismatchError:
        """The error that says which base is wanted."""
        place = self.base.path if self.base is not None else "what is there"
        return BaseMismatchError(f"made against {self.record}, not against {place}: {reason}")


def parts_of(options: Any, size: int, record: BaseRecord | None) -> list[BasePart]:
    """The parts of the base that a coding's options name, which together have `size` bytes.

    Raises `CorruptError`.
    """
    entries = options.get("base")
    if record is None or not isinstance(entries, list):
        raise CorruptError("no base is described")
    parts = []
    for entry in entries:
        if not isinstance(entry, list) or len(entry) != 3 or any(type(n) is not int or n < 0 for n in entry):
            raise CorruptError(f"{entry!r} is no part of a base")
        part = BasePart(*entry)
        if part.tensor >= len(record.tensors) or not 0 < part.size <= SEGMENT:
            raise CorruptError(f"{entry!r} is no part of a base")
        parts.append(part)
    if sum(part.size for part in parts) != size:
        raise CorruptError(f"parts of a base for {size} bytes have others")
    return parts


def options_of(parts: Sequence[BasePart]) -> dict[str, Any]:
    """The options that name these parts."""
    return {"base": [[part.tensor, part.start, part.size] for part in parts]}


class _Parts:
    """Parts of a base, joined."""

    def __init__(self, parts: Sequence[BasePart]) -> None:
        self.parts = parts
        self.starts = [0, *accumulate(part.size for part in parts)]

    def within(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """For each part that [start, stop) touches: its number, and from where to where in it."""
        number = max(bisect.bisect_right(self.starts, start) - 1, 0)
        while start < stop:
            begin = self.starts[number]
            end = min(self.starts[number + 1], stop)
            yield number, start - begin, end - begin
            start, number = end, number + 1


class DeltaData:
    """A frame that holds the difference to parts of a base."""

    def __init__(self, size: int, frame: FrameReader, parts: list[BasePart], read: Read, against: Against):
        if frame.head.data_size != size or size > SEGMENT:
            raise CorruptError(f"the frame does not hold {size} bytes")
        self.frames = [frame]
        self._size = size
        self._parts = _Parts(parts)
        self._read = read
        self._against = against

    def read_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        """The bytes [start, stop). Raises `CorruptError`, `BaseRequiredError`, `BaseMismatchError`."""
        frame = self._read(0, self.frames[0].head.frame_size)

        def read_base(offset: int, size: int) -> memoryview:
            return self._read_base(offset, offset + size, threads)

        try:
            if stop - start == self._size:  # with all that is checked of a whole frame
                return differences.decode(frame, read_base(0, self._size), threads)
            return differences.decode_range(frame, read_base, start, stop, threads)
        except BaseMismatchError as error:
            if str(error).startswith("made against"):
                raise
            names = [self._against.record.tensors[part.tensor].name for part in self._parts.parts]
            more = f" (or {len(names) - 1} others)" if len(names) > 1 else ""
            raise self._against.mismatch(f"tensor {names[0]!r}{more} has other values") from None

    def windows(self, threads: int = 0) -> Iterator[memoryview]:
        """All bytes. Raises as `read_range`."""
        yield self.read_range(0, self._size, threads)

    def _read_base(self, start: int, stop: int, threads: int) -> memoryview:
        out = fresh_buffer(stop - start)
        done = 0
        for number, begin, end in self._parts.within(start, stop):
            part = self._parts.parts[number]
            piece = self._against.read(BasePart(part.tensor, part.start + begin, end - begin), threads)
            if done == 0 and len(piece) == len(out):
                return piece
            out[done : done + len(piece)] = piece
            done += len(piece)
        return out


class BaseData:
    """Parts of a base that are as they were; the frame holds their checksums."""

    def __init__(self, frame: FrameReader, parts: list[BasePart], against: Against) -> None:
        if frame.head.dtype != HASHES or frame.head.data_size != 8 * len(parts):
            raise CorruptError("the checksums of the base's parts are missing")
        self.frames = [frame]
        self._parts = _Parts(parts)
        self._against = against
        self._checksums = memoryview(b"")

    def read_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        """The bytes [start, stop). Raises `CorruptError`, `BaseRequiredError`, `BaseMismatchError`."""
        out = fresh_buffer(stop - start)
        done = 0
        for number, begin, end in self._parts.within(start, stop):
            piece = self._part(number, begin, end, threads)
            if done == 0 and len(piece) == len(out):
                return piece
            out[done : done + len(piece)] = piece
            done += len(piece)
        return out

    def windows(self, threads: int = 0) -> Iterator[memoryview]:
        """All bytes, a part at a time. Raises as `read_range`."""
        for number, part in enumerate(self._parts.parts):
            yield self._part(number, 0, part.size, threads)

    def _part(self, number: int, start: int, stop: int, threads: int) -> memoryview:
        if not self._checksums:
            checksums = fresh_buffer(8 * len(self._parts.parts))
            self.frames[0].decode_into(checksums)
            self._checksums = checksums
        checksum = int.from_bytes(self._checksums[8 * number : 8 * number + 8], "little")
        return self._against.read_right(self._parts.parts[number], checksum, start, stop, threads)
