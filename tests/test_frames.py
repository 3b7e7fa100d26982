# SPDX-License-Identifier: MIT
"""Frames through functions of offset and size: windows, ranges, streams, Zstandard, wrong input."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from tests.reference import read_frame
from tests.reference.build import assemble, build_frame, seal
from zipnn import _core, limits, zstd
from zipnn.errors import CorruptError, FormatError, UnsupportedVersionError
from zipnn.frames import FrameReader, write_frame, write_frame_stream

WINDOW = 1 << 20


class Memory:
    """A place to read from and write to that keeps the record of what was asked."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.reads: list[tuple[int, int]] = []
        self.largest_write = 0

    def read(self, offset: int, size: int) -> memoryview:
        self.reads.append((offset, size))
        if offset + size > len(self.data):
            raise CorruptError("truncated")
        return memoryview(bytes(self.data[offset : offset + size]))

    def write_at(self, offset: int, data: bytes) -> None:
        self.largest_write = max(self.largest_write, len(data))
        self.data.extend(bytes(max(0, offset + len(data) - len(self.data))))
        self.data[offset : offset + len(data)] = data


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(limits, "WINDOW", WINDOW)
    return


def normal(size: int, seed: int = 0) -> bytes:
    """float32 weights of `size` bytes."""
    values = np.random.default_rng(seed).standard_normal(size // 4 + 1).astype("<f4")
    return values.tobytes()[:size]


def text(size: int) -> bytes:
    words = [b"layer", b"norm", b"attention", b"weight", b"bias", b"query", b"key", b"value"]
    source = random.Random(5)
    made = b" ".join(source.choice(words) + b"%d" % source.randrange(40) for _ in range(size // 6 + 1))
    return made[:size]


CONTENTS = {
    "F32": normal,
    "BF16": normal,
    "U8": text,
    "I8": lambda size: random.Random(1).randbytes(size),
    "I32": lambda size: np.arange(size // 4, dtype="<i4").tobytes(),
    "F64": bytes,
}
WIDTH = {"F32": 4, "BF16": 2, "U8": 1, "I8": 1, "I32": 4, "F64": 8}


def open_frame(frame: bytes, *, exact: bool = True) -> FrameReader:
    return FrameReader(Memory(frame).read, len(frame), exact=exact)


def decode(reader: FrameReader, threads: int = 0) -> bytes:
    out = bytearray(reader.head.data_size)
    reader.decode_into(memoryview(out), threads)
    return bytes(out)


@pytest.mark.parametrize("dtype", CONTENTS)
@pytest.mark.parametrize("size", [0, 8, 4096, WINDOW - 8, WINDOW, WINDOW + 8, 3 * WINDOW + 4096])
@pytest.mark.usefixtures("small_windows")
def test_both_writers_give_the_same_bytes_for_any_number_of_threads(dtype: str, size: int) -> None:
    data = CONTENTS[dtype](size)
    shape = (size // WIDTH[dtype],)
    frame = write_frame(data, dtype=dtype, shape=shape, align=8, attachment=b"attached")
    for threads in (1, 2, 3):
        again = write_frame(data, dtype=dtype, shape=shape, align=8, attachment=b"attached", threads=threads)
        assert again == frame
        streamed = Memory()
        end = write_frame_stream(
            Memory(data).read, size, streamed.write_at,
            dtype=dtype, shape=shape, attachment=b"attached", threads=threads,
        )  # fmt: skip
        assert end == len(streamed.data) == len(frame)
        assert bytes(streamed.data) == frame
    reader = open_frame(frame)
    assert len(frame) % 8 == 0
    assert reader.head.attachment == b"attached"
    assert decode(reader) == data == b"".join(bytes(piece) for piece in reader.windows())


@pytest.mark.usefixtures("small_windows")
def test_a_stream_holds_a_window_at_a_time() -> None:
    size = 8 * WINDOW
    source, target = Memory(normal(size)), Memory()
    write_frame_stream(source.read, size, target.write_at, dtype="F32", shape=(size // 4,))
    assert max(count for _, count in source.reads) <= WINDOW
    assert target.largest_write <= WINDOW
    assert target.largest_write < 0.9 * WINDOW

    stored = Memory(bytes(target.data))
    reader = FrameReader(stored.read, len(stored.data))
    assert all(len(piece) <= WINDOW for piece in reader.windows())
    decode(reader)
    assert max(count for _, count in stored.reads) <= WINDOW


@pytest.mark.parametrize("content", ["F32", "U8", "I8", "F64"])
@pytest.mark.usefixtures("small_windows")
def test_a_range_reads_and_decodes_only_the_chunks_that_hold_it(content: str) -> None:
    size = 5 * WINDOW + 8
    data = CONTENTS[content](size)
    frame = write_frame(data, dtype=content, shape=(size // WIDTH[content],))
    memory = Memory(frame)
    reader = FrameReader(memory.read, len(frame))
    assert sum(count for _, count in memory.reads) < 10_000
    chunk = reader.head.chunk_bytes
    source = random.Random(3)
    bounds = [tuple(sorted(source.choices(range(size + 1), k=2))) for _ in range(20)]
    for start, stop in [*bounds, (0, 0), (size, size), (0, size), (chunk, 2 * chunk), (chunk - 1, chunk + 1)]:
        memory.reads.clear()
        assert reader.decode_range(start, stop) == data[start:stop]
        touched = range(start // chunk, (stop + chunk - 1) // chunk) if stop > start else range(0)
        assert sum(count for _, count in memory.reads) == sum(reader.head.chunk_extent(i)[1] for i in touched)
    for start, stop in [(-1, 5), (5, 4), (0, size + 1)]:
        with pytest.raises(ValueError, match="not within"):
            reader.decode_range(start, stop)


def test_a_head_takes_two_reads_at_most() -> None:
    for attached, reads in ((b"", 1), (bytes(100_000), 2)):
        memory = Memory(write_frame(b"abc", dtype="U8", shape=(3,), attachment=attached))
        FrameReader(memory.read, len(memory.data))
        assert len(memory.reads) == reads
        assert sum(size for _, size in memory.reads) <= 2 * (limits.HEAD_PREFIX + len(attached))


def test_incompressible_data_grow_by_no_more_than_promised() -> None:
    source = random.Random(2)
    for size in (0, 1, 7, 100, 5000, 300_000):
        for dtype, shape in (("U8", (size,)), ("Z", (1, size)), ("BF16", (size // 2, 1))):
            data = source.randbytes(size - size % 2 if dtype == "BF16" else size)
            frame = write_frame(data, dtype=dtype, shape=shape)
            reader = open_frame(frame)
            assert len(frame) <= len(data) + len(data) / 1000 + 64
            assert decode(reader) == data


class TestZstandard:
    """Layout 13, chosen for plain bytes in which Zstandard finds much more than the core."""

    def test_it_is_chosen_where_it_saves_most(self) -> None:
        data = text(400_000)
        frame = write_frame(data, dtype="U8", shape=(len(data),))
        assert open_frame(frame).head.codec == "zstd"
        assert len(frame) < len(data) / 3
        assert decode(open_frame(frame)) == read_frame(frame).data == data

    @pytest.mark.parametrize("dtype", ["U8", "I32", "F32"])
    def test_it_is_not_chosen_where_it_saves_nothing(self, dtype: str) -> None:
        for data in (random.Random(1).randbytes(200_000), bytes(200_000)):
            frame = write_frame(data, dtype=dtype, shape=(200_000 // WIDTH[dtype],))
            assert open_frame(frame).head.codec != "zstd"

    def test_several_chunks_decode_in_any_number_of_threads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "ZSTD_CHUNK_LOG2", 16)
        data = text(1_000_000)
        frame = write_frame(data, dtype="U8", shape=(len(data),))
        assert open_frame(frame).head.chunk_count == 16
        for threads in (0, 1, 3):
            assert decode(open_frame(frame), threads) == data
        assert open_frame(frame).decode_range(65_530, 200_000) == data[65_530:200_000]

    def test_damage_names_the_chunk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "ZSTD_CHUNK_LOG2", 16)
        data = text(200_000)
        frame = bytearray(write_frame(data, dtype="U8", shape=(len(data),)))
        at, size = open_frame(bytes(frame)).head.chunk_extent(2)
        for place in range(at, at + size, 97):
            frame[place] ^= 4
            with pytest.raises(CorruptError, match=r"^chunk 2: ") as caught:
                decode(open_frame(bytes(frame)))
            assert type(caught.value) is CorruptError
            frame[place] ^= 4

    @pytest.mark.parametrize(
        "payload",
        [
            zstd.compress(bytes(4097)),
            zstd.compress(bytes(4095)),
            zstd.compress(bytes(1 << 28)),
            zstd.compress(b"") + zstd.compress(bytes(4096)),
            zstd.compress(bytes(4096)) + b"\0",
            zstd.compress(bytes(4096))[:-1],
            b"",
            bytes(4096),
        ],
        ids=["longer", "shorter", "bomb", "two", "stray", "truncated", "empty", "other"],
    )
    def test_a_chunk_is_one_whole_frame_of_the_right_size(self, payload: bytes) -> None:
        frame = assemble([(payload, bytes(4096))], 13)
        with pytest.raises(CorruptError):
            decode(open_frame(frame))

    def test_a_bomb_is_not_decompressed(self) -> None:
        bomb = zstd.compress(bytes(1 << 26))
        tracemalloc.start()
        try:
            with pytest.raises(CorruptError, match="do not hold the 4096 bytes"):
                zstd.decompress(bomb, 4096)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()

    def test_a_window_larger_than_a_chunk_is_refused(self) -> None:
        # A frame whose header (window descriptor 17 << 3) asks for 128 MiB, and an empty last block.
        greedy = bytes.fromhex("28b52ffd 00 88 01 00 00")
        with pytest.raises(CorruptError, match="damaged"):
            zstd.decompress(greedy, 0)
        with pytest.raises(CorruptError):
            decode(open_frame(assemble([(greedy, b"x")], 13)))


def test_a_reference_holds_no_data() -> None:
    frame = _core.reference_head("BF16", (2, 3), 12, "model.embed")
    assert read_frame(frame).reference == "model.embed"
    reader = open_frame(frame)
    assert (reader.head.reference, reader.head.shape, reader.head.data_size) == ("model.embed", (2, 3), 12)
    with pytest.raises(FormatError, match=r"reference to tensor 'model\.embed'"):
        reader.decode_into(memoryview(bytearray(12)))
    with pytest.raises(FormatError, match="reference"):
        reader.decode_range(0, 0)
    with pytest.raises(FormatError, match="reference"):
        next(reader.windows())


def test_bytes_after_a_frame_are_an_error_unless_allowed() -> None:
    frame = write_frame(b"abc", dtype="U8", shape=(3,))
    with pytest.raises(CorruptError, match="5 stray bytes"):
        open_frame(frame + b"extra")
    assert decode(open_frame(frame + b"extra", exact=False)) == b"abc"


def test_damaged_padding_is_found() -> None:
    frame = write_frame(b"abc", dtype="U8", shape=(3,), align=8)
    assert frame[-1] == 0
    for damaged in (frame[:-1] + b"\1",):
        with pytest.raises(CorruptError, match="padding"):
            decode(open_frame(damaged))
        with pytest.raises(CorruptError, match="padding"):
            list(open_frame(damaged).windows())
    empty = write_frame(b"", dtype="U8", shape=(0,), align=8)
    assert len(empty) % 8 == 0
    with pytest.raises(CorruptError, match="padding"):
        decode(open_frame(empty[:-1] + b"\1"))


def test_what_is_no_frame_is_told_from_what_is_a_damaged_one() -> None:
    frame = write_frame(normal(4000), dtype="F32", shape=(1000,))
    for other in (b"x", b"\x9aZNG" + frame[4:], b"version https://git-lfs", bytes(200), frame[1:]):
        with pytest.raises(FormatError) as caught:
            open_frame(other)
        assert type(caught.value) is FormatError
    for size in (*range(100), len(frame) - 1):
        with pytest.raises(CorruptError):
            open_frame(frame[:size])
    with pytest.raises(UnsupportedVersionError, match="version 2"):
        open_frame(frame[:4] + b"\2" + frame[5:])


@pytest.mark.parametrize("layout", [0, 13])
def test_sizes_beyond_what_is_there_are_refused_before_memory_is_taken(layout: int) -> None:
    # Chunks of 16 MiB with payloads of a byte: 100 GiB from 90 kB.
    chunks = 6400
    frame = bytearray(assemble([(b"x", b"")] * chunks, layout, chunk_log2=24, shape=()))
    frame[20:28] = (chunks << 24).to_bytes(8, "little")
    with pytest.raises(CorruptError, match="wrong size"):
        open_frame(seal(bytes(frame)))


def test_out_must_have_the_exact_size() -> None:
    reader = open_frame(write_frame(b"abc", dtype="U8", shape=(3,)))
    for size in (0, 2, 4):
        with pytest.raises(ValueError, match="3"):
            reader.decode_into(memoryview(bytearray(size)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"level": "best"}, "level 'best' is not known: choose from fast, default"),
        ({"threads": -1}, "threads"),
        ({"dtype": ""}, "1 to 32 bytes"),
        ({"dtype": "x" * 33}, "1 to 32 bytes"),
        ({"shape": (1,) * 65}, "65 dimensions"),
        ({"shape": (4,)}, "not a tensor of dtype U8"),
        ({"shape": ()}, "not a tensor of dtype U8"),
    ],
)
def test_wrong_arguments_are_named(changes: dict[str, object], message: str) -> None:
    arguments = {"dtype": "U8", "shape": (3,), "level": "default", "threads": 0, **changes}
    with pytest.raises(ValueError, match=message):
        write_frame(b"abc", **arguments)
    with pytest.raises(ValueError, match=message):
        write_frame_stream(Memory(b"abc").read, 3, Memory().write_at, **arguments)


def test_a_frame_of_many_dimensions_and_of_none() -> None:
    for shape in ((), (1,) * 64):
        assert open_frame(write_frame(b"a", dtype="U8", shape=shape)).head.shape == shape
    built = build_frame(b"a", 0, dtype="U8", shape=(), chunk_log2=18)
    assert built == write_frame(b"a", dtype="U8", shape=())


def test_what_repeats_in_floats_is_left_to_zstandard() -> None:
    weights = np.random.default_rng(3).standard_normal(20_000).astype(np.float32)
    table = np.concatenate([weights, weights[::2], weights])
    assert _core.repeated_share(weights) < 0.01
    assert 0.1 < _core.repeated_share(table) < 0.7
    assert _core.repeated_share(bytes(100_000)) > 0.99
    assert _core.repeated_share(b"") == 0
    frame = write_frame(table.tobytes(), dtype="F32", shape=table.shape)
    assert len(frame) < 0.6 * table.nbytes
    assert read_frame(frame).data == table.tobytes()
    fast = write_frame(table.tobytes(), dtype="F32", shape=table.shape, level="fast")
    assert len(fast) > 0.8 * table.nbytes
