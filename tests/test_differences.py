# SPDX-License-Identifier: MIT
"""Differences to a base: held against the independent reader, and against what may happen to them."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import BadFrameError, WrongBaseError, read_frame
from tests.reference.build import seal
from zipnn import _core, decompress, differences, dtypes
from zipnn.errors import BaseMismatchError, CorruptError, FormatError, MismatchError, UnsupportedVersionError
from zipnn.frames import FrameReader, write_frame

WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
CHUNK = 1 << 18


def bits_of(dtype: str) -> int:
    return dtypes.named(dtype).bits or 8


def weights(dtype: str, count: int, seed: int) -> bytes:
    """Bytes of `count` elements that are like weights where the dtype has floats, else small numbers."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 0.05, count).astype(np.float32)
    family = dtypes.named(dtype).family
    if family == "float32":
        return np.repeat(values, 2).tobytes() if dtype == "C64" else values.tobytes()
    if family == "float64":
        return values.astype(np.float64).repeat(2 if dtype == "C128" else 1).tobytes()
    if family == "float16":
        return values.astype(np.float16).tobytes()
    if family == "bfloat16":
        return (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    return rng.normal(0, 20, count * bits_of(dtype) // 8).astype(np.int8).tobytes()


def trained(base: bytes, part: float, seed: int, step: int = 40) -> bytes:
    """`base` with that part of its 16-bit words changed a little."""
    rng = np.random.default_rng(seed)
    words = np.frombuffer(base[: len(base) // 2 * 2], np.uint16).copy()
    changed = rng.random(words.size) < part
    words[changed] += rng.integers(-step, step + 1, changed.sum()).astype(np.uint16)
    return words.tobytes() + base[words.nbytes :]


def encode(data: bytes, base: bytes, dtype: str, level: str = "default", threads: int = 0) -> bytes:
    shape = (len(data) * 8 // bits_of(dtype),)
    return differences.encode(data, base, dtype=dtype, shape=shape, level=level, threads=threads)


def difference(data: bytes, base: bytes, dtype: str, level: str = "default") -> bytes:
    """The frame of the difference, whether or not an ordinary one is smaller.

    Of what does not fit into a frame that stores it, an ordinary frame.
    """
    encoder = _core.DifferenceEncoder(data, base, dtypes.named(dtype).family, level, 1)
    frame = encoder.frame(dtype, (len(data) * 8 // bits_of(dtype),), 0, 0, 8)
    return frame or write_frame(data, dtype=dtype, shape=(len(data) * 8 // bits_of(dtype),), align=8)


def form_of(frame: bytes) -> int:
    """0 identical, 1 dense, 2 sparse."""
    head = _core.parse_head(frame, len(frame))
    assert head.base_hash is not None
    return frame[frame.index(struct.pack("<Q", head.base_hash)) - 2]


def check(frame: bytes, data: bytes, base: bytes) -> None:
    """All ways to decode a difference give the data."""
    assert read_frame(frame, base).data == data
    assert differences.base_hash(frame) in (None, _core.xxh3_64(base))
    assert bytes(differences.decode(frame, base)) == data
    tensor = bytearray(base)
    differences.apply_in_place(frame, memoryview(tensor))
    assert tensor == data
    out = bytearray(len(data))
    differences.decode_into(frame, base, memoryview(out), 2)
    assert out == data


@pytest.mark.parametrize("level", ["fast", "default", "max"])
@pytest.mark.parametrize("dtype", [*dtypes.BY_NAME, "F9_NEW"])
def test_every_dtype_at_every_level_and_form(dtype: str, level: str) -> None:
    base = weights(dtype, 6000 if bits_of(dtype) < 32 else 2500, 1)
    for seed, part in enumerate((0.0, 0.002, 0.05, 0.9)):
        data = trained(base, part, seed)
        check(difference(data, base, dtype, level), data, base)


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32", "F64", "F8_E4M3", "I8", "U16", "I64"])
def test_extreme_bit_patterns(dtype: str) -> None:
    width = bits_of(dtype) // 8
    top = 1 << 8 * width
    ends = [0, 1, 2, top // 2 - 1, top // 2, top // 2 + 1, top - 2, top - 1, 0x7F80 % top, 0xFF80 % top]
    pairs = [(a, b) for a in ends for b in ends]
    data, base = (np.array([pair[i] for pair in pairs], WORDS[width]).tobytes() for i in (0, 1))
    same = weights(dtype, 3000, 5)
    frame = difference(data + same, base + same, dtype)
    assert differences.needs_base(frame)
    check(frame, data + same, base + same)
    # Each of the differences, in the dense form.
    changed = trained(same, 0.9, 6)
    frame = difference(data + changed, base + same, dtype)
    assert form_of(frame) == 1
    check(frame, data + changed, base + same)


@given(
    dtype=st.sampled_from([*dtypes.BY_NAME, "F9_NEW"]),
    count=st.sampled_from([1, 2, 7, 63, 64, 65, 4095, 4096, 4097]),
    part=st.sampled_from([0.0, 0.001, 0.02, 0.3, 1.0]),
    step=st.sampled_from([1, 40, 30000]),
    level=st.sampled_from(["fast", "default", "max"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_any_tensors(dtype: str, count: int, part: float, step: int, level: str, seed: int) -> None:
    base = weights(dtype, 4 * count if bits_of(dtype) < 8 else count, seed)
    data = trained(base, part, seed, step)
    check(difference(data, base, dtype, level), data, base)
    frame = encode(data, base, dtype, level)
    assert bytes(differences.decode(frame, base)) == data
    plain = write_frame(data, dtype=dtype, shape=(len(data) * 8 // bits_of(dtype),), level=level, align=8)
    assert len(frame) <= len(plain)


@given(st.binary(min_size=1, max_size=300), st.data())
@settings(max_examples=60, deadline=None)
def test_any_bytes(base: bytes, drawn: st.DataObject) -> None:
    data = drawn.draw(st.binary(min_size=len(base), max_size=len(base)))
    check(difference(data, base, "U8"), data, base)


@pytest.mark.parametrize("count", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 5])
@pytest.mark.parametrize("part", [0.0, 1e-5, 0.01, 0.8])
def test_borders_of_chunks(count: int, part: float) -> None:
    base = weights("BF16", count, 3)
    data = trained(base, part, 4, 2)
    frame = difference(data, base, "BF16")
    tensor = bytearray(base)
    differences.apply_in_place(frame, memoryview(tensor))
    assert tensor == data
    assert bytes(differences.decode(frame, base, 1)) == bytes(differences.decode(frame, base, 3)) == data
    assert form_of(frame) == {0.0: 0, 1e-5: 2, 0.01: 2, 0.8: 1}[part]
    end = len(data)
    ranges = [(0, 1), (2 * CHUNK - 3, min(2 * CHUNK + 3, end)), (5, 5), (end - 1, end), (0, end)]
    for start, stop in ranges:
        asked: list[tuple[int, int]] = []

        def read_base(offset: int, size: int, asked: list[tuple[int, int]] = asked) -> bytes:
            asked.append((offset, size))
            return base[offset : offset + size]

        assert bytes(differences.decode_range(frame, read_base, start, stop)) == data[start:stop]
        if part and stop - start == 1:
            assert sum(size for _, size in asked) <= 2 * CHUNK


def test_ranges_outside_are_refused() -> None:
    base = weights("BF16", 100, 1)
    for frame in (difference(trained(base, 1, 1), base, "BF16"), difference(base, base, "BF16")):
        for start, stop in ((-1, 3), (5, 4), (0, 201)):
            with pytest.raises(ValueError, match="not within"):
                differences.decode_range(
                    frame, lambda offset, size: base[offset : offset + size], start, stop
                )
        with pytest.raises(BaseMismatchError):
            differences.decode_range(frame, lambda offset, size: base[:1], 0, 4)


def test_sizes_are_those_of_what_changed() -> None:
    base = weights("BF16", 400_000, 7)
    assert len(difference(base, base, "BF16")) <= 72
    for part, most in ((0.01, 0.0075), (0.03, 0.020)):
        data = trained(base, part, 8, 2)
        frame = encode(data, base, "BF16")
        assert len(frame) < most * len(data)
        assert form_of(frame) == 2
    dense = trained(base, 1.0, 9, 8)
    assert len(encode(dense, base, "BF16")) < 0.30 * len(dense)


def test_the_base_says_how_large_changes_are() -> None:
    rng = np.random.default_rng(1)
    old = rng.normal(0, 0.05, 300_000).astype(np.float32)
    new = old + rng.normal(0, 2e-4, old.size).astype(np.float32)
    base, data = ((x.view(np.uint32) >> 16).astype(np.uint16).tobytes() for x in (old, new))
    fast, default = (encode(data, base, "BF16", level) for level in ("fast", "default"))
    assert "rans" in _core.parse_head(default, len(default)).codec
    assert len(default) < 0.8 * len(fast)
    check(default, data, base)


def test_a_base_that_is_no_help_gives_an_ordinary_frame() -> None:
    data, base = weights("BF16", 70_000, 1), weights("BF16", 70_000, 2)
    frame = encode(data, base, "BF16")
    assert frame == write_frame(data, dtype="BF16", shape=(70_000,), align=8)
    assert not differences.needs_base(frame)
    assert differences.base_hash(frame) is None
    assert bytes(differences.decode(frame, None)) == bytes(differences.decode(frame, base)) == data
    out = bytearray(len(data))
    differences.apply_in_place(frame, memoryview(out))
    assert out == data
    assert bytes(differences.decode_range(frame, lambda offset, size: b"", 10, 20)) == data[10:20]
    alone = differences.encode(data, None, dtype="BF16", shape=(70_000,))
    assert alone == frame
    empty = differences.encode(b"", b"", dtype="F32", shape=(0,))
    assert bytes(differences.decode(empty, b"")) == b""


def test_wrong_arguments() -> None:
    base = bytes(8)
    with pytest.raises(ValueError, match="no difference to a base"):
        differences.encode(bytes(8), bytes(4), dtype="F32", shape=(2,))
    with pytest.raises(ValueError, match="dtype F32 and shape"):
        differences.encode(base, base, dtype="F32", shape=(3,))
    with pytest.raises(ValueError, match="level"):
        differences.encode(base, base, dtype="F32", shape=(2,), level="best")
    with pytest.raises(ValueError, match="align"):
        differences.encode(base, base, dtype="F32", shape=(2,), align=0)
    large = np.zeros(differences.LARGEST + 1, np.uint8)
    with pytest.raises(ValueError, match="more than"):
        differences.encode(large, large, dtype="U8", shape=(large.size,))
    frame = difference(base, base, "F32")
    with pytest.raises(ValueError, match="out has"):
        differences.decode_into(frame, base, memoryview(bytearray(9)))
    with pytest.raises(BufferError):
        differences.decode_into(frame, base, memoryview(base))


@pytest.mark.parametrize("part", [0.0, 0.01, 0.9])
def test_another_base_is_refused_before_anything_is_written(part: float) -> None:
    base = weights("BF16", CHUNK + 1000, 1)
    data = trained(base, part, 2)
    frame = difference(data, base, "BF16")
    for at in (0, 2 * CHUNK - 1, 2 * CHUNK, len(base) - 1):
        other = bytearray(base)
        other[at] ^= 1
        out = bytearray(b"\xaa") * len(base)
        with pytest.raises(BaseMismatchError) as caught:
            differences.decode_into(frame, other, memoryview(out))
        assert isinstance(caught.value, MismatchError)
        assert set(out) == {0xAA}
        before = bytes(other)
        with pytest.raises(BaseMismatchError):
            differences.apply_in_place(frame, memoryview(other))
        assert other == before
        with pytest.raises(WrongBaseError):
            read_frame(difference(data[:64], base[:64], "BF16"), bytes(64))
    for wrong in (None, base[:-2], base + b"\0\0", b""):
        with pytest.raises(BaseMismatchError):
            differences.decode(frame, wrong)


def test_ordinary_readers_say_what_is_missing() -> None:
    base = weights("BF16", 1000, 1)
    for part in (0.0, 0.01, 0.9):
        frame = difference(trained(base, part, 2), base, "BF16")
        with pytest.raises(FormatError, match="difference to a base"):
            decompress(frame)
        reader = FrameReader(
            lambda offset, size, frame=frame: memoryview(frame)[offset : offset + size], len(frame)
        )
        with pytest.raises(FormatError, match="difference to a base"):
            reader.decode_range(0, 2)
        with pytest.raises(FormatError, match="difference to a base"):
            _core.decode_chunks(reader.head, b"", 0, 0, bytearray(), 1)


@pytest.mark.parametrize("part", [0.0, 0.05, 0.9])
def test_damage_is_found_before_the_tensor_is_touched(part: float) -> None:
    base = weights("BF16", 700, 1)
    data = trained(base, part, 2)
    frame = difference(data, base, "BF16")
    for at in range(len(frame)):
        damaged = bytearray(frame)
        damaged[at] ^= 1 << at % 8
        tensor = bytearray(base)
        with pytest.raises((FormatError, BaseMismatchError)):
            differences.apply_in_place(damaged, memoryview(tensor))
        assert tensor == base
    for size in range(0, len(frame), 3):
        with pytest.raises(FormatError):
            differences.decode(frame[:size], base)
    with pytest.raises(CorruptError):
        differences.decode(frame + b"\0", base)


@pytest.mark.parametrize("part", [0.0, 0.05, 0.9])
def test_damage_with_checksums_that_fit_is_harmless(part: float) -> None:
    rng = np.random.default_rng(11)
    base = weights("BF16", 700, 1)
    data = trained(base, part, 2)
    frame = difference(data, base, "BF16")
    head = _core.head_size(frame)
    for _ in range(400):
        damaged = bytearray(frame)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(36, len(frame))] = rng.integers(0, 256)
        if part:
            end = _core.parse_head(frame, len(frame)).chunk_extent(0)
            damaged[head - 8 : head] = struct.pack("<Q", _core.xxh3_64(damaged[end[0] : sum(end)]))
        hostile = seal(bytes(damaged))
        try:
            mine: bytes | None = bytes(differences.decode(hostile, base))
        except (FormatError, MismatchError):
            mine = None
        try:
            theirs: bytes | None = read_frame(hostile, base).data
        except (BadFrameError, UnicodeDecodeError):
            theirs = None
        assert mine == theirs
        assert mine is None or mine in (data, base)


def test_newer_features_are_named() -> None:
    base = weights("BF16", 100, 1)
    frame = difference(base, base, "BF16")
    place = frame.index(struct.pack("<Q", _core.xxh3_64(base))) - 2
    for at, value in ((place, 3), (place + 1, 2), (5, 5)):
        newer = bytearray(frame)
        newer[at] = value
        with pytest.raises(UnsupportedVersionError):
            differences.decode(seal(bytes(newer)), base)


def test_the_bytes_do_not_depend_on_threads() -> None:
    base = weights("F32", 3 * CHUNK, 1)
    for part in (0.01, 0.9):
        data = trained(base, part, 2)
        assert encode(data, base, "F32", threads=1) == encode(data, base, "F32", threads=3)


@pytest.mark.parametrize("kernels", ["scalar", "128", "avx2", "avx512"])
def test_the_bytes_do_not_depend_on_the_kernels(kernels: str) -> None:
    code = (
        "import hashlib\n"
        "from tests.test_differences import frames_of_all\n"
        "print(hashlib.sha256(frames_of_all()).hexdigest())\n"
    )
    shown = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "ZIPNN_SIMD": name},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in ("scalar", kernels)
    ]
    assert shown[0] == shown[1]


def frames_of_all() -> bytes:
    """Frames of all widths and forms, joined."""
    frames = b""
    for dtype in ("U8", "F8_E5M2", "BF16", "F16", "F32", "F64", "I32"):
        base = weights(dtype, 50_000, 1)
        for part in (0.01, 0.9):
            data = trained(base, part, 2, 300)
            frame = difference(data, base, dtype)
            assert bytes(differences.decode(frame, base)) == data
            frames += frame
    return frames


def test_buffers_of_any_kind(tmp_path: Path) -> None:
    base: npt.NDArray[np.float32] = np.frombuffer(weights("F32", 500, 1), np.float32).reshape(5, 100)
    data = base + np.float32(0.001)
    frame = differences.encode(data, base, dtype="F32", shape=data.shape)
    tensor = base.copy()
    differences.apply_in_place(frame, memoryview(tensor))
    assert np.array_equal(tensor, data)
    assert np.array_equal(
        np.frombuffer(differences.decode(memoryview(bytearray(frame)), base), np.float32), data.ravel()
    )
