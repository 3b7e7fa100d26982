# SPDX-License-Identifier: MIT
"""`zipnn.open_writer`: archives written to whatever has a `write` method."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn
from zipnn.containers.archive.reading import Archive
from zipnn.errors import ZipnnError
from zipnn.plugins.readers import MemoryReader


class Stingy:
    """Takes some of what it is given, and says how much."""

    def __init__(self, most: int) -> None:
        self.data = bytearray()
        self.most = most

    def write(self, data: Any) -> int:
        piece = bytes(data)[: self.most]
        self.data += piece
        return len(piece)


def test_bytes_and_tensors_in_any_order() -> None:
    rng = np.random.default_rng(0)
    weights, grid = (
        rng.standard_normal((300, 200)).astype("f4"),
        np.asfortranarray(rng.integers(0, 9, (20, 30))),
    )
    sink = io.BytesIO()
    with zipnn.open_writer(sink, name="run-7", level="fast", threads=1) as writer:
        assert writer.write(b"first") == 5
        writer.add_tensor("w", weights)
        writer.add_tensor("grid", grid)
        writer.add_tensor("swapped", weights.astype(">f4"))
        writer.add_tensor("empty", np.zeros((0, 3)))
        assert writer.write(np.arange(3, dtype="<u2")) == 6
    assert not sink.closed
    archive = Archive(MemoryReader(sink.getvalue()))
    assert archive.name == "run-7"
    original = bytes(archive.read_range(0, archive.original_size))
    parts = (b"first", weights.tobytes(), grid.tobytes(), weights.tobytes(), bytes([0, 0, 1, 0, 2, 0]))
    assert original == b"".join(parts)
    with zipnn.open(sink) as file:
        assert file.keys() == ["w", "grid", "swapped", "empty"]
        for name, want in (("w", weights), ("grid", grid), ("swapped", weights), ("empty", np.zeros((0, 3)))):
            assert (file.get_tensor(name) == want).all()
            assert file.tensors[name].shape == want.shape


def test_torch_tensors() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.randn(40, 50).bfloat16().T
    sink = io.BytesIO()
    with zipnn.open_writer(sink) as writer:
        writer.add_tensor("w", tensor)
    assert torch.equal(zipnn.open(sink, "pt").get_tensor("w"), tensor)


def test_only_write_is_needed_and_short_writes_go_on() -> None:
    weights = np.random.default_rng(0).standard_normal(100_000).astype("f4")
    whole, stingy = io.BytesIO(), Stingy(1000)
    for sink in (whole, stingy):
        with zipnn.open_writer(sink) as writer:
            writer.add_tensor("w", weights)
    assert stingy.data == whole.getvalue()


def test_pipes(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as sink, zipnn.open_writer(sink) as writer:
        writer.write(b"through a pipe")
    with open(reading, "rb") as pipe:
        archive = Archive(MemoryReader(pipe.read()))
    assert archive.read_range(0, 14) == b"through a pipe"


def test_sinks_that_take_nothing_or_claim_too_much() -> None:
    class Claiming:
        def write(self, data: Any) -> int:
            return len(data) + 1

    for sink in (Stingy(0), Claiming()):
        with pytest.raises(ZipnnError, match="says that it took"):
            zipnn.open_writer(sink)

    class Blocking(io.RawIOBase):
        def write(self, data: Any) -> None:
            return None

    with pytest.raises(BlockingIOError):
        zipnn.open_writer(Blocking())


def test_an_error_in_the_block_leaves_no_archive() -> None:
    sink = io.BytesIO()
    with contextlib.suppress(RuntimeError), zipnn.open_writer(sink) as writer:
        writer.write(bytes(1000))
        raise RuntimeError
    with pytest.raises(ZipnnError):
        Archive(MemoryReader(sink.getvalue()))


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="to write to"):
        zipnn.open_writer("a path")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="level"):
        zipnn.open_writer(io.BytesIO(), level="best")
    writer = zipnn.open_writer(io.BytesIO())
    writer.add_tensor("w", np.zeros(3))
    with pytest.raises(ValueError, match="already"):
        writer.add_tensor("w", np.zeros(3))
    with pytest.raises(TypeError, match="string"):
        writer.add_tensor(3, np.zeros(3))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        writer.add_tensor("o", np.array([object()]))
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"more")
