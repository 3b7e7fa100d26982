# SPDX-License-Identifier: MIT
"""What a file is, by its first bytes. Names never decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..errors import CorruptError, FormatError, error_place
from ..legacy import is_legacy
from ..storage.filereader import FileReader
from . import frame_stream, legacy_tensors, safetensors_header
from .archive.differences import Base
from .archive.reading import Archive
from .archive.segments import MAGIC
from .frame_stream import StreamFile
from .legacy_stream import LegacyFile
from .safetensors import TensorFile
from .safetensors_header import Header
from .safetensors_layout import FORMAT_KEY

SAFETENSORS = "safetensors"
COMPRESSED = "compressed safetensors"
ARCHIVE = "archive"
STREAM = "stream of frames"
LEGACY = "stream of zipnn 0.1 to 0.5"
OTHER = "other"
WRITTEN = frozenset({COMPRESSED, ARCHIVE, STREAM, LEGACY})
"""What zipnn of any version wrote."""
SUFFIX = ".safetensors"  # a file of this name that is not of this kind is a mistake
COMPRESSED_SUFFIX, ARCHIVE_SUFFIX = ".znn.safetensors", ".znn"  # of what stands beside its original


def kind_of(reader: FileReader) -> str:
    """One of the kinds above. A file that only resembles safetensors is `OTHER`.

    Raises:
        CorruptError: a safetensors file whose header or data are cut off.
    """
    head = _head(reader)
    if head.startswith(MAGIC):
        return ARCHIVE
    if frame_stream.is_stream(head):
        return STREAM
    if is_legacy(head):
        return LEGACY
    if not safetensors_header.looks_like(head, reader.size):
        return OTHER
    try:
        header = header_of(reader)
    except CorruptError:
        raise
    except FormatError:
        return OTHER
    ours = FORMAT_KEY in (header.metadata or {}) or legacy_tensors.is_legacy(header, reader)
    return COMPRESSED if ours else SAFETENSORS


class Content(Protocol):
    """What a compressed file holds."""

    @property
    def original_size(self) -> int: ...

    def original_pieces(self, threads: int = 0) -> Iterator[tuple[int, memoryview]]: ...


def open_content(reader: FileReader, base: Base | None = None) -> Content:
    """The original in a compressed file; `reader` stays open as long as it is used.

    Args:
        reader: the compressed file.
        base: what it is a difference to, if it is an archive that is one.

    Raises:
        FormatError: the file is not compressed by zipnn.
        CorruptError, UnsupportedVersionError: it is damaged, or newer than this zipnn.
    """
    head = _head(reader)
    if head.startswith(MAGIC):
        return Archive(reader, base)
    if frame_stream.is_stream(head):
        return StreamFile(reader)
    if is_legacy(head):
        return LegacyFile(reader)
    # A file of the name is taken by its word, so that the error says what is wrong with it.
    if safetensors_header.looks_like(head, reader.size) or reader.path.name.endswith(SUFFIX):
        file = TensorFile(reader)
        if file.compressed:
            return file
    raise FormatError(f"file {reader.path}: not compressed by zipnn")


def is_archive(reader: FileReader) -> bool:
    """Whether it is an archive, by its first bytes."""
    return _head(reader).startswith(MAGIC)


def holds_folder(content: Content) -> bool:
    """Whether it is the archive of a folder."""
    return isinstance(content, Archive) and content.index.is_folder


def is_old(content: Content) -> bool:
    """Whether zipnn 0.1 to 0.5 wrote it."""
    return isinstance(content, LegacyFile) or (isinstance(content, TensorFile) and content.legacy)


def _head(reader: FileReader) -> bytes:
    return bytes(reader.read(0, min(reader.size, 16)))


def header_of(reader: FileReader) -> Header:
    """The checked header of a safetensors file, compressed or not. Raises `FormatError`, `CorruptError`."""
    with error_place(f"file {reader.path}"):
        return safetensors_header.parse(safetensors_header.read_prefix(reader.read, reader.size), reader.size)
