# SPDX-License-Identifier: MIT
"""ONNX: the tensors of graphs, of the graphs inside of these, of functions, and those in files beside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ... import dtypes
from ...errors import CorruptError, FormatError
from ...limits import MAX_DIMENSIONS
from ...storage.filereader import Source
from ..contents import Contents, StoredTensor
from ..shapes import element_count, is_shape
from .protobuf import BYTES, VARINT, Field, Wire

_DTYPES = {
    1: "F32",
    2: "U8",
    3: "I8",
    4: "U16",
    5: "I16",
    6: "I32",
    7: "I64",
    9: "BOOL",
    10: "F16",
    11: "F64",
    12: "U32",
    13: "U64",
    14: "C64",
    15: "C128",
    16: "BF16",
    17: "F8_E4M3",
    18: "F8_E4M3FNUZ",
    19: "F8_E5M2",
    20: "F8_E5M2FNUZ",
    21: "U4",
    22: "I4",
    23: "F4",
    24: "F8_E8M0",
    25: "U2",
    26: "I2",
}
_SMALL = {"U4": 4, "I4": 4, "U2": 2, "I2": 2}  # bits of those that `dtypes` does not know

# Field numbers, by what holds the field.
_MODEL_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
_NESTED = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "training": {1: "graph", 2: "graph"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor", 6: "graph", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_NAMES = {"node": 3, "attribute": 1, "function": 1}
_OUTPUT = 2  # of a node: what the value of a constant is known by
_SPARSE_PARTS = {1: "values", 2: "indices"}
_RAW, _FLOATS, _DOUBLES, _EXTERNAL = 9, 4, 10, 13
_LISTS = {_FLOATS: ("F32", "C64"), _DOUBLES: ("F64", "C128")}  # what is in a list as it is in memory

_MAX_DEPTH = 40
_MAX_NAME = 4096
_NAME_ROOM = 1 << 20


@dataclass(slots=True)
class _Tensor:
    """What a TensorProto says."""

    name: str = ""
    kind: int = 0
    shape: list[int] = field(default_factory=list)
    data: Field | None = None
    external: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Level:
    """A message whose fields are being read.

    Attributes:
        scope: what the names of tensors in it begin with.
        name: its own.
        output: of a node and its attributes: the full name of the node's first output.
    """

    kind: str
    fields: Iterator[Field]
    scope: str = ""
    name: str = ""
    output: str = ""

    def inside(self, kind: str, fields: Iterator[Field]) -> _Level:
        """The level of a message in this one."""
        name = self.name or (self.output if self.kind == "node" else "")
        scope = f"{self.scope}{name}/" if name and len(self.scope) < _MAX_NAME else self.scope
        output = f"{self.scope}{self.output}" if self.kind == "node" and self.output else ""
        return _Level(kind, fields, scope, output=output)

    def tensor_name(self, name: str, number: int) -> str:
        """The full name of a tensor that is a field of this message and calls itself `name`."""
        if self.kind == "attribute":
            return self.output if self.name == "value" and self.output else f"{self.scope}{self.name}"
        part = f".{_SPARSE_PARTS[number]}" if self.kind == "sparse" else ""
        return f"{self.scope}{name}{part}"


def read(source: Source) -> Contents | None:
    """The tensors of a model whose data lie in the file. See `readers`."""
    if not _looks_like_model(source):
        return None
    tensors = [found for tensor in _tensors(source) if (found := _inline(tensor)) is not None]
    return Contents("onnx", tuple(tensors))


def external_data(source: Source) -> list[tuple[str, StoredTensor]]:
    """The tensors of a model whose data lie in other files: the path from the model's folder, and the tensor.

    Offsets are in the other file, which may end before. A file that is not a model has none.

    Raises:
        FormatError: the model is damaged.
    """
    if not _looks_like_model(source):
        return []
    return [found for tensor in _tensors(source) if (found := _external(tensor)) is not None]


def _looks_like_model(source: Source) -> bool:
    """Whether all of the file is fields that a model has, a graph among them."""
    if source.size < 2:
        return False
    tag = source.read(0, 1)[0]
    if tag >> 3 not in _MODEL_FIELDS or tag & 7 not in (VARINT, BYTES):
        return False
    try:
        numbers = set()
        for found in Wire(source).fields(0, source.size):
            numbers.add(found.number)
            if found.number not in _MODEL_FIELDS:
                return False
            if found.kind != (VARINT if found.number in (1, 5) else BYTES):
                return False
    except FormatError:
        return False
    return 7 in numbers and 1 in numbers


def _tensors(source: Source) -> Iterator[_Tensor]:
    """Every TensorProto of the model, with a name that says where it was found."""
    wire = Wire(source)
    levels = [_Level("model", wire.fields(0, source.size))]
    room = _NAME_ROOM + source.size
    while levels:
        level = levels[-1]
        found = next(level.fields, None)
        if found is None:
            levels.pop()
            continue
        if found.kind != BYTES:
            continue
        if found.number == _NAMES.get(level.kind):
            level.name = wire.text(found, _MAX_NAME)
        elif found.number == _OUTPUT and level.kind == "node" and not level.output:
            level.output = wire.text(found, _MAX_NAME)
        kind = _NESTED[level.kind].get(found.number)
        if kind == "tensor":
            tensor = _read_tensor(wire, found)
            tensor.name = level.tensor_name(tensor.name, found.number)
            room -= len(tensor.name)
            if room < 0:
                raise FormatError("names longer than a file of this size can have")
            yield tensor
        elif kind is not None:
            if len(levels) > _MAX_DEPTH:
                raise FormatError(f"graphs more than {_MAX_DEPTH} deep")
            levels.append(level.inside(kind, wire.fields(found.start, found.stop)))


def _read_tensor(wire: Wire, place: Field) -> _Tensor:
    tensor = _Tensor()
    for found in wire.fields(place.start, place.stop):
        if found.number == 1 and found.kind in (VARINT, BYTES):
            tensor.shape += wire.integers(found, MAX_DIMENSIONS)
        elif found.number == 2 and found.kind == VARINT:
            tensor.kind = found.value
        elif found.number == 8 and found.kind == BYTES:
            tensor.name = wire.text(found, _MAX_NAME)
        elif found.number in (_RAW, _FLOATS, _DOUBLES) and found.kind == BYTES:
            tensor.data = found
        elif found.number == _EXTERNAL and found.kind == BYTES:
            key, value = _entry(wire, found)
            tensor.external[key] = value
        if len(tensor.shape) > MAX_DIMENSIONS or len(tensor.external) > MAX_DIMENSIONS:
            raise FormatError(f"tensor {tensor.name}: too many dimensions, or places of its data")
    return tensor


def _entry(wire: Wire, place: Field) -> tuple[str, str]:
    texts = {found.number: wire.text(found, _MAX_NAME) for found in wire.fields(place.start, place.stop)}
    return texts.get(1, ""), texts.get(2, "")


def _inline(tensor: _Tensor) -> StoredTensor | None:
    data, dtype = tensor.data, _DTYPES.get(tensor.kind)
    if data is None or dtype is None or tensor.external:
        return None
    if data.number != _RAW and dtype not in _LISTS[data.number]:
        return None
    size = data.stop - data.start
    if size != _size(tensor, dtype):
        raise CorruptError(f"tensor {tensor.name}: {dtype} {tensor.shape} in {size} bytes")
    return StoredTensor(tensor.name, dtype, tuple(tensor.shape), data.start, size)


def _external(tensor: _Tensor) -> tuple[str, StoredTensor] | None:
    dtype = _DTYPES.get(tensor.kind)
    location = tensor.external.get("location")
    if dtype is None or not location:
        return None
    size = _size(tensor, dtype)
    offset, length = (_number(tensor.external.get(key, "")) for key in ("offset", "length"))
    if length not in (None, size):
        raise CorruptError(f"tensor {tensor.name}: {dtype} {tensor.shape} in {length} bytes")
    return location, StoredTensor(tensor.name, dtype, tuple(tensor.shape), offset or 0, size)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _size(tensor: _Tensor, dtype: str) -> int:
    if not is_shape(tuple(tensor.shape)):
        raise CorruptError(f"tensor {tensor.name}: shape {tensor.shape}")
    count = element_count(tensor.shape)
    bits = _SMALL.get(dtype)
    return dtypes.named(dtype).size(count) if bits is None else (count * bits + 7) // 8
