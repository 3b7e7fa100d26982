# SPDX-License-Identifier: MIT
"""`zipnn_safetensors`, `zipnn_hf`, `zipnn_unhook`: what users call once, before they load models."""

from __future__ import annotations

import functools

from . import offloading, safetensors, transformers
from .importing import forget, when_imported
from .processes import hook_children, unhook_children


def zipnn_safetensors() -> None:
    """Make safetensors, and all that loads through it, read compressed files as if they were not.

    It does not matter what was imported before, and calling it again does nothing. Child processes of
    multiprocessing do the same. Without safetensors it waits until that is imported.
    """
    when_imported("safetensors", safetensors.install)
    when_imported("accelerate.utils.offload", offloading.install)
    hook_children(zipnn_safetensors)


def zipnn_hf(replace_local_file: bool = False) -> None:
    """`zipnn_safetensors`, and transformers finds models whose files have the names of zipnn 0.5.

    These are `model.safetensors.znn`, `model.znn.safetensors`, their shards and `pytorch_model.bin.znn`,
    in folders and in the cache of the Hugging Face Hub.

    Args:
        replace_local_file: put the restored file in the place of one with such a name, so that it is
            decoded once and for all; False leaves folders and cache as they are.
    """
    zipnn_safetensors()
    transformers.configure(replace_local_file)
    when_imported("transformers.modeling_utils", transformers.install)
    hook_children(functools.partial(zipnn_hf, replace_local_file))


def zipnn_unhook() -> None:
    """Undo `zipnn_safetensors` and `zipnn_hf`. What is loaded stays."""
    for action in (safetensors.install, offloading.install, transformers.install):
        forget(action)
    unhook_children()
    offloading.uninstall()
    transformers.uninstall()
    safetensors.uninstall()
