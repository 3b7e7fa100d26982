# SPDX-License-Identifier: MIT
"""Files made to cost memory or time: bombs, absurd numbers, endless nesting. They cost nothing."""

from __future__ import annotations

import io
import pickle
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from tests.containers.readers.memory import MemorySource
from tests.containers.readers.test_ctranslate2 import text
from zipnn.containers.contents import Contents
from zipnn.containers.readers import read_contents

PICKLES = {
    "deep lists": b"(" * 50_000 + b"l" * 50_000,
    "deep tuples": b")" + b"\x85" * 100_000,
    "deep dicts": b"}" + b"K\x01}" * 60_000 + b"s" * 60_000,
    "a billion laughs": b"(K\x01K\x01tq\0" + b"0h\0h\0\x86q\0" * 5_000 + b"h\0",
    "a list in itself": b"]q\0" + b"h\0a" * 10_000,
    "a huge number": b"\x8b" + struct.pack("<l", 200_000) + b"\x7f" * 200_000,
    "a huge text number": b"I" + b"9" * 200_000 + b"\n",
    "a huge memo": b"K\x01" + b"".join(b"r" + struct.pack("<L", n * 7919) for n in range(5_000)),
    "a huge string": b"X" + struct.pack("<L", 0xFFFFFFF0) + b"x",
    "a bytearray of 2^60": b"\x96" + struct.pack("<Q", 1 << 60),
    "long names": b"}X" + struct.pack("<L", 100_000) + b"k" * 100_000 + b"]" + b"K\x01a" * 5_000 + b"s",
    "many opcodes": b"N" + b"0N" * 200_000,
    "marks": b"(" * 20_000,
    "os._exit": b"cos\n_exit\n(K\x01tR",
    "eval": b"\x8c\x08builtins\x8c\x04eval\x93\x8c\x031/0\x85R",
    "no memo": b"h\0",
    "an empty stack": b"0",
}


def tensor(shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> bytes:
    """Opcodes that make a tensor in the storage `0` of 4 elements."""
    numbers = [pickle.dumps(value, 2)[2:-1] for value in (offset, shape, strides)]
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"".join(numbers) + b"\x89}tR"


TENSORS = {
    "beyond": tensor((5,), (1,)),
    "offset": tensor((1,), (1,), 4),
    "huge offset": tensor((1,), (1,), 1 << 62),
    "huge shape": tensor((1 << 62, 1 << 62, 1 << 62), (1, 1, 1)),
    "huge strides": tensor((2, 2), (1 << 62, 1 << 62)),
    "negative": tensor((2,), (-1,), 3),
    "dimensions": tensor((1,) * 100, (1,) * 100),
    "strides": tensor((2, 2), (1,)),
}


def checkpoint(program: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("m/data.pkl", b"\x80\x02" + program + b".")
        archive.writestr("m/data/0", np.arange(4, dtype=np.float32).tobytes())
    return file.getvalue()


def legacy(program: bytes) -> bytes:
    head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    return b"".join([*head, b"\x80\x02", program, b".", pickle.dumps([], 2)])


def read(data: bytes, allowed: int = 0) -> Contents:
    """The contents, when they took no more memory than the file justifies."""
    source = MemorySource(data)
    tracemalloc.start()
    try:
        contents = read_contents(source)
        assert tracemalloc.get_traced_memory()[1] <= allowed + 100 * len(data) + (20 << 20)
    finally:
        tracemalloc.stop()
    return contents


@pytest.mark.parametrize("name", PICKLES)
def test_pickles(name: str) -> None:
    program = PICKLES[name]
    if name.startswith("deep"):  # where it takes long to trace the memory
        assert read_contents(MemorySource(checkpoint(program))).tensors == ()
        return
    for data in (checkpoint(program), checkpoint(program, zipfile.ZIP_DEFLATED), legacy(program)):
        assert read(data, allowed=100 * len(program)).tensors == ()


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_of_absurd_places(name: str) -> None:
    assert read(checkpoint(TENSORS[name])).tensors == ()
    assert len(read(checkpoint(tensor((2, 2), (2, 1)))).tensors) == 1


def test_a_thousand_names_of_one_tensor_may_not_be_long() -> None:
    program = b"}(" + b"X" + struct.pack("<L", 50_000) + b"k" * 50_000 + b"](" + tensor((4,), (1,)) + b"q\0"
    contents = read_contents(MemorySource(checkpoint(program + b"h\0" * 10_000 + b"eu")))
    assert sum(len(each.name) for each in contents.tensors) < 20 << 20


def zip_of(
    count: int, name: bytes = b"m/data.pkl", sizes: tuple[int, int] = (4, 4), offset: int = 0
) -> bytes:
    """A ZIP file whose directory has `count` times the same member, deflated, of given sizes."""
    name = b"m/data.pkl"
    deflated = zlib.compress(b"x" * 10, wbits=-15)
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, *sizes, len(name), 0) + name + deflated
    entries = b""
    for index in range(count):
        changed = name if count == 1 else b"%08d" % index + name[8:]
        fields = (20, 20, 0, 8, 0, 0, 0, *sizes, len(name), 0, 0, 0, 0, 0, offset)
        entries += struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *fields) + changed
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(entries), len(local), 0)
    return local + entries + end


