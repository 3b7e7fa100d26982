# SPDX-License-Identifier: MIT
"""The scripts that work on all files of a folder, several at a time."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ..conversion import FileResult
from ..errors import FormatError, OutputExistsError, ZipnnError
from . import hf_cache as cache
from . import script_work
from .failures import SomeFailedError, report_failure
from .script_work import StrPath

Convert = Callable[..., FileResult | None]


def compress_files_with_suffix(
    suffix: str,
    dtype: Any = "bfloat16",
    streaming_chunk_size: Any = 1048576,
    path: StrPath = ".",
    delete: bool = False,
    r: bool = False,
    force: bool = False,
    max_processes: int = 1,
    hf_cache: bool = False,
    model: str = "",
    branch: str = "main",
    method: str = "AUTO",
    verification: bool = False,
    test: bool = False,
    is_streaming: bool = False,
    threads: int | None = None,
    file_compression: bool = False,
) -> list[FileResult]:
    """Compress all files of a folder whose names end with `suffix`; compressed files are passed over.

    Args:
        suffix: such as "safetensors".
        path: the folder.
        r: also the folders in it.
        max_processes: that work at a time.
        hf_cache, model, branch: the folder is a model's in the Hugging Face cache, that of this name and
            branch or, without a name, that of `path`.
        file_compression: files as a whole (see `compress_file`), not safetensors files tensor by tensor.

    For the others see `compress_file`.

    Returns:
        What was done with each file that was not left alone.

    Raises:
        FormatError: there is no such file.
        SomeFailedError: some files failed; the others are done.
        ValueError: the options do not go together.
    """
    script_work.parse_streaming_chunk_size(streaming_chunk_size)
    _check_model(model, hf_cache)
    if hf_cache and not test:
        return cache.compress_model(model, branch, Path(path), suffix, threads or 0)
    whole = functools.partial(
        script_work.compress_file,
        dtype=dtype,
        streaming_chunk_size=streaming_chunk_size,
        method=method,
        verification=verification,
        test=test,
        is_streaming=is_streaming,
    )
    jobs: list[tuple[Path, Convert, Path]] = []
    for file in _files(Path(path), r):
        name = file.name
        if not name.endswith(suffix) or name.endswith((".znn", ".znn.safetensors")):
            continue
        if file_compression or test:
            jobs.append((file, whole, file.with_name(name + ".znn")))
        else:
            output = file.with_name(name.removesuffix(".safetensors") + ".znn.safetensors")
            jobs.append((file, script_work.compress_safetensors_file, output))
    if not jobs:
        raise FormatError(f"{path}: No files with the suffix '{suffix}' found.")
    return _carry_out(jobs, delete, force or test, max_processes, threads)


def decompress_znn_files(
    path: StrPath = ".",
    delete: bool = False,
    force: bool = False,
    max_processes: int = 1,
    hf_cache: bool = False,
    model: str = "",
    branch: str = "main",
    threads: int | None = None,
    r: bool = False,
) -> list[FileResult]:
    """Restore all files of a folder called .znn or .znn.safetensors. See `compress_files_with_suffix`."""
    _check_model(model, hf_cache)
    if hf_cache:
        return cache.decompress_model(model, branch, Path(path), threads or 0)
    jobs: list[tuple[Path, Convert, Path]] = []
    for file in _files(Path(path), r):
        if file.name.endswith(".znn"):
            jobs.append((file, script_work.decompress_file, file.with_name(file.name[:-4])))
        elif file.name.endswith(".znn.safetensors"):
            output = file.with_name(file.name.removesuffix(".znn.safetensors") + ".safetensors")
            jobs.append((file, script_work.decompress_safetensors_file, output))
    if not jobs:
        raise FormatError(f"{path}: No .znn files found.")
    return _carry_out(jobs, delete, force, max_processes, threads)


def _check_model(model: str, hf_cache: bool) -> None:
    if model and not hf_cache:
        raise ValueError("Must specify --hf_cache when using --model")


def _files(folder: Path, recursive: bool) -> Iterator[Path]:
    """The files of a folder by name. Raises `OSError` if it cannot be read."""
    for root, folders, names in os.walk(folder, onerror=_raise):
        folders.sort()
        yield from (Path(root, name) for name in sorted(names))
        if not recursive:
            return


def _raise(error: OSError) -> None:
    raise error


def _carry_out(
    jobs: list[tuple[Path, Convert, Path]],
    delete: bool,
    force: bool,
    max_processes: int,
    threads: int | None,
) -> list[FileResult]:
    """Do the jobs (file, what to do, output), in processes if there is to be more than one."""
    if max_processes < 1:
        raise ValueError(f"max_processes is {max_processes}: give a number of processes")
    failures: list[tuple[Path, Exception]] = []
    results: list[FileResult] = []
    calls: list[tuple[Path, Callable[[], FileResult | None]]] = []
    for file, convert, output in jobs:
        try:  # whoever is asked is asked here, not in a process that nobody sees
            if not script_work.may_replace(output, force):
                print(f"Skipping {file}...")
                continue
        except OutputExistsError as error:
            failures.append((file, error))
            report_failure(error)
            continue
        replace = force or os.path.lexists(output)
        calls.append(
            (file, functools.partial(convert, str(file), delete=delete, force=replace, threads=threads))
        )
    for file, done in _outcomes(calls, min(max_processes, len(calls))):
        if isinstance(done, Exception):
            failures.append((file, done))
            report_failure(done)
        elif done is not None:
            results.append(done)
    if failures:
        raise SomeFailedError(failures)
    return results


def _outcomes(
    calls: list[tuple[Path, Callable[[], FileResult | None]]], processes: int
) -> Iterator[tuple[Path, FileResult | Exception | None]]:
    if processes <= 1:
        for file, call in calls:
            yield file, _outcome(call)
        return
    # Forked children of a process with threads may hang; spawned ones begin anew.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(call): file for file, call in calls}
        for future in as_completed(waiting):
            yield waiting[future], _outcome(future.result)


def _outcome(call: Callable[[], FileResult | None]) -> FileResult | Exception | None:
    try:
        return call()
    except (ZipnnError, OSError, ValueError, TypeError, MemoryError) as error:
        return error
