# SPDX-License-Identifier: MIT
"""CTranslate2's models, against a writer that follows the package's description of the format."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest

from tests.containers.readers.memory import MemorySource, found
from zipnn.containers.readers import read_contents

KINDS = {
    "float32": (0, "F32"),
    "int8": (1, "I8"),
    "int16": (2, "I16"),
    "int32": (3, "I32"),
    "float16": (4, "F16"),
}


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def written(arrays: dict[str, np.ndarray], aliases: dict[str, str], version: int = 6) -> bytes:
    parts = [struct.pack("<I", version), text("WhisperSpec"), struct.pack("<2I", 3, len(arrays))]
    for name, array in arrays.items():
        parts += [text(name), struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)]
        parts += [struct.pack("<BI", KINDS[array.dtype.name][0], array.nbytes), array.tobytes()]
    parts.append(struct.pack("<I", len(aliases)))
    parts += [text(part) for pair in aliases.items() for part in pair]
    return b"".join(parts)


def arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(4)
    found = {f"layer/{kind}": (generator.standard_normal((3, 5)) * 9).astype(kind) for kind in KINDS}
    return found | {"scalar": np.array(1.5, np.float32), "empty": np.zeros((0, 4), np.float16)}


def sample() -> bytes:
    return written(arrays(), {"tied": "layer/float16"})


@pytest.mark.parametrize("version", [4, 5, 6])
def test_every_variable_is_found(version: int) -> None:
    data = written(arrays(), {"tied": "layer/float16", "dangling": "nothing"}, version)
    expected = {
        name: (KINDS[array.dtype.name][1], array.shape, array.tobytes()) for name, array in arrays().items()
    }
    assert found(data, read_contents(MemorySource(data))) == expected | {"tied": expected["layer/float16"]}


def test_bfloat16() -> None:
    data = written({"w": np.arange(5, dtype=np.float16)}, {}).replace(b"\x04\x0a\0\0\0", b"\x05\x0a\0\0\0")
    (tensor,) = read_contents(MemorySource(data)).tensors
    assert tensor.dtype == "BF16"


def test_others_are_bytes() -> None:
    data = written(arrays(), {})
    for other in (data[:-1], data + b"x", b"\x07" + data[1:], b"\x06\0\0\0"):
        assert read_contents(MemorySource(other)).format == "bytes"


def test_a_real_model(present_model: Callable[[str], bytes]) -> None:
    """The file is used up exactly, so every size is right; the names are those of the program."""
    data = present_model("whisper-tiny-en-f16.ct2.bin")
    contents = read_contents(MemorySource(data))
    tensors = {tensor.name: tensor for tensor in contents.tensors}
    assert tensors["decoder/embeddings/weight"].shape == (51864, 384)
    assert tensors["decoder/embeddings/weight"].offset == tensors["decoder/projection/weight"].offset
    bias = tensors["encoder/layer_norm/gamma"]
    values = np.frombuffer(data[bias.offset : bias.offset + bias.size], np.float16)
    assert 0 < np.abs(values).mean() < 10
    places = {tensor.offset: tensor.size for tensor in contents.tensors}
    assert sum(places.values()) > 0.999 * len(data)
