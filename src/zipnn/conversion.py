# SPDX-License-Identifier: MIT
"""How any output comes about: written aside, synced, compared, named; only then an original goes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .errors import MismatchError, ZipnnError
from .storage.atomic import OutputFile, sync_folder
from .storage.comparing import first_difference
from .storage.filereader import FileReader
from .storage.locations import Place, Url, are_same, place_of
from .storage.outputs import check_target, output_file

Progress = Callable[[int, int], None]
StrPath = str | os.PathLike[str]

_COPY = 8 << 20


@dataclass(frozen=True, slots=True)
class FileResult:
    """What was done with one file.

    Attributes:
        source: the input.
        output: where the result is; None if nothing was written.
        action: compressed, decompressed, upgraded, copied, skipped, failed, verified, would-compress,
            would-decompress, would-upgrade, would-copy or would-skip.
        original_size: bytes of the original.
        compressed_size: bytes of the compressed form (estimated for would-compress); of the original
            where there is none.
        seconds: time taken.
        reason: why a file was skipped, copied or failed; where an estimate comes from.
    """

    source: Place
    output: Place | None
    action: str
    original_size: int
    compressed_size: int
    seconds: float
    reason: str = ""


class Original(Protocol):
    """What an output is made from."""

    @property
    def stat(self) -> os.stat_result | None: ...

    def check_unchanged(self) -> None:
        """Raise `ZipnnError` if it is no longer what it was."""


class Conversion:
    """One call: its options, where its output goes, and how it gets there."""

    def __init__(
        self, source: StrPath | Url, output: StrPath | Url | None, threads: int, force: bool, in_place: bool,
        delete_original: bool, dry_run: bool, progress: Progress | None, follow_symlinks: bool = True,
        temporary_folder: Path | None = None,
    ) -> None:  # fmt: skip
        if in_place and (output is not None or delete_original):
            raise ValueError("in_place goes with neither output nor delete_original")
        self.source = place_of(source)
        if isinstance(self.source, Url) and (in_place or delete_original):
            raise ZipnnError(f"file {source}: only files of this machine are replaced or removed")
        if delete_original and self.source.is_symlink():
            raise ZipnnError(f"file {source}: a symbolic link; delete_original would only remove the link")
        self.threads = threads
        self._output = None if output is None else place_of(output)
        self._overwrite = force or in_place
        self._in_place = in_place
        self._follow = follow_symlinks
        self._temporary = temporary_folder
        self._delete = delete_original
        self._dry_run = dry_run
        self.progress = progress
        self._started = time.monotonic()

    def target(self, default: Place | None) -> Place:
        """The output's place, found free or free to be replaced."""
        if self._in_place:
            return self.source.resolve() if self._follow else self.source
        target = self._output or default
        if target is None:
            raise ZipnnError(f"file {self.source}: its name does not tell the original's; give an output")
        if are_same(target, self.source):
            raise ZipnnError(f"file {self.source}: input and output are the same file; use in_place")
        check_target(target, overwrite=self._overwrite)
        return target

    def produce(
        self,
        original: Original,
        target: Place,
        write: Callable[[OutputFile], None],
        compare: Callable[[FileReader], int | None],
        *,
        is_copy: bool = False,
    ) -> int:
        """Write, verify and publish `target`; returns its size. `compare` gives the first different byte."""
        with output_file(target, self._temporary) as out:
            write(out)
            out.sync()
            with FileReader(out.path) as written:
                difference = compare(written)
            if difference is not None:
                raise MismatchError(
                    f"file {self.source}: byte {difference} of the original differs after a round trip; "
                    "nothing was written. This is an error in zipnn or in this machine; please report it"
                )
            original.check_unchanged()
            out.publish(
                original.stat,
                overwrite=self._overwrite,
                owner=self._in_place,
                times=self._in_place or is_copy,
            )
            return out.position

    def leave(self, reader: FileReader, reason: str) -> FileResult:
        """Leave the file as it is, for `reason`; an output that was asked for becomes a copy of it."""
        if self._output is None:
            return self.result(
                None, "would-skip" if self._dry_run else "skipped", reader.size, reader.size, reason
            )
        target = self.target(None)
        if self._dry_run:
            return self.result(target, "would-copy", reader.size, reader.size, reason)
        self.copy(reader, target)
        return self.result(target, "copied", reader.size, reader.size, reason)

    def copy(self, reader: FileReader, target: Place) -> None:
        """Make `target` a verified copy of the input."""

        def write(out: OutputFile) -> None:
            for start in range(0, reader.size, _COPY):
                out.write(reader.read(start, min(_COPY, reader.size - start)))
                self.report(start // 2, reader.size)

        def compare(written: FileReader) -> int | None:
            for start in range(0, reader.size, _COPY):
                size = min(_COPY, reader.size - start)
                at = first_difference(reader.read(start, size), written.read(start, size))
                if at is not None:
                    return start + at
                self.report((reader.size + start + size) // 2, reader.size)
            return None

        self.produce(reader, target, write, compare, is_copy=True)

    def delete_source(self, reader: FileReader) -> None:
        """Remove the input, now that the output is safe, if that was asked for and it is still the same."""
        if self._delete:
            assert isinstance(self.source, Path)
            reader.check_unchanged("its output is written, but it was not removed")
            self.source.unlink()
            sync_folder(self.source.parent)

    def report(self, done: int, total: int) -> None:
        """Tell the caller how far it is."""
        if self.progress:
            self.progress(done, total)

    def result(
        self, output: Place | None, action: str, original: int, compressed: int, reason: str = ""
    ) -> FileResult:
        """The call's result."""
        seconds = time.monotonic() - self._started
        return FileResult(self.source, output, action, original, compressed, seconds, reason)
