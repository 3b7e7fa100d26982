# SPDX-License-Identifier: MIT
"""The core's decoder against docs/format.md: frames built from the page alone, whole and wrong."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.reference import BadFrameError, read_frame
from tests.reference.build import Huffman, Layered, Plan, assemble, build_frame, seal, tables_of
from tests.reference.layouts import LAYOUTS, split
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
    plans = [
        Plan(kinds) if kinds in ("stored", "constant") else Plan("tiles", tables_of(plane, kinds))
        for plane in planes
    ]
    frame = build_frame(data, layout_id, plans, base=base, align=8, attachment=b"carried along")
    assert decode(frame) == data
    assert read_frame(frame).data == data


@pytest.mark.parametrize("layout_id", [5, 9])
@pytest.mark.parametrize("base", [0, 200, 511])
@pytest.mark.parametrize("elements", [1, 127, 128, 5000])
def test_packed_planes_with_escaped_low_bits_decode(layout_id: int, base: int, elements: int) -> None:
    data = random.Random(base).randbytes(elements * LAYOUTS[layout_id].width)
    planes = split(layout_id, data, base)
    plans = [Plan("tiles", tables_of(planes[0], "hl")), Plan("packed7"), *([Plan()] * (len(planes) - 2))]
    frame = build_frame(data, layout_id, plans, base=base)
    assert decode(frame) == data
    assert read_frame(frame).data == data


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
        (head_with(5, 14), UnsupportedVersionError),
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
        pytest.param(coded(b"\x04" + bytes(16)), id="packed plane where none can be"),
        pytest.param(coded(b""), id="empty payload"),
        pytest.param(coded(b"\x05" + bytes(16)), id="unknown plane mode"),
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
            coded(b"\x03\x00" + bytes(16) + b"\x01\0\0\0" + b"\0\0\x04\0"), id="low bit of a plane without"
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
        coded(b"\x00" + bytes(16), b"\x04\x00", 1),
    ],
    ids=["table kind 0", "table kind 4"],
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
