# SPDX-License-Identifier: MIT
"""GGUF, versions 1 to 3, of either byte order: the tensors of llama.cpp and its kin."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from ... import blocks, dtypes, limits
from ...errors import FormatError
from ...storage.filereader import BlockReader, Source
from ..contents import Contents, StoredTensor

_MAGIC = b"GGUF"
_VERSIONS = (1, 2, 3)
_ALIGNMENT_KEY = b"general.alignment"
_DEFAULT_ALIGNMENT = 32

# Types of metadata values: sizes of those that have a fixed one, and the other two.
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_UINT32, _STRING, _ARRAY = 4, 8, 9
_MAX_NAME = 65535
_MAX_NESTING = 8
_STRINGS_AT_ONCE = 1 << 20
_MAX_ITEMS = 1 << 22
"""Keys, strings, inner arrays and tensors that a file may have: more than any model, and soon read."""

_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    6: "Q5_0",
    7: "Q5_1",
    8: "Q8_0",
    10: "Q2_K",
    11: "Q3_K",
    12: "Q4_K",
    13: "Q5_K",
    14: "Q6_K",
    15: "Q8_K",
    16: "IQ2_XXS",
    17: "IQ2_XS",
    18: "IQ3_XXS",
    19: "IQ1_S",
    20: "IQ4_NL",
    21: "IQ3_S",
    22: "IQ2_S",
    23: "IQ4_XS",
    24: "I8",
    25: "I16",
    26: "I32",
    27: "I64",
    28: "F64",
    29: "IQ1_M",
    30: "BF16",
    34: "TQ1_0",
    35: "TQ2_0",
    39: "MXFP4",
    40: "NVFP4",
    41: "Q1_0",
}


def read(source: Source) -> Contents | None:
    """The tensors of a GGUF file; None if it is another one.

    A tensor of a type that is not known here has no known size: it is left out, and the note says so.

    Raises:
        FormatError: it is damaged, or of a version that is not known.
        OSError: it cannot be read.
    """
    if source.size < 8 or bytes(source.read(0, 4)) != _MAGIC:
        return None
    cursor = _Cursor(source)
    wide = cursor.version > 1
    tensor_count = cursor.count(24 if wide else 20, "tensors")
    alignment = _skip_metadata(cursor)
    infos = [_tensor_info(cursor) for _ in range(tensor_count)]
    start = -(-cursor.at // alignment) * alignment
    tensors = [_stored(info, start, source.size, cursor.big_endian) for info in infos]
    if len({info.name for info in infos}) != len(infos):
        raise FormatError("two tensors have the same name")
    known = sorted((tensor for tensor in tensors if tensor), key=lambda tensor: tensor.offset)
    unknown = sorted({info.type for info in infos if info.type not in _TYPES})
    note = f"tensors of unknown types are taken as bytes: {', '.join(map(str, unknown))}" if unknown else ""
    return Contents("gguf", tuple(known), note=note)


class _Cursor:
    """Reads a header from front to back. What does not fit into the file is a `FormatError`."""

    def __init__(self, source: Source) -> None:
        self._read = source.read
        self._blocks = BlockReader(source.read, source.size)
        self._end = source.size
        self._items = 0
        version = bytes(source.read(4, 4))
        # The upper half of a version is 0: where it looks used, the bytes are the other way round.
        self.big_endian = version[:2] == b"\0\0"
        self._order = ">" if self.big_endian else "<"
        self.version: int = struct.unpack(self._order + "I", version)[0]
        if self.version not in _VERSIONS:
            raise FormatError(f"GGUF version {self.version} is not known")
        self._length = struct.Struct(self._order + ("I" if self.version == 1 else "Q"))
        self.at = 8

    def take(self, size: int) -> memoryview:
        """The next `size` bytes."""
        at = self.at
        self.skip(size)
        return self._blocks(at, size)

    def skip(self, size: int) -> None:
        if size > self._end - self.at:
            raise FormatError(f"truncated: {size} bytes are needed at {self.at}, the file has {self._end}")
        self.at += size

    def number(self, code: str) -> int:
        """An integer that `struct` calls `code`."""
        layout = struct.Struct(self._order + code)
        value: int = layout.unpack(self.take(layout.size))[0]
        return value

    def length(self) -> int:
        """A number whose width depends on the version: a count, a length or an extent."""
        value: int = self._length.unpack(self.take(self._length.size))[0]
        return value

    def count(self, least: int, what: str) -> int:
        """How many items of at least `least` bytes follow."""
        count = self.length()
        self._items += count
        if count * least > self._end - self.at or self._items > _MAX_ITEMS:
            raise FormatError(f"{count} {what} are declared, more than a file of {self._end} bytes holds")
        return count

    def name(self) -> bytes:
        """A string that names something."""
        length = self.length()
        if length > _MAX_NAME:
            raise FormatError(f"a name of {length} bytes is longer than {_MAX_NAME}")
        return bytes(self.take(length))

    def skip_array(self, nesting: int = 1) -> None:
        kind = self.number("I")
        if kind in _SIZES:
            self.skip(self.length() * _SIZES[kind])
        elif kind == _STRING:
            self._skip_strings(self.count(self._length.size, "strings"))
        elif kind == _ARRAY and nesting < _MAX_NESTING:
            for _ in range(self.count(4 + self._length.size, "arrays")):
                self.skip_array(nesting + 1)
        else:
            raise FormatError(f"metadata of type {kind} at {self.at} are not known")

    def _skip_strings(self, count: int) -> None:
        """Vocabularies have hundreds of thousands: many at a time."""
        width = self._length.size
        while count:
            block = self._read(self.at, min(_STRINGS_AT_ONCE, self._end - self.at))
            at = 0
            while count and at + width <= len(block):
                at += width + self._length.unpack_from(block, at)[0]
                count -= 1
            self.skip(max(at, width))


def _skip_metadata(cursor: _Cursor) -> int:
    """Go past the keys and their values; returns the alignment that they declare."""
    alignment = _DEFAULT_ALIGNMENT
    for _ in range(cursor.count(9, "keys")):
        key = cursor.name()
        kind = cursor.number("I")
        if key == _ALIGNMENT_KEY:
            alignment = cursor.number("I") if kind == _UINT32 else 0
            if alignment == 0 or alignment & (alignment - 1):
                raise FormatError("the alignment is not a power of two")
        elif kind in _SIZES:
            cursor.skip(_SIZES[kind])
        elif kind == _STRING:
            cursor.skip(cursor.length())
        elif kind == _ARRAY:
            cursor.skip_array()
        else:
            raise FormatError(f"metadata of type {kind} at {cursor.at} are not known")
    return alignment


@dataclass(frozen=True, slots=True)
class _TensorInfo:
    name: str
    shape: tuple[int, ...]
    type: int
    offset: int


def _tensor_info(cursor: _Cursor) -> _TensorInfo:
    try:
        name = cursor.name().decode()
    except UnicodeDecodeError as error:
        raise FormatError("a tensor's name is not UTF-8") from error
    dimensions = cursor.number("I")
    if dimensions > limits.MAX_DIMENSIONS:
        raise FormatError(f"tensor {name}: {dimensions} dimensions are more than {limits.MAX_DIMENSIONS}")
    extents = [cursor.length() for _ in range(dimensions)]  # the fastest first
    return _TensorInfo(name, tuple(reversed(extents)), cursor.number("I"), cursor.number("Q"))


def _stored(info: _TensorInfo, start: int, end: int, big_endian: bool) -> StoredTensor | None:
    """The tensor, if its type is known and so its size."""
    dtype = _TYPES.get(info.type)
    if dtype is None:
        return None
    block = blocks.BY_NAME.get(dtype)
    if block:
        row = info.shape[-1] if info.shape else 1
        if row % block.elements:
            raise FormatError(f"tensor {info.name}: rows of {row} are not whole blocks of {block.elements}")
        size = math.prod(info.shape) // block.elements * block.size
    else:
        size = dtypes.named(dtype).size(math.prod(info.shape))
    offset = start + info.offset
    if offset + size > end:
        raise FormatError(f"truncated: tensor {info.name} ends at {offset + size}, the file at {end}")
    return StoredTensor(info.name, dtype, info.shape, offset, size, big_endian=big_endian)
