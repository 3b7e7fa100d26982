# SPDX-License-Identifier: MIT
"""`safe_open` and `load_file`: the interface of safetensors, for compressed and plain files alike."""

from __future__ import annotations

from types import TracebackType
from typing import Any, BinaryIO

from ..arrays.frameworks import open_framework
from ..containers import kinds
from ..containers.archive.reading import Archive
from ..containers.originals import archived_file
from ..containers.safetensors import TensorFile, TensorInfo
from ..delta.base import BaseLike, open_base
from ..storage.opening import Location, open_reader
from .reading import read_tensor, read_tensors
from .refusals import refusal
from .slicing import TensorSlice


class safe_open:  # noqa: N801 - the name that safetensors gave it
    """An open safetensors file, compressed or not, as `safetensors.safe_open` would show the original.

    Works as a context manager and without one. May be used from several threads. Slices that were
    taken before the file was closed stay usable.

    Args:
        filename: the file: a path, a URL (as a string), or a binary file object.
        framework: what tensors become: "np" or "numpy", "pt" or "torch".
        device: where torch tensors go, as torch names it.
        base: what the file is a difference to, if it is one (see `make_delta`): a file or a folder.
        backend: taken so that calls written for safetensors work, and checked; it changes nothing.
        threads: threads that decode; None for `ZIPNN_NUM_THREADS`, else all cores the process may use.

    Raises:
        OSError: the file cannot be opened.
        FormatError: it is not a safetensors file, nor an archive of one.
        BaseRequiredError: it is a difference, a tensor is read, and `base` was not given.
        BaseMismatchError: `base` is another than it was made against.
        CorruptError, UnsupportedVersionError: it is damaged, or written by a newer zipnn.
        ValueError: framework, device or backend is not known.
        MissingDependencyError: torch is not installed.
    """

    def __init__(
        self,
        filename: Location | BinaryIO,
        framework: str = "np",
        device: Any = "cpu",
        *,
        base: BaseLike | None = None,
        backend: str = "mmap",
        threads: int | None = None,
    ) -> None:
        if backend not in ("mmap", "pread"):
            raise refusal(ValueError, f'backend {backend!r} is not known: "mmap" and "pread" are')
        self._framework = open_framework(framework, device)
        self._threads = threads or 0
        self._opened: TensorFile | None = _open(filename, base)

    def __enter__(self) -> safe_open:
        self._file()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Slices hold the file too: it is closed when the last of them is gone.
        self._opened = None

    def keys(self) -> list[str]:
        """Names of the tensors, sorted."""
        return sorted(self._file().tensors)

    def offset_keys(self) -> list[str]:
        """Names of the tensors in the order of their data."""
        return list(self._file().in_data_order())

    def metadata(self) -> dict[str, str] | None:
        """`__metadata__` of the original file; None if it has none."""
        metadata = self._file().metadata
        return None if metadata is None else dict(metadata)

    def get_tensor(self, name: str) -> Any:
        """A whole tensor, in memory of its own, writable.

        Raises:
            KeyError: there is no such tensor.
            CorruptError: its data are damaged.
            MissingDependencyError: its dtype needs a package that is not installed.
            FormatError: the framework has no such dtype.
        """
        return read_tensor(self._file(), self._info(name), self._framework, self._threads)

    def get_tensors(self) -> dict[str, Any]:
        """Every tensor by its name, in the order of their data. Raises as `get_tensor`."""
        file = self._file()
        infos = [file.tensors[name] for name in file.in_data_order()]
        return read_tensors(file, infos, self._framework, self._threads)

    def get_slice(self, name: str) -> TensorSlice:
        """A tensor to take parts of; only what a part covers is read and decoded.

        Raises:
            KeyError: there is no such tensor.
        """
        return TensorSlice(self._file(), self._info(name), self._framework, self._threads)

    def _file(self) -> TensorFile:
        if self._opened is None:
            raise refusal(ValueError, "the file is closed")
        return self._opened

    def _info(self, name: str) -> TensorInfo:
        if not isinstance(name, str):
            raise TypeError(f"a tensor's name is a string, not {type(name).__name__}")
        file = self._file()
        try:
            return file.tensors[name]
        except KeyError:
            raise refusal(KeyError, f"file {file.path}: there is no tensor {name!r}") from None


def _open(filename: Location | BinaryIO, base: BaseLike | None) -> TensorFile:
    """The file, or the safetensors file in an archive."""
    reader = open_reader(filename)
    try:
        if kinds.is_archive(reader):
            tensors = None if base is None else open_base(base)
            reader = archived_file(reader, Archive(reader, tensors))
        return TensorFile(reader)
    except BaseException:
        reader.close()
        raise


def load_file(
    filename: Location | BinaryIO,
    framework: str = "np",
    device: Any = "cpu",
    threads: int | None = None,
    *,
    base: BaseLike | None = None,
) -> dict[str, Any]:
    """All tensors of a safetensors file, compressed or not, by name.

    Takes the arguments of `safe_open` and raises what it and `get_tensor` raise.
    """
    with safe_open(filename, framework, device, base=base, threads=threads) as file:
        return file.get_tensors()
