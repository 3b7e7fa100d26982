# SPDX-License-Identifier: MIT
"""What untyped bytes are."""

from __future__ import annotations

from ..storage.filereader import Read
from .contents import Extent


def sniff(read: Read, offset: int, size: int) -> list[Extent]:
    """The types of the bytes."""
    return [Extent(offset, size, "U8")]
