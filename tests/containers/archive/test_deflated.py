# SPDX-License-Identifier: MIT
"""Deflated members in an archive: what they hold is coded, and their streams are made again."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn
from tests.containers.archive.test_segments import Bytes
from tests.containers.craft import with_index
from zipnn import deflate
from zipnn.containers.archive import limits, reading, segments
from zipnn.containers.archive.planning import Part
from zipnn.containers.archive.reading import Archive, open_archive
from zipnn.containers.archive.writing import estimate_archive, write_archive
from zipnn.containers.contents import Contents, Deflated, Extent
from zipnn.errors import CorruptError
from zipnn.files import compress_file, decompress_file
from zipnn.folders import archive_folder, restore_folder
from zipnn.frames import write_frame

FLOATS = np.random.default_rng(7).standard_normal(120_000).astype("<f4")


def raw_deflate(data: bytes, bits: int = 15) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -bits)
    return packer.compress(data) + packer.flush()


def contents_of(stream: bytes, size: int, dtype: str = "F32", *, big_endian: bool = False) -> Contents:
    extents = (Extent(0, size, dtype, big_endian),)
    return Contents("test", deflated=(Deflated(0, len(stream), size, extents),))


def archive_of(stream: bytes, contents: Contents) -> Archive:
    sink = Bytes()
    write_archive(Bytes(stream), sink, level="fast", contents=contents)
    return Archive(sink)


def codings_of(path: Path) -> list[str]:
    with open_archive(path) as archive:
        return [segment.coding for segment in archive.segments]


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2", ">c8", ">c16", "<f4"])
def test_the_order_of_bytes_inside_npz(dtype: str, tmp_path: Path) -> None:
    path, packed, back = tmp_path / "a.npz", tmp_path / "a.npz.znn", tmp_path / "b.npz"
    values = (FLOATS[:20_000] * 100).astype(dtype)
    np.savez_compressed(path, a=values, b=values[:3])
    compress_file(path, packed, force=True)
    decompress_file(packed, back)
    assert back.read_bytes() == path.read_bytes()
    assert "deflate" in codings_of(packed)
    with zipnn.open(packed) as file:
        name = next(name for name in file if name.startswith("a"))
        assert np.array_equal(file.get_tensor(name), values)
        assert np.array_equal(file.get_slice(name)[777:780], values[777:780])


def test_the_order_of_bytes_inside_npz_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    np.savez_compressed(folder / "big.npz", a=FLOATS.astype(">f4"))
    np.savez_compressed(folder / "little.npz", a=FLOATS)
    archive_folder(folder, tmp_path / "model.znn")
    restore_folder(tmp_path / "model.znn", tmp_path / "again")
    for name in ("big.npz", "little.npz"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_the_order_of_bytes_inside_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path, packed, back = tmp_path / "a.h5", tmp_path / "a.h5.znn", tmp_path / "b.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=FLOATS[:20_000].astype(">f4"), chunks=(10_000,), compression="gzip")
    compress_file(path, packed, force=True)
    decompress_file(packed, back)
    assert back.read_bytes() == path.read_bytes()
    assert codings_of(packed).count("deflate") == 2


def test_frames_of_both_orders_in_one_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SEGMENT", 100_000)
    big, little = FLOATS.astype(">f4").tobytes(), FLOATS.tobytes()
    data = b"head" + big + b"x" + little
    extents = (Extent(4, len(big), "F32", True), Extent(5 + len(big), len(little), "F32"))
    stream = raw_deflate(data)
    member = Deflated(0, len(stream), len(data), extents)
    archive = archive_of(stream, Contents("test", deflated=(member,)))
    made = archive.segment_data(archive.segments[0])
    assert b"".join(map(bytes, made.windows())) == stream
    for start, stop in [(0, len(data)), (3, 6), (99_999, 100_007), (len(big) - 3, len(big) + 9), (5, 5)]:
        assert made.inflated_range(start, stop) == data[start:stop]  # type: ignore[attr-defined]


def test_a_member_nobody_can_make_again_is_gathered_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SEGMENT", 1 << 16)
    monkeypatch.setattr("zipnn.containers.archive.writing._BATCH", 1 << 17)
    gathered: list[int] = []
    most: list[int] = []
    gather = segments.gather

    def counted(source: Any, part: Part) -> segments.Work:
        gathered.append(part.size)
        return gather(source, part)

    class Sink(Bytes):
        def write(self, data: bytes) -> None:
            most.append(sum(gathered))
            gathered.clear()
            super().write(data)

    monkeypatch.setattr(segments, "gather", counted)
    stream = raw_deflate(FLOATS.tobytes(), bits=13)
    sink = Sink()
    write_archive(Bytes(stream), sink, level="fast", contents=contents_of(stream, FLOATS.nbytes))
    assert b"".join(bytes(piece) for _, piece in Archive(sink).original_pieces()) == stream
    assert max(most) <= 1 << 17 < len(stream)


def lying(size: int, folder: Path, **more: object) -> Path:
    """An archive whose only segment says that 64 bytes make a DEFLATE stream of `size`."""
    frame = write_frame(bytes(64), dtype="U8", shape=(64,), align=8)
    coding = {"name": "deflate", "level": 6, "mem_level": 8}
    segment = {"at": 16, "length": len(frame), "offset": 0, "size": size, "coding": coding}
    return with_index(
        {"name": "x", "size": size, "format": "tensors", "segments": [segment], **more}, frame, folder
    )


def test_a_stream_cannot_be_longer_than_what_it_holds_allows(tmp_path: Path) -> None:
    tensor = {"name": "a", "dtype": "U8", "shape": [1 << 46], "offset": 0, "size": 1 << 46}
    path = lying(1 << 46, tmp_path, tensors=[tensor])
    with open_archive(path) as archive:
        for start in (0, 1 << 45):
            with pytest.raises(CorruptError, match="segment at 0: 64 bytes cannot make"):
                archive.read_range(start, 1 << 46)
    with zipnn.open(path) as file, pytest.raises(CorruptError, match="cannot make"):
        file.get_tensor("a")
    with (
        open_archive(lying(1000, tmp_path)) as archive,
        pytest.raises(CorruptError, match="has not the 1000"),
    ):
        archive.read_range(0, 1000)


def test_noise_is_within_what_a_stream_may_take() -> None:
    for size in (0, 1, 1000, 100_000):
        data = np.random.default_rng(size).bytes(size)
        for level in range(1, 10):
            for mem_level in (8, 9):
                parameters = deflate.Parameters(level, mem_level)
                assert sum(map(len, deflate.recreate([data], parameters))) <= deflate.most_bytes(size)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of what is made of streams; none of them is kept whole."""
    sizes: list[int] = []
    recreate = deflate.recreate

    def counted(pieces: Iterable[Any], parameters: deflate.Parameters) -> Iterator[bytes]:
        for piece in recreate(pieces, parameters):
            sizes.append(len(piece))
            yield piece

    monkeypatch.setattr(reading, "_POOLS_KEPT", 1024)
    monkeypatch.setattr(deflate, "recreate", counted)
    return sizes


