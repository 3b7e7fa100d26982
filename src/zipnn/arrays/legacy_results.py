# SPDX-License-Identifier: MIT
"""What streams of zipnn 0.1 to 0.5 become in memory: bytes, NumPy arrays, torch tensors."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..errors import CorruptError
from ..legacy.streams import Stream, open_stream
from . import buffers
from .frameworks import empty_tensor, open_framework

_GIVES = {"bytes": "bytes", "numpy": "np", "torch": "pt"}


def decompress(data: Any, out: Any, framework: str | None, threads: int, base: Any = None) -> Any:
    """`tensors.decompress` of such a stream. `base`: what it is a difference (delta) to."""
    stream = open_stream(data)
    if out is not None:
        return _into(stream, out, threads, base)
    chosen = framework or _GIVES[stream.info.input_format]
    if chosen == "bytes":
        return bytes(stream.decode(threads, base))
    return _array(stream, chosen, threads, base)


def _into(stream: Stream, out: Any, threads: int, base: Any) -> Any:
    memory, dtype, big_endian = buffers.target_of(out)
    if big_endian or (dtype is not None and dtype != stream.info.dtype):
        raise ValueError(f"out has elements of another dtype than the data, which are {stream.info.dtype}")
    stream.decode_into(memory, threads, base)
    return out


def _array(stream: Stream, name: str, threads: int, base: Any) -> Any:
    framework = open_framework(name)
    info = stream.info
    size = stream.original_size(threads)
    item = dtypes.BY_NAME[info.dtype].bits // 8
    if size % item != 0:
        raise CorruptError(f"{size} bytes are not a whole number of {info.dtype} elements")
    shape = (size // item,) if info.shape is None else info.shape
    array, memory = empty_tensor(framework, info.dtype, shape, size)
    if size:
        stream.decode_into(memory, threads, base)
    return array
