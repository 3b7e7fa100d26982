# SPDX-License-Identifier: MIT
"""GGUF: what gguf-py writes and reads, older versions, the other byte order, and hostile headers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zipnn import dtypes
from zipnn.containers.contents import Contents, StoredTensor
from zipnn.containers.readers import gguf, read_contents
from zipnn.errors import FormatError

UINT8, UINT32, STRING, ARRAY, UINT64 = 0, 4, 8, 9, 10
F32, F16, Q4_0 = 0, 1, 2


class Memory:
    """Bytes as a source, which says how many were read."""

    path = Path("memory.gguf")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)
        self.was_read = 0

    def read(self, offset: int, size: int) -> memoryview:
        assert 0 <= offset <= offset + size <= self.size
        self.was_read += size
        return memoryview(self.content)[offset : offset + size]


class Craft:
    """Builds the parts of a GGUF file by hand."""

    def __init__(self, version: int = 3, order: str = "<") -> None:
        self.version, self.order = version, order

    def number(self, code: str, value: float) -> bytes:
        return struct.pack(self.order + code, value)

    def length(self, value: int) -> bytes:
        return self.number("I" if self.version == 1 else "Q", value)

    def string(self, value: str) -> bytes:
        return self.length(len(value.encode())) + value.encode()

    def pair(self, key: str, kind: int, value: bytes) -> bytes:
        return self.string(key) + self.number("I", kind) + value

    def array(self, kind: int, count: int, values: bytes = b"") -> bytes:
        return self.number("I", kind) + self.length(count) + values

    def tensor(self, name: str, extents: tuple[int, ...], kind: int, offset: int) -> bytes:
        extent_bytes = b"".join(self.length(extent) for extent in extents)
        dimensions = self.number("I", len(extents)) + extent_bytes
        return self.string(name) + dimensions + self.number("I", kind) + self.number("Q", offset)

    def file(
        self,
        pairs: list[bytes],
        tensors: list[bytes],
        data: bytes = b"",
        alignment: int = 32,
        counts: tuple[int, int] | None = None,
    ) -> bytes:
        tensor_count, pair_count = counts or (len(tensors), len(pairs))
        head = b"GGUF" + self.number("I", self.version) + self.length(tensor_count) + self.length(pair_count)
        head += b"".join(pairs) + b"".join(tensors)
        return head + bytes(-len(head) % alignment) + data


def contents_of(content: bytes) -> Contents:
    contents = gguf.read(Memory(content))
    assert contents is not None
    return contents


def refuse(content: bytes, message: str) -> None:
    """It is refused, after little was read of it."""
    source = Memory(content)
    with pytest.raises(FormatError, match=message):
        gguf.read(source)
    assert source.was_read <= 2 * len(content)


def small_file(craft: Craft) -> bytes:
    pairs = [
        craft.pair("general.name", STRING, craft.string("a name")),
        craft.pair("words", ARRAY, craft.array(STRING, 2, craft.string("one") + craft.string("more"))),
        craft.pair("bytes", ARRAY, craft.array(UINT8, 3, b"abc")),
        craft.pair("nested", ARRAY, craft.array(ARRAY, 2, craft.array(UINT8, 1, b"x") + craft.array(4, 0))),
        craft.pair("big", UINT64, craft.number("Q", 1 << 60)),
    ]
    tensors = [craft.tensor("q", (64, 2), Q4_0, 0), craft.tensor("v", (5,), F32, 96)]
    return craft.file(pairs, tensors, bytes(96 + 20))


def sample() -> bytes:
    return small_file(Craft())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_versions_and_byte_orders(version: int, order: str) -> None:
    content = small_file(Craft(version, order))
    start = len(content) - 116
    big = order == ">"
    assert contents_of(content) == Contents(
        "gguf",
        (
            StoredTensor("q", "Q4_0", (2, 64), start, 72, big_endian=big),
            StoredTensor("v", "F32", (5,), start + 96, 20, big_endian=big),
        ),
    )
    assert read_contents(Memory(content)) == contents_of(content)


@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
@pytest.mark.parametrize("alignment", [32, 256])
def test_files_of_gguf_py(endian: str, alignment: int, tmp_path: Path) -> None:
    """Names, types, shapes and places are those that gguf-py reads."""
    package = pytest.importorskip("gguf")
    path = tmp_path / "model.gguf"
    writer = package.GGUFWriter(path, "llama", endianess=package.GGUFEndian[endian])
    writer.add_custom_alignment(alignment)
    writer.add_token_list(["a", "b", "long" * 500])
    writer.add_token_scores([0.5, 1.5, -1.0])
    writer.add_bool("flag", True)
    writer.add_float64("double", 1e300)
    random = np.random.default_rng(3)
    for dtype in (np.float32, np.float16, np.float64, np.int8, np.int16, np.int32, np.int64):
        writer.add_tensor(f"plain.{np.dtype(dtype).name}", random.integers(0, 9, (3, 5, 2)).astype(dtype))
    for name in ("Q4_0", "Q4_1", "Q5_0", "Q8_0", "Q6_K", "IQ4_XS", "MXFP4", "NVFP4", "TQ1_0", "BF16"):
        kind = package.GGMLQuantizationType[name]
        elements, size = package.GGML_QUANT_SIZES[kind]
        rows = random.integers(0, 256, (4, 3, 512 // elements * size), dtype=np.uint8)
        writer.add_tensor(f"blocks.{name}", rows, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    found = contents_of(path.read_bytes())
    expected = package.GGUFReader(path).tensors
    assert len(found.tensors) == len(expected) == 17
    for mine, theirs in zip(found.tensors, expected, strict=True):
        assert mine.name == theirs.name
        assert mine.shape == tuple(reversed(theirs.shape.tolist()))
        assert (mine.offset, mine.size) == (theirs.data_offset, theirs.n_bytes)
        assert mine.dtype == theirs.tensor_type.name
        assert mine.big_endian == (endian == "BIG")


def test_a_real_file(present_model: Callable[[str], bytes], tmp_path: Path) -> None:
    package = pytest.importorskip("gguf")
    path = tmp_path / "model.gguf"
    path.write_bytes(present_model("smollm2-135m-q4_1.gguf"))
    found = contents_of(path.read_bytes())
    expected = sorted(package.GGUFReader(path).tensors, key=lambda tensor: tensor.data_offset)
    assert [
        (tensor.name, tensor.dtype, tensor.shape, tensor.offset, tensor.size) for tensor in found.tensors
    ] == [
        (
            tensor.name,
            tensor.tensor_type.name,
            tuple(reversed(tensor.shape.tolist())),
            tensor.data_offset,
            tensor.n_bytes,
        )
        for tensor in expected
    ]


def test_every_type_has_the_name_that_gguf_py_gives_it() -> None:
    package = pytest.importorskip("gguf")
    for kind in package.GGMLQuantizationType:
        if kind.name == "Q8_1":  # never in a file: ggml makes it while it computes
            continue
        elements, size = package.GGML_QUANT_SIZES[kind]
        craft = Craft()
        content = craft.file([], [craft.tensor("x", (elements,), kind.value, 0)], bytes(size))
        (tensor,) = contents_of(content).tensors
        assert (tensor.dtype, tensor.size) == (kind.name, size)
        assert tensor.dtype in dtypes.BY_NAME or tensor.dtype in gguf.blocks.BY_NAME


def test_other_files_are_not_gguf() -> None:
    for content in (b"", b"GGU", b"GGML\3\0\0\0" + bytes(100), bytes(100)):
        assert gguf.read(Memory(content)) is None


def test_a_file_of_metadata_alone() -> None:
    craft = Craft()
    content = craft.file([craft.pair("a", UINT32, craft.number("I", 1))], [])
    assert contents_of(content) == Contents("gguf")


def test_tensors_of_unknown_types_are_left_out() -> None:
    craft = Craft()
    tensors = [craft.tensor("new", (64,), 77, 0), craft.tensor("old", (4,), F32, 64)]
    found = contents_of(craft.file([], tensors, bytes(80)))
    assert [tensor.name for tensor in found.tensors] == ["old"]
    assert "unknown types" in found.note
    assert "77" in found.note


def test_tensors_are_in_the_order_of_the_file() -> None:
    craft = Craft()
    tensors = [craft.tensor("b", (4,), F32, 32), craft.tensor("a", (4,), F32, 0)]
    found = contents_of(craft.file([], tensors, bytes(48)))
    assert [tensor.name for tensor in found.tensors] == ["a", "b"]


def test_no_dimensions_and_no_elements() -> None:
    craft = Craft()
    tensors = [craft.tensor("scalar", (), F32, 0), craft.tensor("none", (0, 3), F32, 0)]
    found = contents_of(craft.file([], tensors, bytes(4)))
    assert {tensor.name: (tensor.shape, tensor.size) for tensor in found.tensors} == {
        "scalar": ((), 4),
        "none": ((3, 0), 0),
    }


HUGE = 1 << 60


def test_counts_that_no_file_holds() -> None:
    craft = Craft()
    refuse(craft.file([], [], counts=(HUGE, 0)), "tensors are declared")
    refuse(craft.file([], [], counts=(0, HUGE)), "keys are declared")
    refuse(craft.file([craft.pair("a", ARRAY, craft.array(STRING, HUGE))], []), "strings are declared")
    refuse(craft.file([craft.pair("a", ARRAY, craft.array(ARRAY, HUGE))], []), "arrays are declared")
    refuse(craft.file([craft.pair("a", ARRAY, craft.array(UINT64, HUGE))], []), "truncated")
    refuse(craft.file([craft.pair("a", STRING, craft.length(HUGE))], []), "truncated")
    refuse(craft.file([craft.length(HUGE)], [], bytes(64)), "a name of")
    refuse(craft.file([], [craft.tensor("t", (HUGE, HUGE), F32, 0)]), "truncated: tensor t")
    refuse(craft.file([], [craft.tensor("t", (4,), F32, HUGE)], bytes(64)), "truncated: tensor t")
    refuse(craft.file([], [craft.tensor("t", (1,) * 65, F32, 0)]), "65 dimensions")


def test_many_small_items_are_refused_at_once() -> None:
    """A file may hold more empty strings than a model has: they are counted, not walked."""
    craft = Craft()
    empty = craft.array(STRING, 1 << 22, bytes(8 << 22))
    refuse(craft.file([craft.pair("a", ARRAY, empty)], []), "4194304 strings are declared")


def test_arrays_in_arrays_without_end() -> None:
    craft = Craft()
    nested = b"".join(craft.array(ARRAY, 1) for _ in range(100_000))
    refuse(craft.file([craft.pair("a", ARRAY, nested)], []), "type 9 .* not known")


@pytest.mark.parametrize(
    ("kind", "value"), [(UINT32, (0).to_bytes(4, "little")), (UINT32, b"\x03\0\0\0"), (UINT64, bytes(8))]
)
def test_alignments_that_are_none(kind: int, value: bytes) -> None:
    craft = Craft()
    refuse(craft.file([craft.pair("general.alignment", kind, value)], [], bytes(64)), "not a power of two")


def test_alignment_is_kept() -> None:
    craft = Craft()
    pair = craft.pair("general.alignment", UINT32, craft.number("I", 1024))
    content = craft.file([pair], [craft.tensor("t", (4,), F32, 1024)], bytes(1040), alignment=1024)
    assert contents_of(content).tensors[0].offset == 2048


def test_wrong_headers() -> None:
    craft = Craft()
    refuse(Craft(4).file([], []), "version 4 is not known")
    refuse(Craft(0).file([], []), "version 0 is not known")
    refuse(b"GGUF\3\0\0\0", "truncated")
    refuse(craft.file([craft.pair("a", 13, bytes(8))], []), "type 13")
    refuse(craft.file([], [craft.tensor("t", (48,), Q4_0, 0)], bytes(64)), "not whole blocks of 32")
    refuse(craft.file([], [craft.tensor("t", (), Q4_0, 0)], bytes(64)), "not whole blocks of 32")
    refuse(craft.file([], [craft.tensor("t", (4,), F32, 0)] * 2, bytes(64)), "same name")
    latin = craft.length(1) + b"\xe9" + craft.number("I", 0) + craft.number("I", F32) + craft.number("Q", 0)
    refuse(craft.file([], [latin], bytes(64)), "not UTF-8")


@pytest.mark.parametrize("version", [1, 3])
def test_truncated_anywhere(version: int) -> None:
    content = small_file(Craft(version))
    for size in range(8, len(content)):
        with pytest.raises(FormatError):
            gguf.read(Memory(content[:size]))


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 7)), min_size=1, max_size=4))
def test_flipped_bits_are_refused_or_stay_within_the_file(flips: list[tuple[int, int]]) -> None:
    content = bytearray(small_file(Craft()))
    for place, bit in flips:
        content[place % len(content)] ^= 1 << bit
    try:
        found: Any = gguf.read(Memory(bytes(content)))
    except FormatError:
        return
    for tensor in found.tensors if found else ():
        assert 0 <= tensor.offset <= tensor.offset + tensor.size <= len(content)
