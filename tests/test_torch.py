# SPDX-License-Identifier: MIT
"""`zipnn.torch.load`, held against `torch.load` of the original."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn
import zipnn.torch
from zipnn.errors import CorruptError, FormatError, MissingDependencyError, ZipnnError

torch = pytest.importorskip("torch")

Save = Callable[..., Path]


def checkpoint() -> dict[str, Any]:
    base = torch.randn(200, 300, generator=torch.Generator().manual_seed(0))
    return {
        "state": {"w": base, "tied": base, "view": base.T[5:9], "half": base.bfloat16()},
        "optimizer": {"step": 7, "lr": [0.1, 0.2], "names": ("a", "b"), "empty": torch.zeros(0)},
    }


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Saves an object and compresses it."""

    def run(value: Any, **options: Any) -> Path:
        path = tmp_path / "model.pt"
        torch.save(value, path, **options)
        zipnn.compress_file(path, tmp_path / "model.pt.znn", force=True)
        return tmp_path / "model.pt.znn"

    return run


def assert_same(got: Any, want: Any) -> None:
    assert type(got) is type(want)
    if isinstance(want, torch.Tensor):
        assert (got.dtype, got.stride(), got.shape) == (want.dtype, want.stride(), want.shape)
        assert torch.equal(got, want)
    elif isinstance(want, dict):
        assert list(got) == list(want)
        for key in want:
            assert_same(got[key], want[key])
    else:
        assert got == want


@pytest.mark.parametrize("as_zip", [True, False])
def test_it_loads_what_torch_load_does(save: Save, as_zip: bool) -> None:
    archive = save(checkpoint(), _use_new_zipfile_serialization=as_zip)
    original = archive.with_suffix("")
    for source in (archive, str(archive), original, io.BytesIO(archive.read_bytes()), original.open("rb")):
        got = zipnn.torch.load(source)
        assert_same(got, checkpoint())
        assert got["state"]["tied"].data_ptr() == got["state"]["w"].data_ptr()
        if isinstance(source, io.IOBase):
            assert not source.closed
            source.close()


def test_no_temporary_file_and_no_map(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = save(checkpoint())
    monkeypatch.setattr(tempfile, "TemporaryFile", None)
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", None)
    before = sorted(os.listdir(archive.parent))
    zipnn.torch.load(archive, mmap=False)
    assert sorted(os.listdir(archive.parent)) == before
    with pytest.raises(ValueError, match="mmap"):
        zipnn.torch.load(archive, mmap=True)


def test_map_location(save: Save) -> None:
    archive = save(checkpoint())
    assert zipnn.torch.load(archive, "meta")["state"]["w"].is_meta
    assert zipnn.torch.load(archive, map_location=lambda storage, location: storage)["optimizer"]["step"] == 7
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError) as caught:
            zipnn.torch.load(archive, "cuda")
        assert not isinstance(caught.value, ZipnnError)


class Planted:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("as_zip", [True, False])
def test_code_in_a_file_is_not_run(save: Save, tmp_path: Path, as_zip: bool) -> None:
    archive = save({"a": Planted(tmp_path / "planted")}, _use_new_zipfile_serialization=as_zip)
    for path in (archive, archive.with_suffix("")):
        with pytest.raises(FormatError, match="more than weights") as caught:
            zipnn.torch.load(path)
        assert str(path) in str(caught.value)
        assert "\x1b" not in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "planted").exists()
    zipnn.torch.load(archive, weights_only=False)["a"].close()
    assert (tmp_path / "planted").exists()


def test_archives_of_older_releases_load_through_a_file_of_no_name(save: Save, tmp_path: Path) -> None:
    path = tmp_path / "stream.znn"
    path.write_bytes(zipnn.compress(save(checkpoint()).with_suffix("").read_bytes()))
    assert_same(zipnn.torch.load(path), checkpoint())


@pytest.mark.parametrize(
    "content", [b"", b"hello world", b"PK\x03\x04" + bytes(100), bytes(1000), b"\x80\x02."]
)
def test_what_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"model\.pt"):
        zipnn.torch.load(path)


def test_safetensors_are_for_load_file(tmp_path: Path) -> None:
    zipnn.save_file({"w": np.zeros(5000)}, tmp_path / "m.safetensors")
    with pytest.raises(FormatError, match=r"zipnn\.load_file"):
        zipnn.torch.load(tmp_path / "m.safetensors")
    with pytest.raises(FileNotFoundError):
        zipnn.torch.load(tmp_path / "none")


@pytest.mark.parametrize("as_zip", [True, False])
def test_damaged_archives_and_checkpoints_end_in_our_errors(save: Save, as_zip: bool) -> None:
    archive = save(checkpoint(), _use_new_zipfile_serialization=as_zip)
    for path in (archive, archive.with_suffix("")):
        good = path.read_bytes()
        rng = np.random.default_rng(0)
        for cut in rng.integers(0, len(good), 15).tolist():
            with pytest.raises((FormatError, ZipnnError)):
                zipnn.torch.load(io.BytesIO(good[:cut]))
        for place in rng.integers(0, len(good), 40).tolist():
            data = bytearray(good)
            data[place] ^= 0x55
            try:
                got = zipnn.torch.load(io.BytesIO(data))
            except FormatError:
                continue
            if path == archive:  # in a plain file a flipped weight is nobody's to find
                assert_same(got, checkpoint())


def test_damage_in_an_archive_is_named(save: Save) -> None:
    archive = save(checkpoint())
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(CorruptError, match=r"model\.pt\.znn"):
        zipnn.torch.load(archive)


def test_without_torch(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = save({"a": 1})
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match="pip install torch"):
        zipnn.torch.load(archive)
