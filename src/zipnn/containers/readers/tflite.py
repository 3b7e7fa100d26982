# SPDX-License-Identifier: MIT
"""TensorFlow Lite: a FlatBuffer whose tensors have buffers. Tables are read where they lie, one by one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache

from ... import dtypes
from ...errors import CorruptError, FormatError
from ...limits import MAX_DIMENSIONS
from ...storage.filereader import Source
from ..contents import Contents, Extent, StoredTensor
from ..shapes import element_count, is_shape

_IDENTIFIER = b"TFL3"
_DTYPES = {
    0: "F32",
    1: "F16",
    2: "I32",
    3: "U8",
    4: "I64",
    6: "BOOL",
    7: "I16",
    8: "C64",
    9: "I8",
    10: "F64",
    11: "C128",
    12: "U64",
    15: "U32",
    16: "U16",
    18: "BF16",
}
# Fields, by the table that has them.
_SUBGRAPHS, _BUFFERS = 2, 4
_TENSORS = 0
_SHAPE, _TYPE, _BUFFER, _NAME = 0, 1, 2, 3
_DATA, _OFFSET, _SIZE = 0, 1, 2

_MAX_NAME = 4096
_NAME_ROOM = 1 << 20
_MAX_TENSORS = 1 << 18
_PAGE, _PAGES = 1 << 14, 64  # tables point to and fro


class _FlatBuffer:
    """Reads tables and vectors of a FlatBuffer."""

    def __init__(self, source: Source) -> None:
        self.size = source.size
        self._source = source
        self._page = lru_cache(_PAGES)(self._read_page)

    def bytes_at(self, place: int, size: int) -> bytes:
        """Bytes, of which there are few."""
        if place < 0 or size > self.size - place:
            raise CorruptError(f"{size} bytes at {place} of {self.size}; incomplete download?")
        index, start = divmod(place, _PAGE)
        data = self._page(index)[start : start + size]
        return data if len(data) == size else data + self.bytes_at(place + len(data), size - len(data))

    def _read_page(self, index: int) -> bytes:
        start = index * _PAGE
        return bytes(self._source.read(start, min(_PAGE, self.size - start)))

    def number(self, place: int, size: int = 4) -> int:
        return int.from_bytes(self.bytes_at(place, size), "little")

    def field(self, table: int, index: int) -> int | None:
        """Where a field of a table lies; None if it is not there, so has its default."""
        (back,) = struct.unpack("<l", self.bytes_at(table, 4))
        entries = table - back
        if 4 + 2 * index + 2 > self.number(entries, 2):
            return None
        offset = self.number(entries + 4 + 2 * index, 2)
        return table + offset if offset else None

    def scalar(self, table: int, index: int, size: int) -> int:
        """A field that is a number; 0 by default."""
        place = self.field(table, index)
        return 0 if place is None else self.number(place, size)

    def vector(self, table: int, index: int, width: int) -> tuple[int, int]:
        """Where the elements of a field that is a vector lie, and how many there are."""
        place = self.field(table, index)
        if place is None:
            return 0, 0
        start = place + self.number(place)
        count = self.number(start)
        if count * width > self.size - start - 4:
            raise CorruptError(f"a vector of {count} elements at byte {start} of {self.size}")
        return start + 4, count

    def tables(self, table: int, index: int) -> Iterator[int]:
        """Where the tables lie that a field lists."""
        start, count = self.vector(table, index, 4)
        for place in range(start, start + 4 * count, 4):
            yield place + self.number(place)


def read(source: Source) -> Contents | None:
    """The tensors of a model that have data. See `readers`."""
    if source.size < 8 or bytes(source.read(4, 4)) != _IDENTIFIER:
        return None
    flat = _FlatBuffer(source)
    model = flat.number(0)
    buffers, buffer_count = flat.vector(model, _BUFFERS, 4)
    tensors = []
    extents = {}
    room = _NAME_ROOM + source.size
    for table in _tensor_tables(flat, model):
        index = flat.scalar(table, _BUFFER, 4)
        dtype = _DTYPES.get(flat.scalar(table, _TYPE, 1))
        if dtype is None or index >= buffer_count:
            continue
        place = buffers + 4 * index
        offset, size = _data(flat, place + flat.number(place))
        tensor = StoredTensor(_name(flat, table), dtype, _shape(flat, table), offset, size)
        room -= len(tensor.name)
        if room < 0:
            raise FormatError("names longer than a file of this size can have")
        if size and size == dtypes.named(dtype).size(element_count(tensor.shape)):
            tensors.append(tensor)
        elif size:  # sparse, or of a shape that is known only later
            width = dtypes.named(dtype).bits // 8
            extents[offset] = Extent(offset, size // width * width, dtype)
    for tensor in tensors:
        extents.pop(tensor.offset, None)
    return Contents("tflite", tuple(tensors), tuple(extents.values()))


def _tensor_tables(flat: _FlatBuffer, model: int) -> Iterator[int]:
    """Where the tables of all tensors lie."""
    left = _MAX_TENSORS
    for subgraph in flat.tables(model, _SUBGRAPHS):
        left -= 1
        for tensor in flat.tables(subgraph, _TENSORS):
            left -= 1
            if left < 0:
                raise FormatError(f"more than {_MAX_TENSORS} tensors")
            yield tensor


def _data(flat: _FlatBuffer, buffer: int) -> tuple[int, int]:
    """Offset and size of a buffer's data: in its vector or, in files over 2 GB, behind the FlatBuffer."""
    offset, size = flat.vector(buffer, _DATA, 1)
    if size:
        return offset, size
    offset, size = flat.scalar(buffer, _OFFSET, 8), flat.scalar(buffer, _SIZE, 8)
    if offset <= 1 or size <= 1:
        return 0, 0
    if size > flat.size - offset:
        raise CorruptError(f"a buffer of {size} bytes at {offset} of {flat.size}; incomplete download?")
    return offset, size


def _name(flat: _FlatBuffer, table: int) -> str:
    start, size = flat.vector(table, _NAME, 1)
    return flat.bytes_at(start, min(size, _MAX_NAME)).decode(errors="backslashreplace")


def _shape(flat: _FlatBuffer, table: int) -> tuple[int, ...]:
    start, count = flat.vector(table, _SHAPE, 4)
    if count > MAX_DIMENSIONS:
        raise CorruptError(f"a tensor of {count} dimensions")
    shape = struct.unpack(f"<{count}l", flat.bytes_at(start, 4 * count))
    if not is_shape(shape):
        raise CorruptError(f"a tensor of shape {shape}")
    return shape
