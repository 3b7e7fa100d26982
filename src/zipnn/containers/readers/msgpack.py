# SPDX-License-Identifier: MIT
"""MessagePack as Flax writes it (arrays are an extension), and as msgpack-numpy does (maps with `nd`)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TypeAlias

from ... import dtypes
from ...errors import CorruptError, FormatError
from ...limits import MAX_DIMENSIONS
from ...storage.filereader import BlockReader, Source
from ..contents import Contents, StoredTensor
from ..shapes import is_shape
from .numpy_files import numeric_dtype

_NDARRAY, _SCALAR = 1, 3  # Flax's extensions; a scalar is an array without dimensions
_NUMPY_KEYS = frozenset({"nd", "type", "shape", "data"})
_MAX_DEPTH = 100
_MAX_TEXT = 4096
_NAME_ROOM = 1 << 20


@dataclass(frozen=True, slots=True)
class _Bytes:
    """Where the bytes of a binary value, or of an extension, lie."""

    start: int
    size: int
    extension: int | None = None


@dataclass(frozen=True, slots=True)
class _Open:
    """The beginning of a map or a list, which has so many pairs or elements."""

    is_map: bool
    count: int


_Value: TypeAlias = "bool | int | str | _Bytes | _Open | None"

_FLOATS = {0xCA: 4, 0xCB: 8}
_INTEGERS = {
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
# Bytes of the length that follows.
_TEXTS = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_BINARIES = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}  # the length itself
_LISTS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}


class _Tokens:
    """Reads one value after the other; of maps and lists it reads the beginning."""

    def __init__(self, source: Source) -> None:
        self.size = source.size
        self.place = 0
        self._read = BlockReader(source.read, source.size)
        self._left = (1 << 18) + min(source.size // 4, 1 << 22)

    def next(self) -> _Value:
        """The value at `place`, behind which `place` then is.

        Raises:
            FormatError: it is not MessagePack, or there were too many values.
        """
        self._left -= 1
        if self._left < 0:
            raise FormatError("too many values")
        code = self._take(1)[0]
        if code < 0x80:
            return code
        if code >= 0xE0:
            return code - 0x100
        if code < 0x90:
            return self._open(True, code & 0xF)
        if code < 0xA0:
            return self._open(False, code & 0xF)
        if code < 0xC0:
            return self._text(code & 0x1F)
        return self._long_form(code)

    def text(self, data: _Bytes) -> str:
        """Bytes as text, the first ones of it if it is long."""
        return bytes(self._read(data.start, min(data.size, _MAX_TEXT))).decode(errors="backslashreplace")

    def _long_form(self, code: int) -> _Value:
        if code in _CONSTANTS:
            return _CONSTANTS[code]
        if code in _INTEGERS:
            form = _INTEGERS[code]
            (number,) = struct.unpack(form, self._take(struct.calcsize(form)))
            return int(number)
        if code in _TEXTS:
            return self._text(self._number(_TEXTS[code]))
        if code in _BINARIES:
            return self._skip(self._number(_BINARIES[code]))
        if code in _LISTS:
            return self._open(False, self._number(_LISTS[code]))
        if code in _MAPS:
            return self._open(True, self._number(_MAPS[code]))
        if code in _FLOATS:
            return self._skip(_FLOATS[code])
        if code in _EXTENSIONS:
            size = self._number(_EXTENSIONS[code])
        elif code in _FIXED_EXTENSIONS:
            size = _FIXED_EXTENSIONS[code]
        else:
            raise FormatError(f"the byte {code} begins no value")
        return self._skip(size, self._number(1))

    def _take(self, size: int) -> memoryview:
        data = self._read(self.place, self._within(size))
        self.place += size
        return data

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _text(self, size: int) -> str:
        return self.text(self._skip(size))

    def _skip(self, size: int, extension: int | None = None) -> _Bytes:
        found = _Bytes(self.place, self._within(size), extension)
        self.place += size
        return found

    def _open(self, is_map: bool, count: int) -> _Open:
        self._within(count * (2 if is_map else 1))
        return _Open(is_map, count)

    def _within(self, size: int) -> int:
        if size > self.size - self.place:
            raise CorruptError("a value ends behind the end of the file; incomplete download?")
        return size


@dataclass(slots=True)
class _Level:
    """A map or a list that is being read.

    Attributes:
        left: values that are still to come, keys included.
        key: of the value that comes next.
        kept: values by key that may make the map an array.
        numbers: the first elements of a list, which may be a shape.
    """

    is_map: bool
    left: int
    path: str
    key: str | None = None
    index: int = 0
    kept: dict[str, _Value | tuple[_Value, ...]] = field(default_factory=dict)
    numbers: list[_Value] = field(default_factory=list)

    def take_key(self) -> str:
        """The key of the value that comes now."""
        key = self.key if self.is_map else str(self.index)
        self.key = None
        self.index += 1
        return key or ""


def read(source: Source) -> Contents | None:
    """The arrays of a Flax or msgpack-numpy file. See `readers`."""
    if source.size < 2:
        return None
    code = source.read(0, 1)[0]
    if code not in _MAPS and code & 0xF0 != 0x80:
        return None
    walk = _Walk(source)
    try:
        walk.run()
    except FormatError:
        if walk.tensors:
            raise
        return None
    return Contents("msgpack", tuple(walk.tensors)) if walk.tensors else None


class _Walk:
    """Goes through a file, keeping its arrays in `tensors`."""

    def __init__(self, source: Source) -> None:
        self.tensors: list[StoredTensor] = []
        self._tokens = _Tokens(source)
        self._levels: list[_Level] = []
        self._name_room = _NAME_ROOM + source.size

    def run(self) -> None:
        self._enter(self._tokens.next(), "")
        while self._levels:
            level = self._levels[-1]
            if level.left == 0:
                self._leave(self._levels.pop())
                continue
            level.left -= 1
            value = self._tokens.next()
            if level.is_map and level.key is None:
                level.key = self._as_key(value)
            else:
                self._take(level, value)
        if self._tokens.place != self._tokens.size:
            raise CorruptError("there is something behind the end of the map")

    def _as_key(self, value: _Value) -> str:
        if isinstance(value, _Bytes) and value.extension is None:
            return self._tokens.text(value)
        if isinstance(value, _Open | _Bytes):
            raise FormatError("a key that is not text")
        return str(value)

    def _take(self, level: _Level, value: _Value) -> None:
        key = level.take_key()
        if isinstance(value, _Open):
            self._enter(value, f"{level.path}.{key}" if level.path else key)
        elif level.is_map and key in _NUMPY_KEYS:
            level.kept[key] = value
        elif not level.is_map and len(level.numbers) <= MAX_DIMENSIONS:
            level.numbers.append(value)
        if isinstance(value, _Bytes) and value.extension in (_NDARRAY, _SCALAR):
            self._add(f"{level.path}.{key}" if level.path else key, *self._flax_array(value))

    def _enter(self, value: _Value, path: str) -> None:
        if not isinstance(value, _Open) or len(self._levels) >= _MAX_DEPTH or len(path) > _MAX_TEXT:
            raise FormatError("not a map, or too many of them inside of each other")
        self._levels.append(_Level(value.is_map, value.count * (2 if value.is_map else 1), path))

    def _leave(self, level: _Level) -> None:
        parent = self._levels[-1] if self._levels else None
        is_shape_list = not level.is_map and level.path.rpartition(".")[2] == "shape"
        if parent is not None and parent.is_map and is_shape_list:
            parent.kept["shape"] = tuple(level.numbers)
        if level.kept.keys() == _NUMPY_KEYS and level.kept["nd"] is True:
            kind, data = level.kept["type"], level.kept["data"]
            text = self._tokens.text(kind) if isinstance(kind, _Bytes) else kind
            dtype, big_endian = numeric_dtype(text) if isinstance(text, str) else (None, False)
            if isinstance(data, _Bytes):
                self._add(level.path, dtype, level.kept["shape"], data, big_endian)

    def _flax_array(self, value: _Bytes) -> tuple[str | None, tuple[_Value, ...], _Bytes]:
        """Dtype, shape and bytes of an array; the place is behind it afterwards."""
        tokens = self._tokens
        stop, tokens.place = tokens.place, value.start
        whole, shape = tokens.next(), tokens.next()
        if whole != _Open(False, 3) or not isinstance(shape, _Open) or shape.is_map:
            raise CorruptError("an array that is not one")
        if shape.count > MAX_DIMENSIONS:
            raise CorruptError(f"an array of {shape.count} dimensions")
        extents = tuple(tokens.next() for _ in range(shape.count))
        name, data = tokens.next(), tokens.next()
        if not isinstance(name, str) or not isinstance(data, _Bytes) or tokens.place != stop:
            raise CorruptError("an array that is not one")
        dtype = dtypes.BY_NUMPY.get(name)
        return dtype.name if dtype else None, extents, data

    def _add(
        self, name: str, dtype: str | None, shape: object, data: _Bytes, big_endian: bool = False
    ) -> None:
        if dtype is None or data.size == 0:
            return
        if not isinstance(shape, tuple) or not is_shape(shape):
            raise CorruptError(f"array {name}: shape {shape}")
        self._name_room -= len(name)
        if self._name_room < 0:
            raise FormatError("names longer than a file of this size can have")
        self.tensors.append(
            StoredTensor(name or "array", dtype, shape, data.start, data.size, None, big_endian)
        )
