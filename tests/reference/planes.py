# SPDX-License-Identifier: MIT
"""docs/format.md, 2.5: the payload of a chunk, plane by plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .contexts import Contexts
from .cursor import Cursor, need
from .layouts import SPARE_BITS, Layout, join
from .tiles import Constant, Ranked, Table, read_table

TILE = 4096
OWN_BITS = 8 - SPARE_BITS


@dataclass(frozen=True)
class Coder:
    """What the coder section says: the layout, its base, and the tables of each plane."""

    layout: Layout
    base: int
    tables: list[list[Table]]
    base_elements: Sequence[int] = ()  # of the chunk, for a difference

    @property
    def extra_bits(self) -> int:
        """`k` of the ranked tables; 0 where there are none."""
        return max((t.k for tables in self.tables for t in tables if isinstance(t, Ranked)), default=0)

    def may_pack(self, number: int) -> bool:
        """Whether a plane may have mode 4: plane 1 with spare bits that no ranks can use."""
        return number == 1 and self.layout.windowed and any(isinstance(t, Contexts) for t in self.tables[0])


def read_tables(head: Cursor, number: int, layout: Layout, base_width: int = 0) -> list[Table]:
    """The tables of plane `number`; `base_width` is that of a base's elements, if there is one."""
    count = head.uint(1)
    need(count <= 15, "too many tables")
    tables = [read_table(head, base_width) for _ in range(count)]
    alone = count == 1 or not any(isinstance(table, Contexts) for table in tables)
    need(alone, "context table beside others")
    widths = {table.k for table in tables if isinstance(table, Ranked)}
    need(not widths or number == 0, "ranked table of another plane than 0")
    need(len(widths) <= 1, "different numbers of extra bits in a plane")
    need(not layout.windowed or widths <= {SPARE_BITS}, "extra bits do not fit the spare ones")
    return tables


@dataclass
class Plane:
    """A plane as it was read: in ranked tiles the bytes are groups, and no escape was applied."""

    data: bytearray
    tiled: bool = False
    ranked: list[tuple[range, Ranked]] = field(default_factory=list)
    escapes: dict[int, int] = field(default_factory=dict)
    exponents: dict[int, int] = field(default_factory=dict)

    def complete(self, extra: list[int]) -> bytes:
        """The plane's bytes, given the extra bits of all elements if it has ranked tiles."""
        for places, table in self.ranked:
            for i in places:
                self.data[i] = table.symbol(self.data[i], extra[i])
        for position, value in self.escapes.items():
            self.data[position] = value
        return bytes(self.data)


def decode_elements(cursor: Cursor, coder: Coder, start: int, count: int) -> bytes:
    """The bytes of `count` elements, from element `start` of the tensor on, from the planes that follow."""
    windowed = coder.layout.windowed
    first = _read_plane(cursor, coder, 0, start, count)
    extra: list[int] = []
    if first.tiled and coder.extra_bits and not windowed:
        extra = unpack(cursor, coder.extra_bits, count)
    others = [
        _read_plane(cursor, coder, number, start, count).complete([])
        for number in range(1, len(coder.tables))
    ]
    if windowed:
        extra = [byte >> OWN_BITS for byte in others[0]]
        others[0] = bytes(byte & (1 << OWN_BITS) - 1 for byte in others[0])
    return join(coder.layout, [first.complete(extra), *others], coder.base, first.exponents)


def decode_planes(cursor: Cursor, coder: Coder, count: int) -> list[bytes]:
    """Planes of `count` bytes without ranks that follow each other."""
    return [_read_plane(cursor, coder, number, 0, count).complete([]) for number in range(len(coder.tables))]


def _read_plane(cursor: Cursor, coder: Coder, number: int, start: int, count: int) -> Plane:
    tables = coder.tables[number]
    mode = cursor.uint(1)
    need(mode <= 6, "unknown plane mode")
    if mode == 0:
        return Plane(bytearray(cursor.take(count)))
    if mode == 1:
        return Plane(bytearray([cursor.uint(1)] * count))
    if mode == 4:
        need(coder.may_pack(number), "packed plane where none can be")
        return Plane(bytearray(unpack(cursor, OWN_BITS, count)))
    if mode in (5, 6):
        need(len(tables) == 1 and isinstance(tables[0], Contexts), "no context table")
        assert isinstance(tables[0], Contexts)
        plane = Plane(tables[0].decode(cursor.take(cursor.uint(4)), start, count, coder.base_elements))
    else:
        plane = _read_tiles(cursor, tables, count)
    if mode in (3, 6):
        _read_escapes(cursor, count, plane)
        may_be_outside = number == 0 and coder.layout.windowed
        need(may_be_outside or not plane.exponents, "exponent of a plane that has none")
    return plane


def _read_tiles(cursor: Cursor, tables: list[Table], count: int) -> Plane:
    need(not any(isinstance(table, Contexts) for table in tables), "tiles with a context table")
    tile_count = (count + TILE - 1) // TILE
    classes = cursor.nibbles(tile_count)
    need(all(k <= len(tables) for k in classes), "class without a table")
    coded = [tables[k - 1] if k else None for k in classes]
    places = [range(tile * TILE, min((tile + 1) * TILE, count)) for tile in range(tile_count)]
    sizes = [None if table is None or isinstance(table, Constant) else cursor.uint(2) for table in coded]
    plane = Plane(bytearray(), tiled=True)
    for table, tile, size in zip(coded, places, sizes, strict=True):
        if table is None:
            plane.data += cursor.take(len(tile))
        elif isinstance(table, Constant):
            plane.data += bytes([table.value]) * len(tile)
        else:
            assert size is not None
            assert not isinstance(table, Contexts)
            plane.data += table.decode(cursor.take(size), len(tile))
        if isinstance(table, Ranked):
            plane.ranked.append((tile, table))
    return plane


def _read_escapes(cursor: Cursor, count: int, plane: Plane) -> None:
    escape_count = cursor.uint(4)
    need(escape_count >= 1, "no escapes")
    previous = (-1, 0)
    for _ in range(escape_count):
        word = cursor.uint(4)
        position, outside, reserved, value = word & 0x3FFFF, word >> 18 & 1, word >> 19 & 31, word >> 24
        need(reserved == 0, "reserved bits of an escape are set")
        need(previous < (position, outside), "escapes out of order")
        need(position < count, "escape out of the chunk")
        (plane.exponents if outside else plane.escapes)[position] = value
        previous = position, outside


def unpack(cursor: Cursor, k: int, count: int) -> list[int]:
    """`packed(k, count)`: the values."""
    values: list[int] = []
    for _ in range(count // 128):
        block = cursor.take(16 * k)
        if k == 1:
            values += _ones(block)
        elif k == 2:
            values += _fields(block, 2)
        elif k == 3:
            values += [
                low | high << 2 for low, high in zip(_fields(block[:32], 2), _ones(block[32:]), strict=True)
            ]
        elif k == 4:
            values += _fields(block, 4)
        else:
            values += [
                low | high << 4 for low, high in zip(_fields(block[:64], 4), _ones(block[64:]), strict=True)
            ]
    return values + [byte & (1 << k) - 1 for byte in cursor.take(count % 128)]


def _ones(block: bytes) -> list[int]:
    return [byte >> bit & 1 for byte in block for bit in range(8)]


def _fields(block: bytes, k: int) -> list[int]:
    """Values whose k-bit fields are all the lowest ones first, then all the next ones, and so on."""
    return [byte >> at & (1 << k) - 1 for at in range(0, 8, k) for byte in block]
