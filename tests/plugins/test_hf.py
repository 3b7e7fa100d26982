# SPDX-License-Identifier: MIT
"""`zipnn.hf.save_pretrained`: what it saves is what `save_pretrained` saves, but compressed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn
from tests.hub.clients import Client
from tests.hub.server import serve

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("hooked")]
Same = Callable[[Any, Any], bool]


def restores_to(small: Path, plain: Path) -> bool:
    """Whether both folders have the same files, of which those with weights are compressed in the first."""
    names = sorted(str(path.relative_to(plain)) for path in plain.rglob("*") if path.is_file())
    assert sorted(str(path.relative_to(small)) for path in small.rglob("*") if path.is_file()) == names
    for name in names:
        if name.endswith(".safetensors"):
            assert (small / name).stat().st_size < (plain / name).stat().st_size
    back = small.with_name(f"{small.name}-back")
    zipnn.decompress_tree(small, back)
    return all((back / name).read_bytes() == (plain / name).read_bytes() for name in names)


@pytest.mark.parametrize("options", [{}, {"max_shard_size": "50KB"}])
def test_a_model(tiny: Path, same: Same, tmp_path: Path, options: dict[str, Any]) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.bfloat16)
    zipnn.hf.save_pretrained(model, tmp_path / "small", level="fast", **options)
    model.save_pretrained(tmp_path / "plain", **options)
    assert restores_to(tmp_path / "small", tmp_path / "plain")
    assert len(list((tmp_path / "small").glob("*.safetensors"))) > 2 or not options
    assert same(transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "small", dtype="auto"), model)


def test_a_tokenizer_and_a_pipeline(tiny: Path, same: Same, tmp_path: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny)
    names = zipnn.hf.save_pretrained(tokenizer, tmp_path / "small")
    assert sorted(Path(name).name for name in names) == sorted(
        Path(name).name for name in tokenizer.save_pretrained(tmp_path / "plain")
    )
    pipe = transformers.pipeline("text-generation", model=str(tiny))
    zipnn.hf.save_pretrained(pipe, tmp_path / "pipe")
    pipe.save_pretrained(tmp_path / "plain-pipe")
    assert restores_to(tmp_path / "pipe", tmp_path / "plain-pipe")
    assert same(transformers.pipeline("text-generation", model=str(tmp_path / "pipe")).model, pipe.model)


def test_diffusers_and_peft(tiny: Path, same: Same, tmp_path: Path) -> None:
    diffusers = pytest.importorskip("diffusers")
    peft = pytest.importorskip("peft")
    torch.manual_seed(1)
    unet = diffusers.UNet2DModel(
        sample_size=8, block_out_channels=(32, 32), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    pipe = diffusers.DDPMPipeline(unet=unet, scheduler=diffusers.DDPMScheduler())
    zipnn.hf.save_pretrained(pipe, tmp_path / "pipe")
    pipe.save_pretrained(tmp_path / "plain-pipe")
    assert restores_to(tmp_path / "pipe", tmp_path / "plain-pipe")
    assert same(diffusers.DDPMPipeline.from_pretrained(tmp_path / "pipe").unet, unet)

    config = peft.LoraConfig(r=8, target_modules=["q_proj", "up_proj"], init_lora_weights=False)
    lora = peft.get_peft_model(transformers.AutoModelForCausalLM.from_pretrained(tiny), config)
    zipnn.hf.save_pretrained(lora, tmp_path / "lora")
    lora.save_pretrained(tmp_path / "plain-lora")
    assert restores_to(tmp_path / "lora", tmp_path / "plain-lora")


def test_numpy_saves_compressed_too(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    arrays = {"w": np.random.default_rng(1).standard_normal((200, 200)).astype("float32")}
    with zipnn.compress_on_save():
        save_file(arrays, tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").stat().st_size < arrays["w"].nbytes
    np.testing.assert_array_equal(load_file(tmp_path / "model.safetensors")["w"], arrays["w"], strict=True)


def test_contexts_that_overlap_end_in_any_order(tmp_path: Path) -> None:
    import safetensors.torch

    original = safetensors.torch.serialize_file
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with zipnn.compress_on_save("fast"):
            entered.set()
            leave.wait()

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait()
    with zipnn.compress_on_save("max"):
        leave.set()
        thread.join()
        safetensors.torch.save_file({"w": torch.randn(300, 300)}, tmp_path / "model.safetensors")
        assert (tmp_path / "model.safetensors").stat().st_size < 300 * 300 * 4
    assert safetensors.torch.serialize_file is original


_PUSH = """
import sys, transformers, zipnn
model = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype="auto")
zipnn.hf.save_pretrained(model, sys.argv[2], max_shard_size="50KB", push_to_hub=True, repo_id="org/pushed")
zipnn.zipnn_hf()
again = transformers.AutoModelForCausalLM.from_pretrained("org/pushed", dtype="auto")
state, found = model.state_dict(), again.state_dict()
assert state.keys() == found.keys()
assert all(state[name].equal(found[name]) for name in state)
"""


def test_pushing_to_the_hub(tiny: Path, tmp_path: Path) -> None:
    with serve() as (hub, address):
        code, _, err = Client(address, tmp_path / "home").call("-c", _PUSH, tiny, tmp_path / "out")
        assert code == 0, err
        files = hub.repositories["org/pushed"]
        index = json.loads(files["model.safetensors.index.json"])
        shards = set(index["weight_map"].values())
        assert len(shards) > 2
        for name in shards:
            assert files[name] == (tmp_path / "out" / name).read_bytes()
            with zipnn.safe_open(tmp_path / "out" / name) as opened:
                assert opened._file().compressed
