# SPDX-License-Identifier: MIT
"""Parts that no tensor names, joined with those they are like: what is coded together shares its tables.

Nobody asks for such a part alone, so that nothing is lost if it comes with others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ...storage.filereader import Source
from ..contents import Extent
from . import limits
from .codings import unit_of

_EXPONENTS = {"F16": ("<u2", 10, 31), "BF16": ("<u2", 7, 255), "F32": ("<u4", 23, 255)}
"""Type of the words, and where their exponents are."""
_SAMPLE = 16 << 10


def may_join(extent: Extent) -> bool:
    """Whether the extent is of a type that `groups` can tell the scale of."""
    known = extent.dtype in _EXPONENTS and not extent.big_endian
    whole = extent.size % unit_of(extent.dtype) == 0
    return known and whole and extent.size <= min(limits.GROUPED, limits.SEGMENT)


def groups(extents: Iterable[Extent], source: Source) -> Iterator[tuple[Extent, ...]]:
    """Extents of one type and of about one scale together, each group in the order of the file.

    Groups come from windows of the file, so that restoring it in order needs only a few at a time.
    """
    window: list[Extent] = []
    size = 0
    for extent in extents:
        if size + extent.size > limits.GROUPING_WINDOW:
            yield from _of_window(window, source)
            window, size = [], 0
        window.append(extent)
        size += extent.size
    yield from _of_window(window, source)


def _of_window(window: Sequence[Extent], source: Source) -> Iterator[tuple[Extent, ...]]:
    for dtype in sorted({extent.dtype for extent in window}):
        alike = [extent for extent in window if extent.dtype == dtype]
        alike.sort(key=lambda extent: (_scale(extent, source), extent.offset))
        total = sum(extent.size for extent in alike)
        most = total // max(1, round(total / limits.GROUP))
        group: list[Extent] = []
        size = 0
        for extent in alike:
            group.append(extent)
            size += extent.size
            if size >= most:
                yield _in_order(group)
                group, size = [], 0
        if group:
            yield _in_order(group)


def _in_order(group: Iterable[Extent]) -> tuple[Extent, ...]:
    return tuple(sorted(group, key=lambda extent: extent.offset))


def _scale(extent: Extent, source: Source) -> int:
    """Sum of exponents of a sample, in 1/256 a value."""
    words, shift, mask = _EXPONENTS[extent.dtype]
    size = min(extent.size, _SAMPLE)
    start = extent.offset + (extent.size - size) // 8 * 4
    exponents = (np.frombuffer(source.read(start, size), words) >> shift) & mask
    return int(exponents.sum()) * 256 // len(exponents)
