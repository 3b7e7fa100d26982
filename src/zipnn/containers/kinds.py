# SPDX-License-Identifier: MIT
"""What a file is, by its first bytes. Names never decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..errors import CorruptError, FormatError, error_place
from ..storage.filereader import FileReader
from . import archive, safetensors_header
from .archive import Archive
from .safetensors import TensorFile
from .safetensors_header import Header
from .safetensors_layout import FORMAT_KEY

SAFETENSORS = "safetensors"
COMPRESSED = "compressed safetensors"
ARCHIVE = "archive"
OTHER = "other"
SUFFIX = ".safetensors"  # a file of this name that is not of this kind is a mistake


def kind_of(reader: FileReader) -> str:
    """One of the kinds above. A file that only resembles safetensors is `OTHER`.

    Raises:
        CorruptError: a safetensors file whose header or data are cut off.
    """
    head = _head(reader)
    if head.startswith(archive.MAGIC):
        return ARCHIVE
    if not safetensors_header.looks_like(head, reader.size):
        return OTHER
    try:
        header = header_of(reader)
    except CorruptError:
        raise
    except FormatError:
        return OTHER
    return COMPRESSED if FORMAT_KEY in (header.metadata or {}) else SAFETENSORS


class Content(Protocol):
    """What a compressed file holds."""

    original_size: int

    def original_pieces(self, threads: int = 0) -> Iterator[tuple[int, memoryview]]: ...


def open_content(reader: FileReader) -> Content:
    """The original in a compressed file; `reader` stays open as long as it is used.

    Raises:
        FormatError: the file is not compressed by zipnn.
        CorruptError, UnsupportedVersionError: it is damaged, or newer than this zipnn.
    """
    head = _head(reader)
    if head.startswith(archive.MAGIC):
        return Archive(reader)
    # A file of the name is taken by its word, so that the error says what is wrong with it.
    if safetensors_header.looks_like(head, reader.size) or reader.path.name.endswith(SUFFIX):
        file = TensorFile(reader)
        if file.compressed:
            return file
    raise FormatError(f"file {reader.path}: not compressed by zipnn")


def _head(reader: FileReader) -> bytes:
    return bytes(reader.read(0, min(reader.size, 16)))


def header_of(reader: FileReader) -> Header:
    """The checked header of a safetensors file, compressed or not. Raises `FormatError`, `CorruptError`."""
    with error_place(f"file {reader.path}"):
        return safetensors_header.parse(safetensors_header.read_prefix(reader.read, reader.size), reader.size)
