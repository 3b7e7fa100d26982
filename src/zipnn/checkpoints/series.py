# SPDX-License-Identifier: MIT
"""A folder that holds a series of checkpoints: added, opened, restored, removed."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, SupportsIndex, TypeVar

from ..access.opening import ModelFile
from ..containers.frame_stream import fingerprint
from ..conversion import FileResult, Progress
from ..delta.base import BaseTensors
from ..delta.files import make_delta
from ..errors import CorruptError, FormatError, MismatchError, ZipnnError, error_place
from ..files import archive_file, decompress_file
from ..folders import archive_folder, restore_folder
from ..frames import LEVELS
from ..storage.filereader import FileReader
from ..storage.locking import file_lock
from .chains import base_of, opened, reader_of, tensors_of
from .choice import Which, find, kept
from .manifest import (
    FILE,
    LONGEST_CHAIN,
    Checkpoint,
    Manifest,
    file_name,
    number_of,
    read_manifest,
    write_manifest,
)

StrPath = str | os.PathLike[str]
_T = TypeVar("_T")

_LOCK = "series.lock"
_PAYS = 0.9
"""A difference that takes more of what the checkpoint would take by itself is not worth the dependency."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of looking at one checkpoint.

    Attributes:
        checkpoint: it.
        intact: whether its own file is as it was written.
        restorable: whether it can be had, with all that it needs.
        reason: what is wrong, if anything is.
    """

    checkpoint: Checkpoint
    intact: bool
    restorable: bool
    reason: str = ""


class Series:
    """The checkpoints of a folder. Nothing is kept open between calls; one call at a time writes.

    Args:
        folder: new, empty, or one that holds a series.
        every: of so many checkpoints in a row the first is stored by itself (an anchor), the others as
            differences, each to the one before; 1 to 50. An anchor comes sooner where a difference does
            not pay.
        level: fast, default or max.
        threads: 0 for the default number.

    Raises:
        ValueError: `every` is none of these numbers, or `level` none of these words.
    """

    def __init__(self, folder: StrPath, *, every: int = 10, level: str = "default", threads: int = 0) -> None:
        if not 1 <= every <= LONGEST_CHAIN:
            raise ValueError(f"every is {every}: give a number from 1 to {LONGEST_CHAIN}")
        if level not in LEVELS:
            raise ValueError(f"level {level!r} is not known: choose from {', '.join(LEVELS)}")
        self.folder = Path(folder)
        self._every = every
        self._level = level
        self._threads = threads

    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints, in the order in which they were added.

        Raises:
            FormatError: the folder holds no series.
            CorruptError, UnsupportedVersionError: its manifest is damaged, or newer than this zipnn.
        """
        return list(self._manifest().checkpoints.values())

    def find(self, which: Which) -> Checkpoint:
        """The checkpoint that is meant: by its number, or by its name, of which the last one counts.

        As text a number is `"#2"`, or `"2"` where no other checkpoint is called that.

        Raises:
            TypeError: `which` is neither a number nor text.
            ZipnnError: there is no such checkpoint, or the text may mean two.
        """
        return find(self._manifest(), which)

    def add(self, path: StrPath, name: str | None = None, *, progress: Progress | None = None) -> Checkpoint:
        """Add a checkpoint: a file or a folder, of any format.

        Of files that are compressed the original is kept. Nothing is in the series before it was decoded
        again and compared, and is on the disk.

        Args:
            path: where it is. It is only read, and may change afterwards.
            name: what it is called; the name of `path` if it is not given.
            progress: called with (bytes done, total).

        Raises:
            CorruptError, BaseMismatchError: the checkpoint before cannot be read. `verify` says why, and
                `prune` removes it.
            TypeError: the name is not text. Nothing was done.
            OSError: reading or writing failed.
        """
        source = Path(path)
        if not isinstance(name, str | None):
            raise TypeError(f"the name of a checkpoint is text, not {type(name).__name__}: {name!r}")
        name = source.resolve().name if name is None else name
        os.stat(source)  # what is missing makes no series
        if source.is_dir() and self.folder.resolve().is_relative_to(source.resolve()):
            raise ZipnnError(f"{self.folder} lies in {source}: keep the series outside of what goes into it")
        with self._writing(create=True) as manifest:
            number = manifest.next
            if (self.folder / file_name(number)).exists():
                raise CorruptError(
                    f"series {self.folder}: {file_name(number)} is there already: {FILE} is older than the "
                    "archives; give the right one back, or move away what it does not name"
                )
            # What is left behind under a number that was given is known to be of no use.
            reserved = replace(manifest, next=number + 1)
            write_manifest(self.folder, reserved)
            previous = manifest.checkpoints[max(manifest.checkpoints)] if manifest.checkpoints else None
            if previous and len(manifest.chain(previous)) >= self._every:
                previous = None
            checkpoint = self._store(manifest, source, name, number, 0, previous, progress)
            write_manifest(self.folder, reserved.with_checkpoint(checkpoint))
        return checkpoint

    @contextlib.contextmanager
    def open(self, which: Which, framework: str = "np", device: Any = "cpu") -> Iterator[ModelFile]:
        """The tensors of a checkpoint, each read when it is asked for; see `zipnn.open`.

        Those of a folder are called `FILE:NAME`.

        Raises:
            ZipnnError: there is no such checkpoint.
            CorruptError, BaseMismatchError: it cannot be read. The message says which can.
        """

        def opened(manifest: Manifest, checkpoint: Checkpoint) -> tuple[Manifest, Checkpoint, ModelFile]:
            with contextlib.ExitStack() as attempt:
                base = base_of(self.folder, manifest, checkpoint, attempt)
                reader = attempt.enter_context(reader_of(self.folder, checkpoint))
                model = attempt.enter_context(ModelFile(reader, framework, device, self._threads, base))
                stack.enter_context(attempt.pop_all())
            return manifest, checkpoint, model

        with contextlib.ExitStack() as stack:
            manifest, checkpoint, model = self._reading(which, opened)
            with self._explaining(manifest, checkpoint, foreign=True):
                yield model

    def restore(
        self, which: Which, output: StrPath, *, force: bool = False, progress: Progress | None = None
    ) -> FileResult:
        """Write a checkpoint as it was, byte for byte.

        Args:
            which: number or name.
            output: the file or folder; a folder must not exist, or be empty.
            force: replace a file that exists.
            progress: see `add`.

        Raises:
            ZipnnError: there is no such checkpoint.
            CorruptError, BaseMismatchError: it cannot be read. Nothing was written; the message says which
                checkpoints can.
            OutputExistsError: there is something already.
        """

        def restored(manifest: Manifest, checkpoint: Checkpoint) -> FileResult:
            return self._restore(manifest, checkpoint, Path(output), force, progress)

        return self._reading(which, restored)

    def prune(
        self, keep: SupportsIndex | Iterable[Which], *, progress: Progress | None = None
    ) -> list[Checkpoint]:
        """Remove checkpoints, but not what others need.

        What is a difference to one that goes is first written as one to an earlier one that stays, or by
        itself; that takes room for one restored checkpoint in the folder. Only when all is written, checked
        and noted, files are removed.

        Args:
            keep: how many of the last to keep, or which.
            progress: see `add`.

        Returns:
            Those that are gone.

        Raises:
            ZipnnError: there is no checkpoint of a number or name.
            ValueError: nothing would be left.
            CorruptError, BaseMismatchError: one that stays cannot be read. Nothing was removed.
        """
        with self._writing() as manifest:
            staying = kept(manifest, keep)
            if not staying:
                raise ValueError("nothing would be left of the series: remove its folder if that is wanted")
            gone = manifest.checkpoints.keys() - staying
            new = manifest
            for checkpoint in manifest.checkpoints.values():
                if checkpoint.number in staying and checkpoint.base in gone:
                    stays = [link for link in manifest.chain(checkpoint)[1:] if link.number in staying]
                    base = new.checkpoints[stays[0].number] if stays else None
                    with self._explaining(manifest, checkpoint):
                        rewritten = self._rewrite(new, checkpoint, base, progress)
                    new = new.with_checkpoint(rewritten)
            new = new.without(gone)
            write_manifest(self.folder, new)
            self._clean(new)
            return [manifest.checkpoints[number] for number in sorted(gone)]

    def reanchor(self, which: Which, *, progress: Progress | None = None) -> Checkpoint:
        """Store a checkpoint by itself, so that it needs no other. For arguments and errors see `prune`."""
        with self._writing() as manifest:
            checkpoint = find(manifest, which)
            if checkpoint.base is None:
                return checkpoint
            with self._explaining(manifest, checkpoint):
                rewritten = self._rewrite(manifest, checkpoint, None, progress)
            new = manifest.with_checkpoint(rewritten)
            write_manifest(self.folder, new)
            self._clean(new)
            return rewritten

    def verify(self, *, progress: Progress | None = None) -> list[Checked]:
        """Look at every checkpoint: whether its file is as it was written, and whether it can be restored.

        Whatever needs a file that is not as it was is decoded, to find out.
        """
        while True:
            manifest = self._manifest()
            results = self._checked(manifest, progress)
            wrong = [one.checkpoint for one in results if not (one.intact and one.restorable)]
            if not any(self._is_outdated(manifest, checkpoint) for checkpoint in wrong):
                return results

    def _checked(self, manifest: Manifest, progress: Progress | None) -> list[Checked]:
        total = sum(checkpoint.stored_size for checkpoint in manifest.checkpoints.values())
        done = 0
        wrong: dict[int, str] = {}
        for checkpoint in manifest.checkpoints.values():
            problem = self._problem(checkpoint)
            if problem:
                wrong[checkpoint.number] = problem
            done += checkpoint.stored_size
            if progress:
                progress(done, total)
        results = []
        for checkpoint in manifest.checkpoints.values():
            reason = wrong.get(checkpoint.number, "")
            restorable = True
            if any(link.number in wrong for link in manifest.chain(checkpoint)):
                try:
                    self._decode(manifest, checkpoint)
                except (ZipnnError, OSError) as error:
                    restorable, reason = False, reason or str(error)
            results.append(Checked(checkpoint, checkpoint.number not in wrong, restorable, reason))
        return results

    def _reading(self, which: Which, read: Callable[[Manifest, Checkpoint], _T]) -> _T:
        """What `read` gives of a checkpoint; it is called again if a writer exchanged archives meanwhile."""
        while True:
            manifest = self._manifest()
            checkpoint = find(manifest, which)
            try:
                with self._explaining(manifest, checkpoint):
                    return read(manifest, checkpoint)
            except (CorruptError, MismatchError, FileNotFoundError):
                if not self._is_outdated(manifest, checkpoint):
                    raise

    def _is_outdated(self, manifest: Manifest, checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint now is stored otherwise than this manifest says, or is gone."""
        now = self._manifest()
        known = now.checkpoints.get(checkpoint.number)
        return known is None or now.chain(known) != manifest.chain(checkpoint)

    def _manifest(self) -> Manifest:
        manifest = read_manifest(self.folder)
        if manifest is None:
            if not self.folder.is_dir():
                raise FileNotFoundError(2, os.strerror(2), str(self.folder))
            raise FormatError(f"{self.folder}: not a series of checkpoints: there is no {FILE} in it")
        return manifest

    @contextlib.contextmanager
    def _writing(self, create: bool = False) -> Iterator[Manifest]:
        """The manifest, while nobody else writes; leftovers of writers that were killed are removed."""
        if create:
            self.folder.mkdir(parents=True, exist_ok=True)
            names = os.listdir(self.folder)
            if FILE not in names and not all(map(_is_leftover, names)):
                raise FormatError(f"{self.folder}: not a series of checkpoints, and not empty")
        else:
            self._manifest()
        with file_lock(self.folder / _LOCK):
            manifest = read_manifest(self.folder)
            if manifest is None:
                manifest = Manifest({})
                write_manifest(self.folder, manifest)
            self._clean(manifest)
            yield manifest

    def _clean(self, manifest: Manifest) -> None:
        """Remove what no checkpoint needs: what is unfinished, and archives that are no longer named."""
        needed = {checkpoint.file for checkpoint in manifest.checkpoints.values()}
        for name in os.listdir(self.folder):
            path = self.folder / name
            number = number_of(name)
            if number is not None and number < manifest.next and name not in needed:
                path.unlink()
            elif re.fullmatch(r"\.zipnn-[0-9a-f]{16}\.incomplete", name):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _store(
        self,
        manifest: Manifest,
        source: Path,
        name: str,
        number: int,
        revision: int,
        previous: Checkpoint | None,
        progress: Progress | None,
    ) -> Checkpoint:
        """Write the archive of a checkpoint, as a difference to `previous` if there is one and it pays."""
        target = self.folder / file_name(number, revision)
        base = None
        if previous is not None:
            with contextlib.ExitStack() as stack:
                before = base_of(self.folder, manifest, previous, stack)
                tensors = tensors_of(self.folder, previous, before, stack)
                if tensors.tensors:
                    result = self._write_delta(tensors, source, target, progress)
                    if result.compressed_size <= _PAYS * _by_itself(manifest, previous, result.original_size):
                        base = previous.number
        if base is None:
            result = self._write_anchor(source, target, progress)
        with FileReader(target) as reader:
            mark = f"{fingerprint(reader):016x}"
        return Checkpoint(
            number,
            name,
            base,
            target.name,
            result.original_size,
            result.compressed_size,
            mark,
            source.is_dir(),
        )

    def _write_delta(
        self, base: BaseTensors, source: Path, target: Path, progress: Progress | None
    ) -> FileResult:
        return make_delta(
            base,
            source,
            target,
            level=self._level,
            threads=self._threads,
            force=True,
            progress=progress,
        )

    def _write_anchor(self, source: Path, target: Path, progress: Progress | None) -> FileResult:
        write = archive_folder if source.is_dir() else archive_file
        return write(
            source,
            target,
            level=self._level,
            threads=self._threads,
            force=True,
            progress=progress,
            compare=lambda source, contents, members: None,  # of compressed files the originals, as in deltas
        )

    def _rewrite(
        self,
        manifest: Manifest,
        checkpoint: Checkpoint,
        base: Checkpoint | None,
        progress: Progress | None,
    ) -> Checkpoint:
        """Store a checkpoint once more, as a difference to another one or by itself."""
        revision = 1
        while (self.folder / file_name(checkpoint.number, revision)).exists():
            revision += 1
        work = self.folder / f".zipnn-{secrets.token_hex(8)}.incomplete"
        work.mkdir()
        try:
            copy = work / "checkpoint"  # its name may be one that no file can have
            self._restore(manifest, checkpoint, copy, False, None)
            return self._store(manifest, copy, checkpoint.name, checkpoint.number, revision, base, progress)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _restore(
        self,
        manifest: Manifest,
        checkpoint: Checkpoint,
        output: Path,
        force: bool,
        progress: Progress | None,
    ) -> FileResult:
        with contextlib.ExitStack() as stack:
            base = base_of(self.folder, manifest, checkpoint, stack)
            opened(self.folder, checkpoint, base).close()
            path = self.folder / checkpoint.file
            if checkpoint.is_folder:
                return restore_folder(path, output, threads=self._threads, progress=progress, base=base)
            return decompress_file(
                path, output, threads=self._threads, force=force, progress=progress, base=base
            )

    def _decode(self, manifest: Manifest, checkpoint: Checkpoint) -> None:
        with contextlib.ExitStack() as stack:
            base = base_of(self.folder, manifest, checkpoint, stack)
            archive = stack.enter_context(opened(self.folder, checkpoint, base))
            for _ in archive.original_pieces(self._threads):
                pass

    def _problem(self, checkpoint: Checkpoint) -> str:
        """What is wrong with the file of a checkpoint."""
        try:
            with reader_of(self.folder, checkpoint) as reader:
                if f"{fingerprint(reader):016x}" != checkpoint.fingerprint:
                    return f"file {reader.path}: not as it was written"
        except (ZipnnError, OSError) as error:
            return str(error)
        return ""

    @contextlib.contextmanager
    def _explaining(
        self, manifest: Manifest, checkpoint: Checkpoint, *, foreign: bool = False
    ) -> Iterator[None]:
        """Let errors say which checkpoints can be had where this one cannot.

        Where others work too (`foreign`), only those that name a file of the checkpoint's.
        """
        try:
            yield
        except ZipnnError as error:
            files = [str(self.folder / link.file) for link in manifest.chain(checkpoint)]
            if foreign and not any(file in str(error) for file in files):
                raise
            with error_place(f"series {self.folder}: checkpoint {checkpoint.number}"):
                if isinstance(error, CorruptError | MismatchError):
                    self._explain(error, manifest, checkpoint)
                raise

    def _explain(self, error: ZipnnError, manifest: Manifest, checkpoint: Checkpoint) -> None:
        wrong = {link.number for link in manifest.chain(checkpoint) if self._problem(link)}
        if not wrong:
            return
        good = [
            str(other.number)
            for other in manifest.checkpoints.values()
            if not wrong & {link.number for link in manifest.chain(other)}
        ]
        names = ", ".join(map(str, sorted(wrong)))
        told = f"{error}; damaged: {names}; without these can be restored: {', '.join(good) or 'none'}"
        error.args = (told, *error.args[1:])


def _is_leftover(name: str) -> bool:
    return name == _LOCK or name.startswith(".zipnn-")


def _by_itself(manifest: Manifest, like: Checkpoint, size: int) -> float:
    """Bytes that a checkpoint would take by itself, as the anchor of another one does."""
    anchor = manifest.chain(like)[-1]
    return size * anchor.stored_size / max(anchor.original_size, 1)
