# SPDX-License-Identifier: MIT
"""Ranked tables as no encoder would make them: orders, groups and codes at random, in every layout."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zipnn
from tests.reference import read_frame
from tests.reference.build import Plan, build_frame
from tests.reference.layouts import LAYOUTS, join, split
from tests.reference.tables import Huffman, Layered, Ranked, Table, tables_of

PAIRS = [
    (layout_id, k)
    for layout_id, layout in LAYOUTS.items()
    for k in ((3,) if layout.windowed else (1, 2, 3, 4))
    if layout_id not in (0, 13)
]
counts = st.one_of(st.integers(0, 300), st.sampled_from([4095, 4096, 4097, 4096 + 128, 8192 + 130]))


def levels(source: random.Random) -> tuple[int, tuple[int, ...]]:
    """First symbol and levels of an order: smooth, without any order, or all alike."""
    first, last = sorted(source.choices(range(256), k=2))
    kind = source.choice(["smooth", "any", "alike"])
    made, level = [], source.randrange(64)
    for _ in range(first, last + 1):
        if kind != "alike":
            level = source.randrange(64) if kind == "any" else level + source.choice([-1, 0, 0, 1])
        level = min(max(level, 0), 63)
        made.append(level)
    return first, tuple(made)


def code(source: random.Random, alphabet: int) -> Huffman:
    """A complete code for some symbols below `alphabet`: leaves of a tree that are split at random."""
    leaves = [1, 1]
    for _ in range(source.randrange(alphabet - 1)):
        leaf = source.randrange(len(leaves))
        if leaves[leaf] < 12:
            leaves[leaf] += 1
            leaves.append(leaves[leaf])
    return Huffman(dict(zip(sorted(source.sample(range(alphabet), len(leaves))), leaves, strict=True)))


def ranked_table(source: random.Random, k: int) -> Ranked:
    """An order, and a table of either kind for some of the groups."""
    alphabet = 1 << (8 - k)
    if source.randrange(3) == 0:
        count = source.choice([2, 4, 8, 16])
        bits = 2 * (count.bit_length() - 1)
        pairs = {a << 4 | b: bits for a in range(count) for b in range(count)}
        return Ranked(k, *levels(source), Huffman(pairs), paired=True)
    if source.randrange(2):
        return Ranked(k, *levels(source), code(source, alphabet))
    ranks = source.sample(range(alphabet), source.randint(1, min(24, alphabet)))
    return Ranked(k, *levels(source), Layered(tuple(ranks)))


def elements(source: random.Random, layout_id: int, count: int, base: int) -> bytes:
    """Elements with one bump in plane 0, some of which are anything."""
    layout = LAYOUTS[layout_id]
    middle, width = source.randrange(256), source.choice([1, 10, 40])
    planes = [source.randbytes(count) for _ in range(layout.width)]
    planes[0] = bytes(int(source.gauss(middle, width)) & 255 for _ in range(count))
    if layout.windowed:
        planes[1] = bytes(byte & 31 for byte in planes[1])
    data = bytearray(join(layout, planes, base, {}))
    for i in range(count):
        if source.randrange(20) == 0:
            data[i * layout.width : (i + 1) * layout.width] = source.randbytes(layout.width)
    return bytes(data)


@pytest.mark.parametrize(("layout_id", "k"), PAIRS)
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), count=counts)
def test_random_ranked_tables_decode(layout_id: int, k: int, seed: int, count: int) -> None:
    source = random.Random(seed)
    layout = LAYOUTS[layout_id]
    base = source.randint(0, layout.largest_base or 0)
    data = elements(source, layout_id, count, base)
    planes = split(layout_id, data, base)
    tables: list[Table] = [ranked_table(source, k) for _ in range(source.randint(1, 4))]
    tables += tables_of(planes[0], source.choice(["", "c", "h", "l"]))
    source.shuffle(tables)
    plans = [Plan("tiles", tables)]
    plans += [
        source.choice([Plan(), Plan("tiles", tables_of(plane, source.choice("chfl")))])
        for plane in planes[1:]
    ]
    data += source.randbytes(source.randrange(layout.width))
    frame = build_frame(data, layout_id, plans, base=base, chunk_log2=source.choice([12, 13]))
    independent = read_frame(frame)
    assert (independent.data, independent.extra_bits) == (data, k)
    assert zipnn.decompress(frame, framework="bytes", threads=1) == data
