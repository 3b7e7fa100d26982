# SPDX-License-Identifier: MIT
"""Streams of frames against their specification (docs/format.md, 5), and wrong ones."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import xxhash

import zipnn
from zipnn import CorruptError, FormatError, UnsupportedVersionError, ZipNN

DATA = np.random.default_rng(1).normal(0, 0.02, 3000).astype(np.float32).tobytes()
BASE = np.random.default_rng(2).normal(0, 0.02, 3000).astype(np.float32).tobytes()


def head(
    size: int, original: int, base: int = 0, flags: int = 0, version: int = 1, reserved: int = 0
) -> bytes:
    """A head, written from the specification alone."""
    fields = b"\x9aZNS" + struct.pack("<BBHQQQ", version, flags, reserved, size, original, base)
    return fields + xxhash.xxh3_64_intdigest(fields).to_bytes(8, "little")


def frames(step: int, data: bytes = DATA) -> bytes:
    return b"".join(zipnn.compress(data[at : at + step], dtype="BF16") for at in range(0, len(data), step))


def test_a_stream_is_what_the_page_says() -> None:
    body = frames(4096)
    expected = head(40 + len(body), len(DATA), flags=2) + body
    assert ZipNN(is_streaming=True, streaming_chunk=4096).compress(DATA) == expected


def test_a_difference_is_what_the_page_says() -> None:
    packed = ZipNN(delta_compressed_type="byte").compress(DATA, delta_second_data=BASE)
    difference = bytes(a ^ b for a, b in zip(DATA, BASE, strict=True))
    pieces = struct.pack("<Q", xxhash.xxh3_64_intdigest(BASE))  # one piece of at most 64 MiB
    base = xxhash.xxh3_64_intdigest(pieces)
    assert packed[:40] == head(len(packed), len(DATA), base, flags=1)
    assert zipnn.decompress(packed[40:]) == difference


def test_wrong_heads() -> None:
    body = frames(4096)
    size = 40 + len(body)
    packing = ZipNN()
    assert packing.decompress(head(size, len(DATA)) + body) == DATA
    wrong = {
        "version 2": (head(size, len(DATA), version=2), UnsupportedVersionError),
        "a flag": (head(size, len(DATA), flags=4), UnsupportedVersionError),
        "reserved": (head(size, len(DATA), reserved=1), UnsupportedVersionError),
        "longer": (head(size + 1, len(DATA)), CorruptError),
        "shorter": (head(size - 1, len(DATA)), CorruptError),
        "without frames": (head(40, 0), CorruptError),
        "of no size": (head(0, len(DATA)), CorruptError),
        "of other data": (head(size, len(DATA) + 1), CorruptError),
        "checksum": (head(size, len(DATA))[:-1] + b"\0", CorruptError),
    }
    for name, (start, error) in wrong.items():
        with pytest.raises(error) as caught:
            packing.decompress(start + body)
        assert not isinstance(caught.value, UnsupportedVersionError) or error is not CorruptError, name


def test_a_difference_stands_alone() -> None:
    packing = ZipNN(delta_compressed_type="byte")
    packed = packing.compress(DATA, delta_second_data=BASE)
    for more in (packed + ZipNN().compress(b"more"), ZipNN().compress(b"more") + packed, packed + packed):
        with pytest.raises(CorruptError, match="stand alone"):
            packing.decompress(more, delta_second_data=BASE)


def test_frames_of_tensors_do_not_follow_each_other() -> None:
    packed = ZipNN(input_format="numpy").compress(np.zeros(5))
    with pytest.raises(FormatError, match="one at a time"):
        ZipNN().decompress(packed + packed)


@pytest.mark.parametrize("streaming", [False, True])
def test_files(tmp_path: Path, streaming: bool) -> None:
    path, plain = tmp_path / "x.znn", tmp_path / "plain"
    path.write_bytes(ZipNN(is_streaming=streaming, streaming_chunk=4096).compress(DATA))
    plain.write_bytes(DATA)
    result = zipnn.decompress_file(path)
    assert result.output == tmp_path / "x"
    assert (tmp_path / "x").read_bytes() == DATA
    assert zipnn.verify_file(path).original_size == len(DATA)
    for one, other in [(path, plain), (plain, path), (path, path)]:
        assert zipnn.verify_file(one, other).original_size == len(DATA)
    assert zipnn.compress_file(path).action == "skipped"
    report = zipnn.inspect(path, bound=True)
    assert (report.kind, report.format_version, report.original_size) == ("stream of frames", 1, len(DATA))
    assert len(report.tensors) == (3 if streaming else 1)
    assert not report.delta
    assert report.bound is not None

    damaged = bytearray(path.read_bytes())
    damaged[-20] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(CorruptError, match=r"x\.znn: frame at byte"):
        zipnn.verify_file(path)
