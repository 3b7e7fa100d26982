# SPDX-License-Identifier: MIT
"""What golden files are made of: inputs from a generator that no library can change, and their frames."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.reference.build import Plan, assemble, build_frame, seal
from tests.reference.layouts import LAYOUTS, join, split
from tests.reference.tables import tables_of
from tests.reference.wrong import right_frames, wrong_frames
from zipnn import _core, dtypes, zstd
from zipnn.frames import write_frame

BASES = {5: 115, 9: 115, 12: 2047}


class Numbers:
    """Knuth's 64-bit linear congruential generator."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, limit: int) -> int:
        """An integer from 0 to `limit` - 1."""
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % limit

    def bytes(self, size: int) -> bytes:
        return bytes(self.below(256) for _ in range(size))

    def weight(self) -> float:
        """About normal, of deviation 1/64; exact in 32 bits."""
        return (sum(self.below(2**16) for _ in range(12)) - 6 * 2**16) / 2**22


def weights(dtype: str, count: int, seed: int) -> bytes:
    """`count` elements as a trained model might hold them."""
    numbers = Numbers(seed)
    family = dtypes.BY_NAME[dtype].family
    if family in ("float32", "float64", "float16"):
        code = {"float32": "f", "float64": "d", "float16": "e"}[family]
        parts = count * (2 if dtype.startswith("C") else 1)
        return struct.pack(f"<{parts}{code}", *(numbers.weight() for _ in range(parts)))
    if family == "bfloat16":
        wide = struct.pack(f"<{count}f", *(numbers.weight() for _ in range(count)))
        return b"".join(wide[i + 2 : i + 4] for i in range(0, len(wide), 4))
    if dtype == "BOOL":
        return bytes(numbers.below(8) == 0 for _ in range(count))
    if family in ("bytes", "float8"):
        size = dtypes.BY_NAME[dtype].size(count)
        # Signs in bit 7, and magnitudes of which the middle ones are frequent.
        return bytes(numbers.below(2) << 7 | sum(numbers.below(13) for _ in range(10)) for _ in range(size))
    width, signed = dtypes.BY_NAME[dtype].bits // 8, family.startswith("i")
    values = (int(numbers.weight() * 2**13) if signed else numbers.below(3000) for _ in range(count))
    return b"".join(value.to_bytes(width, "little", signed=signed) for value in values)


@dataclass(frozen=True)
class Case:
    """A golden file: its name and its bytes; `error` is the class that decoding it raises."""

    name: str
    frame: bytes
    error: str = ""


def all_cases() -> Iterator[Case]:
    """Every case, in the order of the manifest."""
    yield from _written()
    yield from _built()
    yield from _wrong()
    yield from _modelled()


