# SPDX-License-Identifier: MIT
"""Tensors of a safetensors file, plain or compressed, by name (docs/format.md, 3)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import BinaryIO

from .. import _core
from ..errors import CorruptError, FormatError, error_place
from ..frames import FrameReader
from ..storage.closing import Closing
from ..storage.filereader import BlockReader, FileReader, Read
from ..storage.opening import Location, open_reader
from . import legacy_tensors
from .safetensors_header import TensorInfo
from .safetensors_layout import read_layout
from .stored import Data, StoredBytes

__all__ = ["TensorFile", "TensorInfo", "open_tensors"]


def open_tensors(source: Location | BinaryIO) -> TensorFile:
    """Open a safetensors file, plain or compressed, for reading.

    Raises:
        FormatError: it is not one; the message says what it is instead, if that is known.
        CorruptError: it is damaged.
        UnsupportedVersionError: a newer zipnn wrote it.
        OSError: it cannot be read.
    """
    reader = open_reader(source)
    try:
        return TensorFile(reader)
    except BaseException:
        reader.close()
        raise


class TensorFile(Closing):
    """An open safetensors file. Its methods may be called from several threads.

    Attributes:
        path: where it is.
        compressed: whether zipnn wrote it.
        legacy: whether that was zipnn 0.5.
        metadata: `__metadata__` of the original, or None where it had none.
        tensors: the tensors in the order of the original header. dtype, shape and offsets are the
            original's.
        size: of this file, in bytes.
        original_size: of the original file, in bytes.
        original: what beside the tensors the original file consists of, if this one is compressed.
    """

    def __init__(self, reader: FileReader) -> None:
        self._reader = reader
        self._opened: dict[str, Data] = {}
        self.path = reader.path
        with error_place(f"file {self.path}"):
            self._layout = read_layout(reader)
        self.compressed = self._layout.compressed
        self.legacy = self._layout.legacy is not None
        self.metadata = self._layout.header.metadata
        self.tensors: Mapping[str, TensorInfo] = MappingProxyType(self._layout.header.tensors)
        self.size = reader.size
        self.original_size = self._layout.original.size
        self.original = self._layout.original

    def close(self) -> None:
        """Close the file. May be called more than once."""
        self._reader.close()

    def in_data_order(self) -> list[str]:
        """The names by the place of the data."""
        return [info.name for info in self._layout.header.in_data_order()]

    def read_into(self, name: str, out: memoryview, threads: int = 0) -> None:
        """Decode a tensor into `out`, writable memory of exactly its size.

        Raises:
            KeyError: there is no such tensor.
            CorruptError, UnsupportedVersionError: the file is damaged, or newer than this zipnn.
        """
        size = self.tensors[name].size
        if out.nbytes != size:
            raise ValueError(f"tensor {name!r} has {size} bytes, the output {out.nbytes}")
        with self._place(name):
            if size:
                self._data(name).decode_into(out.cast("B"), threads)

    def read_range(self, name: str, start: int, stop: int, threads: int = 0) -> memoryview:
        """The bytes [start, stop) of a tensor's data, reading and decoding only the chunks touched.

        Raises as `read_into`.
        """
        if not 0 <= start <= stop <= self.tensors[name].size:
            raise ValueError(f"tensor {name!r} has {self.tensors[name].size} bytes, not {start} to {stop}")
        if start == stop:
            return memoryview(b"")
        with self._place(name):
            return self._data(name).decode_range(start, stop, threads)

    def windows(self, name: str, threads: int = 0) -> Iterator[memoryview]:
        """A tensor's data in order, in pieces of at most 64 MiB, each valid until the next is taken.

        Raises as `read_into`.
        """
        with self._place(name):
            if self.tensors[name].size:
                yield from self._data(name).windows(threads)

    def stored_size(self, name: str) -> int:
        """Bytes that the tensor takes in this file."""
        return self._layout.places[name].size

    def codec(self, name: str) -> str:
        """How the tensor is stored: `raw`, `legacy`, or what its frame says."""
        if self._layout.legacy is not None:
            return "legacy" if self._layout.legacy[name] == "stream" else "raw"
        frame = self._frame_head(name)
        return frame.head.codec if frame else "raw"

    def legacy_version(self) -> str | None:
        """The zipnn 0.5 that wrote the file; None if none did, or no tensor tells."""
        held = self._layout.legacy or {}
        name = next((name for name, how in held.items() if how == "stream"), None)
        if name is None:
            return None
        place = self._layout.places[name]
        return ".".join(str(part) for part in self._reader.read(place.start + 2, 3))

    def reference(self, name: str) -> str | None:
        """The tensor that this one is stored as a reference to, or None."""
        if self._layout.legacy is not None:
            return None
        frame = self._frame_head(name)
        return frame.head.reference if frame else None

    def original_pieces(self, threads: int = 0) -> Iterator[tuple[int, memoryview]]:
        """The whole original file as (offset, bytes), by ascending offset, from a compressed one.

        Every byte comes once, or more often where tensors share it. A piece is valid until the next
        is taken. Raises as `read_into`.
        """
        if not self.compressed:
            raise FormatError(f"file {self.path}: not compressed by zipnn")
        yield 0, self._layout.original.prefix
        read = BlockReader(self._reader.read, self._reader.size)
        gaps = list(reversed(self._layout.original.gaps))
        for info in self._layout.header.in_data_order():
            while gaps and gaps[-1][0] < info.start:
                yield gaps.pop()
            if info.size:
                with self._place(info.name):
                    offset = info.start
                    for piece in self._open(info.name, read).windows(threads):
                        yield offset, piece
                        offset += len(piece)
        yield from reversed(gaps)

    def _place(self, name: str) -> contextlib.AbstractContextManager[None]:
        return error_place(f"file {self.path}: tensor {name!r}")

    def _data(self, name: str) -> Data:
        data = self._opened.get(name)
        if data is None:
            data = self._opened[name] = self._open(name, self._reader.read)
        return data

    def _open(self, name: str, read: Read) -> Data:
        """The data of a tensor through `read`, references resolved."""
        info = self.tensors[name]
        if self._layout.legacy is not None:
            return legacy_tensors.open_data(
                self._section(name, read), self._layout.places[name].size, info, self._layout.legacy[name]
            )
        if not self._layout.is_frame(name):
            checksums = self._layout.checksums[name] if self.compressed else None
            start = self._layout.places[name].start
            return StoredBytes(
                self._section(name, read),
                info.size,
                checksums,
                lambda offset, buffer: self._reader.read_into(start + offset, buffer),
            )
        frame = self._open_frame(name, read)
        target = frame.head.reference
        if target is None:
            return frame
        end = frame.head.head_size
        _core.check_padding(frame.head, self._section(name, read)(end, frame.head.frame_size - end))
        if target not in self.tensors or self.tensors[target].size != info.size:
            raise CorruptError(f"refers to tensor {target!r}, which is missing or of another size")
        with error_place(f"tensor {target!r}"):
            if self._layout.is_frame(target) and self._open_frame(target, read).head.reference is not None:
                raise CorruptError("is itself a reference")
            return self._open(target, read)

    def _open_frame(self, name: str, read: Read) -> FrameReader:
        """The frame of a tensor, which must be about what the original header says."""
        info = self.tensors[name]
        frame = FrameReader(self._section(name, read), self._layout.places[name].size)
        head = frame.head
        if (head.dtype, head.shape, head.data_size) != (info.dtype, info.shape, info.size):
            raise CorruptError(
                f"the frame holds {head.dtype} {list(head.shape)}, the original header says "
                f"{info.dtype} {list(info.shape)}"
            )
        return frame

    def _frame_head(self, name: str) -> FrameReader | None:
        with self._place(name):
            return self._open_frame(name, self._reader.read) if self._layout.is_frame(name) else None

    def _section(self, name: str, read: Read) -> Read:
        start = self._layout.places[name].start
        return lambda offset, size: read(start + offset, size)
