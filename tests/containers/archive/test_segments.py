# SPDX-License-Identifier: MIT
"""What an archive makes of a file's tensors: frames of their own, pools, shared frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.containers.craft import noise, weights
from zipnn import zstd
from zipnn.containers.archive import limits
from zipnn.containers.archive.planning import make_plan
from zipnn.containers.archive.reading import Archive
from zipnn.containers.archive.streaming import ArchiveWriter
from zipnn.containers.archive.writing import estimate_archive, write_archive
from zipnn.containers.contents import Contents, Extent, StoredTensor
from zipnn.errors import CorruptError

FLOATS = np.random.default_rng(5).standard_normal(200_000).astype(np.float32)


class Bytes:
    """A file in memory, to read from and to write to."""

    def __init__(self, content: bytes = b"", name: str = "model.bin") -> None:
        self.path = Path(name)
        self.content = bytearray(content)
        self.reads: list[tuple[int, int]] = []

    @property
    def size(self) -> int:
        return len(self.content)

    def read(self, offset: int, size: int) -> memoryview:
        if not 0 <= offset <= offset + size <= self.size:
            raise CorruptError("truncated")
        self.reads.append((offset, size))
        return memoryview(bytes(self.content[offset : offset + size]))

    def write(self, data: bytes) -> None:
        self.content += data

    def close(self) -> None:
        pass


def tensor(name: str, dtype: str, offset: int, size: int, width: int = 4, **more: object) -> StoredTensor:
    return StoredTensor(name, dtype, (size // width,), offset, size, **more)  # type: ignore[arg-type]


def archived(content: bytes, *tensors: StoredTensor, extents: tuple[Extent, ...] = ()) -> Archive:
    sink = Bytes()
    contents = Contents("test", tensors, extents)
    assert write_archive(Bytes(content), sink, level="default", contents=contents) == sink.size
    archive = Archive(sink)
    restored = bytearray()
    for offset, piece in archive.original_pieces():
        assert offset == len(restored)
        restored += piece
    assert bytes(restored) == content
    return archive


def test_each_tensor_has_a_frame_of_its_type_and_the_rest_shares_one() -> None:
    one, two = FLOATS[:20_000].tobytes(), weights(20_000)
    content = b"head" + one + b"between" + two + b"tail"
    archive = archived(
        content, tensor("one", "F32", 4, len(one)), tensor("two", "BF16", 11 + len(one), len(two), 2)
    )
    found = {
        segment.offset: archive.segment_data(segment).frames[0].head.dtype for segment in archive.segments
    }
    assert found == {0: "U8", 4: "F32", 11 + len(one): "BF16"}
    assert [piece.size for piece in archive.segments[0].pieces] == [4, 7, 4]
    assert archive.read_tensor_range("two", 6, 600) == two[6:600]
    assert archive.tensors["one"].shape == (20_000,)
    assert archive.size < 0.85 * len(content)


def test_small_tensors_share_frames_by_type() -> None:
    parts = [FLOATS[at : at + 100].tobytes() for at in range(0, 10_000, 100)]
    tensors = [tensor(f"f{number}", "F32", number * 400, 400) for number in range(100)]
    archive = archived(b"".join(parts), *tensors)
    assert len(archive.segments) == 1
    assert archive.read_tensor_range("f7", 0, 400) == parts[7]


def test_equal_tensors_are_stored_once() -> None:
    large, small = FLOATS[:50_000].tobytes(), FLOATS[:500].tobytes()
    content = b"a" + large + b"b" + small + b"c" + large + small
    places = [1, 2 + len(large), 3 + len(large) + len(small)]
    tensors = [
        tensor("large", "F32", places[0], len(large)),
        tensor("small", "F32", places[1], len(small)),
        tensor("large again", "F32", places[2], len(large)),
        tensor("small again", "F32", places[2] + len(large), len(small)),
    ]
    archive = archived(content, *tensors)
    assert archive.size < 0.9 * (len(large) + len(small))
    assert len({segment.at for segment in archive.segments}) == len(archive.segments) - 1
    for name in ("large again", "small again"):
        first = archive.tensors[name.removesuffix(" again")]
        again = archive.read_tensor_range(name, 0, first.size)
        assert again == archive.read_tensor_range(first.name, 0, first.size)


def test_a_tensor_that_only_looks_equal_is_not_taken_for_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zipnn.containers.archive.segments._core.xxh3_64", lambda data: 1)
    one, two = FLOATS[:50_000].tobytes(), FLOATS[50_000:100_000].tobytes()
    sink = Bytes()
    tensors = (tensor("one", "F32", 0, len(one)), tensor("two", "F32", len(one), len(two)))
    write_archive(Bytes(one + two), sink, level="fast", contents=Contents("test", tensors))
    monkeypatch.undo()
    assert len(sink.content) > len(one)


@pytest.mark.parametrize("dtype", ["F32", "F64", "I16", "C64"])
def test_elements_may_have_their_bytes_in_the_other_order(dtype: str) -> None:
    kind = {"F32": ">f4", "F64": ">f8", "I16": ">i2", "C64": ">c8"}[dtype]
    values = (FLOATS[:40_000] * 100).astype(kind)
    content = b"xy" + values.tobytes() + b"z"
    size = values.nbytes
    archive = archived(content, tensor("t", dtype, 2, size, values.itemsize, big_endian=True))
    assert archive.size < 0.9 * size
    for start, stop in [(0, 1), (3, 5), (1, size - 1), (size - 3, size)]:
        assert archive.read_tensor_range("t", start, stop) == values.tobytes()[start:stop]


@given(st.data())
def test_whatever_a_reader_says_each_byte_is_in_one_part(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 300_000))
    extent = st.builds(
        Extent,
        st.integers(0, max(size - 1, 0)),
        st.integers(0, size),
        st.sampled_from(["F32", "BF16", "U8", "I64", "C128", "F4", "NOBODY'S"]),
        st.booleans(),
    )
    extents = [e for e in data.draw(st.lists(extent, max_size=12)) if e.offset + e.size <= size]
    seen = bytearray(size)
    for part in make_plan(Bytes(bytes(size)), Contents("test", (), tuple(extents))):
        for piece in part.extents:
            assert piece.size > 0
            assert (piece.dtype, piece.big_endian) == (part.dtype, part.extents[0].big_endian)
            covered = seen[piece.offset : piece.offset + piece.size]
            assert covered == bytes(piece.size)
            seen[piece.offset : piece.offset + piece.size] = b"\1" * piece.size
    assert seen == b"\1" * size


def test_overlapping_tensors_are_stored_once_and_found_all() -> None:
    content = FLOATS[:60_000].tobytes()
    archive = archived(
        content,
        tensor("all", "F32", 0, 240_000),
        tensor("view", "F32", 80_000, 100_000),
        tensor("beyond", "BF16", 239_990, 10, 2),
    )
    assert archive.read_tensor_range("view", 0, 100_000) == content[80_000:180_000]
    assert archive.read_tensor_range("beyond", 0, 10) == content[239_990:]


def test_long_tensors_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SEGMENT", 50_001)
    content = FLOATS[:60_000].tobytes()
    archive = archived(content, tensor("t", "F32", 0, len(content)))
    assert [segment.size for segment in archive.segments] == [50_000] * 4 + [40_000]
    assert archive.read_tensor_range("t", 49_998, 150_003) == content[49_998:150_003]


def test_same_bytes_for_any_number_of_threads() -> None:
    content = b"".join(FLOATS[at : at + 9000].tobytes() for at in range(0, 90_000, 9000)) + FLOATS.tobytes()
    tensors = [tensor(f"t{n}", "F32", n * 36_000, 36_000) for n in range(10)]
    made = []
    for threads in (1, 2, 5):
        sink = Bytes()
        contents = Contents("test", tuple(tensors))
        write_archive(Bytes(content), sink, level="default", threads=threads, contents=contents)
        made.append(bytes(sink.content))
    assert made[0] == made[1] == made[2]


def test_an_estimate_is_near_what_comes_out() -> None:
    content = b"head" + FLOATS.tobytes() + weights(100_000) + noise(100_000)
    tensors = (tensor("one", "F32", 4, FLOATS.nbytes), tensor("two", "BF16", 4 + FLOATS.nbytes, 200_000, 2))
    contents = Contents("test", tensors)
    sink = Bytes()
    write_archive(Bytes(content), sink, level="default", contents=contents)
    estimate = estimate_archive(Bytes(content), level="default", contents=contents)
    assert abs(estimate - sink.size) < 0.01 * len(content)


def test_a_stream_is_written_in_bounded_memory_and_reads_front_to_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SEGMENT", 100_000)
    content = weights(100_000) + b"text " * 30_000
    for step in (1000, 99_999, 100_000, 100_001, 777_777):
        sink = Bytes()
        with ArchiveWriter(sink) as writer:
            for at in range(0, len(content), step):
                part = content[at : at + step]
                assert writer.write(part) == len(part)
            assert writer.size == len(content)
        archive = Archive(sink)
        assert archive.sequential
        assert b"".join(piece for _, piece in archive.original_pieces()) == content
        assert archive.size < 0.6 * len(content)


def test_tensors_are_added_one_by_one() -> None:
    sink = Bytes()
    with ArchiveWriter(sink, level="fast") as writer:
        writer.write(b"before")
        writer.add("weights", FLOATS.data, "F32", FLOATS.shape)
        writer.add("nothing", memoryview(b""), "F32", (0, 4))
        writer.add("one", memoryview(b"\1\0\0\0"), "I32", ())
        with pytest.raises(ValueError, match="already"):
            writer.add("one", memoryview(b"\1\0\0\0"), "I32", ())
    archive = Archive(sink)
    assert archive.read_tensor_range("weights", 0, FLOATS.nbytes) == FLOATS.tobytes()
    assert archive.tensors["one"].shape == ()
    assert archive.read_tensor_range("nothing", 0, 0) == b""
    assert archive.original_size == 10 + FLOATS.nbytes
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"x")


def test_what_a_failed_writer_leaves_is_no_archive() -> None:
    sink = Bytes()
    with pytest.raises(TypeError), ArchiveWriter(sink) as writer:
        writer.write("text")  # type: ignore[arg-type]
    with pytest.raises(CorruptError):
        Archive(sink)


def test_blocks_of_noise_are_stored_plainly() -> None:
    content = noise(210 * 500)
    for kind, size in (("Q6_K", 210), ("Q4_0", 18)):
        whole = len(content) // size * size
        archive = archived(content, StoredTensor("t", kind, (whole // size * 32,), 0, whole))
        assert archive.size < len(content) * 1.001 + 500
        assert archive.read_tensor_range("t", 5, 777) == content[5:777]


def test_a_wrong_guess_takes_no_more_than_zstandard() -> None:
    # Floats to the eye, but each stands for one of a few, in an order that repeats at long distances.
    rng = np.random.default_rng(4)
    words = rng.standard_normal(300).astype(np.float32)
    order = rng.integers(0, 300, 40_000)
    content = words[np.tile(order, 3)].tobytes()
    archive = archived(content)
    packed = sum(len(zstd.compress(content[at : at + (2 << 20)])) for at in range(0, len(content), 2 << 20))
    assert archive.size < packed + 400


def test_a_tensor_in_a_member_names_no_bytes_of_the_file() -> None:
    """Its offset counts in what the member inflates to: what lies there in the file may be joined."""
    content = FLOATS[:10_000].tobytes() * 3
    parts = tuple(Extent(at, 40_000, "F32") for at in range(0, 120_000, 40_000))
    inside = StoredTensor("t", "F32", (10_000,), 40_000, 40_000, member=0)
    plans = [make_plan(Bytes(content), Contents("test", tensors, parts)) for tensors in ((), (inside,))]
    assert plans[0] == plans[1]
    assert len(plans[0][0].extents) == 3
