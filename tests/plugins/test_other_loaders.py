# SPDX-License-Identifier: MIT
"""Compressed models in what else loads safetensors (scenarios 16 to 20, 33, 62)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import zipnn

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("hooked")]
Compressed = Callable[[Path], Path]
Same = Callable[[Any, Any], bool]


def refused(load: Callable[[], Any]) -> None:
    """Without hooks, loading ends in an error: no model comes out (scenario 33)."""
    zipnn.zipnn_unhook()
    with pytest.raises((RuntimeError, ValueError, OSError, TypeError)):
        load()


def test_scenario_16_diffusers(compressed: Compressed, same: Same, tmp_path: Path) -> None:
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(1)
    model = diffusers.UNet2DModel(
        sample_size=8, block_out_channels=(32, 32), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    model.save_pretrained(tmp_path / "single")
    model.save_pretrained(tmp_path / "shards", max_shard_size="400KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    small = {name: compressed(tmp_path / name) for name in ("single", "shards")}
    for folder in small.values():
        for options in (
            {},
            {"low_cpu_mem_usage": False},
            {"disable_mmap": True},
            {"device_map": {"": "cpu"}},
        ):
            assert same(diffusers.UNet2DModel.from_pretrained(folder, **options), model)
    pipe = diffusers.DDPMPipeline(unet=model, scheduler=diffusers.DDPMScheduler())
    pipe.save_pretrained(tmp_path / "pipe")
    assert same(diffusers.DDPMPipeline.from_pretrained(compressed(tmp_path / "pipe")).unet, model)
    refused(lambda: diffusers.UNet2DModel.from_pretrained(small["single"]))


def test_scenario_17_sentence_transformers(compressed: Compressed, tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    from tests.plugins.conftest import save_tokenizer

    torch.manual_seed(1)
    bert = tmp_path / "bert"
    config = transformers.BertConfig(
        vocab_size=64, hidden_size=64, num_hidden_layers=1, num_attention_heads=4, intermediate_size=128
    )
    transformers.BertModel(config).save_pretrained(bert)
    save_tokenizer(bert)
    models = library.models if hasattr(library, "models") else library.sentence_transformer.modules
    parts = [models.Transformer(str(bert)), models.Pooling(64), models.Dense(64, 32)]
    plain = tmp_path / "sentences"
    library.SentenceTransformer(modules=parts, device="cpu").save(str(plain))
    assert (plain / "2_Dense" / "model.safetensors").is_file()
    small = compressed(plain)
    encoded = [library.SentenceTransformer(str(p), device="cpu").encode(["w5 w9"]) for p in (plain, small)]
    np.testing.assert_array_equal(*encoded)
    refused(lambda: library.SentenceTransformer(str(small), device="cpu"))


def test_scenario_18_peft(tiny: Path, compressed: Compressed, same: Same, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    torch.manual_seed(1)

    def base() -> Any:
        return transformers.AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.bfloat16)

    config = peft.LoraConfig(r=8, target_modules=["q_proj", "up_proj"], init_lora_weights=False)
    lora = tmp_path / "lora"
    peft.get_peft_model(base(), config).save_pretrained(lora)
    small = compressed(lora)
    assert same(peft.PeftModel.from_pretrained(base(), small), peft.PeftModel.from_pretrained(base(), lora))
    models = [base(), base()]
    for model, folder in zip(models, (small, lora), strict=True):
        model.load_adapter(str(folder))
    assert same(*models)
    refused(lambda: peft.PeftModel.from_pretrained(base(), small))


def test_scenario_19_timm(same: Same, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stand_in_for_torchvision(monkeypatch)
    timm = pytest.importorskip("timm")
    from safetensors.torch import save_file

    torch.manual_seed(1)
    model = timm.create_model("resnet10t", num_classes=5)
    file = tmp_path / "model.safetensors"
    save_file(model.state_dict(), file)
    zipnn.compress_file(file, in_place=True)
    assert same(timm.create_model("resnet10t", num_classes=5, checkpoint_path=str(file)), model)
    (tmp_path / "config.json").write_text('{"architecture": "resnet10t", "num_classes": 5}')
    assert same(timm.create_model(f"local-dir:{tmp_path}", pretrained=True), model)
    refused(lambda: timm.create_model("resnet10t", num_classes=5, checkpoint_path=str(file)))


def test_scenario_20_hub_and_accelerate(compressed: Compressed, same: Same, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    accelerate = pytest.importorskip("accelerate")
    from safetensors.torch import load_model

    class Net(torch.nn.Module, hub.PyTorchModelHubMixin):  # type: ignore[misc]
        def __init__(self, size: int = 64) -> None:
            super().__init__()
            self.one = torch.nn.Linear(size, 2 * size)
            self.two = torch.nn.Linear(2 * size, size)

    model = Net()
    model.save_pretrained(tmp_path / "net")
    small = compressed(tmp_path / "net")
    file = small / "model.safetensors"
    assert same(Net.from_pretrained(small), model)
    loaded = [Net(), Net()]
    load_model(loaded[0], file)
    hub.load_torch_model(loaded[1], file)
    dispatched = accelerate.load_checkpoint_and_dispatch(Net(), str(file), device_map={"": "cpu"})
    assert all(same(other, model) for other in (*loaded, dispatched))
    refused(lambda: Net.from_pretrained(small))
    with pytest.raises((RuntimeError, ValueError, OSError)):
        accelerate.load_checkpoint_and_dispatch(Net(), str(file), device_map={"": "cpu"})


def test_scenario_62_distributed_checkpoints_of_hugging_face(
    tiny: Path, compressed: Compressed, same: Same, tmp_path: Path
) -> None:
    dcp = pytest.importorskip("torch.distributed.checkpoint")
    if not hasattr(dcp, "HuggingFaceStorageReader"):
        pytest.skip("this torch has no such reader")
    from safetensors.torch import load_file

    expected = load_file(tiny / "model.safetensors")
    found = {name: torch.zeros_like(tensor) for name, tensor in expected.items()}
    dcp.load(found, storage_reader=dcp.HuggingFaceStorageReader(str(compressed(tiny))), no_dist=True)
    assert same(found, expected)
    writer = dcp.HuggingFaceStorageWriter(str(tmp_path), enable_consolidation=True)
    dcp.save(dict(expected), storage_writer=writer, no_dist=True)
    zipnn.zipnn_unhook()
    written = {}
    for path in tmp_path.rglob("*.safetensors"):
        written.update(load_file(path))
    assert same(written, expected)


def _stand_in_for_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    """timm imports torchvision for pictures, which loading does not need."""

    class Kind(type):
        def __getattr__(cls, name: str) -> str:
            if name.startswith("__"):
                raise AttributeError(name)
            return name

    class Anything(ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return sys.modules.get(f"{self.__name__}.{name}") or Kind(name, (), {})

    for name in ("", ".transforms", ".transforms.functional", ".datasets", ".ops", ".ops.misc", ".models",
                 ".models.feature_extraction", ".datasets.folder"):  # fmt: skip
        module = Anything(f"torchvision{name}")
        module.__path__ = []
        monkeypatch.setitem(sys.modules, f"torchvision{name}", module)
    for name in [name for name in sys.modules if name.partition(".")[0] == "timm"]:
        monkeypatch.delitem(sys.modules, name)
