# SPDX-License-Identifier: MIT
"""docs/format.md, 2.8: differences to a base."""

from __future__ import annotations

from dataclasses import dataclass, replace

import xxhash

from .contexts import Contexts
from .cursor import BadFrameError, Cursor, need
from .layouts import LAYOUTS, join
from .planes import Coder, decode_elements, decode_planes, read_tables
from .tiles import Ranked

IDENTICAL, DENSE, SPARSE = 0, 1, 2
DIFFERENCE_LAYOUTS = (1, 2, 6, 10)


class WrongBaseError(BadFrameError):
    """The base is missing or another one."""


@dataclass(frozen=True)
class Section:
    """The coder section of a difference."""

    form: int
    order: int
    base_hash: int
    gap_bits: int
    coder: Coder


def read_section(head: Cursor, layout_id: int) -> Section:
    """The coder section, up to the chunk table."""
    need(layout_id in DIFFERENCE_LAYOUTS, "unknown layout of a difference")
    form, order, base_hash = head.uint(1), head.uint(1), head.uint(8)
    need(form <= SPARSE and order <= 1, "unknown form or order")
    layout = LAYOUTS[layout_id]
    coder = Coder(layout, 0, [])
    gap_bits = head.uint(1) if form == SPARSE else 0
    need(gap_bits <= 8, "too many bits of gaps")
    if form == IDENTICAL:
        return Section(form, order, base_hash, 0, coder)
    gap_planes = 0 if form == DENSE else 1 if gap_bits == 0 else 2
    for number in range(gap_planes + layout.width):
        coder.tables.append(read_tables(head, number, layout, layout.width))
    if form == SPARSE:
        tables = [table for tables in coder.tables for table in tables]
        need(not any(isinstance(t, Ranked | Contexts) for t in tables), "wrong table of a sparse form")
    return Section(form, order, base_hash, gap_bits, coder)


def decode_chunk(payload: bytes, section: Section, base: bytes, first: int) -> bytes:
    """A chunk from its payload and its part of the base; `first` is the number of its first element."""
    width = section.coder.layout.width
    olds = [int.from_bytes(base[i : i + width], "little") for i in range(0, len(base), width)]
    cursor = Cursor(payload)
    if section.form == DENSE:
        coder = replace(section.coder, base_elements=olds)
        codes = decode_elements(cursor, coder, first, len(olds))
        changes = dict(enumerate(_split(codes, width)))
    else:
        changes = _read_changes(cursor, section, len(olds))
    cursor.end("payload")
    for position, code in changes.items():
        olds[position] = _add(olds[position], code, section.order, 8 * width)
    return b"".join(value.to_bytes(width, "little") for value in olds)


def _read_changes(cursor: Cursor, section: Section, count: int) -> dict[int, int]:
    """The zigzag codes of changed elements, by position."""
    entries = cursor.uint(4)
    need(entries <= count, "too many entries")
    if entries == 0:
        return {}
    planes = decode_planes(cursor, section.coder, entries)
    width = section.coder.layout.width
    gap_planes, value_planes = planes[:-width], planes[-width:]
    codes = _split(join(section.coder.layout, value_planes, 0, {}), width)
    changes: dict[int, int] = {}
    position = 0
    for i, code in enumerate(codes):
        gap = gap_planes[0][i] << section.gap_bits
        if len(gap_planes) == 2:
            gap += gap_planes[1][i]
        position += gap
        need(position < count, "entry behind the chunk")
        changes[position] = code
        position += 1
    return changes


def _split(data: bytes, width: int) -> list[int]:
    return [int.from_bytes(data[i : i + width], "little") for i in range(0, len(data), width)]


def _add(old: int, code: int, order: int, bits: int) -> int:
    difference = code >> 1 if code % 2 == 0 else -(code >> 1) - 1
    if order == 0:
        return (old + difference) % 2**bits
    sign = 1 << (bits - 1)

    def ranked(x: int) -> int:
        """Magnitude of a positive number; of a negative one, minus one less than that."""
        return x if x < sign else -1 - (x - sign)

    new = (ranked(old) + difference + sign) % 2**bits - sign
    return new if new >= 0 else sign + (-1 - new)


def read_chunks(head: Cursor, payload: Cursor, section: Section, base: bytes | None, log2: int) -> bytes:
    """The data, given all of the base; `head` is at the chunk table, `payload` at the first payload."""
    if base is None:
        raise WrongBaseError("there is no base")
    if section.form == IDENTICAL:
        check_hash(base, section.base_hash, "another base")
        return base
    size = section.coder.layout.width << log2
    data = b""
    for at in range(0, len(base), size):
        part = base[at : at + size]
        payload_size, checksum, base_hash, payload_hash = (head.uint(n) for n in (4, 8, 8, 8))
        check_hash(part, base_hash, "another base")
        coded = payload.take(payload_size)
        need(xxhash.xxh3_64_intdigest(coded) == payload_hash, "wrong payload checksum")
        chunk = decode_chunk(coded, section, part, at // section.coder.layout.width)
        need(xxhash.xxh3_64_intdigest(chunk) == checksum, "wrong checksum")
        data += chunk
    return data


def check_hash(data: bytes, expected: int, what: str) -> None:
    """Require that the data have this XXH3-64."""
    if xxhash.xxh3_64_intdigest(data) != expected:
        raise WrongBaseError(what)
