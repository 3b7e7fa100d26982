# SPDX-License-Identifier: MIT
"""Compressing a cached model where it lies, giving it back, and proving that it is what the hub has.

Of a blob only its content changes, in one step, under the lock that huggingface_hub takes: names, links,
indexes and what models share stay as they are, so every program finds the files as before.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..containers import kinds
from ..conversion import FileResult, Progress
from ..errors import CorruptError, MismatchError, ZipnnError
from ..files import compress_file, decompress_file
from ..storage.filereader import FileReader
from .layout import CachedFile, CachedModel, find_model, hub, list_models
from .renamed import put_back, renamed_files, restore_indexes
from .unclaimed import sweep

__all__ = ["CachedModel", "compress_model", "decompress_model", "find_model", "list_models", "verify_model"]

StrPath = str | os.PathLike[str]
FileProgress = Callable[[CachedFile], Progress | None]
"""Gives the progress function for a file that is about to be worked on."""

Only = Callable[[CachedFile], bool]

_STEP = 8 << 20
_WORTH = 0.99
"""A file that would keep more of its size than this is left as it is."""
LOCK_TIMEOUT = 600.0
"""Seconds to wait for whoever downloads or converts the same file."""


def compress_model(
    model: str | CachedModel,
    revision: str | None = None,
    *,
    cache_dir: StrPath | None = None,
    level: str = "default",
    threads: int = 0,
    dry_run: bool = False,
    only: Only = lambda file: True,
    progress: FileProgress | None = None,
) -> list[FileResult]:
    """Compress the safetensors files of a cached model in place.

    Args:
        model: such as "org/name", or what `find_model` gave.
        revision: a branch, tag or commit; None for main. Files that revisions share are the same blob.
        cache_dir: the cache; None for the usual one.
        level: fast, default or max.
        threads: 0 for the default number.
        dry_run: write nothing, estimate the sizes from samples.
        only: says of a file whether to work on it.
        progress: gives the progress function of each file.

    Returns:
        A result for each file; one that failed is left as it was, and its action is "failed".

    Raises:
        ZipnnError: the model is not in the cache, or nothing can be written there.
        MissingDependencyError: huggingface_hub is not installed.
    """

    def compress(file: CachedFile) -> FileResult:
        estimate = compress_file(file.place, in_place=True, level=level, dry_run=True)
        if dry_run:
            return _named(estimate, file)
        if estimate.action != "would-compress":
            return _named(estimate, file, "skipped")
        if estimate.compressed_size > _WORTH * estimate.original_size:
            return _named(estimate, file, "skipped", "it would save less than 1 %")
        _check_room(file, estimate.compressed_size)
        check_original(file)
        return _named(compress_file(file.place, level=level, **_replacing(file, threads, progress)), file)

    found = _found(model, revision, cache_dir)
    return _each(found, found.weights(), compress, only, writing=not dry_run)


def decompress_model(
    model: str | CachedModel,
    revision: str | None = None,
    *,
    cache_dir: StrPath | None = None,
    threads: int = 0,
    dry_run: bool = False,
    only: Only = lambda file: True,
    progress: FileProgress | None = None,
) -> list[FileResult]:
    """Give the originals of a model that was compressed in place back, with the bytes that the hub has.

    For the arguments, results and errors see `compress_model`. A file that the hub has in compressed form
    is what was downloaded, and stays. What the scripts of zipnn 0.5 renamed gets its name and the index
    its content again.
    """
    found = _found(model, revision, cache_dir)
    renamed = {entry.file: entry for entry in renamed_files(found)}

    def decompress(file: CachedFile) -> FileResult:
        with FileReader(file.place) as reader:
            entry = renamed.get(file)
            name = entry.link if entry else file.pointer
            if entry and entry.published:
                return _skipped(name, reader.size, "published compressed")
            if kinds.kind_of(reader) not in kinds.WRITTEN:
                if entry is None or dry_run:
                    return _skipped(name, reader.size, "not compressed")
                check_original(file)  # a kill came before it had its name again
                put_back(entry)
                return FileResult(file.pointer, file.pointer, "decompressed", reader.size, reader.size, 0.0)
            if file.digest is not None and file.digest.matches(_pieces(reader), reader.size):
                return _skipped(name, reader.size, "published compressed")
            content = kinds.open_content(reader)
            if dry_run:
                return _named(decompress_file(file.place, in_place=True, dry_run=True), file)
            _check_room(file, content.original_size)
            _check_content(file, content, threads)
        result = decompress_file(file.place, **_replacing(file, threads, progress))
        if file in renamed:
            put_back(renamed[file])
        return _named(result, file)

    results = _each(found, [*found.weights(), *renamed], decompress, only, writing=not dry_run)
    if not dry_run and not any(result.action == "failed" for result in results):
        restore_indexes(found)
    return results


def _skipped(name: Path, size: int, reason: str) -> FileResult:
    return FileResult(name, None, "skipped", size, size, 0.0, reason)


def verify_model(
    model: str | CachedModel,
    revision: str | None = None,
    *,
    cache_dir: StrPath | None = None,
    threads: int = 0,
    progress: FileProgress | None = None,
) -> list[FileResult]:
    """Prove that the safetensors files of a cached model hold what the hub has: compressed ones are decoded.

    For the arguments and errors see `compress_model`.

    Returns:
        A result for each file: "verified", or "failed" with the reason.
    """

    def verify(file: CachedFile) -> FileResult:
        started = time.monotonic()
        with FileReader(file.place) as reader:
            compressed = kinds.kind_of(reader) == kinds.COMPRESSED
            size = reader.size
            if file.digest is None:
                raise ZipnnError(f"file {file.pointer}: nobody knows what the hub has of it")
            if not file.digest.matches(_pieces(reader), size):
                if not compressed:
                    raise MismatchError(f"file {file.pointer}: {_DAMAGED}")
                content = kinds.open_content(reader)
                size = content.original_size
                _check_content(file, content, threads)
            seconds = time.monotonic() - started
            return FileResult(file.pointer, None, "verified", size, reader.size, seconds)

    found = _found(model, revision, cache_dir)
    return _each(found, found.weights(), verify, lambda file: True, writing=False)


_STILL_SHARED = "other models share the original, so nothing is freed before they let go of it"
_DAMAGED = (
    "its bytes are not those that the hub has (SHA-256 or SHA-1): "
    "download it again with force_download=True, or hf download --force-download"
)


def check_original(file: CachedFile) -> None:
    """Raise `MismatchError` unless a plain file is what the hub has."""
    with FileReader(file.place) as reader:
        if file.digest is not None and not file.digest.matches(_pieces(reader), reader.size):
            raise MismatchError(f"file {file.pointer}: damaged already: {_DAMAGED}")


def _check_content(file: CachedFile, content: kinds.Content, threads: int) -> None:
    """Raise `MismatchError` unless a compressed file decodes to what the hub has."""
    if file.digest is None:
        return
    done = 0

    def in_order() -> Iterator[memoryview]:
        nonlocal done
        for offset, piece in content.original_pieces(threads):
            if offset + len(piece) <= done:
                continue  # what tensors share comes again
            if offset > done:
                raise CorruptError(
                    f"file {file.pointer}: bytes {done} to {offset} of the original are missing"
                )
            fresh = piece[done - offset :]
            done += len(fresh)
            yield fresh

    if not file.digest.matches(in_order(), content.original_size):
        raise MismatchError(f"file {file.pointer}: it decodes to other bytes than those that the hub has")


def _replacing(file: CachedFile, threads: int, progress: FileProgress | None) -> dict[str, Any]:
    """The options by which a conversion replaces the file's place, and nothing behind it.

    A cache without links may have no folder for blobs yet.
    """
    file.temporary_folder.mkdir(exist_ok=True)
    return {
        "in_place": True,
        "follow_symlinks": False,
        "temporary_folder": file.temporary_folder,
        "threads": threads,
        "progress": progress and progress(file),
    }


def _pieces(reader: FileReader) -> Iterator[memoryview]:
    for start in range(0, reader.size, _STEP):
        yield reader.read(start, min(_STEP, reader.size - start))


def _named(result: FileResult, file: CachedFile, action: str = "", reason: str = "") -> FileResult:
    """The result under the name that users know, with another action if one is given."""
    output = file.pointer if result.output is not None and not action else None
    if action == "skipped":
        result = dataclasses.replace(result, action=action, compressed_size=result.original_size)
    return dataclasses.replace(result, source=file.pointer, output=output, reason=reason or result.reason)


def _found(model: str | CachedModel, revision: str | None, cache_dir: StrPath | None) -> CachedModel:
    return model if isinstance(model, CachedModel) else find_model(model, revision, cache_dir)


def _each(
    model: CachedModel,
    files: Iterable[CachedFile],
    work: Callable[[CachedFile], FileResult],
    only: Only,
    *,
    writing: bool,
) -> list[FileResult]:
    """Do the work for each of these files of the model, under its lock."""
    files = [file for file in files if only(file)]
    if writing:
        for file in files:
            _check_writable(file)
    results = []
    for file in files:
        try:
            if not file.own:
                raise ZipnnError(f"file {file.pointer}: leads out of the cache, to {file.place}; left alone")
            with _locked(file) if writing else contextlib.nullcontext():
                target = Path(os.path.realpath(file.place)) if file.shared else None
                result = work(file)
                if target is not None and not file.shared:
                    sweep(target, model.folder.parent)
                    if target.exists():
                        result = dataclasses.replace(result, reason=_STILL_SHARED)
        except (ZipnnError, OSError) as error:
            size = file.place.stat().st_size if file.place.exists() else 0
            result = FileResult(file.pointer, None, "failed", size, size, 0.0, str(error))
        results.append(result)
    return results


@contextlib.contextmanager
def _locked(file: CachedFile) -> Iterator[None]:
    """The lock that huggingface_hub takes before it writes a blob."""
    utils = importlib.import_module(f"{hub().__name__}.utils")
    timeout = importlib.import_module("filelock").Timeout
    file.lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with utils.WeakFileLock(file.lock, timeout=LOCK_TIMEOUT):
            yield
    except timeout as error:
        raise ZipnnError(
            f"file {file.pointer}: another program has been working on it for {LOCK_TIMEOUT:.0f} s"
        ) from error


def _check_writable(file: CachedFile) -> None:
    folder = file.place.parent
    locks = next(place for place in file.lock.parents if place.exists())
    for needed in (folder, file.temporary_folder, locks):
        if needed.exists() and not os.access(needed, os.W_OK | os.X_OK):
            raise ZipnnError(f"folder {needed}: not writable; the cache was left as it is")
    if hasattr(os, "statvfs") and os.statvfs(folder).f_flag & getattr(os, "ST_RDONLY", 0):
        raise ZipnnError(f"folder {folder}: on a file system that is read-only; the cache was left as it is")


def _check_room(file: CachedFile, size: int) -> None:
    free = shutil.disk_usage(file.place.parent).free
    if free < size:
        raise ZipnnError(
            f"file {file.pointer}: {size} bytes are needed beside the original, {free} are free on the disk"
        )
