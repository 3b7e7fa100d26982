# SPDX-License-Identifier: MIT
"""Streams and containers that the published releases 0.1.1 to 0.5.4 wrote, and what they hold.

`fixtures.tar.xz` has a manifest and the files. Releases that wrote the same bytes but for their version
share one file. Where the full set is at hand (a few more, large ones) it is used instead.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
BUNDLE = HERE / "fixtures.tar.xz"
FULL = HERE.parents[2] / "shared" / "legacy" / "fixtures"
STREAMS = HERE / "streams"  # one of each kind, small


@functools.cache
def _files() -> dict[str, bytes]:
    with tarfile.open(BUNDLE) as bundle:
        return {member.name: bundle.extractfile(member).read() for member in bundle}  # type: ignore[union-attr]


@functools.cache
def manifest() -> dict[str, Any]:
    """The manifest: `entries` (streams) and `containers` (safetensors files)."""
    full = FULL / "manifest.json"
    text = full.read_bytes() if full.exists() else _files()["manifest.json"]
    return dict(json.loads(text))


def file(name: str) -> bytes:
    """A file of the manifest."""
    full = FULL / name
    return full.read_bytes() if full.exists() else _files()[name]


def stream(entry: dict[str, Any]) -> bytes:
    """A stream just as its release wrote it: with the version in its place."""
    data = bytearray(file(entry["file"]))
    version = bytes(map(int, entry["zipnn_version"].split(".")))
    version = version[:2] if version[:2] == b"\0\1" else version
    for at in entry["version_bytes_at"]:
        data[at : at + len(version)] = version
    assert hashlib.sha256(data).hexdigest() == entry["compressed_sha256"]
    return bytes(data)


def base_of(entry: dict[str, Any]) -> bytes | None:
    """What an entry's data are a difference to."""
    spec = entry.get("delta_base_gen")
    return None if spec is None else _original(spec)


def _original(spec: dict[str, Any]) -> bytes:
    """The data that a specification stands for, from hashes of integers: the same everywhere."""
    assert spec["kind"] == "normal"
    values = _normal(spec["seed"], spec["n"])
    if spec["dtype"] == "bfloat16":
        bits = values.astype("<f4").view("<u4").astype(np.uint64)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
    if spec["dtype"].startswith("float8"):
        return _float8(values, spec["dtype"]).tobytes()
    return values.astype("<f2" if spec["dtype"] == "float16" else "<f4").tobytes()


def _hashes(seed: int, count: int, lane: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """SplitMix64 of seed, lane and index."""
    with np.errstate(over="ignore"):
        start = np.uint64((seed * 1000003 + lane * 7919) & 0xFFFFFFFFFFFFFFFF)
        mixed = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + start
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def _normal(seed: int, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """About normal, deviation 0.02: sums of twelve uniform numbers of 16 bits."""
    total = np.zeros(count, np.int64)
    for lane in range(3):
        hashes = _hashes(seed, count, lane)
        for shift in range(0, 64, 16):
            total += ((hashes >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
    return np.asarray((total.astype(np.float64) / 65536.0 - 6.0) * 0.02)


def _float8(values: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    """Rounded to the nearest finite value."""
    mantissa, bias, count = (3, 7, 127) if dtype == "float8_e4m3fn" else (2, 15, 124)
    codes = np.arange(count)
    exponent, fraction = codes >> mantissa, (codes & ((1 << mantissa) - 1)) / (1 << mantissa)
    table = np.where(exponent == 0, fraction * 2.0 ** (1 - bias), (1 + fraction) * 2.0 ** (exponent - bias))
    nearest = np.searchsorted((table[1:] + table[:-1]) / 2, np.abs(values)).astype(np.uint8)
    return nearest | (np.signbit(values).astype(np.uint8) << 7)
