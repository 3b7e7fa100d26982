# SPDX-License-Identifier: MIT
"""PyTorch's files before 1.6: pickles (magic, version, system, objects, keys), then all storages."""

from __future__ import annotations

from dataclasses import dataclass

from ... import dtypes
from ...errors import CorruptError, FormatError
from ...storage.filereader import Source
from ..contents import Contents, Extent, StoredTensor
from ..shapes import needed_strides, span
from .pickle_opcodes import Built, EndOfDataError, Value, interpret
from .torch_pickle import View, max_opcodes, storages, views

_MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
_MAGIC_WITHIN = 32
_PICKLES = 5
_FIRST_READ = 1 << 20
_MAX_READ = 256 << 20


@dataclass(frozen=True, slots=True)
class _Record:
    """Where the data of a storage lie, and what they are."""

    offset: int
    size: int
    dtype: str


def read(source: Source) -> Contents | None:
    """The tensors of a checkpoint. See `readers`."""
    head = bytes(source.read(0, min(_MAGIC_WITHIN, source.size)))
    if not head.startswith(b"\x80") or _MAGIC not in head:
        return None
    root, keys, end = _read_pickles(source)
    records = _read_records(source, _dtypes(root), keys, end)
    tensors = []
    named = set()
    for view in views(root, (), end):
        tensor = _tensor(view, records)
        if tensor is not None:
            tensors.append(tensor)
            named.add(view.storage.key)
    extents = tuple(
        Extent(record.offset, record.size, record.dtype)
        for key, record in records.items()
        if key not in named and record.size
    )
    return Contents("torch-legacy", tuple(tensors), extents)


def _read_pickles(source: Source) -> tuple[Value, list[str], int]:
    """What was saved, the keys of the storages in the order of their data, and where these begin."""
    size = min(source.size, _FIRST_READ)
    while True:
        data = bytes(source.read(0, size))
        try:
            return _interpret_pickles(data, max_opcodes(source.size))
        except EndOfDataError:
            if size == source.size:
                raise
            if size >= _MAX_READ:
                raise FormatError(f"pickles of more than {_MAX_READ} bytes") from None
        size = min(source.size, 4 * size)


def _interpret_pickles(data: bytes, allowed: int) -> tuple[Value, list[str], int]:
    values = []
    place = 0
    for _ in range(_PICKLES):
        value, place = interpret(data, place, allowed)
        values.append(value)
    keys = values[4]
    if not isinstance(keys, Built) or not all(isinstance(key, str) for key in keys.elements or ()):
        raise CorruptError("the list of storages is damaged")
    return values[3], list(keys.elements or ()), place


def _dtypes(root: Value) -> dict[str, str]:
    """The dtypes of storages by key."""
    found: dict[str, str] = {}
    for storage in storages(root):
        if storage.key not in found or found[storage.key] == storage.dtype:
            found[storage.key] = storage.dtype
        else:
            raise FormatError(f"storage {storage.key} has two types")
    return found


def _read_records(source: Source, kinds: dict[str, str], keys: list[str], place: int) -> dict[str, _Record]:
    records: dict[str, _Record] = {}
    for key in keys:
        if key not in kinds or key in records:
            raise CorruptError(f"storage {key} is of no known type, or there twice")
        count = int.from_bytes(source.read(place, 8), "little")
        size = count * dtypes.named(kinds[key]).bits // 8
        if size > source.size - place - 8:
            raise CorruptError(f"storage {key} ends behind the end of the file; incomplete download?")
        records[key] = _Record(place + 8, size, kinds[key])
        place += 8 + size
    return records


def _tensor(view: View, records: dict[str, _Record]) -> StoredTensor | None:
    record = records.get(view.storage.key)
    if record is None:
        return None
    width = dtypes.named(view.dtype).bits // 8
    start = (view.storage.start + view.offset) * width
    size = span(view.shape, view.strides) * width
    if size and start + size > record.size:
        raise CorruptError(f"tensor {view.name} ends behind its storage {view.storage.key}")
    start = min(start, record.size)
    strides = needed_strides(view.shape, view.strides)
    return StoredTensor(view.name, view.dtype, view.shape, record.offset + start, size, strides)
