# SPDX-License-Identifier: MIT
"""What is open until it is closed, and closes itself at the end of a `with` block."""

from __future__ import annotations

import abc
from types import TracebackType
from typing import TypeVar

_Open = TypeVar("_Open", bound="Closing")


class Closing(abc.ABC):
    """A context manager that calls its `close`."""

    def __enter__(self: _Open) -> _Open:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abc.abstractmethod
    def close(self) -> None:
        """Close it. May be called more than once."""
