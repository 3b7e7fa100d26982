# SPDX-License-Identifier: MIT
"""Safetensors files whose tensors zipnn 0.5 compressed (docs/legacy.md), what is wrong in them repaired."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from .. import _core, dtypes
from ..errors import CorruptError, error_place
from ..legacy import is_legacy as is_stream
from ..legacy.frame import Frame, Read
from ..storage.filereader import FileReader
from . import safetensors_header
from .safetensors_header import Header, TensorInfo
from .stored import Data, StoredBytes

VECTORS_KEY = "znn_compressed_vectors"
_SMALLEST = 33  # bytes of a tensor's frame
_WINDOW = 32 << 20

Held = Literal["stream", "moved", "raw"]
"""How a tensor is held: as a frame; as it was but with sign bits moved in whole words; as it was."""


def is_legacy(header: Header, reader: FileReader) -> bool:
    """Whether zipnn 0.5 wrote the file, which is not one of ours.

    It left no mark where the original had no metadata: there the tensors have to tell.
    """
    if header.metadata is not None:
        return VECTORS_KEY in header.metadata
    return any(_is_frame(info, reader) for info in header.tensors.values())


def read_original(header: Header, reader: FileReader) -> tuple[Header, dict[str, Held]]:
    """The header that the original can have had, its tensors in the order of the file, and how they are held.

    Raises:
        CorruptError: the file contradicts itself.
    """
    listed = _listed(header)
    held: dict[str, Held] = {}
    found: dict[str, TensorInfo] = {}
    for name, info in header.tensors.items():
        with error_place(f"tensor {name!r}"):
            if _is_frame(info, reader) if listed is None else name in listed:
                held[name], found[name] = "stream", _described(info, reader, listed)
            else:
                held[name], found[name] = "moved" if info.dtype in ("BF16", "F32") else "raw", info
    if listed is not None and (lost := listed.keys() - held.keys()):
        raise CorruptError(f"tensor {min(lost)!r} is listed, but not there")
    return _placed(header, found), held


def prefix_of(header: Header) -> memoryview:
    """The first bytes of the file that has this header."""
    infos = header.tensors.values()
    return memoryview(
        safetensors_header.render(
            header.metadata, [_at(info, info.start - header.data_start) for info in infos]
        )
    )


def open_data(read: Read, stored_size: int, info: TensorInfo, held: Held) -> Data:
    """A tensor's data, of which `read` gives the `stored_size` bytes in the file; `info` is the
    original's.
    """
    if held == "stream":
        return Frame(read, 0, stored_size)
    return MovedBytes(read, info.size, info.dtype) if held == "moved" else StoredBytes(read, info.size)


class MovedBytes:
    """Elements with sign bits below the exponent, in whole words of 32 bits, put right.

    The tool that wrote these files moved the bits in place before it found that a tensor was better left
    as it was, and stored what it then had.
    """

    def __init__(self, read: Read, size: int, dtype: str) -> None:
        self._read = read
        self._size = size
        self._dtype = dtype

    def decode_into(self, out: memoryview, threads: int = 0) -> None:
        """Everything into `out` (exact size). Raises `CorruptError`."""
        out[:] = self._read(0, self._size)
        _core.legacy_undo_move(out, self._dtype)

    def decode_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        """The bytes [start, stop)."""
        first, last = start // 4 * 4, min((stop + 3) // 4 * 4, self._size)
        data = memoryview(bytearray(self._read(first, last - first)))
        _core.legacy_undo_move(data, self._dtype)
        return data[start - first : stop - first]

    def windows(self, threads: int = 0) -> Iterator[memoryview]:
        """Everything in order, in pieces of bounded size."""
        for start in range(0, self._size, _WINDOW):
            yield self.decode_range(start, min(start + _WINDOW, self._size))


def _listed(header: Header) -> dict[str, Any] | None:
    """What the metadata say of each tensor that is a frame; None where there are no metadata."""
    if header.metadata is None:
        return None
    try:
        listed = json.loads(header.metadata[VECTORS_KEY])
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, dict):
        raise CorruptError(f"{VECTORS_KEY} in the metadata is not a JSON object")
    return listed


def _is_frame(info: TensorInfo, reader: FileReader) -> bool:
    if info.dtype != "U8" or len(info.shape) != 1 or info.size < _SMALLEST:
        return False
    head = bytes(reader.read(info.start, _SMALLEST))
    return is_stream(head) and int.from_bytes(head[24:32], "little") == info.size


def _described(info: TensorInfo, reader: FileReader, listed: dict[str, Any] | None) -> TensorInfo:
    """What the frame that a tensor is held as says of it; the offsets mean nothing yet."""
    if info.dtype != "U8" or len(info.shape) != 1:
        raise CorruptError("is listed as compressed, but not held as bytes")
    head = Frame(reader.read, info.start, info.size).head
    if head.frame_size != info.size or head.shape is None or head.data_size is None or head.delta:
        raise CorruptError("its frame is not that of a tensor, or has another size")
    if listed is not None:
        known = dtypes.BY_NAME[head.dtype].torch
        if listed[info.name] != {"dtype": known, "shape": str(list(head.shape))}:
            raise CorruptError(
                f"its frame holds {head.dtype} {list(head.shape)}, the metadata say {listed[info.name]!r}"
            )
    return TensorInfo(info.name, head.dtype, head.shape, 0, head.data_size)


def _placed(header: Header, found: dict[str, TensorInfo]) -> Header:
    """The header of a file in which these tensors follow each other as they do in this one."""
    metadata = header.metadata
    if metadata is not None:
        metadata = {key: value for key, value in metadata.items() if key != VECTORS_KEY}
    end = 0
    placed = {}
    for info in header.in_data_order():
        placed[info.name] = _at(found[info.name], end)
        end += found[info.name].size
    tensors = {name: placed[name] for name in header.tensors}
    start = len(safetensors_header.render(metadata, tensors.values()))
    return Header(start, metadata, {name: _at(info, start + info.start) for name, info in tensors.items()})


def _at(info: TensorInfo, start: int) -> TensorInfo:
    return TensorInfo(info.name, info.dtype, info.shape, start, start + info.size)
