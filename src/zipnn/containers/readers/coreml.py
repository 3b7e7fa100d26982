# SPDX-License-Identifier: MIT
"""Core ML's weight files (MIL blob storage, version 2): blobs with a type and without a name."""

from __future__ import annotations

import struct

from ... import dtypes
from ...errors import CorruptError
from ...storage.filereader import Source
from ..contents import Contents, Extent, StoredTensor

_ALIGNMENT = 64
_HEADER = struct.Struct("<2L")  # and zeros up to the alignment
_METADATA = struct.Struct("<2L3Q")  # likewise
_VERSION = 2
_SENTINEL = 0xDEADBEEF
_DTYPES = {
    1: "F16",
    2: "F32",
    3: "U8",
    4: "I8",
    5: "BF16",
    6: "I16",
    7: "U16",
    14: "I32",
    15: "U32",
    16: "F8_E4M3",
    17: "F8_E5M2",
}


def read(source: Source) -> Contents | None:
    """The blobs of a weight file, named by where their records are: as the program refers to them."""
    if source.size < 2 * _ALIGNMENT:
        return None
    head = source.read(0, _ALIGNMENT)
    count, version = _HEADER.unpack_from(head)
    if version != _VERSION or any(head[_HEADER.size :]) or _record(source, _ALIGNMENT)[0] != _SENTINEL:
        return None
    if count * _ALIGNMENT > source.size:
        raise CorruptError(f"{count} blobs in {source.size} bytes")
    tensors = []
    extents = []
    place = _ALIGNMENT
    for _ in range(count):
        sentinel, kind, size, offset, _ = _record(source, place)
        if sentinel != _SENTINEL or offset < place + _ALIGNMENT or offset + size > source.size:
            raise CorruptError(f"the record of a blob at byte {place} is damaged")
        dtype = _DTYPES.get(kind)
        width = dtypes.named(dtype).bits // 8 if dtype else 1
        if dtype and size % width == 0:
            tensors.append(StoredTensor(f"blob.{place}", dtype, (size // width,), offset, size))
        elif size:
            extents.append(Extent(offset, size, "U8"))
        place = -(-(offset + size) // _ALIGNMENT) * _ALIGNMENT
    return Contents("coreml", tuple(tensors), tuple(extents))


def _record(source: Source, place: int) -> tuple[int, int, int, int, int]:
    """Sentinel, type, size, offset and bits of padding of the blob whose record is at `place`."""
    if place + _ALIGNMENT > source.size:
        raise CorruptError(f"a blob's record at byte {place} of {source.size}; incomplete download?")
    return _METADATA.unpack(source.read(place, _METADATA.size))
