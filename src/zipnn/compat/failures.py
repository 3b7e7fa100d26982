# SPDX-License-Identifier: MIT
"""Files that fail while others do not."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..cli.errors import message_of
from ..errors import ZipnnError


class SomeFailedError(ZipnnError):
    """Files that could not be converted; `failures` has (path, exception) of each."""

    def __init__(self, failures: Sequence[tuple[Path, Exception]]) -> None:
        count = len(failures)
        super().__init__(f"{count} {'file' if count == 1 else 'files'} failed")
        self.failures = failures


@contextlib.contextmanager
def attempting(file: Path, failures: list[tuple[Path, Exception]]) -> Iterator[None]:
    """Work on one file; an error is said and added to `failures`, and ends only this."""
    try:
        yield
    except (ZipnnError, OSError) as error:
        failures.append((file, error))
        report_failure(error)


def report_failure(error: Exception) -> None:
    """Say at once, on standard error, why a file failed."""
    message = message_of(error) if isinstance(error, (ZipnnError, OSError, MemoryError)) else str(error)
    print(f"error: {message}", file=sys.stderr, flush=True)
