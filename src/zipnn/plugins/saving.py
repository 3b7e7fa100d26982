# SPDX-License-Identifier: MIT
"""Saving compressed files from code that knows nothing of zipnn."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from ..files import compress_file

_NAME = "serialize_file"
_lock = threading.Lock()
_levels: list[str] = []
_originals: list[tuple[ModuleType, Callable[..., Any]]] = []


@contextlib.contextmanager
def compress_on_save(level: str = "default") -> Iterator[None]:
    """Meanwhile files that `save_file` of safetensors writes become compressed, under the same names.

    This is how `save_pretrained` of transformers, diffusers and peft, the Trainer and `push_to_hub` save.
    Each file is first written as ever, then compressed, compared and replaced. It holds for the whole
    process, not just for this thread; of several contexts at once the last one's level counts.

    Args:
        level: fast, default or max.

    Raises:
        ModuleNotFoundError: safetensors is not installed.
    """
    modules = [importlib.import_module(f"safetensors.{name}") for name in ("numpy", "torch") if _there(name)]
    with _lock:
        _levels.append(level)
        if not _originals:
            for module in modules:
                original = getattr(module, _NAME)
                _originals.append((module, original))
                setattr(module, _NAME, _compressing(original))
    try:
        yield
    finally:
        with _lock:
            _levels.remove(level)
            while _originals and not _levels:
                module, original = _originals.pop()
                setattr(module, _NAME, original)


def _there(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None


def _compressing(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def serialize_file(tensors: Any, filename: str | os.PathLike[str], *args: Any, **options: Any) -> Any:
        result = original(tensors, filename, *args, **options)
        with _lock:
            level = _levels[-1] if _levels else None
        if level is not None:  # else the last context ended while this was written
            compress_file(filename, in_place=True, level=level)
        return result

    return serialize_file
