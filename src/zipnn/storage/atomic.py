# SPDX-License-Identifier: MIT
"""Outputs that appear under their final name only when they are complete and on the disk."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any

from ..errors import OutputExistsError, OutputInTheWayError
from .filereader import naming
from .locations import Place

Buffer = Any

_BATCH = 1 << 20
_MAX_TRANSFER = 1 << 30
_FLAGS = (
    os.O_RDWR
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
)


class OutputFile:
    """A file under construction beside its final place, under a temporary name.

    Small writes are gathered. `OSError`s name the final path.

    Attributes:
        target: the final path.
        path: the temporary path, `.zipnn-….incomplete`, in the same folder unless another is given.
        position: where the next `write` goes: the end of everything written.
    """

    def __init__(self, target: Path, folder: Path | None = None) -> None:
        self.target: Place = target
        # The name does not depend on the target's, which may be as long as names can be.
        self.path = (folder or target.parent) / f".zipnn-{secrets.token_hex(8)}.incomplete"
        self.position = 0
        self._fd = -1
        self._pending = bytearray()
        self._unfinished = False

    def open(self) -> None:
        """Create the file. Once this is called `close` has to be, even if it did not return."""
        self._unfinished = True
        try:
            with naming(self.target):
                self._fd = os.open(self.path, _FLAGS, 0o600)
        except OSError:
            self._unfinished = False
            raise

    def write(self, data: Buffer) -> None:
        """Append `data`."""
        view = memoryview(data).cast("B")
        if len(self._pending) + len(view) <= _BATCH:
            self._pending += view
        else:
            self._flush()
            self._write_all(self.position, view)
        self.position += len(view)

    def write_at(self, offset: int, data: Buffer) -> None:
        """Write `data` at `offset`, which may lie before or after the end."""
        if offset == self.position:
            self.write(data)
            return
        view = memoryview(data).cast("B")
        if not len(view):
            return
        self._flush()
        self._write_all(offset, view)
        self.position = max(self.position, offset + len(view))

    def sync(self) -> None:
        """Bring everything to the disk."""
        self._flush()
        with naming(self.target):
            os.fsync(self._fd)

    def publish(
        self, like: os.stat_result | None, *, overwrite: bool, owner: bool = False, times: bool = False
    ) -> None:
        """Give the file its final name, in one step, and bring that to the disk. Call `sync` before.

        Args:
            like: whose permissions the file gets; None for those of any new file.
            overwrite: replace what is under that name.
            owner: take over the owner too, where the system lets us.
            times: take over the times of the last access and change too.

        Raises:
            OutputExistsError: there is something under that name and `overwrite` is false.
        """
        target = self.target
        assert isinstance(target, Path)
        with naming(target):
            self._take_over(like or status_of_new_file(target.parent), owner, times)
            if overwrite:
                os.replace(self.path, target)
            else:
                self._rename_to_free_name(target)
            self._unfinished = False
            sync_folder(target.parent)

    def close(self) -> None:
        """Close the file, and remove it if it was not published. May be called more than once."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
        if self._unfinished:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)

    def _flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, bytearray()
            self._write_all(self.position - len(pending), memoryview(pending))

    def _write_all(self, offset: int, view: memoryview) -> None:
        with naming(self.target):
            while len(view):
                count = _write_some(self._fd, offset, view[:_MAX_TRANSFER])
                offset += count
                view = view[count:]

    def _take_over(self, like: os.stat_result, owner: bool, times: bool) -> None:
        if owner and hasattr(os, "fchown"):
            with contextlib.suppress(PermissionError):
                os.fchown(self._fd, like.st_uid, like.st_gid)
        if times:
            os.utime(self.path, ns=(like.st_atime_ns, like.st_mtime_ns))
        os.chmod(self.path, like.st_mode & 0o777)  # never set-user-ID

    def _rename_to_free_name(self, target: Path) -> None:
        try:
            os.link(self.path, target)  # unlike a rename, never replaces anything
        except FileExistsError:
            raise OutputExistsError(f"{target} exists; use force to replace it") from None
        except OSError:  # a file system without hard links
            check_free(target)
            os.replace(self.path, target)
        else:
            os.unlink(self.path)


def _write_some(fd: int, offset: int, view: memoryview) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(fd, view, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return os.write(fd, view)


def check_free(target: Path) -> None:
    """Raise `OutputExistsError` if something, even a broken link, has the name `target`."""
    if os.path.lexists(target):
        raise OutputExistsError(f"{target} exists; use force to replace it")


def check_replaceable(target: Path) -> None:
    """Raise `OutputInTheWayError` if `target` is what no file may replace: a folder, a device, a pipe."""
    if target.is_dir():
        raise OutputInTheWayError(f"{target} is a folder")
    if target.exists() and not target.is_file():
        raise OutputInTheWayError(f"{target} is not a regular file: outputs are files of their own")


def sync_folder(folder: Path) -> None:
    """Bring the names in `folder` to the disk, where the system can do that for a folder."""
    try:
        fd = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:  # not a right that writing into the folder needs; Windows cannot open folders
        return
    try:
        with contextlib.suppress(OSError):
            os.fsync(fd)
    finally:
        os.close(fd)


def status_of_new_file(folder: Path) -> os.stat_result:
    """What a new file in `folder` gets; only the system knows."""
    probe = folder / f".zipnn-{secrets.token_hex(8)}.incomplete"
    fd = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)
        os.unlink(probe)
