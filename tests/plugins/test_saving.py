# SPDX-License-Identifier: MIT
"""Saving compressed files and checkpoints (scenarios 57, 61, 64; codecs of arrays)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")
Same = Callable[[Any, Any], bool]


@pytest.mark.usefixtures("hooked")
def test_scenario_57_saving_a_model(sharded: Path, same: Same, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    import safetensors.torch

    original = safetensors.torch.serialize_file
    model = transformers.AutoModelForCausalLM.from_pretrained(sharded, dtype=torch.bfloat16)
    with zipnn.compress_on_save():
        model.save_pretrained(tmp_path / "small", max_shard_size="50KB")
    assert safetensors.torch.serialize_file is original
    plain = tmp_path / "plain"
    model.save_pretrained(plain, max_shard_size="50KB")
    files = sorted(plain.glob("*.safetensors"))
    assert len(files) > 1
    for file in files:
        small = tmp_path / "small" / file.name
        assert small.stat().st_size < file.stat().st_size
        zipnn.decompress_file(small, tmp_path / "restored", force=True)
        assert (tmp_path / "restored").read_bytes() == file.read_bytes()
    index = "model.safetensors.index.json"
    assert json.loads((tmp_path / "small" / index).read_text()) == json.loads((plain / index).read_text())
    assert same(transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "small"), model)


def test_scenario_57_an_error_inside() -> None:
    import safetensors.torch

    original = safetensors.torch.serialize_file

    def fail() -> None:
        assert safetensors.torch.serialize_file is not original
        raise KeyError

    with zipnn.compress_on_save(), pytest.raises(KeyError):
        fail()
    with pytest.raises(KeyError), zipnn.compress_on_save():
        fail()
    assert safetensors.torch.serialize_file is original


def items() -> dict[str, Any]:
    torch.manual_seed(6)
    return {
        "w": torch.randn(500, 300).to(torch.bfloat16),
        "nested": {"ids": torch.arange(9000), "f": torch.randn(100, 70)},
        "scalar": torch.tensor(2.5),
        "step": 7,
        "none": torch.empty(0),
    }


def blank() -> dict[str, Any]:
    state = items()
    state["nested"] = {name: torch.zeros_like(tensor) for name, tensor in state["nested"].items()}
    return {**state, "w": torch.zeros_like(state["w"]), "scalar": torch.tensor(0.0), "step": 0}


def same_items(left: dict[str, Any], right: dict[str, Any]) -> bool:
    flat = [{**state, **state["nested"]} for state in (left, right)]
    names = ("w", "ids", "f", "scalar", "none")
    return all(torch.equal(flat[0][name], flat[1][name]) for name in names) and left["step"] == right["step"]


def test_scenario_61_distributed_checkpoints(tmp_path: Path) -> None:
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.api import CheckpointException

    small, plain = tmp_path / "small", tmp_path / "plain"
    dcp.save(items(), storage_writer=zipnn.dcp.writer(small), no_dist=True)
    dcp.save(items(), storage_writer=dcp.FileSystemWriter(plain), no_dist=True)
    for folder in (small, plain):
        state = blank()
        dcp.load(state, storage_reader=zipnn.dcp.reader(folder), no_dist=True)
        assert same_items(state, items())
    sizes = [sum(path.stat().st_size for path in folder.iterdir()) for folder in (small, plain)]
    assert sizes[0] < 0.8 * sizes[1]
    with pytest.raises(CheckpointException, match="Unknown extension"):
        dcp.load(blank(), storage_reader=dcp.FileSystemReader(small), no_dist=True)


def test_scenario_61_a_damaged_checkpoint(tmp_path: Path) -> None:
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.api import CheckpointException

    dcp.save({"w": items()["w"]}, storage_writer=zipnn.dcp.writer(tmp_path), no_dist=True)
    (file,) = tmp_path.glob("*.distcp")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckpointException, match="checksum"):
        dcp.load({"w": blank()["w"]}, storage_reader=zipnn.dcp.reader(tmp_path), no_dist=True)


def test_scenario_64_lightning(tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning")
    from lightning.fabric.plugins import TorchCheckpointIO

    from zipnn.plugins.lightning import ZipnnCheckpointIO

    class Net(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(128, 128)

        def training_step(self, batch: Any, index: int) -> Any:
            return self.layer(batch[0]).square().mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters())

    data = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.randn(16, 128, generator=torch.Generator().manual_seed(1))), 4
    )

    def fit(net: Any, plugins: Any, epochs: int, **options: Any) -> Any:
        trainer = lightning.Trainer(
            plugins=plugins, max_epochs=epochs, accelerator="cpu", logger=False, default_root_dir=tmp_path,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(net, data, **options)
        return trainer

    torch.manual_seed(1)
    net = Net()
    trainer = fit(net, [ZipnnCheckpointIO()], 1)
    trainer.save_checkpoint(tmp_path / "small.ckpt")
    checkpoint = ZipnnCheckpointIO().load_checkpoint(tmp_path / "small.ckpt", weights_only=False)
    TorchCheckpointIO().save_checkpoint(checkpoint, tmp_path / "plain.ckpt")
    assert (tmp_path / "small.ckpt").stat().st_size < (tmp_path / "plain.ckpt").stat().st_size
    for name in ("small.ckpt", "plain.ckpt"):
        loaded = ZipnnCheckpointIO().load_checkpoint(tmp_path / name, weights_only=False)
        assert all(torch.equal(loaded["state_dict"][key], net.state_dict()[key]) for key in net.state_dict())
    further = Net()
    fit(further, [ZipnnCheckpointIO()], 2, ckpt_path=tmp_path / "small.ckpt")
    assert not torch.equal(further.layer.weight, net.layer.weight)
    assert not list(tmp_path.glob(".*incomplete"))


@pytest.mark.parametrize("dtype", ["float32", "int64", "bfloat16", "float8_e4m3fn"])
def test_numcodecs(dtype: str) -> None:
    numcodecs = pytest.importorskip("numcodecs")
    ml_dtypes = pytest.importorskip("ml_dtypes")

    kind = np.dtype(getattr(ml_dtypes, dtype, None) or dtype)
    array = (np.random.default_rng(1).standard_normal((300, 50)) * 9).astype(kind)
    codec = numcodecs.get_codec({"id": "zipnn", "dtype": dtype})
    encoded = codec.encode(array.view(np.uint8) if dtype.startswith(("b", "float8")) else array)
    assert len(encoded) < array.nbytes
    assert bytes(codec.decode(encoded)) == array.tobytes()
    out = np.empty_like(array.view(np.uint8))
    codec.decode(encoded, out)
    assert out.tobytes() == array.tobytes()
    assert numcodecs.get_codec(codec.get_config()) == codec


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8"])
def test_zarr(dtype: str, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")

    data = (np.random.default_rng(1).standard_normal((64, 50)) * 9).astype(dtype)
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=data.shape, chunks=(32, 50), dtype=dtype,
        compressors=[{"name": "zipnn", "configuration": {"level": "fast"}}],
    )  # fmt: skip
    array[:] = data
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "a.zarr")[:], data, strict=True)
    assert "zipnn" in (tmp_path / "a.zarr" / "zarr.json").read_text()
