# SPDX-License-Identifier: MIT
"""Files in memory, and the bytes of the tensors that a reader found in them."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from zipnn import dtypes
from zipnn.containers.contents import Contents, StoredTensor
from zipnn.errors import CorruptError


class MemorySource:
    """A `Source` that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.path = Path("in-memory")
        self.size = len(data)
        self.bytes_read = 0
        self._data = data

    def read(self, offset: int, size: int) -> memoryview:
        if offset < 0 or size < 0 or offset + size > self.size:
            raise CorruptError(f"bytes {offset} to {offset + size} of {self.size}")
        self.bytes_read += size
        return memoryview(self._data)[offset : offset + size]


def tensor_bytes(data: bytes, contents: Contents, tensor: StoredTensor) -> bytes:
    """A tensor's elements, little-endian and in C order, by NumPy."""
    if tensor.member is not None:
        member = contents.deflated[tensor.member]
        data = zlib.decompress(data[member.offset : member.offset + member.size], -15)
    data = data[tensor.offset : tensor.offset + tensor.size]
    bits = dtypes.named(tensor.dtype).bits
    if bits % 8:
        assert tensor.strides is None
        return data
    width = bits // 8
    if tensor.strides is not None:
        elements = np.frombuffer(data, f"V{width}")
        strides = [stride * width for stride in tensor.strides]
        data = np.lib.stride_tricks.as_strided(elements, tensor.shape, strides).tobytes()
    if tensor.big_endian:
        part = width // 2 if tensor.dtype.startswith("C") else width
        data = np.frombuffer(data, f"V{part}").view((np.uint8, part))[:, ::-1].tobytes()
    return data


def found(data: bytes, contents: Contents) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Dtype, shape and bytes of every tensor by name."""
    return {
        tensor.name: (tensor.dtype, tensor.shape, tensor_bytes(data, contents, tensor))
        for tensor in contents.tensors
    }
