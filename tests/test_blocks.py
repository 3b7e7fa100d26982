# SPDX-License-Identifier: MIT
"""GGML's blocks taken apart: against their structs, against gguf-py's values, with any bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zipnn import blocks, dtypes

# Types whose fields are plain parts of the struct: (offset, size) of each. Where a part is not one
# run of bytes, its offsets are given.
PLAIN: dict[str, list[tuple[int, int] | list[int]]] = {
    "Q1_0": [(0, 2), (2, 16)],
    "Q4_0": [(0, 2), (2, 16)],
    "Q4_1": [(0, 2), (2, 2), (4, 16)],
    "Q8_0": [(0, 2), (2, 32)],
    "Q2_K": [(80, 2), (82, 2), (0, 16), (16, 64)],
    "Q8_K": [(0, 4), (4, 256), (260, 32)],
    "IQ1_S": [(0, 2), (2, 32), (34, 16)],
    "IQ1_M": [(48, 8), (32, 16), (0, 32)],
    "IQ2_XXS": [
        (0, 2),
        [2 + 8 * group + i for group in range(8) for i in range(4)],
        [6 + 8 * group + i for group in range(8) for i in range(4)],
    ],
    "IQ2_XS": [(0, 2), (66, 8), (2, 64)],
    "IQ2_S": [(0, 2), (74, 8), (66, 8), (2, 32), (34, 32)],
    "IQ3_XXS": [(0, 2), (2, 64), (66, 32)],
    "IQ3_S": [(0, 2), (106, 4), (66, 8), (2, 64), (74, 32)],
    "IQ4_NL": [(0, 2), (2, 16)],
    "TQ1_0": [(52, 2), (0, 52)],
    "TQ2_0": [(64, 2), (0, 64)],
    "MXFP4": [(0, 1), (1, 16)],
    "NVFP4": [(0, 4), (4, 32)],
}
JOINED = {"Q5_0", "Q5_1", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"}


def random_blocks(name: str, count: int, seed: int = 1) -> np.ndarray:
    size = blocks.BY_NAME[name].size
    return np.random.default_rng(seed).integers(0, 256, (count, size), dtype=np.uint8)


def fields_of(data: np.ndarray, name: str) -> list[np.ndarray]:
    """The fields of blocks, a row for each block."""
    return [
        np.frombuffer(part, np.uint8).reshape(len(data), field.size)
        for (_, part), field in zip(blocks.split(data, name), blocks.BY_NAME[name].fields, strict=True)
    ]


def joined(fields: list[memoryview], name: str, count: int) -> bytes:
    out = bytearray(count * blocks.BY_NAME[name].size)
    blocks.join(fields, name, memoryview(out))
    return bytes(out)


def test_sizes_are_those_of_gguf() -> None:
    gguf = pytest.importorskip("gguf")
    for name, block in blocks.BY_NAME.items():
        sizes = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
        assert (block.elements, block.size) == sizes, name


def test_every_type_is_tested() -> None:
    assert set(blocks.BY_NAME) == set(PLAIN) | JOINED


@pytest.mark.parametrize("name", PLAIN)
def test_plain_fields(name: str) -> None:
    data = random_blocks(name, 700)  # more than are taken apart at once
    for part, field in zip(PLAIN[name], fields_of(data, name), strict=True):
        columns = part if isinstance(part, list) else list(range(part[0], part[0] + part[1]))
        assert (field == data[:, columns]).all()


@pytest.mark.parametrize("name", blocks.BY_NAME)
@pytest.mark.parametrize("count", [0, 1, 2, 63, 700])
def test_join_undoes_split(name: str, count: int) -> None:
    data = random_blocks(name, count)
    fields = blocks.split(data, name)
    assert [dtype for dtype, _ in fields] == [field.dtype for field in blocks.BY_NAME[name].fields]
    assert joined([part for _, part in fields], name, count) == data.tobytes()


@given(st.sampled_from(sorted(blocks.BY_NAME)), st.data())
def test_any_bytes_survive(name: str, data: st.DataObject) -> None:
    size = blocks.BY_NAME[name].size
    extreme = st.lists(st.sampled_from([0, 1, 0x0F, 0x80, 0xFF]), min_size=size, max_size=size).map(bytes)
    content = b"".join(data.draw(st.lists(extreme | st.binary(min_size=size, max_size=size), max_size=3)))
    fields = [part for _, part in blocks.split(content, name)]
    assert joined(fields, name, len(content) // size) == content


@pytest.mark.parametrize("name", blocks.BY_NAME)
def test_any_blocks_are_joined_alone(name: str) -> None:
    data = random_blocks(name, 200)
    fields = blocks.split(data, name)
    sizes = [field.size for field in blocks.BY_NAME[name].fields]
    for start, stop in ((0, 1), (17, 150), (199, 200), (5, 5)):
        parts = [part[start * size : stop * size] for (_, part), size in zip(fields, sizes, strict=True)]
        assert joined(parts, name, stop - start) == data[start:stop].tobytes()
        for index, part in enumerate(parts):
            assert blocks.take(data[start:stop], name, index) == part


@pytest.mark.parametrize("name", blocks.BY_NAME)
def test_fields_are_whole_elements(name: str) -> None:
    for field in blocks.BY_NAME[name].fields:
        assert field.size * 8 % dtypes.BY_NAME[field.dtype].bits == 0


def float16(field: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(field).view("<f2").astype(np.float32)


def in_groups(scales: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The scale of each value, where every block has as many values as `values` has columns."""
    return np.repeat(scales.astype(np.float32), values.shape[1] // scales.shape[1], axis=1)


def value_of(name: str, fields: list[np.ndarray]) -> np.ndarray:
    """What blocks stand for, told from their fields."""
    if name == "Q5_0":
        d, values = fields
        return float16(d) * (values.astype(np.float32) - 16)
    if name == "Q5_1":
        d, least, values = fields
        return float16(d) * values.astype(np.float32) + float16(least)
    if name == "Q6_K":
        d, scales, values = fields
        scale = in_groups(float16(d) * scales.view(np.int8).astype(np.float32), values)
        return scale * (values.astype(np.float32) - 32)
    if name == "Q5_K":
        d, dmin, scales, values = fields
        scale = in_groups(float16(d) * scales[:, :8].astype(np.float32), values)
        return scale * values - in_groups(float16(dmin) * scales[:, 8:].astype(np.float32), values)
    if name == "Q4_K":
        d, dmin, scales, nibbles = fields
        low_and_high = [nibbles.reshape(-1, 4, 1, 32) & 15, nibbles.reshape(-1, 4, 1, 32) >> 4]
        values = np.concatenate(low_and_high, axis=2).reshape(-1, 256)
        scale = in_groups(float16(d) * scales[:, :8].astype(np.float32), values)
        return scale * values - in_groups(float16(dmin) * scales[:, 8:].astype(np.float32), values)
    if name == "Q3_K":
        d, scales, pairs = fields
        halves = pairs.reshape(-1, 2, 1, 64)
        values = np.concatenate([halves & 7, halves >> 3], axis=2).reshape(-1, 256)
        scale = in_groups(float16(d) * (scales.astype(np.float32) - 32), values)
        return scale * (values.astype(np.float32) - 4)
    assert name == "IQ4_XS"
    d, scales, nibbles = fields
    levels = np.array(
        [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], dtype=np.float32
    )
    low_and_high = [nibbles.reshape(-1, 8, 16) & 15, nibbles.reshape(-1, 8, 16) >> 4]
    values = levels[np.concatenate(low_and_high, axis=2).reshape(-1, 256)]
    return in_groups(float16(d) * (scales.astype(np.float32) - 32), values) * values


@pytest.mark.parametrize("name", sorted(JOINED))
def test_fields_hold_the_values(name: str) -> None:
    gguf = pytest.importorskip("gguf")
    data = random_blocks(name, 300)
    fields = fields_of(data, name)
    for index, (dtype, _) in enumerate(blocks.split(data, name)):
        if dtype == "U16":  # no infinities and no NaN, which are not equal to themselves
            fields[index][:, 1] &= 0xBF
    data = np.frombuffer(
        joined([memoryview(field.copy().reshape(-1)) for field in fields], name, len(data)), np.uint8
    ).reshape(data.shape)
    expected = gguf.quants.dequantize(data, gguf.GGMLQuantizationType[name])
    assert (value_of(name, fields) == expected).all()


def test_bits_that_no_value_has_are_dropped() -> None:
    """A field that is damaged gives wrong blocks, and nothing else."""
    for name in JOINED:
        data = random_blocks(name, 3)
        fields = [bytearray(part) for _, part in blocks.split(data, name)]
        for field, part in zip(blocks.BY_NAME[name].fields, fields, strict=True):
            if field.dtype == "U8" and max(part) < 64:
                part[:] = bytes(byte | 0xC0 for byte in part)
        assert joined([memoryview(part) for part in fields], name, 3) == data.tobytes()


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="19 bytes are not whole blocks of Q4_0"):
        blocks.split(bytes(19), "Q4_0")
    with pytest.raises(ValueError, match="not whole blocks"):
        blocks.take(bytes(19), "Q4_0", 0)
    with pytest.raises(ValueError, match="not whole blocks"):
        blocks.join([bytes(2), bytes(16)], "Q4_0", memoryview(bytearray(19)))
    with pytest.raises(ValueError, match="another number of fields"):
        blocks.join([bytes(18)], "Q4_0", memoryview(bytearray(18)))
    with pytest.raises(ValueError, match="field 1 of Q4_0 has a wrong size"):
        blocks.join([bytes(2), bytes(17)], "Q4_0", memoryview(bytearray(18)))
    with pytest.raises(BufferError):
        blocks.join([bytes(2), bytes(16)], "Q4_0", memoryview(bytes(18)))


def test_unknown_types_are_refused() -> None:
    with pytest.raises(ValueError, match="'Q9_9' is not known"):
        blocks.split(b"", "Q9_9")
    with pytest.raises(ValueError, match="'Q9_9' is not known"):
        blocks.join([], "Q9_9", memoryview(bytearray()))
