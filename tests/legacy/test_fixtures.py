# SPDX-License-Identifier: MIT
"""Every stream and container that the published releases wrote holds what the manifest says."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors

import zipnn
from tests.legacy import fixtures
from zipnn import legacy
from zipnn.arrays import legacy_results
from zipnn.containers.safetensors import open_tensors

ENTRIES: list[dict[str, Any]] = fixtures.manifest()["entries"]
CONTAINERS: list[dict[str, Any]] = fixtures.manifest()["containers"]
_DTYPES = {
    "bfloat16": "BF16", "float16": "F16", "float32": "F32", "uint32": "U32",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}  # fmt: skip


def by_id(entry: dict[str, Any]) -> str:
    return str(entry["id"])


@pytest.mark.parametrize("entry", ENTRIES, ids=by_id)
def test_a_stream_decodes(entry: dict[str, Any]) -> None:
    stream, base = fixtures.stream(entry), fixtures.base_of(entry)
    data = legacy.decode(stream, base=base)
    assert len(data) == entry["expected_size"]
    assert hashlib.sha256(data).hexdigest() == entry["expected_sha256"]
    if not stream:
        return
    info = legacy.describe(stream)
    assert (info.version, info.input_format) == (entry["zipnn_version"], entry["input_kind"])
    assert info.delta == (base is not None)
    assert info.original_size in (None, len(data))
    if info.shape is not None:
        assert list(info.shape) == entry["shape"]
    if entry["dtype"] is not None and info.version != "0.1.1":
        assert info.dtype == _DTYPES[entry["dtype"]] or info.delta
    out = bytearray(len(data))
    legacy.decode_into(stream, out, threads=3, base=base)
    assert out == data


@pytest.mark.parametrize("kind", ["bytes", "numpy", "torch"])
def test_decompress_gives_what_was_compressed(kind: str) -> None:
    framework = {"numpy": np, "torch": pytest.importorskip("torch") if kind == "torch" else None}.get(kind)
    seen = 0
    for entry in ENTRIES:
        stream = fixtures.stream(entry)
        if entry["input_kind"] != kind or not stream:
            continue
        seen += 1
        result = legacy_results.decompress(stream, None, None, 0, fixtures.base_of(entry))
        if framework is None:
            assert type(result) is bytes
            assert hashlib.sha256(result).hexdigest() == entry["expected_sha256"]
            continue
        info = legacy.describe(stream)
        name = {"BF16": "bfloat16", "F16": "float16", "F32": "float32", "U32": "uint32"}.get(info.dtype)
        if name is not None:
            assert result.dtype == getattr(framework, name)
        if info.shape is not None:
            assert list(result.shape) == entry["shape"]
        flat = result.reshape(-1)
        if kind == "torch":
            flat = flat.view(framework.uint8).numpy() if flat.numel() else np.empty(0)
        assert hashlib.sha256(flat.tobytes()).hexdigest() == entry["expected_sha256"]
    assert seen > 100


@pytest.mark.parametrize("container", CONTAINERS, ids=by_id)
def test_a_container_opens(container: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "model.znn.safetensors"
    path.write_bytes(fixtures.file(container["file"]))
    with open_tensors(path) as file:
        assert file.metadata == container["metadata"]
        assert file.tensors.keys() == container["tensors"].keys()
        assert file.compressed
        for name, tensor in container["tensors"].items():
            info = file.tensors[name]
            assert list(info.shape) == tensor["shape"]
            data = bytearray(info.size)
            file.read_into(name, memoryview(data))
            assert hashlib.sha256(data).hexdigest() == tensor["sha256"], name
            assert b"".join(bytes(window) for window in file.windows(name)) == data
            for start, stop in (
                (0, 1),
                (1, info.size),
                (info.size // 3, info.size // 2),
                (info.size - 3, info.size),
            ):
                if 0 <= start <= stop <= info.size:
                    assert file.read_range(name, start, stop) == data[start:stop]


@pytest.mark.parametrize("container", CONTAINERS, ids=by_id)
def test_a_container_becomes_a_plain_file_again(container: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "model.znn.safetensors"
    path.write_bytes(fixtures.file(container["file"]))
    result = zipnn.decompress_file(path)
    assert result.output == tmp_path / "model.safetensors"
    assert result.output.stat().st_size == result.original_size
    with safetensors.safe_open(result.output, "np") as plain, zipnn.safe_open(path) as file:
        assert plain.metadata() == file.metadata() == container["metadata"]
        assert list(plain.keys()) == file.keys()
        for name, tensor in container["tensors"].items():
            part = plain.get_slice(name)
            assert part.get_shape() == tensor["shape"]
            assert part.get_dtype() == file.get_slice(name).get_dtype()
    proof = zipnn.verify_file(path, result.output)
    assert (proof.kind, proof.tensors) == ("compressed safetensors", len(container["tensors"]))
    assert "no checksums" in zipnn.verify_file(path).notes[0]
    assert zipnn.compress_file(path).action == "skipped"


def test_slices_of_a_container(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "model.znn.safetensors"
    path.write_bytes(fixtures.file(CONTAINERS[-1]["file"]))
    with zipnn.safe_open(path, "pt") as file:
        for name in file.keys():  # noqa: SIM118 - not a dictionary
            whole, part = file.get_tensor(name), file.get_slice(name)
            if whole.ndim == 0 or math.prod(whole.shape) == 0:
                continue
            length = whole.shape[0]
            rows = part[length // 4 : length // 2 + 1]
            assert torch.equal(rows.view(torch.uint8), whole[length // 4 : length // 2 + 1].view(torch.uint8))
    assert zipnn.load_file(path, "pt").keys() == CONTAINERS[-1]["tensors"].keys()
