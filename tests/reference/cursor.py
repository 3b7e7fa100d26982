# SPDX-License-Identifier: MIT
"""Reading of little-endian fields, front to back, with every length checked."""

from __future__ import annotations


class BadFrameError(Exception):
    """The bytes are not a frame of version 1 as docs/format.md specifies it."""


def need(holds: bool, what: str) -> None:
    """Raise `BadFrameError` unless the rule `what` holds."""
    if not holds:
        raise BadFrameError(what)


class Cursor:
    """A place in `data` that moves forward as fields are taken."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        need(self.at + size <= len(self.data), "truncated")
        self.at += size
        return self.data[self.at - size : self.at]

    def uint(self, size: int) -> int:
        """The next `size` bytes as an unsigned integer."""
        return int.from_bytes(self.take(size), "little")

    def varint(self) -> int:
        """LEB128 in its shortest form, below 2^64."""
        value, shift = 0, 0
        while True:
            byte = self.uint(1)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                need((byte != 0 or shift == 7) and value < 1 << 64, "wrong number")
                return value

    def nibbles(self, count: int) -> list[int]:
        """`count` 4-bit values, low nibble first; a last unused nibble must be 0."""
        packed = self.take((count + 1) // 2)
        values = [nibble for byte in packed for nibble in (byte & 15, byte >> 4)]
        need(not any(values[count:]), "unused nibble is set")
        return values[:count]

    def end(self, what: str) -> None:
        """Require that everything has been taken."""
        need(self.at == len(self.data), f"{what} is not used up")


class BitCursor:
    """Bits that fill the next bytes of a cursor from bit 0 upwards; a byte is taken when it is needed."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.left: list[int] = []

    def number(self, size: int) -> int:
        """The next `size` bits, the lowest first."""
        value = 0
        for bit in range(size):
            if not self.left:
                byte = self.cursor.uint(1)
                self.left = [byte >> i & 1 for i in range(8)]
            value |= self.left.pop(0) << bit
        return value

    def ones(self, most: int) -> int:
        """The number of bits 1 up to the next bit 0, which is taken too; no more than `most` are read."""
        count = 0
        while count < most and self.number(1):
            count += 1
        return count

    def end(self) -> None:
        """Require that the unused bits of the last byte are 0."""
        need(not any(self.left), "unused bits are set")
