# SPDX-License-Identifier: MIT
"""The archive: any file, any damage, any byte range."""

from __future__ import annotations

import contextlib
import json
import struct
from pathlib import Path

import pytest
import xxhash

from tests.containers.craft import flip, noise, weights, with_index
from tests.reference import decode_frame
from zipnn.containers.archive import limits
from zipnn.containers.archive.reading import open_archive
from zipnn.containers.archive.writing import write_archive
from zipnn.errors import CorruptError, FormatError, UnsupportedVersionError
from zipnn.frames import write_frame
from zipnn.storage.filereader import FileReader


class Pipe:
    """Takes bytes front to back and can do nothing else."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes) -> None:
        self.content += data


def archive_of(content: bytes, folder: Path, level: str = "default") -> bytes:
    source = folder / "source.bin"
    source.write_bytes(content)
    pipe = Pipe()
    with FileReader(source) as reader:
        assert write_archive(reader, pipe, level=level) == len(pipe.content)
    return bytes(pipe.content)


def content_of(path: Path) -> bytes:
    with open_archive(path) as file:
        return b"".join(bytes(piece) for _, piece in file.original_pieces())


@pytest.mark.parametrize(
    "content",
    [b"", b"x", bytes(100_000), noise(5000), b"text, again and again. " * 5000, weights(50_000)],
    ids=["empty", "one byte", "zeros", "noise", "text", "weights"],
)
@pytest.mark.parametrize("level", ["default", "fast", "max"])
def test_gives_back_what_went_in(content: bytes, level: str, tmp_path: Path) -> None:
    path = tmp_path / "a.znn"
    path.write_bytes(archive_of(content, tmp_path, level))
    assert content_of(path) == content
    with open_archive(path) as file:
        assert (file.name, file.original_size) == ("source.bin", len(content))


def test_an_archive_is_laid_out_as_specified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SEGMENT", 40_000)
    content = weights(50_000)
    made = archive_of(content, tmp_path)
    assert made[:16] == b"\x9aZNN\r\n\x1a\n" + b"\1" + bytes(7)
    at, length, checksum, magic = struct.unpack("<QQQ8s", made[-32:])
    assert magic == b"\x9aZNI\r\n\x1a\n"
    assert checksum == xxhash.xxh3_64_intdigest(made[-32:-16])
    assert at + length + 32 == len(made)
    index = json.loads(decode_frame(made[at : at + length]))
    assert (index["name"], index["size"], index["format"]) == ("source.bin", 100_000, "bytes")
    assert [(s["offset"], s["size"]) for s in index["segments"]] == [
        (0, 40_000),
        (40_000, 40_000),
        (80_000, 20_000),
    ]
    frames = [made[s["at"] : s["at"] + s["length"]] for s in index["segments"]]
    assert b"".join(decode_frame(frame) for frame in frames) == content
    assert made[16:at] == b"".join(frames)


def test_reads_any_range_across_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SEGMENT", 30_000)
    content = weights(50_000)
    path = tmp_path / "a.znn"
    path.write_bytes(archive_of(content, tmp_path))
    edges = [0, 1, 29_999, 30_000, 30_001, 59_999, 60_000, 99_999, 100_000]
    with open_archive(path) as file:
        for start in edges:
            for stop in edges:
                if start <= stop:
                    assert file.read_range(start, stop) == content[start:stop]
        for start, stop in [(-1, 5), (5, 4), (0, 100_001)]:
            with pytest.raises(ValueError, match="100000 bytes"):
                file.read_range(start, stop)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    for name, value in {"SEGMENT": 500, "GAP": 1, "SMALL": 1}.items():
        monkeypatch.setattr(limits, name, value)
    return archive_of(b"some words, " * 100, tmp_path)


def test_every_truncation_is_found(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.znn"
    for size in range(len(small)):
        path.write_bytes(small[:size])
        with pytest.raises(FormatError) as caught:
            content_of(path)
        assert str(path) in str(caught.value)
        assert type(caught.value) is (CorruptError if size >= 8 else FormatError)


def test_a_flipped_bit_never_gives_other_data(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.znn"
    silent = []
    path.write_bytes(small)
    for index in range(len(small)):
        for bit in (index % 8, (index + 3) % 8):
            flip(path, index, bit)
            with contextlib.suppress(FormatError):
                assert content_of(path) == b"some words, " * 100
                silent.append(index)
            flip(path, index, bit)
    # Zstandard has a bit that decoders ignore: one in each of the three segments and the index.
    assert len(silent) <= 4, silent


def test_bytes_before_and_after_are_found(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.znn"
    for content in (small + b"x", small[:16] + b"12345678" + small[16:], b"x" + small):
        path.write_bytes(content)
        with pytest.raises(FormatError):
            content_of(path)


FRAME = write_frame(b"0123456789", dtype="U8", shape=(10,))
SEGMENT = {"offset": 0, "size": 10, "at": 16, "length": len(FRAME)}
INDEX = {"name": "n", "size": 10, "format": "bytes", "segments": [SEGMENT]}


def test_keys_that_nobody_knows_are_ignored(tmp_path: Path) -> None:
    index = {**INDEX, "new": 1, "segments": [{**SEGMENT, "tensor": "w", "dtype": "F32", "new": []}]}
    assert content_of(with_index(index, FRAME, tmp_path)) == b"0123456789"


@pytest.mark.parametrize(
    "change",
    [
        {"size": 11},
        {"size": "10"},
        {"name": 3},
        {"segments": 1},
        {"segments": [1]},
        {"segments": []},
        {"segments": [{"offset": 0}]},
        {"segments": [{**SEGMENT, "offset": 1}]},
        {"segments": [{**SEGMENT, "at": 17}]},
        {"segments": [{**SEGMENT, "length": len(FRAME) - 1}]},
        {"segments": [{**SEGMENT, "size": 10.0}]},
        {"segments": [{**SEGMENT, "size": -10}]},
        {"segments": [SEGMENT, SEGMENT]},
        {"segments": [SEGMENT, {"offset": 10, "size": 0, "at": 16 + len(FRAME), "length": 0}]},
        {"size": 9, "segments": [{**SEGMENT, "size": 9}]},
        {"size": 1 << 60, "segments": [{**SEGMENT, "size": 1 << 60}]},
    ],
)
def test_an_index_that_contradicts_itself_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    path = with_index({**INDEX, **change}, FRAME, tmp_path)
    with pytest.raises(CorruptError, match=str(path)):
        content_of(path)


@pytest.mark.parametrize("index", [[], "x", None, {}])
def test_an_index_that_is_none_is_refused(index: object, tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="index"):
        content_of(with_index(index, FRAME, tmp_path))


def test_a_newer_archive_is_refused(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.znn"
    for content in (small[:8] + b"\2" + small[9:], small[:15] + b"\1" + small[16:]):
        path.write_bytes(content)
        with pytest.raises(UnsupportedVersionError, match=str(path)):
            open_archive(path)


def test_errors_name_the_segment(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.znn"
    with contextlib.suppress(FormatError):
        path.write_bytes(small)
        with open_archive(path) as file:
            second = file.segments[1]
    damaged = bytearray(small)
    damaged[second.at + second.length // 2] ^= 255
    path.write_bytes(damaged)
    with open_archive(path) as file:
        assert file.read_range(0, 500) == b"some words, " * 41 + b"some wor"
        with pytest.raises(CorruptError, match=rf"file {path}: segment at 500: "):
            file.read_range(499, 501)


def test_pools_that_are_used_again_stay_longest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = [bytes([number]) * 20 for number in range(3)]
    frames = [write_frame(pool, dtype="U8", shape=(20,)) for pool in data]
    places = [16 + sum(map(len, frames[:number])) for number in range(3)]
    pools = [
        {"at": at, "length": len(frame), "pieces": [[10 * number, 10], [20, 10]]}
        for number, (at, frame) in enumerate(zip(places, frames, strict=True))
    ]
    path = with_index({**INDEX, "size": 60, "segments": pools}, b"".join(frames), tmp_path)
    monkeypatch.setattr("zipnn.containers.archive.reading._POOLS_KEPT", 20)
    decoded: list[int] = []
    with open_archive(path) as file:
        assert file._kept == 60  # all are needed at once
        monkeypatch.setattr(file, "_kept", 40)
        opened = file._open
        monkeypatch.setattr(file, "_open", lambda *args: decoded.append(args[0].offset) or opened(*args))
        for number in (0, 1, 0, 2, 0, 1):
            assert file.read_range(10 * number, 10 * number + 10) == data[number][:10]
    assert decoded == [0, 10, 20, 10]
