# SPDX-License-Identifier: MIT
"""Bytes of arrays as frames that give bytes back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import named
from ..frames import write_frame


def frame_of(data: np.ndarray[Any, np.dtype[np.uint8]], dtype: str, level: str) -> bytes:
    """The frame of `data`, coded as elements of `dtype` if they are whole ones."""
    width = max(1, named(dtype).bits // 8)
    if data.size % width:
        dtype, width = "U8", 1
    return write_frame(data.data, dtype=dtype, shape=(data.size // width,), level=level)
