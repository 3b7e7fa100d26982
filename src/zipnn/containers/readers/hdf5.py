# SPDX-License-Identifier: MIT
"""HDF5, so Keras's `.h5` and what is in a `.keras` file, by h5py: it says where datasets lie."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from ... import dtypes
from ...errors import CorruptError
from ...storage.filereader import Source
from ..contents import Contents, Deflated, Extent, StoredTensor
from ..shapes import element_count, is_shape
from .numpy_files import numeric_dtype

MAGIC = b"\x89HDF\r\n\x1a\n"
MISSING = "h5py is not installed: typed by content; pip install zipnn[h5]"

_MAX_DATASETS = 1 << 20
_MAX_CHUNKS, _MAX_CHUNKS_SOUGHT = 1 << 20, 500
_GZIP = 1
_ZLIB_HEAD, _ZLIB_TAIL = 2, 4
# What h5py raises on damaged files.
_FAILURES = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    MemoryError,
)


def read(source: Source) -> Contents | None:
    """The datasets of a file. See `readers`."""
    if source.size < len(MAGIC) or bytes(source.read(0, len(MAGIC))) != MAGIC:
        return None
    try:
        import h5py
    except ImportError:
        return Contents("hdf5", note=MISSING)
    file = _File(source)
    found = _Found()
    try:
        with h5py.File(file, "r") as root:
            for dataset in _datasets(h5py, root):
                found.add(dataset)
    except _FAILURES as error:
        if file.failure is not None:
            raise file.failure from None
        raise CorruptError(f"HDF5: {error}") from None
    return Contents("hdf5", tuple(found.tensors), tuple(found.extents), tuple(found.deflated))


class _File(io.RawIOBase):
    """A source as a file object. An error of the system in it is kept, for h5py does not pass it on."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._place = 0
        self.failure: OSError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._source.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        size = max(0, min(len(view), self._source.size - self._place))
        try:
            view[:size] = self._source.read(self._place, size)
        except OSError as error:
            self.failure = error
            raise
        self._place += size
        return size


def _datasets(h5py: Any, root: Any) -> Iterator[Any]:
    """Every dataset once, by the first path that leads there; links to other files are not followed."""
    names: list[str] = []

    def take(name: str) -> bool | None:
        names.append(name)
        return True if len(names) >= _MAX_DATASETS else None

    root.visit(take)
    for name in names:
        item = root[name]
        if isinstance(item, h5py.Dataset):
            yield item


class _Found:
    """What the datasets of a file have told so far."""

    def __init__(self) -> None:
        self.tensors: list[StoredTensor] = []
        self.extents: list[Extent] = []
        self.deflated: list[Deflated] = []

    def add(self, dataset: Any) -> None:
        """Take in a dataset, unless it is something else than numbers, or lies in another file."""
        if dataset.external or dataset.is_virtual or dataset.shape is None or not is_shape(dataset.shape):
            return
        dtype, big_endian = numeric_dtype(dataset.dtype.str)
        if dtype is None or dataset.id.get_type().get_size() != dataset.dtype.itemsize:
            return
        name = dataset.name.lstrip("/")
        if dataset.chunks is not None:
            self._add_chunks(name, dataset, dtype, big_endian)
        elif dataset.id.get_offset() is not None:
            self._add_tensor(name, dataset, dtype, big_endian, dataset.id.get_offset())

    def _add_tensor(self, name: str, dataset: Any, dtype: str, big_endian: bool, offset: int) -> None:
        size = dtypes.named(dtype).size(element_count(dataset.shape))
        shape = tuple(int(extent) for extent in dataset.shape)
        self.tensors.append(StoredTensor(name, dtype, shape, int(offset), size, None, big_endian))

    def _add_chunks(self, name: str, dataset: Any, dtype: str, big_endian: bool) -> None:
        size = dtypes.named(dtype).size(element_count(dataset.chunks))
        settings = dataset.id.get_create_plist()
        filters = [settings.get_filter(index)[0] for index in range(settings.get_nfilters())]
        if filters not in ([], [_GZIP]):
            return
        for offset, stored, skipped in _chunks(dataset):
            plain = not filters or skipped
            if plain and dataset.chunks == dataset.shape and stored == size:
                self._add_tensor(name, dataset, dtype, big_endian, offset)
            elif plain:
                self.extents.append(Extent(offset, stored // size * size, dtype, big_endian))
            elif stored > _ZLIB_HEAD + _ZLIB_TAIL:
                inside = (Extent(0, size, dtype, big_endian),)
                stream = stored - _ZLIB_HEAD - _ZLIB_TAIL
                self.deflated.append(Deflated(offset + _ZLIB_HEAD, stream, size, inside))


def _chunks(dataset: Any) -> list[tuple[int, int, bool]]:
    """Offset, size and whether the filter was left out, of every chunk that is stored.

    The first of them, if there are many; and fewer where HDF5 is too old to list them: it looks for each
    from the first one on.
    """
    found: list[tuple[int, int, bool]] = []

    def take(chunk: Any) -> bool | None:
        found.append((int(chunk.byte_offset), int(chunk.size), bool(chunk.filter_mask)))
        return True if len(found) >= _MAX_CHUNKS else None

    if hasattr(dataset.id, "chunk_iter"):
        dataset.id.chunk_iter(take)
    else:
        for index in range(min(dataset.id.get_num_chunks(), _MAX_CHUNKS_SOUGHT)):
            take(dataset.id.get_chunk_info(index))
    return found
