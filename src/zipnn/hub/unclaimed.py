# SPDX-License-Identifier: MIT
"""What no model refers to in the store that they share: a kill between two steps can leave it."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from .layout import cache_folder, hub


def unclaimed_payloads(cache_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """Files of the shared store that no blob of the cache is a link to.

    Raises:
        ZipnnError: there is no cache.
        MissingDependencyError: huggingface_hub is not installed.
    """
    cache = cache_folder(cache_dir)
    payloads = [path for path in sorted(cache.glob("blobs/??/*")) if re.fullmatch("[0-9a-f]{64}", path.name)]
    if not payloads:
        return []
    claimed = set(_claimed(cache))
    return [path for path in payloads if os.path.realpath(path) not in claimed]


def _claimed(cache: Path) -> Iterator[str]:
    for blob in cache.glob("*--*/blobs/*"):
        if blob.is_symlink():
            yield os.path.realpath(blob)


def sweep(payload: Path, cache: Path) -> int:
    """Let huggingface_hub remove a payload that no model refers to any more; gives the bytes that are free.

    It looks for itself whether that is so. 0 where it is not, or it cannot.
    """
    with contextlib.suppress(Exception):  # not a public interface: it may be another, or gone
        shared = importlib.import_module(f"{hub().__name__}.utils._shared_blobs")
        return int(shared.sweep_shared_blob(payload, cache_dir=cache))
    return 0