def test_zip_bombs() -> None:
    assert "bytes in" in read(zip_of(1, sizes=(4, 1 << 30))).note
    assert "of the ZIP file overlaps" in read(zip_of(1000)).note
    assert read(zip_of(1, offset=0xFFFFFFF0)).format == "bytes"
    bomb = checkpoint(b"N0" * 20_000_000, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    assert "a pickle of" in read(bomb).note
    bomb = checkpoint(b"N0" * 5_000_000, zipfile.ZIP_DEFLATED)
    assert "opcodes" in read(bomb, allowed=20 << 20).note


def test_zip_directories_that_lie() -> None:
    good = checkpoint(b"}")
    end = good.rindex(b"PK\x05\x06")
    for place, form, value in [
        (10, "<H", 0xFFFF),
        (12, "<L", 0xFFFFFFFF),
        (16, "<L", 0xFFFFFFFF),
        (16, "<L", 0),
    ]:
        changed = bytearray(good)
        struct.pack_into(form, changed, end + place, value)
        assert read(bytes(changed)).format == "bytes"
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 1 << 62, 1)
    assert read(good[:end] + locator + good[end:]).format == "bytes"


def test_numbers_that_are_absurd() -> None:
    header = "{'descr': '<f4', 'fortran_order': True, 'shape': (%s), }" % ("4611686018427387904," * 30)
    npy = b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header.encode()
    coreml = struct.pack("<2L", 0xFFFFFFFF, 2).ljust(64, b"\0") + struct.pack("<L", 0xDEADBEEF).ljust(
        64, b"\0"
    )
    ctranslate2 = struct.pack("<L", 6) + text("Spec") + struct.pack("<2L", 1, 0xFFFFFFFF)
    msgpack = b"\xdf\xff\xff\xff\xff\xa1a\xc0"
    tflite = struct.pack("<L4s", 0xFFFFFFF0, b"TFL3") + bytes(100)
    onnx = b"\x08\x07\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
    for data in (npy, coreml, ctranslate2, msgpack, tflite, onnx):
        assert read(data).format == "bytes"


def test_nesting_that_does_not_end() -> None:
    message = b""
    for _ in range(2000):  # graph, node, attribute
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            size, digits = len(message), b""
            while size > 0x7F:
                digits, size = digits + bytes([size & 0x7F | 0x80]), size >> 7
            message = tag + digits + bytes([size]) + message
    size = len(message)
    onnx = b"\x08\x07\x3a" + bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14]) + message
    assert "deep" in read(onnx).note
    assert read(b"\x81\xa1a" * 50_000).format == "bytes"


def test_tensors_that_are_listed_again_and_again() -> None:
    """All graphs of a TFLite model may list the same tensors: that is quadratic."""
    count = 1000
    model, vector = 16, 100
    graph = vector + 4 * count + 100
    tensors = graph + 100
    data = bytearray(tensors + 4 * count + 200)

    def put(place: int, *numbers: int) -> None:
        struct.pack_into(f"<{len(numbers)}L", data, place, *numbers)

    put(0, model)
    data[4:8] = b"TFL3"
    struct.pack_into("<7H", data, 40, 14, 16, 0, 0, 4, 0, 8)  # where the model's fields are
    struct.pack_into("<l", data, model, model - 40)
    put(model + 4, vector - model - 4)
    put(vector, count)
    for place in range(vector + 4, vector + 4 + 4 * count, 4):
        put(place, graph - place)
    struct.pack_into("<3H", data, graph + 20, 6, 8, 4)
    struct.pack_into("<l", data, graph, -20)
    put(graph + 4, tensors - graph - 4)
    put(tensors, count)
    contents = read_contents(MemorySource(bytes(data)))
    assert contents.format == "bytes"
    assert "more than" in contents.note
