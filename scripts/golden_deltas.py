# SPDX-License-Identifier: MIT
"""Add golden files to tests/golden/deltas: a base, and models as differences to it.

Run as `python -m scripts.golden_deltas` from the repository's root. What is there already is never
written again: a reader that cannot decode it is wrong, not the file.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import zipnn
from zipnn.containers.archive.reading import open_archive
from zipnn.delta.base import open_base

FOLDER = Path(__file__).parent.parent / "tests" / "golden" / "deltas"
LARGEST = 20_000

Tensors = dict[str, tuple[str, "np.ndarray[Any, Any]"]]


def base() -> Tensors:
    """What the models were made from: dtype and elements of each tensor."""
    rng = np.random.default_rng(7)
    wide = (rng.standard_normal((40, 64)) * 0.02).astype(np.float32)
    return {
        "model.embed": ("BF16", (wide.view(np.uint32) >> 16).astype(np.uint16)),
        "model.wide": ("F32", (rng.standard_normal((24, 32)) * 0.1).astype(np.float32)),
        "model.steps": ("I64", np.arange(60)),
        "model.norm": ("F32", np.ones(16, np.float32)),
        "model.same": ("F16", rng.standard_normal((20, 30)).astype(np.float16)),
        "model.gone": ("F32", np.zeros(3, np.float32)),
    }


def tuned() -> Tensors:
    """A model with every kind of change."""
    rng = np.random.default_rng(8)
    tensors = base()
    embed = tensors["model.embed"][1]
    wide = tensors["model.wide"][1].copy()
    wide[3, 5] += np.float32(0.25)
    more = rng.integers(0, 1 << 16, (2, 64), np.uint16)
    return {
        "embed": ("BF16", np.concatenate([embed + rng.integers(0, 5, embed.shape).astype(np.uint16), more])),
        "wide": ("F32", wide),
        "steps": ("I64", tensors["model.steps"][1] + 1),
        "norm": ("F32", tensors["model.norm"][1] * np.float32(1.5)),
        "same": tensors["model.same"],
        "new": ("F64", rng.standard_normal(40)),
    }


def safetensors(tensors: Tensors) -> bytes:
    """A file with these tensors."""
    header, data = {}, b""
    for name, (dtype, array) in tensors.items():
        content = array.tobytes()
        header[name] = {
            "dtype": dtype,
            "shape": array.shape,
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def main(folder: Path = FOLDER) -> int:
    """Write the files that are missing, and the manifest with what they give."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "base.safetensors").exists():
        (folder / "base.safetensors").write_bytes(safetensors(base()))
    manifest_path = folder / "manifest.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, model in _models(Path(temporary)).items():
            if name in manifest:
                continue
            output = folder / f"{name}.znn"
            zipnn.make_delta(folder / "base.safetensors", model, output)
            manifest[name] = _describe(output, folder)
    manifest_path.write_text(json.dumps(manifest, indent=2) + "\n")
    return 0


def _models(folder: Path) -> dict[str, Path]:
    """A file, one that is the base's but for its header, and a folder."""
    (folder / "tuned.safetensors").write_bytes(safetensors(tuned()))
    renamed = {name.removeprefix("model."): tensor for name, tensor in base().items()}
    (folder / "same.safetensors").write_bytes(safetensors(renamed))
    shards = folder / "shards"
    shards.mkdir()
    names = list(tuned())
    for number in (0, 1):
        part = {name: tuned()[name] for name in names[number::2]}
        (shards / f"model-{number + 1}-of-2.safetensors").write_bytes(safetensors(part))
    (shards / "config.json").write_text("{}")
    return {"file": folder / "tuned.safetensors", "same": folder / "same.safetensors", "folder": shards}


def _describe(path: Path, folder: Path) -> dict[str, Any]:
    """The manifest's entry."""
    if path.stat().st_size > LARGEST:
        raise SystemExit(f"{path.name} has {path.stat().st_size} bytes: make it smaller")
    with open_base(folder / "base.safetensors") as tensors, open_archive(path, tensors) as archive:
        data = bytes(archive.read_range(0, archive.original_size))
        codings = sorted({segment.coding for segment in archive.segments})
        assert archive.index.base is not None
        return {
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "codings": codings,
            "base": archive.index.base.id,
        }


if __name__ == "__main__":
    sys.exit(main())
