# SPDX-License-Identifier: MIT
"""The bytes of a patch (docs/format.md, 6): head, a record for each tensor concerned, end."""

from __future__ import annotations

import enum
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from .. import _core, dtypes, limits
from ..errors import CorruptError, FormatError, UnsupportedVersionError, other_version
from ..frames import FLAG_BIG_ENDIAN, KIND_TORCH
from .states import PIECE, Described, encoded

MAGIC = b"\x9aZNP"
_VERSION = 1
_HEAD = struct.Struct("<4sB3sQQ")
_BEGIN = struct.Struct("<BH")
_FORM = struct.Struct("<BBBBQ")
_FRAME = struct.Struct("<IQ")
_COUNT = struct.Struct("<I")
_LARGEST_FRAME = PIECE + (1 << 20)


class What(enum.IntEnum):
    """What becomes of a tensor."""

    END = 0
    CHANGED = 1
    SET = 2
    REMOVED = 3
    LIKE = 4


@dataclass(frozen=True, slots=True)
class Record:
    """What a patch says of one tensor.

    Attributes:
        what: becomes of it. CHANGED: other content, SET: it is new, or of another dtype or shape.
        name: the tensor's.
        new: what it will be; None if it is removed.
        old: what it was, of CHANGED ones.
        kind, flags: of a SET one, see docs/format.md, 2.1.
        like: of a LIKE one, the name of an earlier CHANGED or SET one that was and will be the same.
        frames: place in the patch and size of the frame of each piece; size 0 for one that stays as it is.
    """

    what: What
    name: str
    new: Described | None = None
    old: Described | None = None
    kind: int = 0
    flags: int = 0
    like: str = ""
    frames: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Patch:
    """All that a patch says: fingerprints of the state before and after, and the records."""

    old: int
    new: int
    records: tuple[Record, ...]


class Sink(Protocol):
    """Where a patch goes."""

    def write(self, data: bytes, /) -> object: ...


class PatchWriter:
    """Writes a patch front to back.

    Args:
        sink: gets the bytes.
        old, new: fingerprints of the state before and after.
    """

    def __init__(self, sink: Sink, old: int, new: int) -> None:
        self._sink = sink
        self._checksums: list[int] = []
        self.size = 0
        self._checked(_HEAD.pack(MAGIC, _VERSION, bytes(3), old, new))

    def add(self, record: Record, frames: Sequence[bytes] = ()) -> None:
        """Add a record with its frames; what `record` says of their places does not matter."""
        name = encoded(record.name)
        parts = [_BEGIN.pack(record.what, len(name)), name]
        if record.what == What.LIKE:
            parts.append(encoded(record.like))
        elif record.new is not None:
            tensor, dtype = record.new, record.new.dtype.encode()
            parts += [
                _FORM.pack(record.kind, record.flags, len(dtype), len(tensor.shape), tensor.size),
                dtype,
                _packed(tensor.shape),
                *(_FRAME.pack(len(frame), _core.xxh3_64(frame)) for frame in frames),
                *(_packed(hashed.hashes) for hashed in (record.new, record.old) if hashed),
            ]
        head = b"".join(parts)
        self._write(_COUNT.pack(len(head)))
        self._checked(head)
        for frame in frames:
            self._write(frame)

    def finish(self) -> int:
        """Write the end; returns the size of the patch."""
        self._write(_COUNT.pack(0))
        self._write(_packed((len(self._checksums) - 1, _core.xxh3_64(_packed(self._checksums)))))
        return self.size

    def _checked(self, data: bytes) -> None:
        self._checksums.append(_core.xxh3_64(data))
        self._write(data + _packed(self._checksums[-1:]))

    def _write(self, data: bytes) -> None:
        self._sink.write(data)
        self.size += len(data)


class Taking(Protocol):
    """A patch that is read front to back."""

    position: int

    def take(self, size: int) -> memoryview:
        """The next bytes, exactly as many. Raises `CorruptError`."""


def read_patch(source: Taking) -> Patch:
    """Read a patch up to its end, and check all that can be checked without the tensors.

    Raises:
        FormatError: not a patch.
        UnsupportedVersionError: a newer zipnn wrote it.
        CorruptError: it is damaged or cut off.
    """
    if bytes(source.take(len(MAGIC))) != MAGIC:
        raise FormatError("not a patch")
    head = MAGIC + source.take(_HEAD.size - len(MAGIC))
    _, version, reserved, old, new = _HEAD.unpack(head)
    if version != _VERSION or any(reserved):
        raise other_version("a patch", version)
    checksums = [_check(source, head, "head")]
    records: dict[str, Record] = {}
    while size := _number(source):
        text = bytes(source.take(size))
        checksums.append(_check(source, text, f"record {len(records)}"))
        record = _record(_Cursor(text), records, source)
        if record.name in records:
            raise CorruptError(f"tensor {record.name!r}: has two records")
        records[record.name] = record
    if struct.unpack("<QQ", source.take(16)) != (len(records), _core.xxh3_64(_packed(checksums))):
        raise CorruptError("the end of the patch does not fit its beginning")
    return Patch(old, new, tuple(records.values()))