def test_reading_goes_on_where_it_was(made: list[int]) -> None:
    stream = raw_deflate(FLOATS.tobytes())
    archive = archive_of(stream, contents_of(stream, FLOATS.nbytes))
    made.clear()
    for start in range(0, len(stream), 5000):
        stop = min(start + 5000, len(stream))
        assert archive.read_range(start, stop) == stream[start:stop]
    assert sum(made) == len(stream)
    for start, stop in [
        (len(stream) - 9, len(stream)),
        (7, 7),
        (0, 3),
        (200_000, 200_001),
        (199_000, 210_000),
    ]:
        assert archive.read_range(start, stop) == stream[start:stop]


def test_reading_after_damage_fails_again(made: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SEGMENT", 100_000)
    stream = raw_deflate(FLOATS.tobytes())
    archive = archive_of(stream, contents_of(stream, FLOATS.nbytes))
    sink: Any = archive._reader
    at = archive.segments[0].at + archive.segments[0].length - 4000
    sink.content[at] ^= 1
    assert archive.read_range(0, 100) == stream[:100]
    for _ in range(2):
        with pytest.raises(CorruptError):
            archive.read_range(100, len(stream))
    sink.content[at] ^= 1
    assert archive.read_range(100, len(stream)) == stream[100:]


def test_streams_are_read_side_by_side(made: list[int], tmp_path: Path) -> None:
    path, packed = tmp_path / "a.npz", tmp_path / "a.npz.znn"
    arrays = {f"a{number}": FLOATS[number * 9000 :][:9000].astype(">f4") for number in range(8)}
    np.savez_compressed(path, **arrays)
    compress_file(path, packed, force=True)
    content = path.read_bytes()
    with open_archive(packed) as archive:
        for shift in range(0, 3000, 1000):
            for start in range(shift, len(content) - 1000, 20_000):
                assert archive.read_range(start, start + 1000) == content[start : start + 1000]


@pytest.mark.parametrize("bits", [15, 13], ids=["made again", "kept"])
def test_an_estimate_looks_into_members(bits: int) -> None:
    smooth = np.cumsum(FLOATS).astype("<f4").tobytes()
    stream = raw_deflate(smooth, bits)
    contents = contents_of(stream, len(smooth))
    sink = Bytes()
    write_archive(Bytes(stream), sink, level="default", contents=contents)
    estimate = estimate_archive(Bytes(stream), level="default", contents=contents)
    assert abs(estimate - sink.size) < 0.04 * len(stream)
    assert (sink.size < 0.93 * len(stream)) == (bits == 15)


def test_an_estimate_of_what_is_damaged_or_lies(tmp_path: Path) -> None:
    stream = raw_deflate(FLOATS.tobytes())
    for content, size in [
        (b"\xff" + stream, 480_000),
        (stream, 479_999),
        (stream, 1 << 50),
        (stream[:90], 480_000),
    ]:
        estimate = estimate_archive(Bytes(content), level="fast", contents=contents_of(content, size))
        assert 0 < estimate < len(content) + 1000
