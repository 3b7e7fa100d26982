# SPDX-License-Identifier: MIT
"""Proving that a compressed file is intact, or that two files hold the same, whatever their containers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from .containers import kinds
from .containers.archive.differences import Base
from .containers.safetensors import TensorFile
from .conversion import Progress
from .delta.base import BaseLike, opened_base
from .errors import MismatchError
from .storage.comparing import difference_from, first_difference, in_order
from .storage.filereader import FileReader, Read
from .storage.locations import Place
from .storage.opening import Location, open_reader

_STEP = 8 << 20
_NO_CHECKSUMS = "zipnn 0.1 to 0.5 wrote no checksums: damage can go unseen"


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What was proven.

    Attributes:
        path: the file.
        other: the file it was compared with, or None.
        kind: "compressed safetensors", "archive", "safetensors" or "other": what `path` is.
        tensors: number of tensors; 0 for what is not safetensors.
        original_size: bytes of the original that were decoded, or compared.
        seconds: time taken.
        notes: what is worth knowing though it is no failure: metadata that differ, or that the file
            has no checksums.
    """

    path: Place
    other: Place | None
    kind: str
    tensors: int
    original_size: int
    seconds: float
    notes: tuple[str, ...] = ()


def verify_file(
    path: Location,
    other: Location | None = None,
    *,
    threads: int = 0,
    progress: Progress | None = None,
    base: BaseLike | None = None,
) -> VerifyResult:
    """Decode a whole file against its checksums, or compare it with another.

    Two safetensors files, compressed or not, are equal if they have the same tensor names and, for each,
    the same dtype, shape and bytes; metadata may differ, which is noted. Of other files the contents
    are compared byte for byte, compressed or not.

    Args:
        path: the file, or its URL.
        other: the one to compare it with.
        threads: 0 for the default number.
        progress: called with (bytes of the original done, total).
        base: what is a difference is one to this file or folder.

    Raises:
        CorruptError: a file is damaged.
        MismatchError: they differ; names the first tensor, or byte, that does.
        FormatError: `path` alone is given and is neither compressed nor safetensors.
        BaseRequiredError, BaseMismatchError: a difference needs a base, or another one.
    """
    started = time.monotonic()
    report = progress or (lambda done, total: None)
    other_place = None
    with open_reader(path) as reader, opened_base(base) as against:
        kind = kinds.kind_of(reader)
        if other is None:
            tensors, size, notes = _decode(reader, kind, threads, report, against)
        else:
            with open_reader(other) as other_reader:
                other_place = other_reader.path
                tensors, size, notes = _compare(reader, kind, other_reader, threads, report, against)
    seconds = time.monotonic() - started
    return VerifyResult(reader.path, other_place, kind, tensors, size, seconds, notes)


_Outcome = tuple[int, int, tuple[str, ...]]


def _decode(reader: FileReader, kind: str, threads: int, report: Progress, base: Base | None) -> _Outcome:
    if kind == kinds.SAFETENSORS:
        return (
            len(TensorFile(reader).tensors),
            reader.size,
            ("not compressed: only the header could be checked",),
        )
    content = kinds.open_content(reader, base)
    for offset, piece in content.original_pieces(threads):
        report(offset + len(piece), content.original_size)
    tensors = len(content.tensors) if isinstance(content, TensorFile) else 0
    return tensors, content.original_size, (_NO_CHECKSUMS,) if kinds.is_old(content) else ()


def _compare(
    one: FileReader, kind: str, two: FileReader, threads: int, report: Progress, base: Base | None
) -> _Outcome:
    tensor_kinds = (kinds.SAFETENSORS, kinds.COMPRESSED)
    other_kind = kinds.kind_of(two)
    if kind in tensor_kinds and other_kind in tensor_kinds:
        return _compare_tensors(TensorFile(one), TensorFile(two), threads, report)
    return 0, _compare_bytes(one, kind, two, other_kind, threads, report, base), ()


def _compare_bytes(
    one: FileReader,
    kind: str,
    two: FileReader,
    other_kind: str,
    threads: int,
    report: Progress,
    base: Base | None,
) -> int:
    """Compare the original contents. Returns their size."""
    size, pieces = _pieces(one, kind, threads, base)
    other_size, read = _reading(two, other_kind, threads, base)
    if size != other_size:
        raise MismatchError(f"{one.path} holds {size} bytes, {two.path} {other_size}")

    def reported() -> Iterator[tuple[int, memoryview]]:
        for offset, piece in pieces:
            yield offset, piece
            report(offset + len(piece), size)

    difference = difference_from(reported(), read)
    if difference is not None:
        raise MismatchError(f"{one.path} and {two.path} differ at byte {difference}")
    return size


def _pieces(
    reader: FileReader, kind: str, threads: int, base: Base | None
) -> tuple[int, Iterator[tuple[int, memoryview]]]:
    if kind in kinds.WRITTEN:
        content = kinds.open_content(reader, base)
        return content.original_size, content.original_pieces(threads)
    steps = range(0, reader.size, _STEP)
    return reader.size, ((at, reader.read(at, min(_STEP, reader.size - at))) for at in steps)


def _reading(reader: FileReader, kind: str, threads: int, base: Base | None) -> tuple[int, Read]:
    if kind not in kinds.WRITTEN:
        return reader.size, reader.read
    content = kinds.open_content(reader, base)
    return content.original_size, in_order(content.original_pieces(threads))


def _compare_tensors(one: TensorFile, two: TensorFile, threads: int, report: Progress) -> _Outcome:
    places = f"{one.path} and {two.path}"
    only = one.tensors.keys() ^ two.tensors.keys()
    if only:
        name = min(only)
        raise MismatchError(f"tensor {name!r} is in {(one if name in one.tensors else two).path} only")
    total = sum(info.size for info in one.tensors.values())
    done = 0
    for name in one.in_data_order():
        info, other = one.tensors[name], two.tensors[name]
        if (info.dtype, info.shape, info.size) != (other.dtype, other.shape, other.size):
            raise MismatchError(
                f"tensor {name!r}: {info.dtype} {list(info.shape)} in {one.path}, "
                f"{other.dtype} {list(other.shape)} in {two.path}"
            )
        at = 0
        for piece in one.windows(name, threads):
            difference = first_difference(piece, two.read_range(name, at, at + len(piece), threads))
            if difference is not None:
                raise MismatchError(f"tensor {name!r}: {places} differ at byte {at + difference} of its data")
            at += len(piece)
            report(done + at, total)
        done += at
    return len(one.tensors), total, _metadata_notes(one.metadata or {}, two.metadata or {})


def _metadata_notes(one: dict[str, str], two: dict[str, str]) -> tuple[str, ...]:
    names = sorted(key for key in one.keys() | two.keys() if one.get(key) != two.get(key))
    return tuple(f"metadata differ: {name!r}" for name in names)
