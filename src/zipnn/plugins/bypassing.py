# SPDX-License-Identifier: MIT
"""Readers of safetensors files that have parsers of their own: they refuse what they would misread."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from ..containers import safetensors_header
from ..errors import FormatError, ZipnnError
from ..storage.filereader import FileReader
from .handles import MARKS
from .rebinding import rebind

READERS = ("fastsafetensors", "instanttensor", "runai_safetensors")
"""How the names of such readers begin."""

_GUARDED = "_zipnn_guarded"


def guard(module: ModuleType, name: str, remedy: str) -> None:
    """Let a function that takes a list of files raise `FormatError` if one is compressed by zipnn."""
    original = getattr(module, name)
    if not hasattr(original, _GUARDED):
        guarded = _refusing(original, remedy)
        setattr(guarded, _GUARDED, True)
        setattr(module, name, guarded)
        rebind(original, guarded)


def _refusing(original: Callable[..., Any], remedy: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def checked(files: Iterable[str], *args: Any, **options: Any) -> Any:
        files = list(files)
        for file in files:
            if is_marked(file):
                raise FormatError(
                    f"file {file}: compressed by zipnn, which {original.__name__} cannot read. {remedy}, "
                    "or restore the files with `zipnn decompress`"
                )
        return original(files, *args, **options)

    return checked


def is_marked(path: str) -> bool:
    """Whether the header of a safetensors file says that zipnn compressed it; no for what is unreadable."""
    try:
        with FileReader(path) as reader:
            header = safetensors_header.parse(
                safetensors_header.read_prefix(reader.read, reader.size), reader.size
            )
    except (OSError, ZipnnError):
        return False
    return not MARKS.isdisjoint(header.metadata or {})
