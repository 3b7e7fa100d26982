# SPDX-License-Identifier: MIT
"""docs/format.md, 2.4 and 2.6: tables, and the tiles coded with them."""

from __future__ import annotations

from dataclasses import dataclass

from .cursor import Cursor, need

LONGEST_CODE = 12
FIRST_PREVIOUS = 8


@dataclass(frozen=True)
class Constant:
    """Every byte of the tile is `value`; such a tile has no payload."""

    value: int


@dataclass(frozen=True)
class Huffman:
    """Symbols by (code length, code), the code read from its first bit as the most significant one."""

    symbols: dict[tuple[int, int], int]

    def decode(self, payload: bytes, count: int) -> bytes:
        bits = [byte >> bit & 1 for byte in payload for bit in range(8)]
        at = 0
        backwards = bytearray()
        while len(backwards) < count:
            length = code = 0
            while (length, code) not in self.symbols:
                need(at < len(bits), "Huffman payload too short")
                code = code << 1 | bits[at]
                length, at = length + 1, at + 1
            backwards.append(self.symbols[length, code])
        need((at + 7) // 8 == len(payload), "Huffman payload too long")
        need(not any(bits[at:]), "unused bits are set")
        return bytes(reversed(backwards))


@dataclass(frozen=True)
class Layered:
    """Symbols by rank."""

    ranks: bytes

    def decode(self, payload: bytes, count: int) -> bytes:
        level_a, rest = _split_codes(payload, count)
        level_b, rest = _split_codes(rest, level_a.count(3))
        level_c, rest = _split_codes(rest, level_b.count(3))
        codes = Cursor(rest)
        level_d = codes.nibbles(level_c.count(3))
        codes.end("layered payload")
        ranks = level_d
        for level in (level_c, level_b, level_a):
            deeper = iter(ranks)
            ranks = [3 + next(deeper) if code == 3 else code for code in level]
        return bytes(self.ranks[rank] if rank < len(self.ranks) else 0 for rank in ranks)


def _split_codes(payload: bytes, count: int) -> tuple[list[int], bytes]:
    """Take `count` 2-bit codes off the payload's end: the codes, and what is before them."""
    whole, rest = divmod(count, 128)
    size = 32 * whole + (rest + 3) // 4
    need(size <= len(payload), "layered payload too short")
    packed = payload[len(payload) - size :]
    codes = []
    for block in range(whole):
        for element in range(128):
            i, j = divmod(element, 32)
            codes.append(packed[32 * block + j] >> (2 * i) & 3)
    last = [byte >> shift & 3 for byte in packed[32 * whole :] for shift in (0, 2, 4, 6)]
    need(not any(last[rest:]), "unused bits are set")
    return codes + last[:rest], payload[: len(payload) - size]


Table = Constant | Huffman | Layered


def read_table(cursor: Cursor) -> Table:
    """The next table of a coder section."""
    kind = cursor.uint(1)
    if kind == 1:
        return Constant(cursor.uint(1))
    if kind == 2:
        return _read_huffman(cursor)
    need(kind == 3, "unknown table kind")
    count = cursor.uint(1)
    need(1 <= count <= 24, "wrong count of layered symbols")
    symbols = cursor.take(count)
    need(len(set(symbols)) == count, "layered symbols repeat")
    return Layered(symbols)


def _read_huffman(cursor: Cursor) -> Huffman:
    first, last = cursor.uint(1), cursor.uint(1)
    need(first < last, "wrong range of symbols")
    lengths = _read_lengths(cursor, last - first + 1)
    need(sum(2.0**-length for length in lengths if length) == 1, "Huffman code is not complete")
    ordered = sorted((length, first + i) for i, length in enumerate(lengths) if length)
    symbols: dict[tuple[int, int], int] = {}
    code, previous = 0, 0
    for length, symbol in ordered:
        code <<= length - previous
        symbols[length, code] = symbol
        code, previous = code + 1, length
    return Huffman(symbols)


def _read_lengths(cursor: Cursor, count: int) -> list[int]:
    """The code length of each of `count` symbols; 0 where the symbol is not in the table."""
    bits: list[int] = []

    def number(size: int) -> int:
        value = 0
        for bit in range(size):
            if not bits:
                byte = cursor.uint(1)
                bits.extend(byte >> i & 1 for i in range(8))
            value |= bits.pop(0) << bit
        return value

    lengths: list[int] = []
    previous = FIRST_PREVIOUS
    while len(lengths) < count:
        ones = 0
        while ones < 4 and number(1):
            ones += 1
        if ones == 4:
            lengths += [0] * (number(8) + 1)
            continue
        previous = (previous, previous + 1, previous - 1)[ones] if ones < 3 else number(4)
        need(1 <= previous <= LONGEST_CODE, "wrong code length")
        lengths.append(previous)
    need(len(lengths) == count and lengths[0] > 0 and lengths[-1] > 0, "first or last symbol is absent")
    need(not any(bits), "unused bits are set")
    return lengths
