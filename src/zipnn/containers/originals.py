# SPDX-License-Identifier: MIT
"""What a file was before it was compressed, to be read at any place as if it were there."""

from __future__ import annotations

import bisect

from ..errors import CorruptError
from ..storage.filereader import FileReader, Source, fresh_buffer
from . import kinds, safetensors_header
from .archive.reading import Archive
from .contents import Contents, StoredTensor
from .readers import read_contents
from .safetensors import TensorFile


class ArchivedFile(FileReader):
    """The original of an archive, in place of a file. The archive is closed with it."""

    def __init__(self, archive: Archive) -> None:
        self.path = archive.path
        self.size = archive.original_size
        self.stat = None
        self._fd = 0  # what tells an open file
        self._archive = archive

    def close(self) -> None:
        """Close the archive. May be called more than once."""
        self._fd = -1
        if hasattr(self, "_archive"):
            self._archive.close()

    def read(self, offset: int, size: int) -> memoryview:
        self._check(offset, size)
        return self._archive.read_range(offset, offset + size)

    def read_into(self, offset: int, buffer: memoryview) -> None:
        buffer[:] = self.read(offset, len(buffer))

    def check_unchanged(self, consequence: str = "nothing was written, try again") -> None:
        """What is decoded has checksums."""


class RestoredTensors:
    """The original of a compressed safetensors file, which stays open as long as it is used."""

    def __init__(self, file: TensorFile) -> None:
        self.path = file.path
        self.size = file.original_size
        self._file = file
        self._starts: list[int] = []
        self._parts: list[tuple[int, memoryview | str]] = []
        self._stops: list[int] = []
        end = 0
        for start, part, size in _parts(file):
            if start + size > end:
                self._starts.append(max(start, end))
                self._parts.append((start, part))
                end = start + size
                self._stops.append(end)

    def read(self, offset: int, size: int) -> memoryview:
        """Exactly `size` bytes from `offset`. Raises `CorruptError`."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise CorruptError(f"bytes {offset} to {offset + size} are needed, the original has {self.size}")
        out = fresh_buffer(size)
        done = 0
        number = max(bisect.bisect_right(self._starts, offset) - 1, 0)
        while done < size:
            at = offset + done
            start, part = self._parts[number]
            low, high = at - start, min(offset + size, self._stops[number]) - start
            piece = part[low:high] if isinstance(part, memoryview) else self._file.read_range(part, low, high)
            out[done : done + len(piece)] = piece
            done += len(piece)
            number += 1
        return out


def _parts(file: TensorFile) -> list[tuple[int, memoryview | str, int]]:
    """Offset, bytes or name of the tensor, and size of what the original consists of, by offset."""
    original = file.original
    parts: list[tuple[int, memoryview | str, int]] = [(0, original.prefix, len(original.prefix))]
    parts += [(offset, gap, len(gap)) for offset, gap in original.gaps]
    parts += [(info.start, name, info.size) for name, info in file.tensors.items() if info.size]
    return sorted(parts, key=lambda part: (part[0], part[2]))


def open_original(reader: FileReader) -> Source:
    """What a file holds: of an archive or a compressed safetensors file the original, else itself.

    Raises `CorruptError`, `UnsupportedVersionError`.
    """
    kind = kinds.kind_of(reader)
    if kind == kinds.ARCHIVE:
        return ArchivedFile(Archive(reader))
    return RestoredTensors(TensorFile(reader)) if kind == kinds.COMPRESSED else reader


def contents_of(source: Source) -> Contents:
    """What is in a file of any format, safetensors included. One that no reader knows is bytes."""
    head = bytes(source.read(0, min(source.size, 16)))
    if not safetensors_header.looks_like(head, source.size):
        return read_contents(source)
    try:
        header = safetensors_header.parse(
            safetensors_header.read_prefix(source.read, source.size), source.size
        )
    except ValueError as error:
        return Contents("bytes", note=f"taken as bytes: {error}")
    infos = header.in_data_order()
    tensors = tuple(StoredTensor(i.name, i.dtype, i.shape, i.start, i.size) for i in infos)
    return Contents(kinds.SAFETENSORS, tensors)
