# SPDX-License-Identifier: MIT
"""Models and what training makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import safetensors.numpy

Tensors = dict[str, np.ndarray[Any, Any]]

SHAPES = {
    "embed.weight": (300, 64),
    "layers.0.attn.weight": (64, 64),
    "layers.0.norm.weight": (64,),
    "layers.0.norm.bias": (64,),
    "layers.1.attn.weight": (64, 64),
    "layers.1.norm.weight": (64,),
    "head.weight": (300, 64),
}


def model(seed: int = 0, dtype: Any = ml_dtypes.bfloat16) -> Tensors:
    """Weights as a model has them: each tensor other ones."""
    rng = np.random.default_rng(seed)
    return {name: (rng.standard_normal(shape) * 0.02).astype(dtype) for name, shape in SHAPES.items()}


def tuned(base: Tensors, seed: int = 1, step: float = 0.002) -> Tensors:
    """The model after some training: every tensor is a little different."""
    rng = np.random.default_rng(seed)
    return {
        name: (tensor.astype(np.float32) + step * 0.1 * rng.standard_normal(tensor.shape)).astype(
            tensor.dtype
        )
        for name, tensor in base.items()
    }


def save(path: Path, tensors: Tensors, **metadata: str) -> Path:
    """Write a safetensors file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.numpy.save_file(tensors, path, metadata=metadata or None)
    return path


def save_shards(folder: Path, tensors: Tensors, count: int, *, index: bool = True) -> Path:
    """Write a folder of shards, with or without the index that names them."""
    names = sorted(tensors)
    weight_map = {}
    for number in range(count):
        file = f"model-{number + 1:05}-of-{count:05}.safetensors"
        shard = {name: tensors[name] for name in names[number::count]}
        save(folder / file, shard)
        weight_map.update(dict.fromkeys(shard, file))
    if index:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


def codings(path: Path) -> dict[str, int]:
    """Bytes of the original by how they are stored."""
    from zipnn.containers.archive.reading import open_archive

    sizes: dict[str, int] = {}
    with open_archive(path) as archive:
        for segment in archive.segments:
            size = sum(piece.size for piece in segment.pieces)
            sizes[segment.coding] = sizes.get(segment.coding, 0) + size
    return sizes


def state_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
