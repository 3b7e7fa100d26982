# SPDX-License-Identifier: MIT
"""`inspect`: what a file holds, how it is stored and how small it could be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from .. import _core, dtypes
from ..blocks import BY_NAME
from ..containers import kinds
from ..containers.archive.index import Segment
from ..containers.archive.reading import Archive
from ..containers.frame_stream import StreamFile
from ..containers.legacy_stream import LegacyFile
from ..containers.safetensors import TensorFile
from ..errors import error_place
from ..frames import FrameReader
from ..storage.filereader import FileReader, Read
from ..storage.locations import Place
from ..storage.opening import Location, open_reader

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
        kind: `safetensors`, `compressed safetensors`, `archive`, `stream of frames` or
            `stream of zipnn 0.1 to 0.5`.
        format_version: of zipnn's format; None for a plain file, and for what zipnn 0.1 to 0.5 wrote.
        original_size: bytes of the original file.
        stored_size: bytes of this file.
        metadata: of the original; None where it has none.
        tensors: in the order of their data.
    """

    path: Place
    kind: str
    format_version: int | None
    original_size: int
    stored_size: int
    metadata: dict[str, str] | None
    tensors: tuple[TensorReport, ...]
    written_by: str | None = None
    """The zipnn of 0.1 to 0.5 that wrote the file, such as "0.5.4", or "0.5" where it does not say more."""
    delta: bool = False
    """Whether it holds a difference to a base, without which it cannot be decoded."""
    base: str | None = None
    """Name and id of that base, where the file says them."""

    @property
    def ratio(self) -> float:
        """Stored size as a part of the original size."""
        return self.stored_size / self.original_size if self.original_size else 1.0

    @property
    def bound(self) -> int | None:
        """Sum of the tensors' bounds, each different tensor counted once; None if not asked for."""
        bounds = [tensor.bound for tensor in self.tensors if tensor.same_as is None]
        return sum(bound for bound in bounds if bound is not None) if None not in bounds else None


def inspect(path: Location, bound: bool = False, threads: int | None = None) -> FileReport:
    """Report on a safetensors file, compressed or not, on an archive, or on a stream of any version.

    Args:
        path: the file, or its URL.
        bound: also compute the entropy bounds, for which everything is read and decoded.
        threads: threads that decode; None for the default.

    Raises:
        FormatError: the file is of another kind.
        CorruptError, UnsupportedVersionError: it is damaged, or written by a newer zipnn.
        OSError: it cannot be read.
    """
    by_kind = {
        kinds.ARCHIVE: _inspect_archive,
        kinds.STREAM: _inspect_stream,
        kinds.LEGACY: _inspect_legacy,
    }
    with open_reader(path) as reader:
        inspect_kind = by_kind.get(kinds.kind_of(reader), _inspect_tensors)
        return inspect_kind(reader, bound, threads or 0)


def _inspect_tensors(reader: FileReader, bound: bool, threads: int) -> FileReport:
    with TensorFile(reader) as file:
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
            _FORMAT_VERSION if file.compressed and not file.legacy else None,
            file.original_size,
            file.size,
            file.metadata,
            tuple(tensors),
            (file.legacy_version() or "0.5") if file.legacy else None,
        )


def _inspect_archive(reader: FileReader, bound: bool, threads: int) -> FileReport:
    with Archive(reader) as archive:
        names = {tensor.offset: name for name, tensor in reversed([*archive.tensors.items()])}
        firsts: dict[int, str] = {}
        reports = []
        for segment in archive.segments:
            name = _segment_name(segment, names)
            first = firsts.setdefault(segment.at, name)
            reports.append(_segment_report(archive, segment, name, first, bound, threads))
        return FileReport(
            archive.path,
            kinds.ARCHIVE,
            _FORMAT_VERSION,
            archive.original_size,
            archive.size,
            None,
            tuple(reports),
            delta=archive.index.base is not None,
            base=None if archive.index.base is None else str(archive.index.base),
        )


def _segment_name(segment: Segment, names: dict[int, str]) -> str:
    if segment.is_pool:
        return f"{len(segment.pieces)} small parts from {segment.offset}"
    return names.get(segment.offset) or f"bytes from {segment.offset}"


def _segment_report(
    archive: Archive, segment: Segment, name: str, first: str, bound: bool, threads: int
) -> TensorReport:
    data = archive.segment_data(segment)
    head = data.frames[0].head
    tensor = archive.tensors.get(name)
    whole = tensor is not None and (tensor.offset, tensor.size) == (segment.offset, segment.size)
    differs = segment.coding in ("delta", "base")
    with error_place(f"file {archive.path}: segment at {segment.offset}"):
        return TensorReport(
            name,
            str(segment.options.get("type", head.dtype)),
            tensor.shape if tensor is not None and whole else (_elements(segment, data.frames),),
            head.codec if segment.coding == "plain" else f"{segment.coding}, {head.codec}",
            sum(piece.size for piece in segment.pieces),
            segment.length,
            None if name == first else first,
            # Not bounded where a base is missing: the difference says nothing about the data.
            _bound(data.windows(threads), head.dtype) if bound and not differs else None,
        )


def _elements(segment: Segment, frames: Sequence[FrameReader]) -> int:
    """How many elements a segment has, in whatever frames it holds them."""
    block = BY_NAME.get(str(segment.options.get("type")))
    if block is not None:
        return segment.size // block.size * block.elements
    return sum(frame.head.data_size * 8 // (dtypes.named(frame.head.dtype).bits or 8) for frame in frames)


def _inspect_stream(reader: FileReader, bound: bool, threads: int) -> FileReport:
    with error_place(f"file {reader.path}"):
        stream = StreamFile(reader)
        frames = tuple(
            _frame_report(part.frame, f"bytes from {part.offset}", part.frame.head.frame_size, bound, threads)
            for part in stream.parts
        )
        return FileReport(
            reader.path,
            kinds.STREAM,
            _FORMAT_VERSION,
            stream.original_size,
            reader.size,
            None,
            frames,
            delta=stream.base is not None,
        )


def _inspect_legacy(reader: FileReader, bound: bool, threads: int) -> FileReport:
    with error_place(f"file {reader.path}"):
        file = LegacyFile(reader)
        info = file.info
        size = file.original_size
        # Not bounded where a base is missing: the difference says nothing about the data.
        measured = bound and not info.delta
        pieces = (piece for _, piece in file.original_pieces(threads)) if measured else ()
        whole = TensorReport(
            "bytes from 0" if info.shape is None else "tensor",
            info.dtype,
            (size * 8 // dtypes.BY_NAME[info.dtype].bits,) if info.shape is None else info.shape,
            f"legacy {info.method}",
            size,
            reader.size,
            bound=_bound(pieces, info.dtype) if measured else None,
        )
        return FileReport(
            reader.path, kinds.LEGACY, None, size, reader.size, None, (whole,), info.version, info.delta
        )


def _frame_report(frame: FrameReader, name: str, stored_size: int, bound: bool, threads: int) -> TensorReport:
    head = frame.head
    return TensorReport(
        name,
        head.dtype,
        head.shape,
        head.codec,
        head.data_size,
        stored_size,
        bound=_bound(frame.windows(threads), head.dtype) if bound else None,
    )


def _section(reader: FileReader, start: int) -> Read:
    return lambda offset, size: reader.read(start + offset, size)


def _bound(windows: Iterable[memoryview], dtype: str) -> int:
    family = dtypes.named(dtype).family
    return ceil(sum(_core.order0(window, family) * len(window) / 8 for window in windows))
