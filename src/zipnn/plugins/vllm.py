# SPDX-License-Identifier: MIT
"""What vLLM calls in each of its processes: the hooks, and a load format of the name zipnn."""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Any

from . import bypassing
from .hooks import zipnn_safetensors
from .importing import when_imported

_LOADERS = "vllm.model_executor.model_loader"
_FORMAT = "zipnn"


def register() -> None:
    """Install the hooks, and add to vLLM what is ours once it is imported. May be called again."""
    zipnn_safetensors()
    when_imported(_LOADERS, _add_format)
    when_imported(f"{_LOADERS}.weight_utils", _guard_iterators)


def _add_format(module: ModuleType) -> None:
    """`--load-format zipnn`, which reads as `safetensors` does. vLLM's `auto` works as well."""
    if _FORMAT in getattr(module, "_LOAD_FORMAT_TO_MODEL_LOADER", {}) or hasattr(module, "_zipnn_loader"):
        return
    from vllm.model_executor.model_loader.default_loader import DefaultModelLoader

    @module.register_model_loader(_FORMAT)  # type: ignore[untyped-decorator,unused-ignore]
    class ZipnnLoader(DefaultModelLoader):  # type: ignore[misc]
        def __init__(self, load_config: Any) -> None:
            super().__init__(dataclasses.replace(load_config, load_format="safetensors"))

    module._zipnn_loader = ZipnnLoader  # type: ignore[attr-defined]


def _guard_iterators(module: ModuleType) -> None:
    """Let the readers that do not go through safetensors refuse compressed files."""
    for name in list(vars(module)):
        if name.endswith("_weights_iterator") and name.startswith(bypassing.READERS):
            bypassing.guard(module, name, "vLLM: use --load-format auto")
