# SPDX-License-Identifier: MIT
"""Hooks in child processes: those started by spawn and forkserver begin without their parent's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

_ATTRIBUTE = "_zipnn_hooks"
_original: Callable[..., Any] | None = None
_install: Callable[[], None] | None = None


def hook_children(install: Callable[[], None]) -> None:
    """Let every child that multiprocessing starts call `install` (a picklable function) before it begins."""
    global _original, _install  # noqa: PLW0603 - there is one BaseProcess
    _install = install
    if _original is not None:
        return
    original = _original = BaseProcess.start

    @functools.wraps(original)
    def start(self: BaseProcess) -> None:
        # What is unpickled in the child with the process, before its target is called.
        setattr(self, _ATTRIBUTE, _Call(_install))
        try:
            original(self)
        finally:
            self.__dict__.pop(_ATTRIBUTE, None)

    BaseProcess.start = start  # type: ignore[method-assign]


def unhook_children() -> None:
    """Let children begin as before."""
    global _original, _install  # noqa: PLW0603
    if _original is not None:
        BaseProcess.start = _original  # type: ignore[method-assign]
    _original = _install = None


class _Call:
    """Its pickle is a call."""

    def __init__(self, function: Callable[[], None] | None) -> None:
        self._function = function

    def __reduce__(self) -> Any:
        return (_call, (self._function,))


def _call(function: Callable[[], None] | None) -> None:
    if function is not None:
        function()
