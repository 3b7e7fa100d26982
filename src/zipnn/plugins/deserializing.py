# SPDX-License-Identifier: MIT
"""What takes the place of `safetensors.deserialize`: compressed files that are bytes in memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..arrays.frameworks import NumpyFramework
from ..containers.safetensors import TensorFile
from ..containers.safetensors_header import MAX_HEADER
from ..errors import FormatError
from .budget import BUDGET
from .failures import explained
from .handles import MARKS
from .readers import MemoryReader

_MARKS = tuple(mark.encode() for mark in MARKS)


def decoding(original: Callable[..., Any]) -> Callable[..., Any]:
    """`deserialize` that decodes; it calls `original` for what is not compressed."""

    @functools.wraps(original)
    def deserialize(bytes: Any) -> Any:  # noqa: A002 - safetensors' name
        header = _header(bytes)
        marked = any(mark in header for mark in _MARKS)
        if not marked and b'"__metadata__"' in header:
            return original(bytes)
        try:
            with explained():
                file = TensorFile(MemoryReader(bytes))
        except FormatError:
            if marked:
                raise
            return original(bytes)  # it has its own errors for what is no safetensors file
        return _decoded(file) if file.compressed else original(bytes)

    return deserialize


def _header(data: Any) -> bytes:
    view = memoryview(data)
    return bytes(view[8 : 8 + min(int.from_bytes(view[:8], "little"), MAX_HEADER)])


def _decoded(file: TensorFile) -> list[tuple[str, dict[str, Any]]]:
    framework = NumpyFramework()
    result = []
    for name in file.in_data_order():
        info = file.tensors[name]
        _, data = framework.empty("U8", (info.size,))
        with explained(), BUDGET.threads_for(info.size) as threads:
            file.read_into(name, data, threads)
        result.append((name, {"dtype": info.dtype, "shape": list(info.shape), "data": data}))
    return result
