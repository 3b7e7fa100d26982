# SPDX-License-Identifier: MIT
"""DEFLATE streams made anew: the core's are zlib's, and settings are found for those that zlib made."""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import shutil
import struct
import subprocess
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cramjam
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zipnn import _core, deflate
from zipnn.deflate import Parameters, find_parameters, inflate, recreate
from zipnn.errors import CorruptError

LEVELS = range(1, 10)
MEM_LEVELS = (8, 9)
SETTINGS = [Parameters(level, mem_level) for level in LEVELS for mem_level in MEM_LEVELS]
WINDOW = 32768
MAX_DISTANCE = WINDOW - 262


def ours(data: bytes, parameters: Parameters, cuts: Iterable[int] = ()) -> bytes:
    """The core's stream of data that come in parts of these sizes, and a last one."""
    deflater = _core.Deflater(parameters.level, parameters.mem_level)
    made, at = [], 0
    for size in cuts:
        made.append(deflater.compress(data[at : at + size]))
        at += size
    made.append(deflater.compress(data[at:]))
    return b"".join(made) + deflater.finish()


def zlibs(data: bytes, level: int = 6, mem_level: int = 8, bits: int = 15, strategy: int = 0) -> bytes:
    """The stream of this machine's zlib."""
    deflater = zlib.compressobj(level, zlib.DEFLATED, -bits, mem_level, strategy)
    return deflater.compress(data) + deflater.flush()


def noise(size: int, seed: str = "") -> bytes:
    """Random bytes, the same on every machine and with every release of Python."""
    return hashlib.shake_256(seed.encode()).digest(size)


