# SPDX-License-Identifier: MIT
"""`compress` and `decompress`: buffers, NumPy arrays and torch tensors in memory."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from .. import frames, legacy
from ..containers.frame_stream import MAGIC as STREAM_MAGIC
from ..errors import FormatError
from ..frames import FLAG_BIG_ENDIAN, KIND_BYTES, KIND_NUMPY, KIND_TORCH, FrameReader
from . import buffers, dtype_names, legacy_results
from .frameworks import Framework, empty_tensor, open_framework

_FRAMEWORK_NAMES = ("bytes", "np", "pt")
_GIVES = {KIND_BYTES: "bytes", KIND_NUMPY: "np", KIND_TORCH: "pt"}


def compress(data: Any, *, dtype: Any = None, level: str = "default", threads: int | None = None) -> bytes:
    """Compress a buffer, a NumPy array or a torch tensor into a frame.

    Args:
        data: any bytes-like object, array or tensor, however it lies in memory and on whatever device.
            It is only read.
        dtype: what the elements of a plain buffer are, as a name of safetensors, NumPy or torch
            ("BF16", "bfloat16") or a dtype of theirs. Arrays know it themselves.
        level: "fast", "default" or "max".
        threads: None for `ZIPNN_NUM_THREADS`, else all cores that the process may use. The result does
            not depend on it.

    Returns:
        The frame, for `decompress`. It carries dtype, shape and checksums.

    Raises:
        TypeError: `data` does not hold plain data; the message says what to do.
        ValueError: `dtype` does not fit `data`, or the level is not known.
    """
    source = buffers.source_of(data, dtype)
    return frames.write_frame(
        source.data,
        dtype=source.dtype,
        shape=source.shape,
        kind=source.kind,
        flags=source.flags,
        level=level,
        threads=threads or 0,
    )


def decompress(
    frame: Any, *, out: Any = None, framework: str | None = None, threads: int | None = None
) -> Any:
    """Give back what `compress` was given.

    Args:
        frame: a bytes-like object that holds exactly one frame, or what zipnn 0.1 to 0.5 gave (then the
            result is what that would have given: bytes, or a NumPy array or torch tensor).
        out: where to decode to instead of into new memory: a writable contiguous buffer, a NumPy array
            or a torch tensor (on the CPU) of the right size. One with elements larger than a byte must
            have the data's dtype. When an error is raised its content is undefined.
        framework: "bytes", "np" or "pt" for another kind of result than what was compressed.
        threads: as for `compress`.

    Returns:
        `out` if given; else bytes, or an array or tensor in memory of its own, writable and aligned to
        64 bytes.

    Raises:
        FormatError: `frame` is not a frame, or the framework has no such dtype.
        CorruptError: it is damaged, truncated, or followed by other bytes.
        UnsupportedVersionError: a newer zipnn wrote it.
        MissingDependencyError: the result needs torch or ml_dtypes; the message says what to install.
        TypeError, ValueError: `out` or `framework` does not fit.
    """
    if framework is not None and framework not in _FRAMEWORK_NAMES:
        raise ValueError(f"framework {framework!r} is not known: choose from {', '.join(_FRAMEWORK_NAMES)}")
    if framework is not None and out is not None:
        raise ValueError("give out= or framework=, not both")
    view = buffers.flat_bytes(frame)
    if legacy.is_legacy(view):
        return legacy_results.decompress(view, out, framework, threads or 0)
    reader = _open(view)
    if out is not None:
        return _decode_out(reader, out, threads or 0)
    chosen = framework or _GIVES[reader.head.kind]
    if chosen == "bytes":
        return _decode_bytes(reader, threads or 0)
    return _decode_array(reader, open_framework(chosen), threads or 0)


def _open(view: memoryview) -> FrameReader:
    if view[: len(STREAM_MAGIC)] == STREAM_MAGIC:
        raise FormatError("a stream of frames, or a difference (delta): zipnn.ZipNN(...).decompress takes it")

    def read(offset: int, size: int) -> memoryview:
        return view[offset : offset + size]

    return FrameReader(read, len(view), in_memory=True)


def _decode_array(reader: FrameReader, framework: Framework, threads: int) -> Any:
    head = reader.head
    array, memory = empty_tensor(framework, head.dtype, head.shape, head.data_size)
    reader.decode_into(memory, threads)
    if head.flags & FLAG_BIG_ENDIAN and isinstance(array, np.ndarray):
        return array.byteswap(inplace=True).view(array.dtype.newbyteorder(">"))
    return array


def _decode_bytes(reader: FrameReader, threads: int) -> bytes:
    # A BytesIO hands its memory over as bytes without copying it.
    room = io.BytesIO()
    size = reader.head.data_size
    if size:
        room.seek(size - 1)
        room.write(b"\0")
    with room.getbuffer() as memory:
        reader.decode_into(memory, threads)
        if reader.head.flags & FLAG_BIG_ENDIAN:
            _swap_bytes(memory, reader.head.dtype)
    return room.getvalue()


def _decode_out(reader: FrameReader, out: Any, threads: int) -> Any:
    memory, dtype, big_endian = buffers.target_of(out)
    head = reader.head
    if dtype is not None and dtype != head.dtype:
        raise ValueError(f"out has elements of dtype {dtype}, the data are {head.dtype}")
    if len(memory) != head.data_size:
        raise ValueError(f"out has {len(memory)} bytes, the data {head.data_size}")
    reader.decode_into(memory, threads)
    # Bytes come in the order that the array had; the elements of arrays in the order of `out`.
    if big_endian if dtype is not None else head.flags & FLAG_BIG_ENDIAN:
        _swap_bytes(memory, head.dtype)
    return out


def _swap_bytes(memory: memoryview, dtype: str) -> None:
    """Turn little-endian elements into big-endian ones, in place."""
    if memory.nbytes:
        np.frombuffer(memory, dtype_names.numpy_dtype(dtype)).byteswap(inplace=True)
