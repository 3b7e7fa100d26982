# SPDX-License-Identifier: MIT
"""Reading a sequential archive front to back."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest

import zipnn
from zipnn import _core
from zipnn.containers.archive import limits, streaming
from zipnn.containers.archive.segments import FOOTER, INDEX_MAGIC
from zipnn.containers.archive.sequential import is_sequential, sequential_pieces
from zipnn.errors import FormatError, ZipnnError

ORIGINAL = np.random.default_rng(0).standard_normal(200_000).astype("f4").tobytes() + b"tail" * 7


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """An archive of several segments."""
    monkeypatch.setattr(limits, "SEGMENT", 256 << 10)
    sink = io.BytesIO()
    with streaming.ArchiveWriter(sink) as writer:
        writer.write(ORIGINAL)
    return sink.getvalue()


class Trickle:
    """Gives a few bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        self._stream = io.BytesIO(data)
        self._most = most
        self.read_so_far = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._most))
        self.read_so_far += len(data)
        return data


def joined(data: bytes, most: int = 1 << 30) -> bytes:
    return b"".join(sequential_pieces(Trickle(data, most).read))


def test_pieces_are_the_original(archive: bytes) -> None:
    assert is_sequential(archive[:16])
    assert joined(archive) == joined(archive, 7) == ORIGINAL


def test_pieces_come_before_the_end_is_read(archive: bytes) -> None:
    stream = Trickle(archive, 1 << 30)
    pieces = sequential_pieces(stream.read)
    first = next(pieces)
    assert first == ORIGINAL[: len(first)]
    assert stream.read_so_far < len(archive) // 2


def test_no_archive_of_nothing() -> None:
    sink = io.BytesIO()
    streaming.ArchiveWriter(sink).close()
    assert joined(sink.getvalue()) == b""


def test_any_cut_and_any_flip_is_found(archive: bytes) -> None:
    rng = np.random.default_rng(1)
    for cut in [*rng.integers(0, len(archive), 40).tolist(), *range(len(archive) - 40, len(archive))]:
        with pytest.raises(FormatError):
            joined(archive[:cut])
    for place in [*rng.integers(0, len(archive), 60).tolist(), *range(len(archive) - 60, len(archive))]:
        data = bytearray(archive)
        data[place] ^= 1 << int(rng.integers(8))
        with pytest.raises(ZipnnError):
            joined(bytes(data))
    with pytest.raises(FormatError):
        joined(archive + b"x")


def test_segments_that_were_left_out_or_swapped_are_missed(archive: bytes) -> None:
    at, length, _, _ = FOOTER.unpack(archive[-FOOTER.size :])
    from zipnn.containers.archive.reading import Archive
    from zipnn.plugins.readers import MemoryReader

    one, two, *_ = Archive(MemoryReader(archive)).segments
    frames = [archive[s.at : s.at + s.length] for s in (one, two)]
    end = two.at + two.length
    swapped = archive[: one.at] + frames[1] + frames[0] + archive[end:]
    with pytest.raises(FormatError):
        joined(swapped)
    place = struct.pack("<QQ", at - len(frames[0]), length)
    footer = place + struct.pack("<Q", _core.xxh3_64(place)) + INDEX_MAGIC
    with pytest.raises(FormatError, match=r"not as it|does not describe|add up|elsewhere"):
        joined(archive[: one.at] + archive[two.at : -FOOTER.size] + footer)


def test_other_archives_are_refused(tmp_path: Any) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(9999))
    zipnn.compress_file(path)
    data = (tmp_path / "a.npy.znn").read_bytes()
    assert not is_sequential(data[:16])
    assert not is_sequential(b"")
    with pytest.raises(FormatError, match="front to back"):
        joined(data)


def test_endless_garbage_ends() -> None:
    head = io.BytesIO()
    streaming.ArchiveWriter(head)
    endless = Trickle(head.getvalue() + bytes(5_000_000), 1 << 30)
    with pytest.raises(FormatError):
        list(sequential_pieces(endless.read))
    assert endless.read_so_far < 2_000_000
