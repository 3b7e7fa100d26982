# SPDX-License-Identifier: MIT
"""Add golden files to tests/golden/differences: frames against a base that must decode for ever.

Run as `python -m scripts.golden_differences` from the repository's root. What is there already is never
written again, as with `make_golden`. Bases come from the generator of the other golden files, and are not
stored.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import xxhash

from scripts.golden_cases import Numbers, weights
from scripts.make_golden import add_missing
from tests.reference import BadFrameError, WrongBaseError, read_frame
from tests.reference.build import assemble
from zipnn import _core, differences, dtypes
from zipnn.errors import ZipnnError

FOLDER = Path(__file__).parent.parent / "tests" / "golden" / "differences"
LARGEST = 8000
FORMS = ("identical", "dense", "sparse")


@dataclass(frozen=True)
class Case:
    """A golden file: its name, its base and its bytes; `error` is the class that decoding it raises."""

    name: str
    base: bytes
    frame: bytes
    error: str = ""


def all_cases() -> Iterator[Case]:
    """Every case, in the order of the manifest."""
    yield from _written()
    yield from _built()


def _written() -> Iterator[Case]:
    """What zipnn writes: every dtype in every form."""
    for seed, (name, dtype) in enumerate(dtypes.BY_NAME.items()):
        count = 24_000 // max(dtype.bits, 8) // 8 * 8
        base = weights(name, count, 500 + seed)
        for form, one_in in (("identical", 0), ("dense", 1), ("sparse", 40)):
            data = _changed(base, dtype.bits, one_in, 600 + seed)
            yield _case(f"{name}-{form}", data, base, name, (count // 4, 4))
    base = weights("BF16", 6000, 700)
    yield _case("BF16-by-base", _moved(base, 800), base, "BF16", (6000,), "max")
    yield _case("BF16-fast", _moved(base, 801), base, "BF16", (6000,), "fast")
    yield _case("BF16-gaps", base[:2] + b"\x11" + base[3:9000] + b"\x12" + base[9001:], base, "BF16", (6000,))
    text = b"abcdefgh" * 50
    yield _case("unknown-dtype", text[:-1] + b"i", text, "F9_NEW", (9,))


def _case(
    name: str, data: bytes, base: bytes, dtype: str, shape: tuple[int, ...], level: str = "default"
) -> Case:
    encoder = _core.DifferenceEncoder(data, base, dtypes.named(dtype).family, level, 1)
    frame = encoder.frame(dtype, shape, 0, 0, 8)
    assert frame is not None
    return Case(name, base, frame)


def _changed(base: bytes, bits: int, one_in: int, seed: int) -> bytes:
    """One in so many elements with its lowest byte changed a little."""
    numbers, width, data = Numbers(seed), max(1, bits // 8), bytearray(base)
    for at in range(0, len(data), width):
        if one_in and numbers.below(one_in) == 0:
            data[at] = (data[at] + 1 + min(numbers.below(9), numbers.below(9))) % 256
    return bytes(data)


def _moved(base: bytes, seed: int) -> bytes:
    """bfloat16 to which something of one size was added, whatever their own is."""
    numbers, data = Numbers(seed), b""
    for (word,) in struct.iter_unpack("<H", base):
        (value,) = struct.unpack("<f", struct.pack("<I", word << 16))
        data += struct.pack("<f", value + numbers.weight() / 256)[2:]
    return data


def _digest(data: bytes) -> bytes:
    return xxhash.xxh3_64_intdigest(data).to_bytes(8, "little")


def _built() -> Iterator[Case]:
    """What the format can say, whether or not zipnn says it."""
    base = Numbers(900).bytes(2 * 5000)
    section = b"\2\1" + _digest(base) + b"\1" + bytes(4)
    # Two chunks, the second with one change to its last element, over a bridge.
    first = struct.pack("<I", 0)
    gaps = (500, 402)
    upper, lower = (bytes(gap >> 1 for gap in gaps), bytes(gap & 1 for gap in gaps))
    codes = b"\0" + upper + b"\0" + lower + b"\1\0" + b"\0\0\4"
    last = int.from_bytes(base[-2:], "little")
    signed = last if last < 1 << 15 else (last ^ 0x7FFF) - (1 << 16)
    new = (signed + 2 + (1 << 15)) % (1 << 16) - (1 << 15)
    changed = base[:-2] + ((new if new >= 0 else new ^ 0x7FFF) % (1 << 16)).to_bytes(2, "little")
    chunks = [(first, base[:8192]), (struct.pack("<I", 2) + codes, changed[8192:])]

    def built(coder: bytes = section, parts: list[tuple[bytes, bytes]] = chunks, layout: int = 2) -> bytes:
        return assemble(parts, layout, coder, base=base)

    yield Case("built-two-chunks", base, built())
    stored = [(b"\0" * 1 + bytes(4096) + b"\1\0", base[:8192]), (b"\1\0" * 2, base[8192:])]
    yield Case("built-dense-zeros", base, built(b"\1\0" + _digest(base) + bytes(2), stored))
    far = struct.pack("<I", 2) + codes.replace(lower, b"\0\1")
    many = struct.pack("<I", 905) + codes
    wrong = {
        "entry-outside": [chunks[0], (far, chunks[1][1])],
        "too-many-entries": [chunks[0], (many, chunks[1][1])],
        "bytes-left": [chunks[0], (chunks[1][0] + b"\0", chunks[1][1])],
        "bytes-behind-no-entries": [(first + b"\0", base[:8192]), chunks[1]],
        "checksum": [chunks[0], (chunks[1][0], base[8192:])],
    }
    for name, parts in wrong.items():
        yield Case(f"error-{name}", base, built(parts=parts), "CorruptError")
    ranked = b"\1\4\3\7\7\0\3\1\0"
    by_base = b"\1\7\0\7\1\7\x08\7\xc7\0"
    sections = {
        "gap-bits": section[:10] + b"\x09" + section[11:],
        "ranked-entries": section[:11] + ranked + bytes(3),
        "contexts-of-entries": section[:11] + by_base + bytes(3),
        "shift": b"\1\1" + _digest(base) + by_base.replace(b"\0\7\1", b"\0\x09\1") + b"\0",
        "classes": b"\1\1" + _digest(base) + by_base.replace(b"\0\7\1", b"\0\7\0") + b"\0",
    }
    for name, coder in sections.items():
        yield Case(f"error-{name}", base, built(coder), "CorruptError")
    newer = {"form": b"\3\1" + section[2:], "order": b"\2\2" + section[2:]}
    for name, coder in newer.items():
        yield Case(f"error-newer-{name}", base, built(coder), "UnsupportedVersionError")
    yield Case("error-newer-layout", base, built(layout=4), "UnsupportedVersionError")
    yield Case("error-other-base", base[::-1], built(), "BaseMismatchError")


def main(folder: Path = FOLDER) -> int:
    """Write the files that are missing. Returns the exit code."""
    add_missing(folder, all_cases(), _describe)
    return 0


def _describe(case: Case) -> dict[str, object]:
    """The manifest's entry, after zipnn and the independent reader have agreed on it."""
    if len(case.frame) > LARGEST:
        raise SystemExit(f"{case.name} has {len(case.frame)} bytes: make it smaller")
    try:
        data = bytes(differences.decode(case.frame, case.base))
    except ZipnnError as error:
        if type(error).__name__ != case.error:
            raise
        try:
            read_frame(case.frame, case.base)
        except (BadFrameError, WrongBaseError):
            return {"error": case.error}
        raise SystemExit(f"{case.name}: the independent reader decodes it") from error
    if case.error:
        raise SystemExit(f"{case.name} decodes, but should not")
    if data != read_frame(case.frame, case.base).data:
        raise SystemExit(f"{case.name}: zipnn and the independent reader disagree")
    base_hash = differences.base_hash(case.frame)
    assert base_hash is not None
    form = FORMS[case.frame[case.frame.index(base_hash.to_bytes(8, "little")) - 2]]
    codec = _core.parse_head(case.frame, len(case.frame)).codec
    return {"form": form, "codec": codec, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


if __name__ == "__main__":
    sys.exit(main())
