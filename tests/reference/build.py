# SPDX-License-Identifier: MIT
"""Builds frames from docs/format.md alone: every layout, mode and table, also what zipnn never writes.

It codes badly and on purpose: tables hold only some symbols, so that the others become escapes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import xxhash

from .layouts import LAYOUTS, STORED, ZSTD, split
from .planes import TILE

MAGIC = bytes.fromhex("9A5A4E46")


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


Table = Constant | Huffman | Layered


def _two_bit(codes: list[int]) -> bytes:
    whole = len(codes) // 128 * 128
    out = bytearray()
    for start in range(0, whole, 128):
        block = codes[start : start + 128]
        out += bytes(sum(block[32 * i + j] << 2 * i for i in range(4)) for j in range(32))
    rest = codes[whole:] + [0] * (-(len(codes) - whole) % 4)
    return bytes(out) + bytes(sum(rest[i + j] << 2 * j for j in range(4)) for i in range(0, len(rest), 4))


def tables_of(plane: bytes, kinds: str) -> list[Table]:
    """Tables for a plane: c constant, h Huffman of unequal lengths, f Huffman of equal ones, l layered."""
    common = [symbol for symbol, _ in Counter(plane).most_common()]
    others = [symbol for symbol in range(256) if symbol not in common]
    symbols = common + others
    made: list[Table] = []
    for kind in kinds:
        if kind == "c":
            made.append(Constant(symbols[0]))
        elif kind == "h":
            made.append(Huffman({symbol: min(i + 1, 12) for i, symbol in enumerate(symbols[:13])}))
        elif kind == "f":
            made.append(Huffman(dict.fromkeys(symbols[:16], 4)))
        else:
            made.append(Layered(tuple(symbols[:24])))
    return made


@dataclass(frozen=True)
class Plan:
    """How a plane is coded: mode "stored", "constant", "tiles" or "packed7"; tables for "tiles"."""

    mode: str = "stored"
    tables: Sequence[Table] = field(default_factory=tuple)


def encode_plane(plane: bytes, plan: Plan, low_bits: Sequence[int] | None = None) -> bytes:
    """A plane's mode and data. `low_bits` (plane 0 of layouts 5, 9): bit 0 of z, escaped where it is 1."""
    if plan.mode == "stored":
        return b"\0" + plane
    if plan.mode == "constant":
        return bytes((1, plane[0] if plane else 0))
    if plan.mode == "packed7":
        return b"\4" + _packed7(plane)
    classes, sizes, payloads = [], b"", b""
    escapes: dict[int, int] = {}
    for number, start in enumerate(range(0, len(plane), TILE)):
        tile = plane[start : start + TILE]
        table_class = (number + 1) % (len(plan.tables) + 1)
        classes.append(table_class)
        if table_class == 0:
            payloads += tile
            continue
        table = plan.tables[table_class - 1]
        escapes |= {start + i: byte for i, byte in enumerate(tile) if byte not in table.symbols}
        if not isinstance(table, Constant):
            coded = table.encode([byte if byte in table.symbols else table.symbols[0] for byte in tile])
            sizes += len(coded).to_bytes(2, "little")
            payloads += coded
    if low_bits is not None:
        escapes |= {i: plane[i] for i, bit in enumerate(low_bits) if bit}
    data = _nibbles(classes) + sizes + payloads
    if not escapes:
        return b"\2" + data
    words = [
        position | (low_bits[position] if low_bits is not None else 0) << 18 | escapes[position] << 24
        for position in sorted(escapes)
    ]
    return b"\3" + data + len(words).to_bytes(4, "little") + b"".join(w.to_bytes(4, "little") for w in words)


def _nibbles(values: list[int]) -> bytes:
    even = values + [0] * (len(values) % 2)
    return bytes(low | high << 4 for low, high in zip(even[::2], even[1::2], strict=True))


