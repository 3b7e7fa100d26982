# SPDX-License-Identifier: MIT
"""Core ML's weight files, against a writer that follows the comments in coremltools' header files."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest

from tests.containers.readers.memory import MemorySource, found
from zipnn.containers.readers import read_contents

KINDS = {
    "float16": (1, "F16"),
    "float32": (2, "F32"),
    "uint8": (3, "U8"),
    "int8": (4, "I8"),
    "int16": (6, "I16"),
    "uint16": (7, "U16"),
    "int32": (14, "I32"),
    "uint32": (15, "U32"),
}


def aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % 64)


def written(blobs: list[tuple[int, bytes]]) -> bytes:
    file = aligned(struct.pack("<2L", len(blobs), 2))
    for kind, data in blobs:
        file = aligned(file)
        file += aligned(struct.pack("<2L2Q", 0xDEADBEEF, kind, len(data), len(file) + 64)) + data
    return file


def sample() -> bytes:
    return written([(kind, bytes(100)) for kind in range(1, 18)])


def test_every_blob_is_found() -> None:
    arrays = {kind: np.arange(1, 30).astype(kind) for kind in KINDS}
    blobs = [(KINDS[kind][0], array.tobytes()) for kind, array in arrays.items()]
    data = written([*blobs, (5, b"bf16"), (8, b"four-bit numbers"), (16, b"fp8")])
    contents = read_contents(MemorySource(data))
    assert contents.format == "coreml"
    expected = [(KINDS[kind][1], (29,), array.tobytes()) for kind, array in arrays.items()]
    expected += [("BF16", (2,), b"bf16"), ("F8_E4M3", (3,), b"fp8")]
    assert list(found(data, contents).values()) == expected
    (extent,) = contents.extents
    assert data[extent.offset : extent.offset + extent.size] == b"four-bit numbers"


@pytest.mark.parametrize("data", [b"", bytes(128), written([])[:64], written([(2, b"1234")])[:100]])
def test_others_are_bytes(data: bytes) -> None:
    assert read_contents(MemorySource(data)).format == "bytes"


def test_a_real_model(present_model: Callable[[str], bytes]) -> None:
    data = present_model("basic-pitch-f32.coreml.bin")
    contents = read_contents(MemorySource(data))
    assert len(contents.tensors) == struct.unpack_from("<L", data)[0] == 21
    for tensor in contents.tensors:
        values = np.frombuffer(data[tensor.offset : tensor.offset + tensor.size], np.float32)
        assert tensor.dtype == "F32"
        assert np.abs(values).max() < 1e3
    assert sum(tensor.size for tensor in contents.tensors) > 0.98 * len(data)
