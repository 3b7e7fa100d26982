# SPDX-License-Identifier: MIT
"""zipnn itself, each level, through its public functions for arrays; and copying memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

import zipnn
from benchmarks.codecs.base import DIRECTIONS, Codec
from zipnn import _core
from zipnn.frames import LEVELS

DTYPES = {
    "BF16": ml_dtypes.bfloat16,
    "F16": np.float16,
    "F32": np.float32,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
}


class Zipnn(Codec):
    """`zipnn.compress` and `zipnn.decompress(frame, out=...)`."""

    threaded = DIRECTIONS
    level: ClassVar[str]

    def source(self, data: np.ndarray) -> Any:
        return data.view(DTYPES[self.dtype])

    def compress(self, source: Any) -> Any:
        return zipnn.compress(source, level=self.level, threads=self.threads)

    def decompress(self, frame: Any, out: np.ndarray | None) -> Any:
        return zipnn.decompress(frame, out=out, threads=self.threads)

    def content(self, result: Any) -> np.ndarray:
        return result.view(np.uint8)


class Memcpy(Codec):
    """`numpy.copyto`, in as many parts as threads: the measure of what only moves bytes."""

    name = "memcpy"
    threaded = DIRECTIONS

    def __init__(self, dtype: str, threads: int) -> None:
        super().__init__(dtype, threads)
        self.pool = ThreadPoolExecutor(threads)

    def compress(self, source: Any) -> Any:
        return self.decompress(source, None)

    def decompress(self, frame: Any, out: np.ndarray | None) -> Any:
        result = np.empty_like(frame) if out is None else out
        if self.threads == 1:
            np.copyto(result, frame)
        else:
            parts = zip(
                np.array_split(result, self.threads), np.array_split(frame, self.threads), strict=True
            )
            list(self.pool.map(lambda part: np.copyto(*part), parts))
        return result


def codecs() -> list[type[Codec]]:
    """memcpy, and one codec for each level that this zipnn has."""
    levels = [
        type(f"Zipnn_{level}", (Zipnn,), {"name": f"zipnn {level}", "level": level}) for level in LEVELS
    ]
    return [Memcpy, *levels]


def versions() -> dict[str, str]:
    """What is measured, and the kernels that it chose on this machine."""
    return {"zipnn": zipnn.__version__, "kernels": _core.simd(), "numpy": np.__version__}
