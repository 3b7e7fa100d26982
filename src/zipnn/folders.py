# SPDX-License-Identifier: MIT
"""A folder as one archive, and back: what its files have in common is stored once."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from .containers.archive.differing import Compare
from .containers.archive.reading import Archive
from .containers.archive.writing import Labels, estimate_archive, write_archive
from .containers.folder import FolderSource, with_mode
from .containers.originals import open_restored
from .conversion import Conversion, FileResult, Progress
from .delta.base import BaseLike, opened_base
from .errors import FormatError, MismatchError, OutputInTheWayError, ZipnnError
from .storage.atomic import OutputFile, sync_folder
from .storage.comparing import difference_from
from .storage.filereader import BlockReader, FileReader
from .storage.locations import Place, Url, local_path, place_of
from .storage.opening import open_reader
from .storage.outputs import output_file
from .trees import walk

StrPath = str | os.PathLike[str] | Url
SUFFIX = ".znn"


def archive_folder(
    source: StrPath,
    output: StrPath | None = None,
    *,
    level: str = "default",
    threads: int = 0,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
    compare: Compare | None = None,
) -> FileResult:
    """Put a folder into one archive. Tensors that several files hold are stored once.

    Links are followed: what they lead to is stored. Of a file's mode only is kept whether its owner may
    execute it; nobody may read the archive who may not read every file.

    Args:
        source: the folder.
        output: the archive, or a URL for it; `FOLDER.znn` beside it if it is not given.
        level, threads, force, dry_run, progress: see `compress_file`.
        compare: for a difference: what is compared with what. Compressed safetensors files are then taken
            as their originals.

    Raises:
        FormatError: there is something in the folder that is neither file nor folder, or a name that is
            not text.
        MismatchError: what was written did not decode to the folder's files. Nothing was kept.
        OutputExistsError, OSError: see `compress_file`.
    """
    root = local_path(place_of(source))
    target = archived_path(root) if output is None else place_of(output)
    if isinstance(target, Path) and target.resolve().is_relative_to(root.resolve()):
        raise ZipnnError(f"{target} and {root}: the archive must not lie in the folder")
    job = Conversion(root, target, threads, force, False, False, dry_run, progress)
    names, empty = _listed(root)
    with FolderSource(root, names, open_restored if compare else FileReader) as folder:
        job.target(None)
        contents, members = folder.describe()
        comparison = compare(folder, contents, members) if compare else None
        if dry_run:
            size = estimate_archive(folder, level=level, contents=contents)
            return job.result(target, "would-compress", folder.size, size, "estimated from a sample")
        labels = Labels(_name_of(root), "folder", members, empty)

        def write(out: OutputFile) -> None:
            write_archive(
                folder, out, level=level, threads=threads, contents=contents, labels=labels,
                comparison=comparison, progress=lambda done: job.report(done // 2, folder.size),
            )  # fmt: skip

        def difference(written: FileReader) -> int | None:
            with comparison.rereading() if comparison else contextlib.nullcontext() as base:
                return _difference(job, Archive(written, base), folder)

        size = job.produce(folder, target, write, difference)
    return job.result(target, "compressed", folder.size, size, contents.note)


def restore_folder(
    source: StrPath,
    output: StrPath | None = None,
    *,
    threads: int = 0,
    dry_run: bool = False,
    progress: Progress | None = None,
    base: BaseLike | None = None,
) -> FileResult:
    """Restore a folder from its archive, each file byte for byte.

    The folder appears under its name, or an empty one is filled, when all is there and was compared with the
    archive. Nobody may read the files who may not read the archive.

    Args:
        source: the archive, or its URL.
        output: the folder, which must not exist or be empty; folders above it are made. The archive's
            name without `.znn` if it is not given.
        threads, dry_run, progress, base: see `decompress_file`.

    Raises:
        FormatError: the archive is not one of a folder.
        CorruptError, UnsupportedVersionError: it is damaged, or newer than this zipnn.
        OutputExistsError: there is something in the folder.
    """
    path = place_of(source)
    target = _restored_path(path, output)
    job = Conversion(path, target, threads, False, False, False, dry_run, progress)
    with open_reader(path) as reader, opened_base(base) as tensors, Archive(reader, tensors) as archive:
        if not archive.index.is_folder:
            raise FormatError(f"file {path}: the archive of a file, not of a folder")
        if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())):
            raise OutputInTheWayError(f"{target} exists; move it away, or give another output")
        if dry_run:
            return job.result(target, "would-decompress", archive.original_size, archive.size)
        with _unfinished(target) as folder:
            _write(job, archive, folder, reader.stat)
            with FolderSource(folder, [member.name for member in archive.members]) as written:
                difference = _difference(job, archive, written)
            if difference is not None:
                raise MismatchError(f"folder {target}: byte {difference} was not written as it should be")
            _move(folder, target)
    return job.result(target, "decompressed", archive.original_size, archive.size)


def _listed(root: Path) -> tuple[list[str], tuple[str, ...]]:
    """The files of a folder, and the folders below it in which there is none."""
    entries = walk(root, follow=True)
    for entry in entries:
        if entry.problem:
            raise FormatError(f"{root / entry.path}: {entry.problem}")
        if any("\ud800" <= letter <= "\udfff" for letter in str(entry.path)):
            raise FormatError(f"{str(root / entry.path)!a}: the name is not text; rename it")
    files = [entry.path.as_posix() for entry in entries if not entry.is_folder]
    filled = {parent for name in files for parent in Path(name).parents}
    empty = [entry.path for entry in entries if entry.is_folder and entry.path not in filled]
    return files, tuple(path.as_posix() for path in empty if path != Path())


def _name_of(root: Path) -> str:
    """What a folder is called; of a link, what the link is called."""
    return os.path.basename(os.path.abspath(root))


def archived_path(root: Path) -> Path:
    """Where the archive of a folder goes: beside it. Raises `ZipnnError` for a folder without a name."""
    name = _name_of(root)
    if not name:
        raise ZipnnError(f"{root}: its name does not tell what the archive is called; give an output")
    return (root if root.name == name else Path(os.path.abspath(root))).with_name(name + SUFFIX)


def _restored_path(path: Place, output: StrPath | None) -> Path:
    if output is not None:
        return local_path(place_of(output))
    stem = path.name.removesuffix(SUFFIX)
    if not stem or stem == path.name or isinstance(path, Url):
        raise ZipnnError(f"file {path}: its name does not tell where the folder goes; give an output")
    return path.with_name(stem)


@contextlib.contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A folder to fill, beside the target or in it if it exists; removed if it is still there at the end."""
    beside = target if target.is_dir() else target.parent
    beside.mkdir(parents=True, exist_ok=True)
    folder = beside / f".zipnn-{secrets.token_hex(8)}.incomplete"
    folder.mkdir()
    try:
        yield folder
    finally:
        if folder.exists():
            shutil.rmtree(folder)


