# SPDX-License-Identifier: MIT
"""A training that leaves a folder behind at every step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.containers.craft import in_a_row

COUNT = 20_000


def steps(folder: Path, count: int, seed: int = 0) -> Iterator[dict[str, bytes]]:
    """Rewrite the files of `folder` at each step; gives what is in them."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, 0.02, COUNT).astype(np.float32)
    moments = weights**2
    for step in range(count):
        weights = weights + ((rng.random(COUNT) < 0.05) * rng.normal(0, 1e-4, COUNT)).astype(np.float32)
        moments = (moments * 0.999).astype(np.float32)
        bf16 = (weights.view(np.uint32) >> 16).astype(np.uint16).tobytes()
        files = {
            "model.safetensors": in_a_row(
                {"w": ("BF16", [100, COUNT // 100], bf16), "s": ("F32", [], b"1234")}
            ),
            "optimizer/v.safetensors": in_a_row({"w": ("F32", [COUNT], moments.tobytes())}),
            "state.json": json.dumps({"step": step}).encode(),
            "empty": b"",
        }
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield files


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
