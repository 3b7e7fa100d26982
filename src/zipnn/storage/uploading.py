# SPDX-License-Identifier: MIT
"""Outputs behind URLs: made on this machine, sent when they are complete and verified."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..errors import OutputExistsError, ZipnnError
from .atomic import OutputFile
from .locations import Url
from .remote import RemoteFile

_READ_ONLY = frozenset({"http", "https"})


class UploadedFile(OutputFile):
    """A file under construction on this machine that `publish` sends to its URL.

    Object stores show it there when all of it has arrived, and nothing of it before.

    Args:
        target: the URL.
        folder: where the file is meanwhile; None for the system's folder of temporary files.
    """

    def __init__(self, target: Url, folder: Path | None = None) -> None:
        super().__init__(Path(target.name), folder or Path(tempfile.gettempdir()))
        self.target = target
        self._url = target

    def publish(
        self, like: os.stat_result | None, *, overwrite: bool, owner: bool = False, times: bool = False
    ) -> None:
        """Send the file, then remove it from this machine. Permissions, owner and times are not sent.

        Raises:
            OutputExistsError: there is something at the URL and `overwrite` is false.
            OSError: it was refused, or did not arrive whole.
        """
        try:
            RemoteFile(self._url).upload(self.path, overwrite=overwrite)
        except FileExistsError as error:
            raise OutputExistsError(f"{self._url} exists; use force to replace it") from error


def check_uploadable(target: Url, *, overwrite: bool) -> None:
    """Find out before the work whether a file can go to `target`.

    Raises:
        OutputExistsError: there is something and `overwrite` is false.
        ZipnnError: such URLs cannot be written to.
    """
    if target.scheme in _READ_ONLY:
        raise ZipnnError(f"{target}: {target.scheme}:// cannot be written to; give an output")
    if not overwrite and RemoteFile(target).exists():
        raise OutputExistsError(f"{target} exists; use force to replace it")
