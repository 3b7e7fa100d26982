# SPDX-License-Identifier: MIT
"""TensorFlow Lite models, against what the schema's own reader gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.containers.readers.memory import MemorySource, found
from zipnn.containers.readers import read_contents

tflite = pytest.importorskip("tflite")
flatbuffers = pytest.importorskip("flatbuffers")

KINDS = {
    "float32": (0, "F32"),
    "float16": (1, "F16"),
    "int32": (2, "I32"),
    "uint8": (3, "U8"),
    "int64": (4, "I64"),
    "bool": (6, "BOOL"),
    "int16": (7, "I16"),
    "complex64": (8, "C64"),
    "int8": (9, "I8"),
    "float64": (10, "F64"),
    "complex128": (11, "C128"),
    "uint64": (12, "U64"),
    "uint32": (15, "U32"),
    "uint16": (16, "U16"),
}
DTYPES = dict(KINDS.values()) | {18: "BF16"}


def offsets(builder: Any, start: Callable[[Any, int], Any], items: list[int]) -> Any:
    start(builder, len(items))
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return builder.EndVector()


def written(tensors: list[tuple[str, tuple[int, ...], int, bytes]]) -> bytes:
    """A model of one graph; buffer 0 is empty, as always, and a tensor without data uses it."""
    builder = flatbuffers.Builder(1024)
    buffers = []
    for data in [b"", *(data for *_, data in tensors)]:
        content = builder.CreateByteVector(data)
        tflite.BufferStart(builder)
        if data:
            tflite.BufferAddData(builder, content)
        buffers.append(tflite.BufferEnd(builder))
    tables = []
    for index, (name, shape, kind, data) in enumerate(tensors, 1):
        text = builder.CreateString(name)
        extents = builder.CreateNumpyVector(np.array(shape, np.int32))
        tflite.TensorStart(builder)
        tflite.TensorAddShape(builder, extents)
        tflite.TensorAddType(builder, kind)
        tflite.TensorAddBuffer(builder, index if data else 0)
        tflite.TensorAddName(builder, text)
        tables.append(tflite.TensorEnd(builder))
    tensor_list = offsets(builder, tflite.SubGraphStartTensorsVector, tables)
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensor_list)
    graphs = offsets(builder, tflite.ModelStartSubgraphsVector, [tflite.SubGraphEnd(builder)])
    buffer_list = offsets(builder, tflite.ModelStartBuffersVector, buffers)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, buffer_list)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def expected(data: bytes) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    model = tflite.Model.GetRootAs(data, 0)
    tensors = {}
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for tensor in map(graph.Tensors, range(graph.TensorsLength())):
            buffer = model.Buffers(tensor.Buffer())
            if buffer.DataLength() and tensor.Type() in DTYPES:
                shape = tuple(tensor.Shape(axis) for axis in range(tensor.ShapeLength()))
                content = buffer.DataAsNumpy().tobytes()
                tensors[tensor.Name().decode()] = (DTYPES[tensor.Type()], shape, content)
    return tensors


def sample() -> bytes:
    return written([(f"tensor{kind}", (2, 4), kind, bytes(32)) for kind in range(5)])


def test_every_tensor_is_found() -> None:
    generator = np.random.default_rng(5)
    arrays = {kind: (generator.standard_normal((3, 4)) * 9).astype(kind) for kind in KINDS}
    tensors = [(kind, array.shape, KINDS[kind][0], array.tobytes()) for kind, array in arrays.items()]
    tensors += [("scalar", (), 0, b"1234"), ("activation", (1, 5), 0, b""), ("bf16", (2,), 18, b"1234")]
    data = written([*tensors, ("int4", (4,), 17, b"12")])
    contents = read_contents(MemorySource(data))
    assert contents.format == "tflite", contents.note
    assert found(data, contents) == expected(data)
    assert len(contents.tensors) == len(KINDS) + 2


def test_what_has_another_size_than_its_shape_is_typed_without_a_name() -> None:
    data = written([("sparse", (100,), 0, b"12345678")])
    contents = read_contents(MemorySource(data))
    (extent,) = contents.extents
    assert (contents.tensors, extent.dtype) == ((), "F32")
    assert data[extent.offset : extent.offset + extent.size] == b"12345678"


def test_data_behind_the_flatbuffer() -> None:
    """As in models of more than 2 GB: a buffer has an offset in the file, and a size."""
    builder = flatbuffers.Builder(1024)
    text = builder.CreateString("w")
    extents = builder.CreateNumpyVector(np.array([4], np.int32))
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, extents)
    tflite.TensorAddName(builder, text)
    tensors = offsets(builder, tflite.SubGraphStartTensorsVector, [tflite.TensorEnd(builder)])
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensors)
    graphs = offsets(builder, tflite.ModelStartSubgraphsVector, [tflite.SubGraphEnd(builder)])
    tflite.BufferStart(builder)
    tflite.BufferAddOffset(builder, 1000)
    tflite.BufferAddSize(builder, 16)
    buffers = offsets(builder, tflite.ModelStartBuffersVector, [tflite.BufferEnd(builder)])
    tflite.ModelStart(builder)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, buffers)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    content = np.arange(4, dtype=np.float32).tobytes()
    data = bytes(builder.Output()).ljust(1000, b"\0") + content
    assert found(data, read_contents(MemorySource(data))) == {"w": ("F32", (4,), content)}
    assert read_contents(MemorySource(data[:-1])).format == "bytes"


def test_a_real_model(present_model: Callable[[str], bytes]) -> None:
    data = present_model("selfie-segmentation-f16.tflite")
    tensors = found(data, read_contents(MemorySource(data)))
    assert tensors == expected(data)
    assert len(tensors) == 113
