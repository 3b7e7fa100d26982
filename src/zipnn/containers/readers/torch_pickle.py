# SPDX-License-Identifier: MIT
"""What the pickle of a PyTorch checkpoint says of its tensors: names, and places in storages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ... import dtypes
from ..shapes import is_shape
from .pickle_opcodes import Built, Global, Persistent, Value

_STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64",
    "ComplexDoubleStorage": "C128",
    "QInt8Storage": "I8",
    "QUInt8Storage": "U8",
    "QInt32Storage": "I32",
    "UntypedStorage": "U8",
}
_PLAIN = frozenset({"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_qtensor"})
_WITH_DTYPE = "_rebuild_tensor_v3"
_WRAPPERS = frozenset({"_rebuild_parameter", "_rebuild_parameter_with_state"})
_SIZE = Global("torch", "Size")
_ORDERED_DICT = Global("collections", "OrderedDict")
_MODULE_PARTS = frozenset({"_parameters", "_buffers", "_modules"})
_MAX_DEPTH = 64
_NAME_ROOM = 1 << 20


@dataclass(frozen=True, slots=True)
class Storage:
    """A storage that a pickle speaks of.

    Attributes:
        key: the name of its record.
        dtype: of its elements; `U8` where only their tensors know.
        count: of elements.
        start: where it begins in the record, in elements (a view; only in files of PyTorch before 0.4).
    """

    key: str
    dtype: str
    count: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """A tensor: a place in a storage. `offset` and `strides` are in elements of `dtype`."""

    name: str
    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def max_opcodes(file_size: int) -> int:
    """How many a pickle in a file may have, which bounds memory (some 100 bytes each) and time."""
    return (1 << 18) + min(file_size // 64, 1 << 23)


def views(root: Value, prefix: tuple[str, ...] = (), name_room: int = _NAME_ROOM) -> Iterator[View]:
    """The tensors that `root`, a pickle as `interpret` gives it, holds, in its order.

    A tensor's name is the path to it, joined by dots. What lies deeper than 64 levels, and what has
    names longer than `name_room` characters in all, is left out.
    """
    seen: set[int] = set()
    waiting: list[tuple[Value, tuple[str, ...]]] = [(root, prefix)]
    while waiting:
        value, path = waiting.pop()
        if not isinstance(value, Built | tuple):
            continue
        found = _as_view(value)
        if found is not None:
            name = ".".join(path) or "tensor"
            name_room -= len(name)
            if name_room < 0:
                return
            yield View(name, *found)
        elif id(value) not in seen and len(path) < _MAX_DEPTH:
            seen.add(id(value))
            waiting += reversed([(child, _extended(path, key)) for key, child in _children(value)])


def storages(root: Value) -> Iterator[Storage]:
    """Every storage that `root` refers to, some of them more than once."""
    seen: set[int] = set()
    waiting: list[Value] = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Persistent):
            storage = as_storage(value)
            if storage is not None:
                yield storage
        elif isinstance(value, Built | tuple) and id(value) not in seen:
            seen.add(id(value))
            waiting += reversed([child for _, child in _children(value)])


def as_storage(value: Value) -> Storage | None:
    """The storage that a persistent identifier names; None if it names something else."""
    key = value.key if isinstance(value, Persistent) else None
    if not isinstance(key, tuple) or len(key) < 5 or not _is(key[0], "storage"):
        return None
    _, kind, name, _, count, *rest = key
    dtype = _STORAGES.get(kind.name) if isinstance(kind, Global) else None
    if dtype is None or not isinstance(name, str) or not is_shape((count,)):
        return None
    start = 0
    if rest and isinstance(rest[0], tuple) and len(rest[0]) == 3 and is_shape(rest[0][1:]):
        _, start, count = rest[0]
    return Storage(name, dtype, count, start)


_Place = tuple[Storage, str, int, tuple[int, ...], tuple[int, ...]]


def _as_view(value: Value) -> _Place | None:
    """What `View` holds beside the name, if the value is a tensor."""
    for _ in range(_MAX_DEPTH):  # wrappers in wrappers
        if not isinstance(value, Built) or not isinstance(value.made_by, Global):
            return None
        arguments = value.arguments
        if not isinstance(arguments, tuple) or not value.made_by.module.startswith("torch"):
            return None
        name = value.made_by.name
        if name in _WRAPPERS and arguments:
            value = arguments[0]
        elif name == "_rebuild_from_type_v2" and len(arguments) >= 3:
            value = Built(arguments[0], arguments[2])
        else:
            return _rebuilt(name, arguments)
    return None


def _rebuilt(name: str, arguments: tuple[Value, ...]) -> _Place | None:
    if len(arguments) < 4 or (name not in _PLAIN and name != _WITH_DTYPE):
        return None
    storage = as_storage(arguments[0])
    offset, shape, strides = arguments[1], _plain_size(arguments[2]), _plain_size(arguments[3])
    if storage is None or not (is_shape((offset,)) and is_shape(shape) and is_shape(strides)):
        return None
    if len(shape) != len(strides):
        return None
    dtype = storage.dtype
    if name == _WITH_DTYPE:
        kind = arguments[6] if len(arguments) > 6 else None
        known = dtypes.BY_TORCH.get(kind.name) if isinstance(kind, Global) else None
        if known is None or known.bits % 8:
            return None
        dtype = known.name
    return storage, dtype, offset, shape, strides


def _plain_size(value: Value) -> Value:
    """A shape as a tuple; PyTorch before 0.4 made an object of it."""
    if isinstance(value, Built) and value.made_by == _SIZE and isinstance(value.arguments, tuple):
        return value.arguments[0] if len(value.arguments) == 1 else None
    return value


def _listed_pairs(value: Built) -> list[Value] | None:
    """The pairs of an OrderedDict that is made of a list of pairs, as Python 2 did it."""
    arguments = value.arguments
    if value.made_by != _ORDERED_DICT or not isinstance(arguments, tuple) or len(arguments) != 1:
        return None
    found: list[Value] = []
    for pair in arguments[0].elements or () if isinstance(arguments[0], Built) else ():
        items = pair.elements if isinstance(pair, Built) else pair
        if not isinstance(items, list | tuple) or len(items) != 2:
            return None
        found += items
    return found


def _children(value: Built | tuple[Value, ...]) -> Iterator[tuple[str, Value]]:
    """What it holds, each with the key that leads there; an empty key where it takes no step."""
    if isinstance(value, tuple):
        for index, child in enumerate(value):
            yield str(index), child
        return
    listed = _listed_pairs(value)
    if listed is None:
        yield "", value.arguments
    yield "", value.state
    for index, child in enumerate(value.elements or ()):
        yield str(index), child
    pairs = [*(listed or ()), *(value.pairs or ())]
    for index in range(0, len(pairs), 2):
        yield _key(pairs[index], index // 2), pairs[index + 1]


def _key(key: Value, index: int) -> str:
    if isinstance(key, str):
        return "" if key in _MODULE_PARTS else key
    return str(key if isinstance(key, int) else index)


def _extended(path: tuple[str, ...], key: str) -> tuple[str, ...]:
    return (*path, key) if key else path


def _is(value: Value, text: str) -> bool:
    return isinstance(value, str) and value == text
