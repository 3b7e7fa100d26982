# SPDX-License-Identifier: MIT
"""`zipnn compress --archive` and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import safetensors.numpy

from tests.cli.conftest import Zipnn, contents


def test_a_folder_becomes_one_file_and_comes_back(tmp_path: Path, zipnn: Zipnn) -> None:
    model = tmp_path / "model"
    model.mkdir()
    weights = {"layer.1": np.random.default_rng(1).standard_normal((60, 500), np.float32)}
    safetensors.numpy.save_file(weights, model / "model.safetensors")
    np.savez(model / "model.npz", **weights)
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    run = zipnn("compress", model, "--archive", "--json")
    assert (run.code, run.document["results"][0]["action"]) == (0, "compressed")
    output = model.with_name("model.znn")
    assert zipnn("verify", output).code == 0
    assert "model.safetensors:layer.1" in zipnn("info", output, "--tensors").out
    assert zipnn("compress", model, "--archive").code == 3
    assert zipnn("compress", model, "--archive", "--in-place").code == 2
    assert zipnn("compress", model, "--archive", "--force").code == 0
    dry = zipnn("compress", model, "--archive", "--dry-run", "--json", "-o", model.with_name("other.znn"))
    estimate = dry.document["results"][0]["compressed_size"]
    assert abs(estimate - output.stat().st_size) < 0.5 * output.stat().st_size
    model.rename(model.with_name("moved"))
    assert zipnn("decompress", output, "--dry-run").code == 0
    assert not model.exists()
    assert zipnn("decompress", output).code == 0
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


def _archived(folder: Path, zipnn: Zipnn) -> Path:
    assert zipnn("compress", folder, "--archive").code == 0
    folder.rename(folder.with_name("moved"))
    return folder.with_name(f"{folder.name}.znn")


def test_archives_of_folders_and_of_files_go_together(folder: Path, tmp_path: Path, zipnn: Zipnn) -> None:
    array = tmp_path / "a.npy"
    np.save(array, np.arange(50_000))
    before = array.read_bytes()
    assert zipnn("compress", array, "--delete-original").code == 0
    archives = _archived(folder, zipnn), tmp_path / "a.npy.znn"
    assert zipnn("decompress", *archives, "--delete-original").code == 2
    dry = zipnn("decompress", *archives, "--dry-run", "--json")
    assert [result["action"] for result in dry.document["results"]] == ["would-decompress"] * 2
    for where, options in ((tmp_path, ()), (tmp_path / "out", ("-o", tmp_path / "out"))):
        assert zipnn("decompress", *archives, *options).code == 0
        assert contents(where / folder.name) == contents(tmp_path / "moved")
        assert (where / "a.npy").read_bytes() == before
    assert zipnn("decompress", *archives, "--force").code == 3


def test_force_does_not_replace_a_folder(folder: Path, zipnn: Zipnn) -> None:
    archive = _archived(folder, zipnn)
    assert zipnn("decompress", archive).code == 0
    for options in ((), ("--force",)):
        run = zipnn("decompress", archive, *options)
        assert run.code == 3
        assert "-o writes elsewhere" in run.err
        assert "--force" not in run.err


def test_folders_are_on_this_machine(folder: Path, zipnn: Zipnn) -> None:
    run = zipnn("compress", "s3://bucket/model", "--archive")
    assert run.code == 2
    assert "s3://bucket/model is a URL" in run.err
    run = zipnn("decompress", _archived(folder, zipnn), "-o", "memory://x/y")
    assert run.code == 2
    assert "memory://x/y is a URL" in run.err


def test_a_cached_model_is_neither_archived_nor_compared(folder: Path, zipnn: Zipnn) -> None:
    for options in (("--archive",), ("--base", folder)):
        run = zipnn("compress", "--model", "org/name", *options)
        assert run.code == 2
        assert f"{options[0]} does not go with --model" in run.err
