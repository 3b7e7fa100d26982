# SPDX-License-Identifier: MIT
"""Functions and classes that zipnn 0.5 had beside `ZipNN`, for programs that import them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..access.loading import safe_open
from .classic import ZipNN

SafeOpen = safe_open

patches_applied: set[Any] = set()
"""What `multi_process_patcher` has been given."""


def decompress_safetensors_tensor(tensor: Any) -> Any:
    """The tensor in a one-dimensional uint8 tensor (or array) that a compressed file holds for it.

    Raises:
        FormatError, CorruptError: it holds none.
    """
    return ZipNN(input_format="torch").decompress(tensor)


def replace_in_file(file_path: Any, old: str, new: str) -> None:
    """Replace every `old` by `new` in a text file. Raises `OSError`."""
    path = Path(file_path)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


class TargetWrapper:
    """A function that first calls another one. Can be sent to a process that is spawned."""

    def __init__(self, target: Callable[..., Any] | None, patch_func: Callable[[], Any]) -> None:
        self.target = target
        self.patch_func = patch_func

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.patch_func()
        return None if self.target is None else self.target(*args, **kwargs)


def multi_process_patcher(patch_func: Callable[[], Any]) -> None:
    """Call a function once here, and in each process that `multiprocessing` starts from now on."""
    from multiprocessing import process

    if patch_func in patches_applied:
        return
    patches_applied.add(patch_func)
    patch_func()
    start = process.BaseProcess.start

    @functools.wraps(start)
    def patched_start(self: Any) -> None:
        # A process without a target has a run() of its own; there is nothing to wrap then.
        if getattr(self, "_target", None) is not None:
            self._target = TargetWrapper(self._target, patch_func)
        start(self)

    process.BaseProcess.start = patched_start  # type: ignore[method-assign]
