# SPDX-License-Identifier: MIT
"""The base of a difference: tensors by name, wherever they lie, in whatever form."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import posixpath
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from .. import _core
from ..access.sources import PlainExtents, StoredTensors
from ..containers import kinds
from ..containers.archive.differences import BaseRecord, BaseTensor
from ..containers.archive.limits import SEGMENT
from ..containers.originals import open_original
from ..containers.readers import read_contents
from ..errors import BaseMismatchError, BaseRequiredError, FormatError, ZipnnError
from ..storage.closing import Closing
from ..storage.filereader import FileReader, fresh_buffer
from ..storage.locations import Place, are_same, place_of
from ..storage.opening import Location

_INDEX = ".safetensors.index.json"


class BaseTensors(Closing):
    """The tensors of a file, or of the files of a folder. Its methods may be called from several threads.

    Where several files have a tensor of one name, the first one counts: of those that an index json names,
    then by name.

    Attributes:
        path: the file or folder.
        tensors: by name; those in a folder within the folder are `FOLDER:NAME`.
        folders: for each of these names, the folder; empty for others.
    """

    def __init__(self, path: Place) -> None:
        self.path = path
        self._readers: list[FileReader] = []
        self._places: dict[str, tuple[StoredTensors, str, int]] = {}
        self._tensors: dict[str, BaseTensor] = {}
        self.tensors: Mapping[str, BaseTensor] = MappingProxyType(self._tensors)
        self.folders: dict[str, str] = {}
        self._hashes: dict[tuple[str, int], int] = {}
        self._gathered: tuple[BaseTensor, memoryview] | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the files. May be called more than once."""
        for reader in self._readers:
            reader.close()

    def read(self, tensor: BaseTensor, start: int, size: int, threads: int = 0) -> memoryview:
        """The bytes [start, start + size) of a tensor's elements, little-endian and in C order.

        Raises:
            BaseMismatchError: there is no tensor of that name, dtype and shape, or it has fewer bytes.
            CorruptError: the file is damaged.
        """
        self._check(tensor)
        source, name, whole = self._places[tensor.name]
        source.array(name)  # raises if there is not what the file says
        if start + size > whole:
            raise BaseMismatchError(f"tensor {tensor.name!r} has {whole} bytes, not {start + size}")
        if not source.in_order(name):
            data = self._gather(tensor, threads)[start : start + size]
        else:
            data = source.read_range(name, start, start + size, threads)
        if start % SEGMENT == 0 and size == min(SEGMENT, whole - start):
            self._hashes.setdefault((tensor.name, start), _core.xxh3_64(data))
        return data

    def size(self, tensor: BaseTensor) -> int:
        """Bytes of a tensor's elements."""
        return self._places[tensor.name][2]

    def record(self, needed: tuple[BaseTensor, ...]) -> BaseRecord:
        """What a difference that needs these tensors says of its base."""
        return BaseRecord(self.path.name, self.content_id(), len(self._tensors), needed)

    def check(self, record: BaseRecord) -> None:
        """Raise `BaseMismatchError` if a tensor that is needed is missing, or has another dtype or shape."""
        try:
            for tensor in record.tensors:
                self._check(tensor)
        except BaseMismatchError as error:
            raise BaseMismatchError(f"made against {record}, not against {self.path}: {error}") from None

    def content_id(self) -> str:
        """What tells one base from another: the same for the same tensors, in whatever files and order.

        Reads what has not been read yet. See docs/format.md, 4.4.
        """
        lines = {
            json.dumps([t.dtype, list(t.shape), f"{self._content_hash(t):016x}"], separators=(",", ":"))
            for t in self._tensors.values()
        }
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:32]

    def forget(self) -> None:
        """Keep no elements that were read: they are read from the files again."""
        with self._lock:
            self._gathered = None

    def check_unchanged(self) -> None:
        """Raise `ZipnnError` if a file is no longer what it was when it was opened."""
        for reader in self._readers:
            reader.check_unchanged()

    def check_apart(self, output: Place) -> None:
        """Raise `ZipnnError` if `output` is a file of the base, which would be lost."""
        if any(are_same(output, reader.path) for reader in self._readers):
            raise ZipnnError(
                f"file {output}: part of the base, which every difference to it needs; give another output"
            )

    def add_file(self, reader: FileReader, folder: str = "") -> None:
        """Add a file's tensors, as far as their names are free.

        Args:
            reader: the file, as it was before it was compressed; closed with this.
            folder: what their names begin with, unless it is empty.

        Raises:
            FormatError: a file called .safetensors is not one.
        """
        self._readers.append(reader)
        if reader.path.name.endswith(kinds.SUFFIX) and kinds.kind_of(reader) == kinds.OTHER:
            kinds.header_of(reader)  # its error says what is wrong with the file
        contents = read_contents(reader)
        source = StoredTensors(PlainExtents(reader, contents), contents.tensors)
        for name, tensor in source.tensors.items():
            key = f"{folder}:{name}" if folder else name
            if key not in self._tensors:
                self._tensors[key] = BaseTensor(key, tensor.dtype, tuple(tensor.shape))
                self._places[key] = (source, name, tensor.size)
                self.folders[key] = folder

    def _check(self, tensor: BaseTensor) -> None:
        own = self._tensors.get(tensor.name)
        if own is None:
            raise BaseMismatchError(f"it has no tensor {tensor.name!r}")
        if own != tensor:
            raise BaseMismatchError(
                f"tensor {tensor.name!r} is {own.dtype} {list(own.shape)}, "
                f"not {tensor.dtype} {list(tensor.shape)}"
            )

    def _gather(self, tensor: BaseTensor, threads: int) -> memoryview:
        """A tensor with strides; the last one is kept, since it is asked for piece by piece."""
        source, name, size = self._places[tensor.name]
        with self._lock:
            if self._gathered is None or self._gathered[0] != tensor:
                data = fresh_buffer(size)
                source.read_into(name, data, threads)
                self._gathered = (tensor, data.toreadonly())
            return self._gathered[1]

    def _content_hash(self, tensor: BaseTensor) -> int:
        hashes = []
        size = self.size(tensor)
        for start in range(0, size, SEGMENT):
            if (tensor.name, start) not in self._hashes:
                self.read(tensor, start, min(SEGMENT, size - start))
            hashes.append(self._hashes[tensor.name, start])
        return _core.xxh3_64(np.array(hashes, "<u8").tobytes())


