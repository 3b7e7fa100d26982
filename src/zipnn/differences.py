# SPDX-License-Identifier: MIT
"""Frames of one tensor against its base (docs/format.md, 2.8), and ordinary frames where that is no help.

What decodes takes both. `base` is then the tensor that `encode` was given, byte for byte: another one is
refused before a byte of the result is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _core, dtypes, frames
from .errors import BaseMismatchError, CorruptError
from .frames import FrameReader

Buffer = Any
ReadBase = Callable[[int, int], Buffer]
"""`read_base(offset, size)`: that many bytes of the base."""

LARGEST = 64 << 20
"""Bytes of data that a difference holds at most; larger tensors are coded in parts."""

_CLOSE = 0.05
"""Expected ratios that differ by less of the larger one are no ground for a choice: both frames are made."""
_SMALL = 64 << 10
"""Of tensors up to this size both frames are made: heads and tables count."""
_PIECES = 16
"""Of a tensor, of `_SMALL` bytes in all, that are looked at first."""
_MOST_BELOW_ENTROPY = 2.5
"""Ordinary frames are not expected to be smaller by such a factor than the entropy of such pieces."""


def encode(
    data: Buffer,
    base: Buffer | None,
    *,
    dtype: str,
    shape: tuple[int, ...],
    level: str = "default",
    threads: int = 0,
    align: int = 8,
) -> bytes:
    """The smaller one of an ordinary frame of `data` and a difference to `base`.

    Args:
        data: contiguous little-endian bytes of the elements.
        base: as many bytes of the same dtype; None for an ordinary frame.
        dtype, shape, level, threads, align: as for `frames.write_frame`.

    Raises:
        ValueError: an argument does not fit the format, or data and base have different sizes, or they
            are larger than `LARGEST`.
    """

    def alone() -> bytes:
        return frames.write_frame(data, dtype=dtype, shape=shape, level=level, threads=threads, align=align)

    if base is None:
        return alone()
    view, old = _bytes(data), _bytes(base)
    if view.nbytes != old.nbytes:
        raise ValueError(f"data of {view.nbytes} bytes are no difference to a base of {old.nbytes}")
    if view.nbytes > LARGEST:
        raise ValueError(f"{view.nbytes} bytes are more than the {LARGEST} of one difference")
    if view.nbytes == 0:
        return alone()
    frames.check_arguments(view.nbytes, dtype, shape, level, threads)
    encoder = _core.DifferenceEncoder(view, old, dtypes.named(dtype).family, level, threads)
    against: bytes | None = None
    if not _may_be_smaller_alone(view, encoder.ratio, dtype, shape, level):
        against = encoder.frame(dtype, shape, frames.KIND_BYTES, 0, align)
        if against:
            return against
    plain = alone()
    if view.nbytes <= _SMALL or view.nbytes * encoder.ratio * (1 - _CLOSE) < len(plain):
        against = encoder.frame(dtype, shape, frames.KIND_BYTES, 0, align)
    return against if against and len(against) < len(plain) else plain


def base_hash(frame: Buffer) -> int | None:
    """XXH3-64 of the base that the frame is a difference to; None if it is an ordinary one.

    Raises `FormatError`, `CorruptError` and `UnsupportedVersionError` as `FrameReader` does.
    """
    return _open(_bytes(frame)).head.base_hash


def needs_base(frame: Buffer) -> bool:
    """Whether the frame is a difference to a base. Raises as `base_hash` does."""
    return base_hash(frame) is not None


def decode(frame: Buffer, base: Buffer | None, threads: int = 0) -> memoryview:
    """The tensor's bytes. Raises as `decode_into` does."""
    reader = _open(_bytes(frame))
    if reader.head.base_hash is not None:
        _check_size(reader.head, base)
    out = np.empty(reader.head.data_size, np.uint8).data
    _decode(reader, _bytes(frame), base, out, threads)
    return out


def decode_into(frame: Buffer, base: Buffer | None, out: memoryview, threads: int = 0) -> None:
    """Decode into `out`, which is writable and of exactly the tensor's size; it may be the base itself.

    Raises:
        BaseMismatchError: the base is missing or another one; `out` is as it was.
        CorruptError: the frame is damaged; if it is a difference, `out` is as it was.
        FormatError, UnsupportedVersionError: it is no frame, or a newer zipnn is needed.
        ValueError: `out` has another size.
    """
    _decode(_open(_bytes(frame)), _bytes(frame), base, _bytes(out), threads)


