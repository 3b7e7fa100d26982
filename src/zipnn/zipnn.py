# SPDX-License-Identifier: MIT
"""Where zipnn 0.5 had its class and plugins; see `compat`.

Modules of this and its neighbours' names (`util_header`, `util_torch`, `util_safetensors`, `util_patch`) are
imported by programs written for it. They hold no code of their own.
"""

from __future__ import annotations

from typing import Any

from .compat.classic import ZipNN
from .compat.old_helpers import SafeOpen, decompress_safetensors_tensor, replace_in_file

__all__ = [
    "SafeOpen",
    "ZipNN",
    "decompress_safetensors_tensor",
    "replace_in_file",
]


def __getattr__(name: str) -> Any:
    if name in ("zipnn_hf", "zipnn_safetensors"):
        import zipnn

        return getattr(zipnn, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
