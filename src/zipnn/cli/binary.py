# SPDX-License-Identifier: MIT
"""Data on standard output and standard input: never on a terminal, and with the errors of the rest."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from .errors import OutputLostError, UsageError

Write = Callable[[Any], object]


@contextlib.contextmanager
def binary_output(path: Path | None, *, force: bool) -> Iterator[Write]:
    """A function that writes bytes: to a file that appears when all is written, or to standard output.

    Raises:
        UsageError: standard output is a terminal, or was closed.
        OutputExistsError: `path` exists and `force` was not given.
        OutputLostError: standard output takes no more.
    """
    if path is None:
        output = standard_output()
        yield output.write
        output.flush()
        return
    from ..storage.atomic import check_free, check_replaceable, output_file

    check_replaceable(path)
    if not force:
        check_free(path)
    with output_file(path) as file:
        yield file.write
        file.sync()
        file.publish(None, overwrite=force)


class StandardOutput:
    """Standard output for bytes: writes all of them, or ends the command."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: Any) -> int:
        """Write all of `data`. Raises `OutputLostError`."""
        view = memoryview(data).cast("B") if memoryview(data).nbytes else memoryview(b"")
        size, done = len(view), 0
        try:
            while done < size:
                done += self._stream.write(view[done:]) or 0
        except (OSError, ValueError) as error:
            raise _lost(error) from error
        return size

    def flush(self) -> None:
        """Bring everything out. Raises `OutputLostError`."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            raise _lost(error) from error


def standard_output() -> StandardOutput:
    """Standard output, if data may go there. Raises `UsageError`."""
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        raise UsageError("standard output is closed", "-o OUT")
    if stream.isatty():
        raise UsageError("binary data do not go to a terminal", "-o OUT, or redirect: > OUT")
    return StandardOutput(stream)


def standard_input() -> BinaryIO:
    """Standard input, if data can come from there. Raises `UsageError`."""
    stream: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise UsageError("standard input is closed", "give a path, or redirect: < IN")
    if stream.isatty():
        raise UsageError("binary data do not come from a terminal", "give a path, or redirect: < IN")
    return stream


def _lost(error: Exception) -> OutputLostError:
    return OutputLostError(error if isinstance(error, OSError) else OSError(str(error)))
