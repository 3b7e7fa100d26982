# SPDX-License-Identifier: MIT
"""Frames that break one rule each of ranked tables, windows and their escapes; all else in them is right."""

from __future__ import annotations

from .build import assemble
from .layouts import LAYOUTS, join
from .tables import Constant, Huffman, Layered, Ranked

COUNT = 16
# All elements have rank 0: group 0, and extra bits 0.
TILE_OF_RANK_0 = b"\2\1\4\0" + bytes(4)
EXTRA_BITS = bytes(COUNT)
GROUPS = Layered((0,))
ORDER = (7, (8,))  # symbol 7 has rank 0


def ranked(tables: bytes, count: int = 1, extra: bytes = EXTRA_BITS) -> bytes:
    """Sixteen bytes 7, coded with the first of `count` tables."""
    return assemble([(TILE_OF_RANK_0 + extra, b"\7" * COUNT)], 1, bytes((count,)) + tables)


def windowed(
    plane: bytes, tables: bytes = b"\0", *, base: int = 100, exponents: dict[int, int] | None = None
) -> bytes:
    """Sixteen elements of layout 5 with plane 0 coded as `plane`, all bytes 0, and plane 1 stored zeros."""
    data = join(LAYOUTS[5], [bytes(COUNT), bytes(COUNT)], base, exponents or {})
    return assemble([(plane + b"\0" + bytes(COUNT), data)], 5, base.to_bytes(2, "little") + tables + b"\0")


def escaped(*escapes: tuple[int, int, int]) -> bytes:
    """A plane of sixteen zeros, stored in a tile, with escapes (position, bit 18, byte)."""
    words = [at | outside << 18 | byte << 24 for at, outside, byte in escapes]
    tile = b"\3\0" + bytes(COUNT)
    return tile + len(words).to_bytes(4, "little") + b"".join(word.to_bytes(4, "little") for word in words)


def right_frames() -> dict[str, bytes]:
    """Frames without fault that are made as the wrong ones are."""
    section = Ranked(3, *ORDER, GROUPS).section()
    huffman = Ranked(3, *ORDER, Huffman({0: 1, 31: 1})).section()
    zero = Ranked(3, 0, (8,), GROUPS).section()
    return {
        "ranked": ranked(section),
        "ranked-two-tables": ranked(section + huffman, 2),
        "ranked-levels-at-the-ends": ranked(Ranked(3, 5, (63, 62, 0), GROUPS).section()),
        "ranked-k-1": ranked(Ranked(1, *ORDER, Layered((0, 127))).section()),
        "ranked-k-4": ranked(Ranked(4, *ORDER, Layered((0, 15))).section()),
        "ranked-in-a-window": windowed(TILE_OF_RANK_0, b"\1" + zero),
        "window": windowed(escaped((4, 1, 90), (5, 0, 0), (5, 1, 91)), exponents={4: 90, 5: 91}),
        "window-base-largest": windowed(b"\1\0", base=224),
    }


def wrong_frames() -> dict[str, bytes]:
    """Frames to be refused as damaged, by what is wrong."""
    section = Ranked(3, *ORDER, GROUPS).section()
    kind, order = section[:2], section[2:5]
    plane_1 = assemble([(b"\1\0" + TILE_OF_RANK_0 + EXTRA_BITS, b"\7\0" * COUNT)], 2, b"\0" + b"\1" + section)
    second_plane = assemble(
        [(b"\0" + bytes(COUNT) + escaped((4, 1, 0)), bytes(2 * COUNT))], 5, b"\x64\0" + b"\0\0"
    )
    return {
        "ranked-k-0": ranked(b"\4\0" + section[2:]),
        "ranked-k-5": ranked(b"\4\5" + section[2:]),
        "ranked-two-k": ranked(section + Ranked(2, *ORDER, GROUPS).section(), 2),
        "ranked-level-64": ranked(Ranked(3, 7, (8, 64), GROUPS).section()),
        "ranked-level-negative": ranked(Ranked(3, 7, (-1,), GROUPS).section()),
        "ranked-level-out-and-back": ranked(Ranked(3, 6, (64, 8), GROUPS).section()),
        "ranked-level-without-end": ranked(kind + b"\7\7" + b"\xfd" + b"\xff" * 60),
        "ranked-order-reversed": ranked(kind + b"\x08\7" + section[4:]),
        "ranked-order-with-unused-bits": ranked(kind + b"\7\7\x02" + GROUPS.section()),
        "ranked-group-layered": ranked(Ranked(3, *ORDER, Layered((0, 32))).section()),
        "ranked-group-huffman": ranked(section + Ranked(3, *ORDER, Huffman({0: 1, 32: 1})).section(), 2),
        "ranked-constant-groups": ranked(kind + order + Constant(0).section()),
        "ranked-ranked-groups": ranked(kind + order + section),
        "ranked-in-plane-1": plane_1,
        "paired-outside-of-ranked": ranked(b"\6" + Huffman({0: 1, 17: 1}).section()[1:]),
        "ranked-without-extra-bits": ranked(section, extra=b""),
        "ranked-too-few-extra-bits": ranked(section, extra=EXTRA_BITS[1:]),
        "ranked-too-many-extra-bits": ranked(section, extra=EXTRA_BITS + b"\0"),
        "ranked-k-2-in-a-window": windowed(TILE_OF_RANK_0, b"\1" + Ranked(2, 0, (8,), GROUPS).section()),
        "ranked-extra-bits-behind-a-window": windowed(
            TILE_OF_RANK_0 + EXTRA_BITS, b"\1" + Ranked(3, 0, (8,), GROUPS).section()
        ),
        "window-base": windowed(b"\1\0", base=225),
        "escape-kinds-unordered": windowed(escaped((5, 1, 91), (5, 0, 0)), exponents={5: 91}),
        "escape-exponent-twice": windowed(escaped((5, 1, 91), (5, 1, 91)), exponents={5: 91}),
        "escape-exponents-unordered": windowed(escaped((5, 1, 91), (4, 1, 90)), exponents={4: 90, 5: 91}),
        "escape-exponent-behind-the-chunk": windowed(escaped((16, 1, 91))),
        "escape-exponent-of-plane-1": second_plane,
        "escape-exponent-without-window": assemble([(escaped((4, 1, 0)), bytes(COUNT))], 1, b"\0"),
        "plane-mode-4": windowed(b"\4" + bytes(COUNT)),
    }