def apply_in_place(frame: Buffer, tensor: memoryview, threads: int = 0, *, base_known: bool = False) -> None:
    """Turn the base into the tensor where it is. Raises as `decode_into` does.

    With `base_known` the caller has found that it is the base, and it is not hashed once more.
    """
    view = _bytes(frame)
    _decode(_open(view), view, tensor, _bytes(tensor), threads, base_known)


def decode_range(frame: Buffer, read_base: ReadBase, start: int, stop: int, threads: int = 0) -> memoryview:
    """The tensor's bytes [start, stop), from the chunks that hold them and their part of the base.

    Of an identical tensor, whose frame has one hash for all of it, all of the base is read.

    Raises as `decode_into` does, and `ValueError` if the range is not within the data.
    """
    view = _bytes(frame)
    reader = _open(view)
    head = reader.head
    if head.base_hash is None:
        return reader.decode_range(start, stop, threads)
    if not 0 <= start <= stop <= head.data_size:
        raise ValueError(f"bytes {start} to {stop} are not within the {head.data_size} of the data")
    if start == stop:
        return memoryview(b"")
    if head.chunk_count == 0:
        first, count, begin, end, payload = 0, 0, 0, head.data_size, memoryview(b"")
    else:
        first = start // head.chunk_bytes
        count = (stop - 1) // head.chunk_bytes + 1 - first
        begin, end = first * head.chunk_bytes, min((first + count) * head.chunk_bytes, head.data_size)
        at, (last, size) = head.chunk_extent(first)[0], head.chunk_extent(first + count - 1)
        payload = view[at : last + size]
    part = _bytes(read_base(begin, end - begin))
    if part.nbytes != end - begin:
        raise BaseMismatchError(f"the base gives {part.nbytes} bytes from {begin}, {end - begin} are needed")
    out = np.empty(end - begin, np.uint8).data
    _core.decode_difference(head, payload, part, first, count, out, threads)
    return out[start - begin : stop - begin]


def _decode(
    reader: FrameReader,
    frame: memoryview,
    base: Buffer | None,
    out: memoryview,
    threads: int,
    base_known: bool = False,
) -> None:
    head = reader.head
    if out.nbytes != head.data_size:
        raise ValueError(f"out has {out.nbytes} bytes, the frame's data {head.data_size}")
    if head.base_hash is None:
        reader.decode_into(out, threads)
        return
    old = _check_size(head, base)
    end = head.head_size
    if head.chunk_count:
        last, size = head.chunk_extent(head.chunk_count - 1)
        end = last + size
    _core.check_padding(head, frame[end:])
    _core.decode_difference(
        head, frame[head.head_size : end], old, 0, head.chunk_count, out, threads, base_known
    )


def _open(frame: memoryview) -> FrameReader:
    return FrameReader(lambda at, size: frame[at : at + size], frame.nbytes, in_memory=True)


def _check_size(head: _core.Head, base: Buffer | None) -> memoryview:
    """The base's bytes, if there are as many as the data's."""
    if base is None:
        raise BaseMismatchError("the frame is a difference to a base, and there is none")
    old = _bytes(base)
    if old.nbytes != head.data_size:
        raise BaseMismatchError(f"the base has {old.nbytes} bytes, one of {head.data_size} is needed")
    if head.data_size > LARGEST:
        raise CorruptError(f"a difference of {head.data_size} bytes is larger than {LARGEST}")
    return old


def _may_be_smaller_alone(
    data: memoryview, ratio: float, dtype: str, shape: tuple[int, ...], level: str
) -> bool:
    """Whether an ordinary frame may be smaller than a difference of that expected ratio."""
    if data.nbytes <= _SMALL:
        return True
    # What is not so small by its entropy is not by what else an ordinary frame can see in it.
    pieces = [data[data.nbytes * i // _PIECES // 8 * 8 :][: _SMALL // _PIECES] for i in range(_PIECES)]
    family = dtypes.named(dtype).family
    if ratio < _core.order0(b"".join(pieces), family) / 8 / _MOST_BELOW_ENTROPY:
        return False
    alone = _core.estimate(data, family, level, shape)
    return ratio > alone * (1 - _CLOSE)


def _bytes(buffer: Buffer) -> memoryview:
    view = memoryview(buffer)
    return view.cast("B") if view.nbytes else memoryview(b"")
