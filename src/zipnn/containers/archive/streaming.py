# SPDX-License-Identifier: MIT
"""An archive of what comes piece by piece: a stream of bytes, or tensors one after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType

from ...frames import check_arguments
from ...storage.filereader import fresh_buffer
from ..contents import Extent, StoredTensor, is_text
from ..shapes import is_countable, is_shape
from ..sniffing import sniff
from . import limits
from .index import Index
from .planning import cut
from .segments import SegmentWriter, Sink


class ArchiveWriter:
    """Writes a sequential archive: it can be read front to back as well as at any place.

    Holds at most one segment of data (64 MiB). Nothing is an archive before `close`.

    Args:
        sink: gets the archive through `write` alone.
        name: of the original, for people.
        level: see `frames`.
        threads: see `_core`.
    """

    def __init__(self, sink: Sink, *, name: str = "", level: str = "default", threads: int = 0) -> None:
        self._writer = SegmentWriter(sink, level, threads)
        self._writer.begin(sequential=True)
        self._name = name
        self._tensors: dict[str, StoredTensor] = {}
        self._buffer = memoryview(b"")
        self._filled = 0
        self._size = 0
        self._closed = False

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()

    @property
    def size(self) -> int:
        """Bytes of the original so far."""
        return self._size + self._filled

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Add bytes of any type: what they are is found out from their content. Returns their number."""
        self._check_open()
        view = memoryview(data).cast("B")
        for start in range(0, len(view), limits.SEGMENT):
            self._fill(view[start : start + limits.SEGMENT])
        return len(view)

    def add(self, name: str, data: memoryview, dtype: str, shape: Sequence[int]) -> None:
        """Add a tensor.

        Args:
            name: under which it is found.
            data: its elements in C order, little-endian.
            dtype: safetensors' name.
            shape: in elements.

        Raises:
            ValueError: there is one of that name, name or dtype are not text that UTF-8 can express, or
                the size does not fit. Nothing has been added then.
        """
        self._check_open()
        if name in self._tensors:
            raise ValueError(f"there is a tensor {name!r} already")
        if not is_text(name) or not is_text(dtype):
            raise ValueError(f"tensor {name!r} of dtype {dtype!r}: UTF-8 cannot express this")
        extents = tuple(shape)
        if not is_shape(extents) or not is_countable(extents):
            raise ValueError(f"tensor {name!r}: there is no shape {extents}")
        view = memoryview(data).cast("B") if math.prod(extents) else memoryview(b"")
        check_arguments(len(view), dtype, extents, self._writer.level, self._writer.threads)
        self._flush()
        self._tensors[name] = StoredTensor(name, dtype, extents, self._size, len(view))
        start = self._size
        for extent in cut(Extent(start, len(view), dtype)):
            piece = view[extent.offset - start :][: extent.size]
            self._writer.add_bytes(extent.offset, piece, extent)
        self._size += len(view)

    def close(self) -> int:
        """Write what is left and the index; returns the archive's size. The sink stays open."""
        self._check_open()
        self._flush()
        self._closed = True
        form = "tensors" if self._tensors else "bytes"
        return self._writer.finish(
            Index(self._name, self._size, form, tuple(self._writer.segments), self._tensors)
        )

    def _fill(self, view: memoryview) -> None:
        if not len(self._buffer):
            self._buffer = fresh_buffer(limits.SEGMENT)
        room = len(self._buffer) - self._filled
        self._buffer[self._filled : self._filled + min(room, len(view))] = view[:room]
        self._filled += min(room, len(view))
        if self._filled == len(self._buffer):
            self._flush()
            self._buffer[: len(view) - room] = view[room:]
            self._filled = len(view) - room

    def _flush(self) -> None:
        """Code what was collected."""
        data = self._buffer[: self._filled]
        for extent in sniff(lambda offset, size: data[offset : offset + size], 0, len(data)) if data else ():
            piece = data[extent.offset : extent.offset + extent.size]
            self._writer.add_bytes(self._size + extent.offset, piece, replace(extent, guessed=True))
        self._size += self._filled
        self._filled = 0

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("the archive is closed")
