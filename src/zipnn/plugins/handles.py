# SPDX-License-Identifier: MIT
"""What is known of the open handles of safetensors, which have no room for it themselves.

They take no attributes and no weak references, and do not tell when they end. So each is known by its
address, from the moment that it is made: whoever gets the address next is entered again.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import OrderedDict
from typing import Any

from ..access.reading import read_tensor, read_tensors
from ..access.slicing import TensorSlice
from ..arrays.frameworks import Framework, open_framework
from ..containers.legacy_tensors import VECTORS_KEY
from ..containers.safetensors import TensorFile, TensorInfo
from ..containers.safetensors_layout import FORMAT_KEY, README_KEY
from ..errors import ZipnnError
from ..storage.filereader import fingerprint
from ..storage.locations import local_path
from .budget import BUDGET
from .failures import explained, loading_error
from .readers import ReopeningReader

MARKS = frozenset({FORMAT_KEY, README_KEY, VECTORS_KEY})
"""Keys in the metadata of which a compressed file has one (but for some of zipnn 0.5's)."""

_FILES = 32  # compressed files whose layout is remembered
_HANDLES = 1 << 16


class OpenFile:
    """A compressed file together with the reader that it reads through."""

    def __init__(self, reader: ReopeningReader) -> None:
        self.reader = reader
        with reader.held():
            self.tensors = TensorFile(reader)

    @property
    def key(self) -> tuple[object, ...]:
        return (self.reader.path, fingerprint(self.reader.stat))


class CompressedHandle:
    """What a handle of a compressed file gives instead of its bytes.

    Args:
        file: what it is open for.
        framework, device: what tensors are to be and where, as safetensors was told.
    """

    def __init__(self, file: OpenFile, framework: str, device: Any) -> None:
        self._key = file.key
        self.path = local_path(file.reader.path)
        self._framework, self._device = framework, device
        self._opened: Framework | None = None

    def metadata(self) -> dict[str, str] | None:
        """`__metadata__` of the original."""
        metadata = self._file().tensors.metadata
        return None if metadata is None else dict(metadata)

    def offset_keys(self) -> list[str]:
        """Names by the place of their data."""
        return self._file().tensors.in_data_order()

    def tensor(self, name: str) -> Any:
        """A whole tensor, in memory of its own."""
        with explained():
            file = self._file()
            info = file.tensors.tensors[name]
            with file.reader.held(), BUDGET.threads_for(info.size) as threads:
                return read_tensor(file.tensors, info, self._get_framework(), threads)

    def all_tensors(self) -> dict[str, Any]:
        """Every tensor, by the place of its data."""
        with explained():
            file = self._file()
            infos = [file.tensors.tensors[name] for name in file.tensors.in_data_order()]
            with file.reader.held(), BUDGET.threads_for(sum(info.size for info in infos)) as threads:
                return read_tensors(file.tensors, infos, self._get_framework(), threads)

    def slice(self, name: str) -> CompressedSlice:
        """A tensor to take parts of."""
        with explained():
            file = self._file()
            return CompressedSlice(file, file.tensors.tensors[name], self._get_framework())

    def _file(self) -> OpenFile:
        file = _remembered(self._key)
        if file is None:
            file = _remember(OpenFile(ReopeningReader(self.path)))
            if file.key != self._key:
                raise ZipnnError(f"file {self.path}: changed since it was opened; open it again")
        return file

    def _get_framework(self) -> Framework:
        if self._opened is None:
            self._opened = open_framework(self._framework, self._device)
        return self._opened


class CompressedSlice:
    """What `get_slice` gives for a compressed tensor; decodes what an index covers."""

    def __init__(self, file: OpenFile, info: TensorInfo, framework: Framework) -> None:
        self._file = file
        self._info = info
        self._framework = framework

    def get_shape(self) -> list[int]:
        """The original's shape."""
        return list(self._info.shape)

    def get_dtype(self) -> str:
        """The original's dtype under safetensors' name."""
        return self._info.dtype

    def __getitem__(self, index: Any) -> Any:
        file = self._file
        with explained(), file.reader.held(), BUDGET.threads_for(self._info.size) as threads:
            return TensorSlice(file.tensors, self._info, self._framework, threads)[index]


class Handles:
    """All handles that were made since the hooks were installed."""

    def __init__(self) -> None:
        self._known: dict[int, CompressedHandle | None] = {}

    def enter(self, handle: object, path: Any, framework: Any, device: Any, metadata: Any) -> None:
        """Note a handle that was just made.

        Raises:
            FormatError: the file is compressed, and damaged or newer than this zipnn.
        """
        self._known.pop(id(handle), None)
        found = None
        if metadata is None or not MARKS.isdisjoint(metadata):
            with explained():
                found = _open(path)
        if len(self._known) >= _HANDLES:
            self._known = {key: known for key, known in self._known.copy().items() if known is not None}
        self._known[id(handle)] = CompressedHandle(found, framework, device) if found else None

    def find(self, handle: object, metadata: Any) -> CompressedHandle | None:
        """What was noted; None for a plain file. `metadata` is called for handles that are not known.

        Raises:
            FormatError: the handle is older than the hooks, and its file compressed.
        """
        try:
            return self._known[id(handle)]
        except KeyError:
            pass
        if not MARKS.isdisjoint(metadata(handle) or ()):
            message = "a compressed file was opened before zipnn's hooks were installed: open it again"
            raise loading_error(ZipnnError, message)
        self._known[id(handle)] = None
        return None

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()


_guard = threading.Lock()
_files: OrderedDict[tuple[object, ...], OpenFile] = OrderedDict()


def _open(path: str | os.PathLike[str]) -> OpenFile | None:
    """The file, if it is compressed."""
    reader = ReopeningReader(path)
    known = _remembered((reader.path, fingerprint(reader.stat)))
    if known is not None:
        return known
    file = OpenFile(reader)
    return _remember(file) if file.tensors.compressed else None


def _remembered(key: tuple[object, ...]) -> OpenFile | None:
    with _guard:
        file = _files.get(key)
        if file is not None:
            _files.move_to_end(key)
        return file


def _remember(file: OpenFile) -> OpenFile:
    with _guard:
        _files[file.key] = file
        while len(_files) > _FILES:
            _files.popitem(last=False)
    return file


def _after_fork() -> None:
    global _guard  # noqa: PLW0603 - another thread may have held it
    _guard = threading.Lock()
    _files.clear()  # their locks, too


atexit.register(_files.clear)  # the core wants to see its objects gone at the end
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
