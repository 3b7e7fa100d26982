# SPDX-License-Identifier: MIT
"""The hook in transformers: checkpoints under the names of zipnn 0.5 are found.

`_get_resolved_checkpoint_files` is wrapped by its signature, not written again. What it finds by itself
is taken; only where it finds nothing, or a file that has to be decoded as a whole, an overlay is looked for.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .legacy_files import SUFFIX, Checkpoint, find_checkpoint, twins
from .overlay import overlay, restore_in_place

_NAME = "_get_resolved_checkpoint_files"
_lock = threading.Lock()
_replace = False
_hooked: tuple[ModuleType, Callable[..., Any]] | None = None


def configure(replace_local_file: bool) -> None:
    """Say what is done with files that are found. The last word counts."""
    global _replace  # noqa: PLW0603 - there is one transformers
    _replace = replace_local_file


def install(module: ModuleType) -> None:
    """Wrap the function of `transformers.modeling_utils`. Again does nothing; without it, neither."""
    global _hooked  # noqa: PLW0603
    with _lock:
        if _hooked is not None:
            return
        original = getattr(module, _NAME, None)
        if original is None:
            log = logging.getLogger("zipnn")
            log.warning(
                "this transformers finds no models named *.znn; zipnn decompress them, or use 4.51 to 5.x"
            )
            return
        _hooked = (module, original)
        setattr(module, _NAME, _finding(original))


def uninstall() -> None:
    """Give transformers its function back."""
    global _hooked  # noqa: PLW0603
    with _lock:
        if _hooked is not None:
            setattr(_hooked[0], _NAME, _hooked[1])
        _hooked = None


def _finding(original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def resolve(*args: Any, **options: Any) -> Any:
        call = signature.bind(*args, **options)
        try:
            result = original(*args, **options)
        except OSError:
            found = _find(call)
            if found is None:
                raise
        else:
            files = result[0] or ()
            # In a folder, what an index names is not looked for until it is opened.
            if all(not name.endswith(SUFFIX) and os.path.isfile(name) for name in files):
                _warn_of_twins(files)
                return result
            found = _find(call)
            if found is None:
                return result
        folder = restore_in_place(found) if _replace else overlay(found)
        return original(**_pointed_at(call, folder))

    return resolve


def _find(call: inspect.BoundArguments) -> Checkpoint | None:
    """The files that the call is about, if they have names of zipnn 0.5."""
    arguments = call.arguments
    name = arguments.get("pretrained_model_name_or_path")
    if name is None or arguments.get("gguf_file") or arguments.get("transformers_explicit_filename"):
        return None
    options = {**arguments, **(arguments.get("download_kwargs") or {})}
    return find_checkpoint(os.fspath(name), options, use_safetensors=arguments.get("use_safetensors"))


def _pointed_at(call: inspect.BoundArguments, folder: str) -> dict[str, Any]:
    arguments = dict(call.arguments)
    arguments["pretrained_model_name_or_path"] = folder
    if arguments.get("subfolder"):
        arguments["subfolder"] = ""
    if arguments.get("download_kwargs"):
        arguments["download_kwargs"] = {**arguments["download_kwargs"], "subfolder": ""}
    return arguments


def _warn_of_twins(files: Any) -> None:
    for twin in twins(files):
        logging.getLogger("zipnn").warning("%s is not loaded: the file without .znn beside it is", twin)
