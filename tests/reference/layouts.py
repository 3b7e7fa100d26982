# SPDX-License-Identifier: MIT
"""docs/format.md, 2.3: from the planes of a chunk back to the bytes of its elements, and the way there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

SPARE_BITS = 3


@dataclass(frozen=True)
class Layout:
    """Element width in bytes, largest `base` (None: the layout has none) and the inverse of `z`."""

    width: int
    largest_base: int | None = None
    inverse: Callable[[int, int], int] = lambda z, base: z

    @property
    def windowed(self) -> bool:
        """True for layouts 5 and 9: exponents may be outside, and plane 1 has spare bits."""
        return self.largest_base == 224

    @property
    def exponent_at(self) -> int:
        """The lowest bit of a windowed element's exponent field."""
        return 8 * self.width - 9


def _rotr(value: int, count: int, bits: int) -> int:
    return (value >> count | value << (bits - count)) & ((1 << bits) - 1)


def _unzigzag(bits: int) -> Callable[[int, int], int]:
    return lambda z, base: (z >> 1) ^ (((1 << bits) - 1) * (z & 1))


def _float16(z: int, base: int) -> int:
    return _rotr(z, 1, 16)


def _bfloat16w(z: int, base: int) -> int:
    c, m3, m4, sign = z >> 11, z >> 8 & 7, z >> 1 & 15, z & 1
    exponent = c + base if c else 0
    return sign << 15 | exponent << 7 | m3 << 4 | m4


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
    5: Layout(2, 224, _bfloat16w),
    6: Layout(4),
    7: Layout(4, inverse=_unzigzag(32)),
    8: Layout(4, inverse=_upper(_float16)),
    9: Layout(4, 224, _upper(_bfloat16w)),
    10: Layout(8),
    11: Layout(8, inverse=_unzigzag(64)),
    12: Layout(8, 2047, _float64),
    13: Layout(1),
    14: Layout(1, inverse=lambda z, base: _rotr(z, 1, 8)),
}
STORED, ZSTD = 0, 13


def join(layout: Layout, planes: list[bytes], base: int, exponents: Mapping[int, int]) -> bytes:
    """The bytes of the elements whose planes (plane 0 the most significant) are given.

    The spare bits of plane 1 are clear; `exponents` has those of the elements outside, by position.
    """
    zs = (int.from_bytes(bytes(parts), "big") for parts in zip(*planes, strict=True))
    elements = [layout.inverse(z, base) for z in zs]
    for position, exponent in exponents.items():
        others = elements[position] & ~(0xFF << layout.exponent_at)
        elements[position] = others | exponent << layout.exponent_at
    return b"".join(x.to_bytes(layout.width, "little") for x in elements)


def split(layout_id: int, data: bytes, base: int) -> list[bytes]:
    """The planes of a layout's elements, with the spare bits of plane 1 clear."""
    layout = LAYOUTS[layout_id]
    bits = 8 * layout.width

    def forward(x: int) -> int:
        if layout_id in (3, 7, 11):
            return (x << 1 ^ ((1 << bits) - 1) * (x >> (bits - 1))) % (1 << bits)
        if layout_id in (4, 5, 8, 9):
            upper, lower = divmod(x, 1 << (bits - 16))
            z = _to_bfloat16w(upper, base) if layout.windowed else _rotr(upper, 15, 16)
            return z << (bits - 16) | lower
        if layout_id == 14:
            return _rotr(x, 7, 8)
        if layout_id == 12:
            return _rotr((_rotr(x, 63, 64) - (base << 53)) % 2**64, 61, 64)
        return x

    zs = [forward(x) for x in _elements(layout, data)]
    return [bytes(z >> (bits - 8 * (p + 1)) & 0xFF for z in zs) for p in range(layout.width)]


def outside(layout_id: int, data: bytes, base: int) -> dict[int, int]:
    """The exponents of the elements outside the window, by position; none where the layout has no window."""
    layout = LAYOUTS[layout_id]
    if not layout.windowed:
        return {}
    exponents = [x >> layout.exponent_at & 0xFF for x in _elements(layout, data)]
    return {i: e for i, e in enumerate(exponents) if e and _windowed(e, base) == 0}


def _elements(layout: Layout, data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + layout.width], "little") for i in range(0, len(data), layout.width)]


def _windowed(exponent: int, base: int) -> int:
    return exponent - base if exponent and 1 <= exponent - base <= 31 else 0


def _to_bfloat16w(x: int, base: int) -> int:
    sign, exponent, mantissa = x >> 15, x >> 7 & 0xFF, x & 0x7F
    return _windowed(exponent, base) << 11 | mantissa >> 4 << 8 | (mantissa & 15) << 1 | sign
