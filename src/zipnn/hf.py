# SPDX-License-Identifier: MIT
"""What one does with models of the Hugging Face libraries: `zipnn.hf.save_pretrained(model, folder)`."""

from __future__ import annotations

import os
from typing import Any

from .plugins.saving import compress_on_save

__all__ = ["save_pretrained"]


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
