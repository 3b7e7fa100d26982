# SPDX-License-Identifier: MIT
"""Models that stay compressed in memory (scenarios 65 to 69)."""

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import zipnn

torch = pytest.importorskip("torch", minversion="2.4")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")
Same = Callable[[Any, Any], bool]

from zipnn.plugins.zlinear import ZLinear  # noqa: E402

IDS = torch.tensor([[1, 5, 9, 7]])


def llama(*, tied: bool = False, dtype: Any = torch.bfloat16) -> Any:
    torch.manual_seed(5)
    config = transformers.LlamaConfig(
        vocab_size=600, hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=tied, attention_bias=True,
        pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).to(dtype).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.data.normal_()
    return model


def held(model: Any) -> int:
    """Bytes of its parameters and buffers."""
    return sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))


def compressed_layers(model: Any) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, ZLinear)]


def logits(model: Any) -> Any:
    with torch.no_grad():
        return model(IDS).logits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    llama().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def load(folder: Path, **options: Any) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, **options)


@pytest.mark.parametrize("tied", [False, True])
def test_scenario_65_same_results_in_less_memory(tied: bool) -> None:
    plain, small = llama(tied=tied), llama(tied=tied)
    assert zipnn.compress_module(small) is small
    assert len(compressed_layers(small)) == 2 * 7 + (not tied)
    assert held(small) < 0.85 * held(plain)
    assert torch.equal(logits(small), logits(plain))
    options = {"max_new_tokens": 8, "do_sample": False}
    assert torch.equal(small.generate(IDS, **options), plain.generate(IDS, **options))
    if tied:
        assert small.lm_head.weight is small.model.embed_tokens.weight


def test_scenario_65_a_layer_under_two_names_is_one_layer_still() -> None:
    layer = torch.nn.Linear(256, 256)
    model = torch.nn.ModuleDict({"a": layer, "b": torch.nn.Sequential(layer, torch.nn.Linear(8, 8))})
    expected = layer(torch.ones(256))
    zipnn.compress_module(model)
    assert isinstance(model["a"], ZLinear)
    assert model["a"] is model["b"][0]
    assert type(model["b"][1]) is torch.nn.Linear, "too small to be worth it"
    assert torch.equal(model["a"](torch.ones(256)), expected)
    with pytest.raises(TypeError, match="linear layer alone"):
        zipnn.compress_module(torch.nn.Linear(256, 256))


def test_scenario_65_what_is_left_as_it_is() -> None:
    class Own(torch.nn.Linear):  # type: ignore[misc]
        """It may do anything with its weight."""

    model = torch.nn.ModuleList([Own(256, 256), torch.nn.Linear(256, 256), torch.nn.Linear(256, 256)])
    model[1].register_forward_pre_hook(lambda module, inputs: None)
    model[2].weight.data = torch.randint(-(2**31), 2**31 - 1, (256, 256), dtype=torch.int32).view(
        torch.float32
    )
    before = list(model)
    zipnn.compress_module(model)
    assert list(model) == before


def test_scenario_66_its_state_is_that_of_the_original(folder: Path, same: Same, tmp_path: Path) -> None:
    model = zipnn.compress_module(load(folder))
    assert compressed_layers(model)
    assert same(model, load(folder))
    model.save_pretrained(tmp_path / "again")
    name = "model.safetensors"
    assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert "quantization_config" not in json.loads((tmp_path / "again" / "config.json").read_text())
    other = zipnn.compress_module(llama())
    state = {name: tensor + 1 for name, tensor in model.state_dict().items()}
    assert other.load_state_dict(state) == ([], [])
    assert same(other, state)
    lost = dict(state)
    del lost["lm_head.weight"]
    with pytest.raises(RuntimeError, match=r"Missing key.*lm_head\.weight"):
        other.load_state_dict(lost)
    with pytest.raises(RuntimeError, match=r"size mismatch for lm_head\.weight"):
        other.load_state_dict({**state, "lm_head.weight": torch.zeros(3, 3)})


