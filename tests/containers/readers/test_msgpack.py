# SPDX-License-Identifier: MIT
"""Flax's and msgpack-numpy's files, against what the msgpack package reads from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.containers.readers.memory import MemorySource, found
from zipnn import dtypes
from zipnn.containers.readers import read_contents

msgpack = pytest.importorskip("msgpack")

Arrays = dict[str, "np.ndarray[Any, Any]"]


def packed_array(value: Any) -> Any:
    """As Flax packs arrays, whose documentation says: (shape, dtype's name, bytes in C order)."""
    if isinstance(value, np.ndarray | np.generic):
        content = (value.shape, value.dtype.name, value.tobytes())
        return msgpack.ExtType(3 if isinstance(value, np.generic) else 1, msgpack.packb(content))
    raise TypeError(value)


def packed(value: Any) -> bytes:
    return bytes(msgpack.packb(value, default=packed_array, strict_types=True))


def unpacked_array(code: int, data: bytes) -> Any:
    shape, name, content = msgpack.unpackb(data)
    return np.frombuffer(content, name if name != "bfloat16" else ml_dtypes.bfloat16).reshape(shape)


def arrays_in(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(value, np.ndarray):
        yield ".".join(path), value
    elif isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from arrays_in(child, (*path, str(key)))


def expected(array: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    return dtypes.BY_NUMPY[array.dtype.name].name, array.shape, array.tobytes()


def check(data: bytes) -> None:
    contents = read_contents(MemorySource(data))
    assert contents.format == "msgpack", contents.note
    root = msgpack.unpackb(data, ext_hook=unpacked_array, strict_map_key=False)
    arrays = {name: expected(array) for name, array in arrays_in(root) if array.size}
    assert found(data, contents) == arrays
    assert arrays


def sample() -> bytes:
    return packed({"params": {"w": np.zeros((3, 4)), "b": np.zeros(5, np.float16)}, "step": [1, None, 2.5]})


def test_every_dtype_and_shape() -> None:
    generator = np.random.default_rng(2)
    values = {
        name: (generator.standard_normal((3, 4)) * 5).astype(dtype.numpy)
        for name, dtype in dtypes.BY_NAME.items()
        if dtype.numpy and not name.startswith("F8") and name != "BF16"
    }
    values["BF16"] = generator.standard_normal((3, 4)).astype(ml_dtypes.bfloat16)
    params = {
        "params": {"dense": values, "empty": np.zeros((0, 3)), "long": np.zeros((300, 300))},
        "step": 7,
        "scalar": np.float32(2.5),
        "zero_dimensions": np.array(1.5),
        "list": [
            np.arange(3),
            {"x": np.arange(4)},
            None,
            True,
            -5,
            1 << 40,
            -(1 << 40),
            1.5,
            "text",
            b"bytes",
        ],
        "many": {str(index): index for index in range(70_000)},
    }
    check(packed(params))


def test_chunks_of_a_large_array_are_found() -> None:
    whole = np.arange(10.0)
    chunks = {str(index): whole[5 * index :][:5] for index in range(2)}
    chunked = {"__msgpack_chunked_array__": True, "shape": {"0": 10}, "chunks": chunks}
    check(packed({"params": {"w": chunked}}))


def test_maps_in_maps_in_maps_are_bytes() -> None:
    deep: object = None
    for _ in range(150):
        deep = {"a": deep}
    contents = read_contents(MemorySource(packed({"w": np.arange(3), "deep": deep})))
    assert contents.format == "bytes"
    assert "inside of each other" in contents.note


def test_msgpack_numpy() -> None:
    array = np.arange(6, dtype=">f4").reshape(2, 3)
    entry = {b"nd": True, b"type": array.dtype.str, b"kind": b"", b"shape": (2, 3), b"data": array.tobytes()}
    expected = ("F32", (2, 3), array.astype("<f4").tobytes())
    data = msgpack.packb({"model": [entry, {"b": entry | {b"type": "<V4"}}]})
    assert found(data, read_contents(MemorySource(data))) == {"model.0": expected}
    data = msgpack.packb(entry)
    assert found(data, read_contents(MemorySource(data))) == {"array": expected}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x80\x80",
        b"\x81\xa1a",
        b"\x81" * 1000,
        b"\xdf\xff\xff\xff\xff" * 10,
        msgpack.packb({"a": 1}),
        msgpack.packb({"a": msgpack.ExtType(1, b"nonsense")}),
        msgpack.packb({"a": msgpack.ExtType(1, msgpack.packb(((1,), "int8", b"x")) + b"more")}),
        packed({"a": np.arange(3)}) + b"more",
        packed({"a": np.arange(3)})[:-1],
        packed({"a": np.arange(3).astype("M8[s]")}),
    ],
)
def test_others_are_bytes(data: bytes) -> None:
    assert read_contents(MemorySource(data)).format == "bytes"


@pytest.mark.parametrize("name", ["dncnn17l-f32.mpk", "dncnn17m-f32.mpk"])
def test_real_models(name: str, present_model: Callable[[str], bytes]) -> None:
    check(present_model(name))
