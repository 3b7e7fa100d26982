# SPDX-License-Identifier: MIT
"""A damaged container gives an error or, where the byte carries nothing, the same: never something else."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.containers import craft
from tests.containers.craft import in_a_row, noise, weights
from zipnn import _core
from zipnn.containers import restoration, safetensors_header
from zipnn.containers.restoration import Restoration
from zipnn.containers.safetensors import TensorFile, open_tensors
from zipnn.containers.safetensors_header import TensorInfo
from zipnn.errors import CorruptError, FormatError, UnsupportedVersionError
from zipnn.files import compress_file, decompress_file, verify_file
from zipnn.frames import write_frame

Tensors = dict[str, tuple[str, tuple[int, ...], bytes]]


@pytest.fixture(scope="module")
def original() -> bytes:
    return craft.ugly()


@pytest.fixture(scope="module")
def container(original: bytes, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("container") / "m.safetensors"
    path.write_bytes(original)
    output = compress_file(path).output
    assert output is not None
    return output.read_bytes()


def tensors_of(file: TensorFile) -> Tensors:
    return {
        name: (info.dtype, info.shape, bytes(file.read_range(name, 0, info.size)))
        for name, info in file.tensors.items()
    }


def restored(file: TensorFile) -> bytes:
    out = bytearray(file.original_size)
    for offset, piece in file.original_pieces():
        out[offset : offset + len(piece)] = piece
    return bytes(out)


def test_the_small_container_has_one_of_everything(container: bytes, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(container)
    with open_tensors(tmp_path / "m") as file:
        raw = [name for name in file.tensors if file.codec(name) == "raw"]
        assert sorted(raw) == ["empty", "raw", "scalar", "u8"]
        assert file.reference("tied too") == "tied"


def test_every_truncation_is_found(container: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(container)
    for size in reversed(range(len(container))):
        with path.open("r+b") as file:
            file.truncate(size)
        with pytest.raises(FormatError) as caught:
            open_tensors(path)
        assert str(path) in str(caught.value)
        if size > 10:
            assert type(caught.value) is CorruptError, size


@pytest.mark.parametrize("shift", [0, 5])
def test_a_flipped_bit_never_gives_other_data(
    container: bytes, original: bytes, tmp_path: Path, shift: int
) -> None:
    path = tmp_path / "m.safetensors"
    (tmp_path / "o").write_bytes(original)
    with open_tensors(tmp_path / "o") as file:
        truth = tensors_of(file)
    silent = []
    path.write_bytes(container)
    for index in range(len(container)):
        craft.flip(path, index, (index + shift) % 8)
        with contextlib.suppress(FormatError):
            with open_tensors(path) as file:
                assert tensors_of(file) == truth, index
                assert restored(file) == original, index
                assert file.metadata == {"format": "pt"}
            silent.append(index)
        craft.flip(path, index, (index + shift) % 8)
    # All that carries nothing: the sentence for people, copies of metadata, how numbers are written.
    header = 8 + int.from_bytes(container[:8], "little")
    assert max(silent) < header
    readme = container.index(b"zipnn.readme")
    carries = [i for i in silent if not readme <= i < readme + 200]
    assert len(carries) < 40, bytes(container[i] for i in carries)


def test_a_flipped_bit_in_a_raw_tensor_is_found_by_every_way_of_reading(
    container: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    place = container.index(noise(12, 4))
    damaged = bytearray(container)
    damaged[place + 5] ^= 4
    path.write_bytes(damaged)
    message = rf"file {path}: tensor 'raw': stored bytes from 0: checksum differs"
    with open_tensors(path) as file:
        reads: list[Callable[[], object]] = [
            lambda: file.read_range("raw", 0, 1),
            lambda: file.read_into("raw", memoryview(bytearray(12))),
            lambda: list(file.windows("raw")),
            lambda: restored(file),
        ]
        for read in reads:
            with pytest.raises(CorruptError, match=message):
                read()
    with pytest.raises(CorruptError, match=message):
        verify_file(path)
    with pytest.raises(CorruptError, match=message):
        decompress_file(path, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.safetensors"]


def handmade(
    tmp_path: Path,
    *,
    change: Callable[[Restoration], Restoration] = lambda record: record,
    rename: Callable[[TensorInfo], TensorInfo] = lambda info: info,
    metadata: dict[str, str] | None = None,
    second: bytes | None = None,
    attachment: Callable[[bytes], bytes] = lambda data: data,
) -> Path:
    """A container of two tensors, `a` and `b`, made from its parts, some of them changed."""
    data = {"a": weights(1000, 1), "b": weights(1000, 2)}
    whole = in_a_row({name: ("BF16", [1000], content) for name, content in data.items()})
    record = change(Restoration(len(whole), memoryview(whole)[: len(whole) - 4000], (), ()))
    packed = attachment(restoration.pack(record))
    frames = [
        write_frame(data["a"], dtype="BF16", shape=(1000,), attachment=packed, align=8),
        second or write_frame(data["b"], dtype="BF16", shape=(1000,), align=8),
    ]
    infos, at = [], 0
    for name, frame in zip("ab", frames, strict=True):
        infos.append(rename(TensorInfo(name, "U8", (len(frame),), at, at + len(frame))))
        at += len(frame)
    path = tmp_path / "m.safetensors"
    header = safetensors_header.render(metadata or {"zipnn.format": "1 bare"}, infos)
    path.write_bytes(header + b"".join(frames))
    return path


def read_all(path: Path) -> bytes:
    with open_tensors(path) as file:
        return restored(file)


def test_a_container_made_by_hand_is_read(tmp_path: Path) -> None:
    content = read_all(handmade(tmp_path))
    assert json.loads(content[8 : 8 + content[0]])["b"]["shape"] == [1000]
    assert content.endswith(weights(1000, 1) + weights(1000, 2))


def with_prefix(record: Restoration, old: bytes, new: bytes) -> Restoration:
    assert len(old) == len(new)
    assert old in bytes(record.prefix)
    prefix = memoryview(bytes(record.prefix).replace(old, new))
    return Restoration(record.size, prefix, record.gaps, record.checksums)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: with_prefix(r, b'"b"', b'"c"'), "one of the two headers only"),
        (lambda r: with_prefix(r, b"BF16", b"XF16"), "the frame holds BF16"),
        (lambda r: with_prefix(r, b"[1000]", b"[10,1]"), "does not take"),
        (lambda r: Restoration(r.size + 1, r.prefix, (), ()), "does not cover"),
        (lambda r: Restoration(r.size - 1, r.prefix, (), ()), "incomplete download"),
        (lambda r: Restoration(1 << 60, r.prefix, (), ()), "does not cover"),
        (lambda r: Restoration(r.size, r.prefix, ((4, memoryview(b"x")),), ()), "does not cover"),
        (lambda r: Restoration(r.size, r.prefix, (), (1,)), "1 checksums"),
        (lambda r: Restoration(r.size, r.prefix[:-1], (), ()), "not JSON"),
    ],
)
def test_a_record_that_contradicts_the_file_is_refused(
    tmp_path: Path, change: Callable[[Restoration], Restoration], message: str
) -> None:
    path = handmade(tmp_path, change=change)
    with pytest.raises(FormatError, match=message):
        read_all(path)


def test_bytes_that_belong_to_no_tensor_are_refused(tmp_path: Path) -> None:
    path = handmade(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(8))
    with pytest.raises(CorruptError, match="belong to no tensor"):
        open_tensors(path)


def test_headers_in_different_orders_are_refused(tmp_path: Path) -> None:
    swap = {"a": "b", "b": "a"}
    path = handmade(tmp_path, rename=lambda i: TensorInfo(swap[i.name], i.dtype, i.shape, i.start, i.stop))
    with pytest.raises(CorruptError, match="different orders"):
        open_tensors(path)


def test_a_tensor_that_is_neither_frame_nor_the_original_is_refused(tmp_path: Path) -> None:
    def other_type(info: TensorInfo) -> TensorInfo:
        return TensorInfo(info.name, "I8" if info.name == "b" else "U8", info.shape, info.start, info.stop)

    with pytest.raises(CorruptError, match=r"tensor 'b': neither a frame nor what it was, BF16 \[1000\]"):
        open_tensors(handmade(tmp_path, rename=other_type))


@pytest.mark.parametrize("flag", ["2", "1 ", "", "bare"])
def test_an_unknown_version_of_the_container_is_refused(tmp_path: Path, flag: str) -> None:
    path = handmade(tmp_path, metadata={"zipnn.format": flag})
    with pytest.raises(UnsupportedVersionError, match=r"file .*zipnn\.format"):
        open_tensors(path)


def test_a_flag_that_contradicts_the_original_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="metadata"):
        open_tensors(handmade(tmp_path, metadata={"zipnn.format": "1"}))


def test_metadata_that_lost_the_flag_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match=r"zipnn\.readme, but not zipnn\.format"):
        open_tensors(handmade(tmp_path, metadata={"zipnn.readme": "x"}))


@pytest.mark.parametrize(
    ("attachment", "error"),
    [
        (lambda data: b"", CorruptError),
        (lambda data: data[:17], CorruptError),
        (lambda data: data[:-1], CorruptError),
        (lambda data: data + b"x", CorruptError),
        (lambda data: b"\2" + data[1:], UnsupportedVersionError),
        (lambda data: data[:1] + b"\2" + data[2:], UnsupportedVersionError),
        (lambda data: data[:2] + b"\xff" * 8 + data[10:], CorruptError),
        (lambda data: data[:10] + bytes(8) + data[18:], CorruptError),
    ],
)
def test_a_damaged_attachment_is_refused(
    tmp_path: Path, attachment: Callable[[bytes], bytes], error: type[Exception]
) -> None:
    with pytest.raises(FormatError, match="tensor 'a'") as caught:
        open_tensors(handmade(tmp_path, attachment=attachment))
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("target", "message"),
    [("a", None), ("b", "is itself a reference"), ("c", "missing"), ("", "missing")],
)
def test_references_lead_to_data_or_are_refused(tmp_path: Path, target: str, message: str | None) -> None:
    path = handmade(tmp_path, second=_core.reference_head("BF16", (1000,), 2000, target))
    if message is None:
        assert read_all(path).endswith(weights(1000, 1) * 2)
    else:
        with pytest.raises(CorruptError, match=f"tensor 'b': .*{message}"):
            read_all(path)


def test_a_reference_to_a_tensor_of_another_size_is_refused(tmp_path: Path) -> None:
    path = handmade(tmp_path, second=_core.reference_head("BF16", (999,), 1998, "a"))
    with pytest.raises(CorruptError, match=r"tensor 'b': the frame holds BF16 \[999\]"):
        read_all(path)


def test_wrong_requests_are_the_callers_errors(container: bytes, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(container)
    with open_tensors(tmp_path / "m") as file:
        with pytest.raises(KeyError):
            file.read_range("no such", 0, 1)
        for start, stop in [(-1, 1), (0, 13), (5, 4)]:
            with pytest.raises(ValueError, match="'raw'"):
                file.read_range("raw", start, stop)
        with pytest.raises(ValueError, match="12 bytes"):
            file.read_into("raw", memoryview(bytearray(11)))
    with pytest.raises(ValueError, match="closed"):
        file.read_range("raw", 0, 1)


def test_many_threads_read_one_file(original: bytes, container: bytes, tmp_path: Path) -> None:
    (tmp_path / "o").write_bytes(original)
    (tmp_path / "m").write_bytes(container)
    with open_tensors(tmp_path / "o") as plain, open_tensors(tmp_path / "m") as file:
        truth = tensors_of(plain)
        with ThreadPoolExecutor(8) as pool:
            assert all(found == truth for found in pool.map(lambda _: tensors_of(file), range(64)))
