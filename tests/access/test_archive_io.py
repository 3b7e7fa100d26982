# SPDX-License-Identifier: MIT
"""The original of an archive as a file object, against io.BytesIO."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import zipnn
from zipnn.access.archive_io import ArchiveIO
from zipnn.containers.archive.reading import Archive, open_archive
from zipnn.errors import CorruptError
from zipnn.plugins.readers import MemoryReader


@pytest.fixture(scope="module")
def original() -> bytes:
    rng = np.random.default_rng(0)
    return rng.standard_normal(1_200_000).astype("f4").tobytes() + b"the end"


@pytest.fixture(scope="module")
def path(original: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("io") / "a.bin"
    path.write_bytes(original)
    zipnn.compress_file(path)
    return Path(f"{path}.znn")


def test_it_reads_as_the_original_would(path: Path, original: bytes) -> None:
    truth = io.BytesIO(original)
    rng = np.random.default_rng(1)
    with open_archive(path) as archive:
        stream = ArchiveIO(archive, "a.bin")
        assert (stream.name, stream.readable(), stream.seekable(), stream.writable()) == (
            "a.bin",
            True,
            True,
            False,
        )
        for _ in range(300):
            move = [
                (int(rng.integers(len(original))), 0),
                (int(-rng.integers(1000)), 2),
                (int(rng.integers(99)), 1),
            ]
            place = move[int(rng.integers(3))]
            assert stream.seek(*place) == truth.seek(*place)
            size = int(rng.choice([0, 1, 30, 5000, 1 << 20, 3_000_000]))
            assert stream.read(size) == truth.read(size)
            assert stream.tell() == truth.tell()
        stream.seek(4_000_000)
        assert stream.readall() == original[4_000_000:]
        assert stream.read(10) == b""
        stream.seek(len(original) + 5)
        assert stream.read(10) == b""
        assert len(stream._blocks) <= 8


def test_readinto_fills_what_there_is(path: Path, original: bytes) -> None:
    with open_archive(path) as archive:
        stream = ArchiveIO(archive)
        stream.seek(-7, io.SEEK_END)
        buffer = bytearray(20)
        assert stream.readinto(buffer) == 7
        assert buffer == b"the end" + bytes(13)
        floats = np.zeros(100, "f4")
        stream.seek(400)
        assert stream.readinto(floats) == 400
        assert floats.tobytes() == original[400:800]


def test_wrong_moves(path: Path) -> None:
    with open_archive(path) as archive:
        stream = ArchiveIO(archive)
        with pytest.raises(ValueError, match="position"):
            stream.seek(-1)
        with pytest.raises(ValueError, match="whence"):
            stream.seek(0, 7)
        with pytest.raises(io.UnsupportedOperation):
            stream.fileno()
        stream.close()
        for call in (stream.tell, lambda: stream.seek(0), lambda: stream.read(1)):
            with pytest.raises(ValueError, match="closed"):
                call()
        archive.read_range(0, 10)  # the archive stays open


def test_damage_is_told_and_remembered(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    stream = ArchiveIO(Archive(MemoryReader(data)))
    with pytest.raises(CorruptError) as caught:
        stream.readall()
    assert stream.failure is caught.value
