# SPDX-License-Identifier: MIT
"""Where zipnn keeps what it can make again, beside the caches of the Hugging Face libraries."""

from __future__ import annotations

import os
from pathlib import Path


def own_folder(name: str) -> Path:
    """The folder of that name under `$HF_HOME/zipnn`; it may not be there yet."""
    base = os.environ.get("HF_HOME") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface"
    )
    return Path(base, "zipnn", name)