def test_scenario_67_torch_compile(recwarn: pytest.WarningsRecorder) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(256, 300), torch.nn.GELU(), torch.nn.Linear(300, 256))
    inputs = torch.randn(5, 256)
    expected = model(inputs)
    zipnn.compress_module(model)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    with torch.no_grad():
        for _ in range(12):
            assert torch.equal(compiled(inputs), expected)
    assert not [warning for warning in recwarn if "recompile" in str(warning.message)]
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    torch.library.opcheck(torch.ops.zipnn.decode, (model[0].weight_znn, [300, 256], torch.float32))


def test_scenario_68_a_quantization_config(folder: Path, same: Same, tmp_path: Path) -> None:
    model = load(folder, quantization_config=zipnn.hf.ZipnnConfig(level="fast"))
    plain = load(folder)
    assert len(compressed_layers(model)) == 15
    assert held(model) < 0.85 * held(plain)
    assert same(model, plain)
    assert torch.equal(logits(model), logits(plain))
    model.save_pretrained(tmp_path / "again")
    config = json.loads((tmp_path / "again" / "config.json").read_text())
    assert "quantization_config" not in config
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (
        folder / "model.safetensors"
    ).read_bytes()
    again = importlib.reload(importlib.import_module("zipnn.plugins.quantizer"))
    assert compressed_layers(load(folder, quantization_config=again.ZipnnConfig()))


def test_scenario_68_from_a_compressed_file(folder: Path, same: Same) -> None:
    plain = load(folder)
    zipnn.compress_file(folder / "model.safetensors", in_place=True)
    zipnn.zipnn_hf()
    try:
        model = load(folder, quantization_config=zipnn.hf.ZipnnConfig())
    finally:
        zipnn.zipnn_unhook()
    assert compressed_layers(model)
    assert same(model, plain)


def test_scenario_69_another_dtype(same: Same) -> None:
    small = zipnn.compress_module(llama()).to(torch.float16)
    plain = llama().to(torch.float16)
    assert compressed_layers(small)
    assert same(small, plain)
    assert torch.equal(logits(small), logits(plain))
    assert same(small.float(), plain.float())


def test_scenario_69_another_device() -> None:
    model = zipnn.compress_module(llama()).to("meta")
    assert model.lm_head.weight_znn.device.type == "meta"
    assert model(IDS.to("meta")).logits.shape == (1, 4, 600)


def test_scenario_69_a_copy(same: Same) -> None:
    model = zipnn.compress_module(llama())
    other = copy.deepcopy(model)
    assert same(other, model)
    other.load_state_dict({name: tensor * 0 for name, tensor in other.state_dict().items()})
    assert same(model, llama())


def test_scenario_69_lora_refuses_it() -> None:
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=8, target_modules=["q_proj"])
    with pytest.raises(ValueError, match=r"Target module ZLinear.*is not supported"):
        peft.get_peft_model(zipnn.compress_module(llama()), config)
    # Of other modules it is none of its business.
    model = zipnn.compress_module(llama())
    model = peft.get_peft_model(model, peft.LoraConfig(r=8, target_modules=["embed_tokens"]))
    model(IDS, labels=IDS).loss.backward()


def test_scenario_69_changing_the_weight_is_an_error() -> None:
    layer = zipnn.compress_module(llama()).lm_head
    with pytest.raises(KeyError):
        layer.weight = torch.nn.Parameter(torch.zeros(600, 256))
    with pytest.raises(AttributeError):
        layer.weight = torch.zeros(600, 256)


def test_the_way_back(same: Same) -> None:
    model = zipnn.decompress_module(zipnn.compress_module(llama()))
    assert not compressed_layers(model)
    assert same(model, llama())
    assert {name for name, _ in model.named_parameters()} == {name for name, _ in llama().named_parameters()}
    model(IDS, labels=IDS).loss.backward()
    assert model.lm_head.weight.grad is not None


def test_damage_in_memory_is_an_error() -> None:
    model = zipnn.compress_module(llama())
    model.lm_head.weight_znn[5000] ^= 1
    with pytest.raises(zipnn.CorruptError):
        logits(model)
