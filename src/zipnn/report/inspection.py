# SPDX-License-Identifier: MIT
"""`inspect`: what a file holds, how it is stored and how small it could be."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from .. import _core, dtypes
from ..containers import kinds
from ..containers.archive import open_archive
from ..containers.safetensors import open_tensors
from ..errors import error_place
from ..frames import FrameReader
from ..storage.filereader import FileReader, Read

_FORMAT_VERSION = 1  # the only one that opens


@dataclass(frozen=True, slots=True)
class TensorReport:
    """One tensor of a safetensors file, or one segment of an archive.

    Attributes:
        name: the tensor's name; for a segment of bytes, where it begins in the original.
        dtype: safetensors' name.
        shape: the original's.
        codec: how it is stored; `raw` where it is as it was.
        original_size: bytes of data.
        stored_size: bytes that it takes in the file.
        same_as: name of the tensor with the same bytes that stands for this one, or None.
        bound: bytes that an order-0 coder of the data's fields needs at least, in windows of at most
            64 MiB; None if it was not asked for.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    codec: str
    original_size: int
    stored_size: int
    same_as: str | None = None
    bound: int | None = None


@dataclass(frozen=True, slots=True)
class FileReport:
    """A whole file.

    Attributes:
        path: the file.
        kind: `safetensors`, `compressed safetensors` or `archive`.
        format_version: of zipnn's format; None for a plain file.
        original_size: bytes of the original file.
        stored_size: bytes of this file.
        metadata: of the original; None where it has none.
        tensors: in the order of their data.
    """

    path: Path
    kind: str
    format_version: int | None
    original_size: int
    stored_size: int
    metadata: dict[str, str] | None
    tensors: tuple[TensorReport, ...]

    @property
    def ratio(self) -> float:
        """Stored size as a part of the original size."""
        return self.stored_size / self.original_size if self.original_size else 1.0

    @property
    def bound(self) -> int | None:
        """Sum of the tensors' bounds, each different tensor counted once; None if not asked for."""
        bounds = [tensor.bound for tensor in self.tensors if tensor.same_as is None]
        return sum(bound for bound in bounds if bound is not None) if None not in bounds else None


def inspect(path: str | os.PathLike[str], bound: bool = False, threads: int | None = None) -> FileReport:
    """Report on a safetensors file, compressed or not, or on an archive.

    Args:
        path: the file.
        bound: also compute the entropy bounds, for which everything is read and decoded.
        threads: threads that decode; None for the default.

    Raises:
        FormatError: the file is of another kind.
        CorruptError, UnsupportedVersionError: it is damaged, or written by a newer zipnn.
        OSError: it cannot be read.
    """
    with FileReader(path) as reader:
        kind = kinds.kind_of(reader)
    if kind == kinds.ARCHIVE:
        return _inspect_archive(path, bound, threads or 0)
    return _inspect_tensors(path, bound, threads or 0)


def _inspect_tensors(path: str | os.PathLike[str], bound: bool, threads: int) -> FileReport:
    with open_tensors(path) as file:
        tensors = []
        for name in file.in_data_order():
            info = file.tensors[name]
            same_as = file.reference(name)
            tensors.append(
                TensorReport(
                    name,
                    info.dtype,
                    info.shape,
                    file.codec(name),
                    info.stop - info.start,
                    file.stored_size(name),
                    same_as,
                    _bound(file.windows(name, threads), info.dtype) if bound else None,
                )
            )
        return FileReport(
            file.path,
            kinds.COMPRESSED if file.compressed else kinds.SAFETENSORS,
            _FORMAT_VERSION if file.compressed else None,
            file.original_size,
            file.size,
            file.metadata,
            tuple(tensors),
        )


def _inspect_archive(path: str | os.PathLike[str], bound: bool, threads: int) -> FileReport:
    with open_archive(path) as archive, FileReader(path) as reader, error_place(f"file {reader.path}"):
        segments = []
        for segment in archive.segments:
            with error_place(f"segment at {segment.offset}"):
                frame = FrameReader(_section(reader, segment.at), segment.length)
                head = frame.head
                segments.append(
                    TensorReport(
                        f"bytes from {segment.offset}",
                        head.dtype,
                        head.shape,
                        head.codec,
                        head.data_size,
                        segment.length,
                        bound=_bound(frame.windows(threads), head.dtype) if bound else None,
                    )
                )
        return FileReport(
            reader.path,
            kinds.ARCHIVE,
            _FORMAT_VERSION,
            archive.original_size,
            reader.size,
            None,
            tuple(segments),
        )


def _section(reader: FileReader, start: int) -> Read:
    return lambda offset, size: reader.read(start + offset, size)


def _bound(windows: Iterable[memoryview], dtype: str) -> int:
    family = dtypes.named(dtype).family
    return ceil(sum(_core.order0(window, family) * len(window) / 8 for window in windows))
