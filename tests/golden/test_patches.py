# SPDX-License-Identifier: MIT
"""The golden patch (docs/format.md, 6): what a release has written is applied for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn
from zipnn import _core

FOLDER = Path(__file__).parent / "patches"
PATCH = (FOLDER / "small.patch").read_bytes()


def state(name: str) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(FOLDER / f"{name}.npz") as arrays:
        return dict(arrays)


def test_applied() -> None:
    tensors, new = state("old"), state("new")
    zipnn.apply_patch(tensors, PATCH)
    assert list(tensors) == [
        *(name for name in state("old") if name in new),
        *(n for n in new if n not in state("old")),
    ]
    for name, tensor in new.items():
        assert (tensors[name].dtype, tensors[name].shape) == (tensor.dtype, tensor.shape)
        assert tensors[name].tobytes() == tensor.tobytes()
    with pytest.raises(zipnn.AlreadyAppliedError):
        zipnn.apply_patch(tensors, PATCH)


def number(at: int, size: int) -> int:
    return int.from_bytes(PATCH[at : at + size], "little")


def test_read_by_what_the_format_says() -> None:
    assert PATCH[:8] == b"\x9aZNP\x01\0\0\0"
    assert number(24, 8) == _core.xxh3_64(PATCH[:24])
    checksums = PATCH[24:32]
    found: dict[str, tuple[int, int]] = {}
    at = 32
    while size := number(at, 4):
        head = PATCH[at + 4 : at + 4 + size]
        assert number(at + 4 + size, 8) == _core.xxh3_64(head)
        checksums += PATCH[at + 4 + size : at + 12 + size]
        at += 12 + size
        length = int.from_bytes(head[1:3], "little")
        name, rest, frames = head[3 : 3 + length].decode(), head[3 + length :], 0
        if head[0] in (1, 2):
            dimensions, pieces = rest[3], int(int.from_bytes(rest[4:12], "little") > 0)
            tables = 12 + rest[2] + 8 * dimensions
            assert len(rest) == tables + pieces * (12 + 8 + 8 * (head[0] == 1))
            if pieces:
                frames = int.from_bytes(rest[tables : tables + 4], "little")
                frame = PATCH[at : at + frames]
                assert frame[:4] == b"\x9aZNF"
                assert int.from_bytes(rest[tables + 4 : tables + 12], "little") == _core.xxh3_64(frame)
        found[name] = head[0], frames
        at += frames
    assert {name: what for name, (what, _) in found.items()} == {
        "f32": 1, "f16": 1, "tied": 4, "dense": 1, "scalar": 1, "reshaped": 2, "added": 2,
        "added, the same": 4, "empty": 2, "removed": 3,
    }  # fmt: skip
    assert number(at + 4, 8) == len(found)
    assert number(at + 12, 8) == _core.xxh3_64(checksums)
    assert at + 20 == len(PATCH)