def _number(source: Taking) -> int:
    return int(_COUNT.unpack(source.take(_COUNT.size))[0])


def _check(source: Taking, data: bytes, what: str) -> int:
    """The checksum of what was read, after comparing it with the one that follows."""
    checksum = _core.xxh3_64(data)
    if struct.unpack("<Q", source.take(8)) != (checksum,):
        raise CorruptError(f"the checksum of its {what} differs")
    return checksum


class _Cursor:
    """The head of a record, read part by part."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        self._at += size
        if self._at > len(self._data):
            raise CorruptError("a record is shorter than what it should say")
        return self._data[self._at - size : self._at]

    def numbers(self, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}Q", self.take(8 * count))

    def text(self, size: int) -> str:
        try:
            return self.take(size).decode()
        except UnicodeDecodeError as error:
            raise CorruptError("a name is not UTF-8") from error

    @property
    def left(self) -> int:
        return len(self._data) - self._at


def _record(head: _Cursor, before: dict[str, Record], source: Taking) -> Record:
    """The record with this head, whose frames are next in the patch."""
    what, length = _BEGIN.unpack(head.take(_BEGIN.size))
    name = head.text(length)
    if what == What.LIKE:
        like = head.text(head.left)
        other = before.get(like)
        if other is None or other.new is None:
            raise CorruptError(f"tensor {name!r}: is to be like {like!r}, of which nothing is said")
        return replace(other, what=What.LIKE, name=name, like=like)
    if what == What.REMOVED:
        record = Record(What.REMOVED, name)
    elif what in (What.CHANGED, What.SET):
        record = _content(head, What(what), name, source)
    else:
        raise UnsupportedVersionError(f"tensor {name!r}: a record of kind {what} needs a newer zipnn")
    if head.left:
        raise CorruptError(f"tensor {name!r}: its record is longer than what it says")
    return record


def _content(head: _Cursor, what: What, name: str, source: Taking) -> Record:
    kind, flags, length, dimensions, size = _FORM.unpack(head.take(_FORM.size))
    if kind > KIND_TORCH or flags & ~FLAG_BIG_ENDIAN:
        raise UnsupportedVersionError(f"tensor {name!r}: kind {kind} with flags {flags} needs a newer zipnn")
    dtype, shape = head.text(length), head.numbers(dimensions)
    count = -(-size // PIECE)
    frames = list(_FRAME.iter_unpack(head.take(_FRAME.size * count)))
    new = Described(dtype, shape, size, head.numbers(count))
    old = Described(dtype, shape, size, head.numbers(count)) if what == What.CHANGED else None
    _check_form(name, new)
    places = []
    for place, (length, checksum) in enumerate(frames):
        if length > _LARGEST_FRAME:
            raise CorruptError(f"tensor {name!r}: a frame is larger than one can be")
        if not length and (old is None or old.hashes[place] != new.hashes[place]):
            raise CorruptError(f"tensor {name!r}: nothing is said of a piece of it")
        places.append((source.position, length))
        if _core.xxh3_64(source.take(length)) != checksum:
            raise CorruptError(f"tensor {name!r}: the checksum of a frame differs")
    return Record(what, name, new, old, kind, flags, "", tuple(places))


def _check_form(name: str, tensor: Described) -> None:
    if not 1 <= len(tensor.dtype.encode()) <= limits.MAX_DTYPE_NAME:
        raise CorruptError(f"tensor {name!r}: its dtype has no name")
    if len(tensor.shape) > limits.MAX_DIMENSIONS:
        raise CorruptError(f"tensor {name!r}: {len(tensor.shape)} dimensions are too many")
    known = dtypes.BY_NAME.get(tensor.dtype)
    if known is not None and known.size(math.prod(tensor.shape)) != tensor.size:
        raise CorruptError(
            f"tensor {name!r}: {tensor.size} bytes are not {tensor.shape} elements of {tensor.dtype}"
        )


def _packed(numbers: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}Q", *numbers)
