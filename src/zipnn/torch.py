# SPDX-License-Identifier: MIT
"""`zipnn.torch.load`: checkpoints of PyTorch, compressed or not, without a temporary file."""

from __future__ import annotations

import importlib
import io
import pickle
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from .access.archive_io import ArchiveIO, PlainRanges
from .containers import kinds
from .containers.archive.reading import Archive
from .errors import FormatError, MissingDependencyError
from .storage.filereader import FileReader
from .storage.opening import Location, StreamReader, open_reader

__all__ = ["load"]

_BUFFER = 64 << 10
_MARKS = ("PytorchStreamReader", "unexpected EOF", "corrupt", "magic number", "protocol version")


def load(
    source: Location | BinaryIO,
    map_location: Any = None,
    *,
    weights_only: bool = True,
    threads: int | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What `torch.load` gives for the original of a file: `model.pt.znn`, `model.pt`, or either's URL.

    Args:
        source: a path, a URL (as a string), or a seekable binary file object.
        map_location: as `torch.load` takes it.
        weights_only: nothing but tensors and plain data is unpickled. False runs whatever code the file
            holds: only for files that you made yourself.
        threads: threads that decode; None for `ZIPNN_NUM_THREADS`, else all cores the process may use.
        pickle_load_args: passed on to `torch.load`.

    Raises:
        OSError: the file cannot be read.
        FormatError: it is no checkpoint, or (with `weights_only`) holds more than weights.
        CorruptError, UnsupportedVersionError: it is damaged, or written by a newer zipnn.
        MissingDependencyError: torch, or what the URL needs, is not installed.
    """
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "zipnn.torch needs torch, which is not installed: pip install torch"
        ) from error
    if pickle_load_args.pop("mmap", False):
        raise ValueError("mmap: there is nothing to map, the file is decoded as it is read")
    with open_reader(source) as reader, _original(reader, threads or 0) as raw:
        stream = io.BufferedReader(raw, _BUFFER)
        with _explained(f"file {reader.path}", raw, weights_only):
            return torch.load(stream, map_location, weights_only=weights_only, **pickle_load_args)


@contextmanager
def _original(reader: FileReader, threads: int) -> Iterator[ArchiveIO]:
    """The checkpoint that a file is, or holds."""
    kind = kinds.kind_of(reader)
    if kind in (kinds.SAFETENSORS, kinds.COMPRESSED):
        raise FormatError(f"file {reader.path}: a safetensors file; zipnn.load_file loads it")
    if kind in (kinds.STREAM, kinds.LEGACY):  # these can only be read front to back
        with tempfile.TemporaryFile() as whole:
            for offset, piece in kinds.open_content(reader).original_pieces(threads):
                whole.seek(offset)
                whole.write(piece)
            yield ArchiveIO(PlainRanges(StreamReader(cast(BinaryIO, whole))), str(reader.path), threads)
        return
    archive = Archive(reader) if kind == kinds.ARCHIVE else PlainRanges(reader)
    if isinstance(archive, Archive) and archive.index.is_folder:
        raise FormatError(f"file {reader.path}: holds a folder; zipnn.open lists the tensors in it")
    yield ArchiveIO(archive, str(reader.path), threads)


@contextmanager
def _explained(place: str, raw: ArchiveIO, weights_only: bool) -> Iterator[None]:
    """Make errors about the file's content ours; others (a device that is not there) stay torch's."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if raw.failure is not None:
            raise raw.failure from error
        if isinstance(error, pickle.UnpicklingError):
            raise FormatError(f"{place}: {_refusal(str(error))}") from error
        words = str(error)
        if any(mark in words for mark in _MARKS) or isinstance(error, _content_errors(weights_only)):
            reason = words.partition("\n")[0] or type(error).__name__
            raise FormatError(f"{place}: no checkpoint of PyTorch, or a damaged one: {reason}") from error
        raise


def _content_errors(weights_only: bool) -> tuple[type[Exception], ...]:
    """What torch raises where a file is not as it should be. Code in the file may raise anything."""
    if not weights_only:
        return (EOFError,)
    return (EOFError, LookupError, ValueError, AssertionError, AttributeError, TypeError, OverflowError)


def _refusal(message: str) -> str:
    """What torch's unpickler has against a file, in one line."""
    found = re.search(r"WeightsUnpickler error: *([^\n]+)", message)
    reason = found[1] if found else message.strip().partition("\n")[0]
    if "GLOBAL" in reason or "global" in reason:
        return f"holds more than weights: {reason} (weights_only=False would run what it holds)"
    return f"a damaged checkpoint, or none of PyTorch: {reason}"
