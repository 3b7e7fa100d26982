# SPDX-License-Identifier: MIT
"""`zipnn delta`, `zipnn apply` and `--base`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from tests.cli.conftest import Zipnn, contents, save_model, weights


@pytest.fixture
def base(model: Path) -> Path:
    return model


@pytest.fixture
def tuned(base: Path) -> Path:
    tensors = safetensors.numpy.load_file(base)
    step = weights(7, *tensors["embed.weight"].shape)
    tensors["embed.weight"] = (tensors["embed.weight"] + step * np.float32(0.01)).astype(step.dtype)
    path = base.with_name("tuned.safetensors")
    safetensors.numpy.save_file(tensors, path)
    return path


def test_there_and_back(zipnn: Zipnn, base: Path, tuned: Path) -> None:
    original = tuned.read_bytes()
    made = zipnn("delta", base, tuned)
    delta = tuned.with_name("tuned.safetensors.znn")
    assert (made.code, delta.is_file()) == (0, True)
    assert "tuned.safetensors.znn" in made.out
    assert "saved" in made.out
    assert zipnn("apply", base, delta).code == 3
    tuned.unlink()
    assert zipnn("apply", base, delta).code == 0
    assert tuned.read_bytes() == original


def test_folders(zipnn: Zipnn, folder: Path, tmp_path: Path) -> None:
    base = save_model(tmp_path / "base.safetensors", 10)
    made = zipnn("delta", base, folder, "-o", tmp_path / "d.znn", "--json")
    assert made.document["base"] == str(base)
    assert made.document["results"][0]["action"] == "compressed"
    applied = zipnn("apply", base, tmp_path / "d.znn", "-o", tmp_path / "again", "--json")
    assert applied.document["results"][0]["action"] == "decompressed"
    assert contents(tmp_path / "again") == contents(folder)
    for more in ([], ["--force"]):
        again = zipnn("apply", base, tmp_path / "d.znn", "-o", tmp_path / "again", *more)
        assert again.code == 3
        assert "hint: -o writes elsewhere" in again.err
        assert "--force" not in again.err


def test_compress_decompress_and_verify_take_a_base(
    zipnn: Zipnn, base: Path, tuned: Path, tmp_path: Path
) -> None:
    assert zipnn("compress", tuned, "--base", base).code == 0
    delta = tuned.with_name("tuned.safetensors.znn")
    assert delta.stat().st_size < tuned.stat().st_size / 2
    alone = zipnn("decompress", delta, "-o", tmp_path / "again")
    assert alone.code == 1
    assert "model.safetensors (id " in alone.err
    assert "hint: zipnn apply BASE DELTA" in alone.err
    assert zipnn("decompress", delta, "-o", tmp_path / "again", "--base", base).code == 0
    assert (tmp_path / "again").read_bytes() == tuned.read_bytes()
    assert zipnn("verify", delta).code == 1
    assert zipnn("verify", delta, "--base", base).code == 0
    assert zipnn("verify", delta, tuned, "--base", base).code == 0
    assert "model.safetensors (id " in zipnn("info", delta).out
    assert "embed.weight" in zipnn("ls", delta).out


def test_another_base_is_refused(zipnn: Zipnn, base: Path, tuned: Path, tmp_path: Path) -> None:
    zipnn("delta", base, tuned, "-o", tmp_path / "d.znn")
    other = save_model(tmp_path / "other.safetensors", 99)
    run = zipnn("apply", other, tmp_path / "d.znn", "-o", tmp_path / "again", "--json")
    assert run.code == 1
    (error,) = run.document["errors"]
    assert error["type"] == "BaseMismatchError"
    assert "model.safetensors (id " in error["message"]
    assert str(other) in error["message"]
    assert not (tmp_path / "again").exists()


def test_renaming(zipnn: Zipnn, base: Path, tuned: Path, tmp_path: Path) -> None:
    tensors = safetensors.numpy.load_file(tuned)
    tensors["other"] = tensors.pop("embed.weight")
    path = tmp_path / "renamed.safetensors"
    safetensors.numpy.save_file(tensors, path)
    sizes = []
    for more in ([], ["--rename", "embed.weight=other"]):
        assert zipnn("delta", base, path, "-o", tmp_path / "d.znn", "--force", *more).code == 0
        sizes.append((tmp_path / "d.znn").stat().st_size)
    assert sizes[1] < 0.8 * sizes[0]
    assert zipnn("delta", base, path, "--rename", "nothing").code == 2


@pytest.mark.parametrize("option", ["--in-place", "--delete-original", "--dry-run"])
def test_options_that_do_not_go_with_a_base(zipnn: Zipnn, base: Path, tuned: Path, option: str) -> None:
    assert zipnn("compress", tuned, "--base", base, option).code == 2
    assert zipnn("decompress", tuned.parent, "--base", base, "--in-place").code == 2
    assert zipnn("verify", tuned.parent, "--base", base).code == 2
    assert len(list(tuned.parent.iterdir())) == 2


def test_a_tensor_of_a_delta(process: Zipnn, base: Path, tuned: Path, tmp_path: Path) -> None:
    process("delta", base, tuned, "-o", tmp_path / "d.znn")
    run = process("cat", tmp_path / "d.znn", "embed.weight", "--base", base, "-o", tmp_path / "t.npy")
    assert run.code == 0
    array = np.load(io.BytesIO((tmp_path / "t.npy").read_bytes()))
    assert array.tobytes() == safetensors.numpy.load_file(tuned)["embed.weight"].tobytes()
