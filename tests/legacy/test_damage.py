# SPDX-License-Identifier: MIT
"""Damaged legacy streams: an error of the right type where the format lets one see it, never a crash."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import zipnn
from tests.legacy import fixtures
from zipnn import legacy
from zipnn.errors import CorruptError, FormatError, UnsupportedVersionError
from zipnn.legacy.frame import Frame
from zipnn.legacy.streams import open_stream

STREAMS = sorted(path.stem for path in fixtures.STREAMS.glob("*.znn"))


def stream(name: str) -> bytes:
    return (fixtures.STREAMS / f"{name}.znn").read_bytes()


def decode(data: bytes) -> bytes:
    base = None
    if legacy.describe(data).delta:
        base = bytes(open_stream(data).original_size())
    return bytes(legacy.decode(data, base=base))


def outcome(data: bytes) -> bytes | None:
    """What the data decode to; None where that is refused."""
    try:
        return decode(data)
    except FormatError:
        return None


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_cut_off_is_refused_or_ends_at_a_frame(name: str) -> None:
    whole = stream(name)
    data = decode(whole)
    ends = _frame_ends(whole)
    # Frames before 0.2.4, and those that hold everything undealt, do not say where they end.
    endless = name.startswith(("0.1.1-odd", "0.2.3-random", "0.2.3-odd_bfloat16"))
    for size in range(0, len(whole), 1 + len(whole) // 300):
        got = outcome(whole[:size])
        if size in ends or size == 0:
            assert got is not None or size == 0
        elif not endless:
            assert got is None, size
        assert got is None or data.startswith(got)


@pytest.mark.parametrize("name", STREAMS)
def test_flipped_bits(name: str) -> None:
    whole = stream(name)
    random = np.random.default_rng(1)
    places = {*range(min(len(whole), 48) * 8), *map(int, random.integers(0, 8 * len(whole), 300))}
    for place in places:
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        outcome(bytes(damaged))


def test_errors_say_what_is_wrong(tmp_path: Path) -> None:
    whole = stream("0.5.4-bytes_bfloat16_huffman")
    path = tmp_path / "model.bin.znn"
    for cut in (17, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(CorruptError, match=r"file .*model\.bin\.znn: .*truncated"):
            zipnn.decompress_file(path)
        with pytest.raises(CorruptError, match="truncated"):
            zipnn.decompress(whole[:cut])
    assert list(tmp_path.iterdir()) == [path]
    path.write_bytes(whole + b"more than sixteen bytes")
    with pytest.raises(CorruptError, match="stray bytes"):
        zipnn.verify_file(path)
    path.write_bytes(whole[:3] + b"\7" + whole[4:])
    with pytest.raises(UnsupportedVersionError, match=r"model\.bin\.znn: .*0\.7\.4"):
        zipnn.decompress_file(path)


def _put(layout: str, at: int, *values: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        return data[:at] + struct.pack(layout, *values) + data[at + struct.calcsize(layout) :]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_put("<B", 14, 200), "chunk size"),
        (_put("<B", 15, 77), "dtype 77"),
        (_put("<B", 15, 15), "older"),
        (_put("<B", 8, 9), "format 9"),
        (_put("<B", 7, 9), "method 9"),
        (_put("<B", 9, 3), "delta type 3"),
        (_put("<Q", 16, 1 << 60), "chunk table is truncated"),
        (_put("<Q", 16, 3998), "wrong size"),
        (_put("<Q", 24, 5), "wrong size"),
        (_put("<Q", 24, 1 << 60), "truncated"),
        (_put("<B", 32, 2), "chunk type"),
        (_put("<Q", 34, 1 << 63), "truncated"),
        (_put("<QQ", 34, 1, 2777 - 51), "wrong size"),
    ],
)
def test_what_a_header_says_is_checked(change: Callable[[bytes], bytes], message: str) -> None:
    whole = stream("0.5.4-bytes_bfloat16_huffman")
    with pytest.raises(CorruptError, match=message):
        legacy.decode(change(whole))


def test_a_difference_needs_its_base() -> None:
    whole = stream("0.5.4-delta_byte_float32_stream")
    size = open_stream(whole).original_size()
    with pytest.raises(FormatError, match="difference"):
        zipnn.decompress(whole)
    with pytest.raises(FormatError, match=rf"base has {size - 1} bytes"):
        legacy.decode(whole, base=bytes(size - 1))
    with pytest.raises(FormatError, match="not a difference"):
        legacy.decode(stream("0.5.4-bytes_bfloat16_huffman"), base=bytes(4000))
    plain = legacy.decode(whole, base=bytes(size))
    base = np.random.default_rng(1).bytes(size)
    turned = np.frombuffer(legacy.decode(whole, base=base), np.uint8) ^ np.frombuffer(base, np.uint8)
    assert turned.tobytes() == plain


def _frame_ends(whole: bytes) -> set[int]:
    ends, start = set(), 0
    while start < len(whole):
        rest = memoryview(whole)[start:]
        start += Frame(lambda at, size, rest=rest: rest[at : at + size], 0, len(rest)).head.frame_size
        ends.add(start)
    return ends
