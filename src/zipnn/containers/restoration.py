# SPDX-License-Identifier: MIT
"""The attachment of the host frame: what the tensors do not tell about the original file.

docs/format.md, 3.2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .. import _core, zstd
from ..errors import CorruptError, UnsupportedVersionError
from .safetensors_header import MAX_HEADER

MAX_GAPS = 64 << 20
_MAX_BODY = 8 + MAX_HEADER + MAX_GAPS + (128 << 20)
_HEAD = struct.Struct("<BBQQ")
_STORED, _ZSTD = 0, 1
_ZSTD_LEVEL = 9


@dataclass(frozen=True, slots=True)
class Restoration:
    """What is needed beside the tensors to write the original file again.

    Attributes:
        size: of the original file.
        prefix: its first bytes: header size and header.
        gaps: offset and bytes of what no tensor covers, ascending.
        checksums: XXH3-64 of each granule of each tensor that is stored raw, in data order.
    """

    size: int
    prefix: memoryview
    gaps: tuple[tuple[int, memoryview], ...]
    checksums: tuple[int, ...]


def pack(restoration: Restoration) -> bytes:
    """The attachment for it."""
    parts: list[bytes | memoryview] = [
        struct.pack("<QQ", restoration.size, len(restoration.prefix)),
        restoration.prefix,
        struct.pack("<I", len(restoration.gaps)),
    ]
    for offset, data in restoration.gaps:
        parts += [struct.pack("<QQ", offset, len(data)), data]
    parts.append(struct.pack(f"<{len(restoration.checksums)}Q", *restoration.checksums))
    body = b"".join(parts)
    packed = zstd.compress(body, _ZSTD_LEVEL)
    coding = _ZSTD if len(packed) < len(body) else _STORED
    return _HEAD.pack(1, coding, len(body), _core.xxh3_64(body)) + (packed if coding == _ZSTD else body)


def unpack(attachment: bytes) -> Restoration:
    """Read an attachment.

    Raises:
        CorruptError: it is damaged.
        UnsupportedVersionError: a newer zipnn wrote it.
    """
    body = _decode_body(attachment)
    cursor = _Cursor(body)
    size, prefix_size = cursor.numbers("<QQ")
    prefix = cursor.take(prefix_size)
    (count,) = cursor.numbers("<I")
    gaps = []
    for _ in range(count):
        offset, length = cursor.numbers("<QQ")
        gaps.append((offset, cursor.take(length)))
    rest = cursor.rest()
    if len(rest) % 8:
        raise CorruptError("the record of the original file is cut off")
    return Restoration(size, prefix, tuple(gaps), struct.unpack(f"<{len(rest) // 8}Q", rest))


def _decode_body(attachment: bytes) -> memoryview:
    if len(attachment) < _HEAD.size:
        raise CorruptError("the record of the original file is missing")
    version, coding, size, checksum = _HEAD.unpack_from(attachment)
    if version != 1 or coding not in (_STORED, _ZSTD):
        raise UnsupportedVersionError(f"record of the original file of version {version}, coding {coding}")
    if size > _MAX_BODY:
        raise CorruptError(f"the record of the original file claims {size} bytes")
    coded = memoryview(attachment)[_HEAD.size :]
    body = zstd.decompress(coded, size) if coding == _ZSTD else coded
    if len(body) != size or _core.xxh3_64(body) != checksum:
        raise CorruptError("the record of the original file: checksum differs")
    return memoryview(body)


class _Cursor:
    """Takes one field after the other; `CorruptError` where the bytes end too early."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> memoryview:
        if size > len(self._data) - self._at:
            raise CorruptError("the record of the original file is cut off")
        self._at += size
        return self._data[self._at - size : self._at]

    def numbers(self, layout: str) -> tuple[int, ...]:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def rest(self) -> memoryview:
        return self.take(len(self._data) - self._at)
