# SPDX-License-Identifier: MIT
"""Files that fail while others do not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ..cli.errors import message_of
from ..errors import ZipnnError


class SomeFailedError(ZipnnError):
    """Files that could not be converted; `failures` has (path, exception) of each."""

    def __init__(self, failures: Sequence[tuple[Path, Exception]]) -> None:
        count = len(failures)
        super().__init__(f"{count} {'file' if count == 1 else 'files'} failed")
        self.failures = failures


def report_failure(error: Exception) -> None:
    """Say at once, on standard error, why a file failed."""
    message = message_of(error) if isinstance(error, (ZipnnError, OSError, MemoryError)) else str(error)
    print(f"error: {message}", file=sys.stderr, flush=True)
