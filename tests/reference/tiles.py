# SPDX-License-Identifier: MIT
"""docs/format.md, 2.4 and 2.6: tables, and the tiles coded with them."""

from __future__ import annotations

from dataclasses import dataclass

from .contexts import Contexts, read_contexts, read_contexts_by_base
from .cursor import BitCursor, Cursor, need

LONGEST_CODE = 12
FIRST_PREVIOUS = 8
LARGEST_LEVEL = 63


@dataclass(frozen=True)
class Constant:
    """Every byte of the tile is `value`; such a tile has no payload."""

    value: int


@dataclass(frozen=True)
class Huffman:
    """`codes`: symbols by (code length, code), the first bit of a code is its most significant."""

    codes: dict[tuple[int, int], int]

    @property
    def symbols(self) -> list[int]:
        return list(self.codes.values())

    def decode(self, payload: bytes, count: int) -> bytes:
        bits = [byte >> bit & 1 for byte in payload for bit in range(8)]
        at = 0
        backwards = bytearray()
        while len(backwards) < count:
            length = code = 0
            while (length, code) not in self.codes:
                need(at < len(bits), "Huffman payload too short")
                code = code << 1 | bits[at]
                length, at = length + 1, at + 1
            backwards.append(self.codes[length, code])
        need((at + 7) // 8 == len(payload), "Huffman payload too long")
        need(not any(bits[at:]), "unused bits are set")
        return bytes(reversed(backwards))


@dataclass(frozen=True)
class Layered:
    """`symbols`: by rank."""

    symbols: bytes

    def decode(self, payload: bytes, count: int) -> bytes:
        level_a, rest = _split_codes(payload, count)
        level_b, rest = _split_codes(rest, level_a.count(3))
        level_c, rest = _split_codes(rest, level_b.count(3))
        deepest = level_c.count(3)
        need(len(rest) == (deepest + 1) // 2, "wrong size of a layered payload")
        ranks = [nibble for byte in rest for nibble in (byte & 15, byte >> 4)][:deepest]
        for level in (level_c, level_b, level_a):
            deeper = iter(ranks)
            ranks = [3 + next(deeper) if code == 3 else code for code in level]
        return bytes(self.symbols[rank] if rank < len(self.symbols) else 0 for rank in ranks)


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
    return codes + last[:rest], payload[: len(payload) - size]


@dataclass(frozen=True)
class Ranked:
    """`order`: all 256 symbols by rank; `inner` codes a rank's group, `k` extra bits say which of it."""

    k: int
    order: bytes
    inner: Huffman | Layered
    paired: bool = False

    def decode(self, payload: bytes, count: int) -> bytes:
        """The groups of a tile's elements."""
        if not self.paired:
            return self.inner.decode(payload, count)
        packed = self.inner.decode(payload, count // 128 * 64 + count % 128)
        whole = len(packed) - count % 128
        groups = bytearray()
        for start in range(0, whole, 64):
            block = packed[start : start + 64]
            groups += bytes(byte & 15 for byte in block) + bytes(byte >> 4 for byte in block)
        return bytes(groups) + bytes(byte & 15 for byte in packed[whole:])

    def symbol(self, group: int, extra: int) -> int:
        return self.order[group << self.k | extra]


Table = Constant | Huffman | Layered | Ranked | Contexts


def read_table(cursor: Cursor, base_width: int = 0) -> Table:
    """The next table of a coder section; `base_width` is that of a base's elements, if there is one."""
    kind = cursor.uint(1)
    if kind == 1:
        return Constant(cursor.uint(1))
    if kind == 4:
        return _read_ranked(cursor)
    if kind == 5:
        return read_contexts(cursor)
    if kind == 7:
        need(base_width != 0, "table by a base that is not there")
        return read_contexts_by_base(cursor, base_width)
    return _read_coded(kind, cursor)


def _read_coded(kind: int, cursor: Cursor) -> Huffman | Layered:
    need(kind in (2, 3), "unknown table kind")
    return _read_huffman(cursor) if kind == 2 else _read_layered(cursor)


def _read_layered(cursor: Cursor) -> Layered:
    count = cursor.uint(1)
    need(1 <= count <= 24, "wrong count of layered symbols")
    symbols = cursor.take(count)
    need(len(set(symbols)) == count, "layered symbols repeat")
    return Layered(symbols)


def _read_ranked(cursor: Cursor) -> Ranked:
    k = cursor.uint(1)
    need(1 <= k <= 4, "wrong number of extra bits")
    order = _read_order(cursor)
    kind = cursor.uint(1)
    if kind == 6:
        return Ranked(k, order, _read_huffman(cursor), paired=True)
    inner = _read_coded(kind, cursor)
    need(all(group < 1 << (8 - k) for group in inner.symbols), "group that no rank has")
    return Ranked(k, order, inner)


def _read_order(cursor: Cursor) -> bytes:
    first, last = cursor.uint(1), cursor.uint(1)
    need(first <= last, "wrong range of symbols")
    bits = BitCursor(cursor)
    levels: list[int] = []
    level = FIRST_PREVIOUS
    for _ in range(first, last + 1):
        if bits.number(1):
            negative = bits.number(1)
            distance = 1 + bits.ones(LARGEST_LEVEL)
            level += -distance if negative else distance
        need(0 <= level <= LARGEST_LEVEL, "level out of range")
        levels.append(level)
    bits.end()
    ordered = sorted(range(first, last + 1), key=lambda symbol: (levels[symbol - first], symbol))
    return bytes((*ordered, *reversed(range(first)), *range(last + 1, 256)))


def _read_huffman(cursor: Cursor) -> Huffman:
    first, last = cursor.uint(1), cursor.uint(1)
    need(first < last, "wrong range of symbols")
    lengths = _read_lengths(cursor, last - first + 1)
    need(sum(2.0**-length for length in lengths if length) == 1, "Huffman code is not complete")
    ordered = sorted((length, first + i) for i, length in enumerate(lengths) if length)
    codes: dict[tuple[int, int], int] = {}
    code, previous = 0, 0
    for length, symbol in ordered:
        code <<= length - previous
        codes[length, code] = symbol
        code, previous = code + 1, length
    return Huffman(codes)


def _read_lengths(cursor: Cursor, count: int) -> list[int]:
    """The code length of each of `count` symbols; 0 where the symbol is not in the table."""
    bits = BitCursor(cursor)
    lengths: list[int] = []
    previous = FIRST_PREVIOUS
    while len(lengths) < count:
        ones = bits.ones(4)
        if ones == 4:
            lengths += [0] * (bits.number(8) + 1)
            continue
        previous = (previous, previous + 1, previous - 1)[ones] if ones < 3 else bits.number(4)
        need(1 <= previous <= LONGEST_CODE, "wrong code length")
        lengths.append(previous)
    need(len(lengths) == count and lengths[0] > 0 and lengths[-1] > 0, "first or last symbol is absent")
    bits.end()
    return lengths
