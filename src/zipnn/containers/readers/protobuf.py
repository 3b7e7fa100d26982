# SPDX-License-Identifier: MIT
"""The wire format of Protocol Buffers: fields by place, without reading what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import CorruptError, FormatError
from ...storage.filereader import BlockReader, Source

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}
_MAX_VARINT = 10


class _SmallBlocks(BlockReader):
    """Most of a model is skipped, so blocks are small."""

    BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message.

    Attributes:
        number: which one.
        kind: VARINT, FIXED64, BYTES or FIXED32.
        value: of a varint; else 0.
        start, stop: where its bytes lie in the file (of a varint: nowhere).
    """

    number: int
    kind: int
    value: int
    start: int
    stop: int


class Wire:
    """Reads fields of a file, of which there may be only so many that it does not take long."""

    def __init__(self, source: Source) -> None:
        self.size = source.size
        self._read = _SmallBlocks(source.read, source.size)
        self._fields_left = (1 << 18) + min(source.size // 4, 1 << 22)

    def fields(self, start: int, stop: int) -> Iterator[Field]:
        """The fields of the message that takes the bytes [start, stop).

        Raises:
            FormatError: it is not a message, or the file has too many fields.
        """
        place = start
        while place < stop:
            self._fields_left -= 1
            if self._fields_left < 0:
                raise FormatError("too many fields")
            tag, place = self._varint(place, stop)
            number, kind = tag >> 3, tag & 7
            value = 0
            if kind == VARINT:
                value, place = self._varint(place, stop)
                size = 0
            elif kind == BYTES:
                size, place = self._varint(place, stop)
            elif kind in _FIXED:
                size = _FIXED[kind]
            else:
                raise FormatError(f"a field of the unknown kind {kind}")
            if number == 0 or size > stop - place:
                raise CorruptError("a field that goes beyond its message")
            yield Field(number, kind, value, place, place + size)
            place += size

    def data(self, field: Field) -> bytes:
        """The bytes of a field."""
        return bytes(self._read(field.start, field.stop - field.start))

    def text(self, field: Field, limit: int) -> str:
        """The bytes of a field as text, at most `limit` of them."""
        size = min(field.stop - field.start, limit)
        return bytes(self._read(field.start, size)).decode(errors="backslashreplace")

    def integers(self, field: Field, limit: int) -> list[int]:
        """The values of a repeated integer, one of them or packed.

        Raises:
            FormatError: there are more than `limit`.
        """
        if field.kind == VARINT:
            return [field.value]
        values: list[int] = []
        place = field.start
        while place < field.stop:
            value, place = self._varint(place, field.stop)
            values.append(value)
            if len(values) > limit:
                raise FormatError(f"a list of more than {limit} numbers")
        return values

    def _varint(self, place: int, stop: int) -> tuple[int, int]:
        """The number at `place`, and where it ends."""
        value = shift = 0
        for byte in self._read(place, max(0, min(_MAX_VARINT, stop - place))):
            value |= (byte & 0x7F) << shift
            shift += 7
            place += 1
            if byte < 0x80:
                return value & (1 << 64) - 1, place
        raise CorruptError("a number that does not end")
