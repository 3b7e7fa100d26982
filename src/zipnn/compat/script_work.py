# SPDX-License-Identifier: MIT
"""What the scripts of zipnn 0.5 do, as functions that programs import from them.

Every output is written aside, decoded and compared before it appears under its name; only then an
input is removed. Where an output exists, a person at a terminal is asked, and nobody else.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..cli import text
from ..containers import kinds
from ..conversion import FileResult
from ..errors import FormatError, OutputExistsError, ZipnnError
from ..files import archive_file, copy_file
from ..files import compress_file as compress_any
from ..files import decompress_file as decompress_any
from ..storage.filereader import FileReader
from . import hf_cache as cache
from .delta_files import compress_delta, decompress_delta

StrPath = str | os.PathLike[str]

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_COMPRESSED, _PLAIN, _ZNN = kinds.COMPRESSED_SUFFIX, kinds.SUFFIX, kinds.ARCHIVE_SUFFIX
_OLD_SUFFIXES = (_ZNN, ".zpn")


def compress_file(
    input_file: StrPath,
    dtype: Any = "bfloat16",
    streaming_chunk_size: Any = 1048576,
    delete: bool = False,
    force: bool = False,
    hf_cache: bool = False,
    method: str = "HUFFMAN",
    verification: bool = False,
    test: bool = False,
    is_streaming: bool = False,
    threads: int | None = None,
) -> FileResult | None:
    """Compress a file to NAME.znn: tensor by tensor if it is safetensors, else into an archive.

    Args:
        input_file: the file.
        dtype: what its elements are, if it is not safetensors.
        streaming_chunk_size: a power of two in bytes, also "4KB", "1MB", "1GB"; no effect.
        delete: remove the file, once its compressed form was compared with it.
        force: replace NAME.znn.
        hf_cache: the file is one of the Hugging Face cache: it is compressed where it lies.
        method, is_streaming: no effect.
        verification: say that the result was compared with the file (it always is).
        test: do not keep the result.
        threads: 0 or None for the default.

    Returns:
        What was done; None if the file was left alone because somebody said so.

    Raises:
        ValueError: the chunk size is no power of two.
        OutputExistsError: NAME.znn exists, and nobody is there to ask.
        ZipnnError, OSError: see `zipnn.compress_file`.
    """
    parse_streaming_chunk_size(streaming_chunk_size)
    if hf_cache and not test:
        return cache.compress_in_cache(Path(input_file), threads or 0)

    def convert(output: Path, force: bool, delete: bool) -> FileResult:
        return _compress_whole(Path(input_file), output, dtype, threads or 0, force, delete)

    output = Path(os.fspath(input_file) + _ZNN)
    return _carry_out("Compress", input_file, output, convert, force, delete, verification, test)


def compress_safetensors_file(
    filename: StrPath,
    delete: bool = False,
    force: bool = False,
    hf_cache: bool = False,
    method: str | None = None,
    threads: int | None = None,
) -> FileResult | None:
    """Compress X.safetensors to X.znn.safetensors, tensor by tensor. See `compress_file`.

    Raises:
        FormatError: the file is not called so, or is not safetensors.
    """
    name = os.fspath(filename)
    if not name.endswith(_PLAIN):
        raise FormatError(f"file {name}: not called ....safetensors; zipnn_compress_file takes any file")
    if hf_cache:
        return cache.compress_in_cache(Path(filename), threads or 0)

    def convert(output: Path, force: bool, delete: bool) -> FileResult:
        return compress_any(filename, output, threads=threads or 0, force=force, delete_original=delete)

    output = Path(name.removesuffix(_PLAIN) + _COMPRESSED)
    return _carry_out("Compress", filename, output, convert, force, delete)


def decompress_file(
    input_file: StrPath,
    delete: bool = False,
    force: bool = False,
    hf_cache: bool = False,
    threads: int | None = None,
) -> FileResult | None:
    """Restore NAME from NAME.znn (or NAME.zpn), whichever version wrote it. See `compress_file`.

    Raises:
        ValueError: the file is called otherwise.
        CorruptError: it is damaged.
    """
    name = os.fspath(input_file)
    if hf_cache:
        return cache.decompress_in_cache(Path(input_file), threads or 0)
    suffix = next((suffix for suffix in _OLD_SUFFIXES if name.endswith(suffix)), None)
    if suffix is None:
        raise ValueError(f"file {name}: Input file does not have the '.znn' suffix")
    return _decompress(input_file, Path(name.removesuffix(suffix)), delete, force, threads)


def decompress_safetensors_file(
    filename: StrPath,
    delete: bool = False,
    force: bool = False,
    hf_cache: bool = False,
    threads: int | None = None,
) -> FileResult | None:
    """Restore X.safetensors from X.znn.safetensors, whichever version wrote it. See `decompress_file`."""
    name = os.fspath(filename)
    if hf_cache:
        return cache.decompress_in_cache(Path(filename), threads or 0)
    if not name.endswith(_COMPRESSED):
        raise ValueError(f"file {name}: not called ....znn.safetensors")
    output = Path(name.removesuffix(_COMPRESSED) + _PLAIN)
    return _decompress(filename, output, delete, force, threads)


def compress_file_delta(
    input_file: StrPath,
    delta_file: StrPath,
    dtype: Any = "bfloat16",
    streaming_chunk_size: Any = 1048576,
    delete: bool = False,
    force: bool = False,
    hf_cache: bool = False,
    method: str = "HUFFMAN",
    verification: bool = False,
    test: bool = False,
    is_streaming: bool = False,
    threads: int | None = None,
) -> FileResult | None:
    """Compress the difference of a file to a base, to NAME_delta_BASE.znn beside the file.

    NAME is the file's name less its last four characters. For the rest see `compress_file`.

    Raises:
        ValueError: the two are of different sizes.
    """
    parse_streaming_chunk_size(streaming_chunk_size)
    _not_in_cache(hf_cache)
    source, base = Path(input_file), Path(delta_file)

    def convert(output: Path, force: bool, delete: bool) -> FileResult:
        return compress_delta(
            source, base, output, dtype=dtype, threads=threads or 0, force=force, delete_original=delete
        )

    output = source.with_name(f"{source.name[:-4]}_delta_{base.name}{_ZNN}")
    return _carry_out("Compress", source, output, convert, force, delete, verification, test)


def decompress_file_delta(
    input_file: StrPath,
    delta_file: StrPath,
    delete: bool = False,
    force: bool = False,
    hf_cache: bool = False,
    threads: int | None = None,
) -> FileResult | None:
    """Restore NAME.bin from NAME_delta_BASE.znn and its base. See `decompress_file`.

    Raises:
        MismatchError: it is another base.
    """
    name = os.fspath(input_file)
    if not name.endswith(_ZNN):
        raise ValueError(f"file {name}: Input file does not have the '.znn' suffix")
    _not_in_cache(hf_cache)

    def convert(output: Path, force: bool, delete: bool) -> FileResult:
        return decompress_delta(
            Path(input_file),
            Path(delta_file),
            output,
            threads=threads or 0,
            force=force,
            delete_original=delete,
        )

    source = Path(input_file)
    output = source.with_name(source.name.removesuffix(_ZNN).partition("_delta_")[0] + ".bin")
    return _carry_out("Decompress", source, output, convert, force, delete)


def parse_streaming_chunk_size(value: Any) -> int:
    """A number of bytes: a number, or one with K, M or G (and B) behind it.

    Raises:
        ValueError: it is none, or no power of two.
    """
    words = str(value).strip().lower()
    number = words.rstrip("bkmg")
    unit = words[len(number) :].removesuffix("b")
    if not (number.isascii() and number.isdigit()) or unit not in _UNITS:
        raise ValueError(
            f"streaming_chunk_size {value!r} is no size: give a number, or one with KB, MB or GB"
        )
    size = int(number) * _UNITS[unit]
    if size < 1 or size & (size - 1):
        raise ValueError(f"streaming_chunk_size {value!r} must be a power of two")
    return size


def may_replace(output: Path, force: bool) -> bool:
    """Whether `output` is free or may be replaced; asks, if somebody is there.

    Raises:
        OutputExistsError: it is not, and nobody is there.
    """
    if force or not os.path.lexists(output):
        return True
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):
        raise OutputExistsError(f"{output} exists; --force replaces it")
    answer = input(f"{text.name(output)} already exists; overwrite (y/n)? ")
    return answer.strip().lower() in ("y", "yes")


def _decompress(
    source: StrPath, output: Path, delete: bool, force: bool, threads: int | None
) -> FileResult | None:

    def convert(output: Path, force: bool, delete: bool) -> FileResult:
        with FileReader(source) as reader:
            plain = kinds.kind_of(reader) == kinds.SAFETENSORS
        if plain:  # nothing in it was worth compressing
            result = copy_file(source, output, force=force)
            if delete:
                os.unlink(source)
            return result
        return decompress_any(source, output, threads=threads or 0, force=force, delete_original=delete)

    return _carry_out("Decompress", source, output, convert, force, delete)


def _carry_out(
    verb: str,
    source: StrPath,
    output: Path,
    convert: Callable[[Path, bool, bool], FileResult],
    force: bool,
    delete: bool,
    verification: bool = False,
    test: bool = False,
) -> FileResult | None:
    """Convert, and tell what came of it; into a folder that goes away if it is a test."""
    if test:
        print(f"{verb}ing {text.name(source)}...", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            result = convert(Path(folder) / output.name, False, False)
        print(f"Nothing was written. {_sizes(result)}", flush=True)
    else:
        if not may_replace(output, force):
            print(f"Skipping {text.name(source)}...", flush=True)
            return None
        print(f"{verb}ing {text.name(source)}...", flush=True)
        result = convert(output, os.path.lexists(output), delete)
        if result.action == "skipped":
            print(f"Skipped {text.name(source)}: {result.reason}", flush=True)
            return result
        print(f"{verb}ed {text.name(source)} to {text.name(output)}. {_sizes(result)}", flush=True)
    if verification:
        print("Verification successful.", flush=True)
    return result


def _compress_whole(
    source: Path, output: Path, dtype: Any, threads: int, force: bool, delete: bool
) -> FileResult:
    """The file under the name `output`, compressed even if it does not become smaller."""
    with FileReader(source) as reader:
        kind = kinds.kind_of(reader)
        size = reader.size
    if kind in kinds.WRITTEN:
        return FileResult(source, None, "skipped", size, size, 0.0, "already compressed")
    if kind == kinds.SAFETENSORS:
        result = compress_any(source, output, threads=threads, force=force, delete_original=delete)
        if result.action == "compressed":
            return result
        force = True  # of the copy
    return archive_file(
        source, output, dtype=dtype or None, threads=threads, force=force, delete_original=delete
    )


def _sizes(result: FileResult) -> str:
    before, after = text.size(result.original_size), text.size(result.compressed_size)
    share = text.percent(result.compressed_size, result.original_size)
    return f"Original: {before}, compressed: {after} ({share}), {text.duration(result.seconds)}"


def _not_in_cache(hf_cache: bool) -> None:
    if hf_cache:
        raise ZipnnError(
            "--hf_cache does not go with a delta: no program that loads from the cache could use the file"
        )
