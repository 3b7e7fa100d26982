# SPDX-License-Identifier: MIT
"""Whole tensors of an open file, each decoded straight into memory of its own."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from .. import _core, limits
from ..arrays.frameworks import Framework
from ..errors import FormatError, error_place
from ..storage.locations import Place


class TensorShape(Protocol):
    """What is known of a tensor before it is read."""

    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def size(self) -> int: ...


class TensorSource(Protocol):
    """A file whose tensors can be read, by name, as little-endian elements in C order."""

    @property
    def path(self) -> Place: ...
    def read_into(self, name: str, out: memoryview, threads: int = 0) -> None: ...
    def read_range(self, name: str, start: int, stop: int, threads: int = 0) -> memoryview: ...


def read_tensors(
    file: TensorSource, infos: Iterable[TensorShape], framework: Framework, threads: int
) -> dict[str, Any]:
    """Tensors by name, in the order given: small ones decoded side by side, large ones each by all threads.

    Args:
        file: the file they are in.
        infos: which.
        framework: what they become.
        threads: 0 for the default.

    Raises as `read_tensor`.
    """
    infos = list(infos)
    workers = min(threads or _core.default_threads(), len(infos))
    tensors: dict[str, Any] = {}
    if workers > 1:
        runs = list(_runs(info for info in infos if info.size <= limits.READ_AT_ONCE))

        def read_run(run: list[TensorShape]) -> list[tuple[str, Any]]:
            return [(info.name, _read(file, info, framework, 1)) for info in run]

        # Made for each call: a pool that is kept would be dead after a fork.
        with ThreadPoolExecutor(workers) as pool:
            for pairs in pool.map(read_run, runs):
                tensors.update(pairs)
    for info in infos:
        if info.name not in tensors:
            tensors[info.name] = _read(file, info, framework, threads)
    return {info.name: framework.place(tensors.pop(info.name)) for info in infos}


def _runs(infos: Iterable[TensorShape]) -> Iterator[list[TensorShape]]:
    """Tensors in runs that are worth handing to a thread."""
    run: list[TensorShape] = []
    size = 0
    for info in infos:
        run.append(info)
        size += info.size
        if size >= limits.WORTH_A_THREAD:
            yield run
            run, size = [], 0
    if run:
        yield run


def read_tensor(file: TensorSource, info: TensorShape, framework: Framework, threads: int) -> Any:
    """A whole tensor, decoded straight into its memory, on the framework's device.

    Raises:
        CorruptError, UnsupportedVersionError: the file is damaged, or newer than this zipnn.
        FormatError, MissingDependencyError: as `framework_shape`.
    """
    return framework.place(_read(file, info, framework, threads))


def _read(file: TensorSource, info: TensorShape, framework: Framework, threads: int) -> Any:
    shape = framework_shape(file, info, framework)
    with tensor_place(file, info):
        tensor, data = framework.empty(info.dtype, shape)
    file.read_into(info.name, data, threads)
    return tensor


def framework_shape(file: TensorSource, info: TensorShape, framework: Framework) -> tuple[int, ...]:
    """The tensor's shape in the framework.

    Raises:
        FormatError: the framework has no such dtype, or the file not the bytes that the tensor takes.
            No memory was asked for yet.
        MissingDependencyError: the dtype needs an optional package.
    """
    with tensor_place(file, info):
        shape = framework.shape(info.dtype, info.shape)
        needed = math.prod(shape) * int(framework.dtype(info.dtype).itemsize)
        if needed != info.size:
            raise FormatError(
                f"{info.dtype} of shape {list(info.shape)} takes {needed} bytes, the file has {info.size}"
            )
    return shape


def tensor_place(file: TensorSource, info: TensorShape) -> contextlib.AbstractContextManager[None]:
    """Names file and tensor in errors, as `TensorFile` does for its own."""
    return error_place(f"file {file.path}: tensor {info.name!r}")
