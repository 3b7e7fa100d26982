# SPDX-License-Identifier: MIT
"""What an index may not say, and what becomes of names and sizes that it cannot hold."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest

from tests.containers.archive.test_segments import Bytes, archived
from zipnn.containers.archive import limits
from zipnn.containers.archive.index import (
    FRAMES_BEGIN,
    Index,
    Member,
    Piece,
    Segment,
    most_open,
    parse,
    to_json,
)
from zipnn.containers.archive.reading import Archive
from zipnn.containers.archive.segments import SegmentWriter
from zipnn.containers.archive.sequential import sequential_pieces
from zipnn.containers.archive.streaming import ArchiveWriter
from zipnn.containers.contents import Extent, StoredTensor
from zipnn.errors import CorruptError, ZipnnError

SEGMENT = {"offset": 0, "size": 80, "at": FRAMES_BEGIN, "length": 100}
TENSOR: dict[str, Any] = {"name": "t", "dtype": "F32", "shape": [20], "offset": 0, "size": 80}


def parsed(**changes: Any) -> Index:
    index = {"name": "n", "size": 80, "format": "folder", "segments": [SEGMENT], **changes}
    files = index.setdefault("files", [{"name": "f", "size": 80, "format": "bytes"}])
    assert files
    return parse(json.dumps(index).encode(), FRAMES_BEGIN + 100)


def files(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "size": 80 if name == names[0] else 0, "format": "bytes"} for name in names]


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [1] * 65},
        {"shape": [1 << 40, 1 << 40]},
        {"shape": [1 << 63]},
        {"shape": [0, 1 << 57]},
        {"shape": "12"},
        {"shape": {"1": 2}},
        {"shape": [True]},
        {"shape": [1] * 65, "strides": [0] * 65},
        {"strides": [1, 1]},
        {"strides": [-1]},
        {"strides": "1"},
        {"dtype": ""},
        {"dtype": "x" * 33},
        {"dtype": "é" * 17},
        {"dtype": "\ud800"},
        {"name": "\udfff"},
        {"offset": 1},
    ],
)
def test_a_tensor_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    assert parsed(tensors=[TENSOR]).tensors["t"].shape == (20,)
    with pytest.raises(CorruptError):
        parsed(tensors=[{**TENSOR, **change}])


def test_shapes_at_the_limits_are_taken() -> None:
    shapes = [[1] * 64, [1 << 56, 1], [1 << 28, 1 << 28, 0], []]
    tensors = [{**TENSOR, "name": str(n), "dtype": "x" * 32, "shape": s} for n, s in enumerate(shapes)]
    found = parsed(tensors=tensors).tensors
    assert [list(tensor.shape) for tensor in found.values()] == shapes


@pytest.mark.parametrize("shape", [[1] * 65, [1 << 62, 4], "12"])
def test_a_tensor_of_a_base_has_a_shape_too(shape: Any) -> None:
    def base(shape: Any) -> dict[str, Any]:
        tensor = {"name": "t", "dtype": "F32", "shape": shape}
        return {"name": "b", "id": "0" * 32, "count": 1, "tensors": [tensor]}

    assert parsed(base=base([3])).base is not None
    with pytest.raises(CorruptError):
        parsed(base=base(shape))


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (["a", "a/b"], []),
        (["a/b", "a"], []),
        (["a", "a-b", "a/b"], []),
        (["a", "a/b/c"], []),
        (["a", "a"], []),
        (["a"], ["a"]),
        (["a"], ["a/b"]),
        (["\ud800"], []),
        (["f"], ["\udc80"]),
    ],
)
def test_a_path_is_a_file_or_a_folder(names: list[str], folders: list[str]) -> None:
    with pytest.raises(CorruptError):
        parsed(files=files(*names), folders=folders)


def test_paths_that_only_look_alike_are_taken() -> None:
    index = parsed(files=files("a", "a-b", "a.b", "ab", "b/a", "b/c"), folders=["b", "c", "c/d", "a b"])
    assert len(index.members) == 6


def test_only_the_name_for_people_may_be_replaced() -> None:
    segments = (Segment((Piece(0, 80),), FRAMES_BEGIN, 100),)
    index = Index("\udcff.bin", 80, "bytes", segments, {})
    assert parse(to_json(index), FRAMES_BEGIN + 100).name == "?.bin"
    tensor = StoredTensor("\udcff", "U8", (80,), 0, 80)
    member = Member("\udcff", 0, 80, "bytes")
    for bad in (
        Index("n", 80, "bytes", segments, {tensor.name: tensor}),
        Index("n", 80, "folder", segments, {}, (member,)),
    ):
        with pytest.raises(UnicodeEncodeError):
            to_json(bad)


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "match"),
    [
        ("\ud800", "U8", (4,), "UTF-8"),
        ("t", "\ud800", (4,), "UTF-8"),
        ("t", "", (4,), "dtype"),
        ("t", "x" * 33, (4,), "dtype"),
        ("t", "F32", (2,), "4 bytes"),
        ("t", "F32", (), None),
        ("t", "U8", (5,), "4 bytes"),
        ("t", "U8", (-4,), "shape"),
        ("t", "other", (1,) * 65, "shape"),
        ("t", "other", (1 << 62, 1 << 62), "shape"),
    ],
)
def test_what_no_index_can_say_is_not_added(
    name: str, dtype: str, shape: tuple[int, ...], match: str | None
) -> None:
    sink = Bytes()
    with ArchiveWriter(sink) as writer:
        if match is None:
            writer.add(name, memoryview(b"1234"), dtype, shape)
        else:
            with pytest.raises(ValueError, match=match):
                writer.add(name, memoryview(b"1234"), dtype, shape)
            assert writer.size == 0
            writer.add("t", memoryview(b"1234"), "U8", (4,))
    archive = Archive(sink)
    assert archive.read_tensor_range("t", 0, 4) == b"1234"
    assert len(archive.tensors) == 1


def test_an_index_that_repeats_itself_can_be_opened() -> None:
    """More than 2^20 bytes of JSON that shrink much further than readers let an index expand."""
    sink = Bytes()
    with ArchiveWriter(sink) as writer:
        for number in range(100):
            writer.add(f"{number}" + "x" * 60_000, memoryview(b"1234"), "U8", (4,))
    archive = Archive(sink)
    assert len(archive.tensors) == 100
    assert b"".join(sequential_pieces(BytesIO(sink.content).read)) == b"1234" * 100


def test_an_index_that_expands_too_far_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Bytes()
    with ArchiveWriter(sink) as writer:
        writer.add("x" * (3 << 20), memoryview(b""), "U8", (0,))
        monkeypatch.setattr(limits, "INDEX_EXPANSION", 1 << 20)
    assert sink.size < 10_000
    monkeypatch.undo()
    with pytest.raises(CorruptError, match="are allowed"):
        Archive(sink)


def test_a_file_of_very_many_parts_can_be_archived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "INDEX_SMALLEST", 1000)
    monkeypatch.setattr(limits, "INDEX_EXPANSION", 2)
    content = bytes(4000)
    archived(content, *(StoredTensor(f"t{n}", "U8", (20,), n * 20, 20) for n in range(200)))


def test_an_index_beyond_all_limits_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "INDEX_LARGEST", 100)
    writer = SegmentWriter(Bytes(), "fast")
    writer.begin()
    with pytest.raises(ZipnnError, match="fewer parts"):
        writer.finish(Index("n" * 100, 0, "bytes", (), {}))


def test_pools_that_are_needed_at_once_are_limited() -> None:
    def pools(count: int, between: int = 0) -> list[dict[str, Any]]:
        """As many of 64 MiB, of two bytes each; of `between` the last byte comes before the next begins."""
        first = [[n, n + count] for n in range(count - between)]
        places = first + [[2 * n, 2 * n + 1] for n in range(count - between, count)]
        return [
            {"at": 16 + 10 * n, "length": 10, "pieces": [[a, 1], [b - a - 1, 1, limits.SEGMENT - 1]]}
            for n, (a, b) in enumerate(places)
        ]

    def read(segments: list[dict[str, Any]]) -> Index:
        index = {"name": "n", "size": 2 * len(segments), "format": "bytes", "segments": segments}
        return parse(json.dumps(index).encode(), FRAMES_BEGIN + 10 * len(segments))

    assert most_open(read(pools(3)).segments) == limits.POOLS_OPEN
    assert most_open(read(pools(9, 9)).segments) == limits.SEGMENT
    with pytest.raises(CorruptError, match="at once"):
        read(pools(4))


def test_small_parts_of_very_many_types_stay_within_that() -> None:
    count = 100
    extents = tuple(Extent(n * 10, 10, f"T{n % 50}") for n in range(count))
    archive = archived(bytes(10 * count), extents=extents)
    assert len(archive.segments) <= limits.POOL_TYPES + 1
    assert (limits.POOL_TYPES + 1) * limits.POOL + limits.GROUPING_WINDOW <= limits.POOLS_OPEN
