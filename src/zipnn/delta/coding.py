# SPDX-License-Identifier: MIT
"""Frames of a tensor against its base (docs/format.md, 2.8)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core, dtypes, frames
from ..errors import BaseMismatchError, CorruptError
from ..frames import FrameReader

Buffer = Any
ReadBase = Callable[[int, int], Buffer]

_MARK = b"interim difference"


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
    plain = frames.write_frame(data, dtype=dtype, shape=shape, level=level, threads=threads, align=align)
    if base is None:
        return plain
    view, other = memoryview(data).cast("B"), memoryview(base).cast("B")
    if view.nbytes != other.nbytes:
        raise ValueError("data and base have different sizes")
    dtypes.named(dtype)
    mark = _MARK + struct.pack("<Q", _core.xxh3_64(other))
    difference = np.frombuffer(view, np.uint8) - np.frombuffer(other, np.uint8)
    against = frames.write_frame(
        difference, dtype=dtype, shape=shape, level=level, threads=threads, align=align, attachment=mark
    )
    return min(plain, against, key=len)


def _open(frame: Buffer) -> FrameReader:
    view = memoryview(frame).cast("B")
    return FrameReader(lambda at, size: view[at : at + size], view.nbytes)


def base_hash(frame: Buffer) -> int | None:
    head = _open(frame).head
    if not head.attachment.startswith(_MARK):
        return None
    return int.from_bytes(head.attachment[len(_MARK) :], "little")


def needs_base(frame: Buffer) -> bool:
    return base_hash(frame) is not None


def decode(frame: Buffer, base: Buffer | None, threads: int = 0) -> memoryview:
    out = np.empty(_open(frame).head.data_size, np.uint8).data
    decode_into(frame, base, out, threads)
    return out


def decode_into(frame: Buffer, base: Buffer | None, out: memoryview, threads: int = 0) -> None:
    reader = _open(frame)
    wanted = base_hash(frame)
    if wanted is None:
        reader.decode_into(out, threads)
        return
    if base is None or _core.xxh3_64(base) != wanted:
        raise BaseMismatchError("the base is another than the one that the difference was made to")
    difference = np.empty(reader.head.data_size, np.uint8)
    reader.decode_into(difference.data, threads)
    if len(difference) != memoryview(base).nbytes:
        raise CorruptError("base has another size")
    np.add(difference, np.frombuffer(base, np.uint8), out=np.frombuffer(out, np.uint8))


def decode_range(frame: Buffer, read_base: ReadBase, start: int, stop: int, threads: int = 0) -> memoryview:
    size = _open(frame).head.data_size
    return decode(frame, read_base(0, size) if needs_base(frame) else None, threads)[start:stop]


def apply_in_place(frame: Buffer, tensor: memoryview, threads: int = 0) -> None:
    decode_into(frame, bytes(tensor), tensor, threads)
