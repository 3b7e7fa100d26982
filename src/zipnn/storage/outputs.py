# SPDX-License-Identifier: MIT
"""One way to make an output, wherever it goes: to a path or to a URL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from .atomic import OutputFile, check_free, check_replaceable
from .locations import Place, Url
from .uploading import UploadedFile, check_uploadable


@contextlib.contextmanager
def output_file(target: Place, folder: Path | None = None) -> Iterator[OutputFile]:
    """An `OutputFile` for `target`, closed (and, if it was not published, removed) at the end.

    Args:
        target: the final path, or a URL.
        folder: where it is while it is not finished, of a path in the same file system; None for the
            target's.
    """
    output = UploadedFile(target, folder) if isinstance(target, Url) else OutputFile(target, folder)
    try:
        output.open()
        yield output
    finally:
        output.close()


def check_target(target: Place, *, overwrite: bool) -> None:
    """Find out before the work whether an output can go to `target`.

    Raises:
        OutputExistsError: there is something and `overwrite` is false, or something that no file may
            replace.
        ZipnnError: nothing can be written to such URLs.
    """
    if isinstance(target, Url):
        check_uploadable(target, overwrite=overwrite)
        return
    check_replaceable(target)
    if not overwrite:
        check_free(target)
