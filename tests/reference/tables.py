# SPDX-License-Identifier: MIT
"""Tables of docs/format.md, 2.4, written, and tiles coded with them (2.6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


class Bits:
    """Bits that fill bytes from bit 0 upwards."""

    def __init__(self) -> None:
        self.values: list[int] = []

    def number(self, value: int, size: int) -> None:
        """Append `size` bits, the lowest first."""
        self.values += [value >> i & 1 for i in range(size)]

    def code(self, value: int, size: int) -> None:
        """Append `size` bits, the highest first."""
        self.values += [value >> i & 1 for i in reversed(range(size))]

    def to_bytes(self) -> bytes:
        padded = self.values + [0] * (-len(self.values) % 8)
        return bytes(sum(padded[i + j] << j for j in range(8)) for i in range(0, len(padded), 8))


@dataclass(frozen=True)
class Constant:
    value: int

    @property
    def symbols(self) -> tuple[int, ...]:
        return (self.value,)

    def section(self) -> bytes:
        return bytes((1, self.value))


@dataclass(frozen=True)
class Huffman:
    """`lengths` by symbol; must be a complete code."""

    lengths: dict[int, int]

    @property
    def symbols(self) -> tuple[int, ...]:
        return tuple(self.lengths)

    def section(self) -> bytes:
        first, last = min(self.lengths), max(self.lengths)
        bits, previous, symbol = Bits(), 8, first
        while symbol <= last:
            length = self.lengths.get(symbol)
            if length is None:
                run = next(i for i in range(256) if symbol + i in self.lengths)
                bits.number(0b1111, 4)
                bits.number(run - 1, 8)
                symbol += run
                continue
            steps = {0: (0b0, 1), 1: (0b01, 2), -1: (0b011, 3)}
            if length - previous in steps:
                bits.number(*steps[length - previous])
            else:
                bits.number(0b0111, 4)
                bits.number(length, 4)
            previous = length
            symbol += 1
        return bytes((2, first, last)) + bits.to_bytes()

    def encode(self, tile: Sequence[int]) -> bytes:
        codes: dict[int, tuple[int, int]] = {}
        code = previous = 0
        for length, symbol in sorted((length, symbol) for symbol, length in self.lengths.items()):
            code <<= length - previous
            codes[symbol] = (code, length)
            code, previous = code + 1, length
        bits = Bits()
        for symbol in reversed(tile):
            bits.code(*codes[symbol])
        return bits.to_bytes()


@dataclass(frozen=True)
class Layered:
    """`ranks`: the symbols by rank, at most 24."""

    ranks: tuple[int, ...]

    @property
    def symbols(self) -> tuple[int, ...]:
        return self.ranks

    def section(self) -> bytes:
        return bytes((3, len(self.ranks), *self.ranks))

    def encode(self, tile: Sequence[int]) -> bytes:
        ranks = [self.ranks.index(symbol) for symbol in tile]
        levels = []
        for _ in range(3):
            levels.append(_two_bit([min(rank, 3) for rank in ranks]))
            ranks = [rank - 3 for rank in ranks if rank >= 3]
        deepest = ranks + [0] * (len(ranks) % 2)
        levels.append(bytes(low | high << 4 for low, high in zip(deepest[::2], deepest[1::2], strict=True)))
        return b"".join(reversed(levels))


@dataclass(frozen=True)
class Ranked:
    """`levels` of the symbols from `first` on; `inner` is a table of groups, or of pairs of groups."""

    k: int
    first: int
    levels: tuple[int, ...]
    inner: Huffman | Layered
    paired: bool = False

    @cached_property
    def ranks(self) -> dict[int, int]:
        """The rank of each of the 256 symbols."""
        inside = sorted((level, self.first + i) for i, level in enumerate(self.levels))
        order = [symbol for _, symbol in inside]
        order += [*reversed(range(self.first)), *range(self.first + len(self.levels), 256)]
        return {symbol: rank for rank, symbol in enumerate(order)}

    @property
    def symbols(self) -> tuple[int, ...]:
        known = self.inner.symbols
        if self.paired:  # the pairs are all those of some groups
            known = tuple(group for group in range(16) if group << 4 | group in known)
        return tuple(s for s, rank in self.ranks.items() if rank >> self.k in known)

    def section(self) -> bytes:
        bits, previous = Bits(), 8
        for level in self.levels:
            difference, previous = level - previous, level
            if difference == 0:
                bits.number(0, 1)
                continue
            bits.number(1, 1)
            bits.number(difference < 0, 1)
            bits.number((1 << abs(difference) - 1) - 1, abs(difference))
        last = self.first + len(self.levels) - 1
        return bytes((4, self.k, self.first, last)) + bits.to_bytes() + self._inner_section()

    def _inner_section(self) -> bytes:
        section = self.inner.section()
        return b"\6" + section[1:] if self.paired else section

    def encode(self, tile: Sequence[int]) -> bytes:
        groups = [self.ranks[symbol] >> self.k for symbol in tile]
        if not self.paired:
            return self.inner.encode(groups)
        whole = len(groups) // 128 * 128
        packed = []
        for start in range(0, whole, 128):
            packed += [groups[start + j] | groups[start + 64 + j] << 4 for j in range(64)]
        return self.inner.encode(packed + groups[whole:])

    def extra(self, tile: Sequence[int]) -> list[int]:
        """The extra bits of each element."""
        return [self.ranks[symbol] & (1 << self.k) - 1 for symbol in tile]


Table = Constant | Huffman | Layered | Ranked


def _two_bit(codes: list[int]) -> bytes:
    whole = len(codes) // 128 * 128
    out = bytearray()
    for start in range(0, whole, 128):
        block = codes[start : start + 128]
        out += bytes(sum(block[32 * i + j] << 2 * i for i in range(4)) for j in range(32))
    rest = codes[whole:] + [0] * (-(len(codes) - whole) % 4)
    return bytes(out) + bytes(sum(rest[i + j] << 2 * j for j in range(4)) for i in range(0, len(rest), 4))


def tables_of(plane: bytes, kinds: str, k: int = 3) -> list[Table]:
    """Tables for a plane, a letter each, that lack some of its symbols.

    c constant, h Huffman of unequal lengths, f Huffman of equal ones, l layered, r ranked with a
    Huffman table of groups, p of pairs of groups, s ranked with a layered one; these have `k` extra bits.
    """
    return [_table_of(plane, kind, k) for kind in kinds]


def _table_of(plane: bytes, kind: str, k: int, alphabet: int = 256) -> Table:
    common = [symbol for symbol, _ in Counter(plane).most_common()]
    symbols = common + [symbol for symbol in range(alphabet) if symbol not in common]
    if kind == "c":
        return Constant(symbols[0])
    if kind == "h":
        return Huffman({symbol: min(i + 1, 12) for i, symbol in enumerate(symbols[:13])})
    if kind == "f":
        return Huffman(dict.fromkeys(symbols[:16], 4))
    if kind == "l":
        return Layered(tuple(symbols[:24]))
    first, levels = _levels_of(plane)
    ranks = Ranked(k, first, levels, Layered((0,))).ranks
    groups = bytes(ranks[symbol] >> k for symbol in plane)
    if kind == "p":  # all pairs of the four first groups
        return Ranked(k, first, levels, Huffman({a << 4 | b: 4 for a in range(4) for b in range(4)}), True)
    inner = _table_of(groups, "h" if kind == "r" else "l", k, 1 << (8 - k))
    assert isinstance(inner, Huffman | Layered)
    return Ranked(k, first, levels, inner)


def _levels_of(plane: bytes) -> tuple[int, tuple[int, ...]]:
    """First symbol and levels of an order: the more frequent a symbol, the lower its level."""
    counts = Counter(plane or b"\0")
    bits = {symbol: (len(plane) // count).bit_length() for symbol, count in counts.items()}
    first, last = min(counts), max(counts)
    return first, tuple(min(2 * bits.get(symbol, 63), 63) for symbol in range(first, last + 1))
