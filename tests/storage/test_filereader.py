# SPDX-License-Identifier: MIT
"""Reading by position: exact, or an error; small requests in blocks."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.containers.craft import noise
from zipnn.errors import CorruptError, FormatError, ZipnnError
from zipnn.storage import filereader
from zipnn.storage.comparing import difference_from, first_difference
from zipnn.storage.filereader import BlockReader, FileReader


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(noise(3_000_000))
    return path


def test_gives_exactly_what_is_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filereader, "_MAX_TRANSFER", 1000)
    content = path.read_bytes()
    with FileReader(path) as reader:
        assert reader.size == len(content)
        for offset, size in ((0, 0), (0, 5), (17, 2500), (2_999_999, 1), (3_000_000, 0)):
            assert reader.read(offset, size) == content[offset : offset + size]
        for offset, size in ((0, 3_000_001), (3_000_000, 1), (-1, 1), (5, -1), (1 << 70, 1)):
            with pytest.raises(CorruptError, match="truncated"):
                reader.read(offset, size)
    with pytest.raises(ValueError, match="closed"):
        reader.read(0, 1)
    reader.close()


def test_reads_without_preadv(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "preadv")
    with FileReader(path) as reader:
        assert reader.read(1_000_000, 5000) == path.read_bytes()[1_000_000:1_005_000]


def test_a_file_that_shrinks_while_it_is_read(path: Path) -> None:
    with FileReader(path) as reader:
        os.truncate(path, 100)
        assert len(reader.read(0, 100)) == 100
        with pytest.raises(CorruptError, match="at byte 100"):
            reader.read(50, 100)
        with pytest.raises(ZipnnError, match=f"file {path}: changed"):
            reader.check_unchanged()


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(FormatError, match="not a regular file"):
            FileReader(path)


def test_many_small_requests_are_few_reads(path: Path) -> None:
    content = path.read_bytes()
    calls = []

    def read(offset: int, size: int) -> memoryview:
        calls.append((offset, size))
        return memoryview(content)[offset : offset + size]

    blocks = BlockReader(read, len(content))
    kept = [blocks(offset, 16) for offset in range(0, 2_999_984, 16)]
    assert b"".join(kept) == content[:2_999_984]
    assert len(calls) < 10


@pytest.mark.parametrize("seed", range(3))
def test_blocks_give_the_same_as_the_file(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    content = path.read_bytes()
    with FileReader(path) as reader:
        blocks = BlockReader(reader.read, reader.size)
        kept = []
        for _ in range(500):
            size = chance.choice([0, 1, 100, 100_000, 1_200_000])
            offset = chance.randrange(len(content) - size)
            kept.append((offset, size, blocks(offset, size)))
        assert all(piece == content[offset : offset + size] for offset, size, piece in kept)
        with pytest.raises(CorruptError, match="truncated"):
            blocks(len(content) - 1, 2)


@pytest.mark.parametrize("place", [0, 1, (256 << 10) - 1, 256 << 10, 1_048_575, 1_048_576, 2_999_999])
def test_the_first_difference_is_found(place: int) -> None:
    one = noise(3_000_000)
    other = bytearray(one)
    other[place] ^= 1
    other[-1] ^= 1 if place < len(one) - 1 else 0
    assert first_difference(memoryview(one), memoryview(other)) == place
    pieces = ((at, memoryview(one)[at : at + 1_300_000]) for at in range(0, len(one), 1_300_000))
    view = memoryview(other)
    assert difference_from(pieces, lambda offset, size: view[offset : offset + size]) == place
    assert first_difference(memoryview(one), memoryview(bytearray(one))) is None
