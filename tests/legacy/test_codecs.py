# SPDX-License-Identifier: MIT
"""The general codecs of old frames, against what the packages of those codecs write."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import cramjam
import lz4.block
import lz4.frame
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zipnn import legacy
from zipnn.errors import CorruptError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD, LZ4, SNAPPY = 1, 2, 3


def decode(method: int, payload: bytes) -> bytes:
    """A payload in a frame of 0.1.1, which has nothing else."""
    return bytes(legacy.decode(b"ZN\0\1" + bytes([method]) + bytes(11) + payload))


def inputs() -> Iterator[bytes]:
    """Contents that make the codecs use all they have."""
    random = np.random.default_rng(1)
    yield b""
    yield b"a"
    yield bytes(300_000)
    yield b"abcd" * 50_000
    yield random.bytes(200_000)
    yield (random.normal(size=60_000) * 0.02).astype("<f4").tobytes()
    yield (random.normal(size=60_000) * 0.02).astype("<f2").tobytes()
    yield random.integers(0, 12, 150_000, dtype=np.uint8).tobytes()
    yield (random.geometric(0.5, 150_000) * 37 % 256).astype(np.uint8).tobytes()
    words = [random.bytes(int(size)) for size in random.integers(3, 90, 400)]
    yield b"".join(words[int(index)] for index in random.integers(0, 400, 9_000))
    yield b"".join(str(number).encode() + b"\n" for number in range(60_000))
    block = random.bytes(100_000)
    yield block + bytes(70_000) + block  # a match farther away than one block


INPUTS = list(inputs())


@pytest.mark.parametrize("level", [-50, -5, -1, 1, 2, 3, 5, 7, 9, 12, 15, 17, 19, 22])
@pytest.mark.parametrize("checksum", [False, True])
def test_zstd_frames(level: int, checksum: bool) -> None:
    for data in INPUTS:
        options = {
            zstd.CompressionParameter.compression_level: level,
            zstd.CompressionParameter.checksum_flag: checksum,
            zstd.CompressionParameter.content_size_flag: not checksum,
        }
        assert decode(ZSTD, zstd.compress(data, options=options)) == data


def test_zstd_frames_in_blocks_of_any_size() -> None:
    for data in INPUTS:
        compressor = zstd.ZstdCompressor(level=3)
        frame = b"".join(
            compressor.compress(data[at : at + 5_000], mode=compressor.FLUSH_BLOCK)
            for at in range(0, len(data), 5_000)
        )
        assert decode(ZSTD, frame + compressor.flush()) == data


@given(st.binary(max_size=3000), st.integers(-7, 22), st.integers(1, 40))
def test_any_data_in_zstd_frames(data: bytes, level: int, times: int) -> None:
    assert decode(ZSTD, zstd.compress(data * times, level)) == data * times


def test_zstd_frames_that_are_refused() -> None:
    data = INPUTS[-2]
    frame = zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: True})
    dictionary = zstd.train_dict([data[at : at + 500] for at in range(0, 100_000, 500)], 4_000)
    for wrong in (
        zstd.compress(data, zstd_dict=dictionary),
        frame[:-1],
        frame + b"\0",
        frame[:-1] + bytes([frame[-1] ^ 1]),
        frame + frame,
        b"",
        b"\x28\xb5\x2f\xfd",
    ):
        with pytest.raises(CorruptError):
            decode(ZSTD, wrong)


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("size", [4, 5, 6, 7])
@pytest.mark.parametrize("checksums", [False, True])
def test_lz4_frames(linked: bool, size: int, checksums: bool) -> None:
    for data in INPUTS:
        for level in (-3, 0, 9):
            frame = lz4.frame.compress(
                data,
                compression_level=level,
                block_size=size,
                block_linked=linked,
                content_checksum=checksums,
                block_checksum=checksums,
                store_size=checksums,
            )
            assert decode(LZ4, frame) == data


@given(st.binary(max_size=3000), st.integers(1, 60))
def test_any_data_in_lz4_frames_and_snappy_blocks(data: bytes, times: int) -> None:
    assert decode(LZ4, lz4.frame.compress(data * times)) == data * times
    assert decode(SNAPPY, bytes(cramjam.snappy.compress_raw(data * times))) == data * times


def test_lz4_frames_that_are_refused() -> None:
    data = INPUTS[-2]
    frame = lz4.frame.compress(data, content_checksum=True, block_checksum=True)
    for wrong in (
        frame[:-1],
        frame + b"\0",
        frame[:-1] + bytes([frame[-1] ^ 1]),
        frame[:40] + bytes([frame[40] ^ 1]) + frame[41:],
        frame[:6] + bytes([frame[6] ^ 1]) + frame[7:],
        b"",
    ):
        with pytest.raises(CorruptError):
            decode(LZ4, wrong)


def test_snappy_blocks() -> None:
    for data in INPUTS:
        assert decode(SNAPPY, bytes(cramjam.snappy.compress_raw(data))) == data
    # By hand: the three kinds of copies, one of them of what it is itself about to write.
    block = b"\x10\x08abc\t\x03\x06\x02\x00\x13\x01\x00\x00\x00"
    assert decode(SNAPPY, block) == b"abc" + b"abcabc" + b"bc" + b"ccccc"


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\x05\x08abc",
        b"\x03\x08abcd",
        b"\x03\x08ab",
        b"\x08\x08abc\x05\x04",
        b"\x08\x08abc\x05\x00",
        b"\xff" * 6,
    ],
)
def test_snappy_blocks_that_are_refused(block: bytes) -> None:
    with pytest.raises(CorruptError):
        decode(SNAPPY, block)
