# SPDX-License-Identifier: MIT
"""Arithmetic of shapes that come from outside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..limits import MAX_DIMENSIONS

_MAX_EXTENT = 1 << 63
_MAX_ELEMENTS = 1 << 56


def is_shape(value: object) -> bool:
    """Whether it is a tuple that can be a shape, or strides."""
    return (
        isinstance(value, tuple)
        and len(value) <= MAX_DIMENSIONS
        and all(type(extent) is int and 0 <= extent < _MAX_EXTENT for extent in value)
    )


def element_count(shape: Iterable[int]) -> int:
    """Their number; some number of 2^64 or more if it is that large (a hostile shape has many factors)."""
    extents = list(shape)
    if 0 in extents:
        return 0
    count = 1
    for extent in extents:
        count *= extent
        if count >> 64:
            break
    return count


def is_countable(shape: Iterable[int]) -> bool:
    """Whether so many elements can be: extents of 0 aside, their bytes could be counted."""
    return element_count(max(extent, 1) for extent in shape) <= _MAX_ELEMENTS


def c_order(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides in elements of an array without holes whose last index varies fastest."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 1, 0, -1):
        strides[axis - 1] = strides[axis] * shape[axis]
    return tuple(strides)


def fortran_order(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides in elements of an array without holes whose first index varies fastest."""
    return c_order(shape[::-1])[::-1]


def needed_strides(shape: Sequence[int], strides: Sequence[int]) -> tuple[int, ...] | None:
    """The strides, or None if the elements lie in C order without holes all the same.

    The stride of an axis of one element says nothing, nor does any if there is no element.
    """
    if 0 in shape:
        return None
    plain = c_order(shape)
    differ = any(n > 1 and a != b for n, a, b in zip(shape, strides, plain, strict=True))
    return tuple(strides) if differ else None


def span(shape: Sequence[int], strides: Sequence[int]) -> int:
    """Elements from the first to behind the last one, holes included."""
    if 0 in shape:
        return 0
    return 1 + sum((extent - 1) * stride for extent, stride in zip(shape, strides, strict=True))
