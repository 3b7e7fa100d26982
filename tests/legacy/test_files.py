# SPDX-License-Identifier: MIT
"""Files of zipnn 0.1 to 0.5 at the entry points, which are not told what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn
from tests.legacy import fixtures
from zipnn import legacy, limits
from zipnn.cli.main import main
from zipnn.containers import kinds
from zipnn.errors import CorruptError, FormatError, MismatchError
from zipnn.storage.filereader import FileReader


def stream(name: str) -> bytes:
    return (fixtures.STREAMS / f"{name}.znn").read_bytes()


NAMES = [
    "0.5.4-stream_float16_8192_8192",
    "0.5.4-torch_float32_3d",
    "0.2.3-bytes_float32_zstd",
    "0.2.4-calls_float32",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_in_a_file(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, other = tmp_path / "model.bin.znn", tmp_path / "other"
    path.write_bytes(stream(name))
    data = bytes(legacy.decode(stream(name)))
    with FileReader(path) as reader:
        assert kinds.kind_of(reader) == kinds.LEGACY
        assert kinds.is_old(kinds.open_content(reader))

    assert main(["decompress", str(path)]) == 0
    assert (tmp_path / "model.bin").read_bytes() == data
    assert main(["verify", str(path)]) == 0
    said = capsys.readouterr().out
    assert "readable" in said
    assert "no checksums" in said
    assert main(["verify", str(path), str(tmp_path / "model.bin")]) == 0
    assert main(["verify", str(tmp_path / "model.bin"), str(path)]) == 0
    assert zipnn.compress_file(path, other).action == "copied"

    archive = tmp_path / "archive.znn"
    other.write_bytes(bytes(50_000) + data)
    zipnn.compress_file(other, archive)
    with pytest.raises(MismatchError):
        zipnn.verify_file(path, archive)
    changed = bytearray(data)
    changed[-1] ^= 1
    other.write_bytes(changed)
    with pytest.raises(MismatchError, match=f"byte {len(data) - 1}"):
        zipnn.verify_file(path, other)
    other.write_bytes(path.read_bytes())
    assert zipnn.verify_file(path, other).original_size == len(data)


def test_a_difference_in_a_file_asks_for_its_base(tmp_path: Path) -> None:
    path = tmp_path / "x.znn"
    path.write_bytes(stream("0.5.4-delta_byte_float32_stream"))
    with pytest.raises(FormatError, match=r"x\.znn: .*base="):
        zipnn.decompress_file(path)
    assert list(tmp_path.iterdir()) == [path]


def test_other_files_are_not_taken_for_streams(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    for content in (b"ZN", b"ZN are two letters of a word", b"ZN\0\0" + bytes(40), b"ZN\1\5" + bytes(40)):
        path.write_bytes(content)
        with FileReader(path) as reader:
            assert kinds.kind_of(reader) == kinds.OTHER
    assert not legacy.is_legacy(zipnn.compress(b"x" * 100))


def test_decompress_into_what_is_given() -> None:
    whole = stream("0.5.4-torch_float32_3d")
    data = bytes(legacy.decode(whole))
    shape = legacy.describe(whole).shape
    assert shape is not None
    out = np.empty(shape, np.float32)
    assert zipnn.decompress(whole, out=out) is out
    assert out.tobytes() == data
    assert zipnn.decompress(whole, framework="np").shape == shape
    assert zipnn.decompress(whole, framework="bytes") == data
    with pytest.raises(ValueError, match="another dtype"):
        zipnn.decompress(whole, out=np.empty(shape, np.int32))
    with pytest.raises(ValueError, match="bytes, the data"):
        zipnn.decompress(whole, out=bytearray(7))


def test_windows_of_a_frame_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    name = next(
        entry for entry in fixtures.manifest()["entries"] if entry["id"] == "0.5.4/multi_bfloat16_normal"
    )
    whole = fixtures.stream(name)
    data = legacy.decode(whole)
    monkeypatch.setattr(limits, "WINDOW", 1 << 18)
    reads = []

    def read(offset: int, size: int) -> memoryview:
        reads.append(size)
        return memoryview(whole)[offset : offset + size]

    pieces = [bytes(piece) for piece in legacy.Stream(read, len(whole)).windows()]
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) == 1 << 18
    assert max(reads) <= 1 << 17


def _container(change: Any) -> bytes:
    """The first container with another header."""
    data = fixtures.file(fixtures.manifest()["containers"][-1]["file"])
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    vectors = json.loads(header["__metadata__"]["znn_compressed_vectors"])
    change(header, vectors)
    if header["__metadata__"].get("znn_compressed_vectors"):
        header["__metadata__"]["znn_compressed_vectors"] = json.dumps(vectors)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def _drop_a_tensor(header: dict[str, Any], vectors: dict[str, Any]) -> None:
    vectors["missing"] = next(iter(vectors.values()))


def _other_shape(header: dict[str, Any], vectors: dict[str, Any]) -> None:
    next(iter(vectors.values()))["shape"] = "[1]"


def _list_a_plain_one(header: dict[str, Any], vectors: dict[str, Any]) -> None:
    name = next(name for name, entry in header.items() if name != "__metadata__" and entry["dtype"] != "U8")
    vectors[name] = next(iter(vectors.values()))


def _no_json(header: dict[str, Any], vectors: dict[str, Any]) -> None:
    header["__metadata__"]["znn_compressed_vectors"] = ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_drop_a_tensor, "'missing' is listed"),
        (_other_shape, "the metadata say"),
        (_list_a_plain_one, "not held as bytes"),
        (_no_json, "not a JSON object"),
    ],
)
def test_a_container_that_contradicts_itself(change: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.znn.safetensors"
    path.write_bytes(_container(change))
    with pytest.raises(CorruptError, match=rf"x\.znn\.safetensors: .*{message}"):
        zipnn.load_file(path)


def test_a_damaged_tensor_of_a_container_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.znn.safetensors"
    data = bytearray(_container(lambda header, vectors: None))
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    name = next(iter(json.loads(header["__metadata__"]["znn_compressed_vectors"])))
    data[8 + size + header[name]["data_offsets"][0] + 3] = 9
    path.write_bytes(data)
    with pytest.raises(zipnn.UnsupportedVersionError, match=rf"x\.znn\.safetensors: tensor '{name}': "):
        zipnn.load_file(path)
