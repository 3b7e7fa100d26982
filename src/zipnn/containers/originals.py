# SPDX-License-Identifier: MIT
"""What a file was before it was compressed, to be read at any place as if it were there."""

from __future__ import annotations

import bisect
from pathlib import Path

from ..errors import CorruptError, FormatError
from ..storage.filereader import FileReader, Read, fresh_buffer
from ..storage.opening import Location, open_reader
from . import kinds
from .archive.differences import Base
from .archive.reading import Archive
from .safetensors import TensorFile


class OriginalFile(FileReader):
    """What a compressed file holds, in place of a file.

    Args:
        reader: the compressed file; closed with this.
        size: of the original.
        read: reads from the original.
    """

    def __init__(self, reader: FileReader, size: int, read: Read) -> None:
        self.path = reader.path
        self.stat = reader.stat
        self.size = size
        self._fd = 0  # what tells an open file
        self._reader = reader
        self._read = read

    def close(self) -> None:
        """Close the compressed file. May be called more than once."""
        self._fd = -1
        if hasattr(self, "_reader"):
            self._reader.close()

    def read(self, offset: int, size: int) -> memoryview:
        self._check(offset, size)
        return self._read(offset, size)

    def read_into(self, offset: int, buffer: memoryview) -> None:
        buffer[:] = self.read(offset, len(buffer))

    def check_unchanged(self, consequence: str = "nothing was written, try again") -> None:
        self._reader.check_unchanged(consequence)


class RestoredTensors:
    """The original of a compressed safetensors file, which stays open as long as it is used."""

    def __init__(self, file: TensorFile) -> None:
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


def open_original(path: Location, base: Base | None = None) -> FileReader:
    """Open a file for reading; of an archive or a compressed safetensors file, what it holds.

    Args:
        path: the file.
        base: what it is a difference to, if it is one.

    Raises:
        CorruptError, UnsupportedVersionError: it is damaged, or newer than this zipnn.
        OSError: it cannot be read.
    """
    reader = open_reader(path)
    try:
        kind = kinds.kind_of(reader)
        if kind == kinds.ARCHIVE:
            return archived_file(reader, Archive(reader, base))
        if kind == kinds.COMPRESSED:
            tensors = RestoredTensors(TensorFile(reader))
            return OriginalFile(reader, tensors.size, tensors.read)
        return reader
    except BaseException:
        reader.close()
        raise


def open_restored(path: Path) -> FileReader:
    """Open a file for reading; of a compressed safetensors file that is not damaged, what it holds."""
    reader = FileReader(path)
    try:
        if kinds.kind_of(reader) == kinds.COMPRESSED:
            tensors = RestoredTensors(TensorFile(reader))
            return OriginalFile(reader, tensors.size, tensors.read)
    except FormatError:
        pass
    except BaseException:
        reader.close()
        raise
    return reader


def archived_file(reader: FileReader, archive: Archive) -> FileReader:
    """The file that an archive holds, in place of a file.

    Raises:
        FormatError: it holds a folder.
    """
    if archive.index.is_folder:
        base = archive.index.base
        what, way = ("archive", "decompress") if base is None else (f"difference to {base}", "apply")
        raise FormatError(
            f"file {reader.path}: a folder's {what}, not a file: restore it (zipnn {way}) and give the folder"
        )
    return OriginalFile(
        reader, archive.original_size, lambda offset, size: archive.read_range(offset, offset + size)
    )
