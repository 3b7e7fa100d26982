# SPDX-License-Identifier: MIT
"""Odd safetensors files come back with the same SHA-256, and their containers are plain safetensors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from tests.containers import craft
from tests.containers.craft import FRAME_MAGIC, in_a_row, noise, sha256, weights
from tests.reference import container
from zipnn.containers.safetensors import open_tensors
from zipnn.files import compress_file, decompress_file, verify_file

W = weights(4000)
BIG = ("BF16", [4000], W)
OTHER = ("BF16", [4000], weights(4000, 2))
UNUSUAL = {
    "no metadata": in_a_row({"w": BIG}),
    "empty metadata": in_a_row({"w": BIG}, metadata={}),
    "null metadata": craft.with_header(
        b'{"__metadata__":null,"w":{"dtype":"BF16","shape":[4000],"data_offsets":[0,8000]}}', W
    ),
    "metadata": in_a_row({"w": BIG}, metadata={"format": "pt", "ключ": "значение\n\0"}),
    "metadata last": in_a_row({"w": BIG}, metadata={"format": "pt"}, metadata_last=True),
    "empty tensors": in_a_row({"a": ("F32", [0], b""), "w": BIG, "b": ("BF16", [3, 0, 2], b"")}),
    "0-d tensors": in_a_row({"a": ("F32", [], b"abcd"), "w": BIG, "b": ("I64", [], bytes(8))}),
    "0-d tensor as the host": in_a_row({"a": ("F32", [], b"abcd"), "w": BIG, "v": OTHER}),
    "unicode names": in_a_row(
        {"層.重み": BIG, "\U0001f600": ("U8", [1], b"x"), "e\u0301": ("U8", [1], b"y")}
    ),
    "escapes in names": in_a_row({'"\\/\n\t\x01': BIG, "": ("U8", [1], b"x")}),
    "long names": in_a_row({"n" * 70_000: BIG, "m" * 70_000: BIG}),
    "long name twice": in_a_row({"n" * 2000: ("BF16", [4000], W), "m": ("BF16", [4000], W)}),
    "header padding": in_a_row({"w": BIG}, padding=b" " * 1001 + b"\n\t\r "),
    "trailing bytes": in_a_row({"w": BIG}) + b"trailing",
    "trailing zeros": in_a_row({"w": BIG}) + bytes(5000),
    "gaps": craft.safetensors(
        {"w": ("BF16", [4000], 7, 8007), "v": ("U8", [2], 9000, 9002)}, b"1234567" + W + noise(2000)
    ),
    "keys in reverse": craft.safetensors(
        {"b": ("U8", [3], 8000, 8003), "w": ("BF16", [4000], 0, 8000)}, W + b"xyz"
    ),
    "tied by content": in_a_row({"w": BIG, "v": BIG, "u": BIG}),
    "tied by content, raw": in_a_row(
        {"w": BIG, "n": ("U8", [3000], noise(3000)), "m": ("U8", [3000], noise(3000))}
    ),
    "tied, other shape": in_a_row({"w": BIG, "v": ("BF16", [40, 100], W), "u": ("F16", [4000], W)}),
    "tied by offsets": craft.safetensors({"w": ("BF16", [4000], 0, 8000), "v": ("BF16", [4000], 0, 8000)}, W),
    "same place, other type": craft.safetensors(
        {"w": ("BF16", [4000], 0, 8000), "v": ("U8", [8000], 0, 8000), "z": ("BF16", [30000], 8000, 68000)},
        W + weights(30000, 8),
    ),
    "overlapping": craft.safetensors(
        {
            "w": ("BF16", [4000], 0, 8000),
            "v": ("BF16", [3000], 2000, 8000),
            "z": ("BF16", [31000], 6000, 68000),
        },
        W + weights(30000, 8),
    ),
    "tiny ones at one place": craft.safetensors(
        {"w": ("BF16", [4000], 4, 8004), "a": ("U8", [4], 0, 4), "b": ("I32", [1], 0, 4)}, b"1234" + W
    ),
    "unknown dtype": in_a_row({"w": ("BF17_NEW", [3, 5], W), "v": ("X", [], b"")}),
    "unknown dtype with a long name": in_a_row({"w": BIG, "v": ("D" * 40, [3], W)}),
    "65 dimensions": in_a_row({"w": BIG, "v": ("BF16", [1] * 64 + [4000], weights(4000, 1))}),
    "F4": in_a_row({"w": ("F4", [16000], W), "v": ("F4", [3], b"ab")}),
    "F6": in_a_row({"w": ("F6_E3M2", [8000], W[:6000]), "v": BIG}),
    "U8 that begins with the magic": in_a_row({"w": BIG, "v": ("U8", [20], FRAME_MAGIC + noise(16))}),
    "U8 that is the magic": in_a_row({"w": BIG, "v": ("U8", [4], FRAME_MAGIC)}),
    "large U8 that begins with the magic": in_a_row(
        {"w": BIG, "v": ("U8", [5004], FRAME_MAGIC + noise(5000))}
    ),
    "host that begins with the magic": in_a_row({"v": ("U8", [20], FRAME_MAGIC + noise(16)), "w": BIG}),
    "2-d U8 that begins with the magic": in_a_row({"w": BIG, "v": ("U8", [2, 10], FRAME_MAGIC + noise(16))}),
    "incompressible": in_a_row({"w": BIG, "v": ("U8", [9000], noise(9000)), "u": BIG}),
    "tiny host": in_a_row({"a": ("U8", [1], b"a"), "w": BIG, "v": OTHER}),
    "everything": craft.ugly(),
}


@pytest.fixture(params=UNUSUAL.values(), ids=UNUSUAL.keys())
def unusual(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    content: bytes = request.param
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("level", ["default", "fast", "max"])
def test_comes_back_with_the_same_bytes(unusual: Path, tmp_path: Path, level: str) -> None:
    result = compress_file(unusual, level=level)
    assert (result.action, result.output) == ("compressed", tmp_path / "model.znn.safetensors")
    assert (
        result.compressed_size == (tmp_path / "model.znn.safetensors").stat().st_size < result.original_size
    )
    back = decompress_file(tmp_path / "model.znn.safetensors", tmp_path / "back")
    assert back.original_size == result.original_size
    assert sha256(tmp_path / "back") == sha256(unusual)
    verify_file(tmp_path / "model.znn.safetensors")
    verify_file(unusual, tmp_path / "model.znn.safetensors")


def test_an_independent_reader_restores_it(unusual: Path) -> None:
    output = compress_file(unusual).output
    assert output is not None
    assert container.restore(output.read_bytes()) == unusual.read_bytes()


def test_compressing_gives_the_same_bytes_for_any_number_of_threads(unusual: Path, tmp_path: Path) -> None:
    outputs = []
    for threads in (1, 3):
        compress_file(unusual, tmp_path / f"{threads}", threads=threads)
        outputs.append((tmp_path / f"{threads}").read_bytes())
    assert outputs[0] == outputs[1]


def test_tensors_are_those_of_the_original(unusual: Path, tmp_path: Path) -> None:
    compress_file(unusual)
    with open_tensors(unusual) as plain, open_tensors(tmp_path / "model.znn.safetensors") as small:
        assert (plain.compressed, small.compressed) == (False, True)
        assert small.metadata == plain.metadata
        assert list(small.tensors.items()) == list(plain.tensors.items())
        assert small.in_data_order() == plain.in_data_order()
        content = unusual.read_bytes()
        for name, info in plain.tensors.items():
            truth = content[info.start : info.stop]
            for file in (plain, small):
                out = np.empty(info.size, np.uint8)
                file.read_into(name, memoryview(out))
                assert out.tobytes() == truth
                assert b"".join(bytes(piece) for piece in file.windows(name)) == truth
                part = slice(info.size // 3, info.size // 3 * 2)
                assert file.read_range(name, part.start, part.stop) == truth[part]


def test_the_container_is_a_safetensors_file_with_the_same_names(unusual: Path, tmp_path: Path) -> None:
    compress_file(unusual)
    with open_tensors(tmp_path / "model.znn.safetensors") as small:
        codecs = {name: small.codec(name) for name in small.tensors}
        original = dict(small.tensors)
        order = small.in_data_order()
    if any(info.dtype not in ("BF16", "F32", "U8", "I32", "I64", "F16") and codecs[name] == "raw"
           for name, info in original.items()):  # fmt: skip
        # The package knows no dtypes of the future, but the header is still as it defines it.
        text = (tmp_path / "model.znn.safetensors").read_bytes()
        assert set(json.loads(text[8 : 8 + int.from_bytes(text[:8], "little")])) - {"__metadata__"} == set(
            codecs
        )
        return
    with safetensors.safe_open(tmp_path / "model.znn.safetensors", framework="np") as file:
        assert set(file.keys()) == set(codecs)
        filled = [name for name in file.offset_keys() if file.get_slice(name).get_shape() != [0]]
        assert [name for name in filled if original[name].size] == [
            name for name in order if original[name].size
        ]
        for name, codec in codecs.items():
            stored = file.get_slice(name)
            if codec == "raw":
                assert stored.get_dtype() == original[name].dtype
                assert stored.get_shape() == list(original[name].shape)
            else:
                assert (stored.get_dtype(), len(stored.get_shape())) == ("U8", 1)
                assert bytes(file.get_tensor(name)[:4]) == FRAME_MAGIC
                assert stored.get_shape()[0] % 8 == 0


def test_the_package_loads_frames_as_bytes(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(in_a_row({"w": BIG, "b": ("F32", [2], noise(8))}))
    compress_file(tmp_path / "m.safetensors")
    loaded = safetensors.numpy.load_file(tmp_path / "m.znn.safetensors")
    assert (loaded["w"].dtype, loaded["w"].ndim) == (np.uint8, 1)
    assert loaded["b"].tobytes() == noise(8)


@pytest.mark.parametrize(
    "content",
    [
        in_a_row({}),
        in_a_row({}, metadata={"only": "this"}),
        in_a_row({"a": ("F32", [0], b""), "b": ("U8", [0, 3], b"")}),
        in_a_row({"a": ("U8", [5000], noise(5000))}),
        in_a_row({"a": ("F32", [10], noise(40))}),
        in_a_row({"w": BIG}, metadata={"zipnn.format": "0"}),
        in_a_row({"w": BIG}, metadata={"zipnn.other": "1"}),
        in_a_row({"w": ("D" * 33, [3], W)}),
    ],
    ids=[
        "nothing",
        "metadata only",
        "empty tensors",
        "noise",
        "tiny",
        "own flag",
        "reserved key",
        "odd host",
    ],
)
def test_what_would_not_become_smaller_is_left_or_copied(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    result = compress_file(path)
    assert (result.action, result.output) == ("skipped", None)
    assert result.reason
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.safetensors"]
    result = compress_file(path, tmp_path / "out")
    assert (result.action, result.output) == ("copied", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == content


def test_tied_tensors_are_stored_once(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(in_a_row({"w": BIG, "v": BIG, "u": ("BF16", [4000], weights(4000, 9))}))
    compress_file(path)
    with open_tensors(tmp_path / "m.znn.safetensors") as file:
        assert [file.reference(name) for name in ("w", "v", "u")] == [None, "w", None]
        assert file.stored_size("v") < 200 < file.stored_size("w")


def test_tensors_that_differ_in_one_byte_between_the_samples_are_not_taken_for_equal(tmp_path: Path) -> None:
    one = bytearray(weights(400_000))
    other = bytearray(one)
    other[20_001] ^= 1  # between the first two pieces of the sample
    path = tmp_path / "m.safetensors"
    path.write_bytes(in_a_row({"w": ("BF16", [400_000], bytes(one)), "v": ("BF16", [400_000], bytes(other))}))
    compress_file(path)
    with open_tensors(tmp_path / "m.znn.safetensors") as file:
        assert file.reference("v") is None
    verify_file(path, tmp_path / "m.znn.safetensors")


def test_large_tensors_stream_in_windows(tmp_path: Path) -> None:
    size = 70 << 20
    small = weights(1 << 20)
    data = (small * (size // len(small) + 1))[:size]
    raw = noise(3 << 20)
    path = tmp_path / "m.safetensors"
    path.write_bytes(in_a_row({"w": ("BF16", [size // 2], data), "n": ("U8", [len(raw)], raw)}))
    compress_file(path)
    with open_tensors(tmp_path / "m.znn.safetensors") as file:
        assert file.codec("n") == "raw"
        assert len(list(file.windows("w"))) > 1
        assert file.read_range("w", size - 5, size) == data[-5:]
        assert file.read_range("n", (1 << 20) - 1, (2 << 20) + 1) == raw[(1 << 20) - 1 : (2 << 20) + 1]
    decompress_file(tmp_path / "m.znn.safetensors", tmp_path / "back")
    assert sha256(tmp_path / "back") == sha256(path)


def test_a_hundred_thousand_tiny_tensors(tmp_path: Path) -> None:
    count = 100_000
    values = noise(16 * count)
    entries = {f"layers.{i}.scale": ("F32", [4], 16 * i, 16 * i + 16) for i in range(count)}
    entries["w"] = ("BF16", [2_000_000], 16 * count, 16 * count + 4_000_000)
    path = tmp_path / "m.safetensors"
    path.write_bytes(craft.safetensors(entries, values + weights(2_000_000)))
    assert compress_file(path).action == "compressed"
    decompress_file(tmp_path / "m.znn.safetensors", tmp_path / "back")
    assert sha256(tmp_path / "back") == sha256(path)
    assert len(safetensors.numpy.load_file(tmp_path / "m.znn.safetensors")) == count + 1
