# SPDX-License-Identifier: MIT
"""The methods that take the place of those of `safetensors.safe_open` and `_safe_open_handle`."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from ..errors import FormatError
from .failures import loading_error
from .handles import Handles

KNOWN = frozenset({"get_slice", "get_tensor", "get_tensors", "keys", "metadata", "offset_keys"})
"""Public methods of handles whose meaning is known."""


def replacements(kind: type, handles: Handles) -> dict[str, Callable[..., Any]]:
    """A function for each method of `kind` that must not show compressed bytes, by its name.

    Each calls the original for files that are not compressed. A method that is not known is refused
    for those that are.
    """
    original = {name: getattr(kind, name) for name in dir(kind) if not name.startswith("_")}
    get_slice, metadata = original["get_slice"], original["metadata"]

    def find(handle: Any) -> Any:
        return handles.find(handle, metadata)

    def for_compressed(name: str, ours: Callable[..., Any]) -> Callable[..., Any]:
        theirs = original[name]

        @functools.wraps(theirs)
        def method(self: Any, *args: Any, **options: Any) -> Any:
            found = find(self)
            if found is None:
                return theirs(self, *args, **options)
            return ours(self, found, *args, **options)

        return method

    # Each first asks the original for what costs nothing: it knows closed files and missing names.
    def tensor(handle: Any, found: Any, name: str) -> Any:
        get_slice(handle, name)
        return found.tensor(name)

    def slice_(handle: Any, found: Any, name: str) -> Any:
        get_slice(handle, name)
        return found.slice(name)

    def tensors(handle: Any, found: Any) -> Any:
        metadata(handle)
        return found.all_tensors()

    def original_metadata(handle: Any, found: Any) -> Any:
        metadata(handle)
        return found.metadata()

    def offset_keys(handle: Any, found: Any) -> Any:
        metadata(handle)
        return found.offset_keys()

    ours: dict[str, Callable[..., Any]] = {
        "get_tensor": tensor,
        "get_slice": slice_,
        "get_tensors": tensors,
        "metadata": original_metadata,
        "offset_keys": offset_keys,
    }
    methods = {name: for_compressed(name, function) for name, function in ours.items() if name in original}
    for name, value in original.items():
        if name not in KNOWN and callable(value):
            methods[name] = for_compressed(name, _refuse(name))
    return methods


def entering(kind: type, handles: Handles) -> Callable[..., None]:
    """An `__init__` that notes what a new handle is open for."""
    metadata = kind.metadata  # type: ignore[attr-defined]

    def __init__(self: Any, *args: Any, **options: Any) -> None:  # noqa: N807
        first = args[0] if args else options["filename" if "filename" in options else "f"]
        framework = args[1] if len(args) > 1 else options["framework"]
        device = args[2] if len(args) > 2 else options.get("device", "cpu")
        path = first if isinstance(first, str | bytes | os.PathLike) else first.name
        handles.enter(self, path, framework, device, metadata(self))

    return __init__


def _refuse(name: str) -> Callable[..., Any]:
    def refuse(handle: Any, found: Any, *args: Any, **options: Any) -> Any:
        raise loading_error(
            FormatError,
            f"file {found.path}: this zipnn does not know safe_open.{name} and cannot decode what it gives. "
            "pip install --upgrade zipnn, or decompress the file with `zipnn decompress`",
        )

    return refuse