def _written() -> Iterator[Case]:
    """What zipnn writes: every dtype with every kind of content."""
    for seed, (name, dtype) in enumerate(dtypes.BY_NAME.items()):
        count = max(500, 40_000 // max(dtype.bits, 8)) // 8 * 8
        data = weights(name, count, seed)
        for level in ("default", "fast"):
            yield _case(f"{name}-weights-{level}", data, name, (4, count // 4), level=level)
        noise = Numbers(seed).bytes(dtype.size(64))
        yield _case(f"{name}-noise", noise, name, (64,))
        yield _case(f"{name}-zeros", bytes(dtype.size(5000)), name, (5000,))
        yield _case(f"{name}-empty", b"", name, (3, 0))
        yield _case(f"{name}-scalar", noise[: dtype.size(1)], name, ())
    yield _case("F32-from-BF16", _widened(weights("BF16", 3000, 100)), "F32", (3000,))
    few = bytes((7, 7, 7, 7, 7, 9, 9, 200)[Numbers(101).below(8) - i % 2] for i in range(10_000))
    yield _case("U8-few", few, "U8", (10_000,), level="fast")
    text = b"".join(b"model.layers.%d.self_attn.q_proj.weight\n" % i for i in range(400))
    yield _case("U8-text-zstd", text, "U8", (len(text),))
    yield _case("unknown-dtype", text[:500], "F9_NEW", (7, 9))
    yield _case("numpy-dtype", Numbers(102).bytes(80), "numpy:<M8[ns]", (10,), kind=1)
    yield _case("numpy-big-endian", weights("F32", 300, 103), "F32", (300,), kind=1, flags=1)
    yield _case("torch", weights("BF16", 300, 104), "BF16", (3, 100), kind=2)
    yield _case("attachment-and-padding", b"abc", "U8", (3,), attachment=b"carried along", align=8)
    yield Case("reference", _core.reference_head("BF16", (2, 3), 12, "model.embed_tokens.weight"))


def _case(name: str, data: bytes, dtype: str, shape: tuple[int, ...], **options: object) -> Case:
    return Case(name, write_frame(data, dtype=dtype, shape=shape, **options))  # type: ignore[arg-type]


def _built() -> Iterator[Case]:
    """What the format can say, whether or not zipnn says it."""
    for layout_id, layout in LAYOUTS.items():
        if layout_id in (0, 13):
            continue
        base = BASES.get(layout_id, 0)
        few, many = 3000 // layout.width, 8500
        data = _elements(layout_id, few) + b"\1\2\3\4\5\6\7"[: layout.width - 1]
        planes = split(layout_id, data[: few * layout.width], base)
        plans = [Plan("tiles", tables_of(plane, "hlfc"[i % 4])) for i, plane in enumerate(planes)]
        yield Case(f"layout-{layout_id}-tables", build_frame(data, layout_id, plans, base=base))
        if layout.width > 2:
            continue
        data = _elements(layout_id, many)
        kinds = "hfl" if layout.windowed else "chfl"
        plans = [Plan("tiles", tables_of(plane, kinds)) for plane in split(layout_id, data, base)]
        frame = build_frame(data, layout_id, plans, base=base, chunk_log2=14)
        yield Case(f"layout-{layout_id}-classes", frame)
    yield from _ranked()
    yield Case("layout-0-chunks", build_frame(Numbers(1).bytes(5000), 0))
    yield Case("layout-10-constant-planes", build_frame(bytes(range(8)) * 5000, 10, [Plan("constant")] * 8))
    halves = [bytes(4096), b"zipnn" * 100]
    yield Case("layout-13-chunks", assemble([(zstd.compress(half), half) for half in halves], 13))
    beyond = assemble([(b"\2\1\x14\0" + b"\xff" * 20, bytes(16))], 1, b"\1\3\2\t\b")
    yield Case("layered-rank-beyond-its-table", beyond)


def _ranked() -> Iterator[Case]:
    """Ranked tables with every number of extra bits in every layout, and elements outside of windows."""
    for k in (1, 2, 3, 4):
        numbers = Numbers(200 + k)
        data = bytes(sum(numbers.below(9) for _ in range(4)) for _ in range(8500))
        plan = Plan("tiles", tables_of(data, "rsc", k))
        yield Case(f"ranked-{k}-classes", build_frame(data, 1, [plan], chunk_log2=14))
    for layout_id, layout in LAYOUTS.items():
        if layout.width == 1:
            continue
        base, numbers = BASES.get(layout_id, 0), Numbers(300 + layout_id)
        planes = [bytes(500)] * layout.width
        planes[0] = bytes(20 + numbers.below(8) + numbers.below(32) for _ in range(500))
        planes[1] = bytes(min(numbers.below(32), numbers.below(32)) for _ in range(500))
        plans = [Plan("constant")] * layout.width
        plans[0] = Plan("tiles", tables_of(planes[0], "r", 3 if layout.windowed else 1 + layout_id % 4))
        plans[1] = Plan("tiles", tables_of(planes[1], "f"))
        frame = build_frame(join(layout, planes, base, {}), layout_id, plans, base=base)
        yield Case(f"layout-{layout_id}-ranked", frame)
    for layout_id in (5, 9):
        data = Numbers(400 + layout_id).bytes(400 * LAYOUTS[layout_id].width)
        for kinds, base in (("", 0), ("c", 224), ("s", 100)):
            planes = split(layout_id, data, base)
            plans = [Plan("tiles", tables_of(planes[0], kinds)), *([Plan()] * (len(planes) - 1))]
            frame = build_frame(data, layout_id, plans, base=base)
            yield Case(f"layout-{layout_id}-outside-{base}", frame)
    for name, frame in right_frames().items():
        yield Case(f"right-{name}", frame)


def _elements(layout_id: int, count: int) -> bytes:
    """Elements that suit a layout: their planes have few values, one of them frequent."""
    if layout_id == 5:
        # Powers of two, so that plane 1 has nothing but signs.
        return bytes(byte & (0xFF, 0x80)[i % 2 == 0] for i, byte in enumerate(weights("BF16", count, 1005)))
    if layout_id == 9:
        return _widened(weights("BF16", count, 1009))
    numbers = Numbers(1000 + layout_id)
    size = count * LAYOUTS[layout_id].width
    return bytes(numbers.below(40) if numbers.below(14) == 0 else 0 for _ in range(size))


def _widened(halves: bytes) -> bytes:
    """bfloat16 as float32."""
    return b"".join(b"\0\0" + halves[i : i + 2] for i in range(0, len(halves), 2))


def _modelled() -> Iterator[Case]:
    """Planes with context tables, with what their tables can go wrong by."""
    unsigned, signed = _rows(128, 128, False, 1), _rows(128, 128, True, 2)
    yield _case("contexts-rows-and-columns", unsigned, "U8", (128, 128), level="max")
    yield _case("contexts-signs", signed, "F8_E4M3", (128, 128), level="max")
    yield _case("contexts-runs", _rows(32, 512, False, 3), "U8", (16384,), level="max")
    # One element and one symbol of half the slots: a state goes from 2^17 to 2^16.
    table = b"\1\5\0" + struct.pack("<I", 5) + b"\1\1" + b"\x07\x08\x07" + b"\xc7\0"
    states = struct.pack("<I", 1 << 17) + struct.pack("<I", 1 << 16) * 31
    plane = b"\5" + struct.pack("<I", len(states)) + states
    yield Case("contexts-one-element", assemble([(plane, b"\7")], 1, table))
    escape = b"\6" + plane[1:] + struct.pack("<2I", 1, 9 << 24)
    yield Case("contexts-escape", assemble([(escape, b"\x09")], 1, table))
    tables = {
        "flag": (2, b"\2"),
        "row-length-0": (3, bytes(4)),
        "row-classes": (7, b"\x09"),
        "column-classes": (8, b"\5"),
        "one-symbol": (10, b"\7"),
        "frequencies-too-large": (10, b"\x09\x07\xc7\x77"),
        "stray-bits": (13, b"\x80"),
        "beside-another": (0, b"\2\1\7"),
    }
    for name, (at, value) in tables.items():
        wrong = (
            value + table[1:] if name == "beside-another" else table[:at] + value + table[at + len(value) :]
        )
        yield Case(f"error-contexts-{name}", assemble([(plane, b"\7")], 1, wrong), "CorruptError")
    payloads = {
        "state-too-small": plane[:5] + struct.pack("<I", 1 << 15) + plane[9:],
        "final-state": plane[:9] + struct.pack("<I", (1 << 16) + 1) + plane[13:],
        "word-left": b"\5" + struct.pack("<I", len(states) + 2) + states + b"\0\0",
        "too-short": b"\5" + struct.pack("<I", len(states) - 1) + states[:-1],
        "tiles": b"\2\1\0\0",
    }
    for name, payload in payloads.items():
        yield Case(f"error-contexts-{name}", assemble([(payload, b"\7")], 1, table), "CorruptError")
    yield from _packed(table)


def _packed(table: bytes) -> Iterator[Case]:
    """Plane 1 of windowed layouts in 5 bits, which goes with a context table of plane 0."""
    values = bytes(Numbers(4).below(32) for _ in range(300))
    packed = bytearray()
    for at in (0, 128):
        block = values[at : at + 128]
        packed += bytes(block[i] & 15 | (block[64 + i] & 15) << 4 for i in range(64))
        packed += bytes(sum((block[8 * i + j] >> 4) << j for j in range(8)) for i in range(16))
    plane = b"\4" + packed + values[256:]
    for layout_id in (5, 9):
        layout, base = LAYOUTS[layout_id], b"\x64\0"
        rest = b"\0" * (layout.width - 2)
        planes = [bytes(300), values, *([bytes(300)] * (layout.width - 2))]
        data, zeros = join(layout, planes, 100, {}), b"\1\0" * (layout.width - 2)
        payload = b"\1\0" + plane + zeros
        yield Case(f"packed-{layout_id}", assemble([(payload, data)], layout_id, base + table + b"\0" + rest))
        for name, first in {"tables": b"\0", "contexts": b"\1\1\0"}.items():
            frame = assemble([(payload, data)], layout_id, base + first + b"\0" + rest)
            yield Case(f"error-packed-{layout_id}-without-{name}", frame, "CorruptError")


def _rows(count: int, length: int, signed: bool, seed: int) -> bytes:
    """Rows of small numbers, wider in some rows and columns than in others."""
    numbers = Numbers(seed)
    wide = [1 + numbers.below(3) for _ in range(length)]
    data = bytearray()
    for _ in range(count):
        row = 1 + numbers.below(4)
        data += bytes(numbers.below(row * wide[i]) | (numbers.below(2) << 7) * signed for i in range(length))
    data[5000] = 100  # too rare for a code of its own
    return bytes(data)


def _wrong() -> Iterator[Case]:
    """Files that are damaged, hostile or something else."""
    data = weights("BF16", 600, 7)
    whole = write_frame(data, dtype="BF16", shape=(600,), align=8, attachment=b"attached")
    head_size = int.from_bytes(whole[8:12], "little")

    def patched(offset: int, value: bytes, *, sealed: bool = True) -> bytes:
        changed = whole[:offset] + value + whole[offset + len(value) :]
        return seal(changed) if sealed else changed

    corrupt: dict[str, Callable[[], bytes]] = {
        "no-bytes": lambda: b"",
        "magic-alone": lambda: whole[:4],
        "head-truncated": lambda: whole[: head_size - 1],
        "payload-truncated": lambda: whole[:-100],
        "stray-byte": lambda: whole + b"\0",
        "head-checksum": lambda: patched(50, b"\xff", sealed=False),
        "head-size": lambda: patched(8, struct.pack("<I", 38), sealed=False),
        "attachment-size": lambda: patched(39, struct.pack("<I", 10**6)),
        "attachment-empty": lambda: patched(39, struct.pack("<I", 0)),
        "data-size-huge": lambda: patched(20, struct.pack("<Q", 2**63)),
        "data-size-of-another-shape": lambda: patched(20, struct.pack("<Q", 1202)),
        "dtype-not-utf8": lambda: patched(43, b"\xff"),
        "dtype-without-name": lambda: patched(36, b"\0"),
        "dimensions": lambda: patched(37, b"\x41"),
        "chunk-size": lambda: patched(38, b"\x0b"),
        "shape-not-shortest": lambda: patched(47, b"\x81\0"),
        "payload-bit": lambda: patched(head_size + 400, bytes((whole[head_size + 400] ^ 1,)), sealed=False),
        "stored-bit": lambda: write_frame(b"abc", dtype="U8", shape=(3,))[:-1] + b"b",
        "stored-bomb": lambda: _bomb(0),
        "zstd-bomb": lambda: _bomb(13),
        "zstd-longer": lambda: assemble([(zstd.compress(bytes(9)), bytes(8))], 13),
        "huffman-not-full": lambda: assemble([(bytes(17), bytes(16))], 1, b"\1\2\7\x0a\x37\0"),
        "class-without-table": lambda: assemble([(b"\2\1", bytes(16))], 1, b"\0"),
        "escape-behind-the-chunk": lambda: assemble(
            [(b"\3\0" + bytes(16) + b"\1\0\0\0\x10\0\0\0", bytes(16))], 1, b"\0"
        ),
    }
    for name, make in corrupt.items():
        yield Case(f"error-{name}", make(), "CorruptError")
    for name, frame in wrong_frames().items():
        yield Case(f"error-{name}", frame, "CorruptError")
    newer = {
        "version": (4, b"\2"),
        "layout": (5, b"\x0f"),
        "kind": (6, b"\3"),
        "flag": (7, b"\x0c"),
    }
    for name, (offset, value) in newer.items():
        yield Case(f"error-newer-{name}", patched(offset, value), "UnsupportedVersionError")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    for name, other in {"zeros": bytes(100), "pointer": pointer, "magic": b"\x9aZNG" + whole[4:]}.items():
        yield Case(f"error-other-{name}", other, "FormatError")


def _bomb(layout: int) -> bytes:
    """A frame that claims 320 MiB of data with payloads of a byte."""
    frame = bytearray(assemble([(b"x", b"")] * 20, layout, chunk_log2=24, shape=()))
    frame[20:28] = struct.pack("<Q", 20 << 24)
    return seal(bytes(frame))
