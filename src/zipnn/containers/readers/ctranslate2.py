# SPDX-License-Identifier: MIT
"""CTranslate2's `model.bin`: a small header, then all variables, then more names for some of them."""

from __future__ import annotations

from dataclasses import replace

from ... import dtypes
from ...errors import CorruptError, FormatError
from ...storage.filereader import BlockReader, Source
from ..contents import Contents, StoredTensor
from ..shapes import element_count, is_shape

_VERSIONS = range(4, 7)  # before, variables had no types
_DTYPES = ("F32", "I8", "I16", "I32", "F16", "BF16")
_MAX_SPECIFICATION = 256
_MAX_REVISION = 1000
_SMALLEST_HEAD = 16
_SMALLEST_VARIABLE = 9


class _Cursor:
    """Reads one number or text after the other."""

    def __init__(self, source: Source) -> None:
        self.place = 0
        self._size = source.size
        self._read = BlockReader(source.read, source.size)

    def number(self, size: int) -> int:
        """A number of `size` bytes."""
        return int.from_bytes(self._take(size), "little")

    def text(self, limit: int = 0xFFFF) -> str:
        """A text: its size with the zero byte at its end, at most `limit`, and its bytes."""
        size = self.number(2)
        data = bytes(self._take(size)) if size <= limit else b""
        if not data.endswith(b"\0") or b"\0" in data[:-1]:
            raise CorruptError(f"a text that does not end, at byte {self.place}")
        return data[:-1].decode(errors="backslashreplace")

    def skip(self, size: int) -> int:
        """Leave out `size` bytes. Gives where they begin."""
        start = self.place
        if size > self._size - start:
            raise CorruptError(f"{size} bytes at {start} of {self._size}; incomplete download?")
        self.place += size
        return start

    def _take(self, size: int) -> memoryview:
        return self._read(self.skip(size), size)


def read(source: Source) -> Contents | None:
    """The variables of a model; an alias is a tensor at the same place. See `readers`."""
    cursor = _Cursor(source)
    if not _takes_head(cursor, source.size):
        return None
    count = cursor.number(4)
    if count * _SMALLEST_VARIABLE > source.size:
        raise CorruptError(f"{count} variables in {source.size} bytes")
    tensors = [_variable(cursor) for _ in range(count)]
    tensors += _aliases(cursor, tensors)
    if cursor.place != source.size:
        raise CorruptError(f"the model ends at byte {cursor.place} of {source.size}")
    return Contents("ctranslate2", tuple(tensors))


def _takes_head(cursor: _Cursor, size: int) -> bool:
    """Whether the file begins as a model does: version, name and revision of its specification."""
    if size < _SMALLEST_HEAD or cursor.number(4) not in _VERSIONS:
        return False
    try:
        name = cursor.text(_MAX_SPECIFICATION)
    except FormatError:
        return False
    return name.isidentifier() and cursor.number(4) < _MAX_REVISION


def _variable(cursor: _Cursor) -> StoredTensor:
    name = cursor.text()
    shape = tuple(cursor.number(4) for _ in range(cursor.number(1)))
    kind, size = cursor.number(1), cursor.number(4)
    if kind >= len(_DTYPES) or not is_shape(shape):
        raise CorruptError(f"variable {name}: type {kind}, shape {shape}")
    dtype = _DTYPES[kind]
    if dtypes.named(dtype).size(element_count(shape)) != size:
        raise CorruptError(f"variable {name}: {dtype} {shape} in {size} bytes")
    return StoredTensor(name, dtype, shape, cursor.skip(size), size)


def _aliases(cursor: _Cursor, tensors: list[StoredTensor]) -> list[StoredTensor]:
    by_name = {tensor.name: tensor for tensor in tensors}
    aliases = []
    for _ in range(cursor.number(4)):
        alias, name = cursor.text(), cursor.text()
        if name in by_name:
            aliases.append(replace(by_name[name], name=alias))
    return aliases
