# SPDX-License-Identifier: MIT
"""docs/format.md, 2.3: from the planes of a chunk back to the bytes of its elements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """Element width in bytes, largest `base` (None: the layout has none) and the inverse of `z`."""

    width: int
    largest_base: int | None = None
    inverse: Callable[[int, int], int] = lambda z, base: z

    @property
    def relative16(self) -> bool:
        """True for layouts 5 and 9, where bit 0 of plane 1 belongs to plane 0."""
        return self.largest_base == 511


def _rotr(value: int, count: int, bits: int) -> int:
    return (value >> count | value << (bits - count)) & ((1 << bits) - 1)


def _unzigzag(bits: int) -> Callable[[int, int], int]:
    return lambda z, base: (z >> 1) ^ (((1 << bits) - 1) * (z & 1))


def _float16(z: int, base: int) -> int:
    return _rotr(z, 1, 16)


def _bfloat16x(z: int, base: int) -> int:
    return _rotr((_rotr(z, 1, 16) + (base << 7)) % 2**16, 1, 16)


def _upper(inverse: Callable[[int, int], int]) -> Callable[[int, int], int]:
    return lambda z, base: inverse(z >> 16, base) << 16 | z & 0xFFFF


def _float64(z: int, base: int) -> int:
    return _rotr((_rotr(z, 3, 64) + (base << 53)) % 2**64, 1, 64)


LAYOUTS = {
    0: Layout(1),
    1: Layout(1),
    2: Layout(2),
    3: Layout(2, inverse=_unzigzag(16)),
    4: Layout(2, inverse=_float16),
    5: Layout(2, 511, _bfloat16x),
    6: Layout(4),
    7: Layout(4, inverse=_unzigzag(32)),
    8: Layout(4, inverse=_upper(_float16)),
    9: Layout(4, 511, _upper(_bfloat16x)),
    10: Layout(8),
    11: Layout(8, inverse=_unzigzag(64)),
    12: Layout(8, 2047, _float64),
    13: Layout(1),
}
STORED, ZSTD = 0, 13


def join(layout: Layout, planes: list[bytes], base: int) -> bytes:
    """The bytes of the elements whose planes (plane 0 the most significant) are given."""
    elements = (int.from_bytes(bytes(parts), "big") for parts in zip(*planes, strict=True))
    return b"".join(layout.inverse(z, base).to_bytes(layout.width, "little") for z in elements)


def split(layout_id: int, data: bytes, base: int) -> list[bytes]:
    """The planes of a layout's elements: the other way round."""
    layout = LAYOUTS[layout_id]
    bits = 8 * layout.width

    def forward(x: int) -> int:
        if layout_id in (3, 7, 11):
            return (x << 1 ^ ((1 << bits) - 1) * (x >> (bits - 1))) % (1 << bits)
        if layout_id in (4, 5, 8, 9):
            upper, lower = divmod(x, 1 << (bits - 16))
            z = _rotr(upper, 15, 16)
            z = _rotr((z - (base << 7)) % 2**16, 15, 16) if layout.relative16 else z
            return z << (bits - 16) | lower
        if layout_id == 12:
            return _rotr((_rotr(x, 63, 64) - (base << 53)) % 2**64, 61, 64)
        return x

    step = range(0, len(data), layout.width)
    values = [forward(int.from_bytes(data[i : i + layout.width], "little")) for i in step]
    return [bytes(z >> (bits - 8 * (p + 1)) & 0xFF for z in values) for p in range(layout.width)]