def _packed7(plane: bytes) -> bytes:
    out = bytearray()
    whole = len(plane) // 128 * 128
    for start in range(0, whole, 128):
        v = [byte & 0xFE for byte in plane[start : start + 128]]
        out += bytes(v[16 * g + j] | (v[112 + j] >> (g + 1) & 1) for g in range(7) for j in range(16))
    return bytes(out) + bytes(byte & 0xFE for byte in plane[whole:])


def build_frame(
    data: bytes,
    layout_id: int,
    plans: Sequence[Plan] = (),
    *,
    base: int = 0,
    chunk_log2: int = 12,
    **head: Any,
) -> bytes:
    """A frame of `data` with one plan for each plane of the layout; `head` as for `assemble`."""
    layout = LAYOUTS[layout_id]
    coder = b"" if layout.largest_base is None else base.to_bytes(2, "little")
    for plan in plans:
        coder += bytes((len(plan.tables),)) + b"".join(table.section() for table in plan.tables)
    size = layout.width << chunk_log2
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    coded = [(_encode_chunk(chunk, layout_id, plans, base), chunk) for chunk in chunks]
    return assemble(coded, layout_id, coder, chunk_log2=chunk_log2, **head)


def assemble(
    chunks: Sequence[tuple[bytes, bytes]],
    layout_id: int,
    coder: bytes = b"",
    *,
    chunk_log2: int = 12,
    dtype: str = "X",
    shape: tuple[int, ...] | None = None,
    kind: int = 0,
    flags: int = 0,
    attachment: bytes = b"",
    align: int = 1,
) -> bytes:
    """A frame of chunks given as (payload, decoded bytes), right or wrong, with a coder section."""
    payloads = b"".join(payload for payload, _ in chunks)
    size = sum(len(decoded) for _, decoded in chunks)
    shape = (size,) if shape is None else shape
    sections = dtype.encode() + b"".join(map(varint, shape)) + coder
    for payload, decoded in chunks:
        sections += len(payload).to_bytes(4, "little")
        sections += xxhash.xxh3_64_intdigest(decoded).to_bytes(8, "little")
    attached = len(attachment).to_bytes(4, "little") if attachment else b""
    head_size = 39 + len(attached) + len(sections) + len(attachment)
    padding = bytes(-(head_size + len(payloads)) % align)
    frame_size = head_size + len(payloads) + len(padding)
    flags |= 4 if attachment else 0
    head = MAGIC + bytes((1, layout_id, kind, flags)) + head_size.to_bytes(4, "little")
    head += frame_size.to_bytes(8, "little") + size.to_bytes(8, "little") + bytes(8)
    head += bytes((len(dtype.encode()), len(shape), chunk_log2)) + attached + sections + attachment
    return seal(head + payloads + padding)


def seal(frame: bytes) -> bytes:
    """The frame with the head's checksum made to fit."""
    head_size = int.from_bytes(frame[8:12], "little")
    digest = xxhash.xxh3_64_intdigest(frame[:28] + frame[36:head_size])
    return frame[:28] + digest.to_bytes(8, "little") + frame[36:]


def varint(value: int) -> bytes:
    """LEB128."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))


def _encode_chunk(chunk: bytes, layout_id: int, plans: Sequence[Plan], base: int) -> bytes:
    if layout_id == STORED:
        return chunk
    assert layout_id != ZSTD, "Zstandard frames are made elsewhere"
    layout = LAYOUTS[layout_id]
    count = len(chunk) // layout.width
    planes = split(layout_id, chunk[: count * layout.width], base)
    # An escape of plane 0 also sets bit 0 of plane 1, so it has to say what that is.
    low_bits = [byte & 1 for byte in planes[1]] if layout.relative16 else None
    coded = [
        encode_plane(plane, plan, low_bits if number == 0 else None)
        for number, (plane, plan) in enumerate(zip(planes, plans, strict=True))
    ]
    return b"".join(coded) + chunk[count * layout.width :]
