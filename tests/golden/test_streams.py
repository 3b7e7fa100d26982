# SPDX-License-Identifier: MIT
"""Golden streams (docs/format.md, 5): what a release has written decodes for ever."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from zipnn import CorruptError, ZipNN, decompress_file
from zipnn.errors import ZipnnError

FOLDER = Path(__file__).parent / "streams"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())


def is_original(data: bytes) -> bool:
    return len(data) == MANIFEST["size"] and hashlib.sha256(data).hexdigest() == MANIFEST["sha256"]


def test_several_frames(tmp_path: Path) -> None:
    stream = (FOLDER / "stream.znn").read_bytes()
    assert stream[:4] == b"\x9aZNS"
    assert is_original(ZipNN(is_streaming=True).decompress(stream))
    decompress_file(FOLDER / "stream.znn", tmp_path / "out")
    assert is_original((tmp_path / "out").read_bytes())


def test_a_difference() -> None:
    delta, base = (FOLDER / "delta.znn").read_bytes(), (FOLDER / "delta.base").read_bytes()
    differ = ZipNN(delta_compressed_type="byte")
    assert is_original(differ.decompress(delta, delta_second_data=base))
    with pytest.raises(ZipnnError):
        differ.decompress(delta, delta_second_data=base[::-1])


def test_a_stream_that_is_cut_off() -> None:
    stream = (FOLDER / "stream.znn").read_bytes()
    for size in (4, 39, 40, len(stream) // 2, len(stream) - 1):
        with pytest.raises(CorruptError):
            ZipNN().decompress(stream[:size])
