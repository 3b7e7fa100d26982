# SPDX-License-Identifier: MIT
"""Files that hold the difference of a file to a base (docs/format.md, 5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import dtypes, frames
from ..arrays import dtype_names
from ..containers import frame_stream, kinds
from ..containers.frame_stream import StreamFile, difference
from ..containers.legacy_stream import LegacyFile
from ..conversion import Conversion, FileResult
from ..errors import FormatError, error_place
from ..storage.atomic import OutputFile
from ..storage.comparing import difference_from
from ..storage.filereader import FileReader
from ..storage.locations import local_path


def compress_delta(
    source: Path,
    base: Path,
    output: Path,
    *,
    dtype: Any = None,
    threads: int = 0,
    force: bool = False,
    delete_original: bool = False,
) -> FileResult:
    """Write the difference of `source` to `base`, which is decoded and compared before it appears.

    Args:
        source, base: two files of the same size.
        output: where to write.
        dtype: what their elements are, as `zipnn.compress` takes it.
        threads, force, delete_original: see `zipnn.compress_file`.

    Raises:
        ValueError: the files are of different sizes.
        TypeError: the dtype is not known.
    """
    job = Conversion(source, output, threads, force, False, delete_original, False, None)
    family = dtypes.named(dtype_names.of_any(dtype)).family if dtype else "bytes"
    with FileReader(source) as reader, FileReader(base) as base_reader:
        if reader.size != base_reader.size:
            raise ValueError(
                f"Length of delta file has to match the length of the original file: {base} has "
                f"{base_reader.size} bytes, {source} {reader.size}"
            )
        target = local_path(job.target(None))
        job.produce(
            reader,
            target,
            lambda out: _write(out, reader, base_reader, family, threads),
            lambda written: difference_from(
                StreamFile(written).original_pieces(threads, base_reader), reader.read
            ),
        )
        base_reader.check_unchanged("the result may be of no use")
    job.delete_source(reader)
    return job.result(target, "compressed", reader.size, target.stat().st_size)


def decompress_delta(
    source: Path,
    base: Path,
    output: Path,
    *,
    threads: int = 0,
    force: bool = False,
    delete_original: bool = False,
) -> FileResult:
    """Restore what `compress_delta`, or zipnn 0.3 to 0.5, was given.

    Raises:
        MismatchError: it is another base. (What zipnn 0.5 wrote does not tell.)
        FormatError: `source` holds no difference, or the base is of another size.
        CorruptError: it is damaged.
    """
    job = Conversion(source, output, threads, force, False, delete_original, False, None)
    with FileReader(source) as reader, FileReader(base) as base_reader:
        content = kinds.open_content(reader)
        if not isinstance(content, (StreamFile, LegacyFile)):
            raise FormatError(
                f"file {source}: no difference (delta) to a base; zipnn_decompress_file takes it"
            )
        with error_place(f"file {source}"):
            if isinstance(content, StreamFile):
                content.check_base(base_reader)

            def pieces() -> Iterator[tuple[int, memoryview]]:
                return content.original_pieces(threads, base_reader)

            def write(out: OutputFile) -> None:
                for _, piece in pieces():
                    out.write(piece)

            target = local_path(job.target(None))
            size = job.produce(reader, target, write, lambda written: _first_difference(pieces(), written))
    job.delete_source(reader)
    return job.result(target, "decompressed", size, reader.size)


def _first_difference(pieces: Iterator[tuple[int, memoryview]], written: FileReader) -> int | None:
    return difference_from(pieces, written.read)


def _write(out: OutputFile, reader: FileReader, base: FileReader, family: str, threads: int) -> None:
    def read(offset: int, size: int) -> memoryview:
        return difference(reader.read(offset, size), base.read(offset, size))

    begin = frame_stream.HEAD_SIZE
    size = frames.write_frame_stream(
        read,
        reader.size,
        lambda offset, data: out.write_at(begin + offset, data),
        dtype="U8",
        shape=(reader.size,),
        threads=threads,
        family=frames.family_of_sparse(read, reader.size, family),
    )
    out.write_at(0, frame_stream.stream_head(size, reader.size, frame_stream.fingerprint(base)))
