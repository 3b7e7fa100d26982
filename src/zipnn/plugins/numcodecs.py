# SPDX-License-Identifier: MIT
"""A codec for numcodecs and zarr 2, found by its name `zipnn`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_contiguous_ndarray_like, ndarray_copy

from ..arrays.dtype_names import of_any
from ..arrays.tensors import decompress
from .frame_bytes import frame_of


class Zipnn(Codec):  # type: ignore[misc]
    """Compresses the elements of arrays.

    Args:
        level: fast, default or max.
        dtype: of the elements where the array does not say it (bytes): a name such as `bfloat16`.
    """

    codec_id = "zipnn"

    def __init__(self, level: str = "default", dtype: str | None = None) -> None:
        self.level = level
        self.dtype = dtype

    def encode(self, buf: Any) -> bytes:
        """The frame of an array or buffer."""
        array = ensure_contiguous_ndarray_like(buf)
        name = of_any(self.dtype or array.dtype)
        return frame_of(np.asarray(array).reshape(-1).view(np.uint8), name, self.level)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """The bytes that were encoded."""
        data = decompress(ensure_contiguous_ndarray_like(buf).view(np.uint8).tobytes())
        return ndarray_copy(np.frombuffer(data, np.uint8), out) if out is not None else data
