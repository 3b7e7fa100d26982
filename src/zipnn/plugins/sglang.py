# SPDX-License-Identifier: MIT
"""What SGLang calls in each of its processes: the hooks. Its load format stays `auto`."""

from __future__ import annotations

from types import ModuleType

from . import bypassing
from .hooks import zipnn_safetensors
from .importing import when_imported

_READERS = "sglang.srt.model_loader.weight_utils"


def register() -> None:
    """Install the hooks. May be called again."""
    zipnn_safetensors()
    when_imported(_READERS, _guard_iterators)


def _guard_iterators(module: ModuleType) -> None:
    """Let the readers that do not go through safetensors refuse compressed files."""
    for name in list(vars(module)):
        if name.endswith("_weights_iterator") and name.startswith(bypassing.READERS):
            bypassing.guard(module, name, "SGLang: use --load-format auto")
