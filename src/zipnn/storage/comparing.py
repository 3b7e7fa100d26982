# SPDX-License-Identifier: MIT
"""Comparing bytes exactly."""

from __future__ import annotations

from collections.abc import Iterator

from .filereader import Read, fresh_buffer

_STEP = 256 << 10
_READ = 1 << 20  # small enough for the allocator to hand the same pages out again


def first_difference(one: memoryview, other: memoryview) -> int | None:
    """Offset of the first byte in which two buffers of the same size differ, or None."""
    for start in range(0, len(one), _STEP):
        # A bytearray compares by memcmp; two memoryviews would element by element.
        piece, rest = bytearray(one[start : start + _STEP]), other[start : start + _STEP]
        if piece != rest:
            return start + next(i for i, (a, b) in enumerate(zip(piece, rest, strict=True)) if a != b)
    return None


def difference_from(pieces: Iterator[tuple[int, memoryview]], read: Read) -> int | None:
    """Offset of the first byte in which `pieces` (offset, bytes) differ from what `read` gives, or None."""
    for offset, piece in pieces:
        for start in range(0, len(piece), _READ):
            part = piece[start : start + _READ]
            at = first_difference(part, read(offset + start, len(part)))
            if at is not None:
                return offset + start + at
    return None


def in_order(pieces: Iterator[tuple[int, memoryview]]) -> Read:
    """A function that reads from `pieces` (offset, bytes), at offsets that do not descend."""
    at, piece = 0, memoryview(b"")

    def read(offset: int, size: int) -> memoryview:
        nonlocal at, piece
        out = fresh_buffer(size)
        done = 0
        while done < size:
            if offset + done >= at + len(piece):
                at, piece = next(pieces)
                continue
            part = piece[offset + done - at :][: size - done]
            out[done : done + len(part)] = part
            done += len(part)
        return out

    return read
