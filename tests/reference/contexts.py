# SPDX-License-Identifier: MIT
"""docs/format.md, 2.4 and 2.6: context tables, and the planes coded with them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from .cursor import BitCursor, Cursor, need

TOTAL = 4096
LANES = 32
FLOOR = 1 << 16
FIRST_WIDTH = 8


@dataclass(frozen=True)
class Frequencies:
    """Symbols with a frequency, in order, and where the slots of each begin (and of the last end)."""

    symbols: list[int]
    starts: list[int]


@dataclass(frozen=True)
class Contexts:
    """The table of a plane; `columns` and `rows` are None where there is one class only.

    With `last_keys`, elements have the classes of the base's elements instead, whose keys `shift` gives.
    """

    low_apart: bool
    row_length: int
    columns: list[int] | None
    rows: Frequencies | None
    contexts: list[Frequencies]
    last_keys: list[int] | None = None
    shift: int = 0

    def decode(self, payload: bytes, first: int, count: int, base: Sequence[int]) -> bytearray:
        """The `count` bytes of a plane of a chunk that begins with element `first` of the tensor.

        `base`: the base's elements, of which there are none if the chunk is no difference.
        """
        cursor = Cursor(payload)
        states = [cursor.uint(4) for _ in range(LANES)]
        need(all(state >= FLOOR for state in states), "state too small")
        low_size = (count + 7) // 8 if self.low_apart else 0
        need(len(payload) - cursor.at >= low_size, "truncated")
        words = Cursor(cursor.take(len(payload) - cursor.at - low_size))
        low = cursor.take(low_size)

        indices = range(first, first + count)
        rows = [index // self.row_length for index in indices]
        distinct = sorted(set(rows))
        classes = [0] * len(distinct)
        if self.rows is not None:
            classes = [_next(words, states, k, self.rows) for k in range(len(distinct))]
        of_row = dict(zip(distinct, classes, strict=True))
        plane = bytearray()
        for k, index in enumerate(indices):
            column = self.columns[index % self.row_length] if self.columns else 0
            context = of_row[rows[k]] + column
            if self.last_keys is not None:
                context = sum(base[k] >> self.shift & 0xFF > last for last in self.last_keys)
            plane.append(_next(words, states, k, self.contexts[context]))
        words.end("words")
        need(all(state == FLOOR for state in states), "wrong final state")
        bits = [byte >> bit & 1 for byte in low for bit in range(8)]
        need(not any(bits[count:]), "unused bits are set")
        for k, bit in enumerate(bits[:count]):
            plane[k] = plane[k] << 1 | bit
        return plane


def _next(words: Cursor, states: list[int], k: int, frequencies: Frequencies) -> int:
    state = states[k % LANES]
    slot = state % TOTAL
    place = bisect_right(frequencies.starts, slot) - 1
    start, end = frequencies.starts[place : place + 2]
    state = (end - start) * (state // TOTAL) + slot - start
    if state < FLOOR:
        state = state << 16 | words.uint(2)
    states[k % LANES] = state
    return frequencies.symbols[place]


def read_contexts(cursor: Cursor) -> Contexts:
    """A context table, behind its kind."""
    apart, row_length = cursor.uint(1), cursor.uint(4)
    row_classes, column_classes = cursor.uint(1), cursor.uint(1)
    need(apart <= 1, "wrong flag")
    need(1 <= row_length <= 1 << 24, "wrong length of rows")
    need(1 <= row_classes <= 8 and 1 <= column_classes <= 4, "wrong number of classes")
    columns = rows = None
    if column_classes > 1:
        packed = [byte >> shift & 3 for byte in cursor.take((row_length + 3) // 4) for shift in (0, 2, 4, 6)]
        columns = packed[:row_length]
        need(all(k < column_classes for k in columns) and not any(packed[row_length:]), "wrong class")
    if row_classes > 1:
        rows = _read_frequencies(cursor)
        need(rows.symbols[-1] < row_classes, "wrong class of a row")
    contexts = [_read_frequencies(cursor) for _ in range(row_classes + column_classes - 1)]
    need(not apart or all(f.symbols[-1] < 128 for f in contexts), "symbol of eight bits")
    return Contexts(apart == 1, row_length, columns, rows, contexts)


def read_contexts_by_base(cursor: Cursor, width: int) -> Contexts:
    """A table of contexts by the base, whose elements have `width` bytes, behind its kind."""
    apart, shift, count = cursor.uint(1), cursor.uint(1), cursor.uint(1)
    need(apart <= 1, "wrong flag")
    need(shift <= 8 * width - 8 and 1 <= count <= 16, "wrong classes")
    last_keys = list(cursor.take(count - 1))
    need(sorted({*last_keys, 255}) == [*last_keys, 255], "wrong order of classes")
    contexts = [_read_frequencies(cursor) for _ in range(count)]
    need(not apart or all(f.symbols[-1] < 128 for f in contexts), "symbol of eight bits")
    return Contexts(apart == 1, 1, None, None, contexts, last_keys, shift)


def _read_frequencies(cursor: Cursor) -> Frequencies:
    first, last, rest = cursor.uint(1), cursor.uint(1), cursor.uint(1)
    need(first < last and first <= rest <= last, "wrong range of symbols")
    bits = BitCursor(cursor)
    found: dict[int, int] = {}
    others = [symbol for symbol in range(first, last + 1) if symbol != rest]
    width = FIRST_WIDTH
    while others:
        ones = bits.ones(4)
        if ones == 4:
            run = bits.number(8) + 1
            need(run <= len(others) and rest not in range(others[0], others[run - 1]), "wrong run")
            del others[:run]
            continue
        width = (width, width + 1, width - 1)[ones] if ones < 3 else bits.number(4)
        need(1 <= width <= 12, "wrong width")
        kept = min(width - 1, 3)
        found[others.pop(0)] = ((1 << kept) + bits.number(kept)) << (width - 1 - kept)
    bits.end()
    found[rest] = TOTAL - sum(found.values())
    need(found[rest] >= 1, "frequencies too large")
    need(first in found and last in found, "first or last symbol is absent")
    symbols = sorted(found)
    return Frequencies(symbols, [0, *accumulate(found[symbol] for symbol in symbols)])