BaseLike = Location | BaseTensors
"""What callers may give as a base: a file, a folder, or tensors that are open already."""


@contextlib.contextmanager
def opened_base(base: BaseLike | None) -> Iterator[BaseTensors | None]:
    """A base that is closed at the end if it was opened here. Raises as `open_base`."""
    if base is None or isinstance(base, BaseTensors):
        yield base
    else:
        with open_base(base) as tensors:
            yield tensors


def open_base(base: BaseLike) -> BaseTensors:
    """The tensors of a model: of a file, or of the files of a folder, compressed or not.

    Args:
        base: the file or folder; tensors that are open already are what comes back.

    Raises:
        FormatError: there are no tensors in it.
        CorruptError, UnsupportedVersionError: a file is damaged, or written by a newer zipnn.
        OSError: it cannot be read.
    """
    if isinstance(base, BaseTensors):
        return base
    place = place_of(base)
    tensors = BaseTensors(place)
    try:
        if isinstance(place, Path) and place.is_dir():
            _add_folder(tensors, place)
        else:
            tensors.add_file(open_original(place))
        if not tensors.tensors:
            raise FormatError(f"{place}: no tensors that a model could be compared with")
    except BaseException:
        tensors.close()
        raise
    return tensors


def _add_folder(
    tensors: BaseTensors, root: Path, relative: str = "", ancestors: tuple[tuple[int, int], ...] = ()
) -> None:
    """Add a folder's safetensors files, or if there are none its files of any other format.

    Links are followed, but for those to a folder that contains them.
    """
    folder = root / relative
    status = os.stat(folder)
    identity = (status.st_dev, status.st_ino)
    if identity in ancestors:
        return
    names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    files = [name for name in names if (folder / name).is_file()]
    weights = [name for name in files if name.endswith(kinds.SUFFIX)]
    listed = {shard for name in files if name.endswith(_INDEX) for shard in _shards(folder / name)}
    for name in sorted(weights or files, key=lambda name: name not in listed):
        # What lies beside a model may be anything, differences to it included.
        with contextlib.nullcontext() if weights else contextlib.suppress(FormatError, BaseRequiredError):
            tensors.add_file(open_original(folder / name), relative)
    for name in names:
        if (folder / name).is_dir():
            _add_folder(tensors, root, posixpath.join(relative, name), (*ancestors, identity))


def _shards(path: Path) -> set[str]:
    """Names of the files that an index json names; none if it is not one."""
    try:
        document: Any = json.loads(path.read_bytes())
        return {str(name) for name in document["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()
