# SPDX-License-Identifier: MIT
"""What child processes of the tests run: a module that they can import."""

from __future__ import annotations

from typing import Any


def dtype_in_child(path: str, queue: Any) -> None:
    """Put the dtype under which the first tensor of the file loads."""
    from safetensors.numpy import load_file

    queue.put(str(next(iter(load_file(path).values())).dtype))
