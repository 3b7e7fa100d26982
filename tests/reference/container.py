# SPDX-License-Identifier: MIT
"""docs/format.md, 3: the original file of a compressed safetensors file."""

from __future__ import annotations

import json
import struct
import sys
from typing import Any

import xxhash

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from .cursor import need
from .frame import MAGIC, Frame, read_frame

GRANULE = 1 << 20


def restore(container: bytes) -> bytes:
    """The original file. Raises `BadFrameError` where a checksum differs."""
    header, data = _split(container)
    need(header.pop("__metadata__")["zipnn.format"] in ("1", "1 bare"), "not a container")
    stored = {name: data[slice(*entry["data_offsets"])] for name, entry in header.items()}
    frames = {
        name: read_frame(stored[name]) for name, entry in header.items() if _is_frame(entry, stored[name])
    }
    host = min((entry["data_offsets"], name) for name, entry in header.items() if stored[name])[1]
    size, prefix, gaps, checksums = _record(frames[host].attachment)

    out = bytearray(size)
    out[: len(prefix)] = prefix
    for offset, gap in gaps:
        out[offset : offset + len(gap)] = gap
    original, _ = _split(prefix)
    original.pop("__metadata__", None)
    for name, entry in sorted(original.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = (len(prefix) + offset for offset in entry["data_offsets"])
        if name in frames:
            out[begin:end] = _data(frames, stored, name)
            continue
        for start in range(0, len(stored[name]), GRANULE):
            granule = stored[name][start : start + GRANULE]
            need(xxhash.xxh3_64_intdigest(granule) == checksums.pop(0), "checksum of a raw tensor")
        out[begin:end] = stored[name]
    need(not checksums, "too many checksums")
    return bytes(out)


def _split(content: bytes) -> tuple[dict[str, Any], bytes]:
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


def _is_frame(entry: dict[str, Any], stored: bytes) -> bool:
    return entry["dtype"] == "U8" and len(entry["shape"]) == 1 and stored.startswith(MAGIC)


def _data(frames: dict[str, Frame], stored: dict[str, bytes], name: str) -> bytes:
    target = frames[name].reference
    if target is None:
        return frames[name].data
    return frames[target].data if target in frames else stored[target]


def _record(attachment: bytes) -> tuple[int, bytes, list[tuple[int, bytes]], list[int]]:
    version, coding, body_size, checksum = struct.unpack_from("<BBQQ", attachment)
    need(version == 1, "version of the record")
    body = attachment[18:] if coding == 0 else zstd.decompress(attachment[18:])
    need(len(body) == body_size and xxhash.xxh3_64_intdigest(body) == checksum, "checksum of the record")
    size, prefix_size = struct.unpack_from("<QQ", body)
    prefix = body[16 : 16 + prefix_size]
    at = 16 + prefix_size
    (count,) = struct.unpack_from("<I", body, at)
    at += 4
    gaps = []
    for _ in range(count):
        offset, length = struct.unpack_from("<QQ", body, at)
        gaps.append((offset, body[at + 16 : at + 16 + length]))
        at += 16 + length
    return size, prefix, gaps, list(struct.unpack(f"<{(len(body) - at) // 8}Q", body[at:]))
