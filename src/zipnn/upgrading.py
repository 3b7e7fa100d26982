# SPDX-License-Identifier: MIT
"""Rewriting what zipnn 0.1 to 0.5 wrote into the format of today, in place."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

from . import dtypes, frames, legacy
from .containers import kinds
from .containers.frame_stream import StreamFile
from .containers.legacy_stream import LegacyFile
from .conversion import Conversion, FileResult, Progress
from .errors import CorruptError, ZipnnError
from .files import archive_file, compress_file, decompress_file
from .storage.atomic import OutputFile, sync_folder
from .storage.comparing import difference_from
from .storage.filereader import FileReader
from .storage.locations import local_path

StrPath = str | os.PathLike[str]

_OLD_SUFFIXES = (".znn", ".zpn")
_KINDS = {"numpy": frames.KIND_NUMPY, "torch": frames.KIND_TORCH}


def upgrade_file(
    source: StrPath,
    *,
    level: str = "default",
    threads: int = 0,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> FileResult:
    """Rewrite a file of zipnn 0.1 to 0.5 in place, in one step.

    A stream of bytes becomes an archive or, if the bytes are a safetensors file, a compressed safetensors
    file; a stream of a tensor or an array a frame; a safetensors file of compressed tensors a compressed
    safetensors file. Names stay. What was written is decoded and compared with what the old file decodes
    to. Behind a symbolic link, the file that it leads to is rewritten.

    Args:
        source: the file; one that none of these versions wrote is left as it is ("skipped").
        level: fast, default or max.
        threads: 0 for the default number.
        dry_run: write nothing.
        progress: called with (bytes done, total).

    Returns:
        The result, of action "upgraded", "would-upgrade" or "skipped".

    Raises:
        ZipnnError: the file holds a difference to a base (delta), which is needed to read it.
        CorruptError: it is damaged, as far as it lets one see that: it has no checksums.
        OSError: it cannot be read or written.
    """
    path = Path(source)
    job = Conversion(path, None, threads, False, True, False, dry_run, progress)
    with FileReader(path) as reader:
        content = kinds.open_content(reader) if kinds.kind_of(reader) in kinds.WRITTEN else None
        if content is None or not kinds.is_old(content):
            return job.leave(reader, "not written by zipnn 0.1 to 0.5")
        info = content.info if isinstance(content, LegacyFile) else None
        if info is not None and info.delta:
            raise ZipnnError(
                f"file {job.source}: a difference to a base (delta): restore it with "
                "zipnn_decompress_file_delta, then compress it again"
            )
        size = content.original_size
        target = local_path(job.target(None))
        if dry_run:
            return job.result(target, "would-upgrade", size, reader.size, _was(reader))
        if info is not None and info.input_format in _KINDS:
            new_size = _renew_array(job, reader, target, level)
        else:
            dtype = None if info is None else info.dtype
            new_size = _renew_file(job, reader, target, dtype, level)
        return job.result(target, "upgraded", size, new_size, f"{_was(reader)}, {new_size:,} bytes now")


def _was(reader: FileReader) -> str:
    return f"{reader.size:,} bytes before"


def _renew_array(job: Conversion, reader: FileReader, target: Path, level: str) -> int:
    """Make one tensor or array, which is in memory as a whole, a frame."""
    file = LegacyFile(reader)
    info = file.info
    data = legacy.decode(reader.read(0, reader.size), threads=job.threads)
    known = dtypes.BY_NAME[info.dtype]
    shape = (len(data) * 8 // known.bits,) if info.shape is None else info.shape
    if known.size(math.prod(shape)) != len(data):
        raise CorruptError(
            f"file {job.source}: {len(data)} bytes are not a tensor of {info.dtype} and shape {shape}"
        )

    def write(out: OutputFile) -> None:
        frame = frames.write_frame(
            data,
            dtype=info.dtype,
            shape=shape,
            kind=_KINDS[info.input_format],
            level=level,
            threads=job.threads,
        )
        out.write(frame)

    def compare(written: FileReader) -> int | None:
        stream = StreamFile(written)
        view = memoryview(data)
        return difference_from(
            stream.original_pieces(job.threads), lambda offset, size: view[offset : offset + size]
        )

    return job.produce(reader, target, write, compare)


def _renew_file(job: Conversion, reader: FileReader, target: Path, dtype: str | None, level: str) -> int:
    """Restore the original beside the file, compress that, and put it in the file's place."""
    with tempfile.TemporaryDirectory(prefix=".zipnn-", dir=target.parent) as folder:
        original = Path(folder) / _original_name(local_path(job.source))
        renewed = Path(folder) / ("renewed" + original.suffix)
        decompress_file(job.source, original, threads=job.threads, progress=_half(job.progress, 0))
        result = compress_file(
            original, renewed, level=level, dtype=dtype, threads=job.threads, progress=_half(job.progress, 1)
        )
        if (
            result.action == "copied" and dtype is not None
        ):  # bytes that do not shrink; to be an archive still
            archive_file(original, renewed, dtype=dtype, threads=job.threads, force=True)
        reader.check_unchanged()
        size = renewed.stat().st_size
        os.replace(renewed, target)
        sync_folder(target.parent)
    return size


def _original_name(source: Path) -> str:
    """What the file was called, for the archive to tell; never empty."""
    for suffix in _OLD_SUFFIXES:
        if source.name.endswith(suffix) and source.name != suffix:
            return source.name.removesuffix(suffix)
    return source.name


def _half(progress: Progress | None, which: int) -> Progress:
    """What to call in the first (0) or second (1) half of the work."""

    def report(done: int, total: int) -> None:
        if progress:
            progress(which * total + done, 2 * total)

    return report
