# SPDX-License-Identifier: MIT
"""The core's decoder against docs/format.md: frames built from the page alone, whole and wrong."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.reference import BadFrameError, read_frame
from tests.reference.build import Plan, assemble, build_frame, seal
from tests.reference.layouts import LAYOUTS, join, outside, split
from tests.reference.tables import Constant, Huffman, Layered, Ranked, tables_of
from tests.reference.wrong import right_frames, wrong_frames
from zipnn.errors import CorruptError, FormatError, UnsupportedVersionError
from zipnn.frames import FrameReader


def decode(frame: bytes) -> bytes:
    reader = FrameReader(lambda offset, size: memoryview(frame)[offset : offset + size], len(frame))
    out = bytearray(reader.head.data_size)
    reader.decode_into(memoryview(out))
    return bytes(out)


def skewed(size: int, seed: int = 1) -> bytes:
    """Bytes of which small values are more frequent."""
    source = random.Random(seed)
    return bytes(min(255, int(source.expovariate(1 / 12))) for _ in range(size))


@pytest.mark.parametrize("layout_id", LAYOUTS)
@pytest.mark.parametrize("kinds", ["stored", "constant", "c", "h", "f", "l", "chfl"])
@pytest.mark.parametrize("elements", [0, 1, 130, 4097, 9000])
def test_every_layout_mode_and_table_decodes(layout_id: int, kinds: str, elements: int) -> None:
    layout = LAYOUTS[layout_id]
    if layout_id == 13 or (elements == 9000 and kinds != "chfl"):
        return
    base = 3 if layout.largest_base else 0
    data = skewed(elements * layout.width + layout.width - 1)
    planes = split(layout_id, data[: elements * layout.width], base) if layout_id else []
    if kinds == "constant":
        data = bytes(elements * layout.width)
        planes = [bytes(elements)] * len(planes)
        base = 0
    elif kinds == "stored" and layout.windowed:
        data = join(layout, planes, base, {})  # such planes have no escapes for elements outside
    plans = [
        Plan(kinds) if kinds in ("stored", "constant") else Plan("tiles", tables_of(plane, kinds))
        for plane in planes
    ]
    frame = build_frame(data, layout_id, plans, base=base, align=8, attachment=b"carried along")
    assert decode(frame) == data
    assert read_frame(frame).data == data


@pytest.mark.parametrize("layout_id", [5, 9])
@pytest.mark.parametrize("base", [0, 1, 112, 224])
@pytest.mark.parametrize("kinds", ["", "c", "h", "l", "r", "rs", "p"])
@pytest.mark.parametrize("elements", [1, 127, 128, 5000])
def test_elements_outside_a_window_decode(layout_id: int, base: int, kinds: str, elements: int) -> None:
    data = random.Random(base).randbytes(elements * LAYOUTS[layout_id].width)
    planes = split(layout_id, data, base)
    plans = [Plan("tiles", tables_of(planes[0], kinds)), *([Plan()] * (len(planes) - 1))]
    frame = build_frame(data, layout_id, plans, base=base, chunk_log2=13)
    assert decode(frame) == data
    assert read_frame(frame).data == data


def test_the_planes_of_a_windowed_element_are_what_the_page_says() -> None:
    # 0xBF9A has sign 1, exponent 127, mantissa 001 1010; 0x0058 has sign 0, exponent 0, mantissa 101 1000.
    data = b"\x9a\xbf" + b"\x58\x00" + b"\x9a\xbf"
    first, second = (127 - 112) << 3 | 0b001, 0b101
    payload = b"\3\0" + bytes((first, second, 0b001)) + b"\1\0\0\0" + b"\2\0\4\x7f"
    payload += b"\0" + bytes((0b10101, 0b10000, 0b10101))
    frame = assemble([(payload, data)], 5, b"\x70\0" + b"\0\0")
    assert decode(frame) == read_frame(frame).data == data
    wide = b"\1\2\x9a\xbf" + b"\3\4\x58\x00" + b"\5\6\x9a\xbf"
    frame = assemble([(payload + b"\0\2\4\6" + b"\0\1\3\5", wide)], 9, b"\x70\0" + bytes(4))
    assert decode(frame) == read_frame(frame).data == wide


@pytest.mark.parametrize("base", [0, 1, 112, 223, 224])
def test_every_bfloat16_has_one_place_in_every_window(base: int) -> None:
    data = b"".join(x.to_bytes(2, "little") for x in range(1 << 16))
    exponents = outside(5, data, base)
    within = {e for e in range(256) if e == 0 or base < e <= base + 31}
    assert set(exponents.values()) == set(range(256)) - within
    assert {at for at in range(1 << 16) if at >> 7 & 0xFF not in within} == set(exponents)
    frame = build_frame(data, 5, [Plan("tiles"), Plan()], base=base, chunk_log2=16)
    assert decode(frame) == data


@pytest.mark.parametrize("layout_id", sorted(set(LAYOUTS) - {0, 13}))
@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("kinds", ["r", "s", "p", "cshpr"])
@pytest.mark.parametrize("elements", [0, 1, 128, 300, 4225, 17000])
def test_ranked_tables_of_every_size_decode(layout_id: int, k: int, kinds: str, elements: int) -> None:
    layout = LAYOUTS[layout_id]
    if (layout.windowed and k != 3) or (elements == 17000 and (kinds != "cshpr" or layout.width > 2)):
        return
    base = 3 if layout.largest_base else 0
    data = skewed(elements * layout.width + layout.width - 1, seed=k)
    planes = split(layout_id, data[: elements * layout.width], base)
    plans = [Plan("tiles", tables_of(planes[0], kinds, k)), *([Plan()] * (len(planes) - 1))]
    if layout.windowed:
        plans[1] = Plan("tiles", tables_of(planes[1], "hf"))  # extra bits may be coded too
    frame = build_frame(data, layout_id, plans, base=base, chunk_log2=14)
    assert decode(frame) == data
    independent = read_frame(frame)
    assert (independent.data, independent.extra_bits) == (data, k)


def test_levels_give_the_order_that_the_page_says() -> None:
    # The levels 8, 10, 7, 7 of the symbols 5 to 8; differences 0, +2, -3, 0: the bits 0, 1010, 11110, 0.
    order = bytes((5, 8, 0b11101010, 0b00000001))
    assert Ranked(4, 5, (8, 10, 7, 7), Layered((0,))).section() == b"\4\4" + order + b"\3\1\0"
    data = bytes((7, 8, 5, 6, 4, 3, 2, 1, 0, 9, 10, 11, 12, 13, 14, 15))
    # All are of group 0, so that the extra bits are the ranks 0 to 15.
    payload = b"\2\1" + b"\4\0" + bytes(4) + bytes(range(16))
    frame = coded(payload, b"\4\4" + order + b"\3\1\0", 1, data)
    assert decode(frame) == read_frame(frame).data == data


@pytest.mark.parametrize(
    ("k", "value", "places"),
    [
        (1, 1, {9: 0x20}),
        (2, 2, {13: 0x20}),
        (3, 6, {13: 0x20, 32 + 9: 0x20}),
        (4, 10, {13: 0xA0}),
    ],
)
def test_the_extra_bits_of_element_77_are_where_the_page_says(
    k: int, value: int, places: dict[int, int]
) -> None:
    packed = bytearray(16 * k)
    for place, byte in places.items():
        packed[place] = byte
    data = bytes(value if i == 77 else 0 for i in range(128)) + bytes((0, value))
    payload = b"\2\1" + (33).to_bytes(2, "little") + bytes(33) + packed + bytes((0, value))
    # The order is that of the values, and all are of group 0.
    frame = coded(payload, bytes((4, k, 0, 0, 0, 3, 1, 0)), 1, data)
    assert decode(frame) == read_frame(frame).data == data


def test_extra_bits_are_there_even_if_no_tile_has_a_ranked_table_and_are_not_looked_at() -> None:
    tables = Constant(9).section() + Ranked(2, 0, (8,), Layered((0,))).section()
    frame = coded(b"\2\1" + b"\3" * 16, tables, 2, b"\x09" * 16)
    assert decode(frame) == read_frame(frame).data == b"\x09" * 16
    stored = b"\2\0" + bytes(range(16)) + b"\3" * 16
    assert decode(coded(stored, tables, 2, bytes(range(16)))) == bytes(range(16))
    # A plane that has no tiles has no extra bits either.
    assert decode(coded(b"\0" + bytes(range(16)), tables, 2, bytes(range(16)))) == bytes(range(16))
    assert decode(coded(b"\1\4", tables, 2, b"\4" * 16)) == b"\4" * 16


def test_an_escape_replaces_a_ranked_symbol_after_its_extra_bits() -> None:
    # Element 5 has rank 3, but is escaped to be 100.
    payload = b"\3\1" + b"\4\0" + bytes(4) + b"\1\0\0\0" + b"\5\0\0\x64" + b"\3" * 16
    data = bytes(100 if i == 5 else 3 for i in range(16))
    frame = coded(payload, Ranked(2, 0, (8,), Layered((0,))).section(), 1, data)
    assert decode(frame) == read_frame(frame).data == data


@pytest.mark.parametrize("name", right_frames())
def test_what_the_wrong_frames_are_made_of_decodes(name: str) -> None:
    frame = right_frames()[name]
    assert decode(frame) == read_frame(frame).data


@pytest.mark.parametrize("name", wrong_frames())
def test_a_wrong_ranked_table_window_or_escape_is_refused(name: str) -> None:
    frame = wrong_frames()[name]
    with pytest.raises(BadFrameError):
        read_frame(frame)
    with pytest.raises(CorruptError) as caught:
        decode(frame)
    assert type(caught.value) is CorruptError


def test_the_largest_layered_table_and_the_longest_codes_decode() -> None:
    data = bytes(range(24)) * 300
    for table in (Layered(tuple(range(24))), Huffman({i: min(i + 1, 12) for i in range(13)})):
        frame = build_frame(data, 1, [Plan("tiles", [table])])
        assert decode(frame) == data


def head_with(offset: int, value: int, size: int = 1) -> Callable[[bytes], bytes]:
    return lambda frame: seal(frame[:offset] + value.to_bytes(size, "little") + frame[offset + size :])


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (head_with(0, 0), FormatError),
        (head_with(4, 2), UnsupportedVersionError),
        (head_with(4, 0), UnsupportedVersionError),
        (head_with(5, 15), UnsupportedVersionError),
        (head_with(6, 3), UnsupportedVersionError),
        (head_with(7, 12), UnsupportedVersionError),
        (head_with(7, 0), CorruptError),
        (head_with(8, 38, 4), CorruptError),
        (head_with(8, 10**9, 4), CorruptError),
        (head_with(12, 10**15, 8), CorruptError),
        (head_with(12, 80, 8), CorruptError),
        (head_with(20, 2**63, 8), CorruptError),
        (head_with(20, 2**64 - 1, 8), CorruptError),
        (head_with(20, 10**12, 8), CorruptError),
        (head_with(36, 0), CorruptError),
        (head_with(36, 33), CorruptError),
        (head_with(37, 65), CorruptError),
        (head_with(37, 0), CorruptError),
        (head_with(38, 11), CorruptError),
        (head_with(38, 19), CorruptError),
        (head_with(38, 25), CorruptError),
        (head_with(39, 0, 4), CorruptError),
        (head_with(39, 10**6, 4), CorruptError),
        (head_with(43, 0xFF), CorruptError),
        (head_with(45, 0x89, 1), CorruptError),
        (head_with(45, 0x80 | 0x00 << 8, 2), CorruptError),
        (lambda frame: frame[:29] + bytes((frame[29] ^ 1,)) + frame[30:], CorruptError),
        (lambda frame: frame + b"\0", CorruptError),
        (lambda frame: frame[:-1], CorruptError),
    ],
)
def test_a_wrong_head_is_refused_though_its_checksum_holds(
    damage: Callable[[bytes], bytes], error: type[FormatError]
) -> None:
    data = skewed(5000)
    frame = build_frame(data, 1, [Plan("tiles", tables_of(data, "hl"))], dtype="U8", attachment=b"end")
    assert decode(frame) == data
    damaged = damage(frame)
    with pytest.raises(BadFrameError):
        read_frame(damaged)
    with pytest.raises(error) as caught:
        decode(damaged)
    assert type(caught.value) is error


def coded(payload: bytes, tables: bytes = b"", count: int = 0, data: bytes = bytes(16)) -> bytes:
    return assemble([(payload, data)], 1, bytes((count,)) + tables)


def test_the_tables_of_the_wrong_payloads_are_right_themselves() -> None:
    assert Huffman(dict.fromkeys(range(7, 11), 2)).section() == bytes((2, 7, 10)) + b"\x27\x00"


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(coded(b"\x00" + bytes(15)), id="stored plane too short"),
        pytest.param(coded(b"\x00" + bytes(17)), id="stray byte after a plane"),
        pytest.param(coded(b""), id="empty payload"),
        pytest.param(coded(b"\x04" + bytes(16)), id="unknown plane mode"),
        pytest.param(coded(b"\x01"), id="constant plane without value"),
        pytest.param(coded(b"\x02\x01"), id="class without table"),
        pytest.param(coded(b"\x02\x10" + bytes(16)), id="unused nibble of the directory"),
        pytest.param(coded(b"\x03\x00" + bytes(16) + bytes(4)), id="no escapes"),
        pytest.param(coded(b"\x03\x00" + bytes(16) + b"\x01\0\0\0"), id="escape missing"),
        pytest.param(
            coded(b"\x03\x00" + bytes(16) + b"\x01\0\0\0" + b"\x10\0\0\0"), id="escape behind the chunk"
        ),
        pytest.param(
            coded(b"\x03\x00" + bytes(16) + b"\x01\0\0\0" + b"\0\0\x08\0"), id="reserved bit of an escape"
        ),
        pytest.param(
            coded(b"\x03\x00" + bytes(16) + b"\x01\0\0\0" + b"\0\0\x04\0"), id="exponent of a plane without"
        ),
        pytest.param(coded(b"\x03\x00" + bytes(16) + b"\x02\0\0\0" + bytes(8)), id="escape twice"),
        pytest.param(
            coded(b"\x03\x00" + bytes(16) + b"\x02\0\0\0" + b"\x01\0\0\0" + bytes(4)), id="escapes unordered"
        ),
        pytest.param(
            coded(b"\x03\x00" + bytes(16) + b"\xff\xff\xff\xff"), id="four thousand million escapes"
        ),
        pytest.param(coded(b"\x00" + bytes(16), b"\x01\x00" * 16, 16), id="sixteen tables"),
        pytest.param(coded(b"\x00" + bytes(16), b"\x01\x00", 0), id="table that nobody counts"),
        pytest.param(coded(b"\x00" + bytes(16), b"\x03\x00", 1), id="layered without symbols"),
        pytest.param(
            coded(b"\x00" + bytes(16), b"\x03\x19" + bytes(range(25)), 1), id="layered with 25 symbols"
        ),
        pytest.param(coded(b"\x00" + bytes(16), b"\x03\x02\x07\x07", 1), id="layered symbol twice"),
        pytest.param(coded(b"\x00" + bytes(16), b"\x02\x07\x07\x17\x00", 1), id="Huffman with one symbol"),
        pytest.param(coded(b"\x00" + bytes(16), b"\x02\x07\x0a\x17\x00", 1), id="Huffman code too full"),
        pytest.param(coded(b"\x00" + bytes(16), b"\x02\x07\x0a\x37\x00", 1), id="Huffman code not full"),
        pytest.param(coded(b"\x00" + bytes(16), b"\x02\x07\x0a\xd7\x00", 1), id="Huffman length 13"),
        pytest.param(coded(b"\x00" + bytes(16), b"\x02\x07\x0a\x07\x00", 1), id="Huffman length 0"),
        pytest.param(
            coded(b"\x00" + bytes(16), b"\x02\x07\x0a\x27\x80", 1), id="Huffman table with unused bits"
        ),
        pytest.param(
            coded(b"\x00" + bytes(16), b"\x02\x07\x0a\xff\x0f", 1), id="Huffman run behind the last symbol"
        ),
    ],
)
def test_a_wrong_payload_or_table_is_refused(frame: bytes) -> None:
    with pytest.raises(BadFrameError):
        read_frame(frame)
    with pytest.raises(CorruptError) as caught:
        decode(frame)
    assert type(caught.value) is CorruptError


@pytest.mark.parametrize(
    "frame",
    [
        coded(b"\x00" + bytes(16), b"\x00\x00", 1),
        coded(b"\x00" + bytes(16), b"\x07\x00", 1),
    ],
    ids=["table kind 0", "table kind 7"],
)
def test_an_unknown_table_needs_a_newer_reader(frame: bytes) -> None:
    with pytest.raises(BadFrameError):
        read_frame(frame)
    with pytest.raises(UnsupportedVersionError):
        decode(frame)


HUFFMAN_4 = Huffman(dict.fromkeys(range(4), 2)).section()


@pytest.mark.parametrize(
    ("payload", "tables"),
    [
        (b"\x02\x01" + b"\x04\0" + bytes(4), HUFFMAN_4),
        (b"\x02\x01" + b"\x04\0" + bytes(4), b"\x03\x01\x00"),
        (b"\x02\x01", b"\x01\x00"),
    ],
    ids=["Huffman", "layered", "constant"],
)
def test_a_tile_is_used_up_exactly(payload: bytes, tables: bytes) -> None:
    assert decode(coded(payload, tables, 1)) == bytes(16)
    sized = bytearray(payload)
    for size in [] if tables[0] == 1 else (0, 3, 5, 0xFFFF):
        sized[2:4] = size.to_bytes(2, "little")
        for body in (bytes(sized), bytes(sized[:4]) + bytes(size)):
            with pytest.raises(CorruptError):
                decode(coded(body, tables, 1))
            with pytest.raises(BadFrameError):
                read_frame(coded(body, tables, 1))


def test_ranks_beyond_a_layered_table_read_as_symbol_0() -> None:
    # All sixteen elements have rank 3 + 3 + 3 + 15.
    payload = b"\x02\x01" + b"\x14\0" + b"\xff" * 20
    frame = coded(payload, b"\x03\x02\x09\x08", 1)
    assert read_frame(frame).data == decode(frame) == bytes(16)


def test_a_payload_that_gives_other_bytes_is_refused_by_its_checksum() -> None:
    with pytest.raises(CorruptError, match="chunk 0"):
        decode(coded(b"\x01\x07"))
