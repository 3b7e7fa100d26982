# SPDX-License-Identifier: MIT
"""Reading safetensors headers: what is accepted, what is refused and with which words."""

from __future__ import annotations

import json

import pytest

from tests.containers.craft import in_a_row, safetensors, with_header
from zipnn.containers import safetensors_header as header
from zipnn.containers.safetensors_header import Header, TensorInfo
from zipnn.errors import CorruptError, FormatError


def parse(content: bytes) -> Header:
    view = memoryview(content)
    prefix = header.read_prefix(lambda offset, size: view[offset : offset + size], len(content))
    return header.parse(prefix, len(content))


def test_reads_names_types_and_places_in_the_order_of_the_header() -> None:
    content = safetensors({"b": ("F32", [2], 4, 12), "a": ("U8", [4], 0, 4)}, bytes(12), metadata={"k": "v"})
    found = parse(content)
    start = len(content) - 12
    assert found.metadata == {"k": "v"}
    assert list(found.tensors.values()) == [
        TensorInfo("b", "F32", (2,), start + 4, start + 12),
        TensorInfo("a", "U8", (4,), start, start + 4),
    ]
    assert [info.name for info in found.in_data_order()] == ["a", "b"]


def test_finds_gaps_between_overlapping_and_contained_ranges() -> None:
    entries = {
        "long": ("U8", [10], 2, 12),
        "inside": ("U8", [3], 4, 7),
        "overlap": ("U8", [5], 9, 14),
        "far": ("U8", [1], 20, 21),
    }
    content = safetensors(entries, bytes(30))
    found = parse(content)
    base = found.data_start
    assert found.gaps(len(content)) == [(base, 2), (base + 14, 6), (base + 21, 9)]
    host = found.host()
    assert host is not None
    assert host.name == "long"


@pytest.mark.parametrize(
    ("dtype", "shape", "size"),
    [
        ("F4", [3], 2),
        ("F4", [8], 4),
        ("F6_E2M3", [4], 3),
        ("C64", [2], 16),
        ("F64", [0, 5], 0),
        ("I16", [], 2),
        ("NEW_TYPE", [7, 1], 5),
        ("NEW_TYPE", [], 0),
    ],
)
def test_accepts_every_dtype_with_its_size(dtype: str, shape: list[int], size: int) -> None:
    assert parse(in_a_row({"t": (dtype, shape, bytes(size))})).tensors["t"].size == size


@pytest.mark.parametrize("text", [b"{}", b'{"__metadata__":null}', b'{"__metadata__":{}}', b"{}     "])
def test_accepts_headers_without_tensors(text: bytes) -> None:
    assert parse(with_header(text)).tensors == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (bytes(3), "zeros"),
        (bytes(1000), "zeros; incomplete download"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (b"GGUF" + bytes(100), "not a safetensors file"),
        (b"PK\x03\x04" + b"x" * 100, "not a safetensors file"),
        (with_header(b"[1, 2]"), "not a safetensors file"),
        (with_header(b"{"), "not a safetensors file"),
        ((1).to_bytes(8, "little") + b"{}", "header of 1 bytes"),
        ((100_000_001).to_bytes(8, "little") + b"{}", "at most 100000000"),
        ((2**63).to_bytes(8, "little") + b"{}", "at most 100000000"),
        (with_header(b"{]}"), "not JSON"),
        (with_header(b"{} x"), "not JSON"),
        (with_header(b"{}\0\0"), "not JSON"),
        (with_header(b'{"a":"\xff"}'), "not UTF-8"),
        (with_header(b'{"a":' + b"[" * 100_000), "not JSON"),
        (with_header(b'{"__metadata__":{"a":1}}'), "__metadata__"),
        (with_header(b'{"__metadata__":[]}'), "__metadata__"),
        (with_header(b'{"__metadata__":{"a":"\\ud800"}}'), "__metadata__"),
        (with_header(b'{"__metadata__":{"a":"b","a":"c"}}'), "'a' twice"),
        (with_header(b'{"a":1}'), "'a'"),
        (with_header(b'{"a":{"dtype":"U8","shape":[0]}}'), "'a'"),
        (with_header(b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}}'), "'a'"),
        (with_header(b'{"a":{"dtype":7,"shape":[0],"data_offsets":[0,0]}}'), "'a'"),
        (with_header(b'{"a":{"dtype":"U8","shape":{},"data_offsets":[0,0]}}'), "'a'"),
        (with_header(b'{"a":{"dtype":"U8","shape":[true],"data_offsets":[0,0]}}'), "True"),
        (with_header(b'{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}'), "-1"),
        (with_header(b'{"a":{"dtype":"U8","shape":[0.0],"data_offsets":[0,0]}}'), "0.0"),
        (with_header(b'{"a":{"dtype":"U8","shape":[NaN],"data_offsets":[0,0]}}'), "NaN"),
        (with_header(b'{"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,0]}}'), "18446"),
        (with_header(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}', b"xx"), "1 > 0"),
        (with_header(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,3]}}', b"xxx"), "F32"),
        (with_header(b'{"\\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), "wrong type"),
    ],
)
def test_refuses_what_is_no_safetensors_file(content: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        parse(content)
    assert type(caught.value) is FormatError


def test_refuses_a_key_that_occurs_twice() -> None:
    entry = b'{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
    with pytest.raises(FormatError, match="'a' twice"):
        parse(with_header(b'{"a":' + entry + b',"b":' + entry + b',"a":' + entry + b"}"))


def test_refuses_a_shape_of_many_huge_numbers_quickly() -> None:
    shape = ",".join(["18446744073709551615"] * 100_000).encode()
    with pytest.raises(FormatError, match="does not take"):
        parse(with_header(b'{"a":{"dtype":"U8","shape":[' + shape + b'],"data_offsets":[0,0]}}'))


@pytest.mark.parametrize("size", [11, 60, 90_000_000])
def test_a_header_beyond_the_file_is_a_cut_file(size: int) -> None:
    with pytest.raises(CorruptError, match="incomplete download"):
        parse(size.to_bytes(8, "little") + b"{}")


def test_data_beyond_the_file_is_a_cut_file() -> None:
    with pytest.raises(CorruptError, match=r"tensor 'a'.*incomplete download"):
        parse(safetensors({"a": ("U8", [9], 0, 9)}, bytes(8)))


def test_a_rendered_header_is_padded_and_says_the_same() -> None:
    infos = [TensorInfo('q"\n\x01é', "U8", (3, 1), 0, 3), TensorInfo("", "X", (), 3, 3)]
    metadata = {"schlüssel": 'a "wert"\\'}
    text = header.render(metadata, infos)
    assert len(text) % 8 == 0
    found = json.loads(text[8:])
    assert found.pop("__metadata__") == metadata
    assert found == {
        'q"\n\x01é': {"dtype": "U8", "shape": [3, 1], "data_offsets": [0, 3]},
        "": {"dtype": "X", "shape": [], "data_offsets": [3, 3]},
    }
    longer = header.render(metadata, infos, len(text) + 80)
    assert len(longer) == len(text) + 80
    assert json.loads(longer[8:]) == json.loads(text[8:])
    with pytest.raises(AssertionError):
        header.render(metadata, infos, len(text) - 40)
