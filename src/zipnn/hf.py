# SPDX-License-Identifier: MIT
"""What one does with models of the Hugging Face libraries: `zipnn.hf.save_pretrained(model, folder)`."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from .plugins.saving import compress_on_save

if TYPE_CHECKING:
    from .plugins.quantizer import ZipnnConfig

__all__ = ["ZipnnConfig", "save_pretrained"]


def save_pretrained(
    model: Any, save_directory: str | os.PathLike[str], *args: Any, level: str = "default", **options: Any
) -> Any:
    """`model.save_pretrained(save_directory, ...)`, and its safetensors files are compressed.

    Names, shards and indexes are those that it always writes. What has no weights, such as a tokenizer,
    is saved as ever.

    Args:
        model: whatever has `save_pretrained`: of transformers, diffusers, peft, sentence-transformers, ...
        save_directory: the folder.
        level: fast, default or max.
        args, options: those of its `save_pretrained`: `max_shard_size`, `push_to_hub`, ... Files that it
            pushes are the compressed ones.

    Returns:
        What its `save_pretrained` gives.
    """
    with compress_on_save(level):
        return model.save_pretrained(save_directory, *args, **options)


def __getattr__(name: str) -> Any:
    if name == "ZipnnConfig":  # what it needs takes seconds to import
        return importlib.import_module("zipnn.plugins.quantizer").ZipnnConfig
    raise AttributeError(f"module 'zipnn.hf' has no attribute {name!r}")
