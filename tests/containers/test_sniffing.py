# SPDX-License-Identifier: MIT
"""Types told from content: where they begin and end, what they are, and whether that is worth it."""

from __future__ import annotations

import itertools
import string
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zipnn import dtypes, zstd
from zipnn.containers.contents import Extent
from zipnn.containers.sniffing import sniff
from zipnn.frames import write_frame

RANDOM = np.random.default_rng(11)
SIZE = 400_000
NEAR = 16  # bytes by which ends may be wrong


def floats(count: int, scale: float = 0.05) -> np.ndarray:
    return RANDOM.normal(0, scale, count).astype(np.float32)


def text(size: int = SIZE) -> bytes:
    words = ["".join(RANDOM.choice(list(string.ascii_lowercase), 5)) for _ in range(300)]
    return " ".join(RANDOM.choice(words, size // 6 + 1)).encode()[:size]


def bfloat16(count: int, scale: float = 0.05) -> bytes:
    return (floats(count, scale).view(np.uint32) >> 16).astype(np.uint16).tobytes()


def noise(size: int = SIZE) -> bytes:
    return RANDOM.integers(0, 256, size, dtype=np.uint8).tobytes()


MAKE: dict[str, Callable[[], bytes]] = {
    "F32": lambda: floats(SIZE // 4).tobytes(),
    "F64": lambda: RANDOM.normal(0, 0.05, SIZE // 8).tobytes(),
    "F16": lambda: floats(SIZE // 2).astype(np.float16).tobytes(),
    "BF16": lambda: bfloat16(SIZE // 2),
    "I16": lambda: RANDOM.normal(0, 300, SIZE // 2).astype(np.int16).tobytes(),
    "I32": lambda: RANDOM.integers(0, 30_000, SIZE // 4, dtype=np.int32).tobytes(),
    "I64": lambda: RANDOM.integers(0, 1 << 20, SIZE // 8, dtype=np.int64).tobytes(),
}
PLAIN: dict[str, Callable[[], bytes]] = {
    "text": text,
    "noise": noise,
    "zeros": lambda: bytes(SIZE),
    "int8": lambda: RANDOM.normal(0, 30, SIZE).astype(np.int8).tobytes(),
}


def sniffed(content: bytes, offset: int = 0, size: int | None = None) -> list[Extent]:
    """What is found, after a check of what holds for any content."""
    size = len(content) - offset if size is None else size

    def read(at: int, count: int) -> memoryview:
        assert offset <= at <= at + count <= offset + size
        assert count <= 4 << 20
        return memoryview(content)[at : at + count]

    extents = sniff(read, offset, size)
    place = offset
    for extent in extents:
        assert extent.offset == place
        assert extent.size > 0
        assert extent.size * 8 % dtypes.BY_NAME[extent.dtype].bits == 0
        place += extent.size
    assert place == offset + size
    return extents


def coded(content: bytes, extents: list[Extent]) -> int:
    """Bytes of the frames of these extents."""
    return sum(
        len(
            write_frame(
                content[extent.offset : extent.offset + extent.size],
                dtype=extent.dtype,
                shape=(extent.size * 8 // dtypes.BY_NAME[extent.dtype].bits,),
            )
        )
        for extent in extents
    )


def main_parts(extents: list[Extent]) -> list[Extent]:
    """Without the few bytes between types."""
    return [extent for extent in extents if extent.size > 2 * NEAR]


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("shift", [0, 1, 3])
def test_a_type_from_an_odd_offset(name: str, shift: int) -> None:
    """Alone, and behind text whose length is not a multiple of its width."""
    content = bytes(shift) + MAKE[name]()
    (alone,) = main_parts(sniffed(content, shift))
    assert (alone.offset, alone.dtype) == (shift, name)

    start = SIZE + 5 + shift
    content = text(start) + MAKE[name]()
    first, second = main_parts(sniffed(content))
    assert (first.dtype, second.dtype) == ("U8", name)
    assert abs(second.offset - start) <= NEAR
    assert (second.offset - start) % (dtypes.BY_NAME[name].bits // 8) == 0


@pytest.mark.parametrize("name", PLAIN)
def test_bytes_stay_bytes(name: str) -> None:
    assert sniffed(PLAIN[name]()) == [Extent(0, SIZE, "U8")]


def test_many_kinds_behind_each_other() -> None:
    parts = [
        ("U8", text(300_001)),
        ("F32", MAKE["F32"]()),
        ("U8", b"?"),
        ("BF16", MAKE["BF16"]()),
        ("U8", noise(300_003)),
        ("F16", MAKE["F16"]()),
        ("U8", bytes(300_000)),
        ("F64", MAKE["F64"]()),
        ("I64", MAKE["I64"]()),
    ]
    content = b"".join(part for _, part in parts)
    ends = list(itertools.accumulate(len(part) for _, part in parts))
    expected = [(dtype, end - len(part)) for (dtype, part), end in zip(parts, ends, strict=True)]
    found = [extent for extent in main_parts(sniffed(content)) if extent.size > 1000]
    expected = [
        (dtype, start) for dtype, start in expected if dtype != "U8" or start in (0, ends[3], ends[5])
    ]
    assert [extent.dtype for extent in found] == [dtype for dtype, _ in expected]
    for extent, (_, start) in zip(found, expected, strict=True):
        assert abs(extent.offset - start) <= NEAR


def test_large_files_are_one_extent() -> None:
    """Spans that are looked at apart are put together, wherever they begin."""
    content = b"abc" + floats(10 << 20).tobytes()
    assert sniffed(content, 3) == [Extent(3, 40 << 20, "F32")]


def test_elements_that_move() -> None:
    """Halves that begin at even places, then at odd ones, as where names of any length lie between."""
    parts = [floats(300_000).astype(np.float16).tobytes() for _ in range(4)]
    content = b"name-".join(parts)
    found = main_parts(sniffed(content))
    assert [extent.dtype for extent in found] == ["F16"] * 4
    assert [extent.offset % 2 for extent in found] == [0, 1, 0, 1]


def test_distributions_of_their_own() -> None:
    """Adam's second moments beside weights: one type, but nothing alike."""
    content = floats(200_000).tobytes() + (floats(200_000, 1e-4) ** 2).tobytes()
    first, second = sniffed(content)
    assert (first.dtype, second.dtype) == ("F32", "F32")
    assert abs(second.offset - 800_000) <= 64
    assert coded(content, [first, second]) < coded(content, [Extent(0, len(content), "F32")])


def test_what_repeats_is_left_to_zstandard() -> None:
    row = floats(500).tobytes()
    content = row * 400
    assert {extent.dtype for extent in sniffed(content)} == {"U8"}


@pytest.mark.parametrize("kinds", list(itertools.combinations([*MAKE, *PLAIN], 2)), ids="-".join)
def test_never_larger_than_zstandard(kinds: tuple[str, str]) -> None:
    content = b"".join((MAKE.get(kind) or PLAIN[kind])() for kind in kinds)
    assert coded(content, sniffed(content)) <= len(zstd.compress(content)) + 1000


def test_small_things_are_bytes() -> None:
    assert sniffed(b"") == []
    assert sniffed(b"x") == [Extent(0, 1, "U8")]
    assert sniffed(floats(900).tobytes()) == [Extent(0, 3600, "U8")]


def test_small_files_have_smaller_blocks() -> None:
    content = text(12_001) + floats(9_000).tobytes()
    first, second = main_parts(sniffed(content))
    assert (first.dtype, second.dtype) == ("U8", "F32")
    assert abs(second.offset - 12_001) <= NEAR


def test_kinds_that_change_all_the_time() -> None:
    """As many changes as there are blocks, and what is found is still no larger than what is there."""
    content = b"".join(
        part
        for _ in range(20)
        for part in (floats(16 << 10).tobytes(), text(64 << 10), bytes(64 << 10), bfloat16(32 << 10))
    )
    extents = sniffed(content)
    assert len(extents) <= 3 * len(content) // (64 << 10)
    assert coded(content, extents) <= len(zstd.compress(content))


@given(st.data())
def test_any_pieces_are_covered(data: st.DataObject) -> None:
    kinds = [
        floats(3000).tobytes(),
        bfloat16(4000),
        text(9000),
        bytes(7001),
        noise(8000),
        floats(5000, 3).astype(np.float16).tobytes(),
    ]
    pieces = data.draw(
        st.lists(st.tuples(st.sampled_from(kinds), st.integers(0, 9000)), min_size=1, max_size=6)
    )
    content = b"".join(piece[:size] for piece, size in pieces)
    offset = data.draw(st.integers(0, min(20, len(content))))
    size = data.draw(st.integers(0, len(content) - offset))
    sniffed(content, offset, size)


@pytest.mark.parametrize("rest", range(21))
@pytest.mark.parametrize("offset", range(9))
def test_a_few_bytes_may_be_left_behind_whole_spans(
    offset: int, rest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    span = 32 << 10
    monkeypatch.setattr("zipnn.containers.sniffing._SPAN", span)
    content = bytes(offset) + floats(2 * span // 4).tobytes() + b"a rest of a few bytes"[:rest]
    found = main_parts(sniffed(content, offset))
    assert [extent.dtype for extent in found] == ["F32"]
