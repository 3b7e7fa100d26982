# SPDX-License-Identifier: MIT
"""Models as differences to a base, in files: made, and applied. Atomic, verified, streaming."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..containers import kinds
from ..containers.archive.differing import Comparison
from ..containers.archive.index import Member
from ..containers.archive.reading import open_archive
from ..containers.contents import Contents
from ..conversion import FileResult, Progress
from ..errors import FormatError, ZipnnError
from ..files import archive_file, decompress_file
from ..folders import archive_folder, archived_path, restore_folder
from ..storage.filereader import Source
from ..storage.locations import Place, are_same, local_path, place_of
from ..storage.opening import Location
from .base import BaseLike, BaseTensors, opened_base
from .matching import match


def make_delta(
    base: BaseLike,
    model: Location,
    output: Location | None = None,
    *,
    level: str = "default",
    threads: int = 0,
    force: bool = False,
    rename: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> FileResult:
    """Write a model as what differs from its base: an archive that needs the base to be read.

    Model and base are files, or folders of files that need not be cut alike; each may be compressed, and of
    any format whose tensors zipnn finds. A tensor without a counterpart, or to which none is any help, is
    stored as in any archive, and so is all that is no tensor.

    Args:
        base: what the model was made from.
        model: the file or folder. Of a compressed file its original is taken.
        output: the delta; `NAME.znn` beside the model if it is not given.
        level, threads, force, progress: see `compress_file`.
        rename: names of tensors of the base, and what these are called in the model. Without it, names are
            found that begin otherwise, and tensors of equal content.

    Raises:
        FormatError: there are no tensors in the base.
        ZipnnError: base and model are the same, `output` is part of the base, the base changed meanwhile, or
            `rename` has names that there are not.
        CorruptError, UnsupportedVersionError: base or model are damaged, or newer than this zipnn.
        MismatchError: what was written did not decode to the model. Nothing was kept.
        OutputExistsError: the output exists and `force` was not given.
        OSError: reading or writing failed. Nothing was kept.
    """
    with opened_base(base) as tensors:
        assert tensors is not None

        def compare(source: Source, contents: Contents, members: tuple[Member, ...]) -> Comparison:
            return Comparison(tensors, match(source, contents.tensors, members, tensors, rename))

        place = place_of(model)
        if not isinstance(base, BaseTensors) and are_same(tensors.path, place):
            raise ZipnnError(f"{place}: base and model are the same; give what was made from the base")
        if isinstance(place, Path) and place.is_dir():
            archive = _local(output) or archived_path(place)
            tensors.check_apart(archive)
            return archive_folder(
                place,
                archive,
                level=level,
                threads=threads,
                force=force,
                progress=progress,
                compare=compare,
            )
        target = place_of(output or _delta_path(place))
        tensors.check_apart(target)
        return archive_file(
            place,
            target,
            level=level,
            threads=threads,
            force=force,
            progress=progress,
            compare=compare,
        )


def apply_delta(
    base: BaseLike,
    delta: Location,
    output: Location | None = None,
    *,
    threads: int = 0,
    force: bool = False,
    progress: Progress | None = None,
) -> FileResult:
    """Restore a model from its base and what differs, byte for byte.

    Args:
        base: what the delta was made against: the same tensors, in whatever files.
        delta: what `make_delta` wrote.
        output: the file or folder; the delta's name without `.znn` if it is not given. A folder must not
            exist, or be empty.
        threads, force, progress: see `decompress_file`.

    Raises:
        FormatError: the delta is none.
        BaseMismatchError: it was made against another base. Nothing was kept.
        CorruptError, UnsupportedVersionError: something is damaged, or newer than this zipnn.
        OutputExistsError: the output exists and `force` was not given.
        OSError: reading or writing failed. Nothing was kept.
    """
    with open_archive(delta) as archive:
        if archive.index.base is None:
            raise FormatError(f"file {archive.path}: not a difference; decompress restores it")
        place, is_folder = archive.path, archive.index.is_folder
    if is_folder:
        return restore_folder(
            local_path(place), _local(output), threads=threads, progress=progress, base=base
        )
    return decompress_file(place, output, threads=threads, force=force, progress=progress, base=base)


def _local(output: Location | None) -> Path | None:
    """Where a folder, or its archive, goes: to this machine."""
    return None if output is None else local_path(place_of(output))


def _delta_path(model: Place) -> Place:
    return model.with_name(model.name + kinds.ARCHIVE_SUFFIX)
