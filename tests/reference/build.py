# SPDX-License-Identifier: MIT
"""Builds frames from docs/format.md alone: every layout, mode and table, also what zipnn never writes.

It codes badly and on purpose: tables hold only some symbols, so that the others become escapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import xxhash

from .layouts import LAYOUTS, STORED, ZSTD, outside, split
from .planes import OWN_BITS, TILE
from .tables import Constant, Ranked, Table

MAGIC = bytes.fromhex("9A5A4E46")
NONE: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True)
class Plan:
    """How a plane is coded: mode "stored", "constant" or "tiles"; tables for "tiles"."""

    mode: str = "stored"
    tables: Sequence[Table] = field(default_factory=tuple)

    @property
    def extra_bits(self) -> int:
        """`k` of the ranked tables if elements have extra bits, else 0."""
        widths = [table.k for table in self.tables if isinstance(table, Ranked)]
        return max(widths, default=0) if self.mode == "tiles" else 0

    def tiles(self, plane: bytes) -> list[tuple[int, int, Table | None]]:
        """Start and class of each tile, and the table that it is coded with."""
        choices = (None, *self.tables)
        classes = [(number + 1) % len(choices) for number in range((len(plane) + TILE - 1) // TILE)]
        return [(number * TILE, k, choices[k]) for number, k in enumerate(classes)]


def encode_plane(plane: bytes, plan: Plan, exponents: Mapping[int, int] = NONE) -> bytes:
    """A plane's mode and data, but for extra bits. `exponents`: of the elements outside, by position."""
    if plan.mode != "tiles":
        assert not exponents, "there are no escapes for the elements outside"
        return b"\0" + plane if plan.mode == "stored" else bytes((1, plane[0] if plane else 0))
    sizes, payloads = b"", b""
    escapes = {position | 1 << 18: exponent for position, exponent in exponents.items()}
    for start, _, table in plan.tiles(plane):
        tile = plane[start : start + TILE]
        if table is None:
            payloads += tile
            continue
        known = set(table.symbols)
        escapes |= {start + i: byte for i, byte in enumerate(tile) if byte not in known}
        if not isinstance(table, Constant):
            coded = table.encode([byte if byte in known else table.symbols[0] for byte in tile])
            sizes += len(coded).to_bytes(2, "little")
            payloads += coded
    data = _nibbles([k for _, k, _ in plan.tiles(plane)]) + sizes + payloads
    return b"\3" + data + _escapes(escapes) if escapes else b"\2" + data


def _escapes(escapes: Mapping[int, int]) -> bytes:
    """Escapes given as bytes by bits 0..18."""
    ordered = sorted(escapes, key=lambda low: (low & 0x3FFFF, low >> 18))
    words = b"".join((low | escapes[low] << 24).to_bytes(4, "little") for low in ordered)
    return len(ordered).to_bytes(4, "little") + words


def extra_bits(plane: bytes, plan: Plan) -> list[int]:
    """The extra bits of each of a plane's elements."""
    values: list[int] = []
    for start, _, table in plan.tiles(plane):
        tile = plane[start : start + TILE]
        values += table.extra(tile) if isinstance(table, Ranked) else [0] * len(tile)
    return values


def pack(k: int, values: Sequence[int]) -> bytes:
    """`packed(k, n)` of n values."""
    whole = len(values) // 128 * 128
    blocks = (values[start : start + 128] for start in range(0, whole, 128))
    return b"".join(_pack_block(k, block) for block in blocks) + bytes(values[whole:])


def _pack_block(k: int, v: Sequence[int]) -> bytes:
    if k == 1:
        return bytes(sum(v[8 * byte + bit] << bit for bit in range(8)) for byte in range(16))
    if k == 2:
        return bytes(sum(v[32 * i + j] << 2 * i for i in range(4)) for j in range(32))
    if k == 3:
        return _pack_block(2, [value & 3 for value in v]) + _pack_block(1, [value >> 2 for value in v])
    return bytes(v[j] | v[64 + j] << 4 for j in range(64))


