# SPDX-License-Identifier: MIT
"""zipnn 0.5.4 itself writes with every dtype and method that it has, and what it wrote is read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zipnn
from scripts.old_release import RELEASE, python_of
from zipnn import legacy

WRITER = Path(__file__).parent / "old_writer.py"
FOLDER = Path(sys.prefix) / "old"

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the old release wrote."""
    python = python_of(FOLDER)
    if not python.exists():
        if os.environ.get("CI"):
            pytest.fail(f"continuous integration has to have an environment with {RELEASE}")
        pytest.skip(f"no environment with {RELEASE}: make test makes one where pip can install it")
    folder = tmp_path_factory.mktemp("written")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([python, WRITER, folder], check=True, env=environment)
    return folder


def test_what_the_last_old_release_writes_is_read(written: Path) -> None:
    names = sorted(path.stem for path in written.glob("*.znn"))
    assert len(names) > 200
    for name in names:
        stream, data = (written / f"{name}.znn").read_bytes(), (written / f"{name}.raw").read_bytes()
        facts = json.loads((written / f"{name}.json").read_text())
        base_file = written / f"{name}.base"
        base = base_file.read_bytes() if base_file.exists() else None
        assert legacy.decode(stream, base=base) == data, name
        info = legacy.describe(stream)
        assert (info.version, info.input_format, info.delta) == (
            "0.5.4",
            facts["format"],
            base is not None,
        ), name
        if base is None:
            result = zipnn.decompress(stream)
            if facts["format"] == "bytes":
                assert result == data, name
                continue
            kind = torch if facts["format"] == "torch" else np
            assert list(result.shape) == facts["shape"], name
            assert result.dtype == getattr(kind, facts["dtype"]), name
            assert _bytes(result) == data, name


def test_files_of_the_last_old_release_are_read(written: Path, tmp_path: Path) -> None:
    for name in ("plain-bfloat16-stream", "plain-float32-whole", "bytes-float8_e5m2-HUFFMAN-300001"):
        path, output = written / f"{name}.znn", tmp_path / name
        zipnn.decompress_file(path, output)
        assert output.read_bytes() == (written / f"{name}.raw").read_bytes()


def _bytes(result: object) -> bytes:
    if isinstance(result, np.ndarray):
        return result.tobytes()
    flat = result.reshape(-1)  # type: ignore[attr-defined]
    return bytes(flat.view(torch.uint8).numpy().tobytes()) if flat.numel() else b""
