# SPDX-License-Identifier: MIT
"""Compressing and restoring folders of models: weights keep their names, everything else comes along.

What counts as weights is decided by a file's first bytes. One file that fails does not stop the
others; its result says `failed` and why.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .containers import kinds
from .conversion import FileResult, Progress
from .errors import OutputExistsError, OutputInTheWayError, ZipnnError
from .files import compress_file, copy_file, decompress_file
from .storage.filereader import FileReader
from .storage.locations import local_path
from .upgrading import upgrade_file
from .verification import verify_file

StrPath = str | os.PathLike[str]


def compress_tree(
    source: StrPath,
    output: StrPath | None = None,
    *,
    level: str = "default",
    threads: int = 0,
    force: bool = False,
    in_place: bool = False,
    delete_original: bool = False,
    dry_run: bool = False,
    skip: Collection[str] = (),
    progress: Progress | None = None,
) -> list[FileResult]:
    """Compress the safetensors files of a folder.

    Either `output` or `in_place` says where the results go. Into `output` every other file is copied;
    files behind symbolic links become files, links to folders are followed. In place, each file is
    replaced in one step (behind a link: the file that it leads to); links to folders are left alone.

    Args:
        source: the folder.
        output: a folder outside it, new or empty.
        level: fast, default or max.
        threads: 0 for the default number.
        force: write into an output that is not empty, replacing files.
        in_place: replace the files themselves.
        delete_original: remove each safetensors file after its compressed form was compared with it.
            Files behind links are not the folder's own: they fail.
        dry_run: write nothing, estimate sizes from samples.
        skip: names in the folder that are passed over.
        progress: called with (bytes done, total) of all files.

    Returns:
        A result for each file, by path. Those with action "failed" say why in `reason`.

    Raises:
        OutputExistsError: the output is not empty and `force` was not given.
        ZipnnError: the output lies in the source, or the source in the output.
        OSError: the source is not a folder that can be read.
    """
    work = _Work(
        compress_file,
        frozenset({kinds.SAFETENSORS, kinds.COMPRESSED}),
        "not a safetensors file",
        {"level": level, "threads": threads, "delete_original": delete_original, "dry_run": dry_run},
    )
    return _run(work, Path(source), output, in_place, force, progress, skip)


def decompress_tree(
    source: StrPath,
    output: StrPath | None = None,
    *,
    threads: int = 0,
    force: bool = False,
    in_place: bool = False,
    delete_original: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> list[FileResult]:
    """Restore the compressed safetensors files of a folder under their names, byte for byte.

    The way back of `compress_tree`, with the same arguments, results and errors.
    """
    work = _Work(
        decompress_file,
        frozenset({kinds.COMPRESSED}),
        "not a compressed safetensors file",
        {"threads": threads, "delete_original": delete_original, "dry_run": dry_run},
    )
    return _run(work, Path(source), output, in_place, force, progress)


def upgrade_tree(
    source: StrPath,
    *,
    level: str = "default",
    threads: int = 0,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> list[FileResult]:
    """Rewrite what zipnn 0.1 to 0.5 wrote in a folder, each file in place. See `upgrade_file`.

    Returns:
        A result for each file, by path. Those with action "failed" say why in `reason`.

    Raises:
        OSError: the source is not a folder that can be read.
    """

    def upgrade(entry: Entry, report: Progress) -> FileResult:
        return upgrade_file(root / entry.path, level=level, threads=threads, dry_run=dry_run, progress=report)

    root = Path(source)
    return _each_file(root, walk(root, follow=False), upgrade, progress)


def verify_tree(
    source: StrPath, other: StrPath | None = None, *, threads: int = 0, progress: Progress | None = None
) -> list[FileResult]:
    """Verify every file of a folder, alone or against the file of the same name in another folder.

    Alone, files that are not compressed are "skipped". With `other`, a file that only one of the two
    folders has is "failed", and so is every difference that `verify_file` raises an error for.

    Returns:
        A result for each file, by path: verified, skipped or failed.

    Raises:
        OSError: a folder cannot be read.
    """
    root, counterpart = Path(source), None if other is None else Path(other)

    def verify(entry: Entry, report: Progress) -> FileResult:
        return _verify(root, counterpart, entry, threads, report)

    results = _each_file(root, list(walk(root, follow=True)), verify, progress)
    if counterpart is not None:
        known = {local_path(result.source).relative_to(root) for result in results}
        for entry in walk(counterpart, follow=True):
            if not entry.is_folder and entry.path not in known:
                results.append(entry.result(counterpart, "failed", f"not in {root}"))
    return results


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder under a root.

    `linked` tells whether a link to a folder leads to it, `problem` why it cannot be opened, if so.
    """

    path: Path
    size: int
    mode: int
    is_folder: bool = False
    linked: bool = False
    problem: str = ""

    def result(self, root: Path, action: str, reason: str) -> FileResult:
        return FileResult(root / self.path, None, action, self.size, self.size, 0.0, reason)


def walk(root: Path, *, follow: bool) -> list[Entry]:
    """Everything under `root`, folders before what is in them, sorted by name.

    Raises:
        OSError: `root` itself cannot be read.
    """
    found: list[Entry] = []

    def visit(relative: Path, ancestors: tuple[tuple[int, int], ...], linked: bool = False) -> None:
        for item in sorted(os.scandir(root / relative), key=lambda item: item.name):
            path = relative / item.name
            try:
                status = item.stat()
            except OSError as error:
                found.append(Entry(path, 0, 0, problem=str(error)))
                continue
            if not stat.S_ISDIR(status.st_mode):
                odd = "" if stat.S_ISREG(status.st_mode) else "not a regular file"
                found.append(Entry(path, status.st_size, status.st_mode, linked=linked, problem=odd))
                continue
            identity = (status.st_dev, status.st_ino)
            if item.is_symlink() and not follow:
                found.append(Entry(path, 0, 0, is_folder=True))
            elif identity in ancestors:
                found.append(Entry(path, 0, 0, problem="a link to a folder that contains it"))
            else:
                found.append(Entry(path, 0, status.st_mode, is_folder=True))
                try:
                    visit(path, (*ancestors, identity), linked or item.is_symlink())
                except OSError as error:
                    found.append(Entry(path, 0, 0, problem=str(error)))

    status = os.stat(root)
    visit(Path(), ((status.st_dev, status.st_ino),))
    return found


