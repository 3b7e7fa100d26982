# SPDX-License-Identifier: MIT
"""A codec for zarr 3, found by its name `zipnn`."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import numpy as np
from zarr.abc.codec import BytesBytesCodec
from zarr.core.common import parse_named_configuration

from ..arrays.dtype_names import of_any
from ..arrays.tensors import decompress
from .frame_bytes import frame_of


@dataclasses.dataclass(frozen=True)
class ZipnnCodec(BytesBytesCodec):  # type: ignore[misc]
    """Compresses the bytes of chunks as elements of the array's dtype.

    Args:
        level: fast, default or max.
        dtype: of the elements; None for the array's.
    """

    is_fixed_size = False
    level: str = "default"
    dtype: str | None = None

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ZipnnCodec:
        """From an array's metadata."""
        _, configuration = parse_named_configuration(data, "zipnn", require_configuration=False)
        return cls(**(configuration or {}))

    def to_dict(self) -> dict[str, Any]:
        """For an array's metadata."""
        configuration = {"level": self.level, **({"dtype": self.dtype} if self.dtype else {})}
        return {"name": "zipnn", "configuration": configuration}

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """Not known beforehand."""
        raise NotImplementedError

    async def _encode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        name = of_any(self.dtype or chunk_spec.dtype.to_native_dtype())
        data = np.ascontiguousarray(chunk_bytes.as_numpy_array()).view(np.uint8)
        frame = await asyncio.to_thread(frame_of, data, name, self.level)
        return chunk_spec.prototype.buffer.from_bytes(frame)

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        data = await asyncio.to_thread(decompress, chunk_bytes.to_bytes())
        return chunk_spec.prototype.buffer.from_bytes(data)