@functools.cache
def words(size: int) -> bytes:
    """Like a text: words that come again and again."""
    known = [noise(3 + length % 9, f"word {i}") for i, length in enumerate(noise(400, "lengths"))]
    picks = np.frombuffer(noise(2 * (size // 3 + 1), "picks"), "<u2")
    return b"".join(known[pick % 400] for pick in picks)[:size]


def weights(size: int) -> bytes:
    """Like float32 weights: sums of random bytes are nearly normal, and need no libm."""
    parts = np.frombuffer(noise(12 * (size // 4 + 1), "weights"), np.uint8).reshape(-1, 12)
    return (parts.astype(np.float32).sum(1) - np.float32(1530.0)).astype("<f4").tobytes()[:size]


def skewed(longest: int) -> bytes:
    """Literals as often as Fibonacci's numbers say, so that the best code is deeper than allowed."""
    counts = [1, 1]
    while len(counts) < longest:
        counts.append(counts[-1] + counts[-2])
    symbols = np.repeat(np.arange(longest, dtype=np.uint8) * 7, counts)
    order = np.argsort(np.frombuffer(noise(4 * len(symbols), "order"), "<u4"), kind="stable")
    return symbols[order].tobytes()


def matchless(size: int) -> bytes:
    """No three bytes come twice, so that tokens are bytes and blocks reach back beyond a slide."""
    data, seen = bytearray(), set()
    for byte in noise(size, "matchless"):
        while (last := bytes((*data[-2:], byte))) in seen:
            byte = (byte + 1) % 256  # noqa: PLW2901
        seen.add(last)
        data.append(byte)
    return bytes(data)


def padded(start: bytes, count: int, seed: str) -> bytes:
    """So many places that begin in the same way, none of which is much of a match."""
    tails = noise(2 * count, seed)
    return b"".join(start + tails[i : i + 2] for i in range(0, len(tails), 2))


def far_down() -> bytes:
    """The best match is the last, or one after the last, that each level looks at."""
    parts = []
    for count in (4, 8, 16, 32, 128, 256, 1024, 4096):
        for between in range(count - 3, count + 1):  # there may be a collision or two
            best = b"abc" + noise(9, f"best {count} {between}")
            parts += [best, padded(b"abc", between, f"others {count}"), best]
    return b"".join(parts)


def better_next() -> bytes:
    """With a match of each length that a level makes a difference at, and a longer one at the next place."""
    parts = []
    lengths = (3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127, 128, 129, 257, 258)
    for length, between in itertools.product(lengths, (0, 10, 60, 300)):
        first = noise(length, f"first {length} {between}")
        second = first[1:] + noise(8, f"second {length}")
        others = padded(second[:3], between, f"others {length}")
        parts += [second, b"-", first, b"+", others, first[:1], second]
    return b"".join(parts)


def short_and_far() -> bytes:
    """Matches of three bytes just near enough, and just too far, to be worth it."""
    data = bytearray(byte & 63 for byte in noise(5000, "short and far"))  # others would be stored
    for i in range(60):
        start = len(data) - 4095 - i % 3
        data += data[start : start + 3] + bytes([64 + i])
    return bytes(data)


def short() -> list[bytes]:
    """So little that two forms of a block are often of the same size."""
    few = bytes(byte & 15 for byte in noise(400, "few"))
    return [data[:size] for data in (noise(400), few, words(400)) for size in range(400)]


@functools.cache
def corpus() -> dict[str, bytes]:
    far = noise(MAX_DISTANCE, "far")
    return {
        "empty": b"",
        "one byte": b"x",
        "two": b"xx",
        "three": b"xxx",
        "a run of four": b"xxxx",
        "text": words(90_000),
        "zeros": bytes(400_000),
        "runs": b"".join(bytes([byte]) * (byte * 5 % 777) for byte in noise(800, "runs")),
        "noise": noise(100_000),
        "weights": weights(60_000),
        "two letters": bytes(byte & 1 for byte in noise(30_000, "bits")),
        "skewed": skewed(22),
        "skewed, in one block": skewed(19),
        "counters": np.arange(20_000, dtype="<u4").tobytes(),
        "farthest": far * 3,
        "too far": noise(MAX_DISTANCE + 1, "far") * 3,
        "short and far": short_and_far(),
        "far down": far_down(),
        "better next": better_next(),
        "no matches": matchless(70_000),
        "stored, then not": noise(90_000, "more") + words(40_000) + noise(20_000, "end"),
    }


def edges() -> dict[str, bytes]:
    """Sizes around those at which the window slides, with a match at the farthest distance right there."""
    far = noise(MAX_DISTANCE, "far")
    data = noise(WINDOW, "before") + far * 3
    slide = WINDOW + MAX_DISTANCE
    sizes = [at + by for at in (slide, slide + 262, slide + WINDOW) for by in (-1, 0, 1, 130)]
    return {f"{size} bytes": data[:size] for size in sizes}


# SHA-256 (its first 16 digits) of the streams of the corpus and of `short`, joined, as zlib 1.2.13 makes
# them. They must never change: there are archives that hold nothing but settings in place of such streams.
GOLDEN = {
    Parameters(1, 8): "d74c3e8c5b611be0",
    Parameters(1, 9): "962122dd41682e3b",
    Parameters(2, 8): "72868f403d73b381",
    Parameters(2, 9): "5f8b72ff2017ba39",
    Parameters(3, 8): "302c4be57a6cf70c",
    Parameters(3, 9): "35af243d9e672b6c",
    Parameters(4, 8): "6a8b55454359271b",
    Parameters(4, 9): "29ab2281470faae8",
    Parameters(5, 8): "630b43bd6e5aedd8",
    Parameters(5, 9): "a5eba921ed63e51a",
    Parameters(6, 8): "2fa9ba0ec72815d7",
    Parameters(6, 9): "d5f30a611c45a50f",
    Parameters(7, 8): "f279ff08c88d8f29",
    Parameters(7, 9): "c4a4e17088083e3a",
    Parameters(8, 8): "56f1f8a77d8bb2c6",
    Parameters(8, 9): "9873d8e1cc222891",
    Parameters(9, 8): "998c9475901c83bd",
    Parameters(9, 9): "b77d81ad631dd183",
}

# The same of `words(20_000)` by levels 1, 6 and 9: by it one tells what zlib this machine has.
CLASSIC = "50ff690b2d33f733"


def digest(streams: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(streams)).hexdigest()[:16]


@functools.cache
def zlib_is_classic() -> bool:
    return digest(zlibs(words(20_000), level) for level in (1, 6, 9)) == CLASSIC


needs_classic = pytest.mark.skipif(
    not zlib_is_classic(),
    reason=f"zlib {zlib.ZLIB_RUNTIME_VERSION} of this Python gives other bytes than zlib's own releases",
)


@pytest.mark.parametrize("parameters", SETTINGS, ids=str)
def test_streams_stay_what_they_are(parameters: Parameters) -> None:
    assert digest(ours(data, parameters) for data in [*corpus().values(), *short()]) == GOLDEN[parameters]


@needs_classic
@pytest.mark.parametrize("parameters", SETTINGS, ids=str)
def test_streams_are_those_of_zlib(parameters: Parameters) -> None:
    for name, data in (corpus() | edges()).items():
        assert ours(data, parameters) == zlibs(data, parameters.level, parameters.mem_level), name
    for data in short():
        assert ours(data, parameters) == zlibs(data, parameters.level, parameters.mem_level)


@needs_classic
@pytest.mark.parametrize("level", LEVELS)
def test_streams_of_real_weights_are_those_of_zlib(level: int, real_model: Callable[[str], Path]) -> None:
    with open(real_model("minilm-l6-f32.safetensors"), "rb") as file:
        file.seek(1 << 20)
        data = file.read(256 << 10)
    for mem_level in MEM_LEVELS:
        assert ours(data, Parameters(level, mem_level)) == zlibs(data, level, mem_level)


@needs_classic
@pytest.mark.parametrize("level", [1, 6, 9])
def test_streams_of_long_mixes_are_those_of_zlib(level: int) -> None:
    data = b"".join((noise(4_000_000), words(400_000), bytes(5_000_000), weights(500_000), words(100_000)))
    assert ours(data, Parameters(level, 8)) == zlibs(data, level)


@st.composite
def repetitive(draw: st.DrawFn) -> bytes:
    """Noise, runs and copies from all distances, up to some hundred thousand bytes."""
    data = bytearray()
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["noise", "run", "copy", "words", "few"]))
        size = draw(st.integers(0, 20) | st.integers(250, 270) | st.integers(0, 50_000))
        seed = str(draw(st.integers(0, 9)))
        if kind == "noise":
            data += noise(size, seed)
        elif kind == "run":
            data += noise(1, seed) * size
        elif kind == "few":
            data += bytes(byte & 3 for byte in noise(size, seed))
        elif kind == "words":
            data += words(50_000)[:size]
        elif data:
            edge = st.sampled_from([1, 2, 3, 258, 4096, 4097, MAX_DISTANCE, MAX_DISTANCE + 1, WINDOW])
            distance = min(draw(edge | st.integers(1, 40_000)), len(data))
            data += (bytes(data[-distance:]) * (size // distance + 1))[:size]
    return bytes(data)


@needs_classic
@given(repetitive(), st.sampled_from(SETTINGS))
def test_streams_of_repetitive_data_are_those_of_zlib(data: bytes, parameters: Parameters) -> None:
    assert ours(data, parameters) == zlibs(data, parameters.level, parameters.mem_level)


@given(repetitive(), st.sampled_from(SETTINGS), st.lists(st.integers(0, 70_000), max_size=6))
def test_how_data_are_cut_changes_nothing(data: bytes, parameters: Parameters, cuts: list[int]) -> None:
    stream = ours(data, parameters)
    assert ours(data, parameters, cuts) == stream
    assert zlib.decompress(stream, -15) == data


@pytest.mark.parametrize("parameters", [Parameters(1, 8), Parameters(6, 9)], ids=str)
def test_single_bytes_make_the_same_stream(parameters: Parameters) -> None:
    data = edges()[f"{WINDOW + MAX_DISTANCE + 130} bytes"]
    assert ours(data, parameters, itertools.repeat(1, len(data))) == ours(data, parameters)


def test_any_buffer_is_taken_and_none_is_changed() -> None:
    array = np.frombuffer(bytearray(weights(100_000)), "<f4")
    before = array.copy()
    deflater = _core.Deflater(6, 8)
    stream = deflater.compress(array) + deflater.compress(memoryview(b"")) + deflater.finish()
    assert zlib.decompress(stream, -15) == before.tobytes() == array.tobytes()
    assert b"".join(recreate([array[:10], array[10:10], array[10:]], Parameters(6, 8))) == stream


@pytest.mark.parametrize("settings", [(0, 8), (10, 8), (-1, 8), (6, 7), (6, 10), (1 << 30, 8)])
def test_other_settings_are_refused(settings: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="not"):
        _core.Deflater(*settings)
    with pytest.raises(ValueError, match="no stream"):
        Parameters(*settings)


@pytest.mark.parametrize("settings", [(True, 8), (6.0, 8), ("6", 8), (6, None), ([6], 8)])
def test_settings_are_integers(settings: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no stream"):
        Parameters(*settings)


def test_a_stream_ends_once() -> None:
    deflater = _core.Deflater(6, 8)
    with pytest.raises(TypeError):
        deflater.compress("text")
    assert deflater.finish() == b"\x03\x00"
    for use in (deflater.finish, functools.partial(deflater.compress, b"more")):
        with pytest.raises(ValueError, match="ended"):
            use()


def test_threads_take_turns() -> None:
    deflater, made = _core.Deflater(6, 8), []
    part = bytes(100_000)
    threads = [threading.Thread(target=lambda: made.append(deflater.compress(part))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Which of them came first shows in the list only.
    assert zlib.decompress(b"".join(sorted(made)) + deflater.finish(), -15) == 8 * part


def reading(stream: bytes) -> Callable[[int, int], memoryview]:
    """Gives what is asked for and nothing else, as readers of files do."""

    def read(offset: int, size: int) -> memoryview:
        if offset < 0 or size < 0 or offset + size > len(stream):
            raise CorruptError("truncated")
        return memoryview(stream)[offset : offset + size]

    return read


def found(stream: bytes, size: int, cap: int | None = None) -> Parameters | None:
    return find_parameters(reading(stream), len(stream), size, cap)


def made_anew(stream: bytes, size: int) -> bytes | None:
    """The stream through its settings, if there are any."""
    parameters = found(stream, size)
    if parameters is None:
        return None
    return b"".join(recreate(inflate(reading(stream), len(stream), size), parameters))


@pytest.mark.parametrize("parameters", SETTINGS, ids=str)
def test_settings_are_found(parameters: Parameters) -> None:
    data = words(90_000) + weights(20_000)
    stream = ours(data, parameters)
    assert found(stream, len(data)) == parameters
    assert made_anew(stream, len(data)) == stream


@pytest.mark.parametrize("name", corpus())
def test_settings_are_found_for_all_kinds_of_data(name: str) -> None:
    data = corpus()[name]
    for parameters in (Parameters(1, 9), Parameters(6, 8), Parameters(9, 8)):
        stream = ours(data, parameters)
        assert made_anew(stream, len(data)) == stream


def test_settings_that_differ_late_are_told_apart() -> None:
    data = noise(1_000_000) + words(100_000)
    for level in (1, 2, 3, 4, 6):  # those after it make the same of this
        stream = ours(data, Parameters(level, 8))
        assert found(stream, len(data)) == Parameters(level, 8)


def members(file: bytes) -> Iterator[tuple[zipfile.ZipInfo, bytes]]:
    """The members of a ZIP file, and their bytes in it."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        for info in archive.infolist():
            names = sum(struct.unpack_from("<2H", file, info.header_offset + 26))
            start = info.header_offset + 30 + names
            yield info, file[start : start + info.compress_size]


@needs_classic
def test_members_of_npz_files_are_made_anew() -> None:
    arrays = {
        "weights": np.frombuffer(weights(400_000), "<f4").reshape(100, 1000),
        "empty": np.zeros((0, 3)),
        "zeros": np.zeros((500, 500)),
        "indices": np.arange(70_000),
        "fortran": np.asfortranarray(np.frombuffer(weights(90_000), "<f2").reshape(150, 300)),
    }
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    seen = 0
    for info, stream in members(file.getvalue()):
        assert info.compress_type == zipfile.ZIP_DEFLATED
        assert found(stream, info.file_size) == Parameters(6, 8)
        assert made_anew(stream, info.file_size) == stream
        seen += 1
    assert seen == len(arrays)


@needs_classic
@pytest.mark.parametrize("level", LEVELS)
def test_members_of_zip_files_are_made_anew(level: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        archive.writestr("text", words(200_000))
        with archive.open("streamed", "w") as member:
            for size in (1, 65_535, 8192, 100_000):
                member.write(weights(size))
    for info, stream in members(file.getvalue()):
        assert made_anew(stream, info.file_size) == stream


@pytest.mark.skipif(shutil.which("zip") is None, reason="the program zip is not there")
@pytest.mark.parametrize("level", [1, 6, 9])
def test_members_by_the_program_zip_are_made_anew_or_kept(level: int, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(words(100_000))
    (tmp_path / "weights").write_bytes(weights(100_000))
    subprocess.run(["zip", "-q", f"-{level}", "all.zip", "text", "weights"], cwd=tmp_path, check=True)
    for info, stream in members((tmp_path / "all.zip").read_bytes()):
        assert made_anew(stream, info.file_size) in (stream, None)


FOREIGN: dict[str, Callable[[bytes], bytes]] = {
    "level 0": functools.partial(zlibs, level=0),
    "a small window": functools.partial(zlibs, bits=12),
    "little memory": functools.partial(zlibs, mem_level=5),
    "Huffman codes only": functools.partial(zlibs, strategy=zlib.Z_HUFFMAN_ONLY),
    "runs only": functools.partial(zlibs, strategy=zlib.Z_RLE),
    "filtered": functools.partial(zlibs, strategy=zlib.Z_FILTERED),
    "fixed codes": functools.partial(zlibs, strategy=zlib.Z_FIXED),
    "miniz": lambda data: bytes(cramjam.deflate.compress(data, 6)),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_streams_of_others_are_left_alone(name: str) -> None:
    data = words(200_000) + weights(100_000)
    stream = FOREIGN[name](data)
    assert zlib.decompress(stream, -15) == data
    assert found(stream, len(data)) is None


@pytest.mark.parametrize(
    ("by", "stream"),
    [
        ("zlib-ng at level 1, zopfli", "4b4c4a862000"),
        ("ISA-L", "4b4c4a4e4c4a4e4c4a0600"),
        ("libdeflate", "010900f6ff616263616263616263"),
    ],
)
def test_short_streams_of_others_are_left_alone(by: str, stream: str) -> None:
    assert zlib.decompress(bytes.fromhex(stream), -15) == b"abcabcabc", by
    assert found(bytes.fromhex(stream), 9) is None
    assert found(bytes.fromhex("4b4c4a4e042300"), 9) == Parameters(6, 8)


def test_bits_after_the_end_are_not_lost() -> None:
    stream = ours(b"abcabcabc", Parameters(6, 8))
    other = stream[:-1] + bytes([stream[-1] | 0x80])
    assert other != stream
    assert zlib.decompress(other, -15) == b"abcabcabc"
    assert found(other, 9) is None


def test_a_stream_flushed_in_between_is_left_alone() -> None:
    data = words(100_000)
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    stream = deflater.compress(data[:50_000]) + deflater.flush(zlib.Z_SYNC_FLUSH)
    stream += deflater.compress(data[50_000:]) + deflater.flush()
    assert found(stream, len(data)) is None


@pytest.mark.parametrize("size", [1000, 400_000])
def test_what_is_no_whole_stream_is_left_alone(size: int) -> None:
    data = words(size)
    stream = ours(data, Parameters(6, 8))
    half = len(stream) // 2
    wrong = {
        "trailing": stream + b"\0",
        "trailing, long": stream + bytes(100_000),
        "truncated": stream[:-1],
        "truncated early": stream[:half],
        "nothing": b"",
        "noise": b"\xff" + stream,
        "damaged": stream[:half] + bytes([stream[half] ^ 0x40]) + stream[half + 1 :],
    }
    for name, bad in wrong.items():
        if name == "damaged":  # which may be a stream of zlib's for other data
            assert made_anew(bad, size) in (bad, None)
            continue
        assert found(bad, size) is None, name
        with pytest.raises(CorruptError, match="DEFLATE"):
            list(inflate(reading(bad), len(bad), size))
    for other in (0, size - 1, size + 1, 1 << 62):
        assert found(stream, other) is None
        with pytest.raises(CorruptError, match="DEFLATE"):
            list(inflate(reading(stream), len(stream), other))


def test_inflating_gives_small_pieces_of_all_data() -> None:
    data = corpus()["stored, then not"] + bytes(1_000_000)
    stream = ours(data, Parameters(9, 9))
    pieces = [bytes(piece) for piece in inflate(reading(stream), len(stream), len(data))]
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= 65536


def test_a_bomb_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 3_000_000
    stream = ours(bytes(size), Parameters(6, 8))
    assert found(stream, size) == Parameters(6, 8)
    assert found(stream, size, cap=size - 1) is None
    asked: list[int] = []

    def read(offset: int, count: int) -> memoryview:
        asked.append(count)
        return reading(stream)(offset, count)

    # More than it says: the surplus is not inflated. More than is possible: nothing is read at all.
    assert find_parameters(read, len(stream), 1000) is None
    assert len(asked) == 1
    assert find_parameters(read, len(stream), len(stream) * 1033) is None
    monkeypatch.setattr(deflate, "_ANY_SIZE", 1_000_000)
    assert find_parameters(read, len(stream), size) is None
    assert len(asked) == 1
