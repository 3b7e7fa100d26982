# SPDX-License-Identifier: MIT
"""One small module a format: where in a file its tensors lie. None of them executes anything.

Each has `read(source) -> Contents | None`: None for a file of another format, `FormatError` for one
that is damaged. Every number from the file is checked before it is used.
"""

from __future__ import annotations

from collections.abc import Callable

from ...errors import FormatError
from ...storage.filereader import Source
from ..contents import Contents
from . import gguf

Reader = Callable[[Source], "Contents | None"]

_READERS: tuple[Reader, ...] = (gguf.read,)


def read_contents(source: Source) -> Contents:
    """What is in a file. One that no reader knows, or that is damaged, is bytes.

    Raises:
        OSError: it cannot be read.
    """
    for read in _READERS:
        try:
            contents = read(source)
        except FormatError as error:
            return Contents("bytes", note=f"taken as bytes: {error}")
        if contents is not None:
            return contents
    return Contents("bytes")
