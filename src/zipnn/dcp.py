# SPDX-License-Identifier: MIT
"""Compressed checkpoints of torch.distributed.checkpoint, each of whose items is compressed by itself.

    dcp.save(state, storage_writer=zipnn.dcp.writer(path))
    dcp.load(state, storage_reader=zipnn.dcp.reader(path))

Without `zipnn.dcp.reader` torch refuses such a checkpoint; with it, it reads plain ones too.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import io
import os
from typing import IO, Any

import numpy as np

from . import _core, frames
from .dtypes import named
from .errors import MissingDependencyError
from .plugins.frame_bytes import frame_of

__all__ = ["reader", "writer"]

_NAME = "stream.zipnn"
_VERSION = "1"


def writer(path: str | os.PathLike[str], *, level: str = "default", **options: Any) -> Any:
    """A `FileSystemWriter` whose items are compressed.

    Args:
        path: the checkpoint's folder.
        level: fast, default or max.
        options: for `FileSystemWriter`.

    Raises:
        MissingDependencyError: torch is missing, or too old for this.
        ValueError: `level` is not known.
    """
    if level not in frames.LEVELS:
        raise ValueError(f"level {level!r} is not known: choose from {', '.join(frames.LEVELS)}")
    kind = _storage("FileSystemWriter", "_extensions")
    return kind(path, _extensions=[_extension()(level)], **options)


def reader(path: str | os.PathLike[str], **options: Any) -> Any:
    """A `FileSystemReader` of compressed and plain checkpoints.

    Args:
        path: the checkpoint's folder.
        options: for `FileSystemReader`.

    Raises:
        MissingDependencyError: torch is missing, or too old for this.
    """
    kind = _storage("FileSystemReader", "_extension_registry")
    registry = importlib.import_module("torch.distributed.checkpoint._extension").ExtensionRegistry()
    registry.register(_extension())
    return kind(path, _extension_registry=registry, **options)


def _storage(name: str, argument: str) -> Any:
    try:
        kind = getattr(importlib.import_module("torch.distributed.checkpoint"), name)
    except ImportError as error:
        raise MissingDependencyError("zipnn.dcp needs torch: pip install torch") from error
    if argument not in inspect.signature(kind).parameters:
        raise MissingDependencyError("zipnn.dcp needs a newer torch, whose checkpoints take extensions")
    return kind


@functools.cache
def _extension() -> Any:
    """The class that torch calls; made here because its base needs torch."""
    base: Any = importlib.import_module("torch.distributed.checkpoint._extension").StreamTransformExtension

    class ZipnnExtension(base):  # type: ignore[misc]
        """Each item becomes one frame."""

        def __init__(self, level: str = "default") -> None:
            self._level = level

        @staticmethod
        def registry_name() -> str:
            return _NAME

        @staticmethod
        def from_descriptor(version: str) -> Any:
            if version != _VERSION:
                raise ValueError(
                    f"{_NAME} version {version} needs a newer zipnn: pip install --upgrade zipnn"
                )
            return ZipnnExtension()

        def get_descriptor(self) -> str:
            return f"{_NAME}/{_VERSION}"

        def transform_to(self, output: IO[bytes]) -> Any:
            return _Compressing(output, self._level)

        def transform_from(self, input: IO[bytes]) -> Any:  # noqa: A002 - torch's name
            return _Decompressed(input)

    return ZipnnExtension


class _Compressing(io.RawIOBase):
    """Takes an item, and writes its frame when it is closed. `output` stays open: it is torch's."""

    def __init__(self, output: IO[bytes], level: str) -> None:
        self._output = output
        self._level = level
        self._parts = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._parts += view
        return len(view)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._output.write(_coded(memoryview(self._parts), self._level))


class _Decompressed(io.RawIOBase):
    """Gives an item out of its frame."""

    def __init__(self, source: IO[bytes]) -> None:
        frame = memoryview(source.read(-1))
        found = frames.FrameReader(
            lambda offset, size: frame[offset : offset + size], len(frame), in_memory=True
        )
        data = np.empty(found.head.data_size, np.uint8).data
        found.decode_into(data)
        self._data = data
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), len(self._data) - self._at)
        buffer[:count] = self._data[self._at : self._at + count]
        self._at += count
        return count


def _coded(data: memoryview, level: str) -> bytes:
    """The smallest frame of an item, which is one array in a zip with little around it."""
    dtypes = ("BF16", "F32", "F16", "F8_E4M3", "I64", "U8")
    # The item does not say what it holds: a sample tells what it is like.
    start, stop = len(data) // 3 // 8 * 8, len(data) // 3 // 8 * 8 + (1 << 20)
    sample = data[start : min(stop, len(data) // 8 * 8)]
    best = (
        min(dtypes, key=lambda name: _core.estimate(sample, named(name).family, level))
        if len(sample)
        else "U8"
    )
    return frame_of(np.frombuffer(data, np.uint8), best, level)