def _nibbles(values: list[int]) -> bytes:
    even = values + [0] * (len(values) % 2)
    return bytes(low | high << 4 for low, high in zip(even[::2], even[1::2], strict=True))


def build_frame(
    data: bytes,
    layout_id: int,
    plans: Sequence[Plan] = (),
    *,
    base: int = 0,
    chunk_log2: int = 12,
    **head: Any,
) -> bytes:
    """A frame of `data` with one plan for each plane of the layout; `head` as for `assemble`."""
    layout = LAYOUTS[layout_id]
    coder = b"" if layout.largest_base is None else base.to_bytes(2, "little")
    for plan in plans:
        coder += bytes((len(plan.tables),)) + b"".join(table.section() for table in plan.tables)
    size = layout.width << chunk_log2
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    coded = [(_encode_chunk(chunk, layout_id, plans, base), chunk) for chunk in chunks]
    return assemble(coded, layout_id, coder, chunk_log2=chunk_log2, **head)


def assemble(
    chunks: Sequence[tuple[bytes, bytes]],
    layout_id: int,
    coder: bytes = b"",
    *,
    chunk_log2: int = 12,
    dtype: str = "X",
    shape: tuple[int, ...] | None = None,
    kind: int = 0,
    flags: int = 0,
    attachment: bytes = b"",
    align: int = 1,
    base: bytes | None = None,
) -> bytes:
    """A frame of chunks given as (payload, decoded bytes), right or wrong, with a coder section.

    With a `base`, it is a difference.
    """
    payloads = b"".join(payload for payload, _ in chunks)
    size = sum(len(decoded) for _, decoded in chunks)
    shape = (size,) if shape is None else shape
    sections = dtype.encode() + b"".join(map(varint, shape)) + coder
    for payload, decoded in chunks:
        sections += len(payload).to_bytes(4, "little")
        sections += _digest(decoded)
        if base is not None:
            sections += _digest(base[: len(decoded)]) + _digest(payload)
            base = base[len(decoded) :]
    attached = len(attachment).to_bytes(4, "little") if attachment else b""
    head_size = 39 + len(attached) + len(sections) + len(attachment)
    padding = bytes(-(head_size + len(payloads)) % align)
    frame_size = head_size + len(payloads) + len(padding)
    flags |= (4 if attachment else 0) | (0 if base is None else 8)
    head = MAGIC + bytes((1, layout_id, kind, flags)) + head_size.to_bytes(4, "little")
    head += frame_size.to_bytes(8, "little") + size.to_bytes(8, "little") + bytes(8)
    head += bytes((len(dtype.encode()), len(shape), chunk_log2)) + attached + sections + attachment
    return seal(head + payloads + padding)


def _digest(data: bytes) -> bytes:
    return xxhash.xxh3_64_intdigest(data).to_bytes(8, "little")


def seal(frame: bytes) -> bytes:
    """The frame with the head's checksum made to fit."""
    head_size = int.from_bytes(frame[8:12], "little")
    digest = xxhash.xxh3_64_intdigest(frame[:28] + frame[36:head_size])
    return frame[:28] + digest.to_bytes(8, "little") + frame[36:]


def varint(value: int) -> bytes:
    """LEB128."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))


def _encode_chunk(chunk: bytes, layout_id: int, plans: Sequence[Plan], base: int) -> bytes:
    if layout_id == STORED:
        return chunk
    assert layout_id != ZSTD, "Zstandard frames are made elsewhere"
    layout = LAYOUTS[layout_id]
    count = len(chunk) // layout.width
    elements, tail = chunk[: count * layout.width], chunk[count * layout.width :]
    planes = split(layout_id, elements, base)
    coded = [encode_plane(planes[0], plans[0], outside(layout_id, elements, base))]
    if plans[0].extra_bits:
        extra = extra_bits(planes[0], plans[0])
        if layout.windowed:
            planes[1] = bytes(e << OWN_BITS | own for e, own in zip(extra, planes[1], strict=True))
        else:
            coded.append(pack(plans[0].extra_bits, extra))
    coded += [encode_plane(plane, plan) for plane, plan in zip(planes[1:], plans[1:], strict=True)]
    return b"".join(coded) + tail
