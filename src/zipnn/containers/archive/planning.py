# SPDX-License-Identifier: MIT
"""Cutting a file into what its segments will hold: tensors, pools of small parts, and the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ... import blocks
from ...storage.filereader import Source
from ..contents import Contents, Deflated, Extent
from ..sniffing import sniff
from . import grouping, limits
from .codings import unit_of
from .differences import BasePlace


@dataclass(frozen=True, slots=True)
class Part:
    """What one segment will hold.

    Attributes:
        extents: all of the same type; more than one make a pool.
        deflated: the member that the part is, if it is one; the extent then is its compressed form.
        base: the counterpart of each extent in a base; empty if they have none.
    """

    extents: tuple[Extent, ...]
    deflated: Deflated | None = None
    base: tuple[BasePlace, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the original."""
        return sum(extent.size for extent in self.extents)

    @property
    def dtype(self) -> str:
        """Of its elements."""
        return self.extents[0].dtype

    @property
    def coding(self) -> str:
        """Name of the coding (see `codings`) that suits it."""
        if self.deflated is not None:
            return "deflate"
        known = blocks.BY_NAME.get(self.dtype)
        return "blocks" if known and self.size % known.size == 0 else "plain"


def make_plan(source: Source, contents: Contents) -> list[Part]:
    """The parts of a file, which together hold each byte once: pools first, then by offset.

    Args:
        source: the file.
        contents: what a reader says of it; checked, so all within the file.
    """
    # Without tensors in it there is little to gain, and text takes no less for being inflated first.
    deflated = sorted((member for member in contents.deflated if member.extents), key=lambda m: m.offset)
    compressed = [Extent(member.offset, member.size, "U8") for member in deflated]
    typed = list(_disjoint([*compressed, *_typed(contents)]))
    members = {(member.offset, member.size): member for member in deflated}
    named = {tensor.offset for tensor in contents.tensors if tensor.member is None}
    parts: list[Part] = []
    small: list[Extent] = []
    loose: list[Extent] = []
    for extent in _with_gaps(typed, source):
        member = members.get((extent.offset, extent.size))
        if member is not None:
            parts.append(Part((extent,), member))
        elif extent.size < limits.SMALL:
            small.append(extent)
        elif extent.offset not in named and grouping.may_join(extent):
            loose.append(extent)
        else:
            parts += (Part((piece,)) for piece in cut(extent))
    return [*_pools(small), *(Part(group) for group in grouping.groups(loose, source)), *parts]


def _typed(contents: Contents) -> Iterator[Extent]:
    for tensor in contents.tensors:
        if tensor.member is None and tensor.size:
            shape = tensor.shape if tensor.strides is None else ()
            yield Extent(tensor.offset, tensor.size, tensor.dtype, tensor.big_endian, shape)
    yield from contents.extents


def _disjoint(extents: Iterable[Extent]) -> Iterator[Extent]:
    """The same bytes, each once. Where extents overlap, the first to begin keeps its bytes."""
    end = 0
    for extent in sorted(extents, key=lambda extent: (extent.offset, -extent.size)):
        start = max(extent.offset, end)
        if start > extent.offset:
            width = unit_of(extent.dtype)
            start += -(start - extent.offset) % width
        size = extent.offset + extent.size - start
        if size > 0:
            yield extent if size == extent.size else replace(extent, offset=start, size=size, shape=())
            end = start + size


def _with_gaps(typed: Iterable[Extent], source: Source) -> Iterator[Extent]:
    """The extents and what lies between them, in order; large gaps typed by what they hold."""
    at = 0
    for extent in [*typed, Extent(source.size, 0, "U8")]:
        gap = extent.offset - at
        if gap >= limits.GAP:
            yield from (replace(extent, guessed=True) for extent in sniff(source.read, at, gap))
        elif gap:
            yield Extent(at, gap, "U8")
        if extent.size:
            yield extent
        at = extent.offset + extent.size


def cut(extent: Extent) -> Iterator[Extent]:
    """An extent in pieces of whole elements that a segment can hold."""
    if extent.size <= limits.SEGMENT:
        if extent.size:
            yield extent
        return
    unit = unit_of(extent.dtype)
    row = math.prod(extent.shape[1:]) * unit
    by_rows = len(extent.shape) > 1 and 0 < row <= limits.SEGMENT and row * extent.shape[0] == extent.size
    step = limits.SEGMENT // row * row if by_rows else limits.SEGMENT // unit * unit
    for start in range(0, extent.size, step):
        size = min(step, extent.size - start)
        shape = (size // row, *extent.shape[1:]) if by_rows else ()
        yield replace(extent, offset=extent.offset + start, size=size, shape=shape)


def _pools(small: Iterable[Extent]) -> list[Part]:
    """Small extents of one type together, as far as a pool holds."""
    pools: list[Part] = []
    open_pools: dict[tuple[str, bool], list[Extent]] = {}
    sizes: dict[tuple[str, bool], int] = {}
    for extent in small:
        # Parts of elements would leave the others of the pool out of step.
        whole = extent.size % unit_of(extent.dtype) == 0
        key = (extent.dtype, extent.big_endian) if whole else ("U8", False)
        if key not in sizes and len(sizes) >= limits.POOL_TYPES:
            key = ("U8", False)
        if sizes.get(key, 0) + extent.size > limits.POOL:
            pools.append(Part(tuple(open_pools.pop(key))))
            sizes[key] = 0
        open_pools.setdefault(key, []).append(replace(extent, dtype=key[0], big_endian=key[1], shape=()))
        sizes[key] = sizes.get(key, 0) + extent.size
    return [*pools, *(Part(tuple(extents)) for extents in open_pools.values())]
