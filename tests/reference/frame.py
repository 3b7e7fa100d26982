# SPDX-License-Identifier: MIT
"""docs/format.md, 2.1, 2.2 and 2.7: the head of a frame, its checks, and its chunks."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import xxhash

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from .cursor import BadFrameError, Cursor, need
from .difference import WrongBaseError, read_chunks, read_section
from .layouts import LAYOUTS, STORED, ZSTD
from .planes import Coder, decode_elements, read_tables

__all__ = ["BadFrameError", "Frame", "WrongBaseError", "decode_frame", "read_frame"]

MAGIC = bytes.fromhex("9A5A4E46")
BIG_ENDIAN, REFERENCE, ATTACHMENT, DIFFERENCE = 1, 2, 4, 8

BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E5M2FNUZ", "F8_E4M3FNUZ", "F8_E8M0"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
    "C128": 128,
}


@dataclass(frozen=True)
class Frame:
    """A frame as it was read.

    `reference` is the name that a reference frame stands for, `extra_bits` is k of its ranked tables or 0.
    """

    layout: int
    kind: int
    flags: int
    dtype: str
    shape: tuple[int, ...]
    attachment: bytes
    data: bytes
    reference: str | None = None
    extra_bits: int = 0


def decode_frame(frame: bytes) -> bytes:
    """The decoded data of a frame with nothing behind it."""
    return read_frame(frame).data


def read_frame(frame: bytes, base: bytes | None = None) -> Frame:
    """Decode a frame with nothing behind it, of a difference by its base.

    Raises `BadFrameError` for anything else, and `WrongBaseError` for another base or none.
    """
    fixed = Cursor(frame)
    need(fixed.take(4) == MAGIC, "wrong magic")
    need(fixed.uint(1) == 1, "unknown version")
    layout_id, kind, flags = fixed.uint(1), fixed.uint(1), fixed.uint(1)
    head_size = fixed.uint(4)
    frame_size, data_size, checksum = fixed.uint(8), fixed.uint(8), fixed.uint(8)
    need(39 <= head_size <= frame_size == len(frame), "wrong sizes")
    need(layout_id in LAYOUTS and kind <= 2 and flags < 16, "unknown feature")
    need(xxhash.xxh3_64_intdigest(frame[:28] + frame[36:head_size]) == checksum, "wrong head checksum")

    name_size, dimensions, chunk_log2 = (fixed.uint(1) for _ in range(3))
    need(1 <= name_size <= 32 and dimensions <= 64, "wrong dtype or shape")
    need(12 <= chunk_log2 <= (24 if layout_id in (STORED, ZSTD) else 18), "wrong chunk size")
    attachment_size = fixed.uint(4) if flags & ATTACHMENT else 0
    need(bool(flags & ATTACHMENT) == bool(attachment_size), "empty attachment")
    need(fixed.at + attachment_size <= head_size, "wrong attachment size")
    head = Cursor(frame[: head_size - attachment_size])
    head.take(fixed.at)
    dtype = _text(head.take(name_size))
    shape = tuple(head.varint() for _ in range(dimensions))
    _check_data_size(dtype, shape, data_size)

    data, reference, extra_bits = b"", None, 0
    if flags & REFERENCE:
        need(layout_id == STORED and not flags & DIFFERENCE, "wrong layout of a reference")
        reference = _text(head.take(head.uint(2)))
        head.end("head")
        _check_padding(frame[head_size:])
    elif flags & DIFFERENCE:
        section = read_section(head, layout_id)
        need(data_size > 0 and data_size % section.coder.layout.width == 0, "wrong size of a difference")
        if base is not None and len(base) != data_size:
            raise WrongBaseError("the base has another size")
        payload = Cursor(frame[head_size:])
        data = read_chunks(head, payload, section, base, chunk_log2)
        head.end("head")
        _check_padding(frame[head_size + payload.at :])
    else:
        coder = _read_coder(head, layout_id)
        extra_bits = coder.extra_bits
        chunk_bytes = coder.layout.width << chunk_log2
        table = [(head.uint(4), head.uint(8)) for _ in range(math.ceil(data_size / chunk_bytes))]
        head.end("head")
        payload = Cursor(frame[head_size:])
        for i, (size, chunk_checksum) in enumerate(table):
            expected = min((i + 1) * chunk_bytes, data_size) - i * chunk_bytes
            chunk = _decode_chunk(payload.take(size), layout_id, coder, i << chunk_log2, expected)
            need(xxhash.xxh3_64_intdigest(chunk) == chunk_checksum, f"chunk {i}: wrong checksum")
            data += chunk
        _check_padding(frame[head_size + payload.at :])
    attachment = frame[head_size - attachment_size : head_size]
    return Frame(layout_id, kind, flags, dtype, shape, attachment, data, reference, extra_bits)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadFrameError("not UTF-8") from error


def _check_data_size(dtype: str, shape: tuple[int, ...], data_size: int) -> None:
    if dtype in BITS:
        need(data_size == (math.prod(shape) * BITS[dtype] + 7) // 8, "shape does not fit the size")


def _check_padding(padding: bytes) -> None:
    need(len(padding) <= 7 and not any(padding), "wrong padding")


def _read_coder(head: Cursor, layout_id: int) -> Coder:
    layout = LAYOUTS[layout_id]
    if layout_id in (STORED, ZSTD):
        return Coder(layout, 0, [])
    base = 0
    if layout.largest_base is not None:
        base = head.uint(2)
        need(base <= layout.largest_base, "base too large")
    coder = Coder(layout, base, [])
    for number in range(layout.width):
        coder.tables.append(read_tables(head, number, layout))
    return coder


def _decode_chunk(payload: bytes, layout_id: int, coder: Coder, first: int, expected: int) -> bytes:
    if layout_id == ZSTD:
        return _decode_zstd(payload, expected)
    cursor = Cursor(payload)
    if layout_id == STORED:
        chunk = cursor.take(expected)
    else:
        count, tail = divmod(expected, coder.layout.width)
        chunk = decode_elements(cursor, coder, first, count) + cursor.take(tail)
    cursor.end("payload")
    return chunk


def _decode_zstd(payload: bytes, expected: int) -> bytes:
    decoder = zstd.ZstdDecompressor()
    try:
        chunk = decoder.decompress(payload)
    except zstd.ZstdError as error:
        raise BadFrameError("Zstandard frame is damaged") from error
    need(decoder.eof and not decoder.unused_data, "not exactly one Zstandard frame")
    need(len(chunk) == expected, "wrong size of a chunk")
    return chunk
