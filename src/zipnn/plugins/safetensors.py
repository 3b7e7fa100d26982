# SPDX-License-Identifier: MIT
"""The hooks in safetensors, as one set: installed once, taken out again without a trace."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .deserializing import decoding
from .handles import Handles
from .methods import entering, replacements
from .rebinding import rebind
from .wrapping import wrapper_of

_lock = threading.RLock()
_undo: list[Callable[[], None]] = []
_handles = Handles()


def install(module: ModuleType | None = None) -> None:
    """Make safetensors decode compressed files, in every module that uses it. Again does nothing.

    Args:
        module: safetensors; imported if it is not given.

    Raises:
        ModuleNotFoundError: safetensors is not installed.
    """
    with _lock:
        if _undo:
            return
        module = module or importlib.import_module("safetensors")
        try:
            for name in ("safe_open", "_safe_open_handle"):
                if hasattr(module, name):
                    _hook_class(getattr(module, name))
            _replace(module.deserialize, decoding(module.deserialize))
        except BaseException:
            uninstall()
            raise


def uninstall() -> None:
    """Give safetensors back what is its own."""
    with _lock:
        while _undo:
            _undo.pop()()
        _handles.clear()


def installed() -> bool:
    """Whether the hooks are in place."""
    return bool(_undo)


def _hook_class(kind: type) -> None:
    if not _takes_methods(kind):
        _replace(kind, wrapper_of(kind, _handles))
        return
    methods = replacements(kind, _handles)
    originals = {name: getattr(kind, name) for name in methods}
    enter = entering(kind, _handles)

    def put_back() -> None:
        del kind.__init__  # type: ignore[misc]
        _assign(kind, originals)

    _undo.append(put_back)
    _assign(kind, {"__init__": enter, **methods})


def _replace(old: Any, new: Any) -> None:
    _undo.append(lambda: rebind(new, old))
    rebind(old, new)


def _takes_methods(kind: type) -> bool:
    try:
        _assign(kind, {"get_tensor": kind.get_tensor})  # type: ignore[attr-defined]
    except TypeError:
        return False
    return True


def _assign(kind: type, members: dict[str, Any]) -> None:
    for name, value in members.items():
        setattr(kind, name, value)
