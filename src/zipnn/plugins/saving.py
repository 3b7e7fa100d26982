# SPDX-License-Identifier: MIT
"""Saving compressed files from code that knows nothing of zipnn."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from ..files import compress_file

_NAME = "serialize_file"


@contextlib.contextmanager
def compress_on_save(level: str = "default") -> Iterator[None]:
    """Meanwhile files that `safetensors.torch.save_file` writes become compressed, under the same names.

    This is how `save_pretrained` of transformers, diffusers and peft, the Trainer and `push_to_hub` save.
    Each file is first written as ever, then compressed, compared and replaced. It holds for the whole
    process, not just for this thread.

    Args:
        level: fast, default or max.

    Raises:
        ModuleNotFoundError: safetensors is not installed.
    """
    module = importlib.import_module("safetensors.torch")
    original = getattr(module, _NAME)
    setattr(module, _NAME, _compressing(original, level))
    try:
        yield
    finally:
        setattr(module, _NAME, original)


def _compressing(original: Callable[..., Any], level: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def serialize_file(tensors: Any, filename: str | os.PathLike[str], *args: Any, **options: Any) -> Any:
        result = original(tensors, filename, *args, **options)
        compress_file(filename, in_place=True, level=level)
        return result

    return serialize_file
