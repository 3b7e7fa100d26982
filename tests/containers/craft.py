# SPDX-License-Identifier: MIT
"""Files made by hand, byte by byte, as the package itself would not write them."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from zipnn.frames import write_frame

Entry = tuple[str, list[int], int, int]
"""dtype, shape, and where the data begin and end."""


def safetensors(
    tensors: dict[str, Entry],
    data: bytes,
    *,
    metadata: dict[str, str] | None = None,
    padding: bytes = b"",
    metadata_last: bool = False,
) -> bytes:
    """A file with exactly this header, padding after the JSON, and data."""
    header: dict[str, Any] = {}
    if metadata is not None and not metadata_last:
        header["__metadata__"] = metadata
    for name, (dtype, shape, start, stop) in tensors.items():
        header[name] = {"shape": shape, "data_offsets": [start, stop], "dtype": dtype}
    if metadata is not None and metadata_last:
        header["__metadata__"] = metadata
    return with_header(json.dumps(header).encode() + padding, data)


def with_header(text: bytes, data: bytes = b"") -> bytes:
    """A file with this text as the header."""
    return len(text).to_bytes(8, "little") + text + data


def in_a_row(tensors: dict[str, tuple[str, list[int], bytes]], **options: Any) -> bytes:
    """A file with the tensors' data one after the other."""
    entries: dict[str, Entry] = {}
    data = b""
    for name, (dtype, shape, content) in tensors.items():
        entries[name] = (dtype, shape, len(data), len(data) + len(content))
        data += content
    return safetensors(entries, data, **options)


def weights(count: int, seed: int = 0) -> bytes:
    """bf16 values as a model has them, `count` of them."""
    values = np.random.default_rng(seed).normal(0, 0.02, count).astype(np.float32)
    return (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that nothing makes smaller."""
    return np.random.default_rng(seed).bytes(size)


def sha256(path: Path) -> str:
    """Of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


FRAME_MAGIC = b"\x9aZNF"


def ugly() -> bytes:
    """A small file with one of everything: a frame, a wrapped tensor, a reference, raw tensors, gaps."""
    frame, wrapped, tied = weights(1200, 1), FRAME_MAGIC + noise(9, 2), weights(1500, 3)
    parts = {
        "frame": ("BF16", [30, 40], frame),
        "raw": ("F32", [3], noise(12, 4)),
        "u8": ("U8", [5], noise(5, 5)),
        "wrapped": ("U8", [13], wrapped),
        "empty": ("F16", [0, 7], b""),
        "scalar": ("F64", [], noise(8, 6)),
        "tied": ("BF16", [1500], tied),
        "tied too": ("BF16", [1500], tied),
    }
    entries: dict[str, Entry] = {}
    data = b"gap at the front"
    for name, (dtype, shape, content) in parts.items():
        entries[name] = (dtype, shape, len(data), len(data) + len(content))
        data += content + (b"a gap" if name == "u8" else b"")
    return safetensors(
        dict(reversed(entries.items())), data + b"the end", metadata={"format": "pt"}, padding=b" " * 3
    )


def flip(path: Path, index: int, bit: int) -> None:
    """Flip one bit of a file; once more, and the file is as it was."""
    with path.open("r+b") as file:
        file.seek(index)
        (byte,) = file.read(1)
        file.seek(index)
        file.write(bytes([byte ^ 1 << bit]))


def with_index(index: object, frames: bytes, folder: Path) -> Path:
    """The archive with that index and these frames, as `a.znn` in the folder."""
    text = json.dumps(index).encode()
    frame = write_frame(text, dtype="U8", shape=(len(text),))
    place = struct.pack("<QQ", 16 + len(frames), len(frame))
    end = place + struct.pack("<Q", xxhash.xxh3_64_intdigest(place)) + b"\x9aZNI\r\n\x1a\n"
    path = folder / "a.znn"
    path.write_bytes(b"\x9aZNN\r\n\x1a\n\1" + bytes(7) + frames + frame + end)
    return path
