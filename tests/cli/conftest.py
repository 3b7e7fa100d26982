# SPDX-License-Identifier: MIT
"""Running `zipnn`, in this process and in one of its own, and something to run it on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from zipnn.cli.main import main


@dataclass
class Run:
    """What a run of `zipnn` left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output as JSON."""
        document = json.loads(self.out)
        assert document["exit_code"] == self.code
        assert document["zipnn"]
        return document


Zipnn = Callable[..., Run]


@pytest.fixture
def zipnn(capsys: pytest.CaptureFixture[str]) -> Zipnn:
    """Calls `main`; whatever happens, there must be no traceback."""

    def run(*arguments: str | Path) -> Run:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Run(code, out, err)

    return run


@pytest.fixture
def process() -> Zipnn:
    """Runs `python -m zipnn` in a process of its own; keywords are those of `subprocess.run`."""

    def run(*arguments: str | Path, env: dict[str, str] | None = None, **options: Any) -> Run:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        done = subprocess.run(
            [sys.executable, "-m", "zipnn", *map(str, arguments)],
            env={**os.environ, **(env or {})},
            text=True,
            check=False,
            **options,
        )
        assert "Traceback" not in (done.stdout or "") + (done.stderr or "")
        return Run(done.returncode, done.stdout or "", done.stderr or "")

    return run


def weights(seed: int, *shape: int) -> np.ndarray:
    """bf16 as a model has it."""
    return (np.random.default_rng(seed).standard_normal(shape) * 0.02).astype(ml_dtypes.bfloat16)


def save_model(path: Path, seed: int = 0, **more: np.ndarray) -> Path:
    """A small model; `more` are tensors beside its own."""
    tensors = {"embed.weight": weights(seed, 200, 120), "norm.bias": weights(seed + 1, 9), **more}
    safetensors.numpy.save_file(tensors, path, metadata={"format": "pt"})
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model file in a folder of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    return save_model(folder / "model.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder: two shards, the index that names them, other files."""
    folder = tmp_path / "my-model"
    (folder / "tokenizer").mkdir(parents=True)
    shards = [save_model(folder / f"model-0000{i}-of-00002.safetensors", i * 10) for i in (1, 2)]
    index = {"weight_map": {f"{i}": shard.name for i, shard in enumerate(shards)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text("{}\n")
    (folder / "tokenizer" / "vocab.txt").write_text("a b c\n")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
