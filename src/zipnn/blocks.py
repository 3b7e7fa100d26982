# SPDX-License-Identifier: MIT
"""Types of blocks of quantised values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BlockType:
    """A type."""

    name: str
    elements: int
    size: int
    field_sizes: tuple[int, ...]


BY_NAME: dict[str, BlockType] = {}


def split(data: Any, name: str) -> list[tuple[str, memoryview]]:
    """The fields."""
    raise NotImplementedError


def join(fields: Sequence[Any], name: str, out: memoryview) -> None:
    """The blocks."""
    raise NotImplementedError
