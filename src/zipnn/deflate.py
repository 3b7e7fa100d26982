# SPDX-License-Identifier: MIT
"""DEFLATE streams made again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .storage.filereader import Read


@dataclass(frozen=True, slots=True)
class Parameters:
    """Of a stream."""

    level: int
    mem_level: int


def find_parameters(read: Read, size: int, inflated_size: int) -> Parameters | None:
    """Those that make the stream again."""
    return None


def inflate(read: Read, size: int, inflated_size: int) -> Iterator[memoryview]:
    """What it holds."""
    raise NotImplementedError


def recreate(pieces: Iterable[Any], parameters: Parameters) -> Iterator[bytes]:
    """The stream."""
    raise NotImplementedError
