# SPDX-License-Identifier: MIT
"""Models on a GPU: loaded there, kept there compressed, compressed and saved from there."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn

from .conftest import Compressed

torch: Any = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


def load(folder: Path, **options: Any) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, **options)


def equal(one: Any, other: Any) -> bool:
    """Whether two models have the same parameters, bit for bit, wherever they are."""
    left, right = dict(one.state_dict()), dict(other.state_dict())
    return left.keys() == right.keys() and all(
        torch.equal(left[name].cpu().view(torch.uint8), right[name].cpu().view(torch.uint8)) for name in left
    )


def test_a_file_is_loaded_onto_the_device(tiny: Path, compressed: Compressed) -> None:
    path = compressed(tiny) / "model.safetensors"
    plain = zipnn.load_file(tiny / "model.safetensors", "pt")
    for device in ("cuda", "cuda:0", 0):
        loaded = zipnn.load_file(path, "pt", device)
        assert {str(tensor.device) for tensor in loaded.values()} == {"cuda:0"}
        assert all(torch.equal(loaded[name].cpu(), plain[name]) for name in plain)
    with zipnn.safe_open(path, "pt", "cuda") as file:
        name = max(plain, key=lambda name: plain[name].numel())
        assert torch.equal(file.get_slice(name)[3:7].cpu(), plain[name][3:7])


@pytest.mark.usefixtures("hooked")
@pytest.mark.parametrize("options", [{"device_map": "cuda"}, {"device_map": "auto"}, {"device_map": {"": 0}}])
def test_a_model_is_loaded_onto_the_device(
    options: dict[str, Any], tiny: Path, sharded: Path, compressed: Compressed
) -> None:
    for folder in (tiny, sharded):
        model, plain = load(compressed(folder), **options), load(folder)
        assert {parameter.device.type for parameter in model.parameters()} == {"cuda"}
        assert equal(model, plain)


@pytest.mark.usefixtures("hooked")
def test_a_pipeline_writes_the_same(tiny: Path, compressed: Compressed) -> None:
    answers = [
        transformers.pipeline("text-generation", model=str(folder), device_map="cuda")(
            "a b", max_new_tokens=8, do_sample=False
        )
        for folder in (tiny, compressed(tiny))
    ]
    assert answers[0] == answers[1]


@pytest.mark.usefixtures("hooked")
def test_safetensors_itself_loads_onto_the_device(tiny: Path, compressed: Compressed) -> None:
    from safetensors.torch import load_file

    loaded = load_file(compressed(tiny) / "model.safetensors", device="cuda")
    plain = zipnn.load_file(tiny / "model.safetensors", "pt")
    assert all(loaded[name].is_cuda and torch.equal(loaded[name].cpu(), plain[name]) for name in plain)


def test_scenario_69_a_compressed_module_on_the_device(tiny: Path) -> None:
    from zipnn.plugins.modules import compress_module

    plain = load(tiny).to("cuda")
    tokens = torch.arange(12, device="cuda").reshape(2, 6)
    for build in (
        lambda: compress_module(load(tiny)).to("cuda"),
        lambda: compress_module(load(tiny).to("cuda")),
        lambda: copy.deepcopy(compress_module(load(tiny)).cuda()),
    ):
        model = build()
        with torch.no_grad():
            assert torch.equal(model(tokens).logits, plain(tokens).logits)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_tensors_on_the_device_are_compressed(dtype: str) -> None:
    tensor = torch.from_numpy(np.random.default_rng(1).standard_normal((200, 300), np.float32))
    tensor = tensor.to("cuda", getattr(torch, dtype))
    again = zipnn.decompress(zipnn.compress(tensor))
    assert torch.equal(again, tensor.cpu())


def test_a_file_is_saved_from_the_device(tmp_path: Path) -> None:
    tensors = {"w": torch.arange(30_000, device="cuda", dtype=torch.float32).reshape(100, 300)}
    zipnn.save_file(tensors, tmp_path / "model.safetensors")
    assert torch.equal(zipnn.load_file(tmp_path / "model.safetensors", "pt")["w"], tensors["w"].cpu())


def test_patches_are_made_of_and_applied_to_tensors_on_the_device() -> None:
    old = {
        "w": torch.randn(300, 400, device="cuda", dtype=torch.bfloat16),
        "b": torch.randn(9, device="cuda"),
    }
    new = {name: tensor.clone() for name, tensor in old.items()}
    new["w"][7] += 1
    patch = zipnn.patch(old, new)
    assert len(patch) < 3000
    zipnn.apply_patch(old, patch)
    assert old["w"].is_cuda
    assert all(torch.equal(old[name], new[name]) for name in new)
