# SPDX-License-Identifier: MIT
"""Run with other versions of transformers, its hub client and safetensors: everything that must hold in all.

python matrix_case.py before|after in-place|wrapped: hooks installed before or after the imports.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ORDER, STRATEGY = sys.argv[1:3]
FOLDER = Path(tempfile.mkdtemp())
os.environ["HF_HOME"] = str(FOLDER / "home")
os.environ["HF_HUB_OFFLINE"] = "1"

import zipnn
from zipnn.plugins import safetensors as hooks

if STRATEGY == "wrapped":
    hooks._takes_methods = lambda kind: False
if ORDER == "before":
    zipnn.zipnn_hf()

import safetensors
import torch
import transformers
from safetensors.torch import load_file, save_file

zipnn.zipnn_hf()  # after the imports, or again


def save(folder: Path, size: str) -> Any:
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4
    )
    model = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder, max_shard_size=size)
    return model


def load(folder: Path, **options: Any) -> dict[str, Any]:
    model = transformers.LlamaForCausalLM.from_pretrained(folder, torch_dtype=torch.bfloat16, **options)
    return dict(model.state_dict())


def equal(left: dict[str, Any], right: dict[str, Any]) -> bool:
    same = all(
        left[name].dtype == right[name].dtype and torch.equal(left[name], right[name]) for name in left
    )
    return left.keys() == right.keys() and same


for name, size in (("single", "1GB"), ("shards", "50KB")):
    plain, small = FOLDER / name, FOLDER / f"{name}-small"
    expected = dict(save(plain, size).state_dict())
    shutil.copytree(plain, small)
    for file in small.glob("*.safetensors"):
        zipnn.compress_file(file, in_place=True)
    assert equal(load(small), expected), name
    assert equal(load(plain), expected), name
    first = min(plain.glob("*.safetensors")).name
    assert equal(load_file(small / first), load_file(plain / first))
    with safetensors.safe_open(small / first, framework="pt") as file:
        assert file.metadata() == {"format": "pt"}
    zipnn.zipnn_unhook()
    try:
        load(small)
    except (RuntimeError, ValueError, OSError, TypeError):
        pass
    else:
        raise AssertionError("a compressed model loaded without hooks")
    zipnn.zipnn_hf()

save_file({"w": torch.ones(100, 100)}, FOLDER / "bare.safetensors")
with safetensors.safe_open(FOLDER / "bare.safetensors", framework="pt") as file:
    bare = file.metadata()
zipnn.compress_file(FOLDER / "bare.safetensors", in_place=True)
with safetensors.safe_open(FOLDER / "bare.safetensors", framework="pt") as file:
    assert file.metadata() == bare
    assert torch.equal(file.get_slice("w")[3:5], torch.ones(2, 100))

if hasattr(transformers.modeling_utils, "_get_resolved_checkpoint_files"):
    folder = FOLDER / "old-names"
    shutil.copytree(FOLDER / "shards", folder)
    for file in folder.glob("*.safetensors"):
        zipnn.compress_file(file, file.with_suffix(".znn.safetensors"))
        file.unlink()
    assert equal(load(folder), expected)
    index = folder / "model.safetensors.index.json"
    index.write_text(index.read_text().replace(".safetensors", ".znn.safetensors"))
    assert json.loads(index.read_text())["weight_map"]
    assert equal(load(folder), expected)
from transformers.quantizers import auto

if hasattr(auto, "register_quantizer"):
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=256, intermediate_size=512, num_hidden_layers=1, num_attention_heads=4
    )
    model = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    zipnn.hf.save_pretrained(model, FOLDER / "held")
    held = transformers.LlamaForCausalLM.from_pretrained(
        FOLDER / "held", torch_dtype=torch.bfloat16, quantization_config=zipnn.hf.ZipnnConfig()
    )
    assert sum(type(module).__name__ == "ZLinear" for module in held.modules()) == 7
    assert equal(dict(held.state_dict()), dict(model.state_dict()))
    model.save_pretrained(FOLDER / "of-model")
    held.save_pretrained(FOLDER / "of-held")
    for name in ("model.safetensors", "config.json"):
        saved = [(FOLDER / folder / name).read_bytes() for folder in ("of-model", "of-held")]
        assert name == "config.json" or saved[0] == saved[1]
        assert b"quantization_config" not in saved[1]
shutil.rmtree(FOLDER)
print("ok", transformers.__version__, safetensors.__version__)
