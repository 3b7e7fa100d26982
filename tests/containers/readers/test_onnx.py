# SPDX-License-Identifier: MIT
"""ONNX models, against what the onnx package reads from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.containers.readers.memory import MemorySource, found
from zipnn.containers.readers import read_contents
from zipnn.containers.readers.onnx import external_data
from zipnn.errors import FormatError
from zipnn.storage.filereader import FileReader

onnx = pytest.importorskip("onnx")
helper = pytest.importorskip("onnx.helper")
numpy_helper = pytest.importorskip("onnx.numpy_helper")
external = pytest.importorskip("onnx.external_data_helper")

Tensors = dict[str, tuple[str, tuple[int, ...], bytes]]


def all_tensors(message: Any) -> Iterator[Any]:
    """Every TensorProto anywhere in a message."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for descriptor, value in message.ListFields():
        if descriptor.type == descriptor.TYPE_MESSAGE:
            values = [value] if hasattr(value, "ListFields") else value
            for child in values:
                yield from all_tensors(child)


def packed(tensor: Any) -> bytes | None:
    """The bytes of a tensor that are in the file as they are in memory."""
    if tensor.HasField("raw_data"):
        return bytes(tensor.raw_data)
    if tensor.float_data:
        return np.array(tensor.float_data, np.float32).tobytes()
    return np.array(tensor.double_data).tobytes() if tensor.double_data else None


def check(data: bytes) -> Tensors:
    contents = read_contents(MemorySource(data))
    assert contents.format == "onnx", contents.note
    tensors = found(data, contents)
    expected = [
        (tuple(tensor.dims), bytes_)
        for tensor in all_tensors(onnx.load_from_string(data))
        if (bytes_ := packed(tensor)) is not None and tensor.data_type != onnx.TensorProto.STRING
    ]
    assert sorted(value[1:] for value in tensors.values()) == sorted(expected)
    return tensors


def value(name: str) -> Any:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)


def graph(name: str, nodes: list[Any], initializers: list[Any], **more: Any) -> Any:
    return helper.make_graph(nodes, name, [], [value("y")], initializers, **more)


def arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    kinds = (
        "float32 float64 float16 int8 uint8 int16 uint16 int32 uint32 int64 uint64 bool complex64 complex128"
    )
    return {kind: (generator.standard_normal((3, 5)) * 9).astype(kind) for kind in kinds.split()}


def model() -> Any:
    """A model with tensors in every place that can have some."""
    raw = [numpy_helper.from_array(array, name) for name, array in arrays().items()]
    lists = [
        helper.make_tensor("floats", onnx.TensorProto.FLOAT, (2, 2), [1.0, 2.0, 3.0, 4.0]),
        helper.make_tensor("doubles", onnx.TensorProto.DOUBLE, (3,), [1.0, 2.0, 3.0]),
        helper.make_tensor("complexes", onnx.TensorProto.COMPLEX64, (2,), [1 + 2j, 3 - 4j]),
        helper.make_tensor("integers", onnx.TensorProto.INT32, (3,), [1, -2, 3]),
        helper.make_tensor("strings", onnx.TensorProto.STRING, (1,), [b"text"]),
    ]
    special = [
        onnx.TensorProto(name=name, data_type=getattr(onnx.TensorProto, name), dims=[5], raw_data=data)
        for name, data in [
            ("BFLOAT16", b"0123456789"),
            ("FLOAT8E4M3FN", b"01234"),
            ("FLOAT8E5M2", b"01234"),
            ("INT4", b"012"),
            ("UINT4", b"012"),
        ]
    ]
    inner = graph("inner", [], [numpy_helper.from_array(np.arange(4.0), "same_name")])
    branch = graph(
        "branch",
        [helper.make_node("If", ["c"], ["y"], name="deep", then_branch=inner, else_branch=inner)],
        [numpy_helper.from_array(np.arange(3.0), "same_name")],
    )
    nodes = [
        helper.make_node("If", ["c"], ["y"], name="choice", then_branch=branch, else_branch=inner),
        helper.make_node("Constant", [], ["constant"], value=numpy_helper.from_array(np.arange(7.0))),
    ]
    sparse = onnx.SparseTensorProto(
        values=numpy_helper.from_array(np.array([1.5, 2.5], np.float32), "sparse"),
        indices=numpy_helper.from_array(np.array([3, 5])),
        dims=[10],
    )
    whole = graph("whole", nodes, raw + lists + special, sparse_initializer=[sparse])
    function = helper.make_function("local", "f", [], ["y"], nodes[1:], [helper.make_opsetid("", 20)])
    return helper.make_model(whole, functions=[function])


def sample() -> bytes:
    return bytes(model().SerializeToString())


def test_every_tensor_is_found() -> None:
    tensors = check(model().SerializeToString())
    for name, array in arrays().items():
        assert tensors[name][1:] == (array.shape, array.tobytes())
    assert tensors["INT4"][0] == "I4"
    assert tensors["BFLOAT16"][0] == "BF16"
    assert {"choice/then_branch/same_name", "choice/then_branch/deep/else_branch/same_name"} <= set(tensors)
    assert {"constant", "f/constant", "sparse.values"} <= set(tensors)


def test_data_in_another_file(tmp_path: Path) -> None:
    whole = helper.make_model(
        graph("g", [], [numpy_helper.from_array(array, name) for name, array in arrays().items()])
    )
    onnx.save_model(
        whole, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0
    )
    data = (tmp_path / "m.data").read_bytes()
    with FileReader(tmp_path / "m.onnx") as source:
        assert read_contents(source).tensors == ()
        outside = external_data(source)
    assert {location for location, _ in outside} == {"m.data"}
    actual = {tensor.name: data[tensor.offset : tensor.offset + tensor.size] for _, tensor in outside}
    assert actual == {name: array.tobytes() for name, array in arrays().items()}


@pytest.mark.parametrize(
    ("length", "expected"),
    [("12", 12), ("", 12), ("nonsense", 12), ("-1", 12), ("11", None), ("1" * 19, None)],
)
def test_what_a_model_says_of_another_file(length: str, expected: int | None) -> None:
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[3], data_location=1)
    for key, text in (("location", "a/b.bin"), ("offset", "64"), ("length", length), ("checksum", "1")):
        tensor.external_data.add(key=key, value=text)
    source = MemorySource(helper.make_model(graph("g", [], [tensor])).SerializeToString())
    if expected is None:
        with pytest.raises(FormatError, match="tensor w"):
            external_data(source)
    else:
        ((location, found_tensor),) = external_data(source)
        assert (location, found_tensor.offset, found_tensor.size) == ("a/b.bin", 64, expected)


@pytest.mark.parametrize("data", [b"", b"\x08", b"\x08\x07", b"\x08\x08" * 50, b"\x3a\x00", bytes(100)])
def test_what_is_not_a_model_is_bytes(data: bytes) -> None:
    assert read_contents(MemorySource(data)).format == "bytes"
    assert external_data(MemorySource(data)) == []


def test_a_graph_in_a_graph_in_a_graph_is_bytes() -> None:
    deep = graph("g", [], [])
    for _ in range(30):
        deep = graph("g", [helper.make_node("If", ["c"], ["y"], then_branch=deep)], [])
    contents = read_contents(MemorySource(helper.make_model(deep).SerializeToString()))
    assert contents.format == "bytes"
    assert "deep" in contents.note


@pytest.mark.parametrize("name", ["silero-vad-f32.onnx", "minilm-l6-int8.onnx"])
def test_real_models(name: str, present_model: Callable[[str], bytes]) -> None:
    check(present_model(name))
