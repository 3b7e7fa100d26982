# SPDX-License-Identifier: MIT
"""ZIP files that hold files with tensors: `.npz`, `.keras`, and any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ...errors import CorruptError, FormatError
from ...storage.filereader import Source
from ...storage.locations import Place
from ..contents import Contents, Deflated, Extent, StoredTensor
from . import numpy_files
from .zip_directory import DEFLATED, STORED, Entry, inflate, looks_like_zip, read_directory

Reader = Callable[[Source], "Contents | None"]

_NPY = ".npy"


@dataclass(slots=True)
class Part:
    """A stretch of a file as a file of its own."""

    source: Source
    start: int
    size: int
    path: Place

    def read(self, offset: int, size: int) -> memoryview:
        """Exactly `size` bytes from `offset`."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise CorruptError(f"bytes {offset} to {offset + size} are needed, there are {self.size}")
        return self.source.read(self.start + offset, size)


def reader(inner: tuple[Reader, ...]) -> Reader:
    """A reader of ZIP files, whose stored members it gives to the readers in `inner`."""

    def read(source: Source) -> Contents | None:
        if not looks_like_zip(source):
            return None
        found = _Members(source, inner)
        entries = read_directory(source)
        for entry in entries.values():
            found.add(entry)
        npz = bool(entries) and all(name.endswith(_NPY) for name in entries)
        return Contents(
            "npz" if npz else "zip",
            tuple(found.named_tensors()),
            tuple(found.extents),
            tuple(found.deflated),
            "; ".join(found.notes),
        )

    return read


class _Members:
    """What the members of a file have told so far."""

    def __init__(self, source: Source, inner: tuple[Reader, ...]) -> None:
        self.source = source
        self.inner = inner
        self.arrays: list[StoredTensor] = []
        self.files: dict[str, list[StoredTensor]] = {}
        self.extents: list[Extent] = []
        self.deflated: list[Deflated] = []
        self.notes: dict[str, None] = {}

    def add(self, entry: Entry) -> None:
        if entry.method == DEFLATED and entry.size:
            self._add_deflated(entry)
        elif entry.method == STORED and entry.size:
            self._add_stored(entry)

    def named_tensors(self) -> list[StoredTensor]:
        """All tensors; where several files have some, with the file's name before their own."""
        named = list(self.arrays)
        for file, tensors in self.files.items():
            prefix = f"{file}/" if len(self.files) > 1 else ""
            named += (replace(tensor, name=prefix + tensor.name) for tensor in tensors)
        return named

    def _add_deflated(self, entry: Entry) -> None:
        index = len(self.deflated)
        extents: tuple[Extent, ...] = ()
        header = self._array_header(entry) if entry.name.endswith(_NPY) else None
        if header is not None:
            room = entry.inflated_size - header.data_start
            tensor = header.tensor(entry.name.removesuffix(_NPY), header.data_start, index)
            if tensor is not None and tensor.size <= room:
                self.arrays.append(tensor)
            extent = header.extent(header.data_start, room)
            extents = (extent,) if extent and extent.size else ()
        self.deflated.append(Deflated(entry.offset, entry.size, entry.inflated_size, extents))

    def _array_header(self, entry: Entry) -> numpy_files.Header | None:
        try:
            header = numpy_files.parse_header(inflate(self.source, entry, numpy_files.MAX_HEADER))
        except FormatError:
            return None
        return header if header.data_start <= entry.inflated_size else None

    def _add_stored(self, entry: Entry) -> None:
        part = Part(self.source, entry.offset, entry.size, self.source.path / entry.name)
        contents = self._contents(part)
        if contents is None:
            return
        tensors = [replace(tensor, offset=entry.offset + tensor.offset) for tensor in contents.tensors]
        if contents.format == "npy":
            self.arrays += (replace(tensor, name=entry.name.removesuffix(_NPY)) for tensor in tensors)
        elif tensors:
            self.files[entry.name] = tensors
        self.extents += (replace(extent, offset=entry.offset + extent.offset) for extent in contents.extents)
        if contents.note:
            self.notes[contents.note] = None

    def _contents(self, part: Part) -> Contents | None:
        """What is in a stored member; None if nobody knows, or if it is damaged."""
        try:
            for read in self.inner:
                contents = read(part)
                if contents is not None:
                    return contents if not contents.deflated else None
        except FormatError as error:
            self.notes[f"{part.path.name}: {error}"] = None
        return None
