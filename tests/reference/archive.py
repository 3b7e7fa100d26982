# SPDX-License-Identifier: MIT
"""docs/format.md, 4: the original of an archive whose segments are plain or differences."""

from __future__ import annotations

import json
import struct
from typing import Any

import xxhash

from .cursor import need
from .difference import WrongBaseError, check_hash
from .frame import read_frame

Base = dict[str, tuple[str, list[int], bytes]]
"""Tensors by name: dtype, shape and elements."""


def read_index(archive: bytes) -> dict[str, Any]:
    """The index. Raises `BadFrameError` if it is not where it should be."""
    need(
        archive[:8] == b"\x9aZNN\r\n\x1a\n" and archive[8:10] == b"\1\0" and not any(archive[10:16]), "header"
    )
    at, size, checksum, magic = struct.unpack("<QQQ8s", archive[-32:])
    need(magic == b"\x9aZNI\r\n\x1a\n" and at + size + 32 == len(archive), "footer")
    need(xxhash.xxh3_64_intdigest(archive[-32:-16]) == checksum, "checksum of the footer")
    index: dict[str, Any] = json.loads(read_frame(archive[at : at + size]).data)
    return index


def restore_archive(archive: bytes, base: Base | None = None) -> bytes:
    """The original. Raises `WrongBaseError` where the base is another."""
    index = read_index(archive)
    out = bytearray(index["size"])
    for segment in index["segments"]:
        frame = archive[segment["at"] : segment["at"] + segment["length"]]
        data = _segment(frame, segment.get("coding", {"name": "plain"}), index, base or {})
        pieces = _pieces(segment.get("pieces") or [[segment["offset"], segment["size"]]])
        for offset, size, start in pieces:
            out[offset : offset + size] = data[start : start + size]
    return bytes(out)


def _segment(frame: bytes, coding: dict[str, Any], index: dict[str, Any], base: Base) -> bytes:
    if coding["name"] == "plain":
        return read_frame(frame).data
    needed = index["base"]["tensors"]
    parts = [_part(needed[number], base)[start : start + size] for number, start, size in coding["base"]]
    need([len(part) for part in parts] == [size for _, _, size in coding["base"]], "parts of the base")
    if coding["name"] == "delta":
        return read_frame(frame, b"".join(parts)).data
    need(coding["name"] == "base", "an unknown coding")
    checksums = struct.unpack(f"<{len(parts)}Q", read_frame(frame).data)
    for part, checksum in zip(parts, checksums, strict=True):
        check_hash(part, checksum, "the base")
    return b"".join(parts)


def _part(needed: dict[str, Any], base: Base) -> bytes:
    dtype, shape, data = base.get(needed["name"], ("", [], b""))
    if (dtype, shape) != (needed["dtype"], needed["shape"]):
        raise WrongBaseError(needed["name"])
    return data


def _pieces(entries: list[list[int]]) -> list[tuple[int, int, int]]:
    """(offset, size, start) of each piece."""
    pieces: list[tuple[int, int, int]] = []
    for skip, size, *start in entries:
        offset = skip + (pieces[-1][0] + pieces[-1][1] if pieces else 0)
        used = max((at + length for _, length, at in pieces), default=0)
        pieces.append((offset, size, start[0] if start else used))
    return pieces
