# SPDX-License-Identifier: MIT
"""Whatever happens to a frame: a typed error or the same data, never others, never a crash."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zipnn
from tests.properties.contents import Array
from tests.reference.build import Plan, build_frame, seal
from tests.reference.layouts import split
from tests.reference.tables import tables_of
from zipnn.errors import CorruptError, FormatError, UnsupportedVersionError, ZipnnError
from zipnn.frames import FrameReader


def _weights(count: int, dtype: str, level: str = "default") -> tuple[bytes, bytes]:
    values: Array = np.random.default_rng(1).standard_normal(count).astype(dtype)
    return zipnn.compress(values, level=level), values.tobytes()


def _text() -> tuple[bytes, bytes]:
    data = b"".join(b"layer.%d.weight, " % i for i in range(150))
    return zipnn.compress(data), data


def _windowed() -> tuple[bytes, bytes]:
    # Ranked tables, escapes of both kinds, a coded plane with extra bits, a tail and padding in one frame.
    values: Array = np.random.default_rng(2).standard_normal(300)
    data = (values * (np.arange(300) % 9 > 0)).astype("<f4").tobytes() + b"end"
    planes = split(9, data[:1200], 120)
    plans = [
        Plan("tiles", tables_of(planes[0], "rhs")),
        Plan("tiles", tables_of(planes[1], "hl")),
        Plan(),
        Plan(),
    ]
    plans[2] = Plan("tiles", tables_of(planes[2], "l"))
    return build_frame(data, 9, plans, base=120, align=8, attachment=b"attached"), data


def _ranked() -> tuple[bytes, bytes]:
    data = bytes(min(255, int(abs(x) * 20)) for x in np.random.default_rng(3).standard_normal(500))
    return build_frame(data, 1, [Plan("tiles", tables_of(data, "rhcsfl", 3))]), data


def _contexts() -> tuple[bytes, bytes]:
    # Rows and columns of their own scales.
    scales = np.random.default_rng(3).integers(1, 4, 128)
    values: Array = np.random.default_rng(4).integers(0, 2, (128, 128)) * scales * scales[:, None]
    frame = zipnn.compress(values.astype(np.uint8), level="max")
    reader = FrameReader(lambda offset, size: memoryview(frame)[offset : offset + size], len(frame))
    assert reader.head.codec == "rans"
    return frame, values.astype(np.uint8).tobytes()


FRAMES = {
    "bfloat16": _weights(700, "bfloat16"),
    "float16, fast": _weights(300, "float16", "fast"),
    "layered": _weights(1500, "float32", "fast"),
    "stored": (zipnn.compress(b"short"), b"short"),
    "constant": (zipnn.compress(bytes(3000)), bytes(3000)),
    "zstd": _text(),
    "windowed": _windowed(),
    "ranked": _ranked(),
    "contexts": _contexts(),
}


def outcome(frame: bytes) -> bytes | type[Exception]:
    """The data that a frame decodes to, or the class of the error."""
    try:
        reader = FrameReader(lambda offset, size: memoryview(frame)[offset : offset + size], len(frame))
        out = bytearray(reader.head.data_size)
        reader.decode_into(memoryview(out), threads=1)
    except ZipnnError as error:
        return type(error)
    return bytes(out)


@pytest.mark.parametrize("name", FRAMES)
def test_every_truncation_is_an_error(name: str) -> None:
    frame, data = FRAMES[name]
    assert outcome(frame) == data
    assert {outcome(frame[:size]) for size in range(len(frame))} == {CorruptError}
    assert {outcome(frame + extra) for extra in (b"\0", bytes(8), frame)} == {CorruptError}


@pytest.mark.parametrize("name", FRAMES)
def test_every_flipped_bit_is_an_error(name: str) -> None:
    frame, data = FRAMES[name]
    head_size = int.from_bytes(frame[8:12], "little")
    mutable = bytearray(frame)
    for bit in range(8 * len(frame)):
        mutable[bit // 8] ^= 1 << bit % 8
        result = outcome(bytes(mutable))
        mutable[bit // 8] ^= 1 << bit % 8
        if bit < 32:
            assert result is FormatError
        elif bit < 40:
            assert result is UnsupportedVersionError
        elif bit < 8 * head_size:
            assert result is CorruptError
        else:
            assert result is CorruptError or result == data  # a bit that carries nothing changes nothing


@settings(max_examples=1500)
@given(
    name=st.sampled_from(list(FRAMES)),
    places=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6
    ),
    cut=st.integers(0, 40),
)
def test_a_damaged_frame_with_a_right_head_checksum_gives_no_other_data(
    name: str, places: list[tuple[float, int]], cut: int
) -> None:
    frame, data = FRAMES[name]
    mutable = bytearray(frame)
    for place, value in places:
        # Where a reader believes most: behind the magic, and mostly in the head.
        mutable[4 + int(place * place * (len(frame) - 4))] = value
    damaged = bytes(mutable[: len(mutable) - cut] if cut < 20 else mutable)
    head_size = int.from_bytes(damaged[8:12], "little")
    result = outcome(seal(damaged) if 39 <= head_size <= len(damaged) else damaged)
    assert result == data or result in (CorruptError, FormatError, UnsupportedVersionError)


@settings(max_examples=300)
@given(noise=st.binary(max_size=200), version=st.sampled_from([0, 1, 1, 1, 2]))
def test_noise_is_refused(noise: bytes, version: int) -> None:
    assert outcome(noise) in (FormatError, CorruptError)
    assert outcome(b"\x9aZNF" + bytes((version,)) + noise) in (CorruptError, UnsupportedVersionError)
