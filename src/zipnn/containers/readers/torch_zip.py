# SPDX-License-Identifier: MIT
"""PyTorch's ZIP files: checkpoints since 1.6, and TorchScript."""

from __future__ import annotations

from dataclasses import dataclass, field

from ... import dtypes
from ...errors import CorruptError, FormatError, error_place
from ...storage.filereader import Source
from ..contents import Contents, Deflated, Extent, StoredTensor
from ..shapes import needed_strides, span
from .pickle_opcodes import Value, interpret
from .torch_pickle import Storage, View, max_opcodes, storages, views
from .zip_directory import DEFLATED, STORED, Entry, inflate, looks_like_zip, read_directory

_MAX_PICKLE = 256 << 20
_MAX_INFLATED = 16 << 20  # and 16 times the size of the file: what a pickle shrinks to
_PICKLES = (("data", ()), ("constants", ("constants",)))  # and what the names of their tensors begin with


def read(source: Source) -> Contents | None:
    """The tensors of a checkpoint or of a TorchScript program. See `readers`."""
    if not looks_like_zip(source):
        return None
    entries = read_directory(source)
    root = next((name[: -len("data.pkl")] for name in entries if _is_root(name)), None)
    if root is None:
        return None
    found = _Found(entries, _is_big_endian(source, entries, root))
    for stem, prefix in _PICKLES:
        entry = entries.get(f"{root}{stem}.pkl")
        if entry is not None:
            with error_place(entry.name):
                found.add(_unpickle(source, entry), f"{root}{stem}/", prefix, entry.inflated_size)
    form = "torchscript" if f"{root}constants.pkl" in entries else "torch"
    return found.contents(form)


def _is_root(name: str) -> bool:
    """Whether it is the main pickle, which lies in the folder at the top (or at the top itself)."""
    return name == "data.pkl" or (name.endswith("/data.pkl") and name.count("/") == 1)


def _is_big_endian(source: Source, entries: dict[str, Entry], root: str) -> bool:
    entry = entries.get(f"{root}byteorder")
    return entry is not None and inflate(source, entry, 16).strip() == b"big"


def _unpickle(source: Source, entry: Entry) -> Value:
    most = min(_MAX_PICKLE, source.size if entry.method == STORED else _MAX_INFLATED + 16 * source.size)
    if entry.inflated_size > most:
        raise FormatError(f"a pickle of {entry.inflated_size} bytes")
    data = inflate(source, entry, entry.inflated_size)
    return interpret(data, 0, max_opcodes(source.size))[0]


@dataclass
class _Found:
    """What the pickles of a file have told so far."""

    entries: dict[str, Entry]
    big_endian: bool
    tensors: list[StoredTensor] = field(default_factory=list)
    members: dict[str, int] = field(default_factory=dict)  # deflated entries by name: their index
    dtypes: dict[str, str] = field(default_factory=dict)  # of the entries that are storages
    named: set[str] = field(default_factory=set)  # entries with tensors

    def __post_init__(self) -> None:
        deflated = (name for name, entry in self.entries.items() if entry.method == DEFLATED and entry.size)
        self.members = {name: index for index, name in enumerate(deflated)}

    def add(self, root: Value, folder: str, prefix: tuple[str, ...], pickle_size: int) -> None:
        """Take in a pickle whose storages lie in `folder`."""
        for storage in storages(root):
            self._add_storage(storage, folder)
        for view in views(root, prefix, (1 << 20) + 8 * pickle_size):
            self._add_tensor(view, folder + view.storage.key)

    def _add_storage(self, storage: Storage, folder: str) -> None:
        entry = self.entries.get(folder + storage.key)
        if entry is None or entry.method not in (STORED, DEFLATED):
            return
        if storage.count * dtypes.named(storage.dtype).bits // 8 > entry.inflated_size:
            raise CorruptError(f"storage {storage.key} has {storage.count} elements, its record fewer")
        self.dtypes.setdefault(entry.name, storage.dtype)

    def _add_tensor(self, view: View, name: str) -> None:
        entry = self.entries.get(name)
        if entry is None or name not in self.dtypes:
            return  # not in this file
        width = dtypes.named(view.dtype).bits // 8
        start = view.offset * width
        size = span(view.shape, view.strides) * width
        if size and start + size > entry.inflated_size:
            raise CorruptError(f"tensor {view.name} ends behind its storage {view.storage.key}")
        if not size:
            start = min(start, entry.inflated_size)
        member = self.members.get(name)
        offset = start if member is not None else entry.offset + start
        strides = needed_strides(view.shape, view.strides)
        big_endian = self.big_endian and width > 1
        self.tensors.append(
            StoredTensor(view.name, view.dtype, view.shape, offset, size, strides, big_endian, member)
        )
        self.dtypes[name] = view.dtype
        self.named.add(name)

    def contents(self, form: str) -> Contents:
        extents = tuple(
            self._extent(entry, entry.offset)
            for name, entry in self.entries.items()
            if name in self.dtypes and name not in self.named and name not in self.members and entry.size
        )
        deflated = tuple(self._deflated(self.entries[name]) for name in self.members)
        return Contents(form, tuple(self.tensors), extents, deflated)

    def _extent(self, entry: Entry, offset: int) -> Extent:
        dtype = self.dtypes[entry.name]
        width = dtypes.named(dtype).bits // 8
        return Extent(offset, entry.inflated_size // width * width, dtype, self.big_endian and width > 1)

    def _deflated(self, entry: Entry) -> Deflated:
        typed = entry.name in self.dtypes
        extents = (self._extent(entry, 0),) if typed else ()
        return Deflated(entry.offset, entry.size, entry.inflated_size, extents)
