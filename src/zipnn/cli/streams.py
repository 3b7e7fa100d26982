# SPDX-License-Identifier: MIT
"""`zipnn compress -` and `zipnn decompress -`: from standard input to standard output, or to a file."""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..errors import CorruptError, FormatError, MismatchError, error_place
from ..storage.locations import Url
from . import text
from .binary import standard_input, standard_output
from .errors import Exit, UsageError
from .jobs import Outcome
from .output import Console

STREAM = Path("-")
_STEP = 1 << 20
_NOT_WITH_STREAM = ("in_place", "delete_original", "dry_run", "base", "archive", "model")
_NAME = "standard input"
_Write = Callable[[Any], object]


def is_stream(args: argparse.Namespace) -> bool:
    """Whether standard input is meant. Raises `UsageError` for what does not go with that."""
    if args.output == STREAM:
        raise UsageError("-o - is not standard output", f"zipnn {args.command} - < IN > OUT")
    if STREAM not in args.paths:
        return False
    if len(args.paths) > 1:
        raise UsageError("- is standard input: give it alone", "or give paths only")
    for option in _NOT_WITH_STREAM:
        if getattr(args, option, None):
            raise UsageError(f"--{option.replace('_', '-')} does not go with standard input")
    if isinstance(args.output, Url):
        raise UsageError("standard input does not go to a URL", "write a file, then send that")
    if args.output is None:
        if args.json:
            raise UsageError("--json prints to where the data go", "-o OUT")
        standard_output()  # it may be a terminal
    elif args.output.is_dir():
        raise UsageError(f"{args.output} is a folder: standard input has no name", "-o FILE")
    return True


def compress(args: argparse.Namespace, console: Console) -> Exit:
    """Archive standard input."""
    from ..containers.archive.streaming import ArchiveWriter

    source = standard_input()
    digest = hashlib.sha256()

    def produce(write: _Write) -> tuple[int, int]:
        writer = ArchiveWriter(_Sink(write), level=args.level, threads=args.threads)
        for piece in _pieces_of(source):
            digest.update(piece)
            writer.write(piece)
        return writer.size, writer.close()

    def check(path: Path) -> None:
        from ..containers.archive.reading import open_archive

        again = hashlib.sha256()
        with open_archive(path) as archive:
            for _, piece in archive.original_pieces(args.threads):
                again.update(piece)
        if again.digest() != digest.digest():
            raise MismatchError(f"{_NAME}: the archive does not decode to what was read; nothing was written")

    return _run(args, console, "compressing", produce, check)


def decompress(args: argparse.Namespace, console: Console) -> Exit:
    """Restore what standard input is the compressed form of."""
    source = standard_input()

    def produce(write: _Write) -> tuple[int, int]:
        counted = _Counted(source)
        size = 0
        for piece in original_of(counted, args.threads):
            write(piece)
            size += len(piece)
        return counted.count, size

    return _run(args, console, "decompressing", produce, None)


def original_of(source: Any, threads: int = 0) -> Iterator[memoryview]:
    """The original of what a stream gives, in order.

    An archive that was written to a stream is decoded as it comes. For all else the whole of it has to
    be there first: it goes to a temporary file without a name.

    Raises:
        FormatError: it is not compressed by zipnn.
        CorruptError, UnsupportedVersionError: it is damaged, or newer than this zipnn.
    """
    from ..containers.archive.segments import HEADER
    from ..containers.archive.sequential import is_sequential, sequential_pieces

    head = b""
    while len(head) < HEADER.size and (piece := source.read(HEADER.size - len(head))):
        head += piece
    if is_sequential(head):
        with error_place(f"file {_NAME}"):
            yield from sequential_pieces(_Rejoined(head, source).read, threads)
        return
    with tempfile.TemporaryFile() as whole:
        whole.write(head)
        while piece := source.read(_STEP):
            whole.write(piece)
        yield from _spooled_original(cast(BinaryIO, whole), threads)


def _spooled_original(whole: BinaryIO, threads: int) -> Iterator[memoryview]:
    from ..containers import kinds
    from ..storage.opening import StreamReader

    reader = StreamReader(whole)
    reader.path = Path(_NAME)
    content = kinds.open_content(reader)
    if kinds.holds_folder(content):
        raise FormatError(f"file {_NAME}: holds a folder; decompress it from a file")
    done = 0
    for offset, piece in content.original_pieces(threads):
        if offset > done:
            raise CorruptError(f"file {_NAME}: byte {done} of the original is not there")
        if offset + len(piece) > done:  # tensors may share bytes
            yield piece[done - offset :]
            done = offset + len(piece)
    if done != content.original_size:
        raise CorruptError(f"file {_NAME}: decodes to {done} bytes, not {content.original_size}")


def _run(
    args: argparse.Namespace,
    console: Console,
    verb: str,
    produce: Callable[[_Write], tuple[int, int]],
    check: Callable[[Path], None] | None,
) -> Exit:
    """Produce the output, and say how large it was before and after."""
    outcome = Outcome(args.command, console)
    results: list[dict[str, Any]] = []
    begun = time.monotonic()
    with outcome.attempt(Path(_NAME), verb):
        if args.output is None:
            output = standard_output()
            before, after = produce(output.write)
            output.flush()
        else:
            before, after = _to_file(args.output, args.force, produce, check)
        seconds = time.monotonic() - begun
        console.note(f"{_NAME}: {text.size(before)} -> {text.size(after)}, {text.duration(seconds)}")
        results.append(
            {
                "output": None if args.output is None else str(args.output),
                "action": f"{args.command}ed",
                "size_before": before,
                "size_after": after,
                "seconds": seconds,
            }
        )
    return outcome.finish(results)


def _to_file(
    path: Path,
    force: bool,
    produce: Callable[[_Write], tuple[int, int]],
    check: Callable[[Path], None] | None,
) -> tuple[int, int]:
    from ..storage.outputs import check_target, output_file

    check_target(path, overwrite=force)
    with output_file(path) as out:
        sizes = produce(out.write)
        out.sync()
        if check is not None:
            check(out.path)
        out.publish(None, overwrite=force)
    return sizes


def _pieces_of(source: BinaryIO) -> Iterator[memoryview]:
    """What there is, as it comes. A piece is valid until the next is taken."""
    buffer = memoryview(bytearray(_STEP))
    read = getattr(source, "readinto1", None) or source.readinto  # type: ignore[attr-defined]
    while count := read(buffer):
        yield buffer[:count]


class _Sink:
    """A function that writes, as an object that does."""

    def __init__(self, write: _Write) -> None:
        self.write = write


class _Counted:
    """Counts what is read."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.count = 0

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self.count += len(data)
        return data


class _Rejoined:
    """A stream with what was read of it put back."""

    def __init__(self, head: bytes, source: Any) -> None:
        self._head = head
        self._source = source

    def read(self, size: int) -> bytes:
        if not self._head:
            data: bytes = self._source.read(size)
            return data
        piece, self._head = self._head[:size], self._head[size:]
        return piece
