# SPDX-License-Identifier: MIT
"""Killed at any instant, compressing or restoring leaves a usable original or a usable result."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.containers.craft import in_a_row, noise, sha256, weights
from tests.integration.child import start
from zipnn.files import decompress_file, verify_file

COMPRESS = """
import sys, zipnn
print("ready", flush=True)
zipnn.compress_file(sys.argv[1], delete_original=True)
print("done", flush=True)
"""
IN_PLACE = """
import sys, zipnn
print("ready", flush=True)
zipnn.compress_file(sys.argv[1], in_place=True)
zipnn.decompress_file(sys.argv[1], in_place=True)
print("done", flush=True)
"""


def kill_after(code: str, path: Path, seconds: float) -> str:
    """Start `code` on `path` and kill it `seconds` after it began its work; what it said until then."""
    with start(code, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(seconds)
        process.kill()
        return process.stdout.read()


def duration(code: str, path: Path) -> float:
    with start(code, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        begun = time.monotonic()
        assert process.stdout.read() == "done\n"
        return time.monotonic() - begun


@pytest.fixture
def content() -> bytes:
    tensors = {f"w{i}": ("BF16", [400_000], weights(400_000, i)) for i in range(10)}
    return in_a_row({**tensors, "n": ("U8", [3_000_000], noise(3_000_000))})


def test_compress_and_delete_the_original(tmp_path: Path, content: bytes) -> None:
    original, result = tmp_path / "m.safetensors", tmp_path / "m.znn.safetensors"
    original.write_bytes(content)
    truth = sha256(original)
    longest = duration(COMPRESS, original)
    chance = random.Random(1)
    for attempt in range(20):
        result.unlink(missing_ok=True)
        original.write_bytes(content)
        kill_after(COMPRESS, original, longest * (attempt + chance.random()) / 19)
        if original.exists():
            assert sha256(original) == truth
        else:
            assert result.exists()
        if result.exists():
            verify_file(result)
            decompress_file(result, tmp_path / "back", force=True)
            assert sha256(tmp_path / "back") == truth


def test_in_place_there_and_back(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    truth = sha256(path)
    longest = duration(IN_PLACE, path)
    chance = random.Random(2)
    for attempt in range(10):
        path.write_bytes(content)
        kill_after(IN_PLACE, path, longest * (attempt + chance.random()) / 9)
        if sha256(path) != truth:
            decompress_file(path, in_place=True)
            assert sha256(path) == truth
