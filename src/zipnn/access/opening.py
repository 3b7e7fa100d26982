# SPDX-License-Identifier: MIT
"""`open`: the tensors of any model file, plain or compressed, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, BinaryIO

from ..arrays.frameworks import open_framework
from ..containers import kinds
from ..containers.archive.reading import Archive
from ..containers.contents import StoredTensor
from ..containers.readers import read_contents
from ..containers.safetensors import TensorFile
from ..delta.base import BaseLike, open_base
from ..errors import CorruptError, FormatError
from ..storage.filereader import FileReader, fresh_buffer
from ..storage.opening import Location, open_reader
from .reading import TensorSource, read_tensor, read_tensors
from .refusals import refusal
from .slicing import TensorSlice
from .sources import ModelTensor, PlainExtents, StoredTensors, StridedSlice


class ModelFile:
    """An open model file. May be used from several threads; slices stay usable after it is closed.

    Attributes:
        path: where it is.
        format: a word for the format of the (original) file, such as `safetensors` or `gguf`.
        compressed: whether zipnn wrote it.
        metadata: of a safetensors file that has them; else None.
        note: what a person should know: that a reader is not installed, or why one gave up.
    """

    def __init__(
        self,
        reader: FileReader,
        framework: str = "np",
        device: Any = "cpu",
        threads: int | None = None,
        base: BaseLike | None = None,
    ) -> None:
        self._framework = open_framework(framework, device)
        self._threads = threads or 0
        self.path = reader.path
        self.metadata: dict[str, str] | None = None
        self.note = ""
        kind = kinds.kind_of(reader)
        self.compressed = kind in kinds.WRITTEN
        if kind in (kinds.STREAM, kinds.LEGACY):
            raise FormatError(f"file {reader.path}: a {kind}, whose tensors have no names; decompress it")
        self._opened: TensorSource | None
        if kind in (kinds.SAFETENSORS, kinds.COMPRESSED) or reader.path.name.endswith(kinds.SUFFIX):
            self._open_safetensors(TensorFile(reader))
        elif kind == kinds.ARCHIVE:
            archive = Archive(reader, None if base is None else open_base(base))
            self._open_stored(
                StoredTensors(_ArchiveExtents(archive), archive.tensors.values()), archive.format
            )
        else:
            contents = read_contents(reader)
            if contents.format == "bytes":
                reason = contents.note or "nothing here knows its format"
                raise FormatError(f"file {reader.path}: holds no tensors that can be found: {reason}")
            self.note = contents.note
            tensors = StoredTensors(PlainExtents(reader, contents), contents.tensors)
            self._open_stored(tensors, contents.format)

    def __enter__(self) -> ModelFile:
        self._source()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. May be called more than once."""
        self._opened = None  # slices hold it too

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._tensors)

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def keys(self) -> list[str]:
        """Names of the tensors, in the order of the file."""
        return list(self._tensors)

    @property
    def tensors(self) -> Mapping[str, ModelTensor]:
        """What each tensor is, by its name, in the order of the file."""
        return MappingProxyType(self._tensors)

    def get_tensor(self, name: str) -> Any:
        """A whole tensor, in memory of its own, writable. A block type comes as bytes, row by row.

        Raises:
            KeyError: there is no such tensor.
            CorruptError: its data are damaged.
            FormatError: the framework has no such dtype, or the file not what it says of the tensor.
            MissingDependencyError: its dtype needs a package that is not installed.
        """
        return read_tensor(self._source(), self.described(name), self._framework, self._threads)

    def get_tensors(self) -> dict[str, Any]:
        """Every tensor by its name. Raises as `get_tensor`."""
        source = self._source()
        arrays = source.all_arrays() if isinstance(source, StoredTensors) else list(self._tensors.values())
        return read_tensors(source, arrays, self._framework, self._threads)

    def get_slice(self, name: str) -> TensorSlice:
        """A tensor to take parts of; only what a part covers is read and decoded.

        Raises:
            KeyError: there is no such tensor.
        """
        source, array = self._source(), self.described(name)
        if isinstance(source, StoredTensors) and not source.in_order(name):
            return StridedSlice(source, array, self._framework, self._threads)
        return TensorSlice(source, array, self._framework, self._threads)

    def get_bytes(self, name: str) -> memoryview:
        """A tensor's elements, little-endian, in C order. Raises as `get_tensor`."""
        source, array = self._source(), self.described(name)
        data = fresh_buffer(array.size)
        source.read_into(name, data, self._threads)
        return data

    def _open_safetensors(self, file: TensorFile) -> None:
        self._opened = file
        self.format = kinds.SAFETENSORS
        self.metadata = None if file.metadata is None else dict(file.metadata)
        infos = (file.tensors[name] for name in file.in_data_order())
        self._tensors = {i.name: ModelTensor(i.name, i.dtype, i.shape, i.size) for i in infos}

    def _open_stored(self, source: StoredTensors, format: str) -> None:  # noqa: A002 - what it is
        self._opened = source
        self.format = format
        self._tensors = source.tensors

    def _source(self) -> TensorSource:
        if self._opened is None:
            raise refusal(ValueError, "the file is closed")
        return self._opened

    def described(self, name: str) -> ModelTensor:
        """A tensor as it is given: its dtype and shape for a framework; bytes for a block type.

        Raises:
            KeyError: there is no such tensor.
            FormatError: the file cannot hold what it says of it.
        """
        if not isinstance(name, str):
            raise TypeError(f"a tensor's name is a string, not {type(name).__name__}")
        source = self._source()
        try:
            return source.array(name) if isinstance(source, StoredTensors) else self._tensors[name]
        except KeyError:
            raise refusal(KeyError, f"file {self.path}: there is no tensor {name!r}") from None


class _ArchiveExtents:
    """Extents of the original of an archive."""

    def __init__(self, archive: Archive) -> None:
        self.path = archive.path
        self._archive = archive

    def check(self, tensor: StoredTensor) -> None:
        if tensor.member is None:
            # It lies within the original, but that may be said to be larger than it can be.
            self._archive.check_range(tensor.offset, tensor.offset + tensor.size)
            return
        frames = self._archive.segment_data(self._archive.segments[tensor.member]).frames
        if tensor.offset + tensor.size > sum(frame.head.data_size for frame in frames):
            raise CorruptError("its segment does not hold so much")

    def read_into(self, tensor: StoredTensor, start: int, out: memoryview, threads: int) -> None:
        out[:] = self._archive.read_tensor_range(tensor.name, start, start + len(out), threads)


def open(  # noqa: A001 - the public name is zipnn.open
    source: Location | BinaryIO,
    framework: str = "np",
    device: Any = "cpu",
    *,
    threads: int | None = None,
    base: BaseLike | None = None,
) -> ModelFile:
    """Open any model file: an archive, a safetensors file (compressed or not), or a plain file.

    Args:
        source: a path, a URL (as a string), or a seekable binary file object.
        framework: what tensors become: "np" or "numpy", "pt" or "torch".
        device: where torch tensors go, as torch names it.
        threads: threads that decode; None for `ZIPNN_NUM_THREADS`, else all cores the process may use.
        base: what the file is a difference to, if it is one (see `make_delta`): a file or a folder.

    Raises:
        OSError: the file cannot be opened.
        FormatError: it is of a format that nothing here reads.
        CorruptError, UnsupportedVersionError: it is damaged, or written by a newer zipnn.
        ValueError: framework or device is not known.
        MissingDependencyError: torch, or what the URL needs, is not installed.
    """
    reader = open_reader(source)
    try:
        return ModelFile(reader, framework, device, threads, base)
    except BaseException:
        reader.close()
        raise
