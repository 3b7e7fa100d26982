# SPDX-License-Identifier: MIT
"""Reading a checkpoint through those that it is a difference to."""

from __future__ import annotations

import contextlib
import posixpath
from pathlib import Path

from ..containers import kinds
from ..containers.archive.reading import Archive
from ..containers.originals import OriginalFile
from ..delta.base import BaseTensors
from ..errors import CorruptError, error_place
from ..storage.filereader import FileReader
from .manifest import Checkpoint, Manifest


def base_of(
    folder: Path, manifest: Manifest, checkpoint: Checkpoint, stack: contextlib.ExitStack
) -> BaseTensors | None:
    """The tensors that a checkpoint is a difference to; None for an anchor.

    Args:
        folder: of the series.
        manifest: of the series.
        checkpoint: one of it.
        stack: closes what is opened.

    Raises:
        CorruptError: a file that is needed is missing or damaged, or not what the manifest says.
        BaseMismatchError: a file is not the one that the next is a difference to.
    """
    tensors: BaseTensors | None = None
    for link in reversed(manifest.chain(checkpoint)[1:]):
        tensors = tensors_of(folder, link, tensors, stack)
    return tensors


def tensors_of(
    folder: Path, checkpoint: Checkpoint, base: BaseTensors | None, stack: contextlib.ExitStack
) -> BaseTensors:
    """The tensors of a checkpoint, to compare others with. For arguments and errors see `base_of`."""
    archive = stack.enter_context(opened(folder, checkpoint, base))
    tensors = stack.enter_context(BaseTensors(folder / checkpoint.file))
    if not archive.index.is_folder:
        tensors.add_file(_Part(archive, 0, archive.original_size))
    # As of a folder of weights: what several files hold under one name is that of the safetensors.
    for member in sorted(archive.members, key=lambda member: not member.name.endswith(kinds.SUFFIX)):
        tensors.add_file(_Part(archive, member.offset, member.size), posixpath.dirname(member.name))
    return tensors


def opened(folder: Path, checkpoint: Checkpoint, base: BaseTensors | None) -> Archive:
    """The archive of a checkpoint. For arguments and errors see `base_of`."""
    with error_place(f"checkpoint {checkpoint.number}"):
        reader = reader_of(folder, checkpoint)
        try:
            archive = Archive(reader, base)
            if (archive.index.base is None) != (
                base is None
            ) or archive.index.is_folder != checkpoint.is_folder:
                raise CorruptError(f"file {reader.path}: not what the series says of it")
        except BaseException:
            reader.close()
            raise
        return archive


def reader_of(folder: Path, checkpoint: Checkpoint) -> FileReader:
    """The open file of a checkpoint. Raises `CorruptError` if it is missing or has another size."""
    path = folder / checkpoint.file
    try:
        reader = FileReader(path)
    except FileNotFoundError:
        raise CorruptError(f"file {path}: missing") from None
    if reader.size != checkpoint.stored_size:
        reader.close()
        raise CorruptError(f"file {path}: has {reader.size} bytes, not {checkpoint.stored_size}")
    return reader


class _Part(OriginalFile):
    """A file within an archive, in place of a file. Whoever opened the archive closes it."""

    def __init__(self, archive: Archive, offset: int, size: int) -> None:
        self.path = archive.path
        self.stat = None
        self.size = size
        self._fd = 0
        self._read = lambda at, length: archive.read_range(offset + at, offset + at + length)

    def check_unchanged(self, consequence: str = "nothing was written, try again") -> None:
        """What is decoded is held against checksums."""
