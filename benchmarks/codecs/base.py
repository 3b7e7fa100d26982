# SPDX-License-Identifier: MIT
"""What every codec can do for the benchmark: one interface, so that all are asked the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

DIRECTIONS = ("compress", "decompress")


class UnsupportedError(Exception):
    """A codec has nothing for a dtype or a number of threads; the message says why."""


class Codec(ABC):
    """A codec, set up for one dtype and one number of threads.

    Attributes:
        name: as in the tables.
        threaded: in which directions it can use several threads.
        slice: takes no more than so many bytes of a buffer, because it is slow; None: all of it.
    """

    name: ClassVar[str]
    threaded: ClassVar[tuple[str, ...]] = ()
    slice: ClassVar[int | None] = None

    def __init__(self, dtype: str, threads: int) -> None:
        """Set up for a dtype (its name in safetensors). Raises UnsupportedError."""
        if threads > 1 and not self.threaded:
            raise UnsupportedError("one thread only")
        self.dtype = dtype
        self.threads = threads

    def source(self, data: np.ndarray) -> Any:
        """What `compress` takes, from the buffer (uint8). Made for each call, and not timed."""
        return data

    @abstractmethod
    def compress(self, source: Any) -> Any:
        """The compressed data, in whatever form."""

    def size(self, frame: Any) -> int:
        """Bytes of what `compress` gave."""
        return len(frame)

    @abstractmethod
    def decompress(self, frame: Any, out: np.ndarray | None) -> Any:
        """The data again: in `out` (uint8) where that is given and the codec can, else in new memory."""

    def content(self, result: Any) -> np.ndarray:
        """The bytes of what `decompress` gave, to be compared."""
        return np.frombuffer(result, np.uint8)
