# SPDX-License-Identifier: MIT
"""A class in the place of `safe_open`, for a safetensors whose own class takes no other methods."""

from __future__ import annotations

from typing import Any

from .handles import Handles
from .methods import entering, replacements


def wrapper_of(kind: type, handles: Handles) -> type:
    """A class that does what `kind` does, and decodes compressed files."""
    methods = replacements(kind, handles)
    enter = entering(kind, handles)

    class Wrapper:
        __doc__ = kind.__doc__

        def __init__(self, *args: Any, **options: Any) -> None:
            self._handle = kind(*args, **options)
            enter(self._handle, *args, **options)

        def __enter__(self) -> Any:
            self._handle.__enter__()
            return self

        def __exit__(self, *error: Any) -> Any:
            return self._handle.__exit__(*error)

    def delegate(name: str, function: Any) -> Any:
        def method(self: Any, *args: Any, **options: Any) -> Any:
            return function(self._handle, *args, **options)

        method.__name__ = name
        return method

    for name in dir(kind):
        if not name.startswith("_"):
            setattr(Wrapper, name, delegate(name, methods.get(name, getattr(kind, name))))
    Wrapper.__name__ = Wrapper.__qualname__ = kind.__name__
    Wrapper.__module__ = kind.__module__
    return Wrapper
