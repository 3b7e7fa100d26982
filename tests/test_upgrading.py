# SPDX-License-Identifier: MIT
"""Rewriting what old releases wrote: the same content in the format of today, or nothing at all."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn
from tests.legacy import fixtures
from zipnn import CorruptError, ZipNN, ZipnnError, upgrading
from zipnn.cli.main import main
from zipnn.upgrading import upgrade_file

ENTRIES = {entry["id"]: entry for entry in fixtures.manifest()["entries"]}
BYTES = ("0.2.3/bytes_float32_zstd", "0.5.4/bytes_bfloat16_huffman", "0.5.4/stream_float16_8192_8192")


def sha256(data: Any) -> str:
    return hashlib.sha256(data).hexdigest()


def put(path: Path, name: str) -> dict[str, Any]:
    """Write a stream of the fixtures; gives its entry."""
    path.write_bytes(fixtures.stream(ENTRIES[name]))
    return ENTRIES[name]


@pytest.mark.parametrize("name", BYTES)
def test_bytes_become_an_archive(tmp_path: Path, name: str) -> None:
    path = tmp_path / "weights.bin.znn"
    entry = put(path, name)
    path.chmod(0o640)
    before = zipnn.inspect(path)
    assert (before.written_by, before.format_version) == (entry["zipnn_version"], None)
    result = upgrade_file(path)
    assert (result.action, result.output) == ("upgraded", path)
    assert result.compressed_size == path.stat().st_size
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o640
    after = zipnn.inspect(path)
    assert (after.kind, after.written_by, after.format_version) == ("archive", None, 1)
    zipnn.verify_file(path)
    zipnn.decompress_file(path)
    assert sha256((tmp_path / "weights.bin").read_bytes()) == entry["expected_sha256"]
    assert upgrade_file(path).action == "skipped"


def test_the_oldest_suffix_tells_the_name_too(tmp_path: Path) -> None:
    entry = put(tmp_path / "x.zpn", BYTES[0])
    assert zipnn.decompress_file(tmp_path / "x.zpn").output == tmp_path / "x"
    assert sha256((tmp_path / "x").read_bytes()) == entry["expected_sha256"]


def test_bytes_that_do_not_shrink_stay_an_archive(tmp_path: Path) -> None:
    for name in ("0.5.4/odd_bfloat16_1", "0.5.4/odd_float8_e5m2_0"):
        path = tmp_path / "x.znn"
        entry = put(path, name)
        assert upgrade_file(path).action == "upgraded"
        assert zipnn.inspect(path).kind == "archive"
        zipnn.decompress_file(path, force=True)
        assert sha256((tmp_path / "x").read_bytes()) == entry["expected_sha256"]


@pytest.mark.parametrize("name", ["0.5.4/torch_float32_3d", "0.3.1/numpy_uint32_60000_auto"])
def test_tensors_and_arrays_stay_what_they_are(tmp_path: Path, name: str) -> None:
    if "torch" in name:
        pytest.importorskip("torch")
    path = tmp_path / "x.znn"
    entry = put(path, name)
    old = ZipNN().decompress(path.read_bytes())
    assert upgrade_file(path).action == "upgraded"
    assert path.read_bytes().startswith(b"\x9aZNF")
    new = ZipNN().decompress(path.read_bytes())
    assert type(new) is type(old)
    assert (new.dtype, new.shape) == (old.dtype, old.shape)
    assert sha256(zipnn.decompress(path.read_bytes(), framework="bytes")) == entry["expected_sha256"]


@pytest.mark.parametrize("container", fixtures.manifest()["containers"], ids=lambda entry: entry["file"])
def test_containers(tmp_path: Path, container: dict[str, Any]) -> None:
    path = tmp_path / "m.znn.safetensors"
    path.write_bytes(fixtures.file(container["file"]))
    report = zipnn.inspect(path)
    assert report.written_by == container["id"].partition("/")[0]
    old = zipnn.verify_file(path)
    assert upgrade_file(path).action == "upgraded"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    after = zipnn.inspect(path)
    assert (after.kind, after.written_by) == ("compressed safetensors", None)
    assert zipnn.verify_file(path).tensors == old.tensors
    with zipnn.safe_open(path, "np") as file:
        assert set(file.keys()) == set(container["tensors"])
        for name, tensor in container["tensors"].items():
            data = file.get_tensor(name)
            assert sha256(np.ascontiguousarray(data).view(np.uint8).tobytes()) == tensor["sha256"], name


def test_a_whole_safetensors_file_in_a_stream_becomes_one_by_tensors(tmp_path: Path) -> None:
    header = b'{"w":{"dtype":"F32","shape":[20000],"data_offsets":[0,80000]}}  '
    numbers = np.random.default_rng(1).normal(0, 0.02, 20000).astype(np.float32)
    plain = len(header).to_bytes(8, "little") + header + numbers.tobytes()
    stored = b"\0" * 4  # of four planes of one chunk: stored as they are
    planes = [np.frombuffer(_moved(plain), np.uint8)[i::4] for i in range(4)]
    ends = b"".join(len(plane).to_bytes(8, "little") for plane in planes)
    body = stored + ends + b"".join(plane.tobytes() for plane in planes)
    head = bytearray(b"ZN\0\5\4" + bytes([220, 1, 1, 1, 0, 0, 0, 0, 0, 18, 1]))
    head += len(plain).to_bytes(8, "little") + (32 + len(body)).to_bytes(8, "little")
    path = tmp_path / "m.safetensors.znn"
    path.write_bytes(head + body)
    assert zipnn.decompress(path.read_bytes()) == plain
    upgrade_file(path)
    assert zipnn.inspect(path).kind == "compressed safetensors"
    zipnn.decompress_file(path)
    assert (tmp_path / "m.safetensors").read_bytes() == plain


def _moved(data: bytes) -> bytes:
    """Signs of 32-bit words below the exponents."""
    words = np.frombuffer(data, "<u4")
    moved = (words << 1) & np.uint32(0xFF000000) | (words >> 8) & np.uint32(0x00800000)
    return (moved | words & np.uint32(0x007FFFFF)).astype("<u4").tobytes()


def test_what_cannot_be_read_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.znn"
    put(path, "0.5.4/delta_byte_float32")
    with pytest.raises(ZipnnError, match="delta"):
        upgrade_file(path)
    put(path, BYTES[1])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(CorruptError):
        upgrade_file(path)
    assert path.read_bytes() == whole[:-1]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_failure_on_the_way_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.znn"
    put(path, BYTES[1])
    whole = path.read_bytes()

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(upgrading, "compress_file", full)
    with pytest.raises(OSError, match="No space"):
        upgrade_file(path)
    assert path.read_bytes() == whole
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    blob, link = tmp_path / "blobs" / "0123", tmp_path / "x.znn"
    put(blob, BYTES[1])
    link.symlink_to(blob)
    assert upgrade_file(link).action == "upgraded"
    assert link.is_symlink()
    assert zipnn.inspect(blob).kind == "archive"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "inner").mkdir()
    path = tmp_path / "inner" / "x.znn"
    put(path, BYTES[1])
    put(tmp_path / "y.zpn", BYTES[0])
    (tmp_path / "config.json").write_text("{}")
    whole = path.read_bytes()
    assert main(["info", str(path)]) == 0
    assert "by zipnn 0.5.4" in capsys.readouterr().out
    assert main(["upgrade", str(tmp_path), "--dry-run"]) == 0
    assert capsys.readouterr().out.count("would upgrade") == 3
    assert path.read_bytes() == whole
    assert main(["upgrade", str(tmp_path), "-r", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["command"] == "upgrade"
    actions = {os.path.basename(result["source"]): result["action"] for result in document["results"]}
    assert actions == {"x.znn": "upgraded", "y.zpn": "upgraded", "config.json": "skipped"}
    put(path, "0.5.4/delta_byte_float32")
    assert main(["upgrade", str(tmp_path)]) == 1
    assert "delta" in capsys.readouterr().err
    assert main(["upgrade", str(tmp_path / "nothing")]) == 1
