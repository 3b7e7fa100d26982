# SPDX-License-Identifier: MIT
"""Tensor data that lie in a file as they are, behind the same methods as a frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from .. import _core
from ..errors import CorruptError
from ..storage.filereader import Read, ReadInto

GRANULE = 1 << 20  # a checksum covers this many bytes of a tensor, the last one what is left
_WINDOW = 32 << 20


class Data(Protocol):
    """The bytes of one tensor (see `frames.FrameReader`)."""

    def decode_into(self, out: memoryview, threads: int = 0) -> None: ...
    def decode_range(self, start: int, stop: int, threads: int = 0) -> memoryview: ...
    def windows(self, threads: int = 0) -> Iterator[memoryview]: ...


class StoredBytes:
    """`size` bytes from offset 0 of `read`.

    Args:
        read: where the bytes come from.
        size: how many there are.
        checksums: XXH3-64 of each granule; None where nobody wrote them down.
        read_into: as `read`, into memory that is given; None to copy.
    """

    def __init__(
        self,
        read: Read,
        size: int,
        checksums: tuple[int, ...] | None = None,
        read_into: ReadInto | None = None,
    ) -> None:
        self._read = read
        self._read_into = read_into or self._copy_into
        self._size = size
        self._checksums = checksums

    def decode_into(self, out: memoryview, threads: int = 0) -> None:
        """Read everything into `out` (exact size). Raises `CorruptError`."""
        if self._checksums is None:
            self._read_into(0, out)
            return
        # Granule by granule: a checksum is taken while its bytes are in the caches.
        for start in range(0, self._size, GRANULE):
            piece = out[start : start + GRANULE]
            self._read_into(start, piece)
            self._check(start, piece)

    def decode_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        """The bytes [start, stop). Whole granules are read where they can be checked."""
        if self._checksums is None:
            return self._read(start, stop - start)
        first = start // GRANULE * GRANULE
        last = min((stop + GRANULE - 1) // GRANULE * GRANULE, self._size)
        data = self._read(first, max(last - first, 0))
        self._check(first, data)
        return data[start - first : stop - first]

    def windows(self, threads: int = 0) -> Iterator[memoryview]:
        """Everything in order, in pieces of bounded size."""
        for start in range(0, self._size, _WINDOW):
            yield self.decode_range(start, min(start + _WINDOW, self._size), threads)

    def _copy_into(self, offset: int, buffer: memoryview) -> None:
        for start in range(0, len(buffer), _WINDOW):
            piece = buffer[start : start + _WINDOW]
            piece[:] = self._read(offset + start, len(piece))

    def _check(self, first: int, data: memoryview) -> None:
        assert self._checksums is not None
        index = first // GRANULE
        for start in range(0, len(data), GRANULE):
            if _core.xxh3_64(data[start : start + GRANULE]) != self._checksums[index]:
                raise CorruptError(f"stored bytes from {index * GRANULE}: checksum differs")
            index += 1


def checksums(data: Data, size: int) -> Iterator[int]:
    """XXH3-64 of each granule of `size` bytes of `data`, which hold nothing that could be checked."""
    for start in range(0, size, GRANULE):
        yield _core.xxh3_64(data.decode_range(start, min(start + GRANULE, size)))


def granules(size: int) -> int:
    """How many checksums belong to `size` bytes."""
    return (size + GRANULE - 1) // GRANULE
