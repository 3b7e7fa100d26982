# SPDX-License-Identifier: MIT
"""docs/format.md, 2.5: the payload of a chunk, plane by plane."""

from __future__ import annotations

from dataclasses import dataclass

from .cursor import Cursor, need
from .layouts import Layout, join
from .tiles import Constant, Table

TILE = 4096


@dataclass(frozen=True)
class Coder:
    """What the coder section says: the layout, its base, and the tables of each plane."""

    layout: Layout
    base: int
    tables: list[list[Table]]


def decode_elements(cursor: Cursor, coder: Coder, count: int) -> bytes:
    """The bytes of `count` elements from the planes that follow in the payload."""
    planes: list[bytearray] = []
    low_bits: dict[int, int] = {}
    for number, tables in enumerate(coder.tables):
        owns_low_bit = coder.layout.relative16 and number == 0
        plane, escapes = _decode_plane(cursor, tables, count, coder.layout.relative16 and number == 1)
        for position, low_bit, value in escapes:
            need(owns_low_bit or low_bit == 0, "escape sets a bit that the plane does not have")
            plane[position] = value
            if owns_low_bit:
                low_bits[position] = low_bit
        planes.append(plane)
    for position, low_bit in low_bits.items():
        planes[1][position] = planes[1][position] & 0xFE | low_bit
    return join(coder.layout, [bytes(plane) for plane in planes], coder.base)


Escape = tuple[int, int, int]  # position, bit 0 of z, byte of the plane


def _decode_plane(
    cursor: Cursor, tables: list[Table], count: int, may_pack: bool
) -> tuple[bytearray, list[Escape]]:
    mode = cursor.uint(1)
    if mode == 0:
        return bytearray(cursor.take(count)), []
    if mode == 1:
        return bytearray([cursor.uint(1)] * count), []
    if mode in (2, 3):
        plane = _decode_tiles(cursor, tables, count)
        return plane, _read_escapes(cursor, count) if mode == 3 else []
    need(mode == 4 and may_pack, "unknown plane mode")
    return _unpack7(cursor, count), []


def _decode_tiles(cursor: Cursor, tables: list[Table], count: int) -> bytearray:
    tile_count = (count + TILE - 1) // TILE
    classes = cursor.nibbles(tile_count)
    need(all(k <= len(tables) for k in classes), "class without a table")
    coded = [tables[k - 1] if k else None for k in classes]
    lengths = [min(TILE, count - tile * TILE) for tile in range(tile_count)]
    sizes = [None if table is None or isinstance(table, Constant) else cursor.uint(2) for table in coded]
    plane = bytearray()
    for table, length, size in zip(coded, lengths, sizes, strict=True):
        if table is None:
            plane += cursor.take(length)
        elif isinstance(table, Constant):
            plane += bytes([table.value]) * length
        else:
            assert size is not None
            plane += table.decode(cursor.take(size), length)
    return plane


def _read_escapes(cursor: Cursor, count: int) -> list[Escape]:
    escape_count = cursor.uint(4)
    need(escape_count >= 1, "no escapes")
    escapes: list[Escape] = []
    previous = -1
    for _ in range(escape_count):
        word = cursor.uint(4)
        position, low_bit, reserved, value = word & 0x3FFFF, word >> 18 & 1, word >> 19 & 31, word >> 24
        need(reserved == 0, "reserved bits of an escape are set")
        need(previous < position < count, "escapes out of order or out of the chunk")
        escapes.append((position, low_bit, value))
        previous = position
    return escapes


def _unpack7(cursor: Cursor, count: int) -> bytearray:
    plane = bytearray()
    for _ in range(count // 128):
        packed = cursor.take(112)
        plane += bytes(byte & 0xFE for byte in packed)
        plane += bytes(sum((packed[16 * g + j] & 1) << (g + 1) for g in range(7)) for j in range(16))
    rest = cursor.take(count % 128)
    need(not any(byte & 1 for byte in rest), "bit 0 of a packed plane is set")
    return plane + rest
