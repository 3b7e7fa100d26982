# SPDX-License-Identifier: MIT
"""`--hf_cache`: where the scripts meet the Hugging Face cache (see `hub.cache`, which does the work)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..cli import text
from ..conversion import FileResult
from ..errors import FormatError, ZipnnError
from ..hub import cache
from ..hub.layout import CachedFile, CachedModel, find_model, model_at
from ..storage.locations import local_path
from .failures import SomeFailedError, report_failure

Only = Callable[[CachedFile], bool]


def compress_model(model: str, branch: str, folder: Path, suffix: str, threads: int) -> list[FileResult]:
    """Compress the safetensors files of a cached model whose names end with `suffix`, where they lie.

    Args:
        model, branch: which; "" for the model that `folder` is the snapshot of.

    Raises:
        ZipnnError: it is not in the cache.
        FormatError: there is no such file.
        SomeFailedError: some files failed; the others are done.
    """
    cached = _model(model, branch, folder)
    only: Only = lambda file: file.name.endswith(suffix)  # noqa: E731 - has a type so
    results = _told("Compressed", cache.compress_model(cached, only=only, threads=threads))
    if not results:
        raise FormatError(f"{model or folder}: No safetensors files with the suffix '{suffix}' found.")
    return results


def decompress_model(model: str, branch: str, folder: Path, threads: int) -> list[FileResult]:
    """Give the originals of a cached model back. See `compress_model`."""
    cached = _model(model, branch, folder)
    results = _told("Decompressed", cache.decompress_model(cached, threads=threads))
    if not results:
        raise FormatError(f"{model or folder}: No safetensors files found.")
    return results


def compress_in_cache(file: Path, threads: int) -> FileResult:
    """Compress one cached safetensors file where it lies. Raises as `compress_model`."""
    model, only = _one(file)
    return _single(file, _told("Compressed", cache.compress_model(model, only=only, threads=threads)))


def decompress_in_cache(file: Path, threads: int) -> FileResult:
    """Give the original of one cached file back. Raises as `compress_model`."""
    model, only = _one(file)
    return _single(file, _told("Decompressed", cache.decompress_model(model, only=only, threads=threads)))


def _model(model: str, branch: str, folder: Path) -> CachedModel:
    return find_model(model, branch) if model else model_at(folder)


def _one(file: Path) -> tuple[CachedModel, Only]:
    """The model of a cached file, and the file."""
    absolute = file.absolute()
    snapshot = next((folder for folder in absolute.parents if folder.parent.name == "snapshots"), None)
    if snapshot is None:
        raise ZipnnError(f"file {file}: not a file of the Hugging Face cache")
    return model_at(snapshot), lambda cached: cached.pointer == absolute


def _single(file: Path, results: list[FileResult]) -> FileResult:
    if not results:
        raise ZipnnError(f"file {file}: not a safetensors file of a model in the Hugging Face cache")
    return results[0]


def _told(verb: str, results: list[FileResult]) -> list[FileResult]:
    """The results, said; raises `SomeFailedError`."""
    failures: list[tuple[Path, Exception]] = []
    for result in results:
        if result.action == "failed":
            failures.append((local_path(result.source), ZipnnError(result.reason)))
            report_failure(failures[-1][1])
        elif result.action == "skipped":
            print(f"Skipped {text.name(result.source)}: {result.reason}", flush=True)
        else:
            sizes = f"{text.size(result.original_size)}, compressed: {text.size(result.compressed_size)}"
            print(f"{verb} {text.name(result.source)}. Original: {sizes}", flush=True)
    if failures:
        raise SomeFailedError(failures)
    return results
