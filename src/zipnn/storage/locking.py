# SPDX-License-Identifier: MIT
"""A lock between processes: one at a time writes."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from .filereader import naming


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock that the file stands for; waits until nobody else does.

    The file is made if it is not there, and stays. The lock ends with the process, whatever ends that.
    """
    with naming(path):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        with naming(path):
            _lock(fd)
        yield
    finally:
        os.close(fd)


if sys.platform == "win32":
    import msvcrt
    import time

    def _lock(fd: int) -> None:
        while not _locked(fd):
            time.sleep(0.1)

    def _locked(fd: int) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX)