def _move(folder: Path, target: Path) -> None:
    """Give the folder its name. One that exists stays: it may be a link, a mount, somebody's place."""
    if folder.parent != target:
        os.rename(folder, target)
        sync_folder(target.parent)
        return
    if any(path != folder for path in target.iterdir()):
        raise OutputInTheWayError(f"{target} was filled meanwhile; give another output")
    for path in list(folder.iterdir()):
        os.rename(path, target / path.name)
    folder.rmdir()
    sync_folder(target)


def _write(job: Conversion, archive: Archive, folder: Path, like: os.stat_result | None) -> None:
    """Write the files. Others than the owner may do with them at most what `like` lets them."""
    for name in archive.index.folders:
        folder.joinpath(*name.split("/")).mkdir(parents=True, exist_ok=True)
    allowed = 0o666 if like is None else like.st_mode & 0o666 | 0o600
    executable = allowed | (allowed & 0o444) >> 2
    pieces = archive.original_pieces(job.threads)
    offset, piece = 0, memoryview(b"")
    for member in archive.members:
        target = folder.joinpath(*member.name.split("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        with output_file(target) as out:
            while out.position < member.size:
                if not piece:
                    offset, piece = next(pieces)
                count = min(len(piece), member.size - out.position)
                out.write(piece[:count])
                offset, piece = offset + count, piece[count:]
                job.report(offset // 2, archive.original_size)
            out.sync()
            mode = executable if member.executable else allowed
            out.publish(with_mode(os.stat(folder), mode), overwrite=False)


def _difference(job: Conversion, archive: Archive, folder: FolderSource) -> int | None:
    if archive.original_size != folder.size:
        return min(archive.original_size, folder.size)

    def pieces() -> Iterator[tuple[int, memoryview]]:
        for offset, piece in archive.original_pieces(job.threads):
            yield offset, piece
            job.report((folder.size + offset + len(piece)) // 2, folder.size)

    return difference_from(pieces(), BlockReader(folder.read, folder.size))