def _each_file(
    root: Path,
    entries: list[Entry],
    action: Callable[[Entry, Progress], FileResult],
    progress: Progress | None,
) -> list[FileResult]:
    """Do `action` for each file; an error of one becomes its result."""
    files = [entry for entry in entries if not entry.is_folder]
    total = sum(entry.size for entry in files)
    before = 0
    results = []
    for entry in files:

        def report(done: int, size: int, before: int = before, entry: Entry = entry) -> None:
            if progress:
                progress(before + entry.size * done // max(size, 1), total)

        try:
            if entry.problem:
                results.append(entry.result(root, "failed", f"{root / entry.path}: {entry.problem}"))
            else:
                results.append(action(entry, report))
        except (ZipnnError, OSError) as error:
            results.append(entry.result(root, "failed", str(error)))
        before += entry.size
        report(0, 1, before, entry)
    return results


@dataclass(frozen=True, slots=True)
class _Work:
    """What is done to the files of a tree.

    Attributes:
        convert: compress_file or decompress_file.
        kinds: of the files that it is for. The others stay, or are copied.
        unsuited: why the others stay.
        options: its keyword arguments, but for output, in_place, force and progress.
    """

    convert: Callable[..., FileResult]
    kinds: frozenset[str]
    unsuited: str
    options: dict[str, Any]


def _run(
    work: _Work,
    source: Path,
    output: StrPath | None,
    in_place: bool,
    force: bool,
    progress: Progress | None,
    skip: Collection[str] = (),
) -> list[FileResult]:
    dry_run = work.options["dry_run"]
    if output is None and not in_place and not dry_run:
        raise ValueError("a folder needs an output or in_place")
    if in_place and (output is not None or work.options["delete_original"]):
        raise ValueError("in_place goes with neither output nor delete_original")
    target = None if output is None else Path(output)
    entries = [e for e in walk(source, follow=target is not None) if e.path.parts[0] not in skip]
    if target is not None:
        _check_output(source, target, force)
        if not dry_run:
            _make_folders(target, entries)

    def convert(entry: Entry, report: Progress) -> FileResult:
        return _convert(work, source, entry, target and target / entry.path, force, report)

    results = _each_file(source, entries, convert, progress)
    if target is not None and not dry_run:
        _take_over_modes(source, target, entries)
    return results


def _convert(
    work: _Work, source: Path, entry: Entry, target: Path | None, force: bool, report: Progress
) -> FileResult:
    file = source / entry.path
    with FileReader(file) as reader:
        kind = kinds.kind_of(reader)
        if kind == kinds.OTHER and file.name.endswith(kinds.SUFFIX):
            kinds.header_of(reader)  # its error says what is wrong with the file
    if kind in work.kinds:
        if entry.linked and work.options["delete_original"]:
            raise ZipnnError(
                f"file {file}: behind a link to a folder; delete_original would remove it from there"
            )
        return work.convert(
            file, target, in_place=target is None, force=force, progress=report, **work.options
        )
    if target is not None:
        return copy_file(file, target, force=force, dry_run=work.options["dry_run"], progress=report)
    size = file.stat().st_size
    return FileResult(
        file, None, "would-skip" if work.options["dry_run"] else "skipped", size, size, 0.0, work.unsuited
    )


def _check_output(source: Path, output: Path, force: bool) -> None:
    inner, outer = output.resolve(), source.resolve()
    if inner == outer or inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise ZipnnError(
            f"{output} and {source}: the output must not lie in the source, nor the source in it"
        )
    if os.path.lexists(output) and not output.is_dir():
        raise OutputInTheWayError(f"{output} exists and is not a folder")
    if output.is_dir() and any(output.iterdir()) and not force:
        raise OutputExistsError(f"{output} is not empty; use force to write into it")


def _make_folders(output: Path, entries: list[Entry]) -> None:
    output.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        if entry.is_folder:
            folder = output / entry.path
            if folder.is_symlink():  # it may lead into the source
                raise ZipnnError(f"{folder} is a link: outputs go into folders of their own")
            folder.mkdir(exist_ok=True)


def _take_over_modes(source: Path, output: Path, entries: list[Entry]) -> None:
    """Give the folders their permissions: last, since they may forbid writing."""
    modes = [(output / entry.path, entry.mode) for entry in reversed(entries) if entry.is_folder]
    for folder, mode in [*modes, (output, source.stat().st_mode)]:
        with contextlib.suppress(PermissionError):  # a folder that was there and is someone else's
            os.chmod(folder, stat.S_IMODE(mode))


def _verify(root: Path, other: Path | None, entry: Entry, threads: int, report: Progress) -> FileResult:
    path = root / entry.path
    if other is None:
        with FileReader(path) as reader:
            kind = kinds.kind_of(reader)
        if kind in (kinds.OTHER, kinds.SAFETENSORS):
            return entry.result(root, "skipped", "not compressed")
    proof = verify_file(path, None if other is None else other / entry.path, threads=threads, progress=report)
    reason = "; ".join(proof.notes)
    return FileResult(path, proof.other, "verified", proof.original_size, entry.size, proof.seconds, reason)
