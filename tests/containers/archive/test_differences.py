# SPDX-License-Identifier: MIT
"""Archives that claim to be differences: every claim is checked before it is believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash

from tests.containers.craft import with_index
from zipnn import differences
from zipnn.containers.archive.differences import BaseTensor
from zipnn.containers.archive.reading import open_archive
from zipnn.errors import BaseMismatchError, BaseRequiredError, CorruptError, UnsupportedVersionError
from zipnn.frames import write_frame

TENSOR = bytes(range(100)) * 4
CHANGED = bytes(value ^ (index == 50) for index, value in enumerate(TENSOR))
RECORD = {
    "name": "base",
    "id": "00" * 16,
    "count": 1,
    "tensors": [{"name": "w", "dtype": "U8", "shape": [400]}],
}


class OneTensor:
    """A base with a tensor."""

    path = Path("here")

    def __init__(self, data: bytes = TENSOR) -> None:
        self.data = data

    def check(self, record: Any) -> None:
        """Anything goes."""

    def read(self, tensor: BaseTensor, start: int, size: int, threads: int = 0) -> memoryview:
        if start + size > len(self.data):
            raise BaseMismatchError("too short")
        return memoryview(self.data)[start : start + size]


def checksums(*parts: bytes) -> bytes:
    """The frame of a segment of coding base."""
    values = np.array([xxhash.xxh3_64_intdigest(part) for part in parts], "<u8")
    return write_frame(values.data, dtype="U64", shape=values.shape, align=8)


def difference() -> bytes:
    """A frame that needs the tensor."""
    frame = differences.encode(CHANGED, TENSOR, dtype="U8", shape=(400,))
    assert differences.needs_base(frame)
    return frame


def archive(folder: Path, frame: bytes, coding: dict[str, Any], base: Any = RECORD, **more: Any) -> Path:
    """An archive of one segment."""
    segment = {"at": 16, "length": len(frame), "offset": 0, "size": 400, "coding": coding, **more}
    size = sum(piece[1] for piece in segment["pieces"]) if "pieces" in segment else segment["size"]
    index = {"name": "m", "size": size, "format": "bytes", "segments": [segment]}
    if base is not None:
        index["base"] = base
    return with_index(index, frame, folder)


def read(path: Path, base: Any = None) -> bytes:
    with open_archive(path, base or OneTensor()) as file:
        whole = file.read_range(0, file.original_size)
        assert b"".join(bytes(piece) for _, piece in file.original_pieces()) == whole
        assert file.read_range(37, 90) == whole[37:90]
        return bytes(whole)


def test_both_codings(tmp_path: Path) -> None:
    assert read(archive(tmp_path, difference(), {"name": "delta", "base": [[0, 0, 400]]})) == CHANGED
    parts = [[0, 0, 150], [0, 200, 200], [0, 10, 50]]
    frame = checksums(*(TENSOR[start : start + size] for _, start, size in parts))
    expected = TENSOR[:150] + TENSOR[200:] + TENSOR[10:60]
    assert read(archive(tmp_path, frame, {"name": "base", "base": parts})) == expected
    pieces = [[0, 300, 100], [0, 100, 0]]
    path = archive(tmp_path, frame, {"name": "base", "base": parts}, pieces=pieces)
    assert read(path) == expected[100:] + expected[:100]
    # A difference may be to parts of several tensors.
    assert (
        read(archive(tmp_path, difference(), {"name": "delta", "base": [[0, 0, 1], [0, 1, 399]]})) == CHANGED
    )


@pytest.mark.parametrize("name", ["delta", "base"])
@pytest.mark.parametrize(
    "parts",
    [
        None, "text", 7, [], [{}], [[0, 0, 399]], [[0, 0, 401]], [[1, 0, 400]], [[0, 0, 400, 0]], [[0, 0]],
        [[-1, 0, 400]], [[0, -1, 400]], [[0, 0, 0], [0, 0, 400]], [[True, 0, 400]], [[0, 0, 400.0]],
        [[0, 0, 1 << 27]],
    ],
)  # fmt: skip
def test_parts_that_are_none(name: str, parts: Any, tmp_path: Path) -> None:
    frame = difference() if name == "delta" else checksums(TENSOR)
    with pytest.raises(CorruptError):
        read(archive(tmp_path, frame, {"name": name, "base": parts}))


@pytest.mark.parametrize(
    "base",
    [
        None, 5, {}, {**RECORD, "name": 3}, {**RECORD, "count": -1}, {**RECORD, "id": None},
        {**RECORD, "tensors": [{"name": "w"}]}, {**RECORD, "tensors": []}, {**RECORD, "tensors": None},
        {**RECORD, "tensors": [{"name": "w", "dtype": "U8", "shape": [-1]}]},
    ],
)  # fmt: skip
def test_records_of_a_base_that_are_none(base: Any, tmp_path: Path) -> None:
    with pytest.raises(CorruptError):
        read(archive(tmp_path, checksums(TENSOR), {"name": "base", "base": [[0, 0, 400]]}, base))


def test_frames_of_another_kind(tmp_path: Path) -> None:
    plain = write_frame(TENSOR, dtype="U8", shape=(400,), align=8)
    short = checksums(TENSOR, TENSOR)
    for frame, name in ((short, "base"), (plain, "base"), (checksums(TENSOR), "delta"), (plain * 2, "delta")):
        with pytest.raises(CorruptError):
            read(archive(tmp_path, frame, {"name": name, "base": [[0, 0, 400]]}))
    # One that needs no base is as good as any.
    assert read(archive(tmp_path, plain, {"name": "delta", "base": [[0, 0, 400]]})) == TENSOR
    with pytest.raises(UnsupportedVersionError):
        read(archive(tmp_path, plain, {"name": "newer", "base": [[0, 0, 400]]}))


def test_a_piece_that_nobody_could_hold(tmp_path: Path) -> None:
    size = 1 << 40
    pieces = [[0, size, 0]]
    with pytest.raises(CorruptError):
        open_archive(archive(tmp_path, checksums(TENSOR), {"name": "base", "base": []}, pieces=pieces))


def test_bases_that_do_not_fit(tmp_path: Path) -> None:
    for frame, name in ((difference(), "delta"), (checksums(TENSOR), "base")):
        path = archive(tmp_path, frame, {"name": name, "base": [[0, 0, 400]]})
        for wrong in (TENSOR[:399], TENSOR[:399] + b"x", bytes(400)):
            with pytest.raises(BaseMismatchError, match=r"made against base \(id 0{32}\), not against here"):
                read(path, OneTensor(wrong))
        with open_archive(path) as file, pytest.raises(BaseRequiredError, match="tensor 'w'"):
            file.read_range(0, 1)
