# SPDX-License-Identifier: MIT
"""A word about models that accelerate leaves on the disk: it reads their weights anew for each use."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..containers.safetensors import TensorFile
from ..errors import ZipnnError
from ..storage.filereader import FileReader

_lock = threading.Lock()
_hooked: tuple[type, Callable[..., None]] | None = None


def install(module: ModuleType) -> None:
    """Warn when weights are offloaded to compressed files. Again does nothing.

    Args:
        module: `accelerate.utils.offload`.
    """
    global _hooked  # noqa: PLW0603 - there is one accelerate
    kind = module.OffloadedWeightsLoader
    with _lock:
        if _hooked is None:
            _hooked = (kind, kind.__init__)
            kind.__init__ = _warning(kind.__init__)


def uninstall() -> None:
    """Give accelerate its method back."""
    global _hooked  # noqa: PLW0603
    with _lock:
        if _hooked is not None:
            _hooked[0].__init__ = _hooked[1]  # type: ignore[misc]
        _hooked = None


def _warning(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **options: Any) -> None:  # noqa: N807
        original(self, *args, **options)
        entries = getattr(self, "index", None) or {}
        found = {entry.get("safetensors_file") for entry in entries.values() if isinstance(entry, dict)}
        files: list[str] = sorted(file for file in found if file is not None)
        compressed = next((file for file in files if _is_compressed(file)), None)
        if compressed is not None:
            logging.getLogger("zipnn").warning(
                "%s is compressed, and weights are offloaded to it: each is decoded again whenever it is "
                "used; zipnn decompress makes that faster",
                compressed,
            )

    return __init__


def _is_compressed(path: str) -> bool:
    try:
        with TensorFile(FileReader(path)) as file:
            return file.compressed
    except (ZipnnError, OSError):
        return False  # whoever opens it will say why
