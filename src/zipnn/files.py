# SPDX-License-Identifier: MIT
"""Compressing and restoring one file: atomic, verified, streaming.

An output is written under a temporary name, synced, decoded again and compared with the input byte
by byte; only then it gets its name, and only after that an original is removed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import dtypes
from .arrays import dtype_names
from .containers import kinds, safetensors_plan, safetensors_writer
from .containers.archive.differing import Compare
from .containers.archive.reading import Archive
from .containers.archive.writing import estimate_archive, write_archive
from .containers.contents import Contents
from .containers.kinds import Content
from .containers.originals import open_original
from .containers.readers import read_contents
from .containers.safetensors_plan import UnsuitableError
from .conversion import Conversion, FileResult, Progress
from .delta.base import BaseLike, opened_base
from .errors import CorruptError, FormatError
from .storage.atomic import OutputFile
from .storage.comparing import difference_from
from .storage.filereader import BlockReader, FileReader
from .storage.locations import Place
from .storage.opening import Location, open_reader
from .verification import VerifyResult, verify_file

__all__ = ["FileResult", "Progress", "VerifyResult", "compress_file", "decompress_file", "verify_file"]


_OLDEST_SUFFIX = ".zpn"  # of zipnn 0.2 and 0.3


def compress_file(
    source: Location,
    output: Location | None = None,
    *,
    level: str = "default",
    dtype: Any = None,
    threads: int = 0,
    force: bool = False,
    in_place: bool = False,
    follow_symlinks: bool = True,
    temporary_folder: str | os.PathLike[str] | None = None,
    delete_original: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> FileResult:
    """Compress a file: a safetensors file to compressed safetensors, any other to an archive.

    Without `output`, `model.safetensors` becomes `model.znn.safetensors` beside it, any other `NAME`
    becomes `NAME.znn`. A file that is compressed already, or that would not become smaller, is left
    as it is ("skipped"), or copied if there is an `output` ("copied").

    Args:
        source: the file, or its URL.
        output: where to write: a path or a URL. What goes to a URL is made on this machine first.
        level: fast, default or max.
        dtype: what the elements are that a file which is not safetensors mostly consists of, as
            `compress` takes it. Without it the file's format tells, or its content.
        threads: 0 for the default number.
        force: replace an output that exists.
        in_place: replace the file itself; of a symbolic link, the file that it leads to.
        follow_symlinks: if false, what `in_place` replaces by a file is the link.
        temporary_folder: where the output is until it is finished, in the same file system; None for
            where it goes (of a URL: the system's folder of temporary files).
        delete_original: remove the file after its compressed form was compared with it.
        dry_run: write nothing, estimate the size from a sample.
        progress: called with (bytes of the original done, total).

    Raises:
        TypeError: `dtype` is not known.
        FormatError: a file called .safetensors is not one.
        OutputExistsError: the output exists and `force` was not given.
        MismatchError: what was written did not decode to the input. Nothing was kept.
        OSError: reading or writing failed; names the path. Nothing was kept.
    """
    job = Conversion(
        source, output, threads, force, in_place, delete_original, dry_run, progress, follow_symlinks,
        None if temporary_folder is None else Path(temporary_folder),
    )  # fmt: skip
    family = _family(dtype)
    with open_reader(job.source) as reader:
        kind = kinds.kind_of(reader)
        if kind == kinds.OTHER and job.source.name.endswith(kinds.SUFFIX):
            kinds.header_of(reader)  # its error says what is wrong with the file
        if kind in kinds.WRITTEN:
            return job.leave(reader, "already compressed")
        target = job.target(compressed_path(job.source, kind))
        contents = Contents("bytes") if family or kind == kinds.SAFETENSORS else read_contents(reader)
        try:
            if dry_run:
                return _estimate(job, reader, target, kind, level, family, contents)
            size = job.produce(
                reader,
                target,
                lambda out: _write_compressed(job, reader, out, kind, level, family, contents),
                lambda written: _compare(job, kinds.open_content(written), reader),
            )
        except UnsuitableError as reason:
            return job.leave(reader, str(reason))
    job.delete_source(reader)
    return job.result(target, "compressed", reader.size, size, contents.note)


def archive_file(
    source: Location,
    output: Location,
    *,
    level: str = "default",
    dtype: Any = None,
    threads: int = 0,
    force: bool = False,
    delete_original: bool = False,
    progress: Progress | None = None,
    compare: Compare | None = None,
) -> FileResult:
    """Put a file of any kind into an archive, even if that is not smaller.

    For the other arguments and errors see `compress_file`.

    Args:
        compare: for a difference: what is compared with what. A file that is compressed is then taken as
            its original.
    """
    job = Conversion(source, output, threads, force, False, delete_original, False, progress)
    family = _family(dtype)
    with open_original(job.source) if compare else open_reader(job.source) as reader:
        target = job.target(None)
        contents = Contents("bytes") if family else read_contents(reader)
        comparison = compare(reader, contents, ()) if compare else None

        def write(out: OutputFile) -> None:
            write_archive(
                reader,
                out,
                level=level,
                family=family,
                threads=threads,
                progress=lambda done: job.report(done // 2, reader.size),
                contents=contents,
                comparison=comparison,
            )

        def difference(written: FileReader) -> int | None:
            with comparison.rereading() if comparison else contextlib.nullcontext() as base:
                return _compare(job, Archive(written, base), reader)

        size = job.produce(reader, target, write, difference)
    job.delete_source(reader)
    return job.result(target, "compressed", reader.size, size, contents.note)


def decompress_file(
    source: Location,
    output: Location | None = None,
    *,
    threads: int = 0,
    force: bool = False,
    in_place: bool = False,
    follow_symlinks: bool = True,
    temporary_folder: str | os.PathLike[str] | None = None,
    delete_original: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
    base: BaseLike | None = None,
) -> FileResult:
    """Restore the original of a compressed safetensors file or an archive, byte for byte.

    Without `output`, `NAME.znn.safetensors` becomes `NAME.safetensors` and `NAME.znn` becomes `NAME`
    beside it; for any other name, `output` or `in_place` must say where the original goes. For the
    other arguments and errors see `compress_file`; here `delete_original` removes the compressed file, and
    `base` is what it is a difference to, if it is one.

    Raises:
        FormatError: the file is not compressed by zipnn.
        CorruptError: it is damaged.
        UnsupportedVersionError: a newer zipnn wrote it.
        BaseRequiredError: it is a difference, and `base` was not given.
        BaseMismatchError: it is one to another base.
    """
    job = Conversion(
        source, output, threads, force, in_place, delete_original, dry_run, progress, follow_symlinks,
        None if temporary_folder is None else Path(temporary_folder),
    )  # fmt: skip
    with open_reader(job.source) as reader, opened_base(base) as tensors:
        content = kinds.open_content(reader, tensors)
        if kinds.holds_folder(content):
            raise FormatError(f"file {job.source}: holds a folder; restore_folder restores it")
        target = job.target(original_path(job.source))
        if tensors is not None:
            tensors.check_apart(target)
        if dry_run:
            return job.result(target, "would-decompress", content.original_size, reader.size)
        job.produce(
            reader,
            target,
            lambda out: _write_original(job, content, out),
            lambda written: _compare(job, content, written),
        )
    job.delete_source(reader)
    return job.result(target, "decompressed", content.original_size, reader.size)


def copy_file(
    source: Location,
    output: Location,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> FileResult:
    """Copy a file with the same care. For the arguments and errors see `compress_file`."""
    job = Conversion(source, output, 0, force, False, False, dry_run, progress)
    with open_reader(job.source) as reader:
        return job.leave(reader, "")


def compressed_path(source: Place, kind: str) -> Place:
    """Where the compressed form of a file of that kind goes: beside it."""
    name = source.name
    if kind == kinds.SAFETENSORS and name.endswith(kinds.SUFFIX):
        return source.with_name(name.removesuffix(kinds.SUFFIX) + kinds.COMPRESSED_SUFFIX)
    return source.with_name(name + kinds.ARCHIVE_SUFFIX)


def original_path(source: Place) -> Place | None:
    """Where the original goes by the name of the compressed file, if that tells."""
    stem = source.name.removesuffix(kinds.COMPRESSED_SUFFIX)
    if stem and stem != source.name:
        return source.with_name(stem + kinds.SUFFIX)
    for suffix in (kinds.ARCHIVE_SUFFIX, _OLDEST_SUFFIX):
        stem = source.name.removesuffix(suffix)
        if stem and stem != source.name:
            return source.with_name(stem)
    return None


def _family(dtype: Any) -> str:
    return "" if dtype is None else dtypes.named(dtype_names.of_any(dtype)).family


def _write_compressed(
    job: Conversion,
    reader: FileReader,
    out: OutputFile,
    kind: str,
    level: str,
    family: str,
    contents: Contents,
) -> None:
    def progress(done: int) -> None:
        job.report(done // 2, reader.size)

    if kind == kinds.SAFETENSORS:
        plan = safetensors_plan.make_plan(reader, level)
        if not plan.worthwhile:
            raise UnsuitableError("it would not become smaller")
        safetensors_writer.write_compressed(
            reader, plan, out, level=level, threads=job.threads, progress=progress
        )
    else:
        write_archive(
            reader,
            out,
            level=level,
            family=family,
            threads=job.threads,
            progress=progress,
            contents=contents,
        )
    if out.position >= reader.size:
        raise UnsuitableError("it would not become smaller")


def _write_original(job: Conversion, content: Content, out: OutputFile) -> None:
    for offset, piece in content.original_pieces(job.threads):
        out.write_at(offset, piece)
        job.report((offset + len(piece)) // 2, content.original_size)
    if out.position != content.original_size:
        raise CorruptError(f"file {job.source}: decodes to {out.position} bytes, not {content.original_size}")


def _compare(job: Conversion, content: Content, original: FileReader) -> int | None:
    """Offset of the first byte in which what `content` decodes to differs from the original, or None."""
    size = content.original_size
    if size != original.size:
        return min(size, original.size)

    def pieces() -> Iterator[tuple[int, memoryview]]:
        for offset, piece in content.original_pieces(job.threads):
            yield offset, piece
            job.report((size + offset + len(piece)) // 2, size)

    return difference_from(pieces(), BlockReader(original.read, size))


def _estimate(
    job: Conversion,
    reader: FileReader,
    target: Place,
    kind: str,
    level: str,
    family: str,
    contents: Contents,
) -> FileResult:
    if kind == kinds.SAFETENSORS:
        size = safetensors_plan.make_plan(reader, level, sample_only=True).estimate()
    else:
        size = estimate_archive(reader, level=level, family=family, contents=contents)
    if size >= reader.size:
        return job.result(
            None, "would-skip", reader.size, reader.size, "estimated from a sample: not smaller"
        )
    return job.result(target, "would-compress", reader.size, size, "estimated from a sample")
