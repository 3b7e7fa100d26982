# SPDX-License-Identifier: MIT
"""`--hf_cache`: where the scripts meet the Hugging Face cache.

A cached model is compressed where it lies: each file keeps its name and its link, the blob behind it is
replaced in one step, and the index is not touched, so that every loader finds what it looks for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..containers import kinds
from ..conversion import FileResult
from ..errors import FormatError, ZipnnError
from ..files import compress_file, decompress_file
from ..storage.filereader import FileReader
from .failures import SomeFailedError, attempting

_OLD_NAMES = (".znn", ".znn.safetensors")


def snapshot_of(model: str, branch: str) -> Path:
    """The folder of a cached model's files.

    Raises:
        FileNotFoundError: the model, or that branch of it, is not in the cache.
    """
    repository = cache_folder() / ("models--" + model.replace("/", "--"))
    if not repository.is_dir():
        raise FileNotFoundError(2, f"model {model} is not in the Hugging Face cache", str(repository))
    reference = repository / "refs" / branch
    revision = reference.read_text(encoding="ascii").strip() if reference.is_file() else branch
    snapshot = repository / "snapshots" / revision
    if revision in ("", ".", "..") or "/" in revision or not snapshot.is_dir():
        raise FileNotFoundError(2, f"Branch {branch} not found in repo {model}", str(repository))
    return snapshot


def cache_folder() -> Path:
    """Where the cache is, by the same variables that huggingface_hub obeys."""
    home = os.environ.get("HF_HOME") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache"), "huggingface"
    )
    folder = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(os.path.expanduser(os.path.expandvars(folder or os.path.join(home, "hub"))))


def compress_model(model: str, branch: str, folder: Path, suffix: str, threads: int) -> list[FileResult]:
    """Compress the files of a cached model whose names end with `suffix`.

    Args:
        model, branch: which; "" for that in `folder`, a folder in `snapshots`.

    Raises:
        FileNotFoundError: see `snapshot_of`.
        FormatError: there is no such file.
        SomeFailedError: some files failed; the others are done.
    """
    folder = snapshot_of(model, branch) if model else folder
    files = [file for file in _files(folder) if file.name.endswith(suffix)]
    if not files:
        raise FormatError(f"{folder}: No files with the suffix '{suffix}' found.")
    return _each(files, lambda file: compress_in_cache(file, threads))


def decompress_model(model: str, branch: str, folder: Path, threads: int) -> list[FileResult]:
    """Restore the compressed files of a cached model. See `compress_model`."""
    folder = snapshot_of(model, branch) if model else folder
    files = [file for file in _files(folder) if _compressed(file)]
    if not files:
        raise FormatError(f"{folder}: No compressed files found.")
    return _each(files, lambda file: decompress_in_cache(file, threads))


def compress_in_cache(file: Path, threads: int) -> FileResult:
    """Compress a cached file where it lies.

    Raises:
        ZipnnError: it is not one of the cache.
    """
    _check(file)
    return _told("Compressed", compress_file(file, in_place=True, threads=threads))


def decompress_in_cache(file: Path, threads: int) -> FileResult:
    """Restore a cached file where it lies. Raises as `compress_in_cache`."""
    _check(file)
    if file.name.endswith(_OLD_NAMES):
        raise ZipnnError(
            f"file {file}: the scripts of zipnn 0.5 gave it that name, which loaders do not look for: "
            "delete the model from the cache and download it again"
        )
    return _told("Decompressed", decompress_file(file, in_place=True, threads=threads))


def _files(snapshot: Path) -> list[Path]:
    return sorted(file for file in snapshot.rglob("*") if file.is_file())


def _compressed(file: Path) -> bool:
    with FileReader(file) as reader:
        return kinds.kind_of(reader) in kinds.WRITTEN


def _check(file: Path) -> None:
    """Only what belongs to the model itself may be replaced: a link into its own blobs."""
    blob = file.resolve(strict=True)
    snapshots = next((folder for folder in file.absolute().parents if folder.name == "snapshots"), None)
    if snapshots is None or not file.is_symlink() or blob.parent != (snapshots.parent / "blobs").resolve():
        raise ZipnnError(f"file {file}: not a file of the Hugging Face cache: no link into a model's blobs")


def _told(verb: str, result: FileResult) -> FileResult:
    what = (
        f"Skipped {result.source}: {result.reason}"
        if result.action == "skipped"
        else f"{verb} {result.source}"
    )
    print(what, flush=True)
    return result


def _each(files: list[Path], work: Callable[[Path], FileResult]) -> list[FileResult]:
    results: list[FileResult] = []
    failures: list[tuple[Path, Exception]] = []
    for file in files:
        with attempting(file, failures):
            results.append(work(file))
    if failures:
        raise SomeFailedError(failures)
    return results
