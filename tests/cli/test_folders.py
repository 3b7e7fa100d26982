# SPDX-License-Identifier: MIT
"""`zipnn compress --archive` and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import safetensors.numpy

from tests.cli.conftest import Zipnn


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
